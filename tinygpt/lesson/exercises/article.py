"""Lesson 20, The wrong article: its training loop repaired, its mask repaired."""

import numpy as np

from tinygpt.lesson.exercise import Case, Exercise, FormError, Outputs, Wrong, kind_of, normal
from tinygpt.lesson.exercises.first_model import Descent, Line, Loss

# ------------------------------------------------------------------------------------- 20.1


def repaired_answer(model, optimizer, clip, batches):
    losses = []
    # dropout drops only here
    model.train()
    for x, y in batches:
        # one loss, once
        loss = model.loss(x, y)
        # the slopes of this batch alone
        optimizer.zero_grad()
        loss.backward()
        # between the slopes and the step
        clip(model, 1.0)
        optimizer.step()
        losses.append(loss.item())
    # from here on it is asked
    model.eval()
    return losses


def repaired_blank(model, optimizer, clip, batches):
    return []


class Moody(Line):
    """A Line that knows whether it trains, and notes in which mode its losses were computed, and
    what was clipped: was there a gradient, and one that no step had used?"""

    def __init__(self, w):
        super().__init__(w)
        self.training, self.modes, self.clips = False, [], []

    def train(self):
        self.training = True
        return self

    def eval(self):
        self.training = False
        return self

    def loss(self, x, y):
        self.modes.append(self.training)
        return super().loss(x, y)


def clipped(model, max_norm):
    """Makes the gradient no longer than max_norm. What is no model, or no number, is refused."""
    if not isinstance(model, Moody):
        raise FormError(f"clip got {kind_of(model)} first: clip(model, max_norm), the model first")
    if max_norm != 1.0:
        raise FormError(f"clip got max_norm={max_norm!r}: 1.0 is the bound here")
    norm = np.sqrt((model.grad * model.grad).sum())
    model.clips.append((norm > 0, model.ways_back > model.steps))
    model.grad = model.grad * min(1.0, max_norm / norm if norm else 1.0)


def repaired(function, w, lr, batches) -> Outputs:
    model = Moody(w)
    names = (
        "losses", "weights", "losses in train mode", "left in train mode", "losses computed",
        "calls of backward", "calls of step", "calls of clip", "gradients clipped",
        "of them not used yet",
    )  # fmt: skip
    losses = function(model, Descent(model, lr), clipped, list(batches))
    if losses is None:
        return dict.fromkeys(names)
    if not isinstance(losses, list | tuple | np.ndarray):
        raise FormError(f"your function returned {kind_of(losses)}, asked for is a list of numbers")
    if any(isinstance(v, Loss) for v in losses):
        raise FormError("your list holds the losses themselves: loss.item() is the plain number")
    values = (
        np.array(losses, float), model.w, sum(model.modes), int(model.training), len(model.modes),
        model.ways_back, model.steps, len(model.clips), sum(there for there, _ in model.clips),
        sum(there and fresh for there, fresh in model.clips),
    )  # fmt: skip
    return dict(zip(names, values, strict=True))


def _do(*what, train=True, end=True, twice=False):
    """The loop with these lines in this order: z(ero_grad), b(ackward), c(lip), s(tep)."""

    def loop(model, optimizer, clip, batches):
        losses = []
        if train:
            model.train()
        for x, y in batches:
            loss = model.loss(x, y)
            if twice:
                loss = model.loss(x, y)
            lines = {"z": optimizer.zero_grad, "b": loss.backward, "s": optimizer.step,
                     "c": lambda: clip(model, 1.0)}  # fmt: skip
            for name in what:
                lines[name]()
            losses.append(loss.item())
        if end:
            model.eval()
        return losses

    return loop


def no_zero_grad(model, optimizer, clip, batches):
    return _do("b", "c", "s")(model, optimizer, clip, batches)


def no_clip(model, optimizer, clip, batches):
    return _do("z", "b", "s")(model, optimizer, clip, batches)


def clip_after_the_step(model, optimizer, clip, batches):
    return _do("z", "b", "s", "c")(model, optimizer, clip, batches)


