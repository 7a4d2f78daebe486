"""What a notebook needs: guess, write, have it checked, try it in the real model, see.

from tinygpt.lesson import case, check, hint, predict, reveal, show, swap, use
"""

from threadpoolctl import threadpool_limits

from tinygpt.lesson.notebook import about, case, check, hint, predict, progress, reveal, use
from tinygpt.lesson.output import in_notebook
from tinygpt.lesson.source import show
from tinygpt.lesson.swapping import swap

if in_notebook():  # small matrices, and machines with neighbours: several threads would wait
    threadpool_limits(1, "blas")

__all__ = ["about", "case", "check", "hint", "predict", "progress", "reveal", "show", "swap", "use"]
