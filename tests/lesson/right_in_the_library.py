"""The library's own op for each exercise that it answers, in the form of the exercise."""

import numpy as np

from tinygpt.nn.attention import attention
from tinygpt.nn.cross_entropy import cross_entropy
from tinygpt.nn.softmax import softmax
from tinygpt.optim.adam import AdamW
from tinygpt.optim.clip import clip_grad_norm
from tinygpt.optim.schedule import learning_rate


class OneVector:
    """What clip_grad_norm needs of a model: the gradients as one flat vector."""

    def __init__(self, grads):
        self.flat = np.concatenate([g.ravel() for g in grads])

    def vector(self):
        return self

    def gradient(self):
        return self.flat


def clip(grads, max_norm):
    model = OneVector(grads)
    norm = clip_grad_norm(model, max_norm)
    start = 0
    for g in grads:
        g[...] = model.flat[start : start + g.size].reshape(g.shape)
        start += g.size
    return float(norm)


def adamw(w, g, m, v, t, lr, beta1, beta2, eps, decay):
    optimizer = object.__new__(AdamW)
    optimizer.lr, optimizer.betas, optimizer.eps, optimizer.steps = lr, (beta1, beta2), eps, t
    optimizer.update(w, g, decay, m, v)


ANSWERS = {
    "07.3": lambda q, k, v: attention.function(q, k, v)[0],
    "05.1": lambda z: softmax.function(z)[0],
    "05.2": cross_entropy.function,
    "13.1": clip,
    "13.2": adamw,
    "13.3": lambda step, peak, floor, warmup, total: learning_rate(
        step, peak=peak, floor=floor, warmup=warmup, total=total
    ),
}
