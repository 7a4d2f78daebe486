"""Habits from PyTorch: what is called otherwise here, so that an error can name the right word."""

import difflib
from collections.abc import Iterable

# what somebody types -> what to write
TENSOR = {
    "view": "x.reshape(...)",
    "repeat": "ops.concat(x, x, ...) or x.expand(...)",
    "tile": "ops.concat(x, x, ...) or x.expand(...)",
    "numel": "x.size, a number",
    "dim": "x.ndim, a number",
    "clamp": "x.clip(min=..., max=...)",
    "gather": "x.take_along_axis(indices, axis=...)",
    "masked_fill": "ops.where(mask, value, x)",
    "softmax": "nn.softmax(x, axis=-1)",
    "topk": "np.argsort(-x.numpy(), axis=-1)[..., :k], then x.take_along_axis(...)",
    "sort": "np.argsort(x.numpy(), axis=-1), then x.take_along_axis(...)",
    "argsort": "np.argsort(x.numpy(), axis=-1)",
    "pow": "x ** n",
    "square": "x * x",
    "add_": "x = x + y, or inside no_grad(): x += y",
    "mul_": "x = x * y, or inside no_grad(): x *= y",
    "copy": "x.clone()",
    "copy_": "x.data[...] = values",
    "zero_": "x.data[...] = 0, or x.zero_grad() for the gradient",
    "normal_": "x.data[...] = rng.normal(size=x.shape)",
    "uniform_": "x.data[...] = rng.uniform(size=x.shape)",
    "requires_grad_": "x.requires_grad = True",
    "type": "x.astype(dtype)",
    "float": 'x.astype("float32")',
    "double": 'x.astype("float64")',
    "half": "float32 or float64: there is no half precision in training",
    "long": "x.numpy().astype(int)",
    "cpu": "x.numpy()",
    "cuda": 'model.to("gpu"): a Tensor is where its array is',
    "to": 'x.astype(dtype); a Tensor is where its array is, and model.to("gpu") moves a model',
    "is_leaf": "x.requires_grad, for a Tensor that no op made",
    "grad_fn": "repr(x), which names the op",
    "register_hook": "x.retain_grad() before backward(), then x.grad",
    "contiguous": "x as it is: every array may be reshaped",
    "mm": "a @ b",
    "bmm": "a @ b",
    "dot": "a @ b",
    "outer": "a[:, None] * b",
}
PACKAGE = {
    "tensor": "tinygpt.Tensor(values)",
    "zeros": "tinygpt.Tensor(np.zeros(shape, np.float32))",
    "ones": "tinygpt.Tensor(np.ones(shape, np.float32))",
    "zeros_like": "tinygpt.Tensor(np.zeros_like(x.numpy()))",
    "randn": "Tensor(rng.standard_normal(shape, np.float32)), rng = np.random.default_rng(0)",
    "rand": "Tensor(rng.random(shape, np.float32)), rng = np.random.default_rng(0)",
    "arange": "np.arange(n)",
    "manual_seed": "GPT(config, seed=0), Linear(3, 2, rng=0), model.generate(..., seed=0)",
    "cat": "tinygpt.ops.concat(x, y, axis=0)",
    "stack": "tinygpt.ops.stack(x, y, axis=0)",
    "einsum": 'tinygpt.ops.einsum("ij,jk->ik", a, b)',
    "where": "tinygpt.ops.where(condition, a, b)",
    "exp": "x.exp()",
    "matmul": "a @ b",
    "from_numpy": "tinygpt.Tensor(array)",
    "inference_mode": "tinygpt.no_grad()",
    "enable_grad": "code outside of no_grad()",
    "set_grad_enabled": "tinygpt.no_grad()",
    "save": "model.save_pretrained(folder), or np.savez(file, **module.state_dict())",
    "load": "GPT.from_pretrained(folder), or module.load_state_dict(dict(np.load(file)))",
    "softmax": "tinygpt.nn.softmax(x, axis=-1)",
    "autograd": "tinygpt.op for an op of your own, tinygpt.check_gradient to check it",
    "utils": "tinygpt.clip_grad_norm, tinygpt.text.RandomBatches",
}
LAYERS = {
    "Sequential": "a Module with a list of layers, and `for layer in self.layers: x = layer(x)`",
    "ModuleList": "a plain list: Modules in it are found",
    "ModuleDict": "a plain dict: Modules in it are found",
    "ReLU": "x.relu()",
    "GELU": "nn.gelu(x)",
    "SiLU": "nn.silu(x)",
    "Sigmoid": "x.sigmoid()",
    "Tanh": "x.tanh()",
    "Softmax": "nn.softmax(x, axis=-1)",
    "functional": "nn itself: nn.softmax, nn.gelu, nn.cross_entropy, nn.layer_norm are functions",
    "init": "Linear(3, 2, std=0.02, rng=0), or layer.weight.data[...] = values",
    "CrossEntropyLoss": "nn.cross_entropy(logits, targets)",
    "MSELoss": "((y - target) ** 2).mean()",
    "MultiheadAttention": "nn.CausalSelfAttention, or nn.attention(q, k, v, causal=False)",
    "scaled_dot_product_attention": "nn.attention(q, k, v, causal=True)",
    "Parameter": "tinygpt.Parameter(array)",
    "utils": "tinygpt.clip_grad_norm(model, max_norm)",
}
MODULE = {
    "register_buffer": "a NumPy array as an attribute",
    "register_parameter": "self.name = tinygpt.Parameter(array)",
    "children": "model.modules(), or the attributes themselves",
    "apply": "for m in model.modules(): ...",
    "cuda": 'model.to("gpu")',
    "cpu": 'model.to("cpu")',
    "double": 'model.to("float64")',
    "float": 'model.to("float32")',
    "half": 'model.to("float32"): there is no half precision in training',
    "requires_grad_": "for p in model.parameters(): p.requires_grad = False",
    "save": "np.savez(file, **model.state_dict())",
}
OPTIM = {
    "lr_scheduler": 'optimizer.lr = tinygpt.optim.learning_rate(step, "cosine", peak=..., ...)',
    "RMSprop": "tinygpt.Adam(model, betas=(0.0, 0.99))",
    "param_groups": "optimizer.lr = ...; for parts with other settings, an optimizer for each",
    "add_param_group": "another optimizer for those parameters",
}
SETTINGS = {"dim": "axis", "keepdim": "keepdims", "dims": "axis", "unbiased": "ddof"}


def missing(owner: str, name: str, habits: dict[str, str], known: Iterable[str]) -> AttributeError:
    """The error for a name that is not there: the word for it here, or one that looks alike."""
    if name in habits:
        return AttributeError(f"{owner} has no {name!r}: write {habits[name]}")
    near = difflib.get_close_matches(name, [k for k in known if not k.startswith("_")], n=1)
    hint = f": did you mean {near[0]!r}?" if near else ""
    return AttributeError(f"{owner} has no attribute {name!r}{hint}")
