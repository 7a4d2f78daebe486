"""Tokenizers: any text comes back, the merges are the ones of the written rule."""

import importlib.util
import json
import os
import random
import tracemalloc
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st

from tinygpt.text import BPETokenizer, ByteTokenizer, CharTokenizer, load_tokenizer
from tinygpt.text.bpe import (
    apply_merges_plain,
    decode_plain,
    encode_plain,
    learn_merges_plain,
    merge,
)
from tinygpt.text.bpe_fast import learn_merges, merged_by_heap
from tinygpt.text.bpe_tokenizer import PATTERNS
from tinygpt.text.reading import chunks

TEXT = (
    "The quick brown fox doesn't jump over the lazy dogs; they're 12345 metres away.\n\n"
    "  def f(x):\n\treturn x ** 2   # Schöne Grüße, 天地玄黃, 👩‍👩‍👧 and \x00\x7f bytes\r\n"
    * 20
    + "<|end>"
)
BPE = BPETokenizer.train(TEXT, 400)
END = "<|endoftext|>"
CHAR = CharTokenizer.train(TEXT)
ALL = [BPE, ByteTokenizer(), CHAR, BPETokenizer.train(TEXT, 400, [END, "<|pad|>"]),
       CharTokenizer.train(TEXT, special_tokens=[END]), ByteTokenizer((), [END])]  # fmt: skip


def pieces_of(tokenizer, text):
    return [tokenizer.decode([i]) for i in tokenizer.encode(text)]


@pytest.mark.parametrize("tokenizer", [BPE, ByteTokenizer()])
@given(st.text())
@settings(max_examples=200, derandomize=True, deadline=None)
def test_any_text_comes_back(tokenizer, text):
    ids = tokenizer.encode(text)
    assert tokenizer.decode(ids) == text
    assert all(0 <= i < tokenizer.vocab_size for i in ids)
    assert b"".join(tokenizer.token_bytes(i) for i in ids) == text.encode("utf-8")


def test_runs_of_one_letter():
    """T1"""
    tokenizer = BPETokenizer.train("aaaaa", 257)
    assert pieces_of(tokenizer, "aaaaa") == ["aa", "aa", "a"]
    tokenizer = BPETokenizer.train("aaa aaa bc bc bc", 258)
    assert tokenizer.merges[0] == (ord("a"), ord("a"))
    counts = {(32, ord("b")): 3, (ord("b"), ord("c")): 3}
    assert tokenizer.merges[1] == min(counts)
    assert merge([1, 1, 1, 1, 1], (1, 1), 9) == [9, 9, 1]


def test_the_merge_that_was_learned_first_comes_first():
    """T2"""

    def tokenizer(*pairs):
        merges, names = [], {bytes([b]): b for b in range(256)}
        for i, (a, b) in enumerate(pairs):
            merges.append((names[a], names[b]))
            names[a + b] = 256 + i
        return BPETokenizer(merges)

    ug_first = tokenizer((b"u", b"g"), (b"h", b"u"), (b"t", b"h"))
    assert pieces_of(ug_first, "thug") == ["th", "ug"]
    hu_first = tokenizer((b"h", b"u"), (b"u", b"g"), (b"t", b"h"))
    assert pieces_of(hu_first, "thug") == ["t", "hu", "g"]


def test_ties_go_to_the_smallest_pair_of_ids():
    """T4"""
    expected = [tuple(map(ord, pair)) for pair in ("cc", "dd", "aa", "bb")]
    for _ in range(2):
        assert BPETokenizer.train("bbbaaaddddcccc", 260).merges == expected


@given(st.text(alphabet="ab c\n", max_size=60))
@settings(max_examples=200, derandomize=True, deadline=None)
def test_fast_training_learns_the_merges_of_the_plain_rule(text):
    fast = BPETokenizer.train(text, 256 + 12).merges
    assert fast == learn_merges_plain(Counter(BPE.pieces.findall(text)), 12)


def test_fast_training_on_prose():
    assert BPE.merges == learn_merges_plain(Counter(BPE.pieces.findall(TEXT)), 144)