def clip_before_backward(model, optimizer, clip, batches):
    return _do("z", "c", "b", "s")(model, optimizer, clip, batches)


def never_in_train_mode(model, optimizer, clip, batches):
    return _do("z", "b", "c", "s", train=False)(model, optimizer, clip, batches)


def left_in_train_mode(model, optimizer, clip, batches):
    return _do("z", "b", "c", "s", end=False)(model, optimizer, clip, batches)


def no_mode_at_all(model, optimizer, clip, batches):
    return _do("z", "b", "c", "s", train=False, end=False)(model, optimizer, clip, batches)


def two_losses(model, optimizer, clip, batches):
    return _do("z", "b", "c", "s", twice=True)(model, optimizer, clip, batches)


def no_step(model, optimizer, clip, batches):
    return _do("z", "b", "c")(model, optimizer, clip, batches)


def no_backward(model, optimizer, clip, batches):
    return _do("z", "c", "s")(model, optimizer, clip, batches)


def step_first(model, optimizer, clip, batches):
    return _do("s", "z", "b", "c")(model, optimizer, clip, batches)


def forgotten_before_the_step(model, optimizer, clip, batches):
    return _do("b", "c", "z", "s")(model, optimizer, clip, batches)


def two_ways_back(model, optimizer, clip, batches):
    return _do("z", "b", "b", "c", "s")(model, optimizer, clip, batches)


def one_mean(model, optimizer, clip, batches):
    return [float(np.mean(repaired_answer(model, optimizer, clip, batches)))]


def divided_by_the_samples(model, optimizer, clip, batches):
    losses = repaired_answer(model, optimizer, clip, batches)
    return [loss / len(x) for loss, (x, _) in zip(losses, batches, strict=True)]


def _batches(seed, n, rows, width):
    """Of one decimal, to be read with `case`."""
    return tuple(
        (2 * normal(seed + i, rows, width).round(1), 2 * normal(seed + 50 + i, rows).round(1))
        for i in range(n)
    )


REPAIRED = Exercise(
    id="20.1",
    name="my_repaired",
    form="my_repaired(model, optimizer, clip, batches) -> a list of the losses, one for each batch",
    answer=repaired_answer,
    observe=repaired,
    inputs=("the weights", "the learning rate", "batches"),
    blank=repaired_blank,
    blank_says="no losses, and nothing was learned: not written yet",
    cases=(
        Case(([0.5, -1.0, 0.3], 0.1, _batches(1010, 4, 5, 3))),
        Case(([1.0, 2.0], 0.25, _batches(1030, 6, 3, 2))),
        Case(([0.0, 0.0, 0.0, 1.0], 0.1, _batches(1050, 2, 7, 4)), "two batches"),
    ),
    wrongs=(
        Wrong(
            no_zero_grad,
            "The gradients of all batches before are still there: each step goes along their sum.",
            "Which line forgets the gradients of the step before?",
        ),
        Wrong(
            no_clip,
            "The gradient is not clipped: `clip` is not used.",
            "Which of the arguments is not used?",
        ),
        Wrong(
            clip_after_the_step,
            "You clip when the step is made already: it does nothing.",
            "When is the gradient there and not used yet?",
        ),
        Wrong(
            clip_before_backward,
            "You clip before this batch has its gradient: there is nothing to clip yet.",
            "When is the gradient there and not used yet?",
        ),
        Wrong(
            never_in_train_mode,
            "The model is never in train mode: its dropout drops nothing.",
            "What is called before the first batch?",
            (no_mode_at_all,),
        ),
        Wrong(
            left_in_train_mode,
            "The model is left in train mode: dropout goes on dropping when it is asked.",
            "What is called after the last batch?",
        ),
        Wrong(
            two_losses,
            "The loss of each batch is computed twice, and one of the two is thrown away.",
            "How often does model.loss(x, y) have to be called?",
        ),
        Wrong(
            no_step,
            "The weights are as they were: nobody goes a step.",
            "backward() finds the slopes. Who goes along them?",
        ),
        Wrong(
            no_backward,
            "The weights are as they were: there are no gradients.",
            "Which line finds the slopes?",
        ),
        Wrong(
            step_first,
            "You go the step before this batch has its gradients.",
            "Which comes first: finding the slopes, or going along them?",
        ),
        Wrong(
            forgotten_before_the_step,
            "You forget the gradients before the step uses them.",
            "Between which two lines must the gradients be there?",
        ),
        Wrong(
            two_ways_back,
            "backward() is called twice on one loss: its gradient counts double, or, in the real "
            "engine, is refused.",
            "How often goes each loss back?",
        ),
        Wrong(
            one_mean,
            "That is one number for the whole run. Asked for is one for each batch.",
            "Where is a loss put into the list?",
        ),
        Wrong(
            divided_by_the_samples,
            "You divide each loss by how many rows its batch has. It is a mean already.",
            "What does model.loss give: a sum, or a mean?",
        ),
    ),
    hints=(
        "Say the mode once before and once after the loop. In it, for each batch: loss, forget, "
        "slopes, clip, step, note down.",
        "The same for a walk downhill in fog, with a rope:\n\n"
        "    walker.____()                 # awake\n"
        "    for place in places:\n"
        "        walker.____()             # the old slope out of mind\n"
        "        walker.feel(place)\n"
        "        rope(walker, 1.0)\n"
        "        walker.____()\n"
        "    walker.rest()",
    ),
)

