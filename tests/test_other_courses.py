"""What Stanford CS336 asks for in its first assignment, with the library's own functions.

Each `run_...` is what an adapter would hold: a call, no mathematics of its own. What comes out is
compared with the formula in plain NumPy.
"""

import numpy as np
import pytest

from tinygpt import GPT, GPTConfig, Parameter, Tensor, clip_grad_norm, nn, ops
from tinygpt.files import read_arrays, write_arrays
from tinygpt.optim import AdamW, learning_rate
from tinygpt.text import BPETokenizer, RandomBatches

rng = np.random.default_rng(336)
B, T, C, H, F, V = 2, 6, 8, 2, 12, 11


def normal(*shape):
    return rng.standard_normal(shape)


def softmax(x, axis=-1):
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def silu(x):
    return x / (1 + np.exp(-x))


def turned(x, positions, theta):
    """Neighbours as complex numbers."""
    D = x.shape[-1]
    angle = positions[..., None] * theta ** (-np.arange(0, D, 2) / D)
    z = (x[..., 0::2] + 1j * x[..., 1::2]) * np.exp(1j * angle)
    return np.stack([z.real, z.imag], -1).reshape(x.shape)


def attended(q, k, v, mask):
    s = q @ k.swapaxes(-1, -2) / np.sqrt(q.shape[-1])
    return softmax(np.where(mask, s, -np.inf)) @ v


def heads(x):
    return x.reshape(B, T, H, C // H).swapaxes(1, 2)


def same(a, b):
    np.testing.assert_allclose(a.numpy() if isinstance(a, Tensor) else a, b, rtol=1e-6, atol=1e-9)


# --------------------------------------------------------------------------------- components


def run_linear(weights, x):
    return nn.linear(x, weights.T)


def run_swiglu(w1, w2, w3, x):
    return nn.linear(nn.swiglu(nn.linear(x, w1.T), nn.linear(x, w3.T)), w2.T)


def run_scaled_dot_product_attention(q, k, v, mask):
    lead = q.shape[:-2]
    q, k, v = (x.reshape(-1, 1, *x.shape[-2:]) for x in (q, k, v))
    mask = mask.reshape(-1, 1, *mask.shape[-2:])
    return nn.attention(q, k, v, mask=mask, causal=False).reshape(*lead, *q.shape[-2:])


def run_multihead_self_attention(wq, wk, wv, wo, x, rope=None, positions=None):
    qkv = nn.linear(x, np.concatenate([wq, wk, wv]).T)
    q, k, v = nn.split_heads(qkv, n_head=H)
    if rope is not None:
        q, k = (nn.rotary(y, positions=positions, base=rope, pairs="neighbours") for y in (q, k))
    return nn.linear(nn.merge_heads(nn.attention(q, k, v)), wo.T)


def test_linear_embedding_silu_softmax_and_rms_norm():
    x, w = normal(B, T, C), normal(F, C)
    same(run_linear(w, x), x @ w.T)
    table, ids = normal(V, C), rng.integers(0, V, (B, T))
    same(nn.embedding(table, ids), table[ids])
    same(ops.silu(x), silu(x))
    same(nn.softmax(x, axis=1), softmax(x, axis=1))
    same(nn.rms_norm(x, w[0], eps=1e-5), x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-5) * w[0])


def test_swiglu():
    x, w1, w3, w2 = normal(B, T, C), normal(F, C), normal(F, C), normal(C, F)
    same(run_swiglu(w1, w2, w3, x), (silu(x @ w1.T) * (x @ w3.T)) @ w2.T)


@pytest.mark.parametrize("lead", [(B,), (B, 3), (B, 3, 2)])
def test_scaled_dot_product_attention(lead):
    q, k, v = normal(*lead, T, 4), normal(*lead, 9, 4), normal(*lead, 9, 4)
    mask = rng.random((*lead, T, 9)) < 0.6
    mask[..., 0] = True
    same(run_scaled_dot_product_attention(q, k, v, mask), attended(q, k, v, mask))


@pytest.mark.parametrize("rope", [None, 10_000.0])
def test_multihead_self_attention(rope):
    x = normal(B, T, C)
    weights = [normal(C, C) for _ in "qkvo"]
    q, k, v = (heads(x @ w.T) for w in weights[:3])
    positions = np.arange(3, 3 + T)
    if rope:
        q, k = (turned(y, positions, rope) for y in (q, k))
    y = attended(q, k, v, np.tri(T, dtype=bool)).swapaxes(1, 2).reshape(B, T, C) @ weights[3].T
    same(run_multihead_self_attention(*weights, x, rope, positions), y)


def test_rope():
    x, positions = normal(B, T, C), rng.integers(0, 99, (B, T))
    y = nn.rotary(x, positions=positions, base=500.0, pairs="neighbours")
    same(y, turned(x, positions, 500.0))


# ------------------------------------------------------------------------------ the whole model


def lm_weights(n_layer):
    w = {"token_embeddings": normal(V, C), "ln_final": normal(C), "lm_head": normal(V, C)}
    for i in range(n_layer):
        w |= {f"layers.{i}.{n}_proj": normal(C, C) for n in ("q", "k", "v", "output")}
        w |= {f"layers.{i}.w{n}": normal(*s) for n, s in ((1, (F, C)), (2, (C, F)), (3, (F, C)))}
        w |= {f"layers.{i}.ln{n}": normal(C) for n in (1, 2)}
    return w


