"""Lesson 13, The step: clipping, AdamW with bias correction, warm-up and cosine."""

import math

import numpy as np

from tinygpt.lesson.exercise import Case, Exercise, FormError, Outputs, Wrong, normal
from tinygpt.optim.adam import AdamW
from tinygpt.optim.clip import clip_grad_norm
from tinygpt.optim.schedule import learning_rate

# ------------------------------------------------------------------------------------- 13.1


def clip_answer(grads, max_norm):
    # one norm of everything
    norm = math.sqrt(sum((g**2).sum() for g in grads))
    # a factor, never above 1
    factor = max_norm / norm if norm > max_norm else 1.0
    # scale in place
    for g in grads:
        g *= factor
    return norm


def each_alone(grads, max_norm):
    norm = math.sqrt(sum((g**2).sum() for g in grads))
    for g in grads:
        own = math.sqrt((g**2).sum())
        if own > max_norm:
            g *= max_norm / own
    return norm


def always_scales(grads, max_norm):
    norm = math.sqrt(sum((g**2).sum() for g in grads))
    for g in grads:
        g *= max_norm / norm if norm else 1.0
    return norm


def a_new_name(grads, max_norm):
    norm = math.sqrt(sum((g**2).sum() for g in grads))
    for g in grads:
        g = g * min(1.0, max_norm / norm) if norm else g
    return norm


def norms_added(grads, max_norm):
    norm = sum(math.sqrt((g**2).sum()) for g in grads)
    factor = min(1.0, max_norm / norm) if norm else 1.0
    for g in grads:
        g *= factor
    return norm


def elements_cut(grads, max_norm):
    norm = math.sqrt(sum((g**2).sum() for g in grads))
    for g in grads:
        np.clip(g, -max_norm, max_norm, out=g)
    return norm


def root_forgotten(grads, max_norm):
    norm = sum((g**2).sum() for g in grads)
    factor = min(1.0, max_norm / norm) if norm else 1.0
    for g in grads:
        g *= factor
    return norm


def divided_by_zero(grads, max_norm):
    norm = math.sqrt(sum((g**2).sum() for g in grads))
    for g in grads:
        g *= min(1.0, max_norm / norm)
    return norm


def max_norm_ignored(grads, max_norm):
    norm = math.sqrt(sum((g**2).sum() for g in grads))
    for g in grads:
        g *= 1 / norm if norm > max_norm else 1.0
    return norm


def upside_down(grads, max_norm):
    norm = math.sqrt(sum((g**2).sum() for g in grads))
    for g in grads:
        g *= min(1.0, norm / max_norm)
    return norm


def _clip(norm_of, factor_of):
    """norm_of(grads), factor_of(norm, max_norm)"""

    def clip(grads, max_norm):
        norm = norm_of(grads)
        for g in grads:
            g *= factor_of(norm, max_norm)
        return norm

    return clip


def _norm(grads):
    return math.sqrt(sum((g**2).sum() for g in grads))


def _right_factor(norm, max_norm):
    return min(1.0, max_norm / norm) if norm else 1.0


def largest_for_smallest(grads, max_norm):
    return _clip(_norm, lambda n, m: max(1.0, m / n) if n else 1.0)(grads, max_norm)


def short_ones_scaled(grads, max_norm):
    return _clip(_norm, lambda n, m: m / n if 0 < n < m else 1.0)(grads, max_norm)


def never_scaled(grads, max_norm):
    return _norm(grads)


def sum_of_sizes(grads, max_norm):
    return _clip(lambda gs: sum(abs(g).sum() for g in gs), _right_factor)(grads, max_norm)


def largest_element(grads, max_norm):
    return _clip(lambda gs: max(abs(g).max() for g in gs), _right_factor)(grads, max_norm)


def largest_array(grads, max_norm):
    return _clip(lambda gs: max(math.sqrt((g**2).sum()) for g in gs), _right_factor)(
        grads, max_norm
    )


def root_of_the_mean(grads, max_norm):
    def norm(gs):
        return math.sqrt(sum((g**2).sum() for g in gs) / sum(g.size for g in gs))

    return _clip(norm, _right_factor)(grads, max_norm)


def signs_kept(grads, max_norm):
    return _clip(lambda gs: math.sqrt(abs(sum(g.sum() for g in gs))), _right_factor)(
        grads, max_norm
    )


def measured_anew(grads, max_norm):
    norm = _norm(grads)
    for g in grads:
        g *= _right_factor(_norm(grads), max_norm)
    return norm


def first_alone(grads, max_norm):
    norm = _norm(grads)
    grads[0] *= _right_factor(norm, max_norm)
    return norm


def all_but_the_first(grads, max_norm):
    norm = _norm(grads)
    for g in grads[1:]:
        g *= _right_factor(norm, max_norm)
    return norm


def last_alone(grads, max_norm):
    norm = _norm(grads)
    grads[-1] *= _right_factor(norm, max_norm)
    return norm


def squared_on_the_way(grads, max_norm):
    total = 0.0
    for g in grads:
        g **= 2
        total += g.sum()
    norm = math.sqrt(total)
    for g in grads:
        g *= _right_factor(norm, max_norm)
    return norm


def taken_off(grads, max_norm):
    norm = _norm(grads)
    if norm > max_norm:
        for g in grads:
            g -= norm - max_norm
    return norm


def by_max_norm_alone(grads, max_norm):
    norm = _norm(grads)
    if norm > max_norm:
        for g in grads:
            g *= max_norm
    return norm


def divided_by_max_norm(grads, max_norm):
    norm = _norm(grads)
    if norm > max_norm:
        for g in grads:
            g /= max_norm
    return norm


def direction_alone(grads, max_norm):
    return _clip(_norm, lambda n, m: 1 / n if n else 1.0)(grads, max_norm)


def factor_returned(grads, max_norm):
    return _right_factor(clip_answer(grads, max_norm), max_norm)


def squared_factor(grads, max_norm):
    return _clip(_norm, lambda n, m: _right_factor(n, m) ** 2)(grads, max_norm)


def returned_when_long(grads, max_norm):
    norm = clip_answer(grads, max_norm)
    return norm if norm > max_norm else None


def nothing(*_):
    return None


def nothing_returned(grads, max_norm):
    clip_answer(grads, max_norm)


def norm_after(grads, max_norm):
    clip_answer(grads, max_norm)
    return math.sqrt(sum((g**2).sum() for g in grads))


def clipped(function, grads, max_norm) -> Outputs:
    arrays = [g.copy() for g in grads]  # what the caller has: putting others into the list is not
    given = list(arrays)  # clipping them
    norm = function(given, max_norm)
    if len(given) == len(arrays) and any(a is not b for a, b in zip(given, arrays)):
        raise FormError(
            "you put other arrays into the list: those that the caller has are as they were, and "
            "they should be changed themselves"
        )
    return {"the norm you return": norm} | {f"grads[{i}]": g for i, g in enumerate(arrays)}


