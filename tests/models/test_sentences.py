"""Sentences as vectors, and the command that looks for the nearest line."""

import json

import numpy as np
import pytest

from tinygpt.cli import main
from tinygpt.models.bert import BERT, BertConfig
from tinygpt.models.sentences import SentenceEncoder

VOCAB = "[PAD] [UNK] [CLS] [SEP] [MASK] the cat dog sat ran on mat .".split()


@pytest.fixture
def folder(tmp_path):
    config = BertConfig(len(VOCAB), block_size=16, n_layer=2, n_head=2, n_embd=12, head="none")
    BERT(config, seed=3).save_pretrained(tmp_path / "bert")
    (tmp_path / "bert" / "vocab.txt").write_text("\n".join(VOCAB) + "\n", encoding="utf-8")
    return tmp_path / "bert"


def test_a_vector_is_the_mean_over_the_tokens_of_length_1(folder):
    encoder = SentenceEncoder.load(folder)
    texts = ["the cat sat", "the dog", "the cat sat on the mat . " * 5, ""]
    vectors = encoder.vectors(texts, quiet=True)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    for text, v in zip(texts, vectors, strict=True):  # alone, without padding
        ids = np.array([encoder.tokenizer.encode(text, longest=16)])
        mean = encoder.model.hidden(ids).numpy()[0].mean(axis=0)
        assert np.allclose(v, mean / np.linalg.norm(mean), atol=1e-5)


def test_the_nearest_line_is_the_sentence_itself(folder, tmp_path, capsys):
    file = tmp_path / "lines.txt"
    file.write_text("the dog ran\n\nthe cat sat\non the mat\n", encoding="utf-8")
    assert main(["similar", str(folder), "the cat sat", str(file), "--n", "2"]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first == " 1.000  line 3: the cat sat"
    assert float(second.split()[0]) <= 1


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (["bert", " ", "lines.txt"], "the sentence is empty"),
        (["bert", "a", "empty.txt"], "has no line with a text"),
        (["bert", "a", "none.txt"], "cannot read none.txt"),
        (["none", "a", "lines.txt"], "there is no model 'none'"),
        (["storyteller", "a", "lines.txt"], 'expected model_type "bert" or "roberta"'),
        (["bert", "a", "lines.txt", "--n", "0"], "expected n >= 1"),
        (["odd", "a", "lines.txt"], "makes a vector by"),
    ],
)
def test_what_is_wrong_is_said(folder, tmp_path, monkeypatch, capsys, line, says):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lines.txt").write_text("the cat\n", encoding="utf-8")
    (tmp_path / "empty.txt").write_text("\n", encoding="utf-8")
    BERT.from_pretrained(folder).save_pretrained("odd")
    (tmp_path / "odd" / "1_Pooling").mkdir()
    pooling = json.dumps({"pooling_mode_cls_token": True})
    (tmp_path / "odd" / "1_Pooling" / "config.json").write_text(pooling, encoding="utf-8")
    assert main(["similar", *line]) == 2
    assert says in capsys.readouterr().err
