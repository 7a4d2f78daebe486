"""Which tokenizers there are, by name, and which one a folder holds."""

from pathlib import Path

from tinygpt.text.bpe_tokenizer import BPETokenizer
from tinygpt.text.byte import ByteTokenizer
from tinygpt.text.char import CharTokenizer
from tinygpt.text.tokenizer import TOKENIZER_FILE, Tokenizer, read_content

TOKENIZERS: dict[str, type[BPETokenizer] | type[CharTokenizer]] = {
    "char": CharTokenizer,
    "byte": ByteTokenizer,
    "bpe": BPETokenizer,
}


def load_tokenizer(folder: str | Path) -> Tokenizer:
    """The tokenizer saved in a folder. ValueError where there is none, or it is cut short."""
    if Path(folder).is_dir() and not (Path(folder) / TOKENIZER_FILE).is_file():
        return BPETokenizer.load(folder)  # GPT-2's two files, or nothing
    path, content = read_content(folder)
    model = content.get("model") if isinstance(content, dict) else None
    if not isinstance(model, dict):
        raise ValueError(f"{path} is no tokenizer of tinygpt: it has no model")
    if model.get("type") == "WordLevel":
        return CharTokenizer.from_content(path, content)
    kind = BPETokenizer if model.get("merges") else ByteTokenizer
    return kind.from_content(path, content)