# ------------------------------------------------------------------------------------- 20.2


def hidden_answer(scores):
    T = len(scores)
    # a number below every score
    scores = np.where(np.tri(T, dtype=bool), scores, -np.inf)
    e = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def _softmax(s, axis=-1):
    with np.errstate(all="ignore"):
        e = np.exp(s - s.max(axis=axis, keepdims=True))
        return e / e.sum(axis=axis, keepdims=True)


def _past(scores):
    return np.tri(len(scores), dtype=bool)


def minus_ten_thousand(scores):
    return _softmax(np.where(_past(scores), scores, -1e4))


def minus_ten_thousand_added(scores):
    return _softmax(scores + np.where(_past(scores), 0, -1e4))


def nothing_hidden(scores):
    return _softmax(scores)


def hidden_afterwards(scores):
    return _softmax(scores) * _past(scores)


def zero_for_hidden(scores):
    return _softmax(np.where(_past(scores), scores, 0.0))


def multiplied(scores):
    return _softmax(scores * _past(scores))


def the_past_hidden(scores):
    return _softmax(np.where(_past(scores).T, scores, -np.inf))


def itself_hidden(scores):
    keep = np.tri(len(scores), k=-1, dtype=bool)
    keep[0, 0] = True
    return _softmax(np.where(keep, scores, -np.inf))


def over_the_queries(scores):
    return _softmax(np.where(_past(scores), scores, -np.inf), axis=0)


def not_shifted(scores):
    with np.errstate(all="ignore"):
        e = np.exp(np.where(_past(scores), scores, -np.inf))
        return e / e.sum(axis=-1, keepdims=True)


def smallest_of_them(scores):
    return _softmax(np.where(_past(scores), scores, scores.min()))


def not_divided(scores):
    s = np.where(_past(scores), scores, -np.inf)
    return np.exp(s - s.max(axis=-1, keepdims=True))


def one_largest_for_all(scores):
    s = np.where(_past(scores), scores, -np.inf)
    with np.errstate(all="ignore"):
        e = np.exp(s - s.max())
        return e / e.sum(axis=-1, keepdims=True)


def the_next_one_seen(scores):
    return _softmax(np.where(np.tri(len(scores), k=1, dtype=bool), scores, -np.inf))


def a_little_below_them(scores):
    return _softmax(np.where(_past(scores), scores, scores.min() - 1))


def no_softmax(scores):
    return np.where(_past(scores), scores, -np.inf)


def largest_of_hidden_ones(scores):
    with np.errstate(all="ignore"):
        e = np.exp(scores - scores.max(axis=-1, keepdims=True)) * _past(scores)
        return e / e.sum(axis=-1, keepdims=True)


