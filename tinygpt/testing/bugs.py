"""Bugs that people really make, each one line, as data: to plant into a copy of the library.

The tests plant each of them and ask which kinds of check notice (`python -m tests.matrix`); lessons
let students find them.
"""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Bug:
    """`old` stands in the file exactly once, or `times` times, and becomes `new`."""

    name: str
    file: str  # below tinygpt/
    old: str
    new: str
    why: str  # how one comes to write it
    times: int = 1


BUGS = [
    Bug(
        "attention without scale",
        "nn/attention.py",
        "(1 / math.sqrt(D))",
        "1.0",
        "the formula is remembered as softmax(q k) v",
    ),
    Bug(
        "scale missing in backward",
        "nn/attention.py",
        "        dq *= 1 / math.sqrt(D)\n",
        "",
        "forward was changed later, and backward was not",
    ),
    Bug(
        "mask off by one: sees the next token",
        "nn/attention.py",
        "xp.tri(T, S, S - T, dtype=bool)",
        "xp.tri(T, S, S - T + 1, dtype=bool)",
        "tri's k counts from the diagonal, and 1 looked like the first column",
    ),
    Bug(
        "hidden scores are -1e4",
        "nn/attention.py",
        "HIDDEN = -1e30",
        "HIDDEN = -1e4",
        "a large number stands in for infinity, and no usual input is larger",
    ),
    Bug(
        "softmax over the queries",
        "nn/attention.py",
        "xp.divide(e, row_sum(e), out=e)",
        "xp.divide(e, e.sum(axis=-2, keepdims=True), out=e)",
        "T = S, so the shapes do not tell the axes apart",
    ),
    Bug(
        "row sum of softmax forgotten in backward",
        "nn/attention.py",
        "ds = xp.subtract(dw, row_dot(dw, w), out=dw)",
        "ds = dw",
        "the derivative of one weight by its own score is all that is seen",
    ),
    Bug(
        "heads merged without moving the axes back",
        "nn/attention.py",
        "return y.transpose(0, 2, 1, 3).reshape(B, T, H * D), backward",
        "return y.reshape(B, T, H * D), backward",
        "reshape gives the right shape, and mixes positions with heads",
    ),
    Bug(
        "queries and keys exchanged",
        "nn/attention.py",
        "    q, k, v = qkv.reshape(apart)",
        "    k, q, v = qkv.reshape(apart)",
        "the order in which a packed projection is unpacked is a convention",
    ),
    Bug(
        "residual lost",
        "nn/block.py",
        "return x + self.mlp_residual_dropout(",
        "return self.mlp_residual_dropout(",
        "a branch that returns the right shape looks like a layer",
    ),
    Bug(
        "norm skipped",
        "nn/block.py",
        "self.mlp(self.ln_2(x))",
        "self.mlp(x)",
        "the norm is easily lost where lines are moved",
    ),
    Bug(
        "positions not added",
        "models/gpt.py",
        "            x = self.wpe(x, start)\n",
        "            pass\n",
        "everything runs without them, the text is only a little worse",
    ),
    Bug(
        "last norm forgotten",
        "models/gpt.py",
        "return self.ln_f(x)",
        "return x",
        "it stands outside of the blocks, in GPT-2 but not in the first GPT",
    ),
    Bug(
        "tied head without gradient",
        "models/gpt.py",
        "return unembed(x, head.weight)",
        "return unembed(x, head.weight.detach())",
        "the table is taken for a constant where it is used the second time",
    ),
    Bug(
        "residual projections not scaled at the start",
        "models/gpt.py",
        "residual_std = c.init_std / math.sqrt(2 * c.n_layer)",
        "residual_std = c.init_std",
        "the scaled start is one sentence in the GPT-2 paper",
    ),
    Bug(
        "writes from the beginning of the text",
        "generation/generate.py",
        "ids[:, -model.config.block_size :]",
        "ids[:, : model.config.block_size]",
        "both cut the text to block_size, and short prompts do not tell",
    ),
    Bug(
        "layer norm: the third term forgotten",
        "nn/layernorm.py",
        "        dx -= xp.multiply(n, mean_dn_n, out=n)",
        "",
        "the deviation also depends on x, which is easily forgotten",
    ),
    Bug(
        "layer norm: variance as mean(x^2) - mean(x)^2",
        "nn/layernorm.py",
        "    variance = row_dot(centred, centred) / C ",
        "    variance = row_dot(x, x) / C - (row_sum(x) / C) ** 2 ",
        "the formula of the textbooks: it loses all digits far from zero",
    ),
    Bug(
        "layer norm not centred",
        "nn/layernorm.py",
        "    centred = x - row_sum(x) / C\n",
        "    centred = x + 0.0\n",
        "RMSNorm does without",
    ),
    Bug(
        "GELU: half of the slope",
        "nn/gelu.py",
        "        dz += h\n",
        "",
        "x occurs twice in x (1 + t) / 2, and one of them is forgotten",
    ),
    Bug(
        "softmax without subtracting the maximum",
        "nn/softmax.py",
        "    shifted = x - x.max(axis=-1, keepdims=True)",
        "    shifted = x + 0.0",
        "the formula has no maximum in it",
    ),
    Bug(
        "cross-entropy: target not subtracted",
        "nn/cross_entropy.py",
        "        dz[rows, t] -= (1 - spread) * d\n",
        "",
        "the gradient of the log-sum alone",
    ),
    Bug(
        "cross-entropy: backward without 1/n",
        "nn/cross_entropy.py",
        "        d = weight * (dy",
        "        d = kept.astype(logits.dtype) * (dy",
        "forward takes the mean in its last line, far from here",
    ),
    Bug(
        "ignored targets count in the mean",
        "nn/cross_entropy.py",
        "        weight /= xp.maximum(weight.sum(), 1)\n",
        "        weight /= targets.size\n",
        "the mean over all positions is one function call",
    ),
    Bug(
        "embedding: repeated ids overwrite",
        "nn/embedding.py",
        "            add_rows(out, ids.reshape(-1), dy.reshape(-1, shape[1]))\n",
        "            out[ids] += dy\n",
        "+= on an index with repeats adds only once",
    ),
    Bug(
        "bias gradient of the first row alone",
        "nn/linear.py",
        "xp.ones(len(dy), dy.dtype) @ dy",
        "dy[0]",
        "it has the right shape",
    ),
    Bug(
        "equal maxima all get the gradient",
        "autograd/broadcasting.py",
        "        hit /= hit.sum(axis=axis, keepdims=True)\n",
        "",
        "random numbers are never equal",
    ),
    Bug(
        "a gradient that arrives later overwrites the sum",
        "autograd/engine.py",
        "            self.grad, self.mine = self.grad + g, True\n",
        "            self.grad, self.mine = g, True\n",
        "most values are used once",
    ),
    Bug(
        "dropout in eval mode too",
        "nn/dropout.py",
        "        if not self.training or self.p == 0:\n",
        "        if self.p == 0:\n",
        "the mode is looked at in one place and forgotten in another",
    ),
    Bug(
        "dropout without rescaling",
        "nn/dropout.py",
        "        y *= scale\n",
        "",
        "dropping alone looks complete",
    ),
    Bug(
        "dropout: every micro-batch gets the first one's mask",
        "training/trainer.py",
        "                model.vector().begin_part(start)\n",
        "",
        "the mask is right within each part",
    ),
    Bug(
        "targets not shifted",
        "text/batches.py",
        "return both[:, :-1], both[:, 1:]",
        "return both[:, :-1], both[:, :-1]",
        "the loss falls beautifully: copying is easy",
    ),
    Bug(
        "the last window is never drawn",
        "text/batches.py",
        "rng.integers(0, len(ids) - block_size, batch_size)",
        "rng.integers(0, len(ids) - block_size - 1, batch_size)",
        "one too many was taken off, to be safe",
    ),
    Bug(
        "zero_grad forgotten",
        "training/trainer.py",
        "        self.optimizer.zero_grad()\n",
        "",
        "it is the one line of the loop that computes nothing",
    ),
    Bug(
        "mean of means",
        "training/trainer.py",
        "share = float(np.count_nonzero(y[part] != -100) / n_kept)",
        "share = len(x[part]) / len(x)",
        "parts of equal length seem to weigh the same",
    ),
    Bug(
        "clipping before the parts are summed",
        "training/trainer.py",
        "                loss = loss + part_loss.data * share\n",
        "                g = model.vector().gradient()\n"
        "                g *= clip_factor(grad_norm(model), self.arguments.max_grad_norm) or 1\n"
        "                loss = loss + part_loss.data * share\n",
        "clipping stands after backward, so it slips into the loop over the parts",
    ),
    Bug(
        "clipping each step to the full norm",
        "optim/clip.py",
        "if math.isfinite(norm) and norm > max_norm else None",
        "if math.isfinite(norm) else None",
        "a short gradient is stretched",
    ),
    Bug(
        "Adam without bias correction",
        "optim/adam.py",
        "        root *= 1 / math.sqrt(1 - beta2**self.steps)",
        "",
        "it only matters in the first steps, where it matters a lot",
    ),
    Bug(
        "Adam's epsilon inside the root",
        "optim/adam.py",
        "        root = xp.sqrt(v, out=to_square)\n",
        "        root = xp.sqrt(v + self.eps, out=to_square)\n",
        "layer norm has it there",
    ),
    Bug(
        "weight decay on biases and norms",
        "optim/optimizer.py",
        "self.weight_decay if end <= self.vector.n_matrix else 0.0",
        "self.weight_decay",
        "PyTorch does it unless told otherwise",
    ),
    Bug(
        "the cosine comes up again",
        "optim/schedule.py",
        '    if step >= total:\n        return peak if schedule == "constant" else floor\n',
        "",
        "nobody trains past the end, until somebody does",
    ),
    Bug(
        "label smoothing spreads over ignored targets too",
        "nn/cross_entropy.py",
        "            dz -= (spread / V * d)[:, None]\n",
        "            dz -= spread / V * dy / len(t)\n",
        "the spread part has no target in it, so it seems to belong to every row",
    ),
    Bug(
        "rotary: turned the same way back",
        "nn/rotary.py",
        "turned(dy, -sin)",
        "turned(dy, sin)",
        "backward looks like forward, but for a sign",
    ),
    Bug(
        "rotary: every part of a text begins at position 0",
        "nn/attention.py",
        "rotary(part, start=start, **self.rope)",
        "rotary(part, **self.rope)",
        "without a cache it always does",
    ),
    Bug(
        "rms norm: the second term forgotten",
        "nn/rmsnorm.py",
        "        dx = dn - n * (row_dot(dn, n) / C)\n",
        "        dx = dn\n",
        "the length also depends on x, which is easily forgotten",
    ),
    Bug(
        "swiglu: the gate's slope without its own sigmoid",
        "nn/swiglu.py",
        "        dg *= gs\n        dg += s ",
        "        dg *= s ",
        "the gate is taken for a plain sigmoid",
    ),
    Bug(
        "grouped heads dealt out in turn",
        "nn/grouped.py",
        "xp.broadcast_to(x[:, :, None], (B, G, times, S, D))",
        "xp.broadcast_to(x[:, None], (B, times, G, S, D))",
        "tile and repeat differ only in the order",
    ),
    Bug(
        "cache: cut at the block, its positions kept",
        "generation/generate.py",
        "        cache = None\n    training",
        "        seen = ids[:, -1:]\n    training",
        "dropping what is oldest seems to be all that has to be done",
    ),
    Bug(
        "top-p loses the token that crosses the sum",
        "generation/sampler.py",
        "before[:, 1:] = falling.cumsum(axis=-1)[:, :-1]",
        "before[:, 1:] = falling.cumsum(axis=-1)[:, 1:]",
        "kept while the sum is below p sounds like the definition",
    ),
    Bug(
        "repetition penalty divides negative logits",
        "generation/sampler.py",
        "np.where(seen > 0, seen / penalty, seen * penalty)",
        "seen / penalty",
        "the paper has the division alone",
    ),
    Bug(
        "a row that has stopped goes on",
        "generation/generate.py",
        "        new = np.where(stopped, ids[:, -1], new)\n",
        "",
        "with one row it never shows",
    ),
    Bug(
        "temperature multiplies",
        "generation/sampler.py",
        "np.exp(z / temperature)",
        "np.exp(z * temperature)",
        "hotter sounds like more",
    ),
    Bug(
        "top-k keeps one too many",
        "generation/sampler.py",
        "rank_of(z) < top_k",
        "rank_of(z) <= top_k",
        "the last that is kept and the first that is dropped are one apart",
    ),
]


def plant(bug: Bug, package: Path) -> None:
    """Put a bug into a copy of the package. ValueError where its text is not there."""
    path = package / bug.file
    text = path.read_text(encoding="utf-8")
    if text.count(bug.old) != bug.times:
        raise ValueError(
            f"{bug.name}: expected its text {bug.times} time(s) in {bug.file}, found it "
            f"{text.count(bug.old)} times"
        )
    path.write_text(text.replace(bug.old, bug.new), encoding="utf-8")