@given(st.text(alphabet="abc天", min_size=1, max_size=200), st.integers(1, 3))
@settings(max_examples=300, derandomize=True, deadline=None)
def test_fast_training_on_one_piece(text, times):
    """No blank anywhere: Chinese, DNA, one line of JSON. The merges interlock in every way."""
    pieces = {text: times, text[::-1]: 2, "": 1}
    assert learn_merges(pieces, 40) == learn_merges_plain(pieces, 40)


def test_the_plain_rule_alone_is_a_tokenizer():
    """The example of bpe.py, and what BPETokenizer gives where nothing is cut."""
    merges = learn_merges_plain({"low": 1, "lower": 1}, 2)
    assert merges == [(108, 111), (256, 119)]
    assert encode_plain("lower", merges) == [257, 101, 114]
    assert decode_plain([257, 101, 114], merges) == "lower"
    whole, text = BPETokenizer.train(TEXT, 300, pattern="none"), TEXT[:400]
    assert encode_plain(text, whole.merges) == whole.encode(text)
    assert decode_plain(encode_plain(text, whole.merges), whole.merges) == text


def test_a_long_piece_costs_no_more_than_its_tokens(monkeypatch):
    """It was quadratic: 20 kB took 10.9 s. Counted is what NumPy is given to look at."""
    looked = []
    unique = np.unique
    monkeypatch.setattr(np, "unique", lambda a, **k: looked.append(len(a)) or unique(a, **k))
    work = []
    for n in (5_000, 20_000):
        looked.clear()
        text = "".join(random.Random(0).choices("ACGT", k=n))
        assert len(learn_merges({text: 1}, 400)) == 400
        work.append(sum(looked))
    assert work[1] < 6 * work[0]  # four times the text


def test_ties_by_bytes():
    """CS336's rule: of equally frequent pairs the one whose bytes come last in the alphabet."""
    merges = BPETokenizer.train("bbbaaaddddcccc", 260, ties="bytes").merges
    assert [chr(a) + chr(b) for a, b in merges[:2]] == ["dd", "cc"]


def test_training_on_parts_and_on_a_file(tmp_path):
    """The same merges, whether the text comes whole, in parts or from a file, with no more in
    memory than a part and the pieces."""
    path = tmp_path / "t.txt"
    path.write_bytes(TEXT.encode())
    lines = TEXT.splitlines(keepends=True)
    for text in (path, [TEXT], iter([TEXT])):
        assert BPETokenizer.train(text, 400).merges == BPE.merges
    with open(path, encoding="utf-8", newline="") as file:
        by_line = BPETokenizer.train(file, 400)
    assert by_line.merges == BPETokenizer.train(lines, 400).merges
    assert CharTokenizer.train(path).characters == CHAR.characters


def test_training_holds_no_more_than_the_pieces(tmp_path):
    path = tmp_path / "t.txt"
    path.write_bytes(b"one two three four five six seven eight\n" * 100_000)  # 4 MB
    tracemalloc.start()
    BPETokenizer.train(chunks(path, size=1 << 14), 300)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000


@pytest.mark.parametrize("pattern", list(PATTERNS))
def test_every_pattern_takes_the_whole_text_and_comes_back_from_disk(tmp_path, pattern):
    tokenizer = BPETokenizer.train(TEXT, 400, [END], pattern=pattern)
    for text in (TEXT, *HARD.values(), mixed(2000)):
        assert "".join(tokenizer.pieces.findall(text)) == text
        assert tokenizer.decode(tokenizer.encode(text)) == text
    tokenizer.save(tmp_path)
    again = load_tokenizer(tmp_path)
    assert PATTERNS[again.pattern] == PATTERNS[pattern]
    assert again.encode(TEXT) == tokenizer.encode(TEXT)


def test_patterns_cut_as_they_are_known_to():
    def cut(name, text):
        return BPETokenizer((), pattern=name).pieces.findall(text)

    text = "I'LL pay 12345 now.\n\nOK/no HelloWorld"
    assert cut("gpt2", text) == ["I", "'", "LL", " pay", " 12345", " now", ".", "\n", "\n", "OK",
                                 "/", "no", " HelloWorld"]  # fmt: skip
    assert cut("gpt4", text) == ["I", "'LL", " pay", " ", "123", "45", " now", ".\n\n", "OK", "/no",
                                 " HelloWorld"]  # fmt: skip
    assert cut("o200k", text) == ["I'LL", " pay", " ", "123", "45", " now", ".\n\n", "OK", "/no",
                                  " Hello", "World"]  # fmt: skip
    assert cut("none", text) == [text]


