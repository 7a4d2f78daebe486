"""Tasks from the command line: from a file to a chat, and what is said where something is wrong."""

import io
import json
import sys
from pathlib import Path

import numpy as np
import pytest

from tinygpt import GPT, GPTConfig
from tinygpt.cli import main
from tinygpt.models.growing import grown
from tinygpt.text.chat import tasks_of
from tinygpt.text.load import load_tokenizer

SMALL = (
    "--n-layer 1 --n-head 2 --n-embd 32 --batch-size 8 --workers 1 --warmup-steps 5 "
    "--learning-rate 0.003 --eval-steps 20"
).split()


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(path, *rows):
    Path(path).write_text("\n".join(rows) + "\n", encoding="utf-8")


def say(monkeypatch, *lines):
    monkeypatch.setattr(sys, "stdin", io.StringIO("\n".join(lines) + "\n\n"))


def newest():
    return max(Path("runs").iterdir(), key=lambda p: p.stat().st_mtime_ns)


PAIRS = [f"{a}{b}\t{b}{a}" for a in "abcdef" for b in "abcdef"]


def test_a_file_of_pairs_from_nothing_to_a_chat(here, monkeypatch, capsys):
    write("my.tsv", *PAIRS)
    line = ["train", "--task", "pairs", "my.tsv", *SMALL, "--max-steps", "150"]
    assert main(line) == 0
    out = capsys.readouterr().out
    assert "28 examples to learn from, 4 to choose the best model by, 4 to report on" in out
    assert "to try it: tinygpt chat runs" in out
    run = newest()
    assert run.name.startswith("my-")
    assert tasks_of(load_tokenizer(run)) == ["pairs"]
    template = json.loads((run / "tokenizer_config.json").read_text(encoding="utf-8"))
    assert "<|assistant|>" in template["chat_template"]

    assert main(["eval"]) == 0
    out = capsys.readouterr().out
    assert "on my, its test part: 4 examples" in out
    assert "exact match" in out and "without a model" in out
    assert main(["eval", "--part", "train"]) == 0
    assert "exact match     100.00 %" in capsys.readouterr().out

    assert main(["generate", str(run), "ab"]) == 0
    assert capsys.readouterr().out == "ba\n"
    for more in (["--temperature", "1"], ["--num-samples", "2"], ["--interactive"]):
        assert (
            main(["generate", str(run), *([] if "--interactive" in more else ["ab"]), *more]) == 2
        )
        assert f"leave --{more[0][2:]} out" in capsys.readouterr().err
    say(monkeypatch, "ab", "é", "cd", "/new", "ef")
    assert main(["chat"]) == 0
    out, err = capsys.readouterr()
    assert "(pairs), each question by itself. An empty line ends" in out
    assert [said for said in out.split("> ")[1:] if said] == ["ba\n", "dc\n", "fe\n"]
    assert "'é' at position 0 did not occur" in err

    (here / "elsewhere").mkdir()
    monkeypatch.chdir(here / "elsewhere")
    assert main(["eval", str(here / run)]) == 0
    capsys.readouterr()
    monkeypatch.chdir(here)

    write("other.tsv", "ab\tba", "fe\tef")
    assert main(["eval", str(run), "other.tsv"]) == 0
    assert "on other.tsv: 2 examples" in capsys.readouterr().out
    write("my.tsv", *PAIRS[:-1])  # what is held out now may have been trained on
    assert main(["eval", str(run)]) == 2
    assert "is not what it was" in capsys.readouterr().err


def test_it_goes_on_bit_for_bit(here, capsys):
    write("my.tsv", *PAIRS)
    line = ["train", "--task", "pairs", "my.tsv", *SMALL, "--max-steps"]
    assert main([*line, "40", "--save-steps", "20"]) == 0
    whole = newest()
    weights = (whole / "checkpoints/step-40/model.safetensors").read_bytes()
    assert main(["train", "--resume", str(whole / "checkpoints/step-20")]) == 0
    assert (whole / "checkpoints/step-40/model.safetensors").read_bytes() == weights
    write("my.tsv", *PAIRS, "aaa\tbbb")
    assert main(["train", "--resume", str(whole), "--max-steps", "50"]) == 2
    assert "is not what it was" in capsys.readouterr().err


def test_labels_by_a_head_and_written(here, capsys):
    texts = [(c, f"{c} {a}{b}") for c in "xy" for a in "abcde" for b in "abcde"]
    write("my.tsv", *(f"is {c}\t{text}" for c, text in texts))
    line = ["train", "--task", "labels", "my.tsv", *SMALL, "--max-steps", "80"]
    assert main([*line, "--head"]) == 0
    run = newest()
    capsys.readouterr()
    assert main(["eval"]) == 0
    out = capsys.readouterr().out
    assert "accuracy        100.00 %" in out and "macro F1" in out
    assert (run / "confusion.png").is_file()
    assert main(["generate", str(run), "x ab"]) == 0
    first = capsys.readouterr().out.splitlines()[0]
    assert first.endswith("is x")
    assert main(["chat", str(run)]) == 2
    assert "chooses a label, it does not talk" in capsys.readouterr().err
    write("odd.tsv", "is x\tx aa", "is z\tz aa")
    assert main(["eval", str(run), "odd.tsv"]) == 2
    assert "odd.tsv, line 2: the label 'is z' is none that this model" in capsys.readouterr().err

    assert main([*line[:-1], "300"]) == 0
    capsys.readouterr()
    assert main(["generate", str(newest()), "y ab"]) == 0
    assert capsys.readouterr().out == "is y\n"


