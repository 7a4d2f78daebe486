"""What a notebook needs: guess, write, have it checked, try it in the real model, see.

from tinygpt.lesson import check, hint, predict, reveal, show, swap, use
"""

from tinygpt.lesson.notebook import about, check, hint, predict, progress, reveal, use
from tinygpt.lesson.source import show
from tinygpt.lesson.swapping import swap

__all__ = ["about", "check", "hint", "predict", "progress", "reveal", "show", "swap", "use"]