def _pieces(scale):
    """Three arrays with the norms 3, 4 and 12, together 13, times a scale."""
    pieces = [normal(41 + i, *shape) for i, shape in enumerate(((2, 3), (5,), (7, 2)))]
    norms = (3.0, 4.0, 12.0)
    return [scale * n * g / math.sqrt((g**2).sum()) for n, g in zip(norms, pieces, strict=True)]


CLIP = Exercise(
    id="13.1",
    name="my_clip",
    form="my_clip(grads, max_norm): scales the arrays in place -> the norm before",
    answer=clip_answer,
    observe=clipped,
    in_place=True,
    blank=nothing,
    blank_says="nothing came back (None), and the arrays are unchanged: not written yet",
    cases=(
        Case((_pieces(1.0), 1.0), "norms 3, 4, 12: together 13"),
        Case((_pieces(0.01), 1.0), "norms 0.03, 0.04, 0.12: together 0.13"),
        Case((_pieces(1.0), 2.5), "max_norm is 2.5"),
        Case(([np.zeros(3), np.zeros((2, 2)), np.zeros(1)], 1.0), "every gradient is 0"),
    ),
    wrongs=(
        Wrong(
            each_alone,
            "Your parts were 3, 4, 12 and became 1, 1, 1: the direction turned by 32 degrees.",
            "One vector has one length. What is the length of all of them together?",
        ),
        Wrong(
            always_scales,
            "A gradient of 0.13 grew to 1.",
            "Should clipping ever make something larger?",
        ),
        Wrong(
            a_new_name,
            "The norm is right, and the arrays are as they were.",
            "`g = ...` gives a name to another array: which line changes the array itself?",
            (never_scaled,),
        ),
        Wrong(
            max_norm_ignored,
            "Right if max_norm is 1. Here it is 2.5.",
            "How long should a gradient be that was too long?",
        ),
        Wrong(
            upside_down,
            "Your factor stands upside down: long gradients are unchanged, short ones shrink.",
            "The norm 13 should become 1: which factor does that?",
        ),
        Wrong(
            nothing_returned,
            "The arrays are scaled, but nothing comes back.",
            "Which number did the exercise ask for?",
        ),
        Wrong(
            norms_added,
            "You returned 19: 3 + 4 + 12. Lengths at right angles do not add.",
            "How long is the diagonal of a rectangle with the sides 3 and 4?",
        ),
        Wrong(
            elements_cut,
            "You cut the elements. A step that is cut at its corners goes another way.",
            "Which operation makes an arrow shorter and leaves its direction?",
        ),
        Wrong(
            root_forgotten,
            "You returned 169, the square of the norm.",
            "What is missing after the sum of the squares?",
        ),
        Wrong(
            divided_by_zero,
            "Where every gradient is 0 you divide by 0.",
            "Which factor leaves such a gradient as it is?",
        ),
        Wrong(
            norm_after,
            "The arrays are right. What you return is the norm after clipping.",
            "Which one would you plot, to see whether training goes wild?",
        ),
        Wrong(
            largest_for_smallest,
            "Short gradients grow, and long ones stay: your min, or your `if`, stands the wrong "
            "way round.",
            "When is a gradient too long: when the norm is above max_norm, or below?",
            (short_ones_scaled,),
        ),
        Wrong(
            sum_of_sizes,
            "You add up sizes, |g|, without squares and root.",
            "How long is the diagonal of a rectangle with the sides 3 and 4?",
        ),
        Wrong(
            largest_element,
            "You return the largest element.",
            "Does one element say how long the whole vector is?",
        ),
        Wrong(
            largest_array,
            "You return the norm of the longest array.",
            "What is the length of all arrays together?",
        ),
        Wrong(
            root_of_the_mean,
            "You divide by the number of elements before the root: that is a mean size, not a "
            "length.",
            "Is there a division under the root of a length?",
        ),
        Wrong(
            signs_kept,
            "You add up the elements, and plus and minus cancel out.",
            "What does a square do to a sign?",
        ),
        Wrong(
            measured_anew,
            "You measure the norm again in the loop, when the first arrays are shorter already.",
            "Before which line must the one norm of all be known?",
        ),
        Wrong(
            first_alone,
            "Only the first array is scaled.",
            "How far does your loop go?",
            (last_alone,),
        ),
        Wrong(
            all_but_the_first,
            "The first array is not scaled.",
            "Where does your loop begin?",
        ),
        Wrong(
            squared_on_the_way,
            "The arrays hold squares now: you squared them in place, to measure them.",
            "Which expression squares without changing g?",
        ),
        Wrong(
            taken_off,
            "You take a number off every element: that turns the arrow.",
            "Which operation makes an arrow shorter and leaves its direction?",
        ),
        Wrong(
            by_max_norm_alone,
            "You multiply by max_norm, however long the gradient is.",
            "13 should become 1: by which factor?",
            (divided_by_max_norm,),
        ),
        Wrong(
            direction_alone,
            "You make every gradient 1 long, whatever max_norm says.",
            "How long may a gradient be, and what about one that is shorter?",
        ),
        Wrong(
            factor_returned,
            "The arrays are right. You return the factor.",
            "Which number did the exercise ask for?",
        ),
        Wrong(
            squared_factor,
            "You scale by the square of the factor.",
            "How often is each array multiplied?",
        ),
        Wrong(
            returned_when_long,
            "The arrays are right. Where nothing had to be scaled, nothing comes back.",
            "Should the norm come back then too?",
        ),
    ),
    hints=(
        "One norm of everything: the root of the sum of all squares, in all arrays. One factor: "
        "max_norm / norm, but never above 1 (and 1 if the norm is 0). Then scale every array in "
        "place. Return the norm from before.",
        "The same for a budget: several lists of wishes, together at most so much money:\n\n"
        "    cost = sum(wishes.sum() for wishes in lists)\n"
        "    factor = min(____, budget / cost)\n"
        "    for wishes in lists:\n"
        "        wishes ____ factor            # in place\n"
        "    return ____",
    ),
    library=clip_grad_norm,
)

# ------------------------------------------------------------------------------------- 13.2


def adamw_answer(w, g, m, v, t, lr, beta1, beta2, eps, decay):
    # the decay
    w *= 1 - lr * decay
    # the two running means
    m += (1 - beta1) * (g - m)
    v += (1 - beta2) * (g * g - v)
    # corrected for their start at 0
    m_hat = m / (1 - beta1**t)
    v_hat = v / (1 - beta2**t)
    # the step
    w -= lr * m_hat / (np.sqrt(v_hat) + eps)


