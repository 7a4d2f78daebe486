"""Lesson 13, The step: clipping, AdamW with bias correction, warm-up and cosine."""

import math

import numpy as np

from tinygpt.lesson.exercise import Case, Exercise, Outputs, Property, Wrong, normal
from tinygpt.optim.adam import AdamW
from tinygpt.optim.clip import clip_grad_norm
from tinygpt.optim.schedule import learning_rate

# ------------------------------------------------------------------------------------- 13.1


def clip_answer(grads, max_norm):
    norm = math.sqrt(sum((g**2).sum() for g in grads))
    factor = min(1.0, max_norm / norm) if norm else 1.0
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


def nothing(*_):
    return None


def nothing_returned(grads, max_norm):
    clip_answer(grads, max_norm)


def norm_after(grads, max_norm):
    clip_answer(grads, max_norm)
    return math.sqrt(sum((g**2).sum() for g in grads))


def clipped(function, grads, max_norm) -> Outputs:
    copies = [g.copy() for g in grads]
    norm = function(copies, max_norm)
    return {"the norm you return": norm} | {f"grads[{i}]": g for i, g in enumerate(copies)}


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
            "The arrays are unchanged: `=` gave a new array a local name.",
            "What changes the array itself?",
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

LR, BETA1, BETA2, EPS, DECAY = 0.03, 0.9, 0.99, 1e-3, 0.5


def adamw_answer(w, g, m, v, t, lr, beta1, beta2, eps, decay):
    w *= 1 - lr * decay
    m += (1 - beta1) * (g - m)
    v += (1 - beta2) * (g * g - v)
    m_hat = m / (1 - beta1**t)
    v_hat = v / (1 - beta2**t)
    w -= lr * m_hat / (np.sqrt(v_hat) + eps)


def _variant(*, first=True, second=True, decayed="apart", root="outside", gradient=False, t0=0,
             power=True, v_of="square"):  # fmt: skip
    """AdamW with one thing otherwise."""

    def step(w, g, m, v, t, lr, beta1, beta2, eps, decay):
        t = t + t0
        if decayed == "apart":
            w *= 1 - lr * decay
        elif decayed == "without lr":
            w *= 1 - decay
        elif decayed == "in the gradient":
            g = g + decay * w
        m += (1 - beta1) * (g - m)
        v += (1 - beta2) * ((g * g if v_of == "square" else abs(g)) - v)
        c1 = 1 - (beta1**t if power else beta1 * t)
        c2 = 1 - (beta2**t if power else beta2 * t)
        up = (g if gradient else m) / (c1 if first else 1)
        v_hat = v / (c2 if second else 1)
        w -= lr * up / (np.sqrt(v_hat + eps) if root == "inside" else np.sqrt(v_hat) + eps)

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


def three_steps(function, w, gradients, t) -> Outputs:
    """The weights after each of three steps from step t on."""
    w = w.copy()
    m, v, seen = np.zeros_like(w), np.zeros_like(w), {}
    for i, g in enumerate(gradients):
        function(w, g, m, v, t + i, LR, BETA1, BETA2, EPS, DECAY)
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
    blank=untouched_weights,
    blank_says="w, m and v are unchanged: not written yet, or not in place",
    cases=(
        Case(
            (2 * normal(51, 5), [_scales * normal(52 + i, 5) for i in range(3)], 1),
            "the first three steps, small and large gradients",
        ),
        Case((normal(56, 3, 2), [normal(57 + i, 3, 2) for i in range(3)], 1)),
    ),
    properties=(
        Property(
            "the first step is 1 (in units of lr)",
            lambda o, w, gs, t: (
                abs(o["w after step 1"] - w * (1 - LR * DECAY))
                * (abs(gs[0]) + EPS)
                / (abs(gs[0]) * LR)
            ),
            1.0,
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
            "Half of every weight is gone after one step.",
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
            "m and v are right; w is unchanged. `w = ...` gives a new array a local name.",
            "What changes the array that was passed in?",
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
    if step >= total:
        return floor
    if step < warmup:
        return peak * step / warmup
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
    cases=(
        Case((3.0, 0.25, 5, 23)),
        Case((2.0, 0.1, 0, 11), "no warm-up"),
        Case((7.0, 0.5, 3, 17)),
    ),
    wrongs=(
        Wrong(
            from_the_start,
            "At the end of the warm-up your rate jumps down: the cosine began at step 0.",
            "Where does the curve begin, and how long is it?",
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
        ),
        Wrong(
            rises_from_the_floor,
            "Your warm-up starts at the floor.",
            "At which rate would step 0 be, on a straight line through nothing?",
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
        ),
        Wrong(
            in_degrees,
            "Your rate jumps up and down: math.cos does not take degrees.",
            "What is half a turn in radians?",
        ),
        Wrong(
            a_straight_line,
            "That is the linear schedule: a straight line down.",
            "Which function falls slowly, then fast, then slowly again?",
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
