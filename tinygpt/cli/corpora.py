"""tinygpt corpora: which texts there are by name."""

import hashlib
from dataclasses import dataclass

from tinygpt.cli.settings import parse
from tinygpt.text.corpora import CORPORA
from tinygpt.text.python_library import cache_folder


@dataclass
class CorporaCommand:
    """List the corpora that go by a name: size, licence, SHA-256, where they lie."""


def corpora(argv: list[str]) -> None:
    parse(CorporaCommand, argv, "corpora")
    for name, source in CORPORA.items():
        files = sorted(cache_folder().glob(source.cached)) if source.cached else []
        print(f"{name}\n  {source.about}; licence: {source.licence}", flush=True)
        if source.cached and not files:
            print(f"  not here yet: made or fetched when first used, into {cache_folder()}")
            continue
        text = source.between.join(source.documents())
        data = text.encode("utf-8")
        print(f"  {len(data):,} bytes, {len(text):,} characters")
        print(f"  SHA-256 {hashlib.sha256(data).hexdigest()}")
        print(f"  {files[-1] if files else 'made anew each time, from this Python'}")