@pytest.mark.parametrize("ids", [(0, 1), (0, 371), (450, 380), (370, 371), (5, 300)])
def test_special_tokens_may_stand_anywhere(tmp_path, ids):
    tokenizer = BPETokenizer(BPE.merges, dict(zip([END, "<|pad|>"], ids, strict=True)))
    assert tokenizer.special_tokens == {END: ids[0], "<|pad|>": ids[1]}
    assert tokenizer.vocab_size == max(BPE.vocab_size + 2, max(ids) + 1)
    both = f"the fox{END}the dog"
    assert tokenizer.encode(both, allow_special=True).count(ids[0]) == 1
    assert tokenizer.decode(tokenizer.encode(both, True)) == both
    assert not set(tokenizer.encode(TEXT)) & set(ids)
    assert pieces_of(tokenizer, TEXT[:200]) == pieces_of(BPE, TEXT[:200])
    gaps = tokenizer.missing_ids(tokenizer.vocab_size + 2)
    assert len(gaps) == tokenizer.vocab_size - BPE.vocab_size
    with pytest.raises(ValueError, match=r"no token: the vocabulary has a gap|outside"):
        tokenizer.token_bytes(gaps[0])
    tokenizer.save(tmp_path)
    assert load_tokenizer(tmp_path).encode(both, True) == tokenizer.encode(both, True)
    tokenizers = pytest.importorskip("tokenizers")
    theirs = tokenizers.Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    assert theirs.encode(both).ids == tokenizer.encode(both, True)


@pytest.mark.parametrize("special", [{END: -1}, {END: 3, "<|pad|>": 3}])
def test_special_ids_that_cannot_be(special):
    with pytest.raises(ValueError, match="a different id >= 0"):
        BPETokenizer((), special)


def test_a_part_of_the_special_tokens_may_be_allowed():
    tokenizer = BPETokenizer.train(TEXT, 400, [END, "<|pad|>"])
    ids = tokenizer.encode(f"a{END}<|pad|>", allow_special=["<|pad|>"])
    assert tokenizer.special_tokens["<|pad|>"] in ids
    assert tokenizer.special_tokens[END] not in ids
    with pytest.raises(ValueError, match="no special tokens here"):
        tokenizer.encode("a", allow_special=["<|nonsense|>"])


def test_tokens_by_their_bytes():
    assert BPE.id_of("a") == 97 and BPE.id_of(BPE.token_bytes(300)) == 300
    assert BPE.decode_bytes([229, 164]) == b"\xe5\xa4"
    with pytest.raises(ValueError, match="no token of this vocabulary"):
        BPE.id_of("nothing like this")


@pytest.mark.parametrize("tokenizer", [BPE, ByteTokenizer()])
def test_half_a_surrogate_pair(tokenizer):
    assert tokenizer.decode(tokenizer.encode("a\ud83db")) == "a\ufffdb"


def test_no_token_reaches_over_a_cut():
    for i in range(256, BPE.vocab_size):
        token = BPE.token_bytes(i).decode("utf-8", errors="ignore")
        assert " " not in token[1:] or token.isspace()


def test_too_small_a_text_learns_fewer_merges():
    assert BPETokenizer.train("ab", 300).vocab_size == 257
    assert BPETokenizer.train("", 300).vocab_size == 256


def test_bytes():
    assert ByteTokenizer().encode("aé天") == [97, 195, 169, 229, 164, 169]
    assert ByteTokenizer().vocab_size == 256


def test_characters():
    """Code points in order, then one id for all that the text did not have."""
    tokenizer = CharTokenizer.train("hello 天")
    assert tokenizer.characters == [" ", "e", "h", "l", "o", "天"]
    assert tokenizer.encode("天ho") == [5, 2, 4]
    assert (tokenizer.vocab_size, tokenizer.unknown_id) == (7, 6)
    assert tokenizer.encode_corpus("hxl").tolist() == [2, 6, 3]
    assert tokenizer.decode([2, 6, 3]) == "h\ufffdl"
    assert tokenizer.token_bytes(5) == "天".encode()


