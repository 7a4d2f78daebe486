"""Right answers as other people write them: loops, in place, one-hot. All must pass."""

import copy
import functools
import math

import numpy as np

from tinygpt.backend import array_module


def softmax_in_loops(z):
    rows = z.reshape(-1, z.shape[-1])
    y = np.empty_like(rows)
    for i, row in enumerate(rows):
        top = max(row)
        total = sum(math.exp(v - top) for v in row)
        for j, v in enumerate(row):
            y[i, j] = math.exp(v - top) / total
    return y.reshape(z.shape)


def softmax_by_logarithm(z):
    top = z.max(-1, keepdims=True)
    return np.exp(z - top - np.log(np.exp(z - top).sum(-1, keepdims=True)))


def softmax_in_place(z):
    y = z.copy()
    y -= y.max(-1)[..., None]
    np.exp(y, out=y)
    y /= y.sum(-1)[..., None]
    return y


def _loss(logits, targets):
    p = softmax_in_place(logits)
    return p, -np.log(p[np.arange(len(targets)), targets]).mean()


def cross_entropy_in_loops(logits, targets):
    p, loss = _loss(logits, targets)

    def backward(dy):
        dz = np.zeros_like(p)
        for i in range(len(targets)):
            for j in range(p.shape[1]):
                dz[i, j] = (p[i, j] - (1 if j == targets[i] else 0)) / len(targets) * dy
        return dz, None

    return loss, backward


def cross_entropy_one_hot(logits, targets):
    p, loss = _loss(logits, targets)

    def backward(dy):
        truth = np.eye(logits.shape[-1], dtype=logits.dtype)[targets]
        return dy * (p - truth) / len(targets), None

    return loss, backward


def floor_in_loops(counts):
    total = 0.0
    for row in counts:
        for c in row:
            if c:
                total += c * -math.log(c / row.sum())
    return total / counts.sum()


def floor_as_a_difference(counts):
    """H(a, b) - H(a)"""
    pairs = counts[counts > 0] / counts.sum()
    single = counts.sum(1)[counts.sum(1) > 0] / counts.sum()
    return -(pairs * np.log(pairs)).sum() + (single * np.log(single)).sum()


def mul_by_lambda(a, b):
    return a * b, lambda dy: [b * dy, a * dy]


def mul_in_steps(a, b):
    slope_a, slope_b = b, a

    def backward(dy):
        da = slope_a
        da *= dy
        return da, slope_b * dy

    return a * b, backward


def send_by_number(node):
    for i in range(len(node.parents)):
        node.parents[i].grad = node.parents[i].grad + node.grad * node.slopes[i]


def send_one_by_one(node):
    if node.parents:
        left, right = node.parents
        left.grad += node.slopes[0] * node.grad
        right.grad += node.slopes[1] * node.grad


def backward_by_recursion(root):
    """Depth first: a node comes after everything that it was made of."""
    order = []

    def visit(node):
        if node not in order:
            for parent in node.parents:
                visit(parent)
            order.append(node)

    visit(root)
    root.grad = 1.0
    for node in reversed(order):
        send_by_number(node)


def backward_by_the_latest(root):
    root.grad = 1
    todo = {root}
    while todo:
        node = max(todo, key=lambda n: n.time)
        todo.remove(node)
        send_one_by_one(node)
        todo |= set(node.parents)


def look_in_loops(q, keys, values):
    scores = []
    for key in keys:
        scores.append(sum(a * b for a, b in zip(q, key, strict=True)) / len(q) ** 0.5)
    top = max(scores)
    weights = [math.exp(s - top) for s in scores]
    result = np.zeros_like(values[0])
    for w, value in zip(weights, values, strict=True):
        result += w / sum(weights) * value
    return result


def look_scaled_first(q, keys, values):
    s = (q / len(q) ** 0.5) @ keys.T
    w = np.exp(s - np.log(np.exp(s - s.max()).sum()) - s.max())
    return np.einsum("s,sd->d", w, values)


def mask_in_loops(n_q, n_k):
    mask = np.zeros((n_q, n_k), dtype=bool)
    for i in range(n_q):
        for j in range(n_k):
            mask[i, j] = j <= n_k - n_q + i
    return mask


def mask_by_tri(n_q, n_k):
    return np.tri(n_q, n_k, n_k - n_q, dtype=bool)


def mask_of_ones(n_q, n_k):
    return np.tril(np.ones((n_k, n_k), bool))[-n_q:]


def attention_in_loops(q, k, v):
    y = np.zeros_like(v)
    for b in range(q.shape[0]):
        for h in range(q.shape[1]):
            for t in range(q.shape[2]):
                y[b, h, t] = look_in_loops(q[b, h, t], k[b, h, : t + 1], v[b, h, : t + 1])
    return y


def attention_by_einsum(q, k, v):
    T = q.shape[2]
    s = np.einsum("bhid,bhjd->bhij", q, k) / math.sqrt(q.shape[-1])
    s += np.triu(np.full((T, T), -np.inf, dtype=s.dtype), 1)
    return np.einsum("bhij,bhjd->bhid", softmax_in_place(s), v)


