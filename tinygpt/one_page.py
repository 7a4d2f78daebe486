"""A whole GPT on one page of NumPy: text, parameters, forward, backward by hand, Adam, writing.

    python -m tinygpt.one_page my-text.txt

Read it from top to bottom: it stands in the order in which it runs. Nothing is imported from the
rest of tinygpt, which does the same with one file for each part, an engine that finds the backward
by itself, and speed. The parameters bear the same names in both, and both give the same losses.

B rows, T positions, C channels, H heads, D = C/H, V characters, N layers. dx is d(loss)/dx: how
much more loss there is for a little more of x. A way back multiplies by the slope of what was done.
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
        adding = 0.02 / np.sqrt(2 * N)  # these add to the stream 2N times: their variances add up
        for name, n_in, n_out, std in [
            ("attn.c_attn", C, 3 * C, 0.02),
            ("attn.c_proj", C, C, adding),
            ("mlp.c_fc", C, 4 * C, 0.02),
            ("mlp.c_proj", 4 * C, C, adding),
        ]:
            w[f"h.{i}.{name}.weight"] = normal(n_in, n_out, std=std)
            w[f"h.{i}.{name}.bias"] = np.zeros(n_out)
    w["ln_f.weight"], w["ln_f.bias"] = np.ones(C), np.zeros(C)
    return w


# ------------------------------------------------------------------------------------ forward


def normalise(x):
    """Rows of mean 0 and variance 1: normed = (x - mean) scale, scale = 1 / sqrt(var + 1e-5)."""
    centred = x - x.mean(-1, keepdims=True)
    scale = 1 / np.sqrt((centred * centred).mean(-1, keepdims=True) + 1e-5)
    return centred * scale, scale


def heads(x, H):
    """(B, T, C) -> (B, H, T, D)"""
    B, T, C = x.shape
    return x.reshape(B, T, H, C // H).transpose(0, 2, 1, 3)


def merge(x):
    """(B, H, T, D) -> (B, T, C)"""
    B, H, T, D = x.shape
    return x.transpose(0, 2, 1, 3).reshape(B, T, H * D)


def forward(w, ids, H):
    """ids (B, T) -> logits (B, T, V), and what the way back needs, of each layer and of the end."""
    T = ids.shape[1]
    x = w["wte.weight"][ids] + w["wpe.weight"][:T]  # what the token is, and where it stands
    layers = []
    for i in range(sum(name.endswith("ln_1.weight") for name in w)):  # N
        h = f"h.{i}."
        # attention: each position looks back and mixes what it finds
        normed_1, scale_1 = normalise(x)
        attn_in = normed_1 * w[h + "ln_1.weight"] + w[h + "ln_1.bias"]
        qkv = attn_in @ w[h + "attn.c_attn.weight"] + w[h + "attn.c_attn.bias"]
        q, k, v = (heads(part, H) for part in np.split(qkv, 3, axis=-1))
        scores = q @ k.swapaxes(-1, -2) / np.sqrt(q.shape[-1])  # (B, H, T, T)
        scores = np.where(np.tril(np.ones((T, T), bool)), scores, -np.inf)  # the future is hidden
        e = np.exp(scores - scores.max(-1, keepdims=True))  # the same look, and exp cannot overflow
        look = e / e.sum(-1, keepdims=True)  # rows sum to 1
        mixed = merge(look @ v)
        x = x + mixed @ w[h + "attn.c_proj.weight"] + w[h + "attn.c_proj.bias"]
        # the MLP: each position thinks by itself
        normed_2, scale_2 = normalise(x)
        mlp_in = normed_2 * w[h + "ln_2.weight"] + w[h + "ln_2.bias"]
        hidden = mlp_in @ w[h + "mlp.c_fc.weight"] + w[h + "mlp.c_fc.bias"]
        tanh = np.tanh(np.sqrt(2 / np.pi) * (hidden + 0.044715 * hidden**3))
        active = hidden * (1 + tanh) / 2  # GELU, nearly
        x = x + active @ w[h + "mlp.c_proj.weight"] + w[h + "mlp.c_proj.bias"]
        layers.append({
            "normed_1": normed_1, "scale_1": scale_1, "attn_in": attn_in, "q": q, "k": k, "v": v,
            "look": look, "mixed": mixed, "normed_2": normed_2, "scale_2": scale_2,
            "mlp_in": mlp_in, "hidden": hidden, "tanh": tanh, "active": active,
        })  # fmt: skip
    normed, scale = normalise(x)
    last = normed * w["ln_f.weight"] + w["ln_f.bias"]
    end = {"normed": normed, "scale": scale, "last": last}
    return last @ w["wte.weight"].T, layers, end  # out by the table of the tokens


# ----------------------------------------------------------------------------------- backward


def loss_and_gradients(w, ids, targets, H):
    """The mean of -log(probability of the next character), and its gradient for every parameter."""
    logits, layers, end = forward(w, ids, H)
    logits = logits - logits.max(-1, keepdims=True)
    log_p = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    hit = np.eye(logits.shape[-1])[targets]  # 1 at the character that came, else 0
    loss = -(log_p * hit).sum(-1).mean()

    grads = {}  # name -> gradient
    # -log p = log(sum of exp) - logit. The first changes with each logit by its share of the sum,
    # which is its p; the second by -1 for the one that came: chances minus truth
    dlogits = (np.exp(log_p) - hit) / targets.size

    def linear(dy, name, x):
        """Back through y_ij = sum_k x_ik W_kj + b_j: dW = x^T dy, dx = dy W^T, db sums the rows."""
        rows, drows = x.reshape(-1, x.shape[-1]), dy.reshape(-1, dy.shape[-1])
        grads[name + ".weight"], grads[name + ".bias"] = rows.T @ drows, drows.sum(0)
        return dy @ w[name + ".weight"].T

    def norm(dy, name, normed, scale):
        """Back through y = normed w + b, normed = (x - mean) scale. A rise of x_j moves normed_j by
        scale, all by -scale / C (the mean) and -scale normed normed_j / C (the variance)."""
        grads[name + ".weight"], grads[name + ".bias"] = (dy * normed).sum((0, 1)), dy.sum((0, 1))
        dn = dy * w[name + ".weight"]
        two = dn.mean(-1, keepdims=True) + normed * (dn * normed).mean(-1, keepdims=True)
        return scale * (dn - two)

    rows = targets.size
    grads["wte.weight"] = dlogits.reshape(rows, -1).T @ end["last"].reshape(rows, -1)
    dx = norm(dlogits @ w["wte.weight"], "ln_f", end["normed"], end["scale"])
    for i in reversed(range(len(layers))):
        h, kept = f"h.{i}.", layers[i]
        q, k, v, look, hidden, tanh = (kept[n] for n in ("q", "k", "v", "look", "hidden", "tanh"))
        dactive = linear(dx, h + "mlp.c_proj", kept["active"])
        # GELU is hidden (1 + tanh) / 2: the product rule; inner is the slope of what is in tanh
        inner = np.sqrt(2 / np.pi) * (1 + 3 * 0.044715 * hidden**2)
        slope = (1 + tanh) / 2 + hidden * (1 - tanh**2) / 2 * inner
        dmlp_in = linear(dactive * slope, h + "mlp.c_fc", kept["mlp_in"])
        dx = dx + norm(dmlp_in, h + "ln_2", kept["normed_2"], kept["scale_2"])  # + : the residual
        dheads = heads(linear(dx, h + "attn.c_proj", kept["mixed"]), H)  # of look v, head by head
        dlook = dheads @ v.swapaxes(-1, -2)
        dv = look.swapaxes(-1, -2) @ dheads
        # softmax: a rise of score l adds look_l to share l, and takes look_j look_l off each share
        # j; so the mean of dlook, weighted with look, is taken off
        dscores = look * (dlook - (dlook * look).sum(-1, keepdims=True)) / np.sqrt(q.shape[-1])
        dq, dk = dscores @ k, dscores.swapaxes(-1, -2) @ q
        dqkv = np.concatenate([merge(dq), merge(dk), merge(dv)], -1)
        dattn_in = linear(dqkv, h + "attn.c_attn", kept["attn_in"])
        dx = dx + norm(dattn_in, h + "ln_1", kept["normed_1"], kept["scale_1"])
    np.add.at(grads["wte.weight"], ids, dx)  # and as what came in, at each place of it
    grads["wpe.weight"] = np.zeros_like(w["wpe.weight"])
    grads["wpe.weight"][: ids.shape[1]] = dx.sum(0)
    return loss, grads


def check(w, ids, targets, H, small=1e-5):
    """The largest difference between a gradient and the slope that a small step measures, of one
    element of each parameter, as a share of that parameter's largest gradient."""
    grads, worst = loss_and_gradients(w, ids, targets, H)[1], 0.0
    for name, a in w.items():
        at = np.unravel_index(abs(grads[name]).argmax(), a.shape)
        value = a[at]
        a[at] = value + small
        up = loss_and_gradients(w, ids, targets, H)[0]
        a[at] = value - small
        down = loss_and_gradients(w, ids, targets, H)[0]
        a[at] = value
        slope = (up - down) / (2 * small)
        worst = max(worst, abs(slope - grads[name][at]) / abs(grads[name][at]))
    return worst


