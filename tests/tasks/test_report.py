"""The report: intervals and verdicts by hand, and what it refuses."""

import math

import numpy as np
import pytest

from tinygpt.cli import main
from tinygpt.tasks.corpus import task_corpus
from tinygpt.tasks.package import PACKAGES
from tinygpt.tasks.report.budget import shortened
from tinygpt.tasks.report.encoder import models
from tinygpt.tasks.report.pretraining import fewer, source_to_read
from tinygpt.tasks.report.tables import apart, half_width, interval, table, verdict
from tinygpt.text.bpe_tokenizer import BPETokenizer
from tinygpt.text.corpora import DataArguments


def test_an_interval_by_hand():
    """s = 1, n = 3: t is 4.303, so half the width is 4.303 / sqrt(3)."""
    assert half_width([1.0, 2.0, 3.0]) == pytest.approx(4.303 / math.sqrt(3))
    assert interval([1.0, 2.0, 3.0]) == "2.0 ± 2.5"
    assert interval([1.0]) == "1.0"
    assert math.isnan(half_width([1.0]))


def test_95_of_100_intervals_hold_the_truth():
    rng = np.random.default_rng(0)
    samples = rng.standard_normal((4000, 3))
    held = np.mean([abs(np.mean(s)) < half_width(s) for s in samples])
    assert 0.94 < held < 0.96


def test_a_verdict_says_no_more_than_the_numbers_allow():
    assert apart([10, 11, 12], [1, 2, 3])
    assert not apart([10, 1, 12], [1, 12, 3])
    assert "GPT is better than BERT, by 9.0" in verdict("x", "GPT", "BERT", [10, 11, 12], [1, 2, 3])
    assert "BERT is better than GPT" in verdict("x", "GPT", "BERT", [1, 2, 3], [10, 11, 12])
    assert "not told apart" in verdict("x", "GPT", "BERT", [10, 1, 12], [1, 12, 3])
    assert "not known" in verdict("x", "GPT", "BERT", [10], [1])


def test_a_table():
    assert table(["a", "b"], [["1", "2"]]) == "| a | b |\n| --- | --- |\n| 1 | 2 |"


def test_the_two_models_have_equally_many_parameters():
    tokenizer = BPETokenizer.train("a b c " * 50, 300, ["<|pad|>", "<|cls|>", "<|mask|>"])
    bert, gpt = models(tokenizer, seed=0).values()
    assert abs(bert.num_parameters() / gpt.num_parameters() - 1) < 0.01


def test_the_source_to_read_holds_nothing_of_the_test():
    corpus = task_corpus(DataArguments(corpus="", task="package"))
    source = source_to_read()
    found = sum(e.turns[0] in source for e in corpus.examples.test)
    assert found == 0
    assert len(source) > 1_000_000


def test_fewer_labels_are_as_many_of_each():
    corpus = task_corpus(DataArguments(corpus="", task="package", head=True))
    few = fewer(corpus, 10, seed=1)
    counts = [sum(e.answer == p for e in few.examples.train) for p in PACKAGES]
    assert counts == [10] * 10
    assert few.examples.test == corpus.examples.test
    assert few.examples.train != fewer(corpus, 10, seed=2).examples.train


def test_a_share_of_the_steps():
    short = shortened({"max_steps": 1000, "eval_steps": 250}, 0.01)
    assert (short["max_steps"], short["eval_steps"], short["warmup_steps"]) == (10, 5, 1)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (["--report", "no/such/folder/a.md"], "is no folder"),
        (["--report", "a.md", "--seeds", "0"], "expected seeds >= 1"),
        (["--report", "a.md", "--share", "2"], "0 < share <= 1"),
    ],
)
def test_what_cannot_be_is_said_at_once(tmp_path, monkeypatch, capsys, line, says):
    monkeypatch.chdir(tmp_path)
    assert main(["tasks", *line]) == 2
    assert says in capsys.readouterr().err