def clip_as_one_vector(grads, max_norm):
    flat = np.concatenate([g.ravel() for g in grads])
    norm = np.linalg.norm(flat)
    if norm > max_norm:
        for g in grads:
            g[...] = g * max_norm / norm
    return norm


def clip_in_loops(grads, max_norm):
    total = 0.0
    for g in grads:
        for value in g.flat:
            total += value * value
    if total <= max_norm**2:
        return total**0.5
    for g in grads:
        for i in range(g.size):
            g.flat[i] *= max_norm / total**0.5
    return total**0.5


def adamw_in_loops(w, g, m, v, t, lr, beta1, beta2, eps, decay):
    for i in range(w.size):
        gradient = g.flat[i]
        m.flat[i] = beta1 * m.flat[i] + (1 - beta1) * gradient
        v.flat[i] = beta2 * v.flat[i] + (1 - beta2) * gradient**2
        up, below = m.flat[i] / (1 - beta1**t), v.flat[i] / (1 - beta2**t)
        w.flat[i] -= lr * decay * w.flat[i] + lr * up / (below**0.5 + eps)


def adamw_with_one_rate(w, g, m, v, t, lr, beta1, beta2, eps, decay):
    """Kingma & Ba's second form: the corrections in the rate, and eps scaled with them."""
    m *= beta1
    m += (1 - beta1) * g
    v *= beta2
    v += (1 - beta2) * g**2
    root = math.sqrt(1 - beta2**t)
    w[...] = w - lr * decay * w - lr * root / (1 - beta1**t) * m / (np.sqrt(v) + eps * root)


def rate_by_cases(step, peak, floor, warmup, total):
    along = min(max(step - warmup, 0) / (total - warmup), 1.0)
    wave = math.cos(math.pi / 2 * along) ** 2
    return peak * step / warmup if step < warmup else floor + (peak - floor) * wave


def rate_from_a_table(step, peak, floor, warmup, total):
    rising = [peak * (i / warmup) for i in range(1, warmup)] if warmup else []
    n = total - max(warmup, 1)
    start = 0 if warmup else 1
    falling = [
        (peak + floor) / 2 + (peak - floor) / 2 * np.cos(np.pi * (i + start) / (total - warmup))
        for i in range(n)
    ]
    table = [*rising, *falling]
    return table[step - 1] if step <= len(table) else floor


def slopes_on_copies(f, x, eps):
    x = np.array(x, float if x.dtype.kind != "f" else x.dtype)
    gradient = np.empty_like(x)
    for i in range(x.size):
        above, below = x.copy(), x.copy()
        above.reshape(-1)[i] += eps
        below.reshape(-1)[i] -= eps
        gradient.reshape(-1)[i] = (f(above) - f(below)) / 2 / eps
    return gradient


def slopes_with_a_kept_array(f, x, eps):
    if not np.issubdtype(x.dtype, np.floating):
        raise ValueError("floats only")
    gradient, before = np.zeros(x.shape, x.dtype), x.copy()
    for i, _ in np.ndenumerate(x):
        x[i] += eps
        up = f(x)
        x[...] = before
        x[i] -= eps
        gradient[i] = (up - f(x)) / (2 * eps)
        x[...] = before
    return gradient


def descend_by_recursion(slope, x, learning_rate, steps):
    if steps == 0:
        return 1 * x
    return descend_by_recursion(slope, x - learning_rate * slope(x), learning_rate, steps - 1)


def descend_by_elements(slope, x, learning_rate, steps):
    x = np.array(x)
    while steps > 0:
        s = slope(x)
        for i in np.ndindex(x.shape):
            x[i] = x[i] - learning_rate * s[i]
        steps -= 1
    return x


def eps_from_a_table(dtype):
    return {"float64": 1e-5, "float32": 1e-2}[np.dtype(dtype).name]


def eps_by_the_cube_root(dtype):
    return np.cbrt(3 * np.finfo(dtype).eps)


def sum_by_repeating(x, axis):
    def backward(dy):
        return np.repeat(np.expand_dims(dy, axis), x.shape[axis], axis)

    return np.sum(x, axis), backward


def sum_by_a_view(x, axis):
    shape = list(x.shape)
    shape[axis] = 1
    return np.add.reduce(x, axis), lambda dy: np.broadcast_to(dy.reshape(shape), x.shape)


def unbroadcast_at_once(dy, shape):
    front = dy.ndim - len(shape)
    stretched = [i + front for i, n in enumerate(shape) if n == 1]
    return dy.sum(axis=tuple(range(front)) + tuple(stretched)).reshape(shape)


def unbroadcast_in_loops(dy, shape):
    out = np.zeros(shape, dy.dtype)
    for at in np.ndindex(dy.shape):
        own = at[dy.ndim - len(shape) :]
        out[tuple(0 if n == 1 else i for i, n in zip(own, shape, strict=True))] += dy[at]
    return out


def matmul_by_einsum(x, w):
    def backward(dy):
        return np.einsum("...d,cd->...c", dy, w), np.tensordot(
            x, dy, (list(range(x.ndim - 1)),) * 2
        )

    return x @ w, backward