@pytest.mark.parametrize("tokenizer", [t for t in ALL if t.special_tokens])
def test_special_tokens_stand_at_the_end_and_are_asked_for(tokenizer):
    n = len(tokenizer.special_tokens)
    assert list(tokenizer.special_tokens.values()) == list(
        range(tokenizer.vocab_size - n, tokenizer.vocab_size)
    )
    text = f"the {END}{END}lazy"
    end = tokenizer.special_tokens[END]
    plain, special = tokenizer.encode(text), tokenizer.encode(text, allow_special=True)
    assert end not in plain  # a stranger's text cannot forge one
    assert special.count(end) == 2
    assert tokenizer.decode(plain) == tokenizer.decode(special) == text
    assert tokenizer.encode("", allow_special=True) == []
    if tokenizer.unknown_id is not None:
        with pytest.raises(ValueError, match=f"at position {4 + len(END)} did not occur"):
            tokenizer.encode(f"the {END}\u2603", allow_special=True)


def test_no_merge_is_learned_from_a_special_token():
    tokenizer = BPETokenizer.train(f"a{END}" * 50, 300, [END])
    assert tokenizer.merges == []
    assert BPETokenizer.train(f"a{END}" * 50, 300).merges


def test_half_a_character_is_marked():
    assert ByteTokenizer().decode([229, 164]) == "\ufffd"


@pytest.mark.parametrize(
    ("action", "message"),
    [
        (lambda: BPETokenizer.train("x", 255), "vocab_size >= 256"),
        (lambda: BPETokenizer.train("x", 257, [END, "<|pad|>"]), "vocab_size >= 258"),
        (lambda: ByteTokenizer.train("x", 300), "256 tokens, got vocab_size=300"),
        (lambda: ByteTokenizer.train("x", 256, [END]), "257 tokens, got vocab_size=256"),
        (lambda: CharTokenizer.train("xyz", 3), "3 different characters, .* 4 tokens, got .*=3"),
        (lambda: CharTokenizer(["a", "a"]), "different single characters"),
        (lambda: CHAR.encode("the \u2603!"), r"character '\u2603' at position 4 did not occur"),
        (lambda: ByteTokenizer((), ["two words"]), "without blanks, got 'two words'"),
        (lambda: ByteTokenizer((), [""]), "without blanks, got ''"),
        (lambda: ByteTokenizer((), [END, END]), "different special tokens"),
        (lambda: ByteTokenizer([(1, 2)]), "merges nothing, got 1"),
        (lambda: BPE.decode([9999]), "id 9999 is outside the vocabulary of "),
        (lambda: BPE.token_bytes(-1), "id -1"),
    ],
)
def test_refusals(action, message):
    with pytest.raises(ValueError, match=message):
        action()


# --------------------------------------------------------------------------------------- files


@pytest.mark.parametrize("tokenizer", ALL)
def test_saved_and_loaded(tmp_path, tokenizer):
    tokenizer.save(tmp_path)
    assert sorted(os.listdir(tmp_path)) == ["tokenizer.json", "tokenizer_config.json"]
    again = load_tokenizer(tmp_path)
    assert type(again) is type(tokenizer)
    assert again.encode(TEXT) == tokenizer.encode(TEXT)
    assert again.special_tokens == tokenizer.special_tokens
    assert again.unknown_id == tokenizer.unknown_id
    assert type(tokenizer).load(tmp_path / "tokenizer.json").vocab_size == tokenizer.vocab_size


def test_the_file_is_hugging_faces(tmp_path):
    """The names of the tokens are GPT-2's: a space is U+0120."""
    BPE.save(tmp_path)
    content = json.loads((tmp_path / "tokenizer.json").read_text(encoding="utf-8"))
    assert content["model"]["type"] == "BPE"
    assert content["pre_tokenizer"]["type"] == content["decoder"]["type"] == "ByteLevel"
    assert content["model"]["vocab"]["\u0120the"] == BPE.encode(" the")[0]


@pytest.mark.parametrize("tokenizer", ALL)
def test_hugging_faces_library_reads_it(tmp_path, tokenizer):
    tokenizers = pytest.importorskip("tokenizers")
    tokenizer.save(tmp_path)
    theirs = tokenizers.Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    text = TEXT
    if tokenizer.unknown_id is None:
        text += " and words that were never seen: Übermut, 9876543210 !?!"
    assert theirs.encode(text).ids == tokenizer.encode(text)
    assert theirs.decode(tokenizer.encode(text)) == text
    if tokenizer.special_tokens:
        both = f"the fox{END}the dog"
        assert theirs.encode(both).ids == tokenizer.encode(both, allow_special=True)


