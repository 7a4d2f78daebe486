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


# pre would break lines inside of words; this breaks between them, and keeps the line ends
STYLE = "white-space:pre-wrap;word-break:normal;overflow-wrap:break-word;max-width:60em;"
COLOURS = {True: "#1a7f37", False: "#b3261e"}  # of what is right, and what is not


def say(text: str, headline: str = "", *, big: str = "", good: bool | None = None) -> None:
    """The headline, so large that it is read from behind; `big`, what helps, next in size; the rest
    below. good: was it right?"""
    if not in_notebook():
        print("\n".join(part for part in (headline, big, text) if part))
        return
    from IPython.display import display

    colour = f"color:{COLOURS[good]};" if good is not None else ""
    parts = [
        (headline, f"font-size:190%;font-weight:bold;{colour}"),
        (big, "font-size:125%;font-weight:600;margin:0.3em 0;"),
        (text, "font-family:var(--jp-code-font-family, monospace);"),
    ]
    markup = "".join(
        f'<div style="{STYLE}{style}">{html.escape(part)}</div>' for part, style in parts if part
    )
    plain = "\n".join(part for part, _ in parts if part)
    display({"text/plain": plain, "text/html": markup}, raw=True)


def show_picture(figure: Any, what_to_see: str) -> None:
    """The figure, with a sentence under it that says what to see."""
    if in_notebook():
        from IPython.display import display

        file = io.BytesIO()
        figure.canvas.print_png(file)
        data = base64.b64encode(file.getvalue()).decode("ascii")
        alt = html.escape(what_to_see, quote=True)
        shown = {
            "text/plain": f"[picture]\nWhat to see: {what_to_see}",
            "text/html": f'<img alt="{alt}" src="data:image/png;base64,{data}">'
            f'<div style="{STYLE}">What to see: {html.escape(what_to_see)}</div>',
        }
        display(shown, raw=True)
    else:
        print(f"What to see: {what_to_see}")
