"""More small ops, by the rules of ops.py, which offers them too: `from tinygpt import ops`.

A GPT needs none of them. They are what one reaches for when writing something else.
"""

from tinygpt.autograd.broadcasting import extreme, shape_of, spread
from tinygpt.autograd.engine import op, unbroadcast
from tinygpt.backend import array_module, like

# -------------------------------------------------------------------------- element by element


@op
def relu(x, /):
    """y = x where x > 0, else 0; at 0 the slope is 0.   (2, 3) -> (2, 3)"""
    above = x > 0
    return x * above, lambda dy: dy * above


@op
def sigmoid(x, /):
    """y = 1 / (1 + e^-x).   (2, 3) -> (2, 3)

    As (1 + tanh(x / 2)) / 2, which is the same and cannot overflow.
    """
    y = 0.5 + 0.5 * array_module(x).tanh(0.5 * x)
    return y, lambda dy: dy * y * (1.0 - y)


@op
def silu(x, /):
    """y = x sigmoid(x), also called swish.   (2, 3) -> (2, 3)

    Elfwing, Uchibe & Doya 2018, "Sigmoid-weighted linear units", section 2.
    """
    s = 0.5 + 0.5 * array_module(x).tanh(0.5 * x)
    return x * s, lambda dy: dy * (s + x * s * (1.0 - s))


@op
def sin(x, /):
    """y = sin x.   (2, 3) -> (2, 3)"""
    xp = array_module(x)
    return xp.sin(x), lambda dy: dy * xp.cos(x)


@op
def cos(x, /):
    """y = cos x.   (2, 3) -> (2, 3)"""
    xp = array_module(x)
    return xp.cos(x), lambda dy: dy * -xp.sin(x)


@op
def abs(x, /):
    """y = |x|; at 0 the slope is 0.   (2, 3) -> (2, 3)"""
    xp = array_module(x)
    return xp.abs(x), lambda dy: dy * xp.sign(x)


@op
def clip(x, /, *, min=None, max=None):
    """y = x, but at least min and at most max, two numbers.   (2, 3) -> (2, 3)

    The gradient passes where x was not changed.
    """
    y = x
    if min is not None:
        y = array_module(x).maximum(y, min)
    if max is not None:
        y = array_module(x).minimum(y, max)
    same = y == x
    return y, lambda dy: dy * same


@op
def minimum(a, b, /):
    """y = the smaller of a and b, element by element, broadcast.   (2, 3), (3,) -> (2, 3)

    Where they are equal each gets half of the gradient.
    """

    def backward(dy):  # da = dy where a is smaller,  db = dy where b is
        share = (a < b) + 0.5 * (a == b)
        da = dy * share.astype(dy.dtype)
        return unbroadcast(da, shape_of(a)), unbroadcast(dy - da, shape_of(b))

    xp = array_module(b if isinstance(a, int | float) else a)
    return xp.minimum(a, b), backward


# --------------------------------------------------------------------------------- along an axis


@op
def min(x, /, *, axis=None, keepdims=False):
    """y = the smallest of x over axis.   (2, 3), axis=1 -> (2,)

    Equal minima share the gradient.
    """
    return extreme(x, x.min(axis=axis, keepdims=True), axis, keepdims)


@op
def std(x, /, *, axis=None, keepdims=False, ddof=0):
    """y = sqrt(var x) over axis, where var divides by n - ddof.   (2, 3), axis=1 -> (2,)

    Differs from PyTorch, whose default is ddof=1. Where y is 0 the gradient is 0.
    """
    xp = array_module(x)
    centred = x - x.mean(axis=axis, keepdims=True)
    square = (centred * centred).sum(axis=axis, keepdims=True)
    n = x.size / square.size - ddof
    y = xp.sqrt(square * (1 / n))

    def backward(dy):  # dx = dy (x - mean) / (n y)
        slope = centred / xp.where(y == 0, 1.0, n * y).astype(x.dtype)
        return spread(dy, x.shape, axis, keepdims) * slope

    return y if keepdims else y.squeeze(axis) if axis is not None else y.reshape(()), backward


