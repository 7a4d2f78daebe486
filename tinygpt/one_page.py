"""A whole GPT on one page of NumPy: text, parameters, forward, backward by hand, Adam, writing.

    python -m tinygpt.one_page my-text.txt

Read it from top to bottom: it stands in the order in which it runs. Nothing is imported from the
rest of tinygpt, which does the same with one file for each part, an engine that finds the backward
by itself, and speed. The parameters bear the same names in both, and both give the same losses.

B rows, T positions, C channels, H heads, D = C/H, V characters, N layers; dx is d(loss)/dx.
"""

import sys

import numpy as np


def read(path):
    """The text as numbers, one for each different character, and the characters."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    characters = sorted(set(text))
    number = {c: i for i, c in enumerate(characters)}
    return np.array([number[c] for c in text]), characters


def make_parameters(rng, V, T, N, C):
    """GPT-2's names and initialisation. Matrices are (in, out)."""

    def normal(*shape, std=0.02):
        return std * rng.standard_normal(shape)

    w = {"wte.weight": normal(V, C), "wpe.weight": normal(T, C)}
    for i in range(N):
        for norm in ("ln_1", "ln_2"):
            w[f"h.{i}.{norm}.weight"], w[f"h.{i}.{norm}.bias"] = np.ones(C), np.zeros(C)
        last = 0.02 / np.sqrt(2 * N)  # the layers that add to the residual stream start smaller
        for name, n_in, n_out, std in [
            ("attn.c_attn", C, 3 * C, 0.02),
            ("attn.c_proj", C, C, last),
            ("mlp.c_fc", C, 4 * C, 0.02),
            ("mlp.c_proj", 4 * C, C, last),
        ]:
            w[f"h.{i}.{name}.weight"] = normal(n_in, n_out, std=std)
            w[f"h.{i}.{name}.bias"] = np.zeros(n_out)
    w["ln_f.weight"], w["ln_f.bias"] = np.ones(C), np.zeros(C)
    return w


# ------------------------------------------------------------------------------------ forward


def normalise(x):
    """n = (x - mean) / sqrt(variance + 1e-5) of each row, and 1 / sqrt(...), for the way back."""
    x = x - x.mean(-1, keepdims=True)
    r = 1 / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-5)
    return x * r, r


