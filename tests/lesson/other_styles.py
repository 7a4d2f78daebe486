"""Right answers as other people write them: loops, in place, one-hot. All must pass."""

import math

import numpy as np


def softmax_in_loops(z):
    rows = z.reshape(-1, z.shape[-1])
    y = np.empty_like(rows)
    for i, row in enumerate(rows):
        top = max(row)
        total = sum(math.exp(v - top) for v in row)
        for j, v in enumerate(row):
            y[i, j] = math.exp(v - top) / total
    return y.reshape(z.shape)


def softmax_by_logarithm(z):
    top = z.max(-1, keepdims=True)
    return np.exp(z - top - np.log(np.exp(z - top).sum(-1, keepdims=True)))


def softmax_in_place(z):
    y = z.copy()
    y -= y.max(-1)[..., None]
    np.exp(y, out=y)
    y /= y.sum(-1)[..., None]
    return y


def _loss(logits, targets):
    p = softmax_in_place(logits)
    return p, -np.log(p[np.arange(len(targets)), targets]).mean()


def cross_entropy_in_loops(logits, targets):
    p, loss = _loss(logits, targets)

    def backward(dy):
        dz = np.zeros_like(p)
        for i in range(len(targets)):
            for j in range(p.shape[1]):
                dz[i, j] = (p[i, j] - (1 if j == targets[i] else 0)) / len(targets) * dy
        return dz, None

    return loss, backward


def cross_entropy_one_hot(logits, targets):
    p, loss = _loss(logits, targets)

    def backward(dy):
        truth = np.eye(logits.shape[-1], dtype=logits.dtype)[targets]
        return dy * (p - truth) / len(targets), None

    return loss, backward


def floor_in_loops(counts):
    total = 0.0
    for row in counts:
        for c in row:
            if c:
                total += c * -math.log(c / row.sum())
    return total / counts.sum()


def floor_as_a_difference(counts):
    """H(a, b) - H(a)"""
    pairs = counts[counts > 0] / counts.sum()
    single = counts.sum(1)[counts.sum(1) > 0] / counts.sum()
    return -(pairs * np.log(pairs)).sum() + (single * np.log(single)).sum()


def mul_by_lambda(a, b):
    return a * b, lambda dy: [b * dy, a * dy]


def mul_in_steps(a, b):
    slope_a, slope_b = b, a

    def backward(dy):
        da = slope_a
        da *= dy
        return da, slope_b * dy

    return a * b, backward


def send_by_number(node):
    for i in range(len(node.parents)):
        node.parents[i].grad = node.parents[i].grad + node.grad * node.slopes[i]


def send_one_by_one(node):
    if node.parents:
        left, right = node.parents
        left.grad += node.slopes[0] * node.grad
        right.grad += node.slopes[1] * node.grad


def backward_by_recursion(root):
    """Depth first: a node comes after everything that it was made of."""
    order = []

    def visit(node):
        if node not in order:
            for parent in node.parents:
                visit(parent)
            order.append(node)

    visit(root)
    root.grad = 1.0
    for node in reversed(order):
        send_by_number(node)


def backward_by_the_latest(root):
    root.grad = 1
    todo = {root}
    while todo:
        node = max(todo, key=lambda n: n.time)
        todo.remove(node)
        send_one_by_one(node)
        todo |= set(node.parents)


STYLES = {
    "02.1": (mul_by_lambda, mul_in_steps),
    "02.2": (send_by_number, send_one_by_one),
    "02.3": (backward_by_recursion, backward_by_the_latest),
    "05.1": (softmax_in_loops, softmax_by_logarithm, softmax_in_place),
    "05.2": (cross_entropy_in_loops, cross_entropy_one_hot),
    "05.3": (floor_in_loops, floor_as_a_difference),
}