@op
def norm(x, /, *, axis=None, keepdims=False):
    """y = sqrt(sum of x^2) over axis, the length.   (2, 3), axis=1 -> (2,)

    Where y is 0 the gradient is 0.
    """
    xp = array_module(x)
    y = xp.sqrt((x * x).sum(axis=axis, keepdims=True))

    def backward(dy):  # dx = dy x / y
        return spread(dy, x.shape, axis, keepdims) * (x / xp.where(y == 0, 1.0, y).astype(x.dtype))

    return y if keepdims else y.squeeze(axis) if axis is not None else y.reshape(()), backward


@op
def cumsum(x, /, *, axis=-1):
    """y_i = x_0 + ... + x_i along axis.   (2, 3) -> (2, 3)"""
    xp = array_module(x)
    return xp.cumsum(x, axis=axis), lambda dy: xp.flip(xp.cumsum(xp.flip(dy, axis), axis), axis)


@op
def log_softmax(x, /, *, axis=-1):
    """y_i = x_i - log sum_j exp(x_j) along axis.   (2, 3) -> (2, 3)

    log(softmax(x)) would be -inf where softmax has rounded to 0, from a distance of 104 on.
    """
    xp = array_module(x)
    y = x - x.max(axis=axis, keepdims=True)
    y -= xp.log(xp.exp(y).sum(axis=axis, keepdims=True))
    # dx_i = dy_i - softmax(x)_i sum_j dy_j
    return y, lambda dy: dy - xp.exp(y) * dy.sum(axis=axis, keepdims=True)


@op
def take_along_axis(x, indices, /, *, axis=-1):
    """y[..., j, ...] = x[..., indices[..., j, ...], ...] along axis, PyTorch's gather.

    (2, 3), integers (2, 5) -> (2, 5). An element that was taken several times gets the sum.
    """
    xp, shape = array_module(x), x.shape
    indices, axis = like(indices, x), axis % x.ndim

    def backward(dy):
        dx = xp.zeros(shape, dy.dtype)
        at = [xp.arange(n).reshape([-1 if i == k else 1 for i in range(len(shape))])
              for k, n in enumerate(indices.shape)]  # fmt: skip
        at[axis] = indices
        xp.add.at(dx, tuple(at), dy)
        return dx, None

    return xp.take_along_axis(x, indices, axis=axis), backward


# ------------------------------------------------------------------------------------- products


@op
def einsum(subscripts, /, *operands):
    """Products and sums by letters, as np.einsum.   einsum("ij,jk->ik", (2, 3), (3, 5)) -> (2, 5)

    The result's letters have to be named (->), and no operand may have a letter twice: ValueError.
    The gradient of an operand is an einsum too: dy in its place, and its letters as the result's.
    """
    inputs, arrow, result = subscripts.replace(" ", "").partition("->")
    letters = inputs.split(",")
    if not arrow or "." in subscripts or any(len(set(s)) < len(s) for s in [*letters, result]):
        raise ValueError(
            f'expected letters as in "ij,jk->ik", each once a part, got {subscripts!r}'
        )
    xp = array_module(operands[0])
    size = {s: n for part, a in zip(letters, operands, strict=True)
            for s, n in zip(part, a.shape, strict=True)}  # fmt: skip

    def backward(dy):
        grads = []
        for i, own in enumerate(letters):
            others = [(part, a) for k, (part, a) in enumerate(zip(letters, operands, strict=True))
                      if k != i]  # fmt: skip
            terms = [(result, dy), *others]
            alone = "".join(s for s in own if not any(s in part for part, _ in terms))
            terms.append((alone, xp.ones([size[s] for s in alone], dy.dtype)))  # summed in it alone
            named = ",".join(part for part, _ in terms)
            grads.append(xp.einsum(f"{named}->{own}", *(a for _, a in terms)))
        return None, *grads

    return xp.asarray(xp.einsum(subscripts, *operands)), backward


@op
def tril(x, /, *, k=0):
    """x on and below the k-th diagonal, 0 above it.   (2, 3) -> (2, 3)"""
    xp = array_module(x)
    return xp.tril(x, k), lambda dy: xp.tril(dy, k)


@op
def triu(x, /, *, k=0):
    """x on and above the k-th diagonal, 0 below it.   (2, 3) -> (2, 3)"""
    xp = array_module(x)
    return xp.triu(x, k), lambda dy: xp.triu(dy, k)
