"""Writing text with a model and its tokenizer.

A token is some bytes, so what may be printed is decided here: a character when all its bytes are
there, and what may be the beginning of a stop string when it is clear that it is not.
"""

import codecs
import unicodedata
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import numpy as np

from tinygpt.progress import progress as shown


class TextWriter:
    """The tokens of one text come in, pieces of text that are final go out.

    writer = TextWriter(tokenizer, stop=["\\n\\n"]); writer.write(id) -> "", "The", " cat", ...
    `done` is True from where a stop string was found or close() was called.
    """

    def __init__(self, tokenizer: Any, stop: Sequence[str] = ()):
        self.tokenizer, self.stop, self.done = tokenizer, stop, False
        self.decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self.held = ""  # text that may be the beginning of a stop string

    def write(self, id: int) -> str:
        """What may be printed now; nothing any more once it is done."""
        return "" if self.done else self._pass(self.decoder.decode(self.tokenizer.token_bytes(id)))

    def close(self) -> str:
        """What was held back, at the end of the text. Half a character is U+FFFD."""
        if self.done:
            return ""
        rest = self._pass(self.decoder.decode(b"", final=True))
        self.done = True
        return rest + self.held

    def _pass(self, new: str) -> str:
        text = self.held + new
        found = [(text.find(s) + len(s), text.find(s)) for s in self.stop if s in text]
        if found:  # of two that overlap the one that is complete first, however the tokens are cut
            self.done, self.held = True, ""
            return text[: min(found)[1]]
        keep = max(
            (n for s in self.stop for n in range(1, len(s)) if text.endswith(s[:n])), default=0
        )
        self.held = text[len(text) - keep :]
        return text[: len(text) - keep]


def prepare(
    model: Any,
    tokenizer: Any,
    prompt: str,
    stop: str | Collection[str],
    stop_ids: Collection[int] | None,
    allow_special: bool = False,
) -> tuple[list[int], list[str], list[int], list[int]]:
    """The ids of the prompt, the stop strings, the stop ids, and the ids that the model has and the
    tokenizer has not (a padded vocabulary). ValueError for an empty prompt or stop string, and for
    a vocabulary that is larger than the model's; TypeError for what is no prompt or tokenizer."""
    if not isinstance(prompt, str):
        raise TypeError(f"expected a prompt, one text, got {type(prompt).__name__}: of several "
                        f"texts write one after the other")  # fmt: skip
    if not hasattr(tokenizer, "encode_corpus"):
        raise TypeError(f"expected a tokenizer of tinygpt.text, got {type(tokenizer).__name__}: "
                        f"load_tokenizer(folder) reads a tokenizer.json")  # fmt: skip
    if not prompt:
        raise ValueError(
            'the prompt is empty: give at least one character ("\\n" opens a paragraph)'
        )
    if tokenizer.vocab_size > model.config.vocab_size:
        have, need = tokenizer.vocab_size, model.config.vocab_size
        raise ValueError(f"the tokenizer has {have} tokens, the model {need}: they do not belong")
    strings = [stop] if isinstance(stop, str) else list(stop)
    if "" in strings:
        raise ValueError("a stop string is empty: every text has that in it")
    special = tokenizer.special_tokens
    stop_ids = model.stop_ids if stop_ids is None else stop_ids
    ends = [] if tokenizer.end_id is None else [tokenizer.end_id]
    ids = [*stop_ids, *ends, *(special[s] for s in strings if s in special)]
    missing = tokenizer.missing_ids(model.config.vocab_size)
    letters = [s for s in strings if s not in special]
    return _prompt_ids(tokenizer, prompt, allow_special), letters, ids, missing


def _prompt_ids(tokenizer: Any, prompt: str, allow_special: bool) -> list[int]:
    """Where a character has no token, its composed form may have one: a text that was cleaned has
    "é" as one character, and not as an e and an accent."""
    try:
        return tokenizer.encode(prompt, allow_special)
    except ValueError:
        composed = unicodedata.normalize("NFC", prompt)
        if composed == prompt:
            raise
        return tokenizer.encode(composed, allow_special)


