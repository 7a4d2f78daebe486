"""What somebody types who comes from PyTorch or NumPy: it works, or an error names the way."""

import copy
import pickle
import warnings

import numpy as np
import pytest

import tinygpt as tg
from tinygpt import GPT, SGD, AdamW, GPTConfig, Module, Parameter, Tensor, clip_grad_norm, nn, ops
from tinygpt.autograd import habits


def leaf(values):
    return Tensor(np.array(values, np.float64), requires_grad=True)


X = np.arange(6.0).reshape(2, 3)


# ----------------------------------------------------------------------------- everyday names


@pytest.mark.parametrize(
    ("ours", "numpys"),
    [
        (lambda x: x.squeeze(), lambda a: a.squeeze()),
        (lambda x: x.unsqueeze(1), lambda a: a[:, None]),
        (lambda x: x.unsqueeze(-1), lambda a: a[..., None]),
        (lambda x: x.permute(1, 0), lambda a: a.T),
        (lambda x: x.flatten(), lambda a: a.ravel()),
        (lambda x: x.unsqueeze(0).flatten(1), lambda a: a.reshape(1, -1)),
        (lambda x: x.unsqueeze(0).expand(4, -1, 3), lambda a: np.stack([a] * 4)),
        (lambda x: x.swapaxes(-2, -1), lambda a: a.T),
        (lambda x: x.mT, lambda a: a.T),
        (lambda x: x.min(axis=1), lambda a: a.min(axis=1)),
        (lambda x: abs(-x), lambda a: a),
        (lambda x: x.clip(1, 4), lambda a: a.clip(1, 4)),
        (lambda x: x.std(axis=0, ddof=1), lambda a: a.std(axis=0, ddof=1)),
        (lambda x: x.var(ddof=1), lambda a: a.var(ddof=1)),
        (lambda x: x.norm(), np.linalg.norm),
        (lambda x: x.cumsum(axis=0), lambda a: a.cumsum(axis=0)),
        (lambda x: x.clone(), lambda a: a),
        (lambda x: x.take_along_axis(np.array([[0], [2]])), lambda a: np.array([[0.0], [5.0]])),
        (lambda x: ops.einsum("ij->ji", x), lambda a: a.T),
        (lambda x: nn.softmax(x, axis=0).sum(axis=0), lambda a: np.ones(3)),
    ],
)
def test_a_name_that_is_there(ours, numpys):
    x = leaf(X)
    y = ours(x)
    np.testing.assert_allclose(y.numpy(), numpys(X), rtol=1e-12)
    y.sum().backward()
    assert x.grad.shape == X.shape


def test_plain_results():
    x = leaf(X)
    assert x.argmax(axis=1).tolist() == [2, 2]
    assert x.tolist() == X.tolist()
    assert (int(x.max()), round(x.mean() + 0.04, 1), float(x.sum())) == (5, 2.5, 15.0)
    index = Tensor([1]).item()
    assert index == 1 and type(index) is int
    assert ["a", "b"][Tensor([1])] == "b"
    assert x.device == "cpu"


def hint(action):
    with pytest.raises((AttributeError, TypeError, ValueError, RuntimeError)) as caught:
        action()
    return str(caught.value)


