"""Each way to tell the position, by what it is for."""

import numpy as np
import pytest

from tests.models.test_gpt import small
from tinygpt import GPT, AdamW, GPTConfig, Tensor, clip_grad_norm, nn
from tinygpt.nn.position import POSITIONS
from tinygpt.nn.rotary import rotary_plain
from tinygpt.text import RandomBatches, window_batches
from tinygpt.training.evaluation import mean_loss

rng = np.random.default_rng(0)


def scores(q, k, start):
    """q (D,) and k (D,) as the only content of every position: all T x T scores."""
    T, D = 9, len(q)
    turned = [nn.rotary(np.broadcast_to(x, (T, D)), start=start).numpy() for x in (q, k)]
    return turned[0] @ turned[1].T


def test_rotary_scores_depend_on_the_distance_alone():
    q, k = rng.standard_normal((2, 8))
    s = scores(q, k, 0)
    for distance in range(-8, 9):
        np.testing.assert_allclose(np.diff(np.diagonal(s, distance)), 0, atol=1e-12)
    np.testing.assert_allclose(scores(q, k, 1000), s, atol=1e-10)  # wherever the text begins
    assert np.ptp(s[0]) > 0.5  # and they do depend on it
    assert s[3, 3] == pytest.approx(q @ k)  # no distance: as if nothing were turned


def test_rotary_turns_and_does_not_stretch():
    x = rng.standard_normal((2, 3, 5, 6))
    y = nn.rotary(x, start=4).numpy()
    assert np.abs(y - x).max() > 0.1
    np.testing.assert_allclose((y**2).sum(-1), (x**2).sum(-1), rtol=1e-12)
    assert np.array_equal(nn.rotary(x[..., :1, :]).numpy(), x[..., :1, :])  # position 0


def test_rotary_by_hand():
    """D = 4, position 1: the first pair (channels 0 and 2) turns by 1, the second by 1/100."""
    y = nn.rotary(np.array([[0.0] * 4, [1.0, 1.0, 0.0, 0.0]])).numpy()[1]
    np.testing.assert_allclose(y, [np.cos(1), np.cos(0.01), np.sin(1), np.sin(0.01)], rtol=1e-14)


