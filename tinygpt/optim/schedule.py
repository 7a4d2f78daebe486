"""The learning rate of each step: up in a straight line, then a schedule that ends and stays.

    constant    peak                                            all the way
    linear      peak + (floor - peak) a                         a: 0 after the warm-up, 1 at `total`
    cosine      floor + (peak - floor) (1 + cos(pi a)) / 2
    step        peak, peak / 10, floor                          a below 1/2, below 3/4, above

Loshchilov & Hutter 2017, "SGDR", section 3, without restarts, for the cosine; He et al. 2016, "Deep
Residual Learning", section 3.4, for steps by 10.
"""

import math
from collections.abc import Callable

# along (0 to below 1), peak, floor -> learning rate
SCHEDULES: dict[str, Callable[[float, float, float], float]] = {
    "constant": lambda a, peak, floor: peak,
    "linear": lambda a, peak, floor: peak + (floor - peak) * a,
    "cosine": lambda a, peak, floor: floor + (peak - floor) * (1 + math.cos(math.pi * a)) / 2,
    "step": lambda a, peak, floor: (
        peak if a < 0.5 else max(peak / 10, floor) if a < 0.75 else floor
    ),
}


def learning_rate(
    step: int, schedule: str = "cosine", *, peak: float, floor: float, warmup: int, total: int
) -> float:
    """The learning rate of this step, counted from 1.

        peak step / warmup                          step < warmup
        schedule(a), a = (step - warmup) / (total - warmup)         warmup <= step < total
        floor (constant: peak)                      step >= total, for ever

    ValueError for a schedule that there is not, and for a floor above the peak.
    """
    if floor > peak:
        raise ValueError(f"expected floor <= peak, got {floor:g} and {peak:g}: the rate would rise")
    if schedule not in SCHEDULES:
        raise ValueError(f"expected schedule to be one of {list(SCHEDULES)}, got {schedule!r}")
    if step >= total:
        return peak if schedule == "constant" else floor
    if step < warmup:
        return peak * step / warmup
    return SCHEDULES[schedule]((step - warmup) / (total - warmup), peak, floor)
