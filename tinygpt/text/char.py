"""CharTokenizer: a token is a character, the smallest vocabulary that one can read."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np

from tinygpt.text.reading import chunks
from tinygpt.text.tokenizer import Tokenizer, split_special

UNKNOWN = "<|unknown|>"
END_OF_UNICODE = 0x110000


class CharTokenizer(Tokenizer):
    """The characters of a text, in the order of their code points, and one id for all others.

    CharTokenizer.train("hello").encode("hole") -> [1, 3, 2, 0]: e h l o are 0 1 2 3, unknown is 4.
    In `encode` a character that the text did not have is a ValueError; in a text that is trained
    or evaluated on it becomes unknown_id, whose text is U+FFFD.
    """

    def __init__(
        self, characters: Sequence[str], special_tokens: Sequence[str] | Mapping[str, int] = ()
    ):
        if any(len(c) != 1 for c in characters) or len(set(characters)) < len(characters):
            raise ValueError("expected different single characters")
        self.characters = list(characters)
        self.unknown_id = len(self.characters)
        tokens = [c.encode("utf-8") for c in (*self.characters, "\ufffd")]
        super().__init__(tokens, special_tokens)
        self._id_of = np.full(END_OF_UNICODE, self.unknown_id, np.int32)  # code point -> id
        self._id_of[[ord(c) for c in self.characters]] = range(len(self.characters))

    @classmethod
    def train(
        cls,
        text: str | Path | Iterable[str],
        vocab_size: int | None = None,
        special_tokens: Sequence[str] = (),
    ) -> Self:
        """The characters of the text. ValueError for a vocab_size that is not what comes out."""
        if not isinstance(text, str):
            text = "".join(chunks(text) if isinstance(text, Path) else text)
        special = set(special_tokens)
        parts = split_special(text, special_tokens)
        characters = sorted(set().union(*(part for part in parts if part not in special)))
        tokenizer = cls(characters, special_tokens)
        if vocab_size not in (None, tokenizer.vocab_size):
            raise ValueError(
                f"the text has {len(characters)} different characters, with the unknown and "
                f"{len(special)} special ones {tokenizer.vocab_size} tokens, got "
                f"vocab_size={vocab_size}: leave it out"
            )
        return tokenizer

    def _ids(self, text: str, at: int, allow_unknown: bool) -> np.ndarray:
        points = np.frombuffer(text.encode("utf-32-le", errors="surrogatepass"), np.uint32)
        ids = self._id_of[points]
        if not allow_unknown and (ids == self.unknown_id).any():
            i = int(np.argmax(ids == self.unknown_id))
            raise ValueError(
                f"the character {text[i]!r} at position {at + i} did not occur in the text that "
                f"this model was trained on, so it has no token. It knows: "
                f"{_shown(self.characters)}"
            )
        return ids

    # --------------------------------------------------------------------------------- files

    def _content(self) -> dict[str, Any]:
        single = {"type": "Split", "pattern": {"Regex": r"[\s\S]"}, "behavior": "Isolated"}
        vocab = dict(zip([*self.characters, UNKNOWN], self._ordinary(), strict=True))
        return {
            "pre_tokenizer": single | {"invert": False},
            "decoder": {"type": "Fuse"},
            "model": {"type": "WordLevel", "vocab": vocab, "unk_token": UNKNOWN},
        }

    @classmethod
    def _from_content(cls, content: Any, special_tokens: dict[str, int]) -> Self:
        special = special_tokens.keys()
        vocab = {t: id for t, id in content["model"]["vocab"].items() if t not in special}
        *characters, unknown = vocab
        free = [i for i in range(len(vocab) + len(special)) if i not in special_tokens.values()]
        if list(vocab.values()) != free[: len(vocab)]:
            raise ValueError("its ids are not 0, 1, 2, ... in order")
        if content.get("post_processor") or content.get("normalizer"):
            raise ValueError(
                "its post_processor or normalizer changes texts, which is not done here"
            )
        if unknown != UNKNOWN or characters != sorted(characters):
            raise ValueError(f"its tokens are not characters in order and {UNKNOWN}")
        return cls(characters, special_tokens)


def _shown(characters: list[str], most: int = 100) -> str:
    """The characters side by side, those that cannot be seen as Python writes them."""
    shown = "".join(c if c.isprintable() else repr(c)[1:-1] for c in characters[:most])
    return f"{shown} ... and {len(characters) - most} more" if len(characters) > most else shown
