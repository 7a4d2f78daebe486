"""ByteTokenizer: a token is a byte of the UTF-8 text. Nothing to learn, nothing unknown."""

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np

from tinygpt.text.bpe_tokenizer import BPETokenizer
from tinygpt.text.tokenizer import utf8


class ByteTokenizer(BPETokenizer):
    """Vocabulary 256: "é" is two tokens, "天" three. It is a BPE that merges nothing.

    ByteTokenizer().encode("aé") -> [97, 195, 169].
    """

    def __init__(
        self,
        merges: Sequence[tuple[int, int]] = (),
        special_tokens: Sequence[str] | Mapping[str, int] = (),
        byte_order: Sequence[int] = range(256),
        pattern: str = "gpt2",
    ):
        if merges or list(byte_order) != list(range(256)):
            raise ValueError(f"a byte tokenizer merges nothing, got {len(merges)} merges")
        super().__init__((), special_tokens)

    @classmethod
    def train(
        cls,
        text: Any,
        vocab_size: int | None = None,
        special_tokens: Sequence[str] = (),
        **_: Any,
    ) -> Self:
        """Nothing is learned from the text. ValueError for a vocab_size that is not what it is."""
        tokenizer = cls((), special_tokens)
        if vocab_size not in (None, tokenizer.vocab_size):
            raise ValueError(
                f"a byte tokenizer has {tokenizer.vocab_size} tokens, got vocab_size={vocab_size}"
            )
        return tokenizer

    def _ids(self, text: str, at: int, allow_unknown: bool) -> np.ndarray:
        return np.frombuffer(utf8(text), np.uint8)