@pytest.mark.parametrize(
    ("action", "words"),
    [
        (lambda x: x.view(3, 2), "write x.reshape"),
        (lambda x: x.numel(), "write x.size"),
        (lambda x: x.clamp(0), "x.clip"),
        (lambda x: x.reshap(3, 2), "did you mean 'reshape'"),
        (lambda x: x.sum(dim=1), '"dim" is called "axis" here'),
        (lambda x: x.sum(axis=0, keepdim=True), '"keepdim" is called "keepdims" here'),
        (lambda x: nn.softmax(x, dim=-1), '"dim" is called "axis" here'),
        (lambda x: x.var(unbiased=True), '"unbiased" is called "ddof" here'),
        (lambda x: ops.sum(x, 1), "Settings have names: sum(x, axis=1)"),
        (lambda x: ops.reshape(x, (3, 2)), "reshape(x, /, *, shape)"),
        (lambda x: x.transpose(-2, -1), "x.swapaxes(-2, -1)"),
        (lambda x: np.einsum("ij->ji", x), "use tinygpt.ops.einsum"),
        (lambda x: np.fft.fft(x), "x.numpy()"),
        (lambda x: x.__setitem__(0, 1.0), "ops.where"),
        (lambda x: Tensor(np.ones(3, np.float32), True) * np.ones(3), "astype(np.float32)"),
        (lambda x: tg.zeros(3), "np.zeros"),
        (lambda x: tg.manual_seed(0), "seed=0"),
        (lambda x: nn.Sequential(), "a list of layers"),
        (lambda x: nn.ReLU(), "x.relu()"),
        (lambda x: tg.optim.lr_scheduler, "optimizer.lr ="),
        (lambda x: nn.Linear(2, 2).register_buffer("b", x), "a NumPy array as an attribute"),
        (lambda x: nn.Linear(2, 2).weigth, "did you mean 'weight'"),
        (lambda x: nn.Linear(2, 2).to("cuda"), 'here it is "gpu"'),
        (lambda x: nn.Linear(2, 2, rng="ones"), '"zeros"'),
        (lambda x: SGD([x]), "make it tinygpt.Parameter"),
        (lambda x: SGD([{"params": [Parameter(X)]}]), "an optimizer for each"),
        (lambda x: SGD(None), "expected a model or a list of Parameters"),
        (lambda x: clip_grad_norm([Parameter(X)], 1.0), "clip after loss.backward()"),
    ],
)
def test_a_name_that_is_not_there_says_what_to_write(action, words):
    assert words in hint(lambda: action(leaf(X)))


@pytest.mark.parametrize("table", ["TENSOR", "PACKAGE", "LAYERS", "MODULE", "OPTIM"])
def test_no_hint_stands_before_a_name_that_exists(table):
    owner = {"TENSOR": Tensor, "PACKAGE": tg, "LAYERS": nn, "MODULE": Module, "OPTIM": tg.optim}
    assert not set(getattr(habits, table)) & set(dir(owner[table]))


def test_help_shows_formula_shapes_and_signature():
    text = repr(nn.attention)
    assert "attention(q, k, v, /, *, causal=True" in text
    for name in ("exp", "log", "sum", "mean", "max", "var", "shape", "T", "grad"):
        assert getattr(Tensor, name).__doc__, name


# ----------------------------------------------------------------------------- changes in place


def test_a_step_by_hand_in_no_grad():
    p = Parameter(np.array([1.0, 2.0]))
    (p * p).sum().backward()
    same = p
    with tg.no_grad():
        p -= 0.5 * p.grad
    assert p is same and p.data.tolist() == [0.0, 0.0]


@pytest.mark.parametrize("name", ["iadd", "isub", "imul", "itruediv"])
def test_a_change_in_place_of_a_leaf_is_refused_where_it_would_be_lost(name):
    x = leaf([1.0])
    assert "no_grad" in hint(lambda: getattr(x, f"__{name}__")(1.0))
    with tg.no_grad():
        getattr(x, f"__{name}__")(2.0)
    assert x.data.tolist() == [{"iadd": 3.0, "isub": -1.0, "imul": 2.0, "itruediv": 0.5}[name]]


def test_a_change_in_place_of_a_result_makes_a_new_one():
    x = leaf([1.0, 2.0])
    y = x * x
    z = y
    y += 1.0
    assert z.numpy().tolist() == [1.0, 4.0]
    y.sum().backward()
    assert x.grad.tolist() == [2.0, 4.0]


@pytest.mark.parametrize("change", ["in place", "optimizer", "load"])
def test_a_leaf_that_changed_between_forward_and_backward(change):
    """10 for 6 in silence: the op multiplies with the values of now, not of then."""
    model = Scale()
    optimizer = SGD(model, lr=0.1)
    model(np.ones(2, np.float32)).sum().backward()
    loss = (model.weight * model.weight).sum()
    if change == "in place":
        with tg.no_grad():
            model.weight *= 2.0
    elif change == "optimizer":
        optimizer.step()
    else:
        model.load_state_dict(model.state_dict())
    assert "changed in place after the forward" in hint(loss.backward)


# -------------------------------------------------------------------------------- gradients


