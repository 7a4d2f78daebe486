"""A sentence as one vector: texts that mean the same lie close together.

    v = mean over the tokens of what the last block says of them,   then v / |v|
    cos(v, w) = v . w:   1 for the same direction, about 0 for texts that have nothing in common

Reimers & Gurevych 2019, "Sentence-BERT", section 3. A model has to be trained for this: the mean of
a plain BERT says little.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tinygpt.autograd.mode import no_grad
from tinygpt.backend import to_cpu
from tinygpt.files import read_json
from tinygpt.models.bert import BERT
from tinygpt.models.pretrained import find
from tinygpt.progress import progress
from tinygpt.text.roberta import RobertaTokenizer
from tinygpt.text.wordpiece import WordPieceTokenizer

POOLING_FILE, LENGTH_FILE = "1_Pooling/config.json", "sentence_bert_config.json"
ROWS = 32  # texts at a time


class SentenceEncoder:
    """A BERT or RoBERTa and its tokenizer, as one thing that turns texts into vectors.

    SentenceEncoder.load(folder).vectors(["a text", "another"]) -> (2, C), each of length 1"""

    def __init__(self, model: BERT, tokenizer: Any, longest: int | None = None):
        self.model, self.tokenizer = model, tokenizer
        room = model.config.block_size - model.config.first_position
        self.longest = min(longest or room, room)

    @classmethod
    def load(cls, where: str | Path, device: str | None = None) -> "SentenceEncoder":
        """The encoder in a folder in Hugging Face's layout. ValueError where it makes a vector of a
        text in another way than by the mean."""
        folder = find(where)
        model = BERT.from_pretrained(folder, device=device)
        kind = RobertaTokenizer if model.config.first_position else WordPieceTokenizer
        longest = None
        if (folder / LENGTH_FILE).is_file():
            longest = read_json(folder / LENGTH_FILE, "settings").get("max_seq_length")
        if (folder / POOLING_FILE).is_file():
            said = read_json(folder / POOLING_FILE, "settings of pooling")
            modes = [n for n, on in said.items() if n.startswith("pooling_mode_") and on]
            if modes != ["pooling_mode_mean_tokens"]:
                raise ValueError(
                    f"{folder} makes a vector by {json.dumps(modes)}; here it is the mean of all "
                    f"tokens alone"
                )
        return cls(model, kind.load(folder), longest)

    def vectors(self, texts: Sequence[str], *, quiet: bool = False) -> np.ndarray:
        """One vector of length 1 for each text.   (n, C)"""
        rows = [self.tokenizer.encode(text, longest=self.longest) for text in texts]
        order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
        out = np.zeros((len(rows), self.model.config.n_embd), np.float32)
        cuts = range(0, len(rows), ROWS)
        for a in progress(cuts, desc="reading", delay=1, disable=quiet):
            part = order[a : a + ROWS]
            T = max(len(rows[i]) for i in part)
            ids = np.full((len(part), T), self.model.config.pad_id, np.int64)
            for k, i in enumerate(part):
                ids[k, : len(rows[i])] = rows[i]
            out[part] = self._means(ids)
        return out / np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-12)

    def _means(self, ids: np.ndarray) -> np.ndarray:
        self.model.eval()
        with no_grad(), np.errstate(all="ignore"):
            x = to_cpu(self.model.hidden(ids).data)  # (B, T, C)
        is_token = (ids != self.model.config.pad_id)[:, :, None]
        return (x * is_token).sum(axis=1) / is_token.sum(axis=1)