def matmul_summed_over_the_batch(x, w):
    def backward(dy):
        dw = np.swapaxes(x, -1, -2) @ dy
        while dw.ndim > 2:
            dw = dw.sum(0)
        return np.matmul(dy, np.transpose(w)), dw

    return np.matmul(x, w), backward


def merge_by_recursion(ids, pair, new):
    if len(ids) < 2:
        return ids[:]
    if tuple(ids[:2]) == pair:
        return [new, *merge_by_recursion(ids[2:], pair, new)]
    return [ids[0], *merge_by_recursion(ids[1:], pair, new)]


def merge_into_an_array(ids, pair, new):
    out, skip = [], False
    for i, v in enumerate(ids):
        if skip:
            skip = False
        elif list(ids[i : i + 2]) == list(pair):
            out.append(new)
            skip = True
        else:
            out.append(v)
    return np.array(out)


def best_pair_sorted(ids):
    counts = {}
    for i in range(len(ids) - 1):
        pair = ids[i], ids[i + 1]
        counts[pair] = counts.get(pair, 0) + 1
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))[0][0]


def best_pair_by_maximum(ids):
    pairs = list(zip(ids, ids[1:], strict=False))
    most = max(pairs.count(p) for p in pairs)
    return list(min(p for p in pairs if pairs.count(p) == most))


def encode_by_rank(ids, merges):
    ids, rank = list(ids), {tuple(pair): i for i, pair in enumerate(merges)}
    while True:
        known = [p for p in zip(ids, ids[1:], strict=False) if p in rank]
        if not known:
            return ids
        best = min(known, key=rank.get)
        at = list(zip(ids, ids[1:], strict=False)).index(best)
        ids[at : at + 2] = [256 + rank[best]]


def encode_with_the_lessons_merge(ids, merges):
    for new, pair in enumerate(merges, 256):
        ids = merge(ids, pair, new)  # noqa: F821 (the lesson gives it)
    return ids


def decode_in_a_bytearray(ids, pieces):
    data = bytearray()
    for i in ids:
        data += pieces[i]
    return str(data, "utf-8", "replace")


def decode_by_adding(ids, pieces):
    data = b""
    for i in ids:
        data = data + pieces[i]
    return data.decode(errors="replace")


def windows_by_slices(ids, starts, T):
    x = np.array([ids[s : s + T] for s in starts])
    y = np.array([ids[s + 1 : s + 1 + T] for s in starts])
    return x, y


def windows_cut_in_two(ids, starts, T):
    long = [[ids[s + t] for t in range(T + 1)] for s in starts]
    return [row[:-1] for row in long], [row[1:] for row in long]


def table_in_loops(table, ids):
    def backward(dy):
        dtable = np.zeros(table.shape, table.dtype)
        for at in np.ndindex(ids.shape):
            dtable[ids[at]] += dy[at]
        return dtable, None

    return table[ids], backward


def table_one_hot(table, ids):
    hot = np.eye(len(table), dtype=table.dtype)[ids.reshape(-1)]
    y = (hot @ table).reshape(*ids.shape, -1)
    return y, lambda dy: (hot.T @ dy.reshape(-1, dy.shape[-1]), None)


def loop_that_zeroes_at_the_end(model, optimizer, batches):
    losses = []
    for x, y in batches:
        loss = model.loss(x, y)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    return losses


def loop_that_zeroes_first(model, optimizer, batches):
    losses = np.zeros(len(batches))
    for i, batch in enumerate(batches):
        model.zero_grad()
        loss = model.loss(*batch)
        losses[i] = loss.item()
        loss.backward()
        optimizer.step()
    return losses


def last_by_two_steps(scores):
    text = scores[0]
    return text[text.shape[0] - 1]


def last_as_a_copy(scores):
    return np.array([scores[0, -1, v] for v in range(scores.shape[2])])


def draw_in_a_loop(chances, u):
    gone = 0.0
    for i, chance in enumerate(chances):
        gone += chance
        if u < gone:
            return i
    return len(chances) - 1


def draw_by_counting(chances, u):
    return min((np.cumsum(chances) <= u).sum(), len(chances) - 1)


def write_by_adding(ids, n, block_size, choose):
    text = [*ids]
    while n:
        start = max(0, len(text) - block_size)
        text = [*text, choose(text[start:])]
        n -= 1
    return text


def write_in_an_array(ids, n, block_size, choose):
    text = np.zeros(len(ids) + n, dtype=int)
    text[: len(ids)] = ids
    for i in range(len(ids), len(text)):
        text[i] = choose(text[max(0, i - block_size) : i])
    return text.tolist()


def softmax_op_by_matrix(x):
    y = softmax_in_place(x)

    def backward(dy):
        jacobian = y[..., :, None] * (np.eye(y.shape[-1], dtype=y.dtype) - y[..., None, :])
        return (dy[..., None, :] @ jacobian)[..., 0, :]

    return y, backward


def softmax_op_in_loops(x):
    y = softmax_in_place(x)

    def backward(dy):
        dx = np.zeros_like(y)
        for at in np.ndindex(y.shape[:-1]):
            for i in range(y.shape[-1]):
                for j in range(y.shape[-1]):
                    dx[at][i] += dy[at][j] * y[at][j] * ((i == j) - y[at][i])
        return dx

    return y, backward


