"""GELU: x where x is large, 0 where it is very negative, smooth between.

y = x Phi(x)                                   Phi(x): the chance that a standard normal
                                               number is below x
  = x (1 + t) / 2,  t = tanh(c (x + a x^3))    nearly; c = sqrt(2 / pi), a = 0.044715
"""

import math

from tinygpt.autograd.engine import op
from tinygpt.autograd.mode import recording
from tinygpt.backend import Array, array_module, pieces

C, A = math.sqrt(2 / math.pi), 0.044715


def gelu_plain(x):
    """The formula of the tanh form on Tensors."""
    t = (C * (x + A * x**3)).tanh()
    return x * (1.0 + t) * 0.5


def gelu_slope_plain(x):
    """dy/dx of the tanh form, on Tensors. By the product rule, since tanh' = 1 - tanh^2:
    (1 + t) / 2 + x (1 - t^2) / 2 u',  u = c (x + a x^3),  u' = c (1 + 3 a x^2)"""
    t = (C * (x + A * x**3)).tanh()
    return (1.0 + t) * 0.5 + x * (1.0 - t * t) * 0.5 * (C * (1.0 + 3.0 * A * x**2))


@op
def gelu(x, /, *, approximate="tanh"):
    """y = x (1 + t) / 2,  t = tanh(c (x + a x^3)),  c = sqrt(2 / pi), a = 0.044715.   any shape

    -1, 0, 1 -> -0.1588, 0, 0.8412. The tanh form of x Phi(x), as GPT-2 has it ("gelu_new" in
    Hugging Face). approximate="none": x Phi(x) itself, PyTorch's default, up to 5e-4 away.
    Hendrycks & Gimpel 2016, "Gaussian Error Linear Units", section 2. ValueError for another form.
    """
    if approximate == "none":
        return _gelu_exact(x)
    if approximate != "tanh":
        raise ValueError(f'expected approximate to be "tanh" or "none", got {approximate!r}')
    xp, shape = array_module(x), getattr(x, "shape", ())
    x = xp.reshape(x, -1)  # a long row, to be cut into pieces that fit into a CPU's cache
    x = x if x.dtype.kind == "f" else x * 1.0
    y = xp.empty_like(x)
    slope = xp.empty_like(x) if recording() else None  # made now, with everything in cache
    for piece in pieces(x):
        z = x[piece]
        square = z * z
        u = square * (C * A)  # u = c (z + a z^3) = z (c + c a z^2)
        u += C
        u *= z
        t = xp.tanh(u, out=u)
        t += 1.0
        h = xp.multiply(t, 0.5, out=t)  # (1 + t) / 2
        yz = xp.multiply(h, z, out=y[piece])
        if slope is None:
            continue
        # (1 - t^2) / 2 is 2 h (1 - h), so the slope is h + (1 - h) (z h) 2 u'
        square *= 6 * A * C
        square += 2 * C  # 2 u' = 2 c (1 + 3 a z^2)
        square *= yz
        dz = xp.subtract(1.0, h, out=slope[piece])
        dz *= square
        dz += h
    y = y.reshape(shape)
    return y, (None if slope is None else lambda dy: dy * slope.reshape(shape))


def _gelu_exact(x):
    """y = x Phi(x),  Phi(x) = (1 + erf(x / sqrt(2))) / 2,  dy/dx = Phi(x) + x phi(x)"""
    phi = 0.5 * (1.0 + erf(x * math.sqrt(0.5)))
    density = array_module(x).exp(x * x * -0.5) * (1 / math.sqrt(2 * math.pi))
    return x * phi, lambda dy: dy * (phi + x * density)


# --------------------------------------------------------------------------------------- erf

# numerators and denominators, highest power first: Cody 1969, "Rational Chebyshev approximations
# for the error function", tables I to III
SMALL = (
    (1.85777706184603153e-1, 3.16112374387056560, 1.13864154151050156e2, 3.77485237685302021e2,
     3.20937758913846947e3),
    (1.0, 2.36012909523441209e1, 2.44024637934444173e2, 1.28261652607737228e3,
     2.84423683343917062e3),
)  # fmt: skip
MIDDLE = (
    (2.15311535474403846e-8, 5.64188496988670089e-1, 8.88314979438837594, 6.61191906371416295e1,
     2.98635138197400131e2, 8.81952221241769090e2, 1.71204761263407058e3, 2.05107837782607147e3,
     1.23033935479799725e3),
    (1.0, 1.57449261107098347e1, 1.17693950891312499e2, 5.37181101862009858e2,
     1.62138957456669019e3, 3.29079923573345963e3, 4.36261909014324716e3, 3.43936767414372164e3,
     1.23033935480374942e3),
)  # fmt: skip
LARGE = (
    (1.63153871373020978e-2, 3.05326634961232344e-1, 3.60344899949804439e-1,
     1.25781726111229246e-1, 1.60837851487422766e-2, 6.58749161529837803e-4),
    (1.0, 2.56852019228982242, 1.87295284992346725, 5.27905102951428412e-1,
     6.05183413124413191e-2, 2.33520497626869185e-3),
)  # fmt: skip


def erf(x: Array) -> Array:
    """The error function 2 / sqrt(pi) times the integral of exp(-t^2) from 0 to x.   any shape

    NumPy has none. Cody's rational approximations for |x| below 0.46875, below 4 and beyond, within
    2e-16 in float64: erf x = x R(x^2), then erfc x = exp(-x^2) R(x), then with R(1 / x^2).
    """
    xp, a = array_module(x), abs(x)

    def ratio(polynomials: tuple[tuple[float, ...], ...], z: Array) -> Array:
        numerator, denominator = (xp.zeros_like(z) + p[0] for p in polynomials)
        for n, d in zip(polynomials[0][1:], polynomials[1][1:], strict=True):
            numerator, denominator = numerator * z + n, denominator * z + d
        return numerator / denominator

    near, far = xp.minimum(a, 0.46875), xp.minimum(xp.maximum(a, 4.0), 6.0)  # from 6 on erf is 1
    middle, z = xp.minimum(a, 4.0), 1 / (far * far)
    small = near * ratio(SMALL, near * near)
    large = 1 - xp.exp(-far * far) / far * (1 / math.sqrt(math.pi) - z * ratio(LARGE, z))
    y = xp.where(a < 4.0, 1 - xp.exp(-middle * middle) * ratio(MIDDLE, middle), large)
    return xp.sign(x) * xp.where(a < 0.46875, small, y)