def spoil(folder, change):
    path = folder / "tokenizer.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    change(content)
    path.write_text(json.dumps(content), encoding="utf-8")


@pytest.mark.parametrize(
    "change",
    [
        lambda c: c["model"]["merges"].pop(),
        lambda c: c["model"]["merges"].reverse(),
        lambda c: c["model"]["merges"].append(["x", "not there"]),
        lambda c: c["model"]["vocab"].pop("a"),
        lambda c: c["model"]["vocab"].update(a=5),
        lambda c: c["model"].pop("vocab"),
        lambda c: c["model"].update(merges=[["a"]]),
        lambda c: c["added_tokens"].append({"id": 5, "content": END}),
        lambda c: c.update(added_tokens=[{"content": END}]),
    ],
)
def test_altered_files_are_refused(tmp_path, change):
    BPE.save(tmp_path)
    spoil(tmp_path, change)
    with pytest.raises(ValueError, match=r"tokenizer\.json is cut short or no tokenizer"):
        load_tokenizer(tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        lambda c: c["model"]["vocab"].pop("a"),
        lambda c: c["model"]["vocab"].update(a=0),
        lambda c: c["model"]["vocab"].update(ab=len(c["model"]["vocab"])),
        lambda c: c["model"]["vocab"].pop("<|unknown|>"),
        lambda c: c["model"].pop("vocab"),
        lambda c: c["model"].update(vocab=[1, 2]),
    ],
)
def test_altered_files_of_characters_are_refused(tmp_path, change):
    CHAR.save(tmp_path)
    spoil(tmp_path, change)
    with pytest.raises(ValueError, match=r"tokenizer\.json is cut short or no tokenizer"):
        load_tokenizer(tmp_path)


@pytest.mark.parametrize("content", ["[]", "{}", '{"model": 3}', "[" * 100_000])
def test_files_that_are_something_else(tmp_path, content):
    (tmp_path / "tokenizer.json").write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match="no tokenizer of tinygpt"):
        load_tokenizer(tmp_path)


def test_missing_and_cut_files_are_refused(tmp_path):
    with pytest.raises(ValueError, match="there is no tokenizer at"):
        load_tokenizer(tmp_path)
    BPE.save(tmp_path)
    os.truncate(tmp_path / "tokenizer.json", 1000)
    with pytest.raises(ValueError, match="cut short"):
        load_tokenizer(tmp_path)


# --------------------------------------------------------------------------- GPT-2's own files

HARD = {
    "code": "def f(x):\n\treturn {k: v for k, v in x.items()}  # don't, I'LL\n" * 20,
    "chinese": "天地玄黄宇宙洪荒，日月盈昃。" * 200,
    "emoji": "👩‍👩‍👧‍👦 👍🏽 🇨🇳 e\u0301 ✌️ " * 40,
    "spaces": " " * 5000 + "x" + " " * 4999 + "\n" * 300 + "\t" * 500,
    "control": "".join(map(chr, range(32))) * 20 + "\x7f\x85\xa0\u2028\ufeff",
    "special": f"a{END}b",
}


def mixed(n, seed=0):
    """Characters of many kinds in any order."""
    draw = random.Random(seed)
    kinds = [(32, 127), (0x4E00, 0x9FFF), (0, 32), (0x1F600, 0x1F640), (0x200D, 0x200E),
             (0xFE0F, 0xFE10), (32, 33), (0x3B1, 0x3C9), (0x621, 0x64A)]  # fmt: skip
    return "".join(chr(draw.randrange(*draw.choice(kinds))) for _ in range(n))


def write_gpt2_files(folder, tokenizer, names=("vocab.json", "merges.txt")):
    """The same merges as GPT-2 keeps them: bytes that can be printed first, then the others."""
    content = tokenizer._content()["model"]
    spelled = [None] * len(content["vocab"])
    for name, i in content["vocab"].items():
        spelled[i] = name
    bytes_first = sorted(spelled[:256])
    vocab = {name: i for i, name in enumerate([*bytes_first, *spelled[256:], END])}
    lines = ["#version: 0.2", *(f"{a} {b}" for a, b in content["merges"]), ""]
    (folder / names[0]).write_text(json.dumps(vocab), encoding="utf-8")
    (folder / names[1]).write_text("\n".join(lines), encoding="utf-8")
    return vocab


