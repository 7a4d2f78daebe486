"""Text: tokenizers, corpora, and batches of windows for training."""

from tinygpt.text.batches import random_batches, window_batches
from tinygpt.text.bpe import BPETokenizer
from tinygpt.text.byte import ByteTokenizer
from tinygpt.text.corpora import Corpus, DataArguments, load_corpus
from tinygpt.text.tokenizer import TOKENIZERS, load_tokenizer

__all__ = [
    "TOKENIZERS",
    "BPETokenizer",
    "ByteTokenizer",
    "Corpus",
    "DataArguments",
    "load_corpus",
    "load_tokenizer",
    "random_batches",
    "window_batches",
]
