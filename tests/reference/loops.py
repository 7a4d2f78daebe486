"""The ops as loops in plain Python.

Arrays are only read element by element and filled element by element; every number is computed by
`math` and the four operations. Broadcasting, sums, products and indexing are written out.
"""

import builtins
import math
from itertools import product

import numpy as np


def indices(shape):
    return product(*map(range, shape))


def element(a, index):
    """a at the index of a larger shape: axes of size 1 and missing ones are stretched."""
    a = np.asarray(a)
    own = index[len(index) - a.ndim :]
    return a[tuple(0 if n == 1 else i for i, n in zip(own, a.shape, strict=True))].item()


def stretched(*shapes):
    """The shape of the result of broadcasting."""
    ndim = builtins.max(map(len, shapes))
    padded = [(1,) * (ndim - len(s)) + tuple(s) for s in shapes]
    return tuple(builtins.max(sizes) for sizes in zip(*padded, strict=True))


def elementwise(function, *arrays):
    shape = stretched(*(np.shape(a) for a in arrays))
    y = np.empty(shape)
    for i in indices(shape):
        y[i] = function(*(element(a, i) for a in arrays))
    return y


def add(a, b):
    return elementwise(lambda x, y: x + y, a, b)


def sub(a, b):
    return elementwise(lambda x, y: x - y, a, b)


def mul(a, b):
    return elementwise(lambda x, y: x * y, a, b)


def div(a, b):
    return elementwise(lambda x, y: x / y, a, b)


def maximum(a, b):
    return elementwise(lambda x, y: x if x > y else y, a, b)


def where(condition, a, b):
    return elementwise(lambda c, x, y: x if c else y, condition, a, b)


def neg(x):
    return elementwise(lambda v: -v, x)


def power(x, *, exponent):
    return elementwise(lambda v: math.pow(v, exponent), x)


def exp(x):
    return elementwise(math.exp, x)


def log(x):
    return elementwise(math.log, x)


def sqrt(x):
    return elementwise(math.sqrt, x)


def tanh(x):
    return elementwise(math.tanh, x)


def gelu(x, *, approximate="tanh"):
    if approximate == "none":
        return elementwise(lambda v: v * (1 + math.erf(v / math.sqrt(2))) / 2, x)
    c = math.sqrt(2 / math.pi)
    return elementwise(lambda v: v * (1 + math.tanh(c * (v + 0.044715 * v * v * v))) / 2, x)


def astype(x, *, dtype):
    return elementwise(float, x).astype(dtype)


# ---------------------------------------------------------------------------------- reductions


