"""Tokenizer: what every tokenizer does. Each kind's own file holds how it cuts a text.

Ids run from 0: first the tokens of the kind, then the special tokens. A special token such as
<|endoftext|> stands for no text; the same letters in somebody's text are ordinary letters, unless
encode is told otherwise.
"""

import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np

from tinygpt.files import write_text

TOKENIZER_FILE = "tokenizer.json"


class Tokenizer:
    """Text to ids and back. A subclass gives its tokens and writes `_ids` and the two halves of
    the file, `_content` and `_from_content`."""

    unknown_id: int | None = None  # the id for what has no token, where there can be such a thing

    def __init__(self, tokens: Sequence[bytes], special_tokens: Sequence[str] = ()):
        for token in special_tokens:
            if not token or re.search(r"\s", token):
                raise ValueError(f"expected a special token without blanks, got {token!r}")
        if len(set(special_tokens)) < len(special_tokens):
            raise ValueError(f"expected different special tokens, got {list(special_tokens)}")
        self._bytes = [*tokens, *(token.encode("utf-8") for token in special_tokens)]
        self.special_tokens = {t: len(tokens) + i for i, t in enumerate(special_tokens)}

    @property
    def vocab_size(self) -> int:
        return len(self._bytes)

    def encode(self, text: str, allow_special: bool = False) -> list[int]:
        """The ids of a text; decode gives the same text back.

        With allow_special, "<|endoftext|>" in it is that special token, where there is one: for
        text of one's own, never for a stranger's.
        """
        return self.encode_corpus(text, allow_special, allow_unknown=False).tolist()

    def encode_corpus(
        self, text: str, allow_special: bool = False, allow_unknown: bool = True
    ) -> np.ndarray:
        """As encode, for a text to train on: an array, and what has no token becomes unknown_id."""
        if not (allow_special and self.special_tokens):
            return np.asarray(self._ids(text, 0, allow_unknown), np.int64)
        ids, at = [], 0
        for part in split_special(text, list(self.special_tokens)):
            special = part in self.special_tokens
            inside = [self.special_tokens[part]] if special else self._ids(part, at, allow_unknown)
            ids.append(np.asarray(inside, np.int64))
            at += len(part)
        return np.concatenate(ids)

    def _ids(self, text: str, at: int, allow_unknown: bool) -> Any:
        """The ids of a text without special tokens, which stands at this place in a larger one."""
        raise NotImplementedError

    def token_bytes(self, id: int) -> bytes:
        """The bytes of one token: part of a character, a character, often a whole word."""
        if not 0 <= id < self.vocab_size:
            raise ValueError(f"id {id} is outside the vocabulary of {self.vocab_size}")
        return self._bytes[id]

    def decode(self, ids: Iterable[int]) -> str:
        """The text of these ids. Bytes that make no whole character become U+FFFD."""
        return b"".join(self.token_bytes(int(i)) for i in ids).decode("utf-8", errors="replace")

    def opening(self) -> str:
        """A text to write on from where nobody gave one: a line end, or else the first token."""
        known = self.unknown_id not in self.encode_corpus("\n")
        return "\n" if known else self.decode([0])

    # --------------------------------------------------------------------------------- files

    def save(self, folder: str | Path) -> None:
        """Write tokenizer.json as Hugging Face's `tokenizers` does."""
        flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
        content = {
            "version": "1.0",
            "truncation": None,
            "padding": None,
            "added_tokens": [
                {"id": id, "content": token, **flags, "special": True}
                for token, id in self.special_tokens.items()
            ],
            "normalizer": None,
            "post_processor": None,
            **self._content(),
        }
        text = json.dumps(content, ensure_ascii=False, indent=1)
        write_text(Path(folder) / TOKENIZER_FILE, text + "\n")

    @classmethod
    def load(cls, where: str | Path) -> Self:
        """Read a tokenizer.json, or the one in a folder. ValueError where it is none of ours."""
        return cls.from_content(*read_content(where))

    @classmethod
    def from_content(cls, path: Path, content: Any) -> Self:
        try:
            added = content["added_tokens"]
            tokenizer = cls._from_content(content, [token["content"] for token in added])
            if [token["id"] for token in added] != list(tokenizer.special_tokens.values()):
                raise ValueError("its special tokens do not stand at the end of the vocabulary")
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(
                f"{path} is cut short or no tokenizer of tinygpt: {error!r}"
            ) from error
        return tokenizer

    def _content(self) -> dict[str, Any]:
        """pre_tokenizer, decoder and model of the file."""
        raise NotImplementedError

    @classmethod
    def _from_content(cls, content: Any, special_tokens: list[str]) -> Self:
        """The tokenizer in such a file. ValueError, KeyError, ... where something is not right."""
        raise NotImplementedError


def split_special(text: str, special_tokens: Sequence[str]) -> list[str]:
    """The text in parts, special tokens and what stands between them.

    "a<|endoftext|>b" -> "a", "<|endoftext|>", "b"
    """
    if not special_tokens:
        return [text]
    longest_first = sorted(special_tokens, key=len, reverse=True)
    parts = re.split(f"({'|'.join(map(re.escape, longest_first))})", text)
    return [part for part in parts if part] or [""]


def read_content(where: str | Path) -> tuple[Path, Any]:
    """The JSON of a tokenizer.json, or of the one in a folder, and its path."""
    path = Path(where)
    path = path / TOKENIZER_FILE if path.is_dir() else path
    if not path.is_file():
        raise ValueError(f"there is no tokenizer at {path}")
    try:
        return path, json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise _broken(path, error) from error


def _broken(path: Path, error: Exception) -> ValueError:
    return ValueError(f"{path} is cut short or no tokenizer of tinygpt: {error!r}")
