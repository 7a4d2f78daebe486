"""Cross-entropy: how surprised the model is by what really came next, in nats."""

import numpy as np

from tinygpt.autograd.engine import op
from tinygpt.backend import array_module, is_host, like, row_sum
from tinygpt.nn.embedding import check_ids


@op
def cross_entropy(logits, targets, /, *, ignore_index=-100, label_smoothing=0.0):
    """mean over i of  -log softmax(z_i)[t_i].   logits z (..., V), targets t (...) -> scalar

    cross_entropy((12, 64, 65), (12, 64)) -> (). Targets equal to ignore_index count nowhere, not
    in the mean either; if all are ignored the loss is 0 (PyTorch: nan). The log is never taken of
    a probability that may be 0: log softmax(z)_t = z_t - max z - log sum exp(z - max z).
    label_smoothing e: a share e of the target is spread over all V, so that no logit has to grow
    for ever (Szegedy et al. 2016, "Rethinking the Inception Architecture", section 7).
    ValueError for a target outside 0 ... V - 1, for a shape that does not fit and unless
    0 <= e < 1.
    """
    e = label_smoothing
    if not 0 <= e < 1:
        raise ValueError(f"expected 0 <= label_smoothing < 1, got {e}")
    xp, V = array_module(logits), logits.shape[-1]
    targets = np.asarray(targets) if is_host(targets) else targets
    if targets.shape != logits.shape[:-1]:
        want = logits.shape[:-1]
        raise ValueError(f"logits {logits.shape} need targets {want}, got {targets.shape}")
    if is_host(targets):
        check_ids(targets, V, "target", ignore_index)
    targets = like(targets, logits)
    shape, rows = logits.shape, xp.arange(targets.size)
    t = targets.reshape(-1)
    kept = t != ignore_index
    t = xp.where(kept, t, 0)
    weight = kept.astype(logits.dtype)  # 1 / (number of kept targets) for each of them, else 0
    weight /= xp.maximum(weight.sum(), 1)

    z = logits.reshape(-1, V)
    p = z - z.max(axis=-1, keepdims=True)
    aim = p[rows, t]  # the logit that is wanted large
    if e:
        aim = (1 - e) * aim + e / V * row_sum(p)[:, 0]
    xp.exp(p, out=p)
    total = row_sum(p)
    loss = xp.where(kept, (xp.log(total[:, 0]) - aim) * weight, 0).sum()

    def backward(dy):
        # dz = (softmax(z) - target) weight dy, the target being (1 - e) one-hot(t) + e / V;
        # p is ours to overwrite
        scale = weight * dy
        dz = p
        dz *= scale[:, None] / total
        dz[rows, t] -= (1 - e) * scale
        if e:
            dz -= (e / V * scale)[:, None]
        if not (is_host(kept) and kept.all()):
            dz = xp.where(kept[:, None], dz, 0)  # 0 nan would be nan
        return dz.reshape(shape), None

    return loss, backward


def cross_entropy_plain(logits, targets, *, ignore_index=-100, label_smoothing=0.0):
    """The formula on Tensors. The largest logit is a constant here: it cancels."""
    z, t = logits.reshape(-1, logits.shape[-1]), targets.reshape(-1)
    z, t = z[t != ignore_index], t[t != ignore_index]
    z = z - z.data.max(axis=-1, keepdims=True)
    log_p = z - z.exp().sum(axis=-1, keepdims=True).log()
    hit = -log_p[array_module(t).arange(len(t)), t].mean()
    return hit * (1 - label_smoothing) - log_p.mean() * label_smoothing
