"""Every number that decides whether a gradient passes, and why it is what it is.

A float64 has a relative rounding of u = 2^-53, about 1e-16. The central difference over a step eps
has two errors: the next term of the series, eps^2 f''' / 6, and rounding, u |f| / eps.
"""

import numpy as np

ULP = float(np.finfo(np.float64).eps)  # the distance from 1 to the next float64: 2 u

# The check. The two errors together are least at eps = u^(1/3), some 5e-6. A little below, rounding
# is 1e-10 of f, and the series' term 1e-13 of f''': we know the size of f, and not that of f'''.
EPS = 1e-6

# The right gradients of all ops are off by 2e-7 at most (`tinygpt gradcheck` prints the worst of
# each). A formula that is wrong by less than a millionth at every point is not what people write.
TOLERANCE = 1e-6

# Each of the two results that are subtracted is known to about two units in its last place.
ROUNDING = 4 * ULP

# An element below a thousandth of the argument's largest is a difference of large terms: it is
# judged against that thousandth, not against itself.
SMALL = 1e-3

# Where the slope is 0 and f''' is not, the series' term is all there is. TOLERANCE times this many
# eps is 10 eps^2: the term of f''' = 60.
SLOPELESS = 10

# A cause is judged by central differences on both sides, each with its own error.
CAUSE = 10

# Where to look. Up to 64 elements one by one: a wrong term that touches a tenth of all elements
# escapes 64 drawn ones with a chance of 0.001. A direction sums over all elements, so it sees those
# that were not drawn; four, so that a wrong term is not hidden by one that is orthogonal to it.
SAMPLES = 64
DIRECTIONS = 4

# Kinks. The quotients to both sides differ by eps f'' where f is smooth: from four times as far
# four times as much, a ratio of 1/4; at a kink the ratio is 1, and between where the kink is a
# little beside the point. Nearer to 1/4, because a false alarm costs no more than another point.
KINK_FARTHER = 4
KINK_RATIO = 0.35

# f(x + eps) - 2 f(x) + f(x - eps) of a linear f is rounding: four results, and what was summed up
# inside f. A hundred units are sums of some hundred terms.
BEND = 100 * ULP

# Another point, a thousandth away: it is a thousand steps from the kink, and the same problem.
MOVE = 1e-3
REDRAWS = 8  # points to try: if a half of the neighbourhood has kinks, 1 in 256 finds none

# Taylor. The remainder falls as h^2 with the right gradient, as h with a wrong one; the threshold
# is between. Steps from 0.01, halved nine times, so that it falls from 1e-4 to 4e-10: rounding of
# the sums (SERIES of their size) is far below, and a step is shorter than what functions bend over.
STEPS = (0.01 * 0.5 ** np.arange(10)).tolist()
SERIES = 1e-12
SLOPE = 1.5
READABLE = 4  # remainders above rounding that are needed to see a slope
# f(x + hv) + f(x - hv) - 2 f(x) falls to a quarter at half the step, at a kink to a half.
HALVED = 3

# Two calls, or another layout: another order of summing (threads, BLAS) moves the last digits,
# another random number the first ones.
SAME = 1e-9
SAME_ZERO = 1e-12
SAME_IN_OTHER_LAYOUT = 1e-6  # of a gradient through several ops, each summed in another order
