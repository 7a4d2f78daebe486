"""The ids of a whole corpus: in 16 bits where they fit, and in a file where they are many."""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tinygpt.text.tokenizer import Tokenizer

PIECE = 1_000_000  # characters that are encoded at a time
LARGE = 50_000_000  # ids from which on they lie in a file that is mapped, not in memory

# Between a character and a blank after it no tokenizer has a token: words take the blank before
# them, not the one behind.
_CUT = re.compile(r"(?<=\S)(?=\s)")


def id_dtype(vocab_size: int) -> np.dtype:
    """uint16 for a vocabulary up to 65 536 (the largest id is then 65 535), else uint32."""
    return np.dtype(np.uint16 if vocab_size <= 1 << 16 else np.uint32)


def corpus_ids(
    tokenizer: Tokenizer, text: str, file: Path | None = None, *, large: int = LARGE
) -> np.ndarray:
    """The ids of a text, special tokens and unknown characters included.   (n,) uint16 or uint32

    The text is encoded piece by piece, with a progress bar where it takes long; the ids are those
    of the whole. With a `file`, a text of more than `large` ids is written there and memory-mapped:
    the windows that a batch needs are then read when they are needed.
    """
    from tqdm import tqdm

    dtype, parts, count, stream = id_dtype(tokenizer.vocab_size), [], 0, None
    with tqdm(total=len(text), desc="encoding", unit="char", unit_scale=True, delay=2) as bar:
        for piece in pieces(text):
            ids = tokenizer.encode_corpus(piece, allow_special=True)
            if len(ids) and ids.max() > np.iinfo(dtype).max:
                raise ValueError(f"id {ids.max()} does not fit into {dtype}")
            parts.append(ids.astype(dtype))
            count += len(ids)
            if file is not None and count > large:
                stream = stream or open(file, "wb")  # noqa: SIM115  closed below
                for part in parts:
                    part.tofile(stream)
                parts = []
            bar.update(len(piece))
    if stream is None:
        return np.concatenate(parts) if parts else np.zeros(0, dtype)
    with stream:
        for part in parts:
            part.tofile(stream)
    return np.memmap(stream.name, dtype, "r")


def pieces(text: str, size: int = PIECE) -> Iterator[str]:
    """The text in pieces of about this size, cut only where no token can reach over."""
    start = 0
    while start < len(text):
        cut = _CUT.search(text, start + size) if start + size < len(text) else None
        end = cut.start() if cut else len(text)
        yield text[start:end]
        start = end