@pytest.mark.parametrize("names", [("vocab.json", "merges.txt"), ("encoder.json", "vocab.bpe")])
def test_gpt2s_two_files(tmp_path, names):
    vocab = write_gpt2_files(tmp_path, BPE, names)
    loaded = load_tokenizer(tmp_path)
    assert loaded.special_tokens == {END: BPE.vocab_size}
    assert loaded.vocab_size == len(vocab) == BPE.vocab_size + 1
    assert loaded.encode("!") == [0] and loaded.encode(" ") == [220]  # as in GPT-2
    for file in names:
        assert BPETokenizer.load(tmp_path / file).merges == loaded.merges
    for text in (*HARD.values(), TEXT, mixed(3000)):
        ids = loaded.encode(text)
        assert [loaded.token_bytes(i) for i in ids] == [
            BPE.token_bytes(i) for i in BPE.encode(text)
        ]
        assert loaded.decode(ids) == text
    assert loaded.encode(f"a{END}b", allow_special=True) == [vocab["a"], vocab[END], vocab["b"]]
    loaded.save(tmp_path)
    again = load_tokenizer(tmp_path)  # now from tokenizer.json, which also has the order
    assert again.encode(TEXT) == loaded.encode(TEXT)


@given(st.text("ab c", max_size=400))
@settings(max_examples=100, derandomize=True, deadline=None)
def test_by_heap_the_same_merges(text):
    ids = list(text.encode("utf-8"))
    expected = [*ids]
    while len(expected) > 1:
        ranked = [BPE.ranks.get(p, 10**9) for p in pairwise(expected)]
        if min(ranked) == 10**9:
            break
        pair = BPE.merges[min(ranked)]
        expected = merge(expected, pair, 256 + min(ranked))
    assert merged_by_heap(ids, BPE.ranks) == apply_merges_plain(ids, BPE.ranks) == expected


def test_a_piece_without_end():
    """Quadratic it would take minutes."""
    tokenizer = BPETokenizer.train("a" * 64, 262)
    assert len(tokenizer.encode("a" * 200_001)) == 3126
    assert len(tokenizer.encode("天" * 100_000)) == 300_000


