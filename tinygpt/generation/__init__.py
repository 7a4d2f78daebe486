"""Writing: from logits to a token, and from tokens to text."""

from tinygpt.generation.beam import beam_search
from tinygpt.generation.cache import KVCache
from tinygpt.generation.sampler import next_ids, penalised, probabilities
from tinygpt.generation.writing import TextWriter, generate_text, generate_texts, stream_text

__all__ = [
    "KVCache",
    "TextWriter",
    "beam_search",
    "generate_text",
    "generate_texts",
    "next_ids",
    "penalised",
    "probabilities",
    "stream_text",
]