def written_into_the_scores(scores):
    scores[~_past(scores)] = -np.inf
    return _softmax(scores)


HIDDEN = Exercise(
    id="20.2",
    name="my_hidden",
    form="my_hidden(scores (T, T)) -> the weights (T, T), each row with the sum 1",
    answer=hidden_answer,
    cases=(
        Case((normal(1100, 4, 4),)),
        Case((3 * normal(1101, 5, 5),)),
        Case((normal(1102, 4, 4) - 15258.0,), "scores about -15258"),
        Case((normal(1103, 3, 3) + 800.0,), "scores about 800"),
        Case((normal(1104, 4, 4) + 20_000.0 * np.eye(4, k=1),), "a large score in the future"),
        Case((normal(1105, 3, 3) - np.array([[15258.0], [0.0], [700.0]]),), "rows far apart"),
    ),
    wrongs=(
        Wrong(
            minus_ten_thousand,
            "Right on usual scores. Where they are below -10 000, your mask is the largest of "
            "them, and all the weight lies in the future.",
            "Which number is below every score?",
        ),
        Wrong(
            minus_ten_thousand_added,
            "You add -10 000 to hidden scores. One that is 10 000 above the others is seen again, "
            "and in half precision such sums are rounded.",
            "Which number stays itself, whatever is added to it?",
        ),
        Wrong(
            nothing_hidden,
            "Nothing is hidden: the loss falls to 0, and what it writes is rubbish.",
            "What does position 0 see?",
        ),
        Wrong(
            hidden_afterwards,
            "You hide after the softmax: weight is gone, and rows do not sum to 1.",
            "Which comes first: hiding, or dividing?",
        ),
        Wrong(
            zero_for_hidden,
            "A hidden score becomes 0, and exp(0) is 1: it has weight.",
            "Which score has the weight 0?",
            (multiplied,),
        ),
        Wrong(
            the_past_hidden,
            "The past is hidden, and the future is seen.",
            "Row i looks: which columns came before it?",
        ),
        Wrong(
            itself_hidden,
            "A position does not see itself.",
            "Is the token itself known when it is read?",
        ),
        Wrong(
            over_the_queries,
            "Columns sum to 1. Each row, a query, shares its weight out over keys.",
            "Which axis has the keys?",
        ),
        Wrong(
            not_shifted,
            "exp overflows for large scores, and is 0 for all of a row of very small ones.",
            "What may be taken off a row without changing its weights?",
        ),
        Wrong(
            smallest_of_them,
            "A hidden score becomes the smallest score, which has a weight of its own.",
            "Which number is below every score?",
        ),
        Wrong(
            not_divided,
            "The rows do not sum to 1.",
            "What is the last step of a softmax?",
        ),
        Wrong(
            one_largest_for_all,
            "You take off one largest score for the whole matrix. A row that lies far below it "
            "becomes 0 / 0.",
            "Which score is the largest of each row?",
        ),
        Wrong(
            the_next_one_seen,
            "Each position sees the one after it, and that is what it is to say.",
            "Is the key j seen by query i where j is i + 1?",
        ),
        Wrong(
            a_little_below_them,
            "A hidden score is a little below the smallest: it still has a weight.",
            "Which score has the weight 0?",
        ),
        Wrong(
            no_softmax,
            "Those are scores. Asked for are weights: rows that sum to 1.",
            "What makes weights of scores?",
        ),
        Wrong(
            largest_of_hidden_ones,
            "The largest score that you take off may be a hidden one: then what is seen is 0.",
            "Which comes first: hiding, or taking off the largest?",
        ),
        Wrong(
            written_into_the_scores,
            "The weights are right, but you write into the scores that were lent to you.",
            "Which function makes a new array?",
        ),
    ),
    hints=(
        "Hide first, then softmax. The number for a hidden score has to be below any score that "
        "there can be, and its exp has to be 0.",
        "The same for the best of the runners who have arrived:\n\n"
        "    time = np.where(arrived, time, ____)      # above every time\n"
        "    best = time.____()",
    ),
)

EXERCISES = (REPAIRED, HIDDEN)