def test_the_gradient_of_an_intermediate_can_be_kept():
    x = leaf([1.0, 2.0])
    h = x * x
    h.retain_grad()
    (h * 3.0).sum().backward()
    assert h.grad.tolist() == [3.0, 3.0]
    a, b = ops.split(leaf([1.0, 2.0]), n=2)
    b.retain_grad()
    (a + b * 2.0).sum().backward()
    assert b.grad.tolist() == [2.0]


def test_the_gradient_of_an_intermediate_that_was_not_kept_is_said():
    h = leaf([1.0]) * 2.0
    h.sum().backward()
    with pytest.warns(UserWarning, match="retain_grad"):
        assert h.grad is None


@pytest.mark.parametrize("packed", [False, True])
def test_gradients_that_were_kept_stay_as_they_were(packed):
    """A list of p.grad over three batches."""
    model = Scale()
    forget = SGD(model, lr=0.1).zero_grad if packed else model.zero_grad
    for reset in (forget, model.zero_grad, lambda: setattr(model.weight, "grad", None)):
        kept = []
        for size in (1.0, 2.0, 3.0):
            reset()
            model(np.full(2, size, np.float32)).sum().backward()
            kept.append(model.weight.grad)
        assert [g.tolist() for g in kept] == [[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]]
        forget()


def test_a_gradient_that_somebody_looked_at_is_still_the_optimizers():
    model = Scale()
    optimizer = SGD(model, lr=1.0)
    for _ in range(3):
        optimizer.zero_grad()
        model(np.ones(2, np.float32)).sum().backward()
        model.weight.grad[...] *= 0.5
        optimizer.step()
    assert model.weight.data.tolist() == [-0.5, -0.5]


def test_setting_a_gradient():
    for p in (Parameter(np.ones(2)), SGD(Scale(), lr=1.0).vector.parameters[0]):
        p.grad = np.full(2, 3.0, p.dtype)
        p.grad *= 2.0
        assert p.grad.tolist() == [6.0, 6.0]
        p.grad = None
        assert p.grad is None
        assert "float32 (3,)" in hint(lambda p=p: setattr(p, "grad", np.ones(3, np.float32)))


# ---------------------------------------------------------------------------------- modules


class Scale(Module):
    def __init__(self):
        self.weight = Parameter(np.ones(2, np.float32))

    def forward(self, x):
        return x * self.weight


class Everything(Module):
    def __init__(self):
        self.heads = {"a": Scale(), "b": [Scale()]}
        self.pair = (Scale(), Scale())
        self.grid = [[Scale()], [Scale()]]
        self.last = Parameter(np.ones(1, np.float32))


NAMES = ["heads.a.weight", "heads.b.0.weight", "pair.0.weight", "pair.1.weight", "grid.0.0.weight",
         "grid.1.0.weight", "last"]  # fmt: skip


def test_parameters_are_found_wherever_they_are():
    model = Everything()
    assert [name for name, _ in model.named_parameters()] == NAMES
    assert list(model.state_dict()) == NAMES
    assert all(m.training for m in model.train().modules())
    assert len(list(model.modules())) == 7


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (leaf([1.0]), "make it tinygpt.Parameter"),
        ([leaf([1.0])], "make it tinygpt.Parameter"),
        ({Scale()}, "is a set"),
    ],
)
def test_what_would_be_overlooked_is_refused(value, words):
    model = Scale()
    model.odd = value
    for look in (model.parameters, model.pack, model.state_dict, lambda: SGD(model)):
        assert words in hint(look)


def test_a_module_that_knows_its_owner_is_walked_once():
    model = Scale()
    model.child = Scale()
    model.child.owner = model
    assert len(model.parameters()) == 2
    assert len(list(model.modules())) == 2
    repr(model.child.weight)


def test_forward_or_call():
    assert Scale()(np.ones(2, np.float32)).numpy().tolist() == [1.0, 1.0]
    assert "neither __call__ nor forward" in hint(lambda: Everything()(1))


def test_print_shows_a_tree():
    text = repr(Everything())
    assert text.splitlines()[:3] == ["Everything  13", "  heads.a: Scale  2", "    weight (2,)"]


@pytest.mark.parametrize("rng", [None, 0, np.random.default_rng(0)])
def test_linear_draws_weights_of_a_useful_size(rng):
    layer = nn.Linear(400, 300, rng=rng)
    assert layer.weight.data.std() == pytest.approx(1 / 20, rel=0.02)
    assert not nn.Linear(4, 3, rng="zeros").weight.data.any()


