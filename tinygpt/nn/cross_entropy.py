"""Cross-entropy: how surprised the model is by what really came next, in nats.

p = softmax(z)            the chance that the model gives each token
loss = -log p_t           t is the token that came: 0 where p_t = 1, large where it is small
"""

import numpy as np

from tinygpt.autograd.engine import op
from tinygpt.backend import array_module, is_host, like, row_sum
from tinygpt.nn.embedding import check_ids

REDUCTIONS = ("mean", "sum", "none")


def cross_entropy_plain(
    logits, targets, *, ignore_index=-100, label_smoothing=0.0, reduction="mean"
):
    """The formula on Tensors, for the kept targets. The largest logit is a constant: it cancels."""
    z, t = logits.reshape(-1, logits.shape[-1]), targets.reshape(-1)
    z, t = z[t != ignore_index], t[t != ignore_index]
    z = z - z.data.max(axis=-1, keepdims=True)
    log_p = z - z.exp().sum(axis=-1, keepdims=True).log()  # (N, V)
    hit = -log_p[array_module(t).arange(len(t)), t]  # (N,)
    loss = hit * (1 - label_smoothing) - log_p.mean(axis=-1) * label_smoothing
    return {"mean": loss.mean, "sum": loss.sum, "none": lambda: loss}[reduction]()


@op
def cross_entropy(logits, targets, /, *, ignore_index=-100, label_smoothing=0.0, reduction="mean"):
    """mean over i of  -log softmax(z_i)[t_i].   logits z (..., V), targets t (...) -> scalar

    cross_entropy((12, 64, 65), (12, 64)) -> (); the classes are the last axis (PyTorch: the
    second). Targets equal to ignore_index count nowhere, not in the mean either; if all are ignored
    the loss is 0 (PyTorch: nan). The log is never taken of
    a probability that may be 0: log softmax(z)_t = z_t - max z - log sum exp(z - max z).
    reduction "sum", or "none" for the loss of each target, (...), 0 where it is ignored.
    label_smoothing e: a share e of the target is spread over all V, so that no logit has to grow
    for ever (Szegedy et al. 2016, "Rethinking the Inception Architecture", section 7).
    ValueError for a target outside 0 ... V - 1 (on a GPU nobody looks: model.loss does before), for
    a shape that does not fit, another reduction, and unless 0 <= e < 1.
    """
    spread = label_smoothing
    if not 0 <= spread < 1:
        raise ValueError(f"expected 0 <= label_smoothing < 1, got {spread}")
    if reduction not in REDUCTIONS:
        raise ValueError(f"expected reduction to be one of {REDUCTIONS}, got {reduction!r}")
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
    weight = kept.astype(logits.dtype)  # of each target in the result; 0 where it is ignored
    if reduction == "mean":
        weight /= xp.maximum(weight.sum(), 1)

    z = logits.reshape(-1, V)
    z = z - z.max(axis=-1, keepdims=True)
    wanted = z[rows, t]  # the logit that should be large
    if spread:
        wanted = (1 - spread) * wanted + spread / V * row_sum(z)[:, 0]
    e = xp.exp(z, out=z)
    total = row_sum(e)  # (N, 1)
    losses = xp.where(kept, (xp.log(total[:, 0]) - wanted) * weight, 0)
    loss = losses.reshape(targets.shape) if reduction == "none" else losses.sum()

    # loss = log sum_j exp(z_j) - z_t. The first part changes with z_j by exp(z_j) / sum_l exp(z_l),
    # which is p_j; the second by -1 where j = t. So dz = p - [j = t]: chances minus truth. With
    # smoothing the truth is (1 - spread) [j = t] + spread / V.
    def backward(dy):
        d = weight * (dy.reshape(-1) if reduction == "none" else dy)  # (N,): dy of each loss
        dz = xp.multiply(e, d[:, None] / total, out=e)  # p d; e is ours to overwrite
        dz[rows, t] -= (1 - spread) * d
        if spread:
            dz -= (spread / V * d)[:, None]
        if not (is_host(kept) and kept.all()):
            dz = xp.where(kept[:, None], dz, 0)  # not by d = 0: where a logit is nan, 0 nan is nan
        return dz.reshape(shape), None

    return loss, backward
