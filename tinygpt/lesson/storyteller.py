"""The small trained model of lesson 00, and how it was made: `python -m tinygpt.lesson.storyteller`
trains it again, in about two minutes, and stores it in half precision beside this file.
"""

from pathlib import Path

import numpy as np

from tinygpt.files import read_arrays, write_arrays
from tinygpt.models.gpt import GPT, GPTConfig
from tinygpt.models.pretrained import WEIGHTS_FILE
from tinygpt.text import CharTokenizer, load_corpus
from tinygpt.text.load import load_tokenizer
from tinygpt.text.tokenizer import Tokenizer
from tinygpt.training.arguments import TrainingArguments
from tinygpt.training.trainer import Trainer

FOLDER = Path(__file__).parent / "storyteller"


def make(folder: Path, max_steps: int = 3000) -> GPT:
    """Train on `stories`, letter by letter, and store model and tokenizer."""
    corpus = load_corpus("stories")
    tokenizer = CharTokenizer.train(corpus.train)
    config = GPTConfig(tokenizer.vocab_size, block_size=128, n_layer=3, n_head=4, n_embd=56)
    model = GPT(config, seed=0)
    arguments = TrainingArguments(
        max_steps=max_steps, batch_size=16, optimizer="nadamw", learning_rate=4e-3,
        min_learning_rate=1e-4, sample_steps=0,
    )  # fmt: skip
    ids, held_out = (np.array(tokenizer.encode(t)) for t in (corpus.train, corpus.validation))
    Trainer(model, arguments, train=ids, validation=held_out, tokenizer=tokenizer).train()
    model.save_pretrained(folder)
    arrays = read_arrays(folder / WEIGHTS_FILE)
    half = {name: array.astype(np.float16) for name, array in arrays.items()}
    write_arrays(folder / WEIGHTS_FILE, half)
    tokenizer.save(folder)
    return model


def load() -> tuple[GPT, Tokenizer]:
    """The stored model, in float32, and its tokenizer."""
    return GPT.from_pretrained(FOLDER).to("float32"), load_tokenizer(FOLDER)


if __name__ == "__main__":
    make(FOLDER)
