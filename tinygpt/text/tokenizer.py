"""Tokenizer: what every tokenizer does. Each kind's own file holds how it cuts a text.

Ids run from 0: first the tokens of the kind, then the special tokens. A special token such as
<|endoftext|> stands for no text; the same letters in somebody's text are ordinary letters, unless
encode is told otherwise.
"""

import copy
import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np

from tinygpt.files import read_json, write_text

TOKENIZER_FILE, TOKENIZER_CONFIG = "tokenizer.json", "tokenizer_config.json"

# Where a long text may be cut, so that its parts have the ids of the whole: between a character and
# a blank after it. Words take the blank before them, not the one behind.
CUT = re.compile(r"(?<=\S)(?=\s)")


class Tokenizer:
    """Text to ids and back. A subclass gives its tokens and writes `_ids` and the two halves of
    the file, `_content` and `_from_content`."""

    unknown_id: int | None = None  # the id for what has no token, where there can be such a thing
    cut: re.Pattern | None = CUT  # where a text may be cut; None: nowhere
    chat_template: str | None = None  # how a chat becomes one text, where it is a chat's (chat.py)

    def __init__(
        self, tokens: Sequence[bytes], special_tokens: Sequence[str] | Mapping[str, int] = ()
    ):
        """special_tokens: their ids come after the others, or are given. Then the tokens have the
        ids that are left, in order."""
        for token in special_tokens:
            if not token or re.search(r"\s", token):
                raise ValueError(f"expected a special token without blanks, got {token!r}")
        if len(set(special_tokens)) < len(special_tokens):
            raise ValueError(f"expected different special tokens, got {list(special_tokens)}")
        if not isinstance(special_tokens, Mapping):
            special_tokens = {t: len(tokens) + i for i, t in enumerate(special_tokens)}
        taken = {int(i): t.encode("utf-8") for t, i in special_tokens.items()}
        if len(taken) < len(special_tokens) or any(i < 0 for i in taken):
            raise ValueError(f"expected a different id >= 0 for each special token, got "
                             f"{dict(special_tokens)}")  # fmt: skip
        self.special_tokens = dict(special_tokens)
        size = max([len(tokens) + sum(i < len(tokens) + len(taken) for i in taken),
                    *(i + 1 for i in taken)])  # fmt: skip
        free = [i for i in range(size) if i not in taken][: len(tokens)]
        self._outside = None if free == list(range(len(tokens))) else np.array(free, np.int64)
        self._bytes: list[bytes | None] = [None] * size  # None: an id without a token
        for i, token in [*zip(free, tokens, strict=True), *taken.items()]:
            self._bytes[i] = token

    def _ordinary(self) -> dict[int, bytes]:
        """id -> bytes of the tokens that are no special ones, in order."""
        special = set(self.special_tokens.values())
        return {i: b for i, b in enumerate(self._bytes) if b is not None and i not in special}

    @property
    def vocab_size(self) -> int:
        """The largest id and one: how many rows a model's table has."""
        return len(self._bytes)

    @property
    def end_id(self) -> int | None:
        """The id of <|endoftext|>, which ends a text, where there is one."""
        return self.special_tokens.get(END)

    def encode(self, text: str, allow_special: bool | Collection[str] = False) -> list[int]:
        """The ids of a text; decode gives the same text back.

        With allow_special, "<|endoftext|>" in it is that special token, where there is one (or one
        of those that are named): for text of one's own, never for a stranger's.
        """
        return self.encode_corpus(text, allow_special, allow_unknown=False).tolist()

    def encode_iterable(
        self, texts: Iterable[str], allow_special: bool | Collection[str] = False
    ) -> Iterator[int]:
        """The ids of a text that comes in parts, such as the lines of a file: those of the whole,
        while only a part of it is in memory."""
        rest = ""
        for text in texts:
            rest += text
            if len(rest) > PART:
                *parts, rest = cut_into_parts(rest, self.cut, PART // 2) or [""]
                for part in parts:
                    yield from self.encode(part, allow_special)
        yield from self.encode(rest, allow_special)

    def encode_corpus(
        self,
        text: str,
        allow_special: bool | Collection[str] = False,
        allow_unknown: bool = True,
    ) -> np.ndarray:
        """As encode, for a text to train on: an array, and what has no token becomes unknown_id."""
        special = self._allowed(allow_special)
        if not special:
            return self._outer_ids(text, 0, allow_unknown)
        ids, at = [], 0
        for part in split_special(text, special):
            inside = [self.special_tokens[part]] if part in special else None
            ids.append(self._outer_ids(part, at, allow_unknown) if inside is None
                       else np.asarray(inside, np.int64))  # fmt: skip
            at += len(part)
        return np.concatenate(ids)

    def _allowed(self, allow_special: bool | Collection[str]) -> list[str]:
        if isinstance(allow_special, bool):
            return list(self.special_tokens) if allow_special else []
        unknown = [t for t in allow_special if t not in self.special_tokens]
        if unknown:
            raise ValueError(f"{unknown} are no special tokens here: {list(self.special_tokens)}")
        return list(allow_special)

    def _outer_ids(self, text: str, at: int, allow_unknown: bool) -> np.ndarray:
        ids = np.asarray(self._ids(text, at, allow_unknown), np.int64)
        return ids if self._outside is None else self._outside[ids]

    def _ids(self, text: str, at: int, allow_unknown: bool) -> Any:
        """The places of a text's tokens among `tokens`, without special ones; the text stands at
        this place in a larger one."""
        raise NotImplementedError(f"{type(self).__name__} has no _ids: a tokenizer writes its own")

    def token_bytes(self, id: int) -> bytes:
        """The bytes of one token: part of a character, a character, often a whole word."""
        if not 0 <= id < self.vocab_size:
            raise ValueError(f"id {id} is outside the vocabulary of {self.vocab_size}")
        token = self._bytes[id]
        if token is None:
            raise ValueError(f"id {id} has no token: the vocabulary has a gap there")
        return token

    def id_of(self, token: str | bytes) -> int:
        """The id of one token. ValueError where there is none of these bytes."""
        if isinstance(token, str) and token in self.special_tokens:
            return self.special_tokens[token]
        data = token.encode("utf-8") if isinstance(token, str) else token
        if data not in self._bytes:
            raise ValueError(f"{token!r} is no token of this vocabulary")
        return self._bytes.index(data)

    def missing_ids(self, n: int) -> list[int]:
        """Those of the ids 0 ... n - 1 that have no token."""
        gaps = [i for i, token in enumerate(self._bytes) if token is None]
        return [*gaps, *range(self.vocab_size, n)]

    def decode(self, ids: Iterable[int]) -> str:
        """The text of these ids. Bytes that make no whole character become U+FFFD."""
        return self.decode_bytes(ids).decode("utf-8", errors="replace")

    def decode_bytes(self, ids: Iterable[int]) -> bytes:
        """The bytes of these ids."""
        return b"".join(self.token_bytes(int(i)) for i in ids)

    def with_special(self, tokens: Sequence[str]) -> Self:
        """The same tokenizer with these special tokens too, after all others. Those that it has
        keep their ids."""
        new, missing = copy.copy(self), [t for t in tokens if t not in self.special_tokens]
        ids = range(self.vocab_size, self.vocab_size + len(missing))
        new.special_tokens = self.special_tokens | dict(zip(missing, ids, strict=True))
        new._bytes = [*self._bytes, *(t.encode("utf-8") for t in missing)]
        return new

    def opening(self) -> str:
        """A text to write on from where nobody gave one: a line end, or else the first token."""
        known = self.unknown_id not in self.encode_corpus("\n")
        return "\n" if known else self.decode([0])

    # --------------------------------------------------------------------------------- files

    def save(self, folder: str | Path) -> None:
        """Write tokenizer.json as Hugging Face's `tokenizers` does."""
        flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
        content: dict[str, Any] = {
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
        # among the others too: `tokenizers` numbers a special token anew that is not there
        vocab = content["model"]["vocab"]
        both = vocab.keys() & self.special_tokens.keys()
        if both:
            raise ValueError(f"the special tokens {sorted(both)} are ordinary tokens too, which a "
                             f"{TOKENIZER_FILE} cannot tell apart")  # fmt: skip
        content["model"]["vocab"] = vocab | self.special_tokens
        text = json.dumps(content, ensure_ascii=False, indent=1)
        write_text(Path(folder) / TOKENIZER_FILE, text + "\n")
        # without it transformers takes the class from the model's type, and cuts texts otherwise
        config: dict[str, Any] = {"tokenizer_class": "PreTrainedTokenizerFast"}
        if END in self.special_tokens:
            config |= {"bos_token": END, "eos_token": END}
        config |= {"clean_up_tokenization_spaces": False}
        if self.chat_template is not None:
            config |= {"chat_template": self.chat_template}
        write_text(Path(folder) / TOKENIZER_CONFIG, json.dumps(config, indent=1) + "\n")

    @classmethod
    def load(cls, where: str | Path) -> Self:
        """Read a tokenizer.json, or the one in a folder. ValueError where it is none of ours."""
        return cls.from_content(*read_content(where))

    @classmethod
    def from_content(cls, path: Path, content: Any) -> Self:
        """The tokenizer in what was read from that path."""
        try:
            tokenizer = cls._from_content(content, special_in(content))
            tokenizer.chat_template = _chat_template_beside(path)
            return tokenizer
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            said = str(error) if type(error) is ValueError else repr(error)
            raise ValueError(f"{path} is cut short or no tokenizer of tinygpt: {said}") from error

    def _content(self) -> dict[str, Any]:
        """pre_tokenizer, decoder and model of the file."""
        raise NotImplementedError(
            f"{type(self).__name__} has no _content: without it a tokenizer cannot be saved"
        )

    @classmethod
    def _from_content(cls, content: Any, special_tokens: dict[str, int]) -> Self:
        """The tokenizer in such a file. ValueError, KeyError, ... where something is not right."""
        raise NotImplementedError(
            f"{cls.__name__} has no _from_content: without it a tokenizer cannot be loaded"
        )


def _chat_template_beside(path: Path) -> str | None:
    beside = path.parent / TOKENIZER_CONFIG
    config = read_json(beside, "tokenizer's settings") if beside.is_file() else {}
    template = config.get("chat_template") if isinstance(config, dict) else None
    return template if isinstance(template, str) else None


END = "<|endoftext|>"  # the special token that ends a text, where the tokenizer has it
PART = 1 << 16  # characters that encode_iterable gathers before it encodes some


def special_in(content: Any) -> dict[str, int]:
    """The added tokens of a tokenizer.json with their ids. ValueError for one that stands for text,
    or takes blanks with it: those change the ids of ordinary texts, and that is not done here."""
    added = content.get("added_tokens") or []
    odd = [
        t["content"]
        for t in added
        if not t.get("special") or any(t.get(name) for name in ("lstrip", "rstrip", "single_word"))
    ]
    if odd:
        raise ValueError(f"its added tokens {odd[:5]} change the ids of ordinary text, which these "
                         f"tokenizers do not follow")  # fmt: skip
    return {t["content"]: t["id"] for t in added}


def utf8(text: str) -> bytes:
    """The text as UTF-8. Half of a surrogate pair, which is no character, becomes U+FFFD."""
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode("utf-8")


def cut_into_parts(text: str, cut: re.Pattern | None, size: int = 1_000_000) -> list[str]:
    """The text in parts of about this size, cut only where no token can reach over."""
    parts, start = [], 0
    while start < len(text):
        far = start + max(size, 1)
        found = cut.search(text, far) if cut is not None and far < len(text) else None
        end = found.start() if found else len(text)
        parts.append(text[start:end])
        start = end
    return parts


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
    return path, read_json(path, "tokenizer of tinygpt")
