"""ByteTokenizer: a token is a byte of the UTF-8 text. Nothing to learn, nothing unknown."""

from collections.abc import Sequence
from typing import Self

from tinygpt.text.bpe import BPETokenizer


class ByteTokenizer(BPETokenizer):
    """Vocabulary 256: "é" is two tokens, "天" three. It is a BPE that merges nothing.

    ByteTokenizer().encode("aé") -> [97, 195, 169].
    """

    def __init__(self, merges: Sequence[tuple[int, int]] = ()):
        if merges:
            raise ValueError(f"a byte tokenizer merges nothing, got {len(merges)} merges")
        super().__init__(())

    @classmethod
    def train(cls, text: str, vocab_size: int = 256) -> Self:
        """Nothing is learned from the text. ValueError for another vocab_size than 256."""
        if vocab_size != 256:
            raise ValueError(f"a byte tokenizer has 256 tokens, got vocab_size={vocab_size}")
        return cls()

    def encode(self, text: str) -> list[int]:
        return list(text.encode("utf-8"))
