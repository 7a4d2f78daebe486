"""The guesses of the lessons: what is true, worked out from what the notebook has, and why.

They stand here and not in the notebooks, so that nobody reads the answer before guessing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Guess:
    """truth(*evidence): what is so, from what the lesson hands over. because: why, in a sentence or
    two that are shown with the verdict; a text, or a function of the same evidence."""

    truth: Callable[..., Any]
    because: str | Callable[..., str] = ""

    def reason(self, *evidence: Any) -> str:
        return self.because if isinstance(self.because, str) else self.because(*evidence)


def _yes(answer: Any) -> str:
    return "yes" if answer else "no"


def _first_step(point: Any, adam: Any, gradient: float) -> float:
    p = point()
    before = p.w.data[0]
    optimizer = adam(p, lr=0.01)
    (p.w[0] * gradient).backward()
    optimizer.step()
    return float(abs(p.w.data[0] - before))


def _softmax_slopes(softmax: Any, y: Any) -> Any:
    """The gradient of the scores of these weights, where every dy is 1."""
    _, backward = softmax.function(np.log(y))
    return backward(np.ones(len(y)))


def _steepest(gelu: Any) -> tuple[float, float]:
    """The largest slope, and where it is."""
    x = np.linspace(-6, 6, 2401)
    _, backward = gelu.function(x)
    slopes = backward(np.ones_like(x))
    return float(slopes.max()), float(x[np.argmax(slopes)])


def _zero_1(numbers: int, n: int) -> float:
    """GB of a rank: weights and gradients whole, m and v shared by n, in float32."""
    return 4 * numbers * (2 + 2 / n) / 1e9


def _in_one_pass(x: Any) -> Any:
    """The variance of each row as the mean of the squares minus the square of the mean."""
    return (x * x).mean(axis=-1) - x.mean(axis=-1) ** 2


def _refusal(check_gradient: Any, op: Any, x: Any) -> str:
    """What the gradient check says against it; "" where it accepts."""
    try:
        check_gradient(op, x)
    except Exception as error:
        return str(error)
    return ""


def _needed(scores: Any, share: float) -> Any:
    """For each row: how many of the likeliest have this share of the chance together."""
    e = np.exp(scores - scores.max(axis=-1, keepdims=True))
    falling = np.sort(e / e.sum(axis=-1, keepdims=True), axis=-1)[:, ::-1]
    return (np.cumsum(falling, axis=-1) - falling < share).sum(axis=-1)


def _rise(loss: Any, window: int) -> float:
    """From the later places of a window to those far beyond."""
    return float(loss[window * 3 // 2 :].mean() - loss[window // 2 : window].mean())


def _where_they_differ(more: Any, T: int) -> str:
    """In which places of a row one of two finds more: by 10 % on average."""
    left, right = more[: T // 2 - 1].mean() > 10, more[T // 2 - 1 :].mean() > 10
    return "both" if left and right else "left" if left else "right"


def _how_much(points: float) -> str:
    return "less than 5" if points < 5 else "5 to 40" if points <= 40 else "more than 40"


TRIED_STEPS = (0.1, 1e-5, 1e-10, 1e-15)

GUESSES: dict[str, Guess] = {
    "00.P1": Guess(
        lambda model, ids: model([ids]).shape,
        lambda model, ids: (
            f"One text, {len(ids)} places, and at each place a score for each of "
            f"{model.config.vocab_size} letters."
        ),
    ),
    "00.P2": Guess(
        lambda story, another: _yes(story == another),
        lambda story, another: f"With other random numbers:\n{another}",
    ),
    "00.P3": Guess(
        lambda written, text: sum(story in text for story in written),
        "Each story is new. Many of its sentences are not: the stories that it read are made of "
        "few building blocks, and these it has learned.",
    ),
    "01.P1": Guess(
        lambda far_from_0: "farther" if far_from_0(1.1) > 1 else "nearer",
        lambda far_from_0: (
            "The slope is 2x, so a step takes off 2.2 times x: from 1 it lands at -1.2, on the "
            "other "
            f"side and farther out. After 20 steps it is {far_from_0(1.1):.0f} away. Above the "
            "learning rate 1 every step lands farther out."
        ),
    ),
    "01.P2": Guess(
        lambda error_of: min(TRIED_STEPS, key=lambda eps: error_of(eps, np.float64)),
        lambda error_of: (
            "The errors: "
            + ", ".join(f"{error_of(eps, np.float64):.0e} with {eps:g}" for eps in TRIED_STEPS)
            + ". Below 1e-5 or so a smaller step makes it worse."
        ),
    ),
    "02.P1": Guess(
        lambda f: (f(3.001, 4) - f(3, 4)) / 0.001,
        "a acts in two ways: through the product, with the slope b = 4, and directly, with the "
        "slope 1. The effects add: 5.",
    ),
    "02.P2": Guess(
        lambda careless: careless(),
        "f gave a its 1. Then m wrote its 4 over it: no error, only a model that learns badly.",
    ),
    "03.P1": Guess(
        lambda run: run(3, 4, 5),
        lambda run: (
            "x.T @ dy, which is right, and dy.T @ x, which is the same on its side: six raise an "
            f"error. But with 4 rows, 4 inputs and 4 outputs all {run(4, 4, 4)} run, seven of them "
            "are wrong, and nothing warns. Try a gradient on sizes that are all different."
        ),
    ),
    "03.P2": Guess(
        lambda library, mine: float(f"{abs(library[-1] - mine[-1]):.9f}"),
        lambda library, mine: (
            "The same sums, so the same slopes in every step. (Up to the last digits of float64: "
            f"{abs(library[-1] - mine[-1]):.0e}.)"
        ),
    ),
    "04.P1": Guess(
        lambda text: len(text.encode("utf-8")),
        lambda text: f"{list(text.encode('utf-8'))}: three for the character, one for each other.",
    ),
    "04.P2": Guess(
        lambda per_character, chinese, merges: round(per_character(chinese, merges)),
        lambda per_character, chinese, merges: (
            f"{per_character(chinese, merges):.2f}: the bytes of a Chinese character never stood "
            "side by side in an English story, so none of the merges fits, and every byte stays "
            "an id."
        ),
    ),
    "05.P1": Guess(
        lambda letters: -np.log(1 / letters),
        "Every letter has the chance 1/27, so every surprise is -ln(1/27) = ln 27. When "
        "training starts from small random weights, the first loss should be near ln V, with V "
        "the number of different letters (tokens, in general). If it is not, look for the bug "
        "first.",
    ),
    "05.P2": Guess(
        lambda at: at(0.5001)[1] - at(0.5)[1],
        lambda at: (
            f"The loss changes by {at(0.5001)[0] - at(0.5)[0]:.1e}, and no letter wins that "
            "did not win before."
        ),
    ),
    "06.P1": Guess(
        lambda text: len(text) - 1,
        "One after each letter but the last: what follows M, what follows Mi, ... A table of "
        "pairs sees only the last of them, but attention (lesson 07) sees all that came before. "
        "So a text of a million letters has nearly a million questions, and nobody wrote down an "
        "answer.",
    ),
    "06.P2": Guess(
        lambda right, forgotten: round(np.mean(forgotten[-20:])),
        lambda right, forgotten: (
            f"{np.mean(forgotten[-20:]):.2f}, where the other is at {np.mean(right[-20:]):.2f}. "
            "Each step goes along the sum of all gradients so far, also of those that were found "
            "where the table has long left."
        ),
    ),
    "07.P1": Guess(
        lambda q, k: (q * k).sum(axis=-1).std(),
        "Each of the 64 products adds a variance (squared standard deviation) of 1; the root of "
        "the sum is 8.",
    ),
    "07.P2": Guess(
        lambda one, other: _yes(abs(one - other).max() > 1e-6),
        "The parameters stay: matrices that make q, k, v out of the numbers that stand for each "
        "letter. The weights are computed anew for every text.",
    ),
    "07.P3": Guess(lambda ends, floor: "below" if ends["no mask"] < floor else "above"),
    "08.P1": Guess(
        lambda softmax, y: round(float(_softmax_slopes(softmax, y)[0]), 9) + 0.0,
        "The three sum to 1: where one grows, the others shrink by as much. So what is alike for "
        "all of them cancels, and only where their dy differ does a score move the end.",
    ),
    "08.P2": Guess(
        lambda y, without, head: sum(
            not np.array_equal(y[h], without[h]) for h in range(len(y)) if h != head
        ),
        "Bit for bit the same. A softmax runs over the keys of one head; nothing runs over heads.",
    ),
    "08.P3": Guess(
        lambda untrained: float(untrained[-1, -2]),
        lambda untrained: (
            f"1/16 is {1 / 16}. Untrained, all scores are near 0, so each of the "
            f"{len(untrained)} letters gets about the same."
        ),
    ),
    "09.P1": Guess(
        lambda change: _yes(change("none", 1) > 1e-9),
        lambda change: (
            f"It moves by {change('none', 1):.0e}. A sum does not mind the order of its terms, and "
            "the key of the cat is the same wherever the cat stands."
        ),
    ),
    "09.P2": Guess(
        lambda score: len({round(score(m, n), 9) for m, n in ((3, 1), (103, 101), (1, 3))}),
        lambda score: (
            f"{score(3, 1):.6f}, {score(103, 101):.6f} and {score(1, 3):.6f}. Turned further by "
            "the same, both keep their product; but two places back is not two places ahead."
        ),
    ),
    "09.P3": Guess(
        lambda losses, window: min(losses, key=lambda way: _rise(losses[way], window)),
        lambda losses, window: (
            "The loss rises by "
            + ", ".join(f"{_rise(loss, window):.2f} ({way})" for way, loss in losses.items())
            + ". All were trained on the same windows."
        ),
    ),
    "10.P1": Guess(
        lambda far: _yes((abs(_in_one_pass(far) - 1) < 0.5).all()),
        lambda far: (
            f"The second form gives {', '.join(f'{v:.0f}' for v in _in_one_pass(far))}; the first "
            f"{', '.join(f'{v:.2f}' for v in far.var(axis=-1))}. Near 1 600 000 000, the squares, "
            "float32 goes in steps of 128: a difference of 1 cannot be seen there."
        ),
    ),
    "10.P2": Guess(
        lambda check_gradient, op, x: _yes(not _refusal(check_gradient, op, x)),
        lambda check_gradient, op, x: _refusal(check_gradient, op, x),
    ),
    "10.P3": Guess(
        lambda spreads: float(spreads[-1]),
        lambda spreads: (
            f"The variance is about 1 + 24 times {spreads[1] ** 2 - 1:.2f}, which is "
            f"{1 + 24 * (spreads[1] ** 2 - 1):.1f}, and its root "
            f"{np.sqrt(1 + 24 * (spreads[1] ** 2 - 1)):.1f}. Not to the power of 24: it grows like "
            "the root of the depth."
        ),
    ),
    "11.P1": Guess(
        lambda gelu: _yes(_steepest(gelu)[0] > 1),
        lambda gelu: (
            "{:.2f}, at x = {:.2f}. Coming out of its dip it must catch up with the line y = x, so "
            "for a while it rises faster than that.".format(*_steepest(gelu))
        ),
    ),
    "11.P2": Guess(
        lambda C: (8 * C * C + 5 * C) / (4 * C * C + 4 * C),
        lambda C: (
            "Attention has C x 3C and C x C: 4 C^2. The MLP has C x 4C and 4C x C: 8 C^2. Whatever "
            "C is; biases and norms hardly count."
        ),
    ),
    "11.P3": Guess(
        lambda apart: _yes(apart == 0),
        lambda apart: (
            f"The largest difference in any step is {apart:.0e}: the same sums, in another order, "
            "so the last digit of 16 is another now and then."
        ),
    ),
    "13.P1": Guess(
        lambda *norms: float(np.linalg.norm(norms)), "The root of 9 + 16 + 144: the root of 169."
    ),
    "13.P2": Guess(
        lambda point, adam: _first_step(point, adam, 1000.0) / _first_step(point, adam, 1.0),
        "In m / sqrt(v) the size of a weight's gradient cancels, and its sign is left.",
    ),
    "13.P3": Guess(
        lambda first: first["Adam, uncorrected"] / first["Adam"],
        "0.1 / sqrt(0.001) is 3.16. Its first step is so many times as long, and it shoots past.",
    ),
    "14.P1": Guess(
        lambda on_train, floor: "below" if on_train[-1] < floor else "above",
        lambda on_train, floor: (
            f"{on_train[-1]:.2f}, and the floor is {floor:.2f}. It is a floor for new text; a text "
            "that was read often enough can be known by heart."
        ),
    ),
    "14.P2": Guess(
        lambda y: float(y[y != 0].mean()),
        lambda y: (
            f"4 of 10 stay, and stand for all: 5 / 0.4 is 12.5. With the zeros the mean is "
            f"{y.mean():.2f}."
        ),
    ),
    "14.P3": Guess(
        lambda ends, floor: min(ends, key=lambda way: abs(ends[way] - floor)),
        lambda ends, floor: (
            ", ".join(f"{way}: {loss - floor:.3f} above" for way, loss in ends.items())
            + ". But text is what one seldom has more of."
        ),
    ),
    "15.P1": Guess(
        lambda lines: len(set(lines)),
        lambda lines: (
            f"{len(set(lines))} of {len(lines)}. Once the last 128 letters, all that it sees, are "
            "the same, so are the chances, and so is the choice."
        ),
    ),
    "15.P2": Guess(
        lambda scores: float(_needed(scores, 0.95).mean()),
        lambda scores: (
            f"At {np.mean(_needed(scores, 0.95) == 1):.0%} of the places one is enough, at one "
            f"place it takes {_needed(scores, 0.95).max():.0f}."
        ),
    ),
    "15.P3": Guess(
        lambda apart: "0" if apart < 1e-3 else "below 1" if apart < 1 else "above 1",
        lambda apart: (
            f"{apart:.0f}. It knows neither what came before, nor where it stands. No error is "
            "raised: the text is merely bad."
        ),
    ),
    "16.P1": Guess(
        lambda time_line: time_line(6, 1, 3, wait=True)[2],
        "Each order now takes 1 to send and 3 to carry out, one after the other: 6 times 4.",
    ),
    "16.P2": Guess(
        lambda counts: counts[1] + counts[2],
        lambda counts: (
            f"Python sends the batch, {counts[0]} arrays, and orders; nothing in the step needs a "
            "number to go on."
        ),
    ),
    "16.P3": Guess(
        lambda rows: min(("1", "100", "10000"), key=lambda n: abs(np.log(float(n)) - np.log(rows))),
        lambda rows: f"From {rows:,.0f} rows on, with these assumptions and on this machine.",
    ),
    "17.P1": Guess(
        lambda learned: int(learned.sum()),
        "Four letters, and the token that ends the answer. The markers and the question are only "
        "read.",
    ),
    "17.P2": Guess(
        lambda of_answers, of_everything: (
            "answers" if of_answers.mean() >= of_everything.mean() else "everything"
        ),
        lambda of_answers, of_everything: (
            f"On average over the run {of_answers.mean():.0%} against {of_everything.mean():.0%}."
        ),
    ),
    "17.P3": Guess(
        lambda both: f"{both[1]} {both[0]}",
        "The first token is read with the word, and everything after it looks back at it.",
    ),
    "18.P1": Guess(
        lambda letters: 100 / letters,
        "The left side says nothing about it: one of five, by chance. The answer stands on the "
        "right.",
    ),
    "18.P2": Guess(
        lambda of_gpt, of_bert, T: _where_they_differ(of_bert - of_gpt, T),
        lambda of_gpt, of_bert, T: (
            "On average BERT finds "
            f"{(of_bert - of_gpt)[: T // 2 - 1].mean():+.0f} points in the left half, "
            f"{(of_bert - of_gpt)[T // 2 - 1 :].mean():+.0f} in the right one: there the answer "
            "stands on the left of the gap, where both see it."
        ),
    ),
    "18.P3": Guess(
        lambda by_gpt, by_bert: (
            "equal" if abs(by_gpt - by_bert) < 5 else "GPT" if by_gpt > by_bert else "BERT"
        ),
        lambda by_gpt, by_bert: (
            f"{by_gpt:.0f} % against {by_bert:.0f} %. BERT never had to fill a gap with nothing "
            "behind it; in a longer training it would learn even that."
        ),
    ),
    "19.P1": Guess(
        lambda found: "under 5" if found["nothing"] - found["by chance"] < 5 else "more",
        lambda found: (
            "; ".join(f"{name} {share:.0f} % right" for name, share in found.items())
            + ". Of all directions most hardly matter; the gradient is the one that does."
        ),
    ),
    "19.P2": Guess(
        lambda found: _how_much(found["hardened"] - found["plain"]),
        lambda found: f"{found['plain']:.0f} % right before, {found['hardened']:.0f} % after.",
    ),
    "19.P3": Guess(
        lambda clipped, plain: _yes(clipped > plain + 5),
        lambda clipped, plain: (
            f"{clipped:.0f} % right under FGM, with clipping at 1 {plain:.0f} %. Clipping is about "
            "the step of the weights (which AdamW makes as long as before); the attack moves the "
            "input."
        ),
    ),
    "20.P1": Guess(
        lambda slope: float(slope),
        "A small move of the weights changes no answer, so no answer becomes right or wrong. "
        "Accuracy is a staircase: flat, and then a jump.",
    ),
    "20.P2": Guess(
        lambda path: _yes(abs(path[-1]) < 0.5 and abs(path[-30:]).max() < 0.5),
        lambda path: (
            f"In the last 30 steps it gets up to {abs(path[-30:]).max():.1f} away: the gradients "
            "of all steps before push on, as a pendulum is pushed that nobody brakes."
        ),
    ),
    "20.P3": Guess(
        lambda right: "under 55" if right < 55 else "55 to 60" if right <= 60 else "more",
        lambda right: (
            f"{right:.0f} of 100. One that guesses has 50, give or take 5; of 200 the luckiest is "
            "more than twice as far off. It knows nothing: on other answers it is back at 50."
        ),
    ),
    "21.P1": Guess(
        lambda rounds, part: float(rounds * part),
        lambda rounds, part: (
            f"{rounds} rounds, one part of {part:,.0f} in each. With 64 ranks it would be "
            f"{2 * 63 * 4 * part / 64:,.0f}: each sends hardly more, however many there are."
        ),
    ),
    "21.P2": Guess(
        lambda numbers, n: min((0.25, 1.1, 2.0), key=lambda gb: abs(gb - _zero_1(numbers, n))),
        lambda numbers, n: (
            f"Weights and gradients stay whole, {8 * numbers / 1e9:.2f} GB; m and v are shared, "
            f"{8 * numbers / n / 1e9:.2f} GB."
        ),
    ),
    "21.P3": Guess(
        lambda ends: float(min(ends, key=lambda rows: ends[rows])),
        lambda ends: (
            "The same rows, but a sixteenth of the steps, and AdamW moves the weights about as far "
            "in each. A larger learning rate makes up for some of it."
        ),
    ),
}