def _variant(*, first=True, second=True, decayed="apart", root="outside", gradient=False, t0=0,
             power=True, v_of="square", share1="rest", share2="rest", v_beta=2, m_beta=1, rate=True,
             hats="divide", early=False, capped=False, one_line=False, begin=False,
             corrected_by="own"):  # fmt: skip
    """AdamW with one thing otherwise."""

    def step(w, g, m, v, t, lr, beta1, beta2, eps, decay):
        if begin and t == 1:
            m[...], v[...] = g, g * g
            w *= 1 - lr * decay
            w -= lr * m / (np.sqrt(v) + eps)
            return
        t = max(t - 1, 1) if capped else t + t0
        if decayed == "apart":
            w *= 1 - lr * decay
        elif decayed == "without lr":
            w *= 1 - decay
        elif decayed == "in the gradient":
            g = g + decay * w
        elif decayed == "upwards":
            w *= 1 + lr * decay
        elif decayed == "to the rate":
            w *= lr * decay
        before = m.copy(), v.copy()
        b1, b2 = (beta1, beta2)[m_beta - 1], (beta1, beta2)[v_beta - 1]
        new = {
            "square": g * g,
            "size": abs(g),
            "signed": g,
            "variance": (g - m) ** 2,
            "variance after": (beta1 * (g - m)) ** 2,
        }[v_of]
        for mean, what, beta, share in ((m, g, b1, share1), (v, new, b2, share2)):
            if share == "rest":
                mean += (1 - beta) * (what - mean)
            elif share == "beta":
                mean += beta * (what - mean)
            elif share == "whole":
                mean[...] = beta * mean + what
            elif share == "not kept":
                mean += (1 - beta) * what
            elif share == "replaced":
                mean[...] = (1 - beta) * what
        c1 = 1 - (beta1**t if power else beta1 * t)
        c2 = 1 - (beta2**t if power else beta2 * t)
        if corrected_by == "rest":
            c1, c2 = 1 - (1 - beta1) ** t, 1 - (1 - beta2) ** t
        elif corrected_by == "power":
            c1, c2 = beta1**t, beta2**t
        elif corrected_by == "no power":
            c1, c2 = 1 - beta1, 1 - beta2
        elif corrected_by == "exchanged":
            c1, c2 = c2, c1
        if hats == "multiply":
            c1, c2 = 1 / c1, 1 / c2
        mean, square = before if early else (m, v)
        up = (g if gradient else mean) / (c1 if first else 1)
        v_hat = (abs(square) if v_of == "signed" else square) / (c2 if second else 1)
        if one_line:
            up, v_hat = up * math.sqrt(c2), square
        below = {"inside": np.sqrt(v_hat + eps), "none": np.ones_like(w), "outside":
                 np.sqrt(v_hat) + eps, "square": v_hat**2 + eps}[root]  # fmt: skip
        w -= (lr if rate else 1) * up / below
        if decayed == "last":
            w -= lr * decay * w
        if decayed == "in the step":
            w -= decay * w

    return step


def _named(name, **what):
    step = _variant(**what)
    step.__name__ = name
    return step


def corrected_in_place(w, g, m, v, t, lr, beta1, beta2, eps, decay):
    w *= 1 - lr * decay
    m += (1 - beta1) * (g - m)
    v += (1 - beta2) * (g * g - v)
    m /= 1 - beta1**t
    v /= 1 - beta2**t
    w -= lr * m / (np.sqrt(v) + eps)


def uphill(w, g, m, v, t, lr, beta1, beta2, eps, decay):
    before = w * (1 - lr * decay)
    adamw_answer(w, g, m, v, t, lr, beta1, beta2, eps, decay)
    w += 2 * (before - w)


def no_root(w, g, m, v, t, lr, beta1, beta2, eps, decay):
    w *= 1 - lr * decay
    m += (1 - beta1) * (g - m)
    v += (1 - beta2) * (g * g - v)
    w -= lr * m / (1 - beta1**t) / (v / (1 - beta2**t) + eps)


def betas_for_the_rest(w, g, m, v, t, lr, beta1, beta2, eps, decay):
    adamw_answer(w, g, m, v, t, lr, 1 - beta1, 1 - beta2, eps, decay)


def decay_last(w, g, m, v, t, lr, beta1, beta2, eps, decay):
    adamw_answer(w, g, m, v, t, lr, beta1, beta2, eps, 0.0)
    w *= 1 - lr * decay


def step_lost(w, g, m, v, t, lr, beta1, beta2, eps, decay):
    """w *= ... in place, and then w = w - ..."""
    copy = w.copy()
    adamw_answer(copy, g, m, v, t, lr, beta1, beta2, eps, decay)
    w *= 1 - lr * decay


def means_lost(w, g, m, v, t, lr, beta1, beta2, eps, decay):
    adamw_answer(w, g, m.copy(), v.copy(), t, lr, beta1, beta2, eps, decay)


def first_mean_lost(w, g, m, v, t, lr, beta1, beta2, eps, decay):
    adamw_answer(w, g, m.copy(), v, t, lr, beta1, beta2, eps, decay)


def second_mean_lost(w, g, m, v, t, lr, beta1, beta2, eps, decay):
    adamw_answer(w, g, m, v.copy(), t, lr, beta1, beta2, eps, decay)


def names_exchanged(w, g, m, v, t, lr, beta1, beta2, eps, decay):
    adamw_answer(w, g, m, v, t, lr, beta2, beta1, eps, decay)


def rebound(w, g, m, v, t, lr, beta1, beta2, eps, decay):
    w = w.copy()
    adamw_answer(w, g, m, v, t, lr, beta1, beta2, eps, decay)


def nothing_decays_but_all_steps(w, g, m, v, t, lr, beta1, beta2, eps, decay):
    adamw_answer(w, g, m, v, t, lr, beta1, beta2, eps, decay)
    w *= 1 - lr * decay


def sign_of_the_mean(w, g, m, v, t, lr, beta1, beta2, eps, decay):
    w *= 1 - lr * decay
    m += (1 - beta1) * (g - m)
    v += (1 - beta2) * (g * g - v)
    w -= lr * np.sign(m)


def plain_descent(w, g, m, v, t, lr, beta1, beta2, eps, decay):
    w *= 1 - lr * decay
    w -= lr * g


def means_of_the_wrong_one(w, g, m, v, t, lr, beta1, beta2, eps, decay):
    w *= 1 - lr * decay
    m += (1 - beta1) * (g - m)
    v += (1 - beta2) * (m * m - v)
    w -= lr * (m / (1 - beta1**t)) / (np.sqrt(v / (1 - beta2**t)) + eps)


def three_steps(function, w, gradients, t, lr, beta1, beta2, eps, decay) -> Outputs:
    """The weights after each of three steps from step t on."""
    w = w.copy()
    m, v, seen = np.zeros_like(w), np.zeros_like(w), {}
    for i, g in enumerate(gradients):
        function(w, g, m, v, t + i, lr, beta1, beta2, eps, decay)
        seen[f"w after step {t + i}"] = w.copy()
    return seen | {"m": m, "v": v}


def untouched_weights(*_, **__):
    return None


_scales = np.array([1e-2, 1.0, 1.0, 50.0, 1.0])