def reduction(x, axis, keepdims, combine):
    """combine(list of the numbers that share the kept indices), for every kept index."""
    axes = range(x.ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    axes = {a % x.ndim for a in axes} if x.ndim else set()
    groups = {}
    for i in indices(x.shape):
        kept = tuple(0 if a in axes else n for a, n in enumerate(i))
        groups.setdefault(kept, []).append(x[i].item())
    y = np.empty(tuple(1 if a in axes else n for a, n in enumerate(x.shape)))
    for kept, numbers in groups.items():
        y[kept] = combine(numbers)
    if keepdims:
        return y
    return y.reshape([n for a, n in enumerate(x.shape) if a not in axes])


def sum(x, *, axis=None, keepdims=False):
    return reduction(x, axis, keepdims, math.fsum)


def mean(x, *, axis=None, keepdims=False):
    return reduction(x, axis, keepdims, lambda numbers: math.fsum(numbers) / len(numbers))


def var(x, *, axis=None, keepdims=False, ddof=0):
    def combine(numbers):
        centre = math.fsum(numbers) / len(numbers)
        return math.fsum((v - centre) ** 2 for v in numbers) / (len(numbers) - ddof)

    return reduction(x, axis, keepdims, combine)


def max(x, *, axis=None, keepdims=False):
    def largest(numbers):
        best = numbers[0]
        for v in numbers:
            best = v if v > best else best
        return best

    return reduction(x, axis, keepdims, largest)


# ------------------------------------------------------------------------------------ products


def matmul(a, b):
    row, column = a.ndim == 1, b.ndim == 1
    a = a.reshape(1, -1) if row else a
    b = b.reshape(-1, 1) if column else b
    stack = stretched(a.shape[:-2], b.shape[:-2])
    n, m, k = a.shape[-2], a.shape[-1], b.shape[-1]
    y = np.empty((*stack, n, k))
    for s in indices(stack):
        for i in range(n):
            for j in range(k):
                y[(*s, i, j)] = math.fsum(
                    _in_stack(a, s, i, r) * _in_stack(b, s, r, j) for r in range(m)
                )
    y = y[..., 0, :] if row else y
    return y[..., 0] if column else y


def _in_stack(a, stack, i, j):
    own = stack[len(stack) - (a.ndim - 2) :]
    at = [0 if n == 1 else s for s, n in zip(own, a.shape, strict=False)]
    return a[(*at, i, j)].item()


def linear(x, weight, bias=None):
    y = np.empty((*x.shape[:-1], weight.shape[1]))
    for at in indices(x.shape[:-1]):
        for j in range(weight.shape[1]):
            total = 0.0 if bias is None else bias[j].item()
            for i in range(weight.shape[0]):
                total += x[(*at, i)].item() * weight[i, j].item()
            y[(*at, j)] = total
    return y


def unembed(x, table):
    y = np.empty((*x.shape[:-1], len(table)))
    for at in indices(x.shape[:-1]):
        for j in range(len(table)):
            y[(*at, j)] = math.fsum(
                x[(*at, c)].item() * table[j, c].item() for c in range(x.shape[-1])
            )
    return y


def embedding(table, ids):
    y = np.empty((*ids.shape, table.shape[1]))
    for at in indices(ids.shape):
        for c in range(table.shape[1]):
            y[(*at, c)] = table[ids[at].item(), c].item()
    return y


# -------------------------------------------------------------------------------------- shapes


def reshape(x, *, shape):
    flat = [x[i].item() for i in indices(x.shape)]
    shape = (shape,) if isinstance(shape, int) else tuple(shape)
    known = math.prod(n for n in shape if n != -1)
    shape = tuple(len(flat) // known if n == -1 else n for n in shape)
    y = np.empty(shape)
    for value, i in zip(flat, indices(shape), strict=True):
        y[i] = value
    return y


def transpose(x, *, axes=()):
    axes = [a % x.ndim for a in axes] or list(range(x.ndim))[::-1]
    y = np.empty([x.shape[a] for a in axes])
    for i in indices(y.shape):
        source = [0] * x.ndim
        for where_, axis in zip(i, axes, strict=True):
            source[axis] = where_
        y[i] = x[tuple(source)].item()
    return y


def broadcast_to(x, *, shape):
    y = np.empty(shape)
    for i in indices(shape):
        y[i] = element(x, i)
    return y


def getitem(x, *, index):
    """Numbers the elements of x in a list of lists and picks from those numbers."""
    numbers = np.arange(x.size).reshape(x.shape)[index]
    flat = [x[i].item() for i in indices(x.shape)]
    y = np.empty(numbers.shape)
    for i in indices(numbers.shape):
        y[i] = flat[numbers[i].item()]
    return y


def concat(*parts, axis=0):
    axis %= parts[0].ndim
    shape = list(parts[0].shape)
    shape[axis] = math.fsum(p.shape[axis] for p in parts)
    y = np.empty([int(n) for n in shape])
    start = 0
    for part in parts:
        for i in indices(part.shape):
            y[(*i[:axis], i[axis] + start, *i[axis + 1 :])] = part[i].item()
        start += part.shape[axis]
    return y


def stack(*parts, axis=0):
    ndim = parts[0].ndim + 1
    axis %= ndim
    shape = list(parts[0].shape)
    shape.insert(axis, len(parts))
    y = np.empty(shape)
    for k, part in enumerate(parts):
        for i in indices(part.shape):
            y[(*i[:axis], k, *i[axis:])] = part[i].item()
    return y


def split(x, *, n, axis=0):
    axis %= x.ndim
    size = x.shape[axis] // n
    shape = [size if a == axis else m for a, m in enumerate(x.shape)]
    parts = [np.empty(shape) for _ in range(n)]
    for i in indices(x.shape):
        part, rest = divmod(i[axis], size)
        parts[part][(*i[:axis], rest, *i[axis + 1 :])] = x[i].item()
    return tuple(parts)


# ---------------------------------------------------------------------------------- components


def softmax(x, *, axis=-1):
    if axis != -1:
        return softmax(x.swapaxes(axis, -1)).swapaxes(axis, -1)
    y = np.empty(x.shape)
    for at in indices(x.shape[:-1]):
        row = [x[(*at, j)].item() for j in range(x.shape[-1])]
        total = math.fsum(math.exp(v - row[0]) for v in row)
        for j, v in enumerate(row):
            y[(*at, j)] = math.exp(v - row[0]) / total
    return y


def layer_norm(x, weight, bias=None, *, eps=1e-5):
    y, C = np.empty(x.shape), x.shape[-1]
    for at in indices(x.shape[:-1]):
        row = [x[(*at, c)].item() for c in range(C)]
        centre = math.fsum(row) / C
        variance = math.fsum((v - centre) ** 2 for v in row) / C
        for c, v in enumerate(row):
            shift = 0.0 if bias is None else bias[c].item()
            y[(*at, c)] = (v - centre) / math.sqrt(variance + eps) * weight[c].item() + shift
    return y


def cross_entropy(logits, targets, *, ignore_index=-100, label_smoothing=0.0, reduction="mean"):
    losses, each = [], np.zeros(targets.shape)
    for at in indices(logits.shape[:-1]):
        target = targets[at].item()
        if target != ignore_index:
            row = [logits[(*at, j)].item() for j in range(logits.shape[-1])]
            surprise = [math.log(math.fsum(math.exp(v - z) for v in row)) for z in row]
            spread = math.fsum(surprise) / len(row)
            losses.append((1 - label_smoothing) * surprise[target] + label_smoothing * spread)
            each[at] = losses[-1]
    if reduction == "none":
        return each
    return np.asarray(math.fsum(losses) / (len(losses) if reduction == "mean" else 1))


def keep(number, key, p):
    """The hash of dropout on Python's whole numbers, cut to 32 bits after each step."""
    bits = 2**32 - 1
    h = number * 0x9E3779B1 & bits
    h ^= h >> 15
    h ^= key
    h ^= h >> 16
    h = h * 0x7FEB352D & bits
    h ^= h >> 15
    h = h * 0x846CA68B & bits
    h ^= h >> 16
    return h >= int(p * 2**32)


def dropout(x, *, p, key=None):
    y = np.empty(x.shape)
    first = 0 if key is None else key.row * (x.size // len(x))
    for number, i in enumerate(indices(x.shape)):
        kept = p == 0 or keep(first + number, key.number, p)
        y[i] = x[i].item() / (1 - p) if kept else 0.0
    return y


def split_heads(qkv, *, n_head):
    B, T, C3 = qkv.shape
    C, D = C3 // 3, C3 // 3 // n_head
    parts = [np.empty((B, n_head, T, D)) for _ in range(3)]
    for b, t, part, h, d in product(range(B), range(T), range(3), range(n_head), range(D)):
        parts[part][b, h, t, d] = qkv[b, t, part * C + h * D + d].item()
    return tuple(parts)


def merge_heads(y):
    B, H, T, D = y.shape
    merged = np.empty((B, T, H * D))
    for b, h, t, d in indices(y.shape):
        merged[b, t, h * D + d] = y[b, h, t, d].item()
    return merged


def stretched_speed(speed, factor=1.0, low=None, high=None, length=None):
    """Llama 3.1's rule by cases, on the length of a whole turn."""
    if low is None:
        return speed / factor
    turn = 2 * math.pi / speed
    if turn < length / high:
        return speed
    if turn > length / low:
        return speed / factor
    smooth = (length / turn - low) / (high - low)
    return (1 - smooth) * speed / factor + smooth * speed


def rms_norm(x, weight, *, eps=1e-5):
    y, C = np.empty(x.shape), x.shape[-1]
    for at in indices(x.shape[:-1]):
        square = math.fsum(x[(*at, c)].item() ** 2 for c in range(C)) / C
        for c in range(C):
            y[(*at, c)] = x[(*at, c)].item() / math.sqrt(square + eps) * weight[c].item()
    return y


def swiglu(gate, x):
    return elementwise(lambda g, v: g / (1 + math.exp(-g)) * v, gate, x)


def split_groups(qkv, *, n_head, n_kv_head):
    B, T, width = qkv.shape
    D = width // (n_head + 2 * n_kv_head)
    parts, first = [], 0
    for heads in (n_head, n_kv_head, n_kv_head):
        part = np.empty((B, heads, T, D))
        for b, h, t, d in indices(part.shape):
            part[b, h, t, d] = qkv[b, t, (first + h) * D + d].item()
        parts.append(part)
        first += heads
    return tuple(parts)


def share_heads(x, *, times):
    B, G, S, D = x.shape
    y = np.empty((B, G * times, S, D))
    for b, h, s, d in indices(y.shape):
        y[b, h, s, d] = x[b, h // times, s, d].item()
    return y


def rotary(x, *, start=0, positions=None, base=10_000.0, scaling=(), pairs="halves"):
    """Each pair as a complex number, multiplied by one of size 1."""
    y, half = np.empty(x.shape), x.shape[-1] // 2
    where = np.broadcast_to(range(start, start + x.shape[-2]) if positions is None else positions,
                            x.shape[:-1])  # fmt: skip
    for *at, t, i in indices((*x.shape[:-1], half)):
        angle = where[(*at, t)].item() * stretched_speed(base ** (-2 * i / x.shape[-1]), *scaling)
        j, k = (i, i + half) if pairs == "halves" else (2 * i, 2 * i + 1)
        a, b = x[(*at, t, j)].item(), x[(*at, t, k)].item()
        turned = complex(a, b) * complex(math.cos(angle), math.sin(angle))
        y[(*at, t, j)], y[(*at, t, k)] = turned.real, turned.imag
    return y


def attention(q, k, v, *, causal=True, mask=None, key_padding=None, slopes=None, p=0.0, key=None):
    B, H, T, D = q.shape
    S = k.shape[2]
    mask = np.broadcast_to(True if mask is None else mask, (B, H, T, S))
    y = np.zeros(q.shape)
    for b, h, t in product(range(B), range(H), range(T)):
        here = S - T + t  # the position of this query
        scores = {}
        for s in range(here + 1 if causal else S):
            if mask[b, h, t, s] and (key_padding is None or key_padding[b, s]):
                product_ = math.fsum(q[b, h, t, d].item() * k[b, h, s, d].item() for d in range(D))
                slope = 0.0 if slopes is None else slopes[h]
                scores[s] = product_ / math.sqrt(D) - slope * builtins.abs(here - s)
        for s, score in scores.items():
            w = 1 / math.fsum(math.exp(other - score) for other in scores.values())
            if p:
                number = (((key.row + b) * H + h) * T + t) * S + s
                w = w / (1 - p) if keep(number, key.number, p) else 0.0
            for d in range(D):
                y[b, h, t, d] += w * v[b, h, s, d].item()
    return y


# ----------------------------------------------------------------------------------- more_ops.py


def relu(x):
    return elementwise(lambda a: a if a > 0 else 0.0, x)


def sigmoid(x):
    return elementwise(lambda a: 1 / (1 + math.exp(-a)), x)


def silu(x):
    return elementwise(lambda a: a / (1 + math.exp(-a)), x)


def sin(x):
    return elementwise(math.sin, x)


def cos(x):
    return elementwise(math.cos, x)


def abs(x):
    return elementwise(lambda a: -a if a < 0 else a, x)


def clip(x, *, min=None, max=None):
    def clipped(a):
        a = min if min is not None and a < min else a
        return max if max is not None and a > max else a

    return elementwise(clipped, x)


def minimum(a, b):
    return elementwise(lambda x, y: x if x < y else y, a, b)


def min(x, *, axis=None, keepdims=False):
    return -max(-x, axis=axis, keepdims=keepdims)


def std(x, *, axis=None, keepdims=False, ddof=0):
    return elementwise(math.sqrt, var(x, axis=axis, keepdims=keepdims, ddof=ddof))


def norm(x, *, axis=None, keepdims=False):
    squares = elementwise(lambda a: a * a, x)
    return elementwise(math.sqrt, sum(squares, axis=axis, keepdims=keepdims))


def cumsum(x, *, axis=-1):
    y = np.empty(x.shape)
    axis %= x.ndim
    for i in indices(x.shape):
        y[i] = math.fsum(x[(*i[:axis], j, *i[axis + 1 :])] for j in range(i[axis] + 1))
    return y


def log_softmax(x, *, axis=-1):
    y = np.empty(x.shape)
    axis %= x.ndim
    for i in indices(x.shape):
        row = [x[(*i[:axis], j, *i[axis + 1 :])] for j in range(x.shape[axis])]
        y[i] = x[i] - math.log(math.fsum(map(math.exp, row)))
    return y


def take_along_axis(x, at, *, axis=-1):
    y = np.empty(at.shape)
    axis %= x.ndim
    for i in indices(at.shape):
        y[i] = x[(*i[:axis], at[i], *i[axis + 1 :])]
    return y


def einsum(subscripts, *operands):
    inputs, result = subscripts.split("->")
    parts = inputs.split(",")
    size = {s: n for part, a in zip(parts, operands, strict=True)
            for s, n in zip(part, a.shape, strict=True)}  # fmt: skip
    letters = "".join(size)
    y = np.zeros([size[s] for s in result])
    for values in product(*(range(size[s]) for s in letters)):
        at = dict(zip(letters, values, strict=True))
        term = math.prod(
            a[tuple(at[s] for s in part)] for part, a in zip(parts, operands, strict=True)
        )
        y[tuple(at[s] for s in result)] += term
    return y


def _on_one_side(x, wanted):
    y = np.zeros(x.shape)
    for i in indices(x.shape):
        if wanted(i[-1] - i[-2]):
            y[i] = x[i]
    return y


def tril(x, *, k=0):
    return _on_one_side(x, lambda right: right <= k)


def triu(x, *, k=0):
    return _on_one_side(x, lambda right: right >= k)