def stream_text(
    model: Any,
    tokenizer: Any,
    prompt: str,
    max_new_tokens: int = 200,
    *,
    stop: str | Collection[str] = (),
    stop_ids: Collection[int] | None = None,
    allow_special: bool = False,
    **settings: Any,
) -> Iterator[str]:
    """The continuation of the prompt, piece by piece as it is written; settings as model.stream.

    It ends before the stop string that is complete first, wherever in the tokens it stands, and
    before a stop id (None: those of the model); a stop string that is a special token means its id,
    and <|endoftext|> always ends it. Errors as `prepare`.
    """
    ids, strings, stop_ids, missing = prepare(
        model, tokenizer, prompt, stop, stop_ids, allow_special
    )
    if missing:
        settings["banned_ids"] = missing
    tokens = model.stream(ids, max_new_tokens, stop_ids=stop_ids, **settings)
    return _pieces(tokens, TextWriter(tokenizer, strings), set(stop_ids))


def _pieces(tokens: Iterator[Any], writer: TextWriter, stop_ids: set[int]) -> Iterator[str]:
    for row in tokens:
        id = int(row[0])
        piece = writer.close() if id in stop_ids else writer.write(id)
        if piece:
            yield piece
        if writer.done:
            return
    rest = writer.close()
    if rest:
        yield rest


def generate_text(
    model: Any, tokenizer: Any, prompt: str, max_new_tokens: int = 200, **settings: Any
) -> str:
    """The prompt and its continuation; settings as generate_texts."""
    return generate_texts(model, tokenizer, prompt, max_new_tokens, **settings)[0]


def generate_texts(
    model: Any,
    tokenizer: Any,
    prompt: str,
    max_new_tokens: int = 200,
    *,
    num_samples: int = 1,
    num_beams: int = 1,
    stop: str | Collection[str] = (),
    stop_ids: Collection[int] | None = None,
    allow_special: bool = False,
    progress: bool = False,
    **settings: Any,
) -> list[str]:
    """Several texts that begin with the prompt, written side by side.

    settings: those of model.stream, temperature=1.0, top_k=None, top_p=None, min_p=None,
    repetition_penalty=1.0, seed=None, use_cache=True; stop strings and ids as in stream_text.
    num_beams above 1: the one likeliest text that a beam search finds, without drawing. progress:
    show how far it is. ValueError for several samples of what is not drawn.
    """
    if num_samples < 1:
        raise ValueError(f"expected num_samples >= 1, got {num_samples}")
    ids, strings, stop_ids, missing = prepare(
        model, tokenizer, prompt, stop, stop_ids, allow_special
    )
    if missing:
        settings["banned_ids"] = missing
    if num_beams != 1:
        if num_samples > 1:
            raise ValueError("a beam search finds one text: leave num_samples at 1")
        found = model.generate(
            ids, max_new_tokens, num_beams=num_beams, stop_ids=stop_ids, **settings
        )
        columns: Iterator[Any] = iter(found[:, len(ids) :].T)
    else:
        rows = np.repeat([ids], num_samples, axis=0)
        columns = model.stream(rows, max_new_tokens, stop_ids=stop_ids, **settings)
    writers = [TextWriter(tokenizer, strings) for _ in range(num_samples)]
    texts = [prompt] * num_samples
    for column in shown(columns, "writing", max_new_tokens, leave=False, disable=not progress):
        for i, (writer, id) in enumerate(zip(writers, column, strict=True)):
            texts[i] += writer.close() if int(id) in stop_ids else writer.write(int(id))
        if all(writer.done for writer in writers):
            break
    return [text + writer.close() for text, writer in zip(texts, writers, strict=True)]