def _weights(q, k):
    scores = q @ k.T / math.sqrt(q.shape[1])
    scores[np.arange(len(q))[:, None] < np.arange(len(q))] = -1e30
    return softmax_in_place(scores)


def head_in_loops(q, k, v):
    T, D = q.shape
    w = _weights(q, k)

    def backward(dy):
        dq, dk, dv = np.zeros_like(q), np.zeros_like(k), np.zeros_like(v)
        for i in range(T):
            arrives = [float(dy[i] @ v[j]) for j in range(i + 1)]
            mean = sum(float(w[i, j]) * arrives[j] for j in range(i + 1))
            for j in range(i + 1):
                ds = float(w[i, j]) * (arrives[j] - mean) / math.sqrt(D)
                dq[i] += ds * k[j]
                dk[j] += ds * q[i]
                dv[j] += w[i, j] * dy[i]
        return dq, dk, dv

    return w @ v, backward


def head_by_einsum(q, k, v):
    w = _weights(q, k)

    def backward(dy):
        dw = np.einsum("id,jd->ij", dy, v)
        ds = w * (dw - np.einsum("ij,ij->i", w, dw)[:, None])
        scale = 1 / math.sqrt(q.shape[1])
        return [
            np.einsum("ij,jd->id", ds, k) * scale,
            np.einsum("ij,id->jd", ds, q) * scale,
            np.einsum("ij,id->jd", w, dy),
        ]

    return w @ v, backward


def split_by_strips(x, n_head):
    return np.stack(np.split(x, n_head, axis=-1), axis=1)


def split_in_loops(x, n_head):
    B, T, C = x.shape
    D = C // n_head
    out = np.empty((B, n_head, T, D), x.dtype)
    for h in range(n_head):
        out[:, h] = x[:, :, h * D : (h + 1) * D]
    return out


def merge_by_concatenating(y):
    return np.concatenate([y[:, h] for h in range(y.shape[1])], axis=-1)


def merge_by_einsum(y):
    return np.einsum("bhtd->bthd", y).reshape(y.shape[0], y.shape[2], -1)


def order_by_steps(layer, x, i, j):
    other = np.array(x)
    kept = other[i].copy()
    other[i] = other[j]
    other[j] = kept
    before, after = layer(x), layer(other)
    return float(np.max(np.abs(before[-1] - after[-1])))


def order_by_numbering(layer, x, i, j):
    numbers = list(range(len(x)))
    numbers[i], numbers[j] = numbers[j], numbers[i]
    return np.linalg.norm(np.ravel(layer(x[numbers])[-1] - layer(x)[-1]), np.inf)


