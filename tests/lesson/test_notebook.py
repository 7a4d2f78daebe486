"""What a student calls: predict, check, hint, reveal, use, progress, show, swap."""

import json

import numpy as np
import pytest

from tinygpt import GPT, AdamW, GPTConfig, Tensor, op
from tinygpt.backend import array_module, to_device
from tinygpt.lesson import case, check, hint, notebook, predict, progress, reveal, show, swap, use
from tinygpt.lesson.exercises import loss as lesson05
from tinygpt.nn import attention, cross_entropy, gelu, layer_norm, softmax
from tinygpt.testing.strict_device import double


@pytest.fixture(autouse=True)
def fresh(tmp_path, monkeypatch):
    """A student who has done nothing, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(notebook, "_record", None)
    monkeypatch.setattr(notebook, "_keep", True)
    for name in ("_accepted", "_failed", "_refusals", "_hinted"):
        monkeypatch.setattr(notebook, name, {})


def test_check_of_a_right_answer(capsys):
    check("05.1", lesson05.softmax_answer)
    out = capsys.readouterr().out
    assert out.startswith("05.1: 9 of 9 points\nright\n✓ yes the shapes\n")
    assert use("05.1") is lesson05.softmax_answer
    assert "with your my_softmax" in capsys.readouterr().out


def test_check_of_a_wrong_answer_shows_the_first_failure_alone(capsys):
    check("05.1", lesson05.no_shift)
    out = capsys.readouterr().out
    assert out.startswith("05.1: 3 of 9 points\nRight for small numbers.")
    assert out.count("expected") == 1
    assert use("05.1") is lesson05.softmax_answer  # the right one, for the lesson goes on
    assert "with the library's answer, until yours is right" in capsys.readouterr().out


def test_check_of_nothing(capsys):
    check("05.1", lambda z: None)
    assert "not written yet" in capsys.readouterr().out
    assert notebook._read()["05.1"]["tries"] == 0


def test_an_answer_that_got_worse_is_not_used(capsys):
    check("05.1", lesson05.softmax_answer)
    check("05.1", lesson05.no_shift)
    use("05.1")
    out = capsys.readouterr().out
    assert out.endswith("with the library's answer, yours was right before: run its cell again\n")


def test_the_same_mistake_three_times_offers_help(capsys):
    for offered in ("", "", 'hint("05.1") gives a plan', 'hint("05.1") gives a plan'):
        check("05.1", lesson05.no_shift)
        out = capsys.readouterr().out
        assert offered in out and ("The same mistake" in out) == bool(offered)
    hint("05.1")
    assert "hint 1 of 2" in capsys.readouterr().out
    check("05.1", lesson05.no_shift)
    assert 'hint("05.1") gives nearly the answer' in capsys.readouterr().out
    hint("05.1")
    assert "hint 2 of 2" in capsys.readouterr().out
    check("05.1", lesson05.no_shift)
    assert 'reveal("05.1")' in capsys.readouterr().out
    check("05.1", lesson05.exp_forgotten)  # another mistake
    assert "The same mistake" not in capsys.readouterr().out


def test_the_same_numbers_by_other_mistakes_are_not_the_same_mistake(capsys):
    """Without a reason that is certain nothing is counted; and an hour later one begins anew."""
    for k in range(5):
        check("05.1", lambda z, k=k: np.abs(np.sin(z + k)).astype(z.dtype))
        assert "The same mistake" not in capsys.readouterr().out


def test_what_was_refused_hours_ago_does_not_count(capsys, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(notebook.time, "time", lambda: now[0])
    for _ in range(3):
        check("05.1", lesson05.no_shift)
        now[0] += 1900.0
    assert "The same mistake" not in capsys.readouterr().out


def test_hints_can_be_seen_again(capsys):
    hint("05.1")
    plan = capsys.readouterr().out
    hint("05.1")
    capsys.readouterr()
    hint("05.1", 1)
    assert plan.splitlines()[1] in capsys.readouterr().out
    notebook._hinted.clear()  # the next day
    hint("05.1")
    assert "hint 1 of 2" in capsys.readouterr().out


def test_every_way_to_call_check(capsys):
    def my_softmax(z):
        return lesson05.softmax_answer(z)

    for given in (("05.1", my_softmax), (my_softmax,), (5.1, my_softmax), (my_softmax, "05.1")):
        check(*given)
        assert capsys.readouterr().out.startswith("05.1: 9 of 9 points"), given
    space = {"check": check}
    with pytest.raises(ValueError, match="there is no my_softmax yet"):
        exec('check("05.1")', space)
    exec('my_softmax = lambda z: z\ncheck("05.1")', space)
    assert "of 9 points" in capsys.readouterr().out
    with pytest.raises(ValueError, match="which exercise is that"):
        check(lambda z: z)
    progress()
    assert capsys.readouterr().out.count("05.1") == 1  # one row, however it was called


def test_the_inputs_of_the_failing_case(capsys):
    with pytest.raises(ValueError, match="nothing was wrong yet"):
        case("05.1")
    check("05.1", lesson05.no_shift)
    z = case("05.1")
    assert z.max() >= 1e4 and "scores of 10000" in capsys.readouterr().out
    z[...] = 0  # a copy: the exercise keeps its own
    assert case("05.1").max() >= 1e4
    check("13.2", lambda w, g, m, v, t, lr, *rest: w.__imul__(0.9))
    assert len(case("13.2")) == 8  # with lr, betas, eps and decay
    assert "lr" in capsys.readouterr().out


def test_what_an_answer_prints_is_shown_once_and_shortly(capsys):
    def noisy(z):
        for _ in range(10_000):
            print("z is", z)
        return z

    check("05.1", noisy)
    out = capsys.readouterr().out
    assert out.count("your function printed: z is") == 1 and len(out) < 2000


def test_reveal_shows_an_answer_that_runs_and_the_library(capsys):
    reveal("05.1")
    out = capsys.readouterr().out
    assert "    e = np.exp(z" in out and "tinygpt/nn/softmax.py" in out
    progress()
    assert "revealed" not in capsys.readouterr().out  # nothing was tried


@pytest.mark.parametrize(
    ("guess", "truth", "verdict"),
    [
        (8, 7.97, "right"), (7, 8.5, "close"), (64, 7.97, "not what happens"),
        ("yes", "Yes", "right"), ("0", 0.0, "right"), ("many", 3.0, "not what happens"),
        ((3, 5), (3, 5), "right"), (True, False, "not what happens"), (0, 0.0, "right"),
        (1e-3, 0.0, "not what happens"), (100, "100", "right"), (10, "100", "not what happens"),
    ],
)  # fmt: skip
def test_a_guess_beside_the_truth(capsys, guess, truth, verdict):
    predict("99.P2", guess, lambda: truth)
    out = capsys.readouterr().out
    assert out.startswith("99.P2\nyou said") and verdict in out


@pytest.mark.parametrize("typed", ["1/16", "1 / 16", "6.25%", "6.25 %", "0.0625", ".0625"])
def test_a_share_may_be_typed_as_a_fraction_or_in_percent(capsys, typed):
    predict("own", typed, lambda: 0.0625)
    assert capsys.readouterr().out.startswith("own\nyou said 0.0625, it is 0.0625: right.")


def test_without_a_guess_the_truth_is_not_told(capsys):
    predict("99.P2", None, lambda: pytest.fail("not before there is a guess"))
    assert "no guess yet" in capsys.readouterr().out


def test_progress_is_kept_on_disk(tmp_path, capsys):
    progress()
    assert "nothing tried yet" in capsys.readouterr().out
    check("05.1", lesson05.no_shift)
    check("05.1", lesson05.softmax_answer)
    predict("99.P1", 3, lambda: 3)
    notebook._record = None  # a new kernel
    capsys.readouterr()
    progress()
    out = capsys.readouterr().out
    assert "9/9" in out and "guessed 3" in out
    kept = json.loads((tmp_path / "progress.json").read_text(encoding="utf-8"))
    assert kept["05.1"]["refused"] == ["no_shift"]


def test_a_progress_file_that_is_broken(tmp_path, capsys):
    (tmp_path / "progress.json").write_text("{", encoding="utf-8")
    check("05.1", lesson05.softmax_answer)
    assert "begun anew" in capsys.readouterr().out


def test_a_folder_that_cannot_be_written(monkeypatch, capsys):
    def full(*_):
        raise OSError("No space left on device")

    monkeypatch.setattr(notebook, "write_text", full)
    check("05.1", lesson05.softmax_answer)
    check("05.1", lesson05.softmax_answer)
    assert capsys.readouterr().out.count("progress is not kept") == 1


# ------------------------------------------------------------------------------------------ show


def test_show_has_the_plain_form_then_the_derivation_then_the_op(capsys):
    show(layer_norm)
    out = capsys.readouterr().out
    places = [out.index(w) for w in ("def layer_norm_plain", "# Why the gradient", "@op\ndef lay")]
    assert places == sorted(places)
    show(AdamW)
    out = capsys.readouterr().out
    assert out.index("def adamw_plain") < out.index("class AdamW(Adam)")


def test_show_has_the_plain_twin_first(capsys):
    show(attention)
    out = capsys.readouterr().out
    assert out.index("def attention_plain") < out.index("def attention(\n")
    assert out.startswith("tinygpt/nn/attention.py, line ")


def test_show_without_a_twin(capsys):
    show(softmax)
    assert capsys.readouterr().out.count("def softmax") == 1


def test_show_of_what_was_not_read_from_a_file(capsys):
    space = {"op": op}
    exec("@op\ndef f(x, /): return x * x, lambda dy: 2 * x * dy", space)
    show(space["f"])
    show(len)
    assert capsys.readouterr().out.count("no source: ") == 2


# ------------------------------------------------------------------------------------------ swap


def tiny():
    model = GPT(GPTConfig(11, block_size=8, n_layer=2, n_head=2, n_embd=12))
    ids = np.arange(16).reshape(2, 8) % 11
    return lambda: model.loss(ids, ids)


def test_swap_runs_yours_in_the_real_model(capsys):
    def doubled(logits, targets):
        loss, backward = cross_entropy_itself(logits, targets)
        return 2 * loss, lambda dy: backward(2 * dy)

    loss, cross_entropy_itself = tiny(), cross_entropy.function
    before = loss().item()
    with swap(cross_entropy, doubled):
        assert loss().item() == pytest.approx(2 * before)
    assert loss().item() == before


def test_swap_counts_and_compares(capsys):
    x = Tensor(np.ones((3, 5)))

    def mine(z):
        y = lesson05.softmax_answer(z)
        return y + 2e-7, lambda dy: dy

    with swap(softmax, mine):
        for _ in range(80):
            softmax(x)
    assert capsys.readouterr().out == (
        "softmax: mine ran 80 times; largest difference from the library's output on the first "
        "call 2e-07\n"
    )


def test_swap_compares_on_a_device_too(capsys):
    def mine(z):
        y = array_module(z).exp(z - z.max(axis=-1, keepdims=True))
        return y / y.sum(axis=-1, keepdims=True), lambda dy: dy

    with double(), swap(softmax, mine):
        softmax(to_device(np.ones((3, 5)), "gpu"))
    assert "softmax: mine ran once; largest difference" in capsys.readouterr().out


def test_swap_takes_an_op_too(capsys):
    def my_gelu(x):
        return x, lambda dy: dy

    with swap(gelu, op(my_gelu)):
        tiny()()
    assert "gelu: my_gelu ran 2 times" in capsys.readouterr().out


def test_swap_leaves_out_what_has_its_default():
    def mine(q, k, v):
        return np.zeros_like(q), lambda dy: (dy, dy, dy)

    q = Tensor(np.ones((1, 1, 2, 3)))
    with swap(attention, mine):
        attention(q, q, q, causal=True, p=0.0)
        with pytest.raises(TypeError, match="causal=False, and your mine has no such setting"):
            attention(q, q, q, causal=False)


def test_swap_is_undone_after_an_error():
    library = gelu.function
    with pytest.raises(ZeroDivisionError), swap(gelu, lambda x: (x, lambda dy: dy)):
        raise ZeroDivisionError
    assert gelu.function is library


def test_swap_shows_the_students_own_error():
    def broken(x):
        raise KeyError("mine")

    library = gelu.function
    with pytest.raises(KeyError, match="mine"), swap(gelu, broken):
        tiny()()
    assert gelu.function is library


def test_swap_that_was_never_called():
    library = gelu.function
    never = pytest.raises(RuntimeError, match="gelu was never called")
    with never, swap(gelu, lambda x: (x, lambda dy: dy)):
        pass
    assert gelu.function is library


def test_swap_of_something_else():
    no_op = pytest.raises(TypeError, match="an op of the library, got function")
    with no_op, swap(lambda x: x, lambda x: x):
        pass


def test_swap_without_with_says_that_it_did_nothing(capsys):
    swap(gelu, lambda x: (x, lambda dy: dy))
    assert "write `with swap(...):`" in capsys.readouterr().out
