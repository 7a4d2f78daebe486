"""Writing: from logits to a token, and from tokens to text."""

from tinygpt.generation.sampler import next_ids, probabilities
from tinygpt.generation.writing import generate_text, stream_text

__all__ = ["generate_text", "next_ids", "probabilities", "stream_text"]