# --------------------------------------------------------------------------- Adam, train, write


def adam(w, grads, m, v, step, lr, beta1=0.9, beta2=0.999, eps=1e-8):
    """One step (1, 2, ...) of every parameter, in place. m and v start as zeros."""
    for name, g in grads.items():
        m[name] += (1 - beta1) * (g - m[name])  # the mean of the gradients
        v[name] += (1 - beta2) * (g * g - v[name])  # the mean of their squares
        m_hat, v_hat = m[name] / (1 - beta1**step), v[name] / (1 - beta2**step)  # they began at 0
        w[name] -= lr * m_hat / (np.sqrt(v_hat) + eps)


def write(w, ids, n, H, rng):
    """n more ids, each drawn with the probability that the model gives it."""
    ids = list(ids)
    for _ in range(n):
        logits = forward(w, np.array([ids[-len(w["wpe.weight"]) :]]), H)[0][0, -1]
        e = np.exp(logits - logits.max())
        ids.append(int(rng.choice(len(e), p=e / e.sum())))
    return ids


def main(path, steps=500, B=12, T=64, N=2, H=4, C=64):
    rng = np.random.default_rng(0)
    ids, characters = read(path)
    if len(ids) < T + 1:
        raise SystemExit(f"{path} has {len(ids)} characters, at least {T + 1} are needed")
    w = make_parameters(rng, len(characters), T, N, C)
    m = {name: np.zeros_like(a) for name, a in w.items()}
    v = {name: np.zeros_like(a) for name, a in w.items()}
    print(f"backward and slopes differ by {check(w, ids[None, :8], ids[None, 1:9], H):.0e}")
    for step in range(1, steps + 1):
        at = rng.integers(0, len(ids) - T, B)[:, None] + np.arange(T + 1)
        x, y = ids[at][:, :-1], ids[at][:, 1:]  # y is x one character later
        loss, grads = loss_and_gradients(w, x, y, H)
        adam(w, grads, m, v, step, lr=3e-3)
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