def test_a_seed_gives_different_weights_to_parts_of_one_shape():
    swiglu = nn.SwiGLU(4, n_inner=8, rng=0)
    assert not np.array_equal(swiglu.c_gate.weight.data, swiglu.c_fc.weight.data)


def test_a_small_net_by_pytorch_habit_learns():
    """Two moons in all but name: 2-16-16-2, SGD 0.1, 300 steps. With weights of size 0.02 the loss
    stayed at 0.693 for ever."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((64, 2)).astype(np.float32)
    y = (x[:, 0] * x[:, 1] > 0).astype(int)

    class Net(Module):
        def __init__(self):
            self.layers = [nn.Linear(2, 16, rng=1), nn.Linear(16, 16, rng=2)]
            self.out = nn.Linear(16, 2, rng=3)

        def forward(self, x):
            for layer in self.layers:
                x = layer(x).relu()
            return self.out(x)

    net = Net()
    optimizer = SGD(net.parameters(), lr=0.1)
    for _ in range(300):
        loss = nn.cross_entropy(net(x), y)
        loss.backward()
        clip_grad_norm(net.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
    assert float(loss) < 0.3


def test_optimizers_take_lists_of_parameters():
    model = Everything()
    assert AdamW(model.parameters()).vector is AdamW(model).vector
    part = SGD(model.grid[0][0].parameters(), lr=1.0)
    rest = SGD([p for n, p in model.named_parameters() if n != "grid.0.0.weight"], lr=1.0)
    for p in model.parameters():
        p.grad = np.ones_like(p.data)
    assert float(clip_grad_norm(model, 1.0)) == pytest.approx(13**0.5)
    part.step(), rest.step()
    for p in model.parameters():
        np.testing.assert_allclose(p.data, 1 - 13**-0.5, rtol=1e-6)


def test_freezing():
    model = GPT(GPTConfig(vocab_size=11, block_size=8, n_layer=1, n_head=2, n_embd=8)).train()
    older = AdamW(model, lr=0.1)
    for p in model.h[0].parameters():
        p.requires_grad = False
    assert "was frozen" in hint(older.step)
    optimizer = AdamW(model, lr=0.1)
    before = model.state_dict()
    ids = np.arange(8) % 11
    loss = model.loss(ids, ids)
    loss.backward()
    optimizer.step()
    after = model.state_dict()
    changed = {name for name in before if not np.array_equal(before[name], after[name])}
    assert changed == {"wte.weight", "wpe.weight", "ln_f.weight", "ln_f.bias"}
    assert model.num_parameters() + model.num_frozen() == sum(a.size for a in before.values())
    for p in model.parameters():
        p.requires_grad = True
    assert model.num_frozen() == 0 and len(AdamW(model).vector.parameters) == len(before)


def loss_after(model, steps=30):
    ids = np.arange(16).reshape(2, 8) % 11
    model.train()
    optimizer = AdamW(model, lr=1e-2)
    for _ in range(steps):
        loss = model.loss(ids, (ids + 1) % 11)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    return float(loss)


@pytest.mark.parametrize(
    "again", [lambda m: pickle.loads(pickle.dumps(m)), copy.deepcopy, copy.copy, lambda m: m]
)
@pytest.mark.parametrize("dropout", [0.0, 0.1])
def test_any_copy_of_a_model_learns(again, dropout):
    config = GPTConfig(vocab_size=11, block_size=8, n_layer=1, n_head=2, n_embd=8, dropout=dropout)
    copied = again(GPT(config))
    assert loss_after(copied) == loss_after(GPT(config))
    state = copied.state_dict()
    assert all(np.shares_memory(p.data, copied.vector().data) for p in copied.parameters())
    assert state.keys() == GPT(config).state_dict().keys()


def test_nothing_here_warns():
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        loss_after(GPT(GPTConfig(vocab_size=11, block_size=8, n_layer=1, n_head=2, n_embd=8)), 2)
    assert [str(w.message) for w in seen] == []


# ------------------------------------------------- what a second hour by PyTorch habit found


def near(a, b):
    a, b = (x.numpy() if isinstance(x, Tensor) else x for x in (a, b))
    return np.allclose(a, b)


class Zero(nn.Linear):
    def forward(self, x):
        return x * 0


class Doubled(nn.LayerNorm):
    def forward(self, x):
        return super().forward(x) * 2


class Called(Module):
    def __call__(self, x):
        return x * 3


class Below(Called):
    def forward(self, x):
        return super().forward(x) + 1


def test_forward_and_call_are_one_in_every_subclass():
    x = Tensor(np.ones((2, 4), np.float32))
    assert not Zero(4, 4)(x).numpy().any()
    assert near(
        Doubled(4)(np.float32([[1, 2, 3, 4]])), 2 * nn.LayerNorm(4)(np.float32([[1, 2, 3, 4]]))
    )
    assert near(Below()(x), 4) and near(Below().forward(x), 4)
    assert near(nn.Linear(4, 2, rng=0).forward(x), nn.Linear(4, 2, rng=0)(x))
    with pytest.raises(TypeError, match="looked up in the class"):
        Called().forward = lambda x: x


def test_a_gpt_of_ones_own_writes_what_it_says():
    class Flat(GPT):
        def __call__(self, ids, cache=None):
            return super().__call__(ids, cache) * 0

    model = Flat(GPTConfig(11, block_size=8, n_layer=1, n_head=1, n_embd=8))
    assert model.generate([1, 2], 3, temperature=0)[0].tolist() == [1, 2, 0, 0, 0]


def test_a_frozen_copy_is_written_in_place_as_a_trained_one():
    model = nn.Linear(2, 2, rng=0)
    mean = copy.deepcopy(model)
    for p in mean.parameters():
        p.requires_grad = False
    with tg.no_grad():
        for a, b in zip(mean.parameters(), model.parameters(), strict=True):
            a *= 0.5
            a += b
    assert near(mean.weight.numpy(), 1.5 * model.weight.numpy())
    with tg.no_grad():
        mean.weight *= 2
    assert "weight" in mean.state_dict() and near(mean.weight, 3 * model.weight)
    with pytest.raises(RuntimeError, match="no_grad"):
        mean.weight *= 2


@pytest.mark.parametrize(
    "value", [np.zeros((2, 2)), Tensor(np.zeros((2, 2))), 3.0, lambda x: x], ids=repr
)
def test_a_parameter_is_not_lost_by_assignment(value):
    net = nn.Linear(2, 2)
    with pytest.raises(TypeError, match=r"write weight.data\[\.\.\.\] = values"):
        net.weight = value
    with tg.no_grad(), pytest.raises(TypeError, match="neither trained nor saved"):
        net.weight = net.weight * 2
    model = GPT(GPTConfig(11, block_size=8, n_layer=1, n_head=1, n_embd=8))
    with pytest.raises(TypeError, match="write a Module there"):
        model.h[0].mlp = value
    net.bias = None
    net.weight = Parameter(np.zeros((2, 2)))


@pytest.mark.parametrize("name", ["mask_keys", "packed", "vector", "modules", "training"])
def test_names_that_a_module_needs_itself(name):
    with pytest.raises(TypeError, match="a name that Module uses"):
        setattr(Called(), name, Parameter(np.ones(2)))


def test_what_was_unfrozen_later_is_said():
    net = nn.Linear(2, 2)
    net.weight.requires_grad = False
    optimizer = SGD(net.parameters(), lr=0.1)
    net.weight.requires_grad = True
    net(np.ones((1, 2), np.float32)).sum().backward()
    with pytest.raises(RuntimeError, match="make the optimizer anew"):
        optimizer.step()


def test_an_activation_that_is_kept_is_no_parameter():
    class Keeps(Module):
        def __init__(self):
            self.layer = nn.Linear(2, 2)

        def forward(self, x):
            self.h = self.layer(x)
            return self.h

    net = Keeps()
    net(np.ones((1, 2), np.float32)).sum().backward()
    assert [n for n, _ in net.named_parameters()] == ["layer.weight", "layer.bias"]
    net(np.ones((1, 2), np.float32)).sum().backward()
    clip_grad_norm(net.eval().parameters(), 1.0)


def test_a_head_of_ones_own_is_called():
    model = GPT(GPTConfig(11, block_size=8, n_layer=1, n_head=1, n_embd=8, tie_weights=False))
    model.lm_head = nn.Linear(8, 11, rng=0)
    model.lm_head.bias.data[...] = np.arange(11)
    ids = [[1, 2, 3]]
    assert near(model(ids), model.lm_head(model.hidden(ids)))


Q = np.ones((1, 1, 4, 2), np.float32)
SMALL = GPTConfig(11, block_size=8, n_layer=2, n_head=1, n_embd=8)


@pytest.mark.parametrize(
    ("done", "error", "words"),
    [
        (lambda: GPTConfig(1024, 50304, 12, 12, 768), TypeError, "positional"),
        (lambda: Tensor(2, 3), TypeError, "requires_grad to be True or False"),
        (lambda: nn.layer_norm(Q, (2,)), ValueError, r"a weight of shape \(2,\)"),
        (lambda: nn.layer_norm(np.ones((3, 8)), (8,)), ValueError, r"got \(8,\)"),
        (lambda: nn.rms_norm(np.ones((3, 8)), [8]), ValueError, r"got \[8\]"),
        (lambda: nn.LayerNorm([3, 8]), TypeError, "the last axis"),
        (lambda: nn.RMSNorm((3, 8)), TypeError, "the last axis"),
        (lambda: leaf(X).norm(1), TypeError, "positional"),
        (lambda: leaf(X).var(1, True), TypeError, "positional"),
        (lambda: ops.stack(Tensor(1.0), Tensor(2.0), 0), TypeError, "axis by name"),
        (lambda: ops.concat(leaf(X), leaf(X), 1), TypeError, "axis by name"),
        (lambda: nn.dropout(X), TypeError, "'p'"),
        (lambda: nn.attention(Q, Q, Q, mask=np.tri(4)), TypeError, "mask != 0"),
        (lambda: tg.optim.learning_rate(3, peak=1.0, floor=2.0, warmup=1, total=9), ValueError,
         "floor <= peak"),
        (lambda: GPT.from_pretrained("storyteller", torch_dtype="float16"), TypeError,
         "torch_dtype: no such field"),
        (lambda: ops.softmax, AttributeError, "nn.softmax"),
        (lambda: nn.mse_loss, AttributeError, "mean"),
        (lambda: AdamW(nn.Linear(2, 2)).param_groups, AttributeError, "optimizer.lr"),
        (lambda: GPT(SMALL).configure_optimizers, AttributeError, "AdamW"),
        (lambda: tg.Trainer(GPT(SMALL), tg.TrainingArguments(), train=np.linspace(0, 9, 99)),
         ValueError, "one row of integers"),
        (lambda: tg.Trainer(GPT(SMALL), tg.TrainingArguments(), train=np.ones((9, 9), int)),
         ValueError, "one row of integers"),
    ],
)  # fmt: skip
def test_habits_that_went_wrong_in_silence_or_in_other_words(done, error, words):
    with pytest.raises(error, match=words):
        done()


def test_a_cache_for_another_model():
    from tinygpt.generation.cache import KVCache

    with tg.no_grad(), pytest.raises(ValueError, match="a cache for 1 layers, the model has 2"):
        GPT(SMALL)([[1, 2]], KVCache(1))


def test_targets_that_are_the_ids_are_said():
    ids = np.array([[1, 2, 3]])
    with pytest.warns(UserWarning, match="nothing is shifted"):
        GPT(SMALL).loss(ids, ids)


def test_integers_carry_no_gradient():
    x = Tensor([1.5, 2.5], requires_grad=True)
    assert not x.astype(int).requires_grad
    assert x.astype("float64").requires_grad


def test_state_of_tensors_and_of_pytorch():
    net = nn.Linear(2, 2, rng=0)
    state = {name: Tensor(a) for name, a in net.state_dict().items()}
    other = nn.Linear(2, 2)
    other.load_state_dict(state)
    assert np.array_equal(other.weight.numpy(), net.weight.numpy())

    class Theirs(np.ndarray):
        pass

    Theirs.__module__ = "torch"
    with pytest.raises(TypeError, match=r"\.T\.numpy\(\)"):
        other.load_state_dict({n: a.view(Theirs) for n, a in net.state_dict().items()})
