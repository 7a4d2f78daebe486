"""RoBERTa's tokenizer: GPT-2's byte pairs, under other numbers, between <s> and </s>."""

from collections.abc import Sequence
from pathlib import Path
from typing import Self

from tinygpt.files import read_json
from tinygpt.text.bpe_files import BYTE_TO_CHAR, CHAR_TO_BYTE
from tinygpt.text.bpe_tokenizer import BPETokenizer
from tinygpt.text.tokenizer import TOKENIZER_FILE

SPECIAL = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")


class RobertaTokenizer:
    """RobertaTokenizer.load(folder).encode("the cat") -> [0, 627, 4758, 2]"""

    def __init__(self, vocab: dict[str, int], merges: Sequence[Sequence[str]]):
        """vocab: token -> id, a byte as in GPT-2's files; merges: pairs of tokens, in order."""
        missing = [t for t in SPECIAL[:4] if t not in vocab]
        if missing:
            raise ValueError(f"it is no vocabulary of RoBERTa: {', '.join(missing)} is not in it")
        self.vocab, self.tokens = vocab, {i: t for t, i in vocab.items()}
        names = [BYTE_TO_CHAR[b] for b in range(256)]
        place = {name: i for i, name in enumerate(names)}  # as BPETokenizer numbers them
        pairs = []
        for a, b in merges:
            pairs.append((place[a], place[b]))
            place[a + b] = len(names)
            names.append(a + b)
        self.bpe = BPETokenizer(pairs)
        self.theirs = [vocab[name] for name in names]
        self.begin_id, self.pad_id, self.end_id = vocab["<s>"], vocab["<pad>"], vocab["</s>"]
        self.mask_id = vocab.get("<mask>")

    @property
    def vocab_size(self) -> int:
        """The largest id and one."""
        return max(self.tokens) + 1

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """vocab.json and merges.txt, or a tokenizer.json of the kind BPE. ValueError otherwise."""
        folder = Path(folder)
        vocab, merges, whole = folder / "vocab.json", folder / "merges.txt", folder / TOKENIZER_FILE
        try:
            if vocab.is_file() and merges.is_file():
                lines = merges.read_text(encoding="utf-8").split("\n")
                pairs = [line.split(" ") for line in lines if line and line[0] != "#"]
                return cls(read_json(vocab, "vocabulary"), pairs)
            content = read_json(whole, "tokenizer")
            known = content["model"]["vocab"] | {
                t["content"]: t["id"] for t in content.get("added_tokens", [])
            }
            pairs = [p.split(" ") if isinstance(p, str) else p for p in content["model"]["merges"]]
            return cls(known, pairs)
        except (KeyError, TypeError, AttributeError, OSError, ValueError) as error:
            raise ValueError(f"{folder} has no tokenizer of RoBERTa: {error!r}") from error

    def encode(self, text: str, second: str | None = None, longest: int = 0) -> list[int]:
        """<s> text </s>, or <s> text </s></s> second </s>. longest: a longer text is cut off."""
        ids = [self.theirs[i] for i in self.bpe.encode(text)]
        if longest:
            ids = ids[: longest - 2]
        ids = [self.begin_id, *ids, self.end_id]
        if second is not None:
            ids += [self.end_id, *(self.theirs[i] for i in self.bpe.encode(second)), self.end_id]
        return ids

    def decode(self, ids: Sequence[int]) -> str:
        """The text of these ids, without <s>, </s> and <pad>."""
        tokens = [self.tokens[int(i)] for i in ids]
        data = bytes(CHAR_TO_BYTE[c] for t in tokens if t not in SPECIAL for c in t)
        return data.decode("utf-8", errors="replace")
