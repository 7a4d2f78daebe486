"""The numbers that decide whether a gradient passes, and why they are what they are.

A float64 has a relative rounding of u = 2^-53, about 1e-16. The central difference over a step eps
has two errors: the next term of the series, eps^2 f''' / 6, and rounding, u |f| / eps.
"""

import numpy as np

ULP = float(np.finfo(np.float64).eps)  # the distance from 1 to the next float64: 2 u

# For numbers of about 1 the two errors together are least at eps = u^(1/3), some 5e-6. A little
# below, rounding is 1e-10 of f, and the series' term 1e-13 of f''': we know the size of f, and not
# that of f'''. An input that is much nearer to 0 than 1, as of log, needs a smaller one.
EPS = 1e-6

# The right gradients of all ops are off by 2e-7 at most (`tinygpt gradcheck` prints the worst of
# each), wrong formulas by much more than a millionth.
TOLERANCE = 1e-6

# Each of the two results that are subtracted is known to about two units in its last place.
ROUNDING = 4 * ULP

# An element that is much smaller than the argument's largest is often a difference of large terms,
# with their rounding: below a thousandth it is judged against that thousandth, not against itself.
SMALL = 1e-3

# Where the slope is 0 and f''' is not, the series' term is all there is: so many eps^2 dy are let
# through, the term of an f''' of 60.
SLOPELESS = 10

# A wrong gradient is compared with candidates, such as twice the right one, which are central
# differences: errors of theirs are multiplied too.
CAUSE = 10

# Where to look. Up to 64 elements one by one: a wrong term that touches a tenth of all elements
# escapes 64 drawn ones with a chance of 0.001. A direction sums over all elements, so it sees those
# that were not drawn; one would do, four make sure.
SAMPLES = 64
DIRECTIONS = 4

# Kinks (see kinks.py). b(e) / b(4e) is 1/4 where f is smooth, 1 at a kink; b(e/2) / b(e) is 1/2
# where f is smooth, 0 where the shorter step does not reach the kink.
FARTHER = 0.35
NEARER = 0.35
# b(e) comes from a sum of four results, of what was summed up inside f: a hundred units are sums of
# some hundred terms. At half the step it is a quarter as large, and has to be seen there too.
BEND = 100 * ULP
CLEAR = 8

# Another point, a thousandth away at least: a thousand steps from the kink, and the same problem.
MOVE = 1e-3
REDRAWS = 8  # points to try, the given one among them

# Taylor. The remainder falls as h^2 with the right gradient, as h with a wrong one; the threshold
# is between. Steps from 0.01, halved nine times: shorter than what functions bend over, and the
# remainder, from 1e-4 to 4e-10 of f, stays above the rounding of sums of about 1 (SERIES).
STEPS = (0.01 * 0.5 ** np.arange(10)).tolist()
SERIES = 1e-12
SLOPE = 1.5
READABLE = 4  # so many remainders above rounding are needed to see a slope
LAST = 3  # the shortest steps count, where higher terms are gone; the best of three, as one may
# be small by chance
LINES = 3  # directions to try: 1 in 20 misjudges a right relu of 10,000 elements, 3 do not
# f(x + hv) + f(x - hv) - 2 f(x) falls to a quarter at half the step, at a kink to a half.
HALVED = 3

# Two calls: another order of summing (threads, BLAS) moves the last digits of 16, another random
# number the first ones. Beside 0 the last digits are those of the terms.
SAME = 1e-9
SAME_ZERO = 1e-12

# Linear functions: <A x, y> and <x, A^T y> are sums of the same products in another order.
ADJOINT = 1e-10
