"""How a byte-pair vocabulary looks on disk: Hugging Face's tokenizer.json, and GPT-2's two files.

What a file asks for and these tokenizers do not do is refused by name: other ids than those that a
model was trained with would go unnoticed.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tinygpt.files import read_json
from tinygpt.text.tokenizer import TOKENIZER_FILE

Pair = tuple[int, int]


def _byte_alphabet() -> dict[int, str]:
    """Byte -> a printable character that stands for it in a vocabulary file.

    A JSON file cannot hold half a character, so GPT-2 writes printable Latin-1 bytes as themselves
    and numbers the others from U+0100 on: the space is "Ġ".
    """
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [b for b in range(256) if b not in printable]
    return {b: chr(b) for b in printable} | {b: chr(256 + i) for i, b in enumerate(others)}


BYTE_TO_CHAR = _byte_alphabet()
CHAR_TO_BYTE = {c: b for b, c in BYTE_TO_CHAR.items()}


def content_of(
    tokens: Mapping[int, bytes], merges: Sequence[Pair], patterns: Mapping[str, str], pattern: str
) -> dict[str, Any]:
    """pre_tokenizer, decoder and model of a tokenizer.json. tokens: id -> bytes, those that are no
    special ones, in order; merges between their places in it."""
    names = ["".join(BYTE_TO_CHAR[b] for b in token) for token in tokens.values()]
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}
    cutter: dict[str, Any] = byte_level | {"use_regex": pattern == "gpt2"}
    if pattern not in ("gpt2", "none"):
        split = {"type": "Split", "pattern": {"Regex": patterns[pattern]}, "behavior": "Isolated"}
        cutter = {"type": "Sequence", "pretokenizers": [split | {"invert": False}, cutter]}
    return {
        "pre_tokenizer": cutter,
        "decoder": byte_level | {"use_regex": True},
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": False,
            "vocab": dict(zip(names, tokens, strict=True)),
            "merges": [[names[a], names[b]] for a, b in merges],
        },
    }


def merges_in(
    content: Any, special_tokens: Mapping[str, int], patterns: Mapping[str, str]
) -> tuple[list[Pair], list[int], str]:
    """(merges, byte order, pattern) of such a file, checked against the vocabulary beside them.

    Ids are those without the special tokens: 0 to 255 for the bytes, 256 + i for merge i."""
    pattern = _pattern_in(content, patterns)
    vocab, pairs = dict(content["model"]["vocab"]), content["model"]["merges"]
    for token, id in special_tokens.items():
        if vocab.pop(token, id) != id:
            raise ValueError(f"its special token {token!r} has two ids")
    in_order = sorted(vocab, key=vocab.__getitem__)
    expected = [i for i in range(len(vocab) + len(special_tokens))
                if i not in special_tokens.values()]  # fmt: skip
    if [vocab[name] for name in in_order] != expected[: len(vocab)]:
        raise ValueError("its ids are not 0, 1, 2, ... without a gap between the special ones")
    ids = {bytes(CHAR_TO_BYTE[c] for c in name): i for i, name in enumerate(in_order)}
    merges = []
    for i, pair in enumerate(pairs):
        a, b = pair.split(" ") if isinstance(pair, str) else pair
        left, right = (bytes(CHAR_TO_BYTE[c] for c in name) for name in (a, b))
        if ids[left + right] != 256 + i:
            raise ValueError(f"merge {i} makes token {ids[left + right]}, not {256 + i}")
        merges.append((ids[left], ids[right]))
    order = sorted(range(256), key=lambda b: ids[bytes([b])])
    if len(ids) != 256 + len(merges) or any(ids[bytes([b])] != i for i, b in enumerate(order)):
        raise ValueError("its tokens are not the 256 bytes and one for each merge")
    return merges, order, pattern


def _pattern_in(content: Any, patterns: Mapping[str, str]) -> str:
    """The name of the pattern that the file cuts a text with. ValueError for another one, and for
    what changes a text or its ids in a way that is not done here."""
    other = {name: content[name] for name in ("normalizer", "truncation", "padding")
             if content.get(name) is not None}  # fmt: skip
    after = content.get("post_processor") or {"type": "ByteLevel"}  # which only moves offsets
    if after.get("type") != "ByteLevel":
        other["post_processor"] = after
    for name in ("dropout", "continuing_subword_prefix", "end_of_word_suffix", "byte_fallback",
                 "ignore_merges"):  # fmt: skip
        if content["model"].get(name):
            other[name] = content["model"][name]
    cutter = content.get("pre_tokenizer") or {"type": "ByteLevel"}
    parts = cutter["pretokenizers"] if cutter.get("type") == "Sequence" else [cutter]
    *before, last = parts
    name = "gpt2" if last.get("use_regex", True) else "none"
    if last.get("type") != "ByteLevel" or last.get("add_prefix_space", False):
        other["pre_tokenizer"] = cutter
    elif before:
        split = before[0]
        cuts = split.get("pattern", {}).get("Regex")
        known = [n for n, p in patterns.items() if p == cuts]
        plain = split.get("behavior") == "Isolated" and not split.get("invert", False)
        if len(before) > 1 or split.get("type") != "Split" or not known or not plain:
            other["pre_tokenizer"] = cutter
        elif name == "none":
            name = known[0]
        else:
            other["pre_tokenizer"] = cutter
    if other:
        raise ValueError(f"it works in another way than GPT-2's: {str(other)[:200]}")
    return name


# ---------------------------------------------------------------------------- GPT-2's two files


def files_of(where: Path) -> tuple[Path, Path] | None:
    """A vocabulary and its merges, in a folder or beside one of the two; None where there are none,
    or a tokenizer.json goes before."""
    names = [("vocab.json", "merges.txt"), ("encoder.json", "vocab.bpe")]
    if where.is_dir():
        if (where / TOKENIZER_FILE).is_file():
            return None
        pairs = [(where / a, where / b) for a, b in names]
    else:
        pairs = [(where.parent / a, where.parent / b) for a, b in names if where.name in (a, b)]
    return next(((v, m) for v, m in pairs if v.is_file() and m.is_file()), None)


def two_files(vocab_file: Path, merges_file: Path) -> tuple[dict[str, Any], dict[str, int]]:
    """What the two files say, as the content of a tokenizer.json, and the special tokens."""
    vocab = read_json(vocab_file, "vocabulary")
    lines = merges_file.read_text(encoding="utf-8-sig").split("\n")
    pairs = [line.split(" ") for line in lines if line and not line.startswith("#version")]
    special = sorted(vocab, key=vocab.__getitem__)[256 + len(pairs) :]
    return {"model": {"vocab": vocab, "merges": pairs}}, {t: vocab[t] for t in special}
