"""Writing text with a model and its tokenizer."""

import codecs
from collections.abc import Iterator
from typing import Any


def stream_text(
    model: Any, tokenizer: Any, prompt: str, max_new_tokens: int = 200, **settings: Any
) -> Iterator[str]:
    """The continuation of the prompt, piece by piece as it is written; settings as model.stream.

    A character whose bytes are spread over tokens comes when it is whole. ValueError for an empty
    prompt and for a vocabulary that is not the model's.
    """
    if not prompt:
        raise ValueError(
            'the prompt is empty: give at least one character ("\\n" opens a paragraph)'
        )
    if tokenizer.vocab_size != model.config.vocab_size:
        have, need = tokenizer.vocab_size, model.config.vocab_size
        raise ValueError(f"the tokenizer has {have} tokens, the model {need}: they do not belong")
    ids = model.stream(tokenizer.encode(prompt), max_new_tokens, **settings)
    return _decoded(tokenizer, ids)


def _decoded(tokenizer: Any, ids: Iterator[Any]) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    for row in ids:
        piece = decoder.decode(tokenizer.token_bytes(int(row[0])))
        if piece:
            yield piece
    rest = decoder.decode(b"", final=True)
    if rest:
        yield rest


def generate_text(
    model: Any, tokenizer: Any, prompt: str, max_new_tokens: int = 200, **settings: Any
) -> str:
    """The prompt and its continuation.

    settings: temperature=1.0 (0: always the likeliest token), top_k=None, seed=None.
    """
    return prompt + "".join(stream_text(model, tokenizer, prompt, max_new_tokens, **settings))
