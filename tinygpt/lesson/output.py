"""Where a lesson's words and pictures go: below the cell in a notebook, else to the console."""

import base64
import html
import io
import sys
from typing import Any


def in_notebook() -> bool:
    """Is this a Jupyter kernel? (IPython in a terminal is not.)"""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return hasattr(shell, "kernel")


def say(text: str, headline: str = "") -> None:
    """Print; the headline so large that it is read from behind."""
    if not in_notebook():
        print(f"{headline}\n{text}" if headline and text else headline or text)
        return
    from IPython.display import display

    large = f'<div style="font-size:190%;font-weight:bold">{html.escape(headline)}</div>'
    body = f'<pre style="white-space:pre-wrap">{html.escape(text)}</pre>' if text else ""
    plain = f"{headline}\n{text}".strip()
    shown = {"text/plain": plain, "text/html": (large if headline else "") + body}
    display(shown, raw=True)


def show_picture(figure: Any, what_to_see: str) -> None:
    """The figure, with a sentence under it that says what to see."""
    if in_notebook():
        from IPython.display import display

        file = io.BytesIO()
        figure.canvas.print_png(file)
        data = base64.b64encode(file.getvalue()).decode("ascii")
        alt = html.escape(what_to_see, quote=True)
        shown = {
            "text/plain": f"[picture] {what_to_see}",
            "text/html": f'<img alt="{alt}" src="data:image/png;base64,{data}">',
        }
        display(shown, raw=True)
    print(f"What to see: {what_to_see}")