ADAMW = Exercise(
    id="13.2",
    name="my_adamw_step",
    form="my_adamw_step(w, g, m, v, t, lr, beta1, beta2, eps, decay): changes w, m, v in place",
    answer=adamw_answer,
    observe=three_steps,
    in_place=True,
    inputs=("w", "g", "t", "lr", "beta1", "beta2", "eps", "decay"),
    blank=untouched_weights,
    blank_says="w, m and v are unchanged: not written yet, or not in place",
    cases=(
        Case(
            (
                2 * normal(51, 5),
                [_scales * normal(52 + i, 5) for i in range(3)],
                1,
                0.03,
                0.9,
                0.99,
                1e-3,
                0.5,
            ),
            "the first three steps, small and large gradients; lr 0.03, betas 0.9 and 0.99, "
            "eps 0.001, decay 0.5",
        ),
        Case(
            (
                normal(56, 3, 2),
                [normal(57 + i, 3, 2) for i in range(3)],
                1,
                0.1,
                0.8,
                0.95,
                0.01,
                0.3,
            ),
            "lr 0.1, betas 0.8 and 0.95, eps 0.01, decay 0.3",
        ),
    ),
    wrongs=(
        Wrong(
            _named("no_correction", first=False, second=False),
            "m and v start at 0, and you take them as they are: in the first steps both are too "
            "small, but not equally.",
            "What share of a gradient has come into m after one step?",
        ),
        Wrong(
            _named("first_not_corrected", first=False),
            "v is corrected, m is not: the first step is a tenth of what it should be.",
            "How much of the first gradient is in m?",
        ),
        Wrong(
            _named("second_not_corrected", second=False),
            "m is corrected, v is not: v is too small at first, and you divide by its root.",
            "By which number must v be divided at step 1?",
        ),
        Wrong(
            _named("decay_in_the_gradient", decayed="in the gradient"),
            "Your decay went through m and v, so it is divided by the size of the gradient: that "
            "is Adam with L2, not AdamW.",
            "Who should see the decay: the means, or the weights alone?",
        ),
        Wrong(
            _named("decay_without_lr", decayed="without lr"),
            "Your weights lose decay of themselves at each step, not lr times decay.",
            "By which rate is everything in a step multiplied, the decay too?",
        ),
        Wrong(
            _named("no_decay", decayed="never"),
            "The weights do not decay.",
            "In AdamW, w is first multiplied by a number just below 1: which one?",
        ),
        Wrong(
            _named("eps_inside", root="inside"),
            "eps stands inside the root, where it acts like its own root.",
            "To which of the two is eps added, v or its root?",
        ),
        Wrong(
            _named("gradient_for_mean", gradient=True),
            "You step along the gradient of this step, not along the mean m.",
            "What does m remember, and where is it used?",
        ),
        Wrong(
            _named("times_for_power", power=False),
            "At step 1 you are right, later not: beta times t is not beta to the power t.",
            "After t steps, which share of the 0 from the start is left in m?",
        ),
        Wrong(
            _named("size_for_square", v_of="size"),
            "v holds the mean of |g|, and its root is then taken of it.",
            "The mean of what would have the size of g under a root?",
        ),
        Wrong(
            names_exchanged,
            "beta1 and beta2 are exchanged.",
            "Which of the two belongs to m?",
        ),
        Wrong(
            rebound,
            "m and v are right; the step has not reached the array w.",
            "`w = ...` gives a name to a new array: what changes the one that was passed in?",
            (step_lost,),
        ),
        Wrong(
            means_lost,
            "m or v is as it was before: `m = ...` gives a new array a local name, and the next "
            "step finds the old one.",
            "How is a change in place written?",
            (first_mean_lost, second_mean_lost),
        ),
        Wrong(
            corrected_in_place,
            "You divided m and v themselves: the next step goes on from too large numbers.",
            "Should the correction be remembered, or made anew at each step?",
        ),
        Wrong(
            uphill,
            "Your step goes uphill.",
            "Which sign leads down?",
        ),
        Wrong(
            no_root,
            "You divided by v, the mean of the squares.",
            "What has the size of a gradient: v, or its root?",
        ),
        Wrong(
            betas_for_the_rest,
            "Your means jump almost all the way to the new gradient.",
            "Which share of the way should m go: beta1, or the rest?",
        ),
        Wrong(
            decay_last,
            "Nearly: you let the new weights decay, the step included.",
            "Which weights should shrink: those before the step, or those after it?",
        ),
        Wrong(
            _named("signs_in_v", v_of="signed"),
            "v is the mean of the gradients themselves: its signs cancel out, and its root is "
            "none.",
            "The mean of what is never negative, and has the size of g under a root?",
        ),
        Wrong(
            _named("spread_for_square", v_of="variance"),
            "v is the mean of (g - m)^2: how far the gradients spread, and not how large they are.",
            "What is averaged in v: g - m, or g?",
            (_named("spread_after", v_of="variance after"),),
        ),
        Wrong(
            _named("shares_exchanged", share1="beta", share2="beta"),
            "m and v go a share beta of the way, almost to the new gradient.",
            "Which share of the way should m go: beta1, or the rest?",
            (
                _named("first_share", share1="beta"),
                _named("second_share", share2="beta"),
            ),
        ),
        Wrong(
            _named("momentum_for_mean", share1="whole"),
            "m adds up all of g: beta1 m + g is a sum, ten times as large as a mean.",
            "By which share is the new gradient multiplied, that m stays a mean?",
            (
                _named("both_sums", share1="whole", share2="whole"),
                _named("second_sum", share2="whole"),
            ),
        ),
        Wrong(
            _named("nothing_forgotten", share1="not kept", share2="not kept"),
            "m and v only grow: nothing of the old mean is taken off.",
            "A mean that goes a share of the way to g: from where does it go?",
            (
                _named("m_forgets_nothing", share1="not kept"),
                _named("v_forgets_nothing", share2="not kept"),
            ),
        ),
        Wrong(
            _named("nothing_kept", share1="replaced", share2="replaced"),
            "m and v hold the last gradient alone: the old mean is overwritten.",
            "Which part of the old mean stays?",
            (
                _named("m_keeps_nothing", share1="replaced"),
                _named("v_keeps_nothing", share2="replaced"),
            ),
        ),
        Wrong(
            _named("beta1_for_both", v_beta=1),
            "v moves with beta1 too.",
            "Which of the two belongs to v?",
        ),
        Wrong(
            _named("beta2_for_both", m_beta=2),
            "m moves with beta2 too.",
            "Which of the two belongs to m?",
        ),
        Wrong(
            _named("no_rate", rate=False),
            "m and v are right. Your step does not have lr in it.",
            "By what is the direction multiplied?",
        ),
        Wrong(
            _named("hats_multiplied", hats="multiply"),
            "You multiply by 1 - beta^t. The means are too small at first, and become smaller.",
            "Too small: is it divided by that share, or multiplied?",
        ),
        Wrong(
            _named("step_before_the_means", early=True),
            "You step with the old m and v, and bring them up to date afterwards.",
            "Which lines must come first, that this gradient counts?",
        ),
        Wrong(
            _named("one_step_behind", capped=True),
            "Right at step 1. Later you correct as if it were the step before.",
            "Which t belongs to the second step?",
        ),
        Wrong(
            _named("one_step_on", t0=1),
            "You correct as if it were the next step: t + 1.",
            "At the first step t is 1: which share has come in?",
        ),
        Wrong(
            _named("begun_with_the_first", begin=True, first=False, second=False),
            "You set m and v to the first gradient and do not correct. AdamW starts at 0, and "
            "divides by the share that has come in.",
            "After the first step m should be (1 - beta1) g: what is yours?",
        ),
        Wrong(
            _named("paper_in_one_line", one_line=True),
            "Almost: you correct by one factor in front, so eps stands beside the root of v, and "
            "not beside that of the corrected v.",
            "To which root is eps added?",
        ),
        Wrong(
            _named("decay_upwards", decayed="upwards"),
            "Your weights grow: 1 + lr decay.",
            "Does decay make weights larger or smaller?",
        ),
        Wrong(
            _named("decay_alone_left", decayed="to the rate"),
            "You multiply the weights by lr decay: almost nothing of them is left.",
            "Which number just below 1 should they be multiplied by?",
        ),
        Wrong(
            _named("decay_of_itself_in_the_step", decayed="in the step"),
            "You take decay times w off, without lr.",
            "By which rate is everything in a step multiplied?",
        ),
        Wrong(
            _named("no_root_at_all", root="none"),
            "You do not divide by the root of v: a large gradient makes a large step.",
            "What makes all steps about as long?",
        ),
        Wrong(
            _named("square_of_v", root="square"),
            "You divide by the square of v.",
            "What has the size of a gradient: v, its root, or its square?",
        ),
        Wrong(
            _named("corrected_by_the_rest", corrected_by="rest"),
            "You correct by 1 - (1 - beta)^t.",
            "After t steps beta^t of the 0 from the start is left: which share has come in?",
        ),
        Wrong(
            _named("corrected_by_the_power", corrected_by="power"),
            "You divide by beta^t: that is what is left of the 0 from the start.",
            "Which share has come in then?",
        ),
        Wrong(
            _named("corrected_without_t", corrected_by="no power"),
            "Right at step 1. Later more has come into the means than 1 - beta.",
            "How much of the 0 from the start is left after t steps?",
        ),
        Wrong(
            _named("corrections_exchanged", corrected_by="exchanged"),
            "m is corrected with beta2, v with beta1.",
            "Which of the two belongs to m?",
        ),
        Wrong(
            nothing_decays_but_all_steps,
            "The weights decay twice in each step.",
            "In which two lines?",
        ),
        Wrong(
            sign_of_the_mean,
            "Your steps are all exactly lr long: you take the sign of m alone.",
            "What does a step become where the gradient changes its sign?",
        ),
        Wrong(
            plain_descent,
            "You step along the gradient itself: m and v are as they were.",
            "Which two means does Adam keep?",
        ),
        Wrong(
            means_of_the_wrong_one,
            "v is the mean of the squares of m.",
            "What is squared for v: m, or g?",
        ),
    ),
    hints=(
        "Decay: w times 1 - lr decay. m moves a share 1 - beta1 of the way to g, v a "
        "share 1 - beta2 of the way to g squared. Both are divided by 1 - beta to the power t. "
        "Step: lr times the one over the root of the other, plus eps. All in place.",
        "The same for the running mean of a temperature, which starts at 0:\n\n"
        "    mean += (1 - beta) * (____ - mean)\n"
        "    true_mean = mean / (1 - beta ** ____)\n\n"
        "and a change in place is written  w -= ____  or  w *= ____.",
    ),
    library=AdamW,
)

