"""Which tokenizers there are, by name, and which one a folder holds."""

from pathlib import Path

from tinygpt.text.bpe import BPETokenizer, read_merges
from tinygpt.text.byte import ByteTokenizer

TOKENIZERS: dict[str, type[BPETokenizer]] = {"bpe": BPETokenizer, "byte": ByteTokenizer}


def load_tokenizer(folder: str | Path) -> BPETokenizer:
    """The tokenizer saved in a folder. ValueError where there is none, or it is cut short."""
    merges = read_merges(folder)
    return BPETokenizer(merges) if merges else ByteTokenizer()