def turn_by_complex_numbers(x, positions, base=10_000.0):
    D = x.shape[-1]
    z = x[..., : D // 2] + 1j * x[..., D // 2 :]
    z = z * np.exp(1j * np.outer(positions, 1 / base ** (2 * np.arange(D // 2) / D)))
    return np.concatenate([z.real, z.imag], axis=-1).astype(x.dtype)


def turn_in_loops(x, positions, base=10_000.0):
    y, D = np.empty_like(x), x.shape[-1]
    for t, m in enumerate(positions):
        for i in range(D // 2):
            angle = float(m) * base ** (-2 * i / D)
            c, s = math.cos(angle), math.sin(angle)
            y[..., t, i] = x[..., t, i] * c - x[..., t, i + D // 2] * s
            y[..., t, i + D // 2] = x[..., t, i + D // 2] * c + x[..., t, i] * s
    return y


def alibi_in_loops(n_head, T):
    return [
        [[-(2 ** (-8 * h / n_head)) * (i - j) if j <= i else -math.inf for j in range(T)]
         for i in range(T)]
        for h in range(1, n_head + 1)
    ]  # fmt: skip


def alibi_with_distances(n_head, T):
    slopes = np.array([2 ** (-8 * (h + 1) / n_head) for h in range(n_head)])
    return np.einsum("h,ij->hij", slopes, -abs(np.subtract.outer(np.arange(T), np.arange(T))))


def normed_in_loops(x, eps=1e-5):
    n, s = np.empty_like(x), np.empty_like(x[..., :1])
    for at in np.ndindex(x.shape[:-1]):
        mean = sum(map(float, x[at])) / x.shape[-1]
        variance = sum((float(v) - mean) ** 2 for v in x[at]) / x.shape[-1]
        s[at] = 1 / math.sqrt(variance + eps)
        n[at] = (x[at] - mean) / math.sqrt(variance + eps)
    return n, s


def normed_by_var(x, eps=1e-5):
    s = (np.var(x, axis=-1, keepdims=True) + eps) ** -0.5
    return (x - np.mean(x, -1)[..., None]) * s, s


def layer_norm_by_matrix(x, weight, bias):
    n, s = normed_by_var(x)
    C = x.shape[-1]

    def backward(dy):
        dn = dy * weight
        slopes = np.eye(C) - 1 / C - n[..., :, None] * n[..., None, :] / C
        dx = (s * (dn[..., None, :] @ slopes)[..., 0, :]).astype(x.dtype)
        rows = (dy * n).reshape(-1, C)
        return dx, np.ones(len(rows), x.dtype) @ rows, dy.reshape(-1, C).sum(0)

    return n * weight + bias, backward


def layer_norm_with_sums(x, weight, bias):
    n, s = normed_by_var(x)
    C = x.shape[-1]

    def backward(dy):
        dn = weight * dy
        total, along = dn.sum(-1, keepdims=True), (dn * n).sum(-1, keepdims=True)
        dx = s / C * (C * dn - total - n * along)
        axes = tuple(range(dy.ndim))[:-1]
        return dx, np.add.reduce(dy * n, axes), np.add.reduce(dy, axes)

    return weight * n + bias, backward


def residual_by_lambda(x, branch):
    y, back = branch(x)
    return np.add(y, x), lambda dy: np.add(back(dy.copy()), dy)


def residual_in_steps(x, branch):
    out = x.copy()
    added, back = branch(x)
    out += added

    def backward(dy):
        dx = dy.copy()
        dx += back(dy)
        return (dx,)

    return out, backward


def gelu_in_loops(x):
    c, a = math.sqrt(2 / math.pi), 0.044715
    y, slope = np.empty_like(x), np.empty_like(x)
    for at, v in np.ndenumerate(x):
        v = float(v)
        t = math.tanh(c * (v + a * v**3))
        y[at] = v * (1 + t) / 2
        slope[at] = 0.5 * (1 + t) + 0.5 * v * (1 - t * t) * c * (1 + 3 * a * v * v)
    return y, lambda dy: slope * dy


def gelu_by_half(x):
    """With h = (1 + t) / 2, (1 - t^2) / 2 is 2 h (1 - h)."""
    c, a = math.sqrt(2 / math.pi), 0.044715
    h = (1 + np.tanh(c * x * (1 + a * x * x))) / 2

    def backward(dy):
        return (h + 2 * x * h * (1 - h) * c * (1 + 3 * a * x * x)) * dy

    return x * h, backward


def count_in_one(vocab_size, block_size, n_layer, n_embd):
    C = n_embd
    return (vocab_size + block_size + 2) * C + n_layer * (12 * C**2 + 13 * C)


def count_by_shapes(vocab_size, block_size, n_layer, n_embd):
    C = n_embd
    block = [(C,), (C,), (C, 3 * C), (3 * C,), (C, C), (C,), (C,), (C,)]
    block += [(C, 4 * C), (4 * C,), (4 * C, C), (C,)]
    shapes = [(vocab_size, C), (block_size, C), *block * n_layer, (C,), (C,)]
    return float(sum(math.prod(shape) for shape in shapes))


def block_in_names(x, ln_1, attn, ln_2, mlp):
    looked = attn(ln_1(x))
    middle = looked + x
    thought = mlp(ln_2(middle))
    return thought + middle


def block_in_a_loop(x, ln_1, attn, ln_2, mlp):
    for norm, part in ((ln_1, attn), (ln_2, mlp)):
        x = part(norm(x)) + x
    return x


def gpt_by_reduce(ids, wte, wpe, blocks, ln_f):
    start = wte[ids] + wpe[np.arange(ids.shape[-1])]
    return ln_f(functools.reduce(lambda x, block: block(x), blocks, start)) @ wte.T


def gpt_by_numbers(ids, wte, wpe, blocks, ln_f):
    _, T = ids.shape
    x = wpe[None, :T] + wte[ids]
    for i in range(len(blocks)):
        x = blocks[i](x)
    return ln_f(x) @ wte.swapaxes(0, 1)


def split_by_length(text, n, learn):
    cut = len(text) - n
    encode = learn("".join(text[:cut]))
    return np.array(encode(text[:cut])), np.array(encode(text[cut:]))


def split_in_a_list(text, n, learn):
    parts = [text[:-n], text[-n:]]
    encode = learn(parts[0])
    return [encode(part) for part in parts]


def dropout_by_where(x, p, rng, training):
    if not training or p == 0:
        return x.copy(), lambda dy: dy.copy()
    falls = rng.uniform(size=x.shape) < p
    return np.where(falls, 0, x / (1 - p)), lambda dy: np.where(falls, 0, dy / (1 - p))


def dropout_by_binomial(x, p, rng, training):
    factor = rng.binomial(1, 1 - p, x.shape) / (1 - p) if training else np.ones(x.shape)
    factor = factor.astype(x.dtype)
    return factor * x, lambda dy: factor * dy


def stop_by_minimum(losses, patience):
    for i in range(len(losses)):
        best = losses.index(min(losses[: i + 1]))
        if i - best >= patience:
            return best, i
    return best, i


def stop_with_numpy(losses, patience):
    best, stopped = 0, len(losses) - 1
    for i in range(1, len(losses)):
        best = int(np.argmin(losses[: i + 1]))
        if i - best == patience:
            stopped = i
            break
    return np.array([best, stopped])


def temperature_by_powers(scores, temperature):
    if temperature == 0:
        return (np.arange(len(scores)) == scores.argmax()).astype(scores.dtype)
    z = scores - scores.max()
    p = np.exp(z) ** (1 / temperature)
    return p / np.sum(p)


def temperature_in_a_loop(scores, temperature):
    if not temperature:
        return np.eye(len(scores), dtype=scores.dtype)[list(scores).index(max(scores))]
    top = max(scores)
    weights = [math.exp((float(s) - float(top)) / temperature) for s in scores]
    return np.array([w / sum(weights) for w in weights], dtype=scores.dtype)


def top_k_by_rank(p, k):
    rank = [sum(q > v or (q == v and j < i) for j, q in enumerate(p)) for i, v in enumerate(p)]
    kept = np.where(np.array(rank) < k, p, 0)
    return kept / kept.sum()


def top_k_by_sorting(p, k):
    ids = sorted(range(len(p)), key=lambda i: (-p[i], i))[:k]
    out = p.copy()
    out[[i for i in range(len(p)) if i not in ids]] = 0
    return out / out.sum()


def top_p_in_a_loop(p, share):
    out, total = np.zeros_like(p), 0.0
    for i in np.argsort(-p, kind="stable"):
        out[i] = p[i]
        total += float(p[i])
        if total >= share:
            break
    return out / out.sum()


def top_p_by_searching(p, share):
    order = np.lexsort((np.arange(len(p)), -p))
    n = int(np.searchsorted(np.cumsum(p[order]), share)) + 1
    kept = np.where(np.isin(np.arange(len(p)), order[:n]), p, 0)
    return (kept / kept.sum()).astype(p.dtype)


def cached_in_loops(q, k, v, cache):
    keys = [*(cache[0] if cache else []), *k]
    values = [*(cache[1] if cache else []), *v]
    rows = []
    for i, query in enumerate(q):
        n = len(keys) - len(q) + i + 1
        scores = np.array([query @ key for key in keys[:n]]) / math.sqrt(len(query))
        w = np.exp(scores - scores.max())
        w /= w.sum()
        rows.append(sum(a * b for a, b in zip(w, values[:n], strict=True)))
    return np.array(rows, dtype=q.dtype), (np.array(keys), np.array(values))


def cached_with_vstack(q, k, v, cache):
    old_k, old_v = cache if cache is not None else (k[:0], v[:0])
    k, v = np.vstack((old_k, k)), np.vstack((old_v, v))
    n, S = len(q), len(k)
    scores = q @ k.T * np.float32(q.shape[-1] ** -0.5) if q.dtype == np.float32 else (
        q @ k.T * q.shape[-1] ** -0.5
    )  # fmt: skip
    scores[np.arange(S)[None] > np.arange(S - n, S)[:, None]] = -np.inf
    return softmax_in_place(scores) @ v, [k, v]


def norm_by_stacking(grads):
    xp = array_module(grads[0])
    squares = xp.stack([(g**2).sum() for g in grads])
    return float(xp.sqrt(squares.sum()))


def norm_as_one_vector(grads):
    xp = array_module(grads[0])
    long = xp.concatenate([g.reshape(-1) for g in grads])
    return (long * long).sum().item() ** 0.5


def anywhere_in_place(x):
    xp = array_module(x)
    y = x.copy()
    y -= y.max(axis=-1)[..., None]
    xp.exp(y, out=y)
    y /= xp.sum(y, axis=-1, keepdims=True)
    return y


def anywhere_by_logarithm(x):
    xp = array_module(x)
    top = xp.max(x, axis=-1, keepdims=True)
    return xp.exp(x - top - xp.log(xp.exp(x - top).sum(axis=-1, keepdims=True)))


def even_by_counting(overhead, gpu, cpu):
    for n in range(1, 1_000_000):
        if overhead + n * gpu < n * cpu:
            return n
    return float("inf")


def even_by_floor(overhead, gpu, cpu):
    saved = cpu - gpu
    return math.floor(overhead / saved) + 1 if saved > 0 else np.inf


def targets_in_a_loop(ids, learned):
    y = []
    for i in range(1, len(ids)):
        y.append(ids[i] if learned[i] else -100)
    return ids[:-1], np.array(y)


def targets_on_a_copy(ids, learned):
    y = ids[1:].copy()
    y[~learned[1:]] = -100
    return ids[:-1].copy(), y


def batch_by_padding(rows, pad):
    n = max(len(x) for x, _ in rows)
    x = [np.pad(x, (0, n - len(x)), constant_values=pad) for x, _ in rows]
    y = [np.pad(y, (0, n - len(y)), constant_values=-100) for _, y in rows]
    return np.stack(x), np.stack(y)


def batch_in_lists(rows, pad):
    n = max([len(x) for x, _ in rows])
    xs, ys = [], []
    for x, y in rows:
        xs.append(list(x) + [pad] * (n - len(x)))
        ys.append(list(y) + [-100] * (n - len(y)))
    return np.array(xs), np.array(ys)


def macro_f1_by_precision_and_recall(given, right, labels):
    total = 0
    for label in labels:
        tp = sum(1 for g, r in zip(given, right, strict=True) if g == label and r == label)
        fp = sum(1 for g, r in zip(given, right, strict=True) if g == label and r != label)
        fn = sum(1 for g, r in zip(given, right, strict=True) if g != label and r == label)
        if tp > 0:
            p, r = tp / (tp + fp), tp / (tp + fn)
            total += 2 * p * r / (p + r)
    return total / len(labels)


def macro_f1_by_arrays(given, right, labels):
    given, right = np.array(given), np.array(right)
    scores = []
    for label in labels:
        n = np.sum(given == label) + np.sum(right == label)
        scores.append(2 * np.sum((given == label) & (right == label)) / max(n, 1))
    return float(np.mean(scores))


def sees_in_loops(is_token, causal):
    T = len(is_token)
    sees = np.zeros((T, T), dtype=bool)
    for i in range(T):
        for j in range(T):
            sees[i, j] = is_token[j] and (j <= i or not causal)
    return sees


def sees_by_places(is_token, causal):
    at = np.arange(len(is_token))
    allowed = at[None, :] <= at[:, None] if causal else np.ones((len(at), len(at)), dtype=bool)
    return np.logical_and(allowed, is_token[None, :])


def mask_in_a_loop(ids, chosen, draw, other, mask_id):
    x, y = [], []
    for i in range(len(ids)):
        if not chosen[i]:
            x.append(ids[i])
            y.append(-100)
            continue
        y.append(ids[i])
        if draw[i] < 0.8:
            x.append(mask_id)
        elif draw[i] < 0.9:
            x.append(ids[i])
        else:
            x.append(other[i])
    return np.array(x), np.array(y)


def mask_on_copies(ids, chosen, draw, other, mask_id):
    x, y = ids.copy(), np.full_like(ids, -100)
    y[chosen] = ids[chosen]
    x[chosen & (draw < 0.8)] = mask_id
    swapped = np.logical_and(chosen, draw >= 0.9)
    x[swapped] = other[swapped]
    return x, y


def vector_by_product(x, is_token):
    total = is_token.astype(x.dtype) @ x
    return total / np.linalg.norm(total)


def vector_in_a_loop(x, is_token):
    total, n = np.zeros(x.shape[1]), 0
    for row, real in zip(x, is_token, strict=True):
        if real:
            total = total + row
            n += 1
    mean = total / n
    return mean / math.sqrt(sum(v * v for v in mean))


def fgm_in_a_loop(x, g, epsilon):
    r = np.empty_like(x)
    for i in range(len(x)):
        r[i] = g[i] / np.linalg.norm(g[i]) * epsilon * np.linalg.norm(x[i])
    return r


def fgm_by_einsum(x, g, epsilon):
    size = np.sqrt(np.einsum("btc,btc->b", x, x))
    slope = np.sqrt(np.einsum("btc,btc->b", g, g))
    return (epsilon * size / slope)[:, None, None] * g


def shorten_in_a_loop(r, most):
    out = r.copy()
    for i in range(len(r)):
        length = math.sqrt(float((r[i] ** 2).sum()))
        if length > most[i, 0, 0]:
            out[i] = r[i] * (most[i, 0, 0] / length)
    return out


def shorten_by_where(r, most):
    length = np.sqrt(np.sum(r**2, axis=(1, 2), keepdims=True))
    return np.where(length > most, r / length * most, r)


def repaired_with_zero_grad_last(model, optimizer, clip, batches):
    model.train()
    losses = []
    for x, y in batches:
        loss = model.loss(x, y)
        loss.backward()
        clip(model, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        losses += [loss.item()]
    model.eval()
    return losses


def repaired_in_an_array(model, optimizer, clip, batches):
    losses = np.zeros(len(batches))
    for i, (x, y) in enumerate(batches):
        model.train()
        optimizer.zero_grad()
        loss = model.loss(x, y)
        losses[i] = loss.item()
        loss.backward()
        clip(model, max_norm=1.0)
        optimizer.step()
    model.eval()
    return losses


def hidden_in_loops(scores):
    T = len(scores)
    w = np.zeros((T, T))
    for i in range(T):
        top = max(scores[i, : i + 1])
        e = [math.exp(s - top) for s in scores[i, : i + 1]]
        w[i, : i + 1] = np.array(e) / sum(e)
    return w


def hidden_by_a_copy(scores):
    s = scores.copy()
    s[np.triu_indices(len(s), 1)] = -math.inf
    s -= s.max(-1, keepdims=True)
    return np.exp(s) / np.exp(s).sum(-1, keepdims=True)


def whole_gradient_in_a_loop(gradients, rows):
    total, count = np.zeros_like(gradients[0]), 0
    for i in range(len(rows)):
        total += rows[i] * gradients[i]
        count += rows[i]
    return total / count


def whole_gradient_by_average(gradients, rows):
    return np.average(np.stack(gradients), axis=0, weights=rows)


def added_by_the_receiver(rows, step):
    n = len(rows)
    out = []
    for rank in range(n):
        left = (rank - 1) % n
        row = rows[rank][:]
        row[(left - step) % n] = row[(left - step) % n] + rows[left][(left - step) % n]
        out.append(row)
    return out


def added_by_letters(rows, step):
    n = len(rows)
    letters = [((r + 1) % n, (r - step) % n, rows[r][(r - step) % n]) for r in range(n)]
    new = copy.deepcopy(rows)
    for to, part, number in letters:
        new[to][part] += number
    return new


def copied_by_the_receiver(rows, step):
    n = len(rows)
    return [
        [rows[r - 1][p] if p == (r - step) % n else rows[r][p] for p in range(n)] for r in range(n)
    ]


def copied_by_letters(rows, step):
    n = len(rows)
    sent = {}
    for r in range(n):
        part = (r + 1 - step) % n
        sent[(r + 1) % n] = (part, rows[r][part])
    new = [row.copy() for row in rows]
    for to, (part, number) in sent.items():
        new[to][part] = number
    return new


STYLES = {
    "21.1": (whole_gradient_in_a_loop, whole_gradient_by_average),
    "21.2": (added_by_the_receiver, added_by_letters),
    "21.3": (copied_by_the_receiver, copied_by_letters),
    "20.1": (repaired_with_zero_grad_last, repaired_in_an_array),
    "20.2": (hidden_in_loops, hidden_by_a_copy),
    "19.1": (fgm_in_a_loop, fgm_by_einsum),
    "19.2": (shorten_in_a_loop, shorten_by_where),
    "18.1": (sees_in_loops, sees_by_places),
    "18.2": (mask_in_a_loop, mask_on_copies),
    "18.3": (vector_by_product, vector_in_a_loop),
    "17.1": (targets_in_a_loop, targets_on_a_copy),
    "17.2": (batch_by_padding, batch_in_lists),
    "17.3": (macro_f1_by_precision_and_recall, macro_f1_by_arrays),
    "16.1": (norm_by_stacking, norm_as_one_vector),
    "16.2": (anywhere_in_place, anywhere_by_logarithm),
    "16.3": (even_by_counting, even_by_floor),
    "15.1": (temperature_by_powers, temperature_in_a_loop),
    "15.2": (top_k_by_rank, top_k_by_sorting),
    "15.3": (top_p_in_a_loop, top_p_by_searching),
    "15.4": (cached_in_loops, cached_with_vstack),
    "14.1": (split_by_length, split_in_a_list),
    "14.2": (dropout_by_where, dropout_by_binomial),
    "14.3": (stop_by_minimum, stop_with_numpy),
    "11.1": (gelu_in_loops, gelu_by_half),
    "11.2": (count_in_one, count_by_shapes),
    "11.3": (block_in_names, block_in_a_loop),
    "11.4": (gpt_by_reduce, gpt_by_numbers),
    "10.1": (normed_in_loops, normed_by_var),
    "10.2": (layer_norm_by_matrix, layer_norm_with_sums),
    "10.3": (residual_by_lambda, residual_in_steps),
    "09.1": (order_by_steps, order_by_numbering),
    "09.2": (turn_by_complex_numbers, turn_in_loops),
    "09.3": (alibi_in_loops, alibi_with_distances),
    "08.1": (softmax_op_by_matrix, softmax_op_in_loops),
    "08.2": (head_in_loops, head_by_einsum),
    "08.3": (split_by_strips, split_in_loops),
    "08.4": (merge_by_concatenating, merge_by_einsum),
    "00.1": (last_by_two_steps, last_as_a_copy),
    "00.2": (draw_in_a_loop, draw_by_counting),
    "00.3": (write_by_adding, write_in_an_array),
    "13.1": (clip_as_one_vector, clip_in_loops),
    "13.2": (adamw_in_loops, adamw_with_one_rate),
    "13.3": (rate_by_cases, rate_from_a_table),
    "06.1": (windows_by_slices, windows_cut_in_two),
    "06.2": (table_in_loops, table_one_hot),
    "06.3": (loop_that_zeroes_at_the_end, loop_that_zeroes_first),
    "07.1": (look_in_loops, look_scaled_first),
    "07.2": (mask_in_loops, mask_by_tri, mask_of_ones),
    "07.3": (attention_in_loops, attention_by_einsum),
    "01.1": (slopes_on_copies, slopes_with_a_kept_array),
    "01.2": (descend_by_recursion, descend_by_elements),
    "01.3": (eps_from_a_table, eps_by_the_cube_root),
    "02.1": (mul_by_lambda, mul_in_steps),
    "02.2": (send_by_number, send_one_by_one),
    "02.3": (backward_by_recursion, backward_by_the_latest),
    "03.1": (sum_by_repeating, sum_by_a_view),
    "03.2": (unbroadcast_at_once, unbroadcast_in_loops),
    "03.3": (matmul_by_einsum, matmul_summed_over_the_batch),
    "04.1": (merge_by_recursion, merge_into_an_array),
    "04.2": (best_pair_sorted, best_pair_by_maximum),
    "04.3": (encode_by_rank, encode_with_the_lessons_merge),
    "04.4": (decode_in_a_bytearray, decode_by_adding),
    "05.1": (softmax_in_loops, softmax_by_logarithm, softmax_in_place),
    "05.2": (cross_entropy_in_loops, cross_entropy_one_hot),
    "05.3": (floor_in_loops, floor_as_a_difference),
}
