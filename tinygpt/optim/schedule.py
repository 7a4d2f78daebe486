"""The learning rate of each step."""

import math


def warmup_cosine(step: int, *, peak: float, floor: float, warmup: int, total: int) -> float:
    """Up in a straight line to `peak` at step `warmup`, down along half a cosine to `floor` at
    step `total`, and there it stays. Steps count from 1.

        floor                                                            step >= total
        peak step / warmup                                               else step <= warmup
        floor + (peak - floor) (1 + cos(pi (step - warmup) / (total - warmup))) / 2     else

    Loshchilov & Hutter 2017, "SGDR", section 3, without restarts.
    """
    if step >= total:
        return floor
    if step < warmup:
        return peak * step / warmup
    along = (step - warmup) / (total - warmup)
    return floor + (peak - floor) * (1 + math.cos(math.pi * along)) / 2
