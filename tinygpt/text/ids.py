"""The ids of a whole corpus: in 16 bits where they fit, and in a file where they are many."""

from pathlib import Path

import numpy as np

from tinygpt.progress import progress
from tinygpt.text.tokenizer import Tokenizer, cut_into_parts

PIECE = 1_000_000  # characters that are encoded at a time
LARGE = 50_000_000  # ids from which on they lie in a file that is mapped, not in memory


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
    dtype, parts, count, stream = id_dtype(tokenizer.vocab_size), [], 0, None
    with progress(total=len(text), desc="encoding", unit="char", unit_scale=True, delay=2) as bar:
        for piece in cut_into_parts(text, tokenizer.cut, PIECE):
            ids = tokenizer.encode_corpus(piece, allow_special=True)
            if len(ids) and ids.max() > np.iinfo(dtype).max:
                raise ValueError(f"id {ids.max()} does not fit into {dtype}")
            parts.append(ids.astype(dtype))
            count += len(ids)
            if file is not None and count > large:
                if stream is None:
                    file.unlink(missing_ok=True)  # whoever has mapped an older one keeps it
                    stream = open(file, "wb")  # noqa: SIM115  closed below
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