def run_transformer_lm(w, n_layer, theta, ids):
    model = GPT(GPTConfig(
        vocab_size=V, block_size=16, n_layer=n_layer, n_head=H, n_embd=C, n_inner=F, bias=False,
        tie_weights=False, position="rotary", rope_base=theta, rope_pairs="neighbours",
        norm="rms_norm", mlp="swiglu",
    )).to("float64")  # fmt: skip
    state = {"wte.weight": w["token_embeddings"], "ln_f.weight": w["ln_final"],
             "lm_head.weight": w["lm_head"]}  # fmt: skip
    for i in range(n_layer):
        a, b = f"layers.{i}.", f"h.{i}."
        qkv = np.concatenate([w[f"{a}{n}_proj"] for n in "qkv"])
        state |= {
            f"{b}ln_1.weight": w[f"{a}ln1"], f"{b}ln_2.weight": w[f"{a}ln2"],
            f"{b}attn.c_attn.weight": qkv.T, f"{b}attn.c_proj.weight": w[f"{a}output_proj"].T,
            f"{b}mlp.c_gate.weight": w[f"{a}w1"].T, f"{b}mlp.c_fc.weight": w[f"{a}w3"].T,
            f"{b}mlp.c_proj.weight": w[f"{a}w2"].T,
        }  # fmt: skip
    model.load_state_dict(state)
    return model(ids)


def test_transformer_lm():
    w, ids = lm_weights(2), rng.integers(0, V, (B, T))

    def norm(x, g):
        return x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-5) * g

    x = w["token_embeddings"][ids]
    for i in range(2):
        p = {n.removeprefix(f"layers.{i}."): a for n, a in w.items() if n.startswith(f"layers.{i}")}
        n = norm(x, p["ln1"])
        q, k, v = (heads(n @ p[f"{name}_proj"].T) for name in "qkv")
        q, k = (turned(y, np.arange(T), 10_000.0) for y in (q, k))
        y = attended(q, k, v, np.tri(T, dtype=bool)).swapaxes(1, 2).reshape(B, T, C)
        x = x + y @ p["output_proj"].T
        n = norm(x, p["ln2"])
        x = x + (silu(n @ p["w1"].T) * (n @ p["w3"].T)) @ p["w2"].T
    same(run_transformer_lm(w, 2, 10_000.0, ids), norm(x, w["ln_final"]) @ w["lm_head"].T)


# ----------------------------------------------------------------------------------- training


def test_batches_loss_clipping_rate_and_optimizer(tmp_path):
    x, y = next(RandomBatches(np.arange(100), 7, 32))
    assert x.shape == (32, 7) and np.array_equal(y, x + 1)
    z, t = normal(B, V), rng.integers(0, V, B)
    each = -np.log(softmax(z)[np.arange(B), t])
    same(nn.cross_entropy(z, t), each.mean())
    assert np.isfinite(nn.cross_entropy(1000 * z, t).item())
    parameters = [Parameter(normal(3)), Parameter(normal(2, 2))]
    for p in parameters:
        p.grad = np.ones(p.shape)
    assert float(clip_grad_norm(parameters, 1e-2)) == pytest.approx(7**0.5)
    same(parameters[0].grad, 1e-2 / 7**0.5)
    rates = [learning_rate(s, "cosine", peak=1.0, floor=0.1, warmup=7, total=21) for s in (7, 21)]
    assert rates == [1.0, 0.1]
    optimizer = AdamW(parameters, lr=1e-3, weight_decay=0.01)
    optimizer.step()
    write_arrays(tmp_path / "state.safetensors", {"w": parameters[0].data})
    assert np.array_equal(read_arrays(tmp_path / "state.safetensors")["w"], parameters[0].data)


# ---------------------------------------------------------------------------------- tokenizer


def run_train_bpe(path, vocab_size, special_tokens):
    t = BPETokenizer.train(path, vocab_size, special_tokens, ties="bytes")
    return {i: t.token_bytes(i) for i in range(t.vocab_size)}, t.merges


def get_tokenizer(vocab, merges, special_tokens):
    ids = {token: i for i, token in vocab.items()}
    return BPETokenizer(
        [(ids[a], ids[b]) for a, b in merges],
        {s: ids[s.encode()] for s in special_tokens},
        byte_order=[vocab[i][0] for i in range(256)],
    )


def test_a_tokenizer_is_trained_on_a_file_and_made_of_its_parts(tmp_path):
    path = tmp_path / "corpus.txt"
    path.write_text(
        "low low low lower lower<|endoftext|>newest newest widest\n" * 9, encoding="utf-8"
    )
    vocab, merges = run_train_bpe(path, 256 + 7, ["<|endoftext|>"])
    # s, t: the pairs "st", "es" and others come equally often; the largest bytes come first
    learned = [(vocab[a], vocab[b]) for a, b in merges]
    assert learned[0] == (b"o", b"w") or learned[0] == (b"l", b"o")
    tokenizer = get_tokenizer(vocab, learned, ["<|endoftext|>"])
    text = "lowest<|endoftext|>\u732b lower<|endoftext|><|endoftext|>"
    ids = tokenizer.encode(text, allow_special=True)
    assert tokenizer.decode(ids) == text
    assert ids.count(tokenizer.end_id) == 3
    lines = text.splitlines(keepends=True) * 3
    assert list(tokenizer.encode_iterable(lines, allow_special=True)) == ids * 3
