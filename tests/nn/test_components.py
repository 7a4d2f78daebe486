"""Each component against its plain or composed version, and on nasty inputs."""

import math

import numpy as np
import pytest

from tinygpt import Tensor, check_gradient, nn, no_grad
from tinygpt.nn import (
    MLP,
    Block,
    CausalSelfAttention,
    Dropout,
    Embedding,
    LayerNorm,
    LearnedPosition,
    Linear,
    RMSNorm,
    SwiGLU,
)
from tinygpt.nn.lora import LoRALinear

rng = np.random.default_rng(0)


def normal(*shape, dtype=np.float64):
    return rng.standard_normal(shape).astype(dtype)


def values_and_gradients(f, *inputs):
    """f's value, and the gradients of sum(dy * f) for the float inputs, dy drawn the same."""
    tensors = [
        Tensor(x, requires_grad=True) if isinstance(x, np.ndarray) and x.dtype.kind == "f" else x
        for x in inputs
    ]
    y = f(*tensors)
    y.backward(np.random.default_rng(7).standard_normal(y.shape).astype(y.dtype))
    return [y.numpy(), *(t.grad for t in tensors if isinstance(t, Tensor))]


def assert_same(f, g, *inputs, rtol=1e-10, atol=1e-12):
    for a, b in zip(
        values_and_gradients(f, *inputs), values_and_gradients(g, *inputs), strict=True
    ):
        np.testing.assert_allclose(a, b, rtol=rtol, atol=atol)


# ------------------------------------------------------- fast against plain, values and gradients


def test_linear_is_a_product_and_a_sum():
    args = normal(2, 3, 5), normal(5, 7), normal(7)
    assert_same(nn.linear, lambda x, w, b: x @ w + b, *args)
    assert_same(nn.linear, lambda x, w: x @ w, *args[:2])


def test_embedding_is_indexing():
    ids = np.array([[0, 6, 6], [2, 6, 0]])
    assert_same(nn.embedding, lambda t, i: t[i], normal(7, 3), ids)


def test_unembed_is_a_product_with_the_transpose():
    assert_same(nn.unembed, lambda x, t: x @ t.T, normal(2, 3, 5), normal(7, 5))


def test_softmax_is_its_formula():
    def composed(x):
        e = x.exp()
        return e / e.sum(axis=-1, keepdims=True)

    assert_same(nn.softmax, composed, normal(2, 3, 5))


def test_layer_norm_is_its_formula():
    args = normal(2, 3, 5) * 3 + 1, normal(5), normal(5)
    assert_same(nn.layer_norm, nn.layer_norm_plain, *args)
    assert_same(nn.layer_norm, nn.layer_norm_plain, *args[:2])
    assert_same(
        lambda *a: nn.layer_norm(*a, eps=0.3), lambda *a: nn.layer_norm_plain(*a, eps=0.3), *args
    )


def test_rms_norm_is_its_formula():
    args = normal(2, 3, 5) * 3 + 1, normal(5)
    assert_same(nn.rms_norm, nn.rms_norm_plain, *args)
    assert_same(
        lambda *a: nn.rms_norm(*a, eps=0.3), lambda *a: nn.rms_norm_plain(*a, eps=0.3), *args
    )


def test_swiglu_is_its_formula():
    assert_same(nn.swiglu, nn.swiglu_plain, normal(3, 5) * 3, normal(3, 5))
    y = nn.swiglu(np.array([-1.0, 0.0, 1.0, -1e4, 1e4], np.float32), np.ones(5, np.float32)).numpy()
    np.testing.assert_allclose(y, [-0.26894142, 0, 0.73105858, 0, 1e4], atol=1e-7)
    with pytest.raises(ValueError, match=r"a gate of x's shape \(3,\), got \(2,\)"):
        nn.swiglu(np.ones(2), np.ones(3))