def test_a_file_of_chats(here, monkeypatch, capsys):
    rows = [
        {"messages": [
            {"role": "user", "content": f"i am {a}"}, {"role": "assistant", "content": "ok"},
            {"role": "user", "content": "who"}, {"role": "assistant", "content": a},
        ]} for a in ["ab", "ba", "aab", "bba", "abb", "bab", "aba", "baa", "bb", "aa"]
    ]  # fmt: skip
    write("my.jsonl", *map(json.dumps, rows))
    assert main(["train", "--task", "dialogue", "my.jsonl", *SMALL, "--max-steps", "150"]) == 0
    capsys.readouterr()
    say(monkeypatch, "i am ba", "who")
    assert main(["chat"]) == 0
    out = capsys.readouterr().out
    assert out.count("> ok\n") == 1 and "it remembers 1 exchange before the question" in out


def test_a_trained_model_learns_a_task(here, capsys):
    write("text.txt", *["the cat sat on the mat and it was a fat cat"] * 40)
    size = ["--n-layer", "1", "--n-head", "2", "--n-embd", "16", "--workers", "1"]
    base = ["train", "text.txt", "--tokenizer", "char", *size, "--block-size", "32"]
    assert main([*base, "--max-steps", "20"]) == 0
    run = newest()
    write("my.tsv", *(f"{a}{b} at\t{b}{a}" for a in "cats" for b in "cats"))
    line = ["train", "--task", "pairs", "my.tsv", "--init", str(run), "--workers", "1"]
    assert main([*line, "--max-steps", "30"]) == 0
    model = GPT.from_pretrained(newest())
    assert model.config.vocab_size == GPT.from_pretrained(run).config.vocab_size + 4
    assert main(["eval"]) == 0
    capsys.readouterr()
    assert main([*line, "--max-steps", "30", "--lora-rank", "2"]) == 2
    assert "cannot be learned by adapters" in capsys.readouterr().err


def test_a_model_grows_by_new_tokens_alone():
    config = GPTConfig(vocab_size=7, block_size=6, n_layer=1, n_head=2, n_embd=8)
    for tied in (True, False):
        small = GPT(GPTConfig(**(vars(config) | {"tie_weights": tied})), seed=1)
        large = grown(small, 10)
        ids = np.array([[1, 2, 3]])
        assert np.allclose(large(ids).numpy()[..., :7], small(ids).numpy(), atol=1e-6)
        assert large.config.vocab_size == 10
        head = grown(small, 7, n_classes=3)
        assert head(ids).shape == (1, 3, 3)
        assert np.array_equal(head.h[0].attn.c_attn.weight.data, small.h[0].attn.c_attn.weight.data)


def gbk(path):
    Path(path).write_bytes(("天气\t好\n" * 30).encode("gbk"))


GOOD = [f"{a}{b}\tok" for a in "abcdef" for b in "abcdef"]


@pytest.mark.parametrize(
    ("rows", "line", "says"),
    [
        ([*GOOD, "x\t"], ["--task", "pairs", "my"], "my, line 37: the answer is empty"),
        ([*GOOD, "x"], ["--task", "pairs", "my"], "my, line 37: expected 2 columns"),
        (GOOD, ["--task", "questions", "my"], "my, line 1: expected 3 columns"),
        ([*GOOD, "x" * 99 + "\tok"], ["--task", "pairs", "my"], "my, line 37: 104 tokens are more"),
        (gbk, ["--task", "pairs", "my"], "my is not UTF-8 text"),
        (GOOD, ["--task", "labels", "my", "--head"], "my has 1 different prompts"),
        (GOOD, ["--task", "dialogue", "my"], "my, line 1: expected {\"messages\""),
        (GOOD, ["--task", "pairs", "none"], "there is no file none"),
        (GOOD, ["--task", "pairs"], "the task pairs needs a file"),
        (GOOD, ["--task", "poems"], "expected task to be one of"),
        (GOOD, ["--task", "translation", "my"], "makes its own examples"),
        (GOOD, ["--task", "pairs", "my", "--head"], "which pairs does not have"),
        (GOOD, ["--head"], "--head is for a --task"),
        (GOOD, ["my", "--n-classes", "3"], "leave --n-classes out"),
        (GOOD, ["--task", "pairs", "my", "--pattern", "x"], "expected pattern to be one of"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_before_anything_is_trained(here, capsys, rows, line, says):
    if callable(rows):
        rows("my")
    else:
        write("my", *rows)
    assert main(["train", *line, *SMALL, "--max-steps", "5"]) == 2
    err = capsys.readouterr().err
    assert says in err and err.count("\n") == 1
    assert not list(here.glob("runs/*/*.safetensors"))


def test_two_turns_of_one_speaker(here, capsys):
    two = [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}]
    write("my.jsonl", json.dumps({"messages": two}))
    assert main(["train", "--task", "dialogue", "my.jsonl"]) == 2
    assert "my.jsonl, line 1: message 2 should be the assistant's" in capsys.readouterr().err


def test_what_has_not_learned_to_answer_says_so(here, capsys):
    for line in (["chat", "storyteller"], ["generate", "storyteller", "a", "--task", "sums"]):
        assert main(line) == 2
        assert "has not learned to answer" in capsys.readouterr().err


def test_the_list_of_tasks(capsys):
    assert main(["tasks"]) == 0
    out = capsys.readouterr().out
    for name in ("package", "translation", "dialogue", "questions", "pairs", "labels", "all"):
        assert f"  {name} " in out
