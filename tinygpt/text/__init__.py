"""Text: tokenizers, corpora, and batches of windows for training."""

from tinygpt.text.batches import RandomBatches, window_batches
from tinygpt.text.bpe_tokenizer import BPETokenizer
from tinygpt.text.byte import ByteTokenizer
from tinygpt.text.char import CharTokenizer
from tinygpt.text.corpora import CORPORA, Corpus, DataArguments, load_corpus
from tinygpt.text.ids import corpus_ids
from tinygpt.text.load import TOKENIZERS, load_tokenizer
from tinygpt.text.tokenizer import Tokenizer

__all__ = [
    "CORPORA",
    "TOKENIZERS",
    "BPETokenizer",
    "ByteTokenizer",
    "CharTokenizer",
    "Corpus",
    "DataArguments",
    "RandomBatches",
    "Tokenizer",
    "corpus_ids",
    "load_corpus",
    "load_tokenizer",
    "window_batches",
]