def heads(x, H):
    """(B, T, C) -> (B, H, T, D)"""
    B, T, C = x.shape
    return x.reshape(B, T, H, C // H).transpose(0, 2, 1, 3)


def merge(x):
    """(B, H, T, D) -> (B, T, C)"""
    B, H, T, D = x.shape
    return x.transpose(0, 2, 1, 3).reshape(B, T, H * D)


def forward(w, ids, H):
    """ids (B, T) -> logits (B, T, V), and what backward needs of each layer."""
    T = ids.shape[1]
    x = w["wte.weight"][ids] + w["wpe.weight"][:T]  # what the token is, and where it stands
    layers = []
    while f"h.{len(layers)}.ln_1.weight" in w:
        p = f"h.{len(layers)}."
        # attention: each position looks back and mixes what it finds
        n1, r1 = normalise(x)
        a = n1 * w[p + "ln_1.weight"] + w[p + "ln_1.bias"]
        qkv = a @ w[p + "attn.c_attn.weight"] + w[p + "attn.c_attn.bias"]
        q, k, v = (heads(part, H) for part in np.split(qkv, 3, axis=-1))
        scores = q @ k.swapaxes(-1, -2) / np.sqrt(q.shape[-1])  # (B, H, T, T)
        scores = np.where(np.tril(np.ones((T, T), bool)), scores, -np.inf)  # the future is hidden
        e = np.exp(scores - scores.max(-1, keepdims=True))
        look = e / e.sum(-1, keepdims=True)  # rows sum to 1
        mixed = merge(look @ v)
        x = x + mixed @ w[p + "attn.c_proj.weight"] + w[p + "attn.c_proj.bias"]
        # the MLP: each position thinks by itself
        n2, r2 = normalise(x)
        b = n2 * w[p + "ln_2.weight"] + w[p + "ln_2.bias"]
        u = b @ w[p + "mlp.c_fc.weight"] + w[p + "mlp.c_fc.bias"]
        t = np.tanh(np.sqrt(2 / np.pi) * (u + 0.044715 * u * u * u))
        g = u * (1 + t) / 2  # GELU
        x = x + g @ w[p + "mlp.c_proj.weight"] + w[p + "mlp.c_proj.bias"]
        layers.append((n1, r1, a, q, k, v, look, mixed, n2, r2, b, u, t, g))
    n, r = normalise(x)
    y = n * w["ln_f.weight"] + w["ln_f.bias"]
    return y @ w["wte.weight"].T, (layers, n, r, y)  # the head is the table of the tokens


# ----------------------------------------------------------------------------------- backward


def loss_and_gradients(w, ids, targets, H):
    """The mean of -log(probability of the next character), and its gradient for every parameter."""
    z, (layers, n, r, y) = forward(w, ids, H)
    z = z - z.max(-1, keepdims=True)
    log_p = z - np.log(np.exp(z).sum(-1, keepdims=True))
    hit = np.eye(z.shape[-1])[targets]  # 1 at the character that came, else 0
    loss = -(log_p * hit).sum(-1).mean()

    d = {}  # name -> gradient
    dz = (np.exp(log_p) - hit) / targets.size

    def linear(dy, name, x):
        """Back through y = x W + b, over all rows at once."""
        rows, drows = x.reshape(-1, x.shape[-1]), dy.reshape(-1, dy.shape[-1])
        d[name + ".weight"], d[name + ".bias"] = rows.T @ drows, drows.sum(0)
        return dy @ w[name + ".weight"].T

    def norm(dy, name, n, r):
        """Back through y = n w + b and n = normalise(x)."""
        d[name + ".weight"], d[name + ".bias"] = (dy * n).sum((0, 1)), dy.sum((0, 1))
        dn = dy * w[name + ".weight"]
        return r * (dn - dn.mean(-1, keepdims=True) - n * (dn * n).mean(-1, keepdims=True))

    d["wte.weight"] = dz.reshape(targets.size, -1).T @ y.reshape(targets.size, -1)
    dx = norm(dz @ w["wte.weight"], "ln_f", n, r)
    for i in reversed(range(len(layers))):
        n1, r1, a, q, k, v, look, mixed, n2, r2, b, u, t, g = layers[i]
        p = f"h.{i}."
        dg = linear(dx, p + "mlp.c_proj", g)
        slope = (1 + t) / 2 + u * (1 - t * t) / 2 * np.sqrt(2 / np.pi) * (1 + 3 * 0.044715 * u * u)
        db = linear(dg * slope, p + "mlp.c_fc", b)
        dx = dx + norm(db, p + "ln_2", n2, r2)  # + : the residual stream passes by
        dy = heads(linear(dx, p + "attn.c_proj", mixed), H)
        dlook = dy @ v.swapaxes(-1, -2)
        dscores = look * (dlook - (dlook * look).sum(-1, keepdims=True)) / np.sqrt(q.shape[-1])
        dq, dk, dv = dscores @ k, dscores.swapaxes(-1, -2) @ q, look.swapaxes(-1, -2) @ dy
        da = linear(np.concatenate([merge(dq), merge(dk), merge(dv)], -1), p + "attn.c_attn", a)
        dx = dx + norm(da, p + "ln_1", n1, r1)
    np.add.at(d["wte.weight"], ids, dx)  # a token may occur many times: its gradients add up
    d["wpe.weight"] = np.zeros_like(w["wpe.weight"])
    d["wpe.weight"][: ids.shape[1]] = dx.sum(0)
    return loss, d


# --------------------------------------------------------------------------- Adam, train, write


def adam(w, d, m, v, step, lr, beta1=0.9, beta2=0.999, eps=1e-8):
    """One step (1, 2, ...) of every parameter, in place. m and v start as zeros."""
    for name, g in d.items():
        m[name] += (1 - beta1) * (g - m[name])  # the mean of the gradients
        v[name] += (1 - beta2) * (g * g - v[name])  # the mean of their squares
        m_hat, v_hat = m[name] / (1 - beta1**step), v[name] / (1 - beta2**step)
        w[name] -= lr * m_hat / (np.sqrt(v_hat) + eps)


def write(w, ids, n, H, rng):
    """n more ids, each drawn with the probability that the model gives it."""
    ids = list(ids)
    for _ in range(n):
        z = forward(w, np.array([ids[-len(w["wpe.weight"]) :]]), H)[0][0, -1]
        p = np.exp(z - z.max())
        ids.append(int(rng.choice(len(p), p=p / p.sum())))
    return ids


def main(path, steps=500, B=12, T=64, N=2, H=4, C=64):
    rng = np.random.default_rng(0)
    ids, characters = read(path)
    if len(ids) < T + 1:
        raise SystemExit(f"{path} has {len(ids)} characters, at least {T + 1} are needed")
    w = make_parameters(rng, len(characters), T, N, C)
    m, v = ({name: np.zeros_like(a) for name, a in w.items()} for _ in "mv")
    for step in range(1, steps + 1):
        at = rng.integers(0, len(ids) - T, B)[:, None] + np.arange(T + 1)
        x, y = ids[at][:, :-1], ids[at][:, 1:]  # y is x one character later
        loss, d = loss_and_gradients(w, x, y, H)
        adam(w, d, m, v, step, lr=3e-3)
        if step % 50 == 0 or step == 1:
            print(f"step {step}: loss {loss:.3f}")
    print("".join(characters[i] for i in write(w, ids[:1], 300, H, rng)))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit("usage: python -m tinygpt.one_page FILE")
    try:
        main(sys.argv[1])
    except (OSError, UnicodeError) as error:
        raise SystemExit(f"{sys.argv[1]} cannot be read as text: {error}") from error