# ------------------------------------------------------------------------------------- 13.3


def rate_answer(step, peak, floor, warmup, total):
    # after the end
    if step >= total:
        return floor
    # the warm-up: a straight line
    if step < warmup:
        return peak * step / warmup
    # half a cosine wave
    a = (step - warmup) / (total - warmup)
    return floor + (peak - floor) * (1 + math.cos(math.pi * a)) / 2


def from_the_start(step, peak, floor, warmup, total):
    if step >= total:
        return floor
    if step < warmup:
        return peak * step / warmup
    return floor + (peak - floor) * (1 + math.cos(math.pi * step / total)) / 2


def floor_forgotten(step, peak, floor, warmup, total):
    if step >= total:
        return 0.0
    return rate_answer(step, peak, 0.0, warmup, total)


def begins_with_nothing(step, peak, floor, warmup, total):
    if step < warmup:
        return peak * (step - 1) / warmup
    return rate_answer(step, peak, floor, warmup, total)


def rises_from_the_floor(step, peak, floor, warmup, total):
    if step < warmup:
        return floor + (peak - floor) * step / warmup
    return rate_answer(step, peak, floor, warmup, total)


def nothing_after_the_end(step, peak, floor, warmup, total):
    return 0.0 if step >= total else rate_answer(step, peak, floor, warmup, total)


def no_warmup(step, peak, floor, warmup, total):
    if step < warmup:
        return peak
    return rate_answer(step, peak, floor, warmup, total)


def a_whole_wave(step, peak, floor, warmup, total):
    if step >= total or step < warmup:
        return rate_answer(step, peak, floor, warmup, total)
    a = (step - warmup) / (total - warmup)
    return floor + (peak - floor) * (1 + math.cos(2 * math.pi * a)) / 2


def in_degrees(step, peak, floor, warmup, total):
    if step >= total or step < warmup:
        return rate_answer(step, peak, floor, warmup, total)
    a = (step - warmup) / (total - warmup)
    return floor + (peak - floor) * (1 + math.cos(180 * a)) / 2


def a_straight_line(step, peak, floor, warmup, total):
    if step >= total or step < warmup:
        return rate_answer(step, peak, floor, warmup, total)
    a = (step - warmup) / (total - warmup)
    return peak + (floor - peak) * a


def rises_again(step, peak, floor, warmup, total):
    if step < warmup:
        return peak * step / warmup
    a = (step - warmup) / (total - warmup)
    return floor + (peak - floor) * (1 + math.cos(math.pi * a)) / 2


def divides_by_no_warmup(step, peak, floor, warmup, total):
    rising = peak * step / warmup
    return rising if step < warmup else rate_answer(step, peak, floor, warmup, total)


def _along(step, warmup, total):
    """How far along the cosine is, from 0 to 1."""
    return (step - warmup) / (total - warmup)


def _half(step, warmup, total):
    """Half a wave, from 1 to 0."""
    return (1 + math.cos(math.pi * _along(step, warmup, total))) / 2


