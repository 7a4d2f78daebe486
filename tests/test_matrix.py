"""The matrix of bugs and checks: every bug noticed, healthy code left alone, the checks alive."""

import json
from pathlib import Path

import pytest

import tinygpt
from tests import matrix
from tinygpt.testing.bugs import BUGS, Bug, plant

EXPECTED = Path(__file__).parent / "recorded" / "matrix.json"


@pytest.mark.parametrize("kind", list(matrix.KINDS))
def test_no_kind_complains_about_healthy_code(kind):
    matrix.KINDS[kind]()
    assert kind not in {None, ""}


def test_the_text_of_every_bug_is_still_in_its_file():
    assert len(BUGS) >= 24
    assert len({b.name for b in BUGS}) == len(BUGS)
    for bug in BUGS:
        text = (Path(tinygpt.__file__).parent / bug.file).read_text(encoding="utf-8")
        assert text.count(bug.old) == bug.times, bug.name
        assert bug.new != bug.old
        assert bug.why


def test_a_bug_whose_text_is_gone_is_refused(tmp_path):
    (tmp_path / "file.py").write_text("x = 1\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"expected its text 1 time\(s\) in file.py, found it 0"):
        plant(Bug("gone", "file.py", "y = 1", "y = 2", "why"), tmp_path)


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("layer norm: the third term forgotten", {"gradient", "twins", "witness", "recorded"}),
        ("targets not shifted", {"data"}),
    ],
)
def test_two_bugs_are_noticed(name, kinds):
    """The whole machinery on two of them; all of them is the slow test below."""
    (bug,) = [b for b in BUGS if b.name == name]
    assert matrix.noticed_by(bug) >= kinds


# kind -> a bug that it notices, and a mutation of the check after which it no longer does
GRADCHECK = "tinygpt/autograd/gradcheck"
MUTATIONS = {
    "gradient": (
        "GELU: half of the slope",
        [(f"{GRADCHECK}/check.py", "if errors[worst] > tolerance:", "if False:"),
         (f"{GRADCHECK}/taylor.py", "if slope is None or slope >= SLOPE:", "if True:")],
    ),
    "adjoint": (
        "bias gradient of the first row alone",
        [(f"{GRADCHECK}/adjoint.py", "if not abs(left - right) <=", "if abs(left - right) <= -")],
    ),
    "reference": (
        "softmax over the queries",
        [("tests/matrix.py", "close(a.numpy(), b, rtol=1e-11", "close(b, b, rtol=1e-11")],
    ),
    "twins": (
        "GELU: half of the slope",
        [("tests/matrix.py", "close(a, b)", "close(a, a)")],
    ),
    "edges": (
        "hidden scores are -1e4",
        [("tests/matrix.py", ".ravel().tolist() == [1.0, 2.0]", ".ravel().tolist() != []")],
    ),
    "properties": (
        "dropout in eval mode too",
        [("tests/matrix.py", "assert np.array_equal(dropping(x).numpy(), before)", "dropping(x)")],
    ),
    "witness": (
        "last norm forgotten",
        [("tests/matrix.py", "ours.item()) < 1e-9", "ours.item()) < 1e9")],
    ),
    "recorded": (
        "weight decay on biases and norms",
        [("tests/matrix.py", "rtol=1e-4, atol=1e-6)", "rtol=1e2, atol=1e2)"),
         ("tests/matrix.py", '["losses"][step], rtol=1e-6)', '["losses"][step], rtol=1e2)'),
         ("tests/matrix.py", '["norms"][step], rtol=1e-5)', '["norms"][step], rtol=1e2)')],
    ),
    "overfitting": (
        "tied head without gradient",
        [("tests/matrix.py", "losses[-30:]) < 0.05", "losses[-30:]) < 100")],
    ),
    "steps": (
        "the cosine comes up again",
        [("tests/matrix.py", "close(rates, [0.5", "close([0.5, 1.0, 0.55, 0.1, 0.1], [0.5")],
    ),
    "data": (
        "the last window is never drawn",
        [("tests/matrix.py", "starts == {0, 1, 2, 3}", "starts <= {0, 1, 2, 3}")],
    ),
    "writing": (
        "temperature multiplies",
        [("tests/matrix.py", "close(probabilities(np.log(p)[None], temperature=0.5)[0], p**2",
          "close(p**2 / (p**2).sum(), p**2")],
    ),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("kind", list(matrix.KINDS))
def test_a_mutated_check_turns_the_matrix_red(kind):
    """Tolerance widened, comparison dropped or turned round: its column is not as recorded."""
    name, edits = MUTATIONS[kind]
    (bug,) = [b for b in BUGS if b.name == name]
    assert kind in json.loads(EXPECTED.read_text(encoding="utf-8"))[name]
    mutations = [Bug("mutation", *edit, "a check that checks less") for edit in edits]
    assert kind not in matrix.noticed_by(bug, mutations)


@pytest.mark.slow
def test_the_matrix():
    """As recorded: a check that was weakened or switched off changes its column.

    To record it anew: python -m tests.matrix --record
    """
    noticed = matrix.matrix()
    assert noticed[None] == set(), "a false alarm"
    assert all(kinds for name, kinds in noticed.items() if name)
    recorded = json.loads(EXPECTED.read_text(encoding="utf-8"))
    assert {name: sorted(kinds) for name, kinds in noticed.items() if name} == recorded