def test_the_plain_form_of_rotary():
    x = np.random.default_rng(3).standard_normal((2, 3, 7, 6))
    np.testing.assert_allclose(rotary_plain(x), nn.rotary(x).numpy(), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(
        rotary_plain(x, base=50.0), nn.rotary(x, base=50.0).numpy(), rtol=1e-12, atol=1e-14
    )


def test_rotary_needs_pairs():
    with pytest.raises(ValueError, match="D must be even, got 3"):
        nn.rotary(np.ones((2, 3)))
    with pytest.raises(ValueError, match="n_embd / n_head must be even, got 6 / 2"):
        GPTConfig(n_embd=6, n_head=2, position="rotary")


def test_sinusoidal_values():
    """The table of the paper, times 0.02."""
    zeros = Tensor(np.zeros((1, 7, 6)))
    table = nn.SinusoidalPosition()(zeros, 3).numpy()[0] / 0.02
    for t in range(7):
        for i in range(3):
            angle = (3 + t) / 10000 ** (2 * i / 6)
            np.testing.assert_allclose(table[t, 2 * i], np.sin(angle), atol=1e-12)
            np.testing.assert_allclose(table[t, 2 * i + 1], np.cos(angle), atol=1e-12)


def test_sinusoidal_vectors_a_fixed_distance_apart_are_turned_alike():
    """A shift is a linear map, the same at every position: a head can learn to look 3 back."""
    zeros = Tensor(np.zeros((1, 50, 8)))
    table = nn.SinusoidalPosition()(zeros).numpy()[0]
    shift, *_ = np.linalg.lstsq(table[:20], table[3:23], rcond=None)
    np.testing.assert_allclose(table[20:47] @ shift, table[23:50], atol=1e-10)


def test_alibi_slopes():
    """Those that the paper gives for 8 heads, and its rule for 12."""
    assert nn.alibi_slopes(8) == tuple(2.0**-i for i in range(1, 9))
    assert nn.alibi_slopes(1) == (2.0**-8,)
    eight, four = nn.alibi_slopes(12)[:8], nn.alibi_slopes(12)[8:]
    assert eight == nn.alibi_slopes(8)
    assert four == nn.alibi_slopes(16)[:8:2]


def test_alibi_takes_off_what_it_says():
    q = np.zeros((1, 2, 4, 3))
    w = nn.attention_weights(q, q, slopes=(1.0, 0.0)).numpy()[0]
    expected = np.exp([-3.0, -2.0, -1.0, 0.0])
    np.testing.assert_allclose(w[0, 3], expected / expected.sum(), rtol=1e-12)
    np.testing.assert_allclose(w[1, 3], 0.25)


def test_without_positions_attention_commutes_with_permutation():
    """What looks at everything, and is told no order, treats its input as a set."""
    order = rng.permutation(7)
    q, k, v = rng.standard_normal((3, 2, 3, 7, 4))
    whole = nn.attention(q, k, v, causal=False).numpy()
    permuted = nn.attention(*(x[:, :, order] for x in (q, k, v)), causal=False).numpy()
    np.testing.assert_allclose(permuted, whole[:, :, order], rtol=1e-12)


@pytest.mark.parametrize("position", [p for p in POSITIONS if p != "none"])
def test_with_positions_the_order_of_the_past_matters(position):
    ids = np.arange(6)[None]
    swapped = ids[:, [1, 0, 2, 3, 4, 5]]
    model = small(position=position, n_layer=1)
    assert np.abs(model(ids).numpy()[0, -1] - model(swapped).numpy()[0, -1]).max() > 1e-3


@pytest.mark.parametrize("position", POSITIONS)
def test_longer_texts(position):
    ids = np.arange(9)[None]
    if position == "learned":
        with pytest.raises(ValueError, match=r"9 ids, but this model sees at most block_size=6"):
            small(position=position)(ids)
    else:
        assert small(position=position)(ids).shape == (1, 9, 11)


@pytest.mark.slow
def test_beyond_the_trained_length(capsys):
    """Trained on windows of 32, measured on windows of 128: the loss of each quarter.

    Only ALiBi goes on as before; the others meet distances or vectors that they have never seen.
    """
    from tinygpt.text import CharTokenizer, load_corpus

    text = load_corpus("stories").train[:300_000]
    tokenizer = CharTokenizer.train(text)
    ids = np.array(tokenizer.encode(text))
    train, held_out = ids[:-20_000], ids[-20_000:]
    ratios = {}
    for position in POSITIONS[1:]:
        model = GPT(GPTConfig(tokenizer.vocab_size, block_size=32, n_layer=2, n_head=4, n_embd=64,
                              position=position)).train()  # fmt: skip
        optimizer = AdamW(model, lr=3e-3)
        for _, (x, y) in zip(range(500), RandomBatches(train, 32, 16), strict=False):
            loss = model.loss(x, y)
            loss.backward()
            clip_grad_norm(model, 1.0)
            optimizer.step()
            optimizer.zero_grad()
        model.eval()
        quarters = []
        for part in range(4):
            batches = window_batches(held_out, 128, 16)
            only = [(x, np.where(np.arange(128) // 32 == part, y, -100)) for x, y in batches]
            quarters.append(mean_loss(model, only))
        ratios[position] = quarters[3] / quarters[0]
        with capsys.disabled():
            print(f"\n{position:12}" + "".join(f"{q:8.3f}" for q in quarters), end="")
    assert ratios["alibi"] < 1.0  # more text to look at, and it helps
    assert min(ratios["rotary"], ratios["sinusoidal"]) > 1.2


def test_rotary_of_neighbours_is_that_of_halves_in_another_order():
    """GPT-J's and the paper's pairs: channels 0 1, 2 3, ... Llama's: 0 and D/2, 1 and D/2 + 1."""
    x = np.random.default_rng(3).standard_normal((2, 3, 5, 8))
    order = np.arange(8).reshape(4, 2).T.reshape(-1)  # the even ones, then the odd ones
    y = nn.rotary(x, start=4, pairs="neighbours").numpy()
    np.testing.assert_allclose(y[..., order], nn.rotary(x[..., order], start=4).numpy(), rtol=1e-13)
    by_hand = (x[..., 0] + 1j * x[..., 1]) * np.exp(1j * np.arange(4, 9))
    np.testing.assert_allclose(y[..., 0] + 1j * y[..., 1], by_hand, rtol=1e-12)


def test_rotary_of_given_positions():
    x = np.random.default_rng(3).standard_normal((2, 3, 5, 8))
    y = nn.rotary(x, positions=np.arange(7, 12)).numpy()
    assert np.array_equal(y, nn.rotary(x, start=7).numpy())
    each = np.array([[4, 1, 1, 0, 9], [0, 1, 2, 3, 4]])  # another for each text
    y = nn.rotary(x, positions=each[:, None]).numpy()
    np.testing.assert_allclose(y[0, 1, 3], x[0, 1, 3], rtol=1e-15)
    np.testing.assert_allclose(y[1], nn.rotary(x[1]).numpy(), rtol=1e-15)
    for bad in (np.arange(4), np.zeros((1, 2, 3, 5))):
        with pytest.raises(ValueError, match="a position for each of 5 rows"):
            nn.rotary(x, positions=bad)
    with pytest.raises(ValueError, match="halves"):
        nn.rotary(x, pairs="interleaved")


def test_a_model_whose_pairs_are_neighbours_is_one_of_halves_in_another_order():
    """The channels of each query and key, even ones first: then the pairs are halves."""
    settings = {"position": "rotary", "n_layer": 1, "n_head": 2, "n_embd": 8, "vocab_size": 11}
    a = GPT(GPTConfig(**settings, rope_pairs="neighbours"))
    b = GPT(GPTConfig(**settings))
    a.h[0].attn.c_attn.weight.data[...] *= 30  # so that who looks at whom matters
    state = a.state_dict()
    order = np.arange(4).reshape(2, 2).T.reshape(-1)
    columns = np.concatenate([4 * h + order for h in range(4)] + [np.arange(16, 24)])
    for name in ("h.0.attn.c_attn.weight", "h.0.attn.c_attn.bias"):
        state[name] = state[name][..., columns]
    ids = np.array([[1, 2, 3, 4, 5, 6]])
    assert np.abs(b(ids).numpy() - a(ids).numpy()).max() > 0  # not yet
    b.load_state_dict(state)
    np.testing.assert_allclose(b(ids).numpy(), a(ids).numpy(), atol=1e-6)