def _rate(up=None, down=None, end=None, reached=False, late_end=False):
    """The schedule with one of its parts otherwise. reached: step warmup belongs to the warm-up;
    late_end: step total to the wave."""

    def rate(*given):
        step, peak, floor, warmup, total = given
        if step > total or (step == total and not late_end):
            return end(*given) if end else floor
        if step < warmup or (reached and step == warmup):
            return up(*given) if up else peak * step / warmup
        return down(*given) if down else rate_answer(*given)

    return rate


def _rates(name, **part):
    """The mistake, and its other ways to write the borders."""
    ways = [
        _rate(**part, reached=reached, late_end=late)
        for reached in (False, True)
        for late in (False, True)
    ]
    for way in ways:
        way.__name__ = name
    return ways


one_step_ahead, *one_step_ahead_ways = _rates(
    "one_step_ahead", up=lambda step, peak, floor, warmup, total: peak * (step + 1) / warmup
)
one_more_to_come, *one_more_to_come_ways = _rates(
    "one_more_to_come", up=lambda step, peak, floor, warmup, total: peak * step / (warmup + 1)
)
one_more_to_come_2, *one_more_to_come_2_ways = _rates(
    "one_more_to_come_2",
    up=lambda step, peak, floor, warmup, total: peak * (step + 1) / (warmup + 1),
)
whole_division, *whole_division_ways = _rates(
    "whole_division", up=lambda step, peak, floor, warmup, total: peak * (step // warmup)
)
over_the_whole_run, *over_the_whole_run_ways = _rates(
    "over_the_whole_run", up=lambda step, peak, floor, warmup, total: peak * step / total
)
rises_to_the_floor, *rises_to_the_floor_ways = _rates(
    "rises_to_the_floor", up=lambda step, peak, floor, warmup, total: floor * step / warmup
)
rises_squared, *rises_squared_ways = _rates(
    "rises_squared", up=lambda step, peak, floor, warmup, total: peak * (step / warmup) ** 2
)
falls_to_the_peak, *falls_to_the_peak_ways = _rates(
    "falls_to_the_peak", up=lambda step, peak, floor, warmup, total: peak * warmup / step
)
rises_to_one, *rises_to_one_ways = _rates(
    "rises_to_one", up=lambda step, peak, floor, warmup, total: step / warmup
)
warmup_at_zero, *warmup_at_zero_ways = _rates(
    "warmup_at_zero", up=lambda step, peak, floor, warmup, total: 0.0
)
warmup_at_the_floor, *warmup_at_the_floor_ways = _rates(
    "warmup_at_the_floor", up=lambda step, peak, floor, warmup, total: floor
)
floor_on_top, *floor_on_top_ways = _rates(
    "floor_on_top",
    down=lambda step, peak, floor, warmup, total: floor + peak * _half(step, warmup, total),
)
floor_below_nothing, *floor_below_nothing_ways = _rates(
    "floor_below_nothing",
    down=lambda step, peak, floor, warmup, total: (peak - floor) * _half(step, warmup, total),
)
down_to_nothing, *down_to_nothing_ways = _rates(
    "down_to_nothing",
    down=lambda step, peak, floor, warmup, total: peak * _half(step, warmup, total),
)
half_forgotten, *half_forgotten_ways = _rates(
    "half_forgotten",
    down=lambda step, peak, floor, warmup, total: (
        floor + (peak - floor) * 2 * _half(step, warmup, total)
    ),
)
half_of_it_all, *half_of_it_all_ways = _rates(
    "half_of_it_all",
    down=lambda step, peak, floor, warmup, total: (
        (floor + (peak - floor) * 2 * _half(step, warmup, total)) / 2
    ),
)
a_sine, *a_sine_ways = _rates(
    "a_sine",
    down=lambda step, peak, floor, warmup, total: (
        floor + (peak - floor) * (1 + math.sin(math.pi * _along(step, warmup, total))) / 2
    ),
)
cosine_alone, *cosine_alone_ways = _rates(
    "cosine_alone",
    down=lambda step, peak, floor, warmup, total: (
        floor + (peak - floor) * math.cos(math.pi * _along(step, warmup, total))
    ),
)
cosine_alone_2, *cosine_alone_2_ways = _rates(
    "cosine_alone_2",
    down=lambda step, peak, floor, warmup, total: (
        floor + (peak - floor) * math.cos(math.pi * _along(step, warmup, total)) / 2
    ),
)
a_quarter_wave, *a_quarter_wave_ways = _rates(
    "a_quarter_wave",
    down=lambda step, peak, floor, warmup, total: (
        floor + (peak - floor) * math.cos(math.pi / 2 * _along(step, warmup, total))
    ),
)
brackets, *brackets_ways = _rates(
    "brackets",
    down=lambda step, peak, floor, warmup, total: (
        floor + (peak - floor) * (1 + math.cos(math.pi)) * _along(step, warmup, total) / 2
    ),
)
brackets_2, *brackets_2_ways = _rates(
    "brackets_2",
    down=lambda step, peak, floor, warmup, total: (
        floor + (peak - floor) * 1 + math.cos(math.pi * _along(step, warmup, total)) / 2
    ),
)
brackets_3, *brackets_3_ways = _rates(
    "brackets_3",
    down=lambda step, peak, floor, warmup, total: (
        floor + (peak - floor) * (1 + math.cos(math.pi) * _along(step, warmup, total)) / 2
    ),
)
wave_upside_down, *wave_upside_down_ways = _rates(
    "wave_upside_down",
    down=lambda step, peak, floor, warmup, total: (
        floor + (peak - floor) * (1 - math.cos(math.pi * _along(step, warmup, total))) / 2
    ),
)
wave_upside_down_2, *wave_upside_down_2_ways = _rates(
    "wave_upside_down_2",
    down=lambda step, peak, floor, warmup, total: (
        peak + (floor - peak) * _half(step, warmup, total)
    ),
)
pi_forgotten, *pi_forgotten_ways = _rates(
    "pi_forgotten",
    down=lambda step, peak, floor, warmup, total: (
        floor + (peak - floor) * (1 + math.cos(_along(step, warmup, total))) / 2
    ),
)
length_of_the_run, *length_of_the_run_ways = _rates(
    "length_of_the_run",
    down=lambda step, peak, floor, warmup, total: (
        floor + (peak - floor) * (1 + math.cos(math.pi * (step - warmup) / total)) / 2
    ),
)
one_step_late, *one_step_late_ways = _rates(
    "one_step_late",
    down=lambda step, peak, floor, warmup, total: (
        floor
        + (peak - floor) * (1 + math.cos(math.pi * (step - warmup - 1) / (total - warmup))) / 2
    ),
)
one_step_late_2, *one_step_late_2_ways = _rates(
    "one_step_late_2",
    down=lambda step, peak, floor, warmup, total: (
        floor
        + (peak - floor) * (1 + math.cos(math.pi * (step - 1 - warmup) / (total - 1 - warmup))) / 2
    ),
)
one_step_early, *one_step_early_ways = _rates(
    "one_step_early",
    down=lambda step, peak, floor, warmup, total: (
        floor
        + (peak - floor) * (1 + math.cos(math.pi * (step - warmup + 1) / (total - warmup))) / 2
    ),
)
one_step_shorter, *one_step_shorter_ways = _rates(
    "one_step_shorter",
    down=lambda step, peak, floor, warmup, total: (
        floor
        + (peak - floor) * (1 + math.cos(math.pi * (step - warmup) / (total - warmup - 1))) / 2
    ),
)
one_step_shorter_2, *one_step_shorter_2_ways = _rates(
    "one_step_shorter_2",
    down=lambda step, peak, floor, warmup, total: (
        floor
        + (peak - floor) * (1 + math.cos(math.pi * (step - warmup) / (total - warmup + 1))) / 2
    ),
)
counted_backwards, *counted_backwards_ways = _rates(
    "counted_backwards",
    down=lambda step, peak, floor, warmup, total: (
        floor + (peak - floor) * (1 + math.cos(math.pi * (total - step) / (total - warmup))) / 2
    ),
)
exponential, *exponential_ways = _rates(
    "exponential",
    down=lambda step, peak, floor, warmup, total: (
        peak * (floor / peak) ** _along(step, warmup, total)
    ),
)
stays_at_the_peak, *stays_at_the_peak_ways = _rates(
    "stays_at_the_peak", down=lambda step, peak, floor, warmup, total: peak
)
falls_at_once, *falls_at_once_ways = _rates(
    "falls_at_once", down=lambda step, peak, floor, warmup, total: floor
)
step_for_share, *step_for_share_ways = _rates(
    "step_for_share",
    down=lambda step, peak, floor, warmup, total: (
        floor + (peak - floor) * (1 + math.cos(math.pi * step)) / 2
    ),
)
peak_after_the_end, *peak_after_the_end_ways = _rates(
    "peak_after_the_end", end=lambda step, peak, floor, warmup, total: peak
)
nothing_returned_at_the_end, *nothing_returned_at_the_end_ways = _rates(
    "nothing_returned_at_the_end", end=lambda step, peak, floor, warmup, total: None
)


_, *from_the_start_ways = _rates(
    "from_the_start",
    down=lambda step, peak, floor, warmup, total: (
        floor + (peak - floor) * (1 + math.cos(math.pi * step / total)) / 2
    ),
)
_, *begins_with_nothing_ways = _rates(
    "begins_with_nothing",
    up=lambda step, peak, floor, warmup, total: peak * (step - 1) / warmup,
)
_, *rises_from_the_floor_ways = _rates(
    "rises_from_the_floor",
    up=lambda step, peak, floor, warmup, total: floor + (peak - floor) * step / warmup,
)
_, *a_whole_wave_ways = _rates(
    "a_whole_wave",
    down=lambda step, peak, floor, warmup, total: (
        floor + (peak - floor) * (1 + math.cos(2 * math.pi * _along(step, warmup, total))) / 2
    ),
)
_, *in_degrees_ways = _rates(
    "in_degrees",
    down=lambda step, peak, floor, warmup, total: (
        floor + (peak - floor) * (1 + math.cos(180 * _along(step, warmup, total))) / 2
    ),
)
_, *a_straight_line_ways = _rates(
    "a_straight_line",
    down=lambda step, peak, floor, warmup, total: (
        peak + (floor - peak) * _along(step, warmup, total)
    ),
)


def warmup_as_a_share(step, peak, floor, warmup, total):
    if step <= warmup * total:
        return peak * step / (warmup * total)
    return rate_answer(step, peak, floor, warmup, total)


def the_floor_first(step, peak, floor, warmup, total):
    return max(floor, rate_answer(step, peak, floor, warmup, total))


def all_rates(function, peak, floor, warmup, total) -> Outputs:
    said = f"peak {peak:g}, floor {floor:g}, warmup {warmup}, total {total}"
    return {f"step {step} ({said})": function(step, peak, floor, warmup, total)
            for step in range(1, total + 8)}  # fmt: skip


RATE = Exercise(
    id="13.3",
    name="my_learning_rate",
    form="my_learning_rate(step, peak, floor, warmup, total) -> the rate of this step",
    answer=rate_answer,
    observe=all_rates,
    inputs=("peak", "floor", "warmup", "total"),
    cases=(
        Case((3.0, 0.25, 5, 23)),
        Case((2.0, 0.1, 0, 11), "no warm-up"),
        Case((7.0, 0.5, 3, 17)),
        Case((2.0, 0.6, 10, 25), "the warm-up begins below the floor"),
    ),
    wrongs=(
        Wrong(
            from_the_start,
            "At the end of the warm-up your rate jumps down: the cosine began at step 0.",
            "Where does the curve begin, and how long is it?",
            (*from_the_start_ways,),
        ),
        Wrong(
            floor_forgotten,
            "Your rate goes down to 0.",
            "Where should it end and stay?",
        ),
        Wrong(
            begins_with_nothing,
            "The first step has the rate 0: nothing is learned from its batch.",
            "Steps are counted from 1. What is the rate of step 1 of 5?",
            (*begins_with_nothing_ways,),
        ),
        Wrong(
            rises_from_the_floor,
            "Your warm-up starts at the floor.",
            "At which rate would step 0 be, on a straight line through nothing?",
            (*rises_from_the_floor_ways,),
        ),
        Wrong(
            nothing_after_the_end,
            "From step total on your rate is 0.",
            "To what did the cosine fall?",
        ),
        Wrong(
            no_warmup,
            "Your rate begins at the peak.",
            "What should it do while step is below warmup?",
        ),
        Wrong(
            a_whole_wave,
            "Your rate goes down and up again: that is a whole wave.",
            "From the top to the bottom of a cosine: which part of a full turn is that?",
            (*a_whole_wave_ways,),
        ),
        Wrong(
            in_degrees,
            "Your rate jumps up and down: math.cos does not take degrees.",
            "What is half a turn in radians?",
            (*in_degrees_ways,),
        ),
        Wrong(
            a_straight_line,
            "That is the linear schedule: a straight line down.",
            "Which function falls slowly, then fast, then slowly again?",
            (*a_straight_line_ways,),
        ),
        Wrong(
            rises_again,
            "After the last step your rate goes up again.",
            "What should a run that is continued beyond total get?",
        ),
        Wrong(
            divides_by_no_warmup,
            "Without a warm-up you divide by 0 before you ask whether there is one.",
            "Which question must come before the division?",
        ),
        Wrong(
            one_step_ahead,
            "Your warm-up is one step ahead: step 1 of 5 has 2/5 of the peak.",
            "Steps are counted from 1. Which share of the way is step 1 of 5?",
            (*one_step_ahead_ways,),
        ),
        Wrong(
            one_more_to_come,
            "Your warm-up divides by warmup + 1: it does not reach the peak at its end.",
            "At step warmup the rate should be the peak: what must be divided by?",
            (
                *one_more_to_come_ways,
                one_more_to_come_2,
                *one_more_to_come_2_ways,
            ),
        ),
        Wrong(
            whole_division,
            "Your rate is 0 during the warm-up. (// gives whole numbers.)",
            "Which share of the way is step 1 of 5?",
            (
                *whole_division_ways,
                warmup_at_zero,
                *warmup_at_zero_ways,
            ),
        ),
        Wrong(
            over_the_whole_run,
            "Your warm-up takes the whole run.",
            "At which step should the peak be reached?",
            (*over_the_whole_run_ways,),
        ),
        Wrong(
            rises_to_the_floor,
            "Your warm-up rises to the floor.",
            "Where does a warm-up end: at the floor, or at the peak?",
            (*rises_to_the_floor_ways,),
        ),
        Wrong(
            rises_squared,
            "Your warm-up is a parabola.",
            "Which line is straight: step, or its square?",
            (*rises_squared_ways,),
        ),
        Wrong(
            falls_to_the_peak,
            "Your warm-up comes down to the peak.",
            "step / warmup or warmup / step: which is below 1?",
            (*falls_to_the_peak_ways,),
        ),
        Wrong(
            rises_to_one,
            "Your warm-up rises to 1.",
            "Which rate should it reach?",
            (*rises_to_one_ways,),
        ),
        Wrong(
            warmup_at_the_floor,
            "Your rate stays at the floor during the warm-up.",
            "On which line should it rise, and from where?",
            (*warmup_at_the_floor_ways,),
        ),
        Wrong(
            floor_on_top,
            "You add the floor to a wave of the height peak: at its top that is above the peak.",
            "How high is the wave, if it goes from peak down to floor?",
            (*floor_on_top_ways,),
        ),
        Wrong(
            floor_below_nothing,
            "Your wave goes from peak - floor down to 0.",
            "What must be added, that it ends at the floor?",
            (*floor_below_nothing_ways,),
        ),
        Wrong(
            down_to_nothing,
            "Your wave goes down to 0, and then jumps to the floor.",
            "How high is the wave, if it goes from peak down to floor?",
            (*down_to_nothing_ways,),
        ),
        Wrong(
            half_forgotten,
            "Your wave is twice as high: 1 + cos goes from 2 to 0.",
            "By what must it be divided, to go from 1 to 0?",
            (*half_forgotten_ways,),
        ),
        Wrong(
            half_of_it_all,
            "You halve the floor too.",
            "Which part goes from 2 to 0, and should go from 1 to 0?",
            (*half_of_it_all_ways,),
        ),
        Wrong(
            a_sine,
            "You took the sine.",
            "Which of the two begins at its top?",
            (*a_sine_ways,),
        ),
        Wrong(
            cosine_alone,
            "Your wave goes below the floor: a cosine goes from 1 to -1.",
            "What makes of it something that goes from 1 to 0?",
            (
                *cosine_alone_ways,
                cosine_alone_2,
                *cosine_alone_2_ways,
            ),
        ),
        Wrong(
            a_quarter_wave,
            "That is a quarter of a wave: it falls fastest at its end.",
            "From the top to the bottom of a cosine: which part of a full turn is that?",
            (*a_quarter_wave_ways,),
        ),
        Wrong(
            brackets_2,
            "A bracket stands elsewhere: the share of the way does not go into the cosine as it "
            "should.",
            "What should stand inside cos( ), and what is divided by 2?",
            (
                *brackets_2_ways,
                brackets_3,
                *brackets_3_ways,
            ),
        ),
        Wrong(
            falls_at_once,
            "Your rate is at the floor as soon as the warm-up is over.",
            "What should it do between warmup and total?",
            (*falls_at_once_ways, brackets, *brackets_ways),
        ),
        Wrong(
            wave_upside_down,
            "Your wave goes up: from the floor to the peak.",
            "Should the rate be large at first or at last?",
            (
                *wave_upside_down_ways,
                wave_upside_down_2,
                *wave_upside_down_2_ways,
                counted_backwards,
                *counted_backwards_ways,
            ),
        ),
        Wrong(
            pi_forgotten,
            "Your wave ends early: cos(1) is 0.54.",
            "What is half a turn in radians?",
            (*pi_forgotten_ways,),
        ),
        Wrong(
            length_of_the_run,
            "Your wave has the length of the whole run, and does not come down before its end.",
            "It begins at warmup and ends at total: how long is it?",
            (*length_of_the_run_ways,),
        ),
        Wrong(
            one_step_late,
            "Your wave is one step late.",
            "At step warmup the rate is the peak: how far along is that?",
            (
                *one_step_late_ways,
                one_step_late_2,
                *one_step_late_2_ways,
            ),
        ),
        Wrong(
            one_step_early,
            "Your wave is one step early.",
            "At step warmup the rate is the peak: how far along is that?",
            (*one_step_early_ways,),
        ),
        Wrong(
            one_step_shorter,
            "Your wave has another length, by one step.",
            "From warmup to total: how many steps are that?",
            (
                *one_step_shorter_ways,
                one_step_shorter_2,
                *one_step_shorter_2_ways,
            ),
        ),
        Wrong(
            exponential,
            "That is an exponential: it falls by the same share at each step.",
            "Which function falls slowly, then fast, then slowly again?",
            (*exponential_ways,),
        ),
        Wrong(
            stays_at_the_peak,
            "Your rate stays at the peak to the end.",
            "What should it do between warmup and total?",
            (*stays_at_the_peak_ways,),
        ),
        Wrong(
            step_for_share,
            "The number of the step itself goes into your cosine: it jumps up and down.",
            "What goes from 0 to 1 between warmup and total?",
            (*step_for_share_ways,),
        ),
        Wrong(
            peak_after_the_end,
            "From step total on your rate is the peak again.",
            "To what did the cosine fall?",
            (*peak_after_the_end_ways,),
        ),
        Wrong(
            nothing_returned_at_the_end,
            "From some step on nothing comes back: a way through your function ends without "
            "return.",
            "What should come back from step total on?",
            (*nothing_returned_at_the_end_ways,),
        ),
        Wrong(
            warmup_as_a_share,
            "You take warmup for a share of the run. It is a number of steps.",
            "How many steps does the warm-up of 5 take?",
        ),
        Wrong(
            the_floor_first,
            "Your rate never is below the floor, in the warm-up neither.",
            "At which rate does the first of 5 steps begin?",
        ),
    ),
    hints=(
        "Three parts. Below warmup: a straight line, peak at its end. From total on: the floor, "
        "for ever. Between: how far along are we, from 0 to 1? Then half a cosine wave from peak "
        "down to floor.",
        "The brightness of a lamp that goes on slowly, and then dims like a sunset from bright to "
        "dim:\n\n"
        "    if t < rise:\n"
        "        return bright * t / ____\n"
        "    a = (t - ____) / (end - ____)          # 0 at the start of the sunset, 1 at its end\n"
        "    return dim + (bright - dim) * (1 + math.cos(____ * a)) / 2",
    ),
    library=learning_rate,
)

EXERCISES = (CLIP, ADAMW, RATE)