def test_groups_of_heads():
    """H = 4, G = 2: heads 0 and 1 read group 0, heads 2 and 3 read group 1."""
    qkv = normal(2, 5, 8 * 3)
    q, k, v = nn.split_groups(qkv, n_head=4, n_kv_head=2)
    assert (q.shape, k.shape) == ((2, 4, 5, 3), (2, 2, 5, 3))
    assert np.array_equal(v.numpy()[1, 1, 2], qkv[1, 2, 21:24])
    assert all(np.shares_memory(part.data, qkv) for part in (q, k, v))
    shared = nn.share_heads(k, times=2).numpy()
    assert all(np.array_equal(shared[:, h], k.numpy()[:, h // 2]) for h in range(4))
    with pytest.raises(ValueError, match="n_head=6 is not divisible by n_kv_head=4"):
        CausalSelfAttention(12, 6, n_kv_head=4, rng=rng)


def test_gelu_is_its_formula():
    assert_same(nn.gelu, nn.gelu_plain, normal(5, 7) * 3)
    x = normal(50) * 3
    with no_grad():
        assert np.array_equal(nn.gelu(x).numpy(), nn.gelu(Tensor(x, requires_grad=True)).numpy())


def test_gelu_of_integers_is_that_of_floats():
    for x in (1, np.arange(-2, 3)):
        assert np.array_equal(nn.gelu(x).numpy(), nn.gelu(np.asarray(x, np.float64)).numpy())


def test_gelu_values():
    """Against erf: the tanh form is within 5e-4 of x Phi(x)."""
    x = np.linspace(-6, 6, 241)
    exact = np.array([v * (1 + math.erf(v / math.sqrt(2))) / 2 for v in x])
    assert np.abs(nn.gelu(x).numpy() - exact).max() < 5e-4
    assert nn.gelu(np.array([-1.0, 0.0, 1.0])).numpy() == pytest.approx(
        [-0.1588, 0, 0.8412], abs=1e-4
    )


def test_erf_is_that_of_math():
    """To the last digit or two, on all three of its pieces and where they meet."""
    x = np.concatenate([np.linspace(-7, 7, 20_001), np.logspace(-20, 3, 200), [0.0, np.inf]])
    expected = np.array([math.erf(v) for v in x])
    np.testing.assert_allclose(nn.erf(x), expected, rtol=5e-16)
    assert np.array_equal(nn.erf(-x), -nn.erf(x))
    assert nn.erf(x.astype(np.float32)).dtype == np.float32
    assert np.abs(nn.erf(x.astype(np.float32)) - expected).max() < 3e-7


def test_exact_gelu_values():
    x = np.linspace(-9, 9, 241)
    exact = np.array([v * math.erfc(-v / math.sqrt(2)) / 2 for v in x])
    np.testing.assert_allclose(nn.gelu(x, approximate="none").numpy(), exact, atol=2e-15)
    assert nn.gelu(np.float32(1.0), approximate="none").dtype == np.float32
    with pytest.raises(ValueError, match='"tanh" or "none", got \'erf\''):
        nn.gelu(x, approximate="erf")


def test_label_smoothing_with_ignored_targets():
    """M1: the value and the gradient that PyTorch gives."""
    L = np.array([[2.0, 0, -1], [0, 1, 3], [1, 1, 0], [-2, 0.5, 0]])
    z = Tensor(L, requires_grad=True)
    loss = nn.cross_entropy(z, np.array([0, -100, 2, 1]), label_smoothing=0.2)
    loss.backward()
    assert loss.item() == pytest.approx(0.9852499599314815, rel=1e-15)
    rows = [[-0.007624, 0.015843, -0.008219], [0] * 3, [0.118551, 0.118551, -0.237101]]
    rows.append([-0.006019, -0.091489, 0.097507])
    np.testing.assert_allclose(z.grad, rows, atol=1e-6)


@pytest.mark.parametrize("e", [-0.1, 1.0])
def test_label_smoothing_that_cannot_be(e):
    with pytest.raises(ValueError, match="0 <= label_smoothing < 1"):
        nn.cross_entropy(normal(2, 3), np.array([0, 1]), label_smoothing=e)


def test_a_query_that_sees_no_key_gives_zeros():
    q, k, v = (normal(2, 1, 3, 4) for _ in "qkv")
    padding = np.array([[False, True, True], [False, False, False]])
    with np.errstate(all="raise", under="ignore"):
        y, *gradients = values_and_gradients(
            lambda *a: nn.attention(*a, key_padding=padding), q, k, v
        )
    assert not y[0, 0, 0].any() and not y[1].any()
    assert y[0, 0, 1].tolist() == v[0, 0, 1].tolist()  # it sees itself alone
    assert all(np.isfinite(g).all() for g in gradients)


def test_one_head_of_one_text():
    q, k, v = (normal(9, 4) for _ in "qkv")
    assert_same(lambda *a: nn.attention(*(x[None, None] for x in a))[0, 0], nn.one_head, q, k, v)


def test_a_mask_of_ones_own_is_pytorchs():
    """A window of three positions, as a mask: what is further back is not seen."""
    q, k, v = (normal(2, 2, 6, 4) for _ in "qkv")
    back = np.arange(6)[:, None] - np.arange(6)
    y, *gradients = values_and_gradients(lambda *a: nn.attention(*a, mask=back < 3), q, k, v)
    for t in range(6):
        near = slice(max(0, t - 2), t + 1)
        alone = nn.attention(q[:, :, [t]], k[:, :, near], v[:, :, near]).numpy()
        np.testing.assert_allclose(y[:, :, [t]], alone, rtol=1e-12)
    assert all(np.isfinite(g).all() for g in gradients)


@pytest.mark.parametrize(
    ("shapes", "settings", "error", "words"),
    [
        ([(2, 5, 4)] * 3, {}, ValueError, r"expected q \(B, H, T, D\).*q\[None, None\]"),
        ([(1, 2, 5, 4), (1, 2, 5, 3), (1, 2, 5, 3)], {}, ValueError, "expected q"),
        ([(1, 2, 5, 4), (1, 2, 5, 4), (1, 2, 5, 3)], {}, ValueError, "expected q"),
        ([(1, 2, 5, 4), (1, 1, 5, 4), (1, 1, 5, 4)], {}, ValueError, "expected q"),
        ([(1, 2, 5, 4), (1, 2, 3, 4), (1, 2, 3, 4)], {}, ValueError, "causal=False"),
        ([(1, 2, 5, 4)] * 3, {"mask": np.ones((4, 5), bool)}, ValueError, "does not broadcast"),
        ([(1, 2, 5, 4)] * 3, {"mask": np.zeros((5, 5))}, TypeError, "mask == 0"),
        ([(1, 2, 5, 4)] * 3, {"mask": np.ones((5, 5), int)}, TypeError, "booleans"),
        ([(2, 2, 5, 4)] * 3, {"key_padding": np.ones(5, bool)}, ValueError, r"\(2, 5\)"),
    ],
)
def test_attention_of_what_does_not_fit(shapes, settings, error, words):
    with pytest.raises(error, match=words):
        nn.attention(*(normal(*s) for s in shapes), **settings)


@pytest.mark.parity
def test_attention_and_its_mask_beside_pytorch():
    torch = pytest.importorskip("torch")
    for T, S, causal in ((7, 7, True), (70, 70, True), (4, 9, False)):
        q, k, v = normal(2, 3, T, 4), normal(2, 3, S, 4), normal(2, 3, S, 4)
        mask = rng.random((2, 1, T, S)) < 0.7
        mask[..., 0] = True
        whole = mask & np.tri(T, S, dtype=bool) if causal else mask
        theirs = torch.nn.functional.scaled_dot_product_attention(
            *map(torch.tensor, (q, k, v)), attn_mask=torch.tensor(whole)
        )
        mine = nn.attention(q, k, v, mask=mask, causal=causal).numpy()
        np.testing.assert_allclose(mine, theirs.numpy(), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_reductions_of_the_loss(reduction):
    z, t = normal(2, 5, 7), rng.integers(0, 7, (2, 5))
    t[0, 2] = -100
    each = nn.cross_entropy(z, t, reduction="none").numpy()
    assert each.shape == (2, 5)
    assert each[0, 2] == 0
    total = nn.cross_entropy(z, t, reduction="sum").item()
    assert total == pytest.approx(each.sum(), rel=1e-12)
    assert nn.cross_entropy(z, t).item() == pytest.approx(total / 9, rel=1e-12)
    if reduction != "none":
        assert_same(lambda z: nn.cross_entropy(z, t, reduction=reduction),
                    lambda z: nn.cross_entropy_plain(z, t, reduction=reduction), z)  # fmt: skip
    with pytest.raises(ValueError, match="reduction"):
        nn.cross_entropy(z, t, reduction="batchmean")


def test_padded_keys_are_as_if_they_were_not_there():
    q, k, v = (normal(1, 2, 5, 3) for _ in "qkv")
    padding = np.array([[True, True, True, False, False]])
    whole = nn.attention(q, k, v, key_padding=padding, causal=False).numpy()
    cut = nn.attention(q, k[:, :, :3], v[:, :, :3], causal=False).numpy()
    np.testing.assert_allclose(whole, cut, rtol=1e-12)


def test_attention_weights_are_what_attention_mixes_with():
    q, k, v = (normal(2, 3, 150, 4) for _ in "qkv")
    w = nn.attention_weights(q, k).numpy()
    np.testing.assert_allclose(w.sum(-1), 1, rtol=1e-12)
    assert (w[..., *np.triu_indices(150, 1)] == 0).all()
    np.testing.assert_allclose(w @ v, nn.attention(q, k, v).numpy(), rtol=1e-10)


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
@pytest.mark.parametrize("ignored", [0, 5, 20])
def test_cross_entropy_is_its_formula(ignored, smoothing):
    targets = rng.integers(0, 11, 21)
    targets[:ignored] = -100
    args = normal(3, 7, 11), targets.reshape(3, 7)
    assert_same(
        lambda *a: nn.cross_entropy(*a, label_smoothing=smoothing),
        lambda *a: nn.cross_entropy_plain(*a, label_smoothing=smoothing),
        *args,
    )


@pytest.mark.parametrize(
    ("q", "k", "causal"),
    [
        ((1, 2, 130, 3), (1, 2, 130, 3), True),
        ((1, 2, 135, 3), (1, 2, 140, 3), True),
        ((3, 5, 7, 11), (3, 5, 7, 11), True),
        ((1, 2, 3, 4), (1, 2, 7, 4), True),
        ((2, 1, 1, 3), (2, 1, 5, 3), True),
        ((2, 1, 1, 3), (2, 1, 1, 3), True),
        ((2, 3, 4, 1), (2, 3, 2, 1), False),
    ],
)
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("sloped", [False, True])
def test_attention_is_its_formula(q, k, causal, padded, sloped, masked):
    args = normal(*q), normal(*k), normal(*k)
    settings = {"causal": causal}
    if padded:
        settings["key_padding"] = rng.random((k[0], k[2])) < 0.7
    if sloped:
        settings["slopes"] = nn.alibi_slopes(q[1])
    if masked:
        settings["mask"] = rng.random((q[2], k[2])) < 0.7
    assert_same(
        lambda *a: nn.attention(*a, **settings),
        lambda *a: nn.attention_plain(*a, **settings),
        *args,
    )


@pytest.mark.parametrize("causal", [False, True])
def test_attention_where_nobody_looks(causal):
    """No queries: nothing comes out, and the keys' gradients are 0 and not what memory held."""
    q, k, v = (Tensor(normal(1, 2, n, 3), requires_grad=True) for n in (0, 4, 4))
    nn.attention(q, k, v, causal=causal).sum().backward()
    assert q.grad.shape == (1, 2, 0, 3)
    assert not k.grad.any() and not v.grad.any()


def test_split_and_merge_heads():
    qkv = normal(2, 3, 30)
    q, k, v = nn.split_heads(qkv, n_head=5)
    assert q.shape == k.shape == v.shape == (2, 5, 3, 2)
    assert np.array_equal(k.numpy()[1, 4, 2], qkv[1, 2, 18:20])
    assert all(np.shares_memory(part.data, qkv) for part in (q, k, v))
    merged = nn.merge_heads(v)
    assert np.array_equal(merged.numpy(), qkv[..., 20:])


def test_merging_what_attention_made_copies_nothing():
    q, k, v = (normal(2, 5, 3, 4) for _ in range(3))
    y = nn.attention(q, k, v)
    assert np.shares_memory(nn.merge_heads(y).data, y.data)


# ----------------------------------------------------------------------------- nasty inputs


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_scores_at_ten_thousand(dtype):
    x = np.array([[1e4, -1e4, 0.0], [-1e4, -1e4, -1e4]], dtype)
    with np.errstate(all="raise", under="ignore"):
        y, dx = values_and_gradients(nn.softmax, x)
        loss, dz = values_and_gradients(nn.cross_entropy, x, np.array([1, 0]))
    np.testing.assert_allclose(y, [[1, 0, 0], [1 / 3] * 3], rtol=1e-6)
    assert np.isfinite(dx).all() and np.isfinite(dz).all()
    assert loss == pytest.approx((2e4 + math.log(3)) / 2, rel=1e-6)


def test_attention_with_scores_beyond_minus_ten_thousand():
    """A mask of -1e4 loses to a score of -15258: the future must get weight 0 all the same."""
    q = np.array([[[[200.0], [200.0]]]], np.float32)
    k = np.array([[[[-100.0], [0.0]]]], np.float32)
    v = np.array([[[[1.0], [2.0]]]], np.float32)
    y = nn.attention(q, k, v).numpy()
    assert y[0, 0, 0, 0] == 1.0  # sees only the first
    assert y[0, 0, 1, 0] == 2.0


def test_rows_far_from_zero():
    """M5"""
    x = np.array([[5000, 5001, 5002, 5003]], np.float32)
    y = nn.layer_norm(x, np.ones(4, np.float32), np.zeros(4, np.float32)).numpy()
    np.testing.assert_allclose(y[0], [-1.341635, -0.447212, 0.447212, 1.341635], atol=1e-5)


def test_a_constant_row_and_a_row_of_one():
    y, dx, *_ = values_and_gradients(nn.layer_norm, np.full((1, 4), 3.0), np.ones(4), np.ones(4))
    assert y.tolist() == [[1.0] * 4]
    assert np.isfinite(dx).all()
    y, *_ = values_and_gradients(nn.layer_norm, np.array([[3.0]]), np.ones(1), np.full(1, 5.0))
    assert y.tolist() == [[5.0]]


def test_gelu_at_the_ends():
    x = np.array([-1e4, -50.0, 50.0, 1e4], np.float32)
    y, dx = values_and_gradients(nn.gelu, x)
    assert y.tolist() == [0.0, 0.0, 50.0, 1e4]
    dy = np.random.default_rng(7).standard_normal(4).astype(np.float32)
    np.testing.assert_allclose(dx, dy * [0, 0, 1, 1], atol=1e-6)


def test_cross_entropy_values():
    V = 65
    loss = nn.cross_entropy(np.zeros((2, 3, V)), np.zeros((2, 3), int))
    assert loss.item() == pytest.approx(math.log(V))
    L = np.array([[2.0, 0, -1], [0, 1, 3], [1, 1, 0], [-2, 0.5, 0]])
    t = np.array([0, -100, 2, 1])
    kept = nn.cross_entropy(L[[0, 2, 3]], t[[0, 2, 3]]).item()
    assert nn.cross_entropy(L, t).item() == pytest.approx(kept, rel=1e-14)
    assert nn.cross_entropy(L, np.full(4, -100)).item() == 0.0


def test_cross_entropy_leaves_the_logits_alone():
    logits = normal(4, 5)
    kept = logits.copy()
    loss = nn.cross_entropy(Tensor(logits, requires_grad=True), np.array([0, 1, 2, 3]))
    loss.backward()
    assert np.array_equal(logits, kept)


# ---------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize("ids", [[0, 7], [-1, 0], [[3, 3], [2, 11]]])
def test_ids_outside_the_table(ids):
    with pytest.raises(ValueError, match=r"id -?\d+ at \[.*\] is outside the vocabulary of 7"):
        nn.embedding(normal(7, 3), np.array(ids))


def test_targets_outside_the_vocabulary():
    with pytest.raises(ValueError, match=r"target 5 at \[1\] is outside the vocabulary of 5"):
        nn.cross_entropy(normal(2, 5), np.array([0, 5]))
    with pytest.raises(ValueError, match=r"target -1 at \[0\]"):
        nn.cross_entropy(normal(2, 5), np.array([-1, 0]))
    with pytest.raises(ValueError, match=r"need targets \(2,\), got \(3,\)"):
        nn.cross_entropy(normal(2, 5), np.array([0, 0, 0]))


def test_ids_that_are_no_integers():
    with pytest.raises(TypeError, match="expected integers as ids, got float64"):
        nn.embedding(normal(7, 3), np.array([1.0]))


def test_more_queries_than_positions():
    with pytest.raises(ValueError, match="5 queries cannot be the last of 3 positions"):
        nn.attention(normal(1, 1, 5, 2), normal(1, 1, 3, 2), normal(1, 1, 3, 2))


@pytest.mark.parametrize("p", [-0.1, 1.0, 2.0])
def test_a_share_to_drop_that_cannot_be(p):
    with pytest.raises(ValueError, match="0 <= p < 1"):
        nn.dropout(np.ones(3), p=p)
    with pytest.raises(ValueError, match="0 <= p < 1"):
        Dropout(p)


def test_dropout_without_a_key():
    with pytest.raises(ValueError, match="needs a key"):
        nn.dropout(np.ones(3), p=0.5)


# ----------------------------------------------------------------------------------- modules


def block(n_embd, n_head, *, dropout=0.0, bias=True, rng):
    """A block as GPT-2 has it."""
    return Block(
        LayerNorm(n_embd, bias=bias),
        CausalSelfAttention(n_embd, n_head, dropout=dropout, bias=bias, rng=rng),
        LayerNorm(n_embd, bias=bias),
        MLP(n_embd, bias=bias, rng=rng),
        dropout=dropout,
    )


def adapted(layer, rng):
    """With an adapter that already does something."""
    layer = LoRALinear(layer, 3, 6.0, rng=rng)
    layer.lora_B.data[...] = rng.standard_normal(layer.lora_B.shape)
    return layer


MODULES = [
    (lambda r: Linear(5, 7, rng=r), (2, 3, 5), (2, 3, 7)),
    (lambda r: Linear(5, 7, bias=False, rng=r), (5,), (7,)),
    (lambda r: LayerNorm(5), (2, 3, 5), (2, 3, 5)),
    (lambda r: LayerNorm(5, bias=False), (3, 5), (3, 5)),
    (lambda r: MLP(6, rng=r), (2, 3, 6), (2, 3, 6)),
    (lambda r: CausalSelfAttention(6, 3, rng=r), (2, 5, 6), (2, 5, 6)),
    (lambda r: CausalSelfAttention(12, 6, n_kv_head=2, rng=r), (2, 5, 12), (2, 5, 12)),
    (lambda r: CausalSelfAttention(12, 6, n_kv_head=1, position="rotary", rng=r), (1, 5, 12),
     (1, 5, 12)),
    (lambda r: CausalSelfAttention(6, 3, position="alibi", rng=r), (2, 5, 6), (2, 5, 6)),
    (lambda r: MLP(6, n_inner=7, approximate="none", rng=r), (2, 3, 6), (2, 3, 6)),
    (lambda r: SwiGLU(6, n_inner=7, rng=r), (2, 3, 6), (2, 3, 6)),
    (lambda r: RMSNorm(5), (2, 3, 5), (2, 3, 5)),
    (lambda r: adapted(Linear(5, 7, rng=r), r), (2, 3, 5), (2, 3, 7)),
    (lambda r: block(6, 2, rng=r), (2, 5, 6), (2, 5, 6)),
    (lambda r: block(6, 2, bias=False, dropout=0.3, rng=r).pack().train(), (2, 5, 6), (2, 5, 6)),
]  # fmt: skip


@pytest.mark.parametrize(("make", "shape", "result"), MODULES)
def test_shapes_and_float32(make, shape, result):
    y = make(np.random.default_rng(0))(Tensor(normal(*shape, dtype=np.float32)))
    assert (y.shape, y.dtype) == (result, np.float32)


@pytest.mark.gradcheck
@pytest.mark.parametrize(("make", "shape", "result"), MODULES)
def test_module_gradients(make, shape, result):
    check_gradient(make(np.random.default_rng(0)), normal(*shape), samples=12)


@pytest.mark.gradcheck
def test_embedding_module_gradients():
    table = Embedding(7, 3, rng=rng)
    check_gradient(lambda w: nn.embedding(w, np.array([1, 1, 6])), table.weight)
    position = LearnedPosition(5, 3, rng=rng)
    zeros = Tensor(np.zeros((2, 3, 3), np.float32))
    assert np.array_equal(position(zeros, 1).numpy()[1], position.weight.data[1:4])
    position(zeros, 1).sum().backward()
    assert position.weight.grad.tolist() == [[0.0] * 3] + [[2.0] * 3] * 3 + [[0.0] * 3]


def test_linear_is_drawn_as_asked():
    layer = Linear(300, 400, std=0.05, rng=np.random.default_rng(0))
    assert layer.weight.data.std() == pytest.approx(0.05, rel=0.01)
    assert not layer.bias.data.any()
    assert layer.weight.shape == (300, 400)


def test_heads_must_divide_the_width():
    with pytest.raises(ValueError, match="n_embd=6 is not divisible by n_head=4"):
        CausalSelfAttention(6, 4, rng=rng)


def test_composed_ops_are_gradient_checked_together():
    check_gradient(
        lambda q, k, v: nn.attention_plain(q, k, v), *(normal(1, 2, 3, 2) for _ in "qkv")
    )
    check_gradient(nn.gelu_plain, normal(5))
    check_gradient(nn.layer_norm_plain, normal(3, 5), normal(5), normal(5))
    check_gradient(lambda z: nn.cross_entropy_plain(z, np.array([1, -100, 0])), normal(3, 4))


def test_gelus_slope_is_the_gradient_that_runs():
    x = normal(3, 7) * 3
    one = Tensor(x, requires_grad=True)
    nn.gelu(one).sum().backward()
    np.testing.assert_allclose(one.grad, nn.gelu_slope_plain(Tensor(x)).numpy(), rtol=1e-11)