@pytest.mark.parametrize(
    ("file", "change", "message"),
    [
        ("vocab.json", lambda t: t[:100], "vocab.json and merges.txt are cut short"),
        ("merges.txt", lambda t: t[: len(t) // 2], "cut short or no tokenizer like GPT-2's"),
        ("merges.txt", lambda t: t.replace("\n", "\nx y z\n", 3), "cut short or no tokenizer"),
        ("vocab.json", lambda t: t.replace('"!"', '"\u4e00"'), "cut short or no tokenizer"),
    ],
)
def test_two_files_that_are_refused(tmp_path, file, change, message):
    write_gpt2_files(tmp_path, BPE)
    text = (tmp_path / file).read_text(encoding="utf-8")
    (tmp_path / file).write_text(change(text), encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        load_tokenizer(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pre_tokenizer": {"type": "Whitespace"}}, "Whitespace"),
        ({"pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": True}}, "add_prefix_space"),
        ({"normalizer": {"type": "NFC"}}, "NFC"),
        ({"post_processor": {"type": "TemplateProcessing", "single": []}}, "TemplateProcessing"),
        (
            {
                "pre_tokenizer": {
                    "type": "Sequence",
                    "pretokenizers": [
                        {"type": "Split", "pattern": {"Regex": "x+"}, "behavior": "Isolated"},
                        {"type": "ByteLevel", "add_prefix_space": False, "use_regex": False},
                    ],
                }
            },
            "Split",
        ),
    ],
)
def test_tokenizers_that_work_in_another_way(tmp_path, change, message):
    BPE.save(tmp_path)
    path = tmp_path / "tokenizer.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(content | change), encoding="utf-8")
    with pytest.raises(ValueError, match=f"in another way than GPT-2's.*{message}"):
        load_tokenizer(tmp_path)


@pytest.mark.parametrize("flag", [{"special": False}, {"special": True, "lstrip": True}])
def test_added_tokens_that_change_ordinary_texts_are_refused(tmp_path, flag):
    """`tokenizers` gives "zyxomma" an id of its own, and here it was seven letters, in silence."""
    BPE.save(tmp_path)
    spoil(tmp_path, lambda c: c["added_tokens"].append({"id": 400, "content": "zyxomma"} | flag))
    with pytest.raises(ValueError, match="zyxomma"):
        load_tokenizer(tmp_path)


@pytest.mark.parity
@pytest.mark.skipif(not importlib.util.find_spec("tiktoken"), reason="tiktoken")
@pytest.mark.parametrize(("name", "theirs"), [("gpt4", "cl100k_base"), ("o200k", "o200k_base")])
def test_patterns_against_tiktoken(monkeypatch, name, theirs):
    from tiktoken_ext import openai_public

    monkeypatch.setattr(openai_public, "load_tiktoken_bpe", lambda *_, **__: {})
    pattern = regex.compile(getattr(openai_public, theirs)()["pat_str"])
    for text in (*HARD.values(), TEXT, mixed(50_000)):
        assert pattern.findall(text) == BPETokenizer((), pattern=name).pieces.findall(text)


@pytest.mark.parity
@pytest.mark.skipif(not os.environ.get("TINYGPT_GPT2"), reason="TINYGPT_GPT2: a folder of GPT-2's")
@pytest.mark.skipif(not importlib.util.find_spec("tiktoken"), reason="tiktoken")
def test_gpt2s_vocabulary_against_tiktoken():
    """TINYGPT_GPT2 is a folder with encoder.json and vocab.bpe, or vocab.json and merges.txt."""
    import tiktoken

    tokenizer = load_tokenizer(os.environ["TINYGPT_GPT2"])
    ranks = {tokenizer.token_bytes(i): i for i in range(50256)}
    pattern = r"""'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s"""
    theirs = tiktoken.Encoding(
        "gpt2", pat_str=pattern, mergeable_ranks=ranks, special_tokens={END: 50256}
    )
    for text in (*HARD.values(), TEXT, mixed(50_000)):
        assert tokenizer.encode(text) == theirs.encode_ordinary(text)
        assert tokenizer.encode(text, True) == theirs.encode(text, allowed_special="all")
    assert tokenizer.encode("Hello,") == [15496, 11]  # T2
    assert tokenizer.encode(f"a{END}b", allow_special=True) == [64, 50256, 65]  # T3
    assert tokenizer.encode(f"a{END}b") == [64, 27, 91, 437, 1659, 5239, 91, 29, 65]


@pytest.mark.parametrize("kind", [CharTokenizer, BPETokenizer, ByteTokenizer])
def test_new_special_tokens_come_after_all_others(tmp_path, kind):
    size = {} if kind is not BPETokenizer else {"vocab_size": 300}
    tokenizer = kind.train(TEXT, special_tokens=["<|a|>"], **size)
    more = tokenizer.with_special(["<|b|>", "<|a|>"])
    assert more.special_tokens["<|a|>"] == tokenizer.special_tokens["<|a|>"]
    assert more.special_tokens["<|b|>"] == tokenizer.vocab_size == more.vocab_size - 1
    assert more.encode(TEXT[:200]) == tokenizer.encode(TEXT[:200])
    assert list(tokenizer.special_tokens) == ["<|a|>"]  # the old one is as it was
    more.save(tmp_path)
    again = load_tokenizer(tmp_path)
    assert again.special_tokens == more.special_tokens
    assert again.decode(again.encode("<|b|>x", allow_special=True)) == "<|b|>x"


def test_the_single_pattern_cuts_numbers_and_spelled_words_alike_everywhere():
    cut = BPETokenizer((), pattern="single").pieces.findall
    assert cut("Tom has 305 cats, 三千零五! Spell RAIN.  McAdam's\n") == [
        "Tom", " has", " ", "3", "0", "5", " cats", ",", " ", *"三千零五", "!", " Spell", " ",
        *"RAIN", ".", " ", " Mc", "Adam", "'", "s", "\n",
    ]  # fmt: skip
    for text in ("a  b\n\n c", "ÄÖ ǅx ʰ 日本語かな１２", " É é\t"):
        assert "".join(cut(text)) == text
