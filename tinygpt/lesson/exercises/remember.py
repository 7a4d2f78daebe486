"""Lesson 14, Remember or learn: hold out, drop, stop."""

import numpy as np

from tinygpt.lesson.exercise import (
    Case,
    Exercise,
    FormError,
    Outputs,
    Wrong,
    normal,
    several,
    two,
    way_back,
    whole_numbers,
)
from tinygpt.nn.dropout import dropout

# ------------------------------------------------------------------------------------- 14.1


def split_answer(text, n, learn):
    # cut off the end
    train, held_out = text[:-n], text[-n:]
    # learn, then encode
    encode = learn(train)
    return encode(train), encode(held_out)


def learned_from_all(text, n, learn):
    encode = learn(text)
    return encode(text[:-n]), encode(text[-n:])


def encoded_then_cut(text, n, learn):
    ids = learn(text)(text)
    return ids[:-n], ids[-n:]


def learned_rightly_encoded_then_cut(text, n, learn):
    ids = learn(text[:-n])(text)
    return ids[:-n], ids[-n:]


def encoded_then_cut_from_the_front(text, n, learn):
    ids = learn(text[:-n])(text)
    return ids[: len(text) - n], ids[len(text) - n :]


def learned_from_the_held_out(text, n, learn):
    encode = learn(text[-n:])
    return encode(text[:-n]), encode(text[-n:])


def learned_twice(text, n, learn):
    return learn(text[:-n])(text[:-n]), learn(text[-n:])(text[-n:])


def the_beginning_held_out(text, n, learn):
    encode = learn(text[n:])
    return encode(text[n:]), encode(text[:n])


def the_beginning_trained_on(text, n, learn):
    encode = learn(text[:n])
    return encode(text[:n]), encode(text[n:])


def all_of_it_to_train_on(text, n, learn):
    encode = learn(text[:-n])
    return encode(text), encode(text[-n:])


def held_out_first(text, n, learn):
    train, held = split_answer(text, n, learn)
    return held, train


def letters_shuffled(text, n, learn):
    order = np.random.default_rng(0).permutation(len(text))
    return split_answer("".join(text[i] for i in order), n, learn)


def taken_out_of_the_middle(text, n, learn):
    k = max(2, len(text) // n)
    places = list(range(k - 1, len(text), k))[:n]
    train = "".join(c for i, c in enumerate(text) if i not in places)
    encode = learn(train)
    return encode(train), encode("".join(text[i] for i in places))


def texts_for_ids(text, n, learn):
    return text[:-n], text[-n:]


def learner_as_encoder(text, n, learn):
    return learn(text[:-n]), learn(text[-n:])


def letter_lost(text, n, learn):
    encode = learn(text[:-n])
    return encode(text[:-n]), encode(text[-n + 1 :] if n > 1 else "")


def letter_in_both(text, n, learn):
    encode = learn(text[: -n + 1] if n > 1 else text)
    return encode(text[: -n + 1] if n > 1 else text), encode(text[-n:])


def unknown_letters_left_out(text, n, learn):
    train = text[:-n]
    encode = learn(train)
    return encode(train), encode("".join(c for c in text[-n:] if c in train))


def learn_letters(text):
    """A letter's id is its place among those that are in the text; 0 for any other."""
    known = {c: i + 1 for i, c in enumerate(sorted(set(text)))}
    return lambda text: [known.get(c, 0) for c in text]


def learn_by_count(text):
    """The commonest letter gets the id 1."""
    order = sorted(set(text), key=lambda c: (-text.count(c), c))
    return lambda text: [order.index(c) + 1 if c in order else 0 for c in text]


def learn_pieces(text):
    """Pairs of letters that are in the text are one id each, all else 0: fewer ids than letters."""
    known = {
        pair: i + 1 for i, pair in enumerate(sorted({text[i : i + 2] for i in range(len(text))}))
    }
    return lambda text: [known.get(text[i : i + 2], 0) for i in range(0, len(text), 2)]


def both_parts(function, text, n, learn) -> Outputs:
    result = function(text, n, learn)
    if result is None:
        return {"train": None, "held out": None}
    parts = two(result, "the ids to train on, the ids held out")
    for name, part in zip(("train", "held out"), parts, strict=True):
        if isinstance(part, str):
            raise FormError(f"{name} is a text, asked for are ids: encode(text) makes them")
        if callable(part):
            raise FormError(f"{name} is a function: learn(text) returns encode, which is called "
                            "with a text")  # fmt: skip
        whole_numbers(part, name)
    return dict(zip(("train", "held out"), (np.array(p, int) for p in parts), strict=True))


SPLIT = Exercise(
    id="14.1",
    name="my_split",
    form="my_split(text, n, learn) -> the ids to train on, the ids held out",
    answer=split_answer,
    observe=both_parts,
    cases=(
        Case(("the cat sat on the mat with a zebra", 7, learn_letters)),
        Case(("abcabcabcaabbbccccqx", 5, learn_by_count)),
        Case(("猫坐在那里。狗看着猫,很高兴", 6, learn_letters), "Chinese"),
        Case(("the cat and the hat, the cat at that", 9, learn_pieces), "ids of two letters each"),
    ),
    wrongs=(
        Wrong(
            learned_from_all,
            "You learn the ids from the whole text, so they know which letters come in the part "
            "that nobody should have seen.",
            "What must happen first: the cut, or the learning?",
            (encoded_then_cut,),
        ),
        Wrong(
            learned_rightly_encoded_then_cut,
            "You encode the whole text and cut the ids. n counts characters, and an id may stand "
            "for several; and one at the cut may reach into both parts.",
            "What is cut: the text, or the ids?",
            (encoded_then_cut_from_the_front,),
        ),
        Wrong(
            learned_from_the_held_out,
            "You learn the ids from the part that is held out.",
            "From which part is everything learned?",
        ),
        Wrong(
            learned_twice,
            "Each part gets ids of its own: the same letter has two.",
            "How often is `learn` called?",
        ),
        Wrong(
            the_beginning_held_out,
            "You hold out the beginning. The end is asked for.",
            "Which slice is the last part of a text?",
        ),
        Wrong(
            the_beginning_trained_on,
            "You train on the first n, and hold out all the rest.",
            "How many characters are held out?",
        ),
        Wrong(
            all_of_it_to_train_on,
            "You train on the whole text, the held-out part too: nothing is held out.",
            "Where does the first part end?",
        ),
        Wrong(
            held_out_first,
            "The two parts are exchanged.",
            "Which one comes first: the part to train on, or the part held out?",
        ),
        Wrong(
            letters_shuffled,
            "You shuffle the letters: what is left is no text.",
            "What does a model learn from letters whose order is gone?",
        ),
        Wrong(
            taken_out_of_the_middle,
            "You take letters out of the middle: their neighbours are in the other part, and give "
            "them away.",
            "How can the held-out part stay one piece?",
        ),
        Wrong(
            texts_for_ids,
            "Train is a text, asked for are ids: encode(text) makes them.",
            "What does `learn` return?",
        ),
        Wrong(
            learner_as_encoder,
            "Train is a function: learn(text) returns encode, which is called with a text.",
            "What does `learn` return?",
        ),
        Wrong(
            letter_lost,
            "The letter at the cut is lost.",
            "Where does the second part begin?",
        ),
        Wrong(
            letter_in_both,
            "The letter at the cut is in both parts.",
            "Where does the first part end?",
        ),
        Wrong(
            unknown_letters_left_out,
            "You leave out what was never seen. It comes in new text, and the model must be "
            "measured on it.",
            "Which id does encode give to an unknown letter?",
        ),
    ),
    hints=(
        "Three steps, and their order is all: cut, learn, encode. What may be learned from which "
        "part? With what is the other part encoded?",
        "The same for a class whose last pupils come later: the list of names is made from the "
        "first ones, and used for all:\n\n"
        "    early, late = pupils[:-n], pupils[____]\n"
        "    number_of = make_list(____)\n"
        "    return number_of(early), ____(late)",
    ),
)

# ------------------------------------------------------------------------------------- 14.2


def dropout_answer(x, p, rng, training):
    if not training:
        return x, lambda dy: dy
    # each number stays with the chance 1 - p, and those that stay make up for the others
    kept = (rng.random(x.shape) >= p) / (1 - p)
    kept = kept.astype(x.dtype)
    return x * kept, lambda dy: dy * kept


def _dropped(forward, backward=None):
    """forward(x, kept, p) in training; backward(dy, kept, p), the same where it is None."""

    def answer(x, p, rng, training):
        if not training:
            return x, lambda dy: dy
        kept = (rng.random(x.shape) >= p).astype(x.dtype)
        return forward(x, kept, p), lambda dy: (backward or forward)(dy, kept, p)

    return answer


def _right(a, kept, p):
    return a * kept / (1 - p)


def not_scaled(x, p, rng, training):
    return _dropped(lambda a, kept, p: a * kept)(x, p, rng, training)


def scaled_by_p(x, p, rng, training):
    return _dropped(lambda a, kept, p: a * kept / p)(x, p, rng, training)


def times_what_stays(x, p, rng, training):
    return _dropped(lambda a, kept, p: a * kept * (1 - p))(x, p, rng, training)


def scaled_by_one_plus_p(x, p, rng, training):
    return _dropped(lambda a, kept, p: a * kept * (1 + p))(x, p, rng, training)


def keeps_the_share(x, p, rng, training):
    if not training:
        return x, lambda dy: dy
    kept = (rng.random(x.shape) < p).astype(x.dtype)
    return x * kept / p, lambda dy: dy * kept / p


def keeps_the_share_scaled_rightly(x, p, rng, training):
    if not training:
        return x, lambda dy: dy
    kept = (rng.random(x.shape) < p).astype(x.dtype)
    return x * kept / (1 - p), lambda dy: dy * kept / (1 - p)


def always_on(x, p, rng, training):
    return dropout_answer(x, p, rng, True)


def on_when_writing(x, p, rng, training):
    return dropout_answer(x, p, rng, not training)


def scaled_when_writing(x, p, rng, training):
    if not training:
        return x * (1 - p), lambda dy: dy * (1 - p)
    return not_scaled(x, p, rng, True)


def scaled_when_writing_too(x, p, rng, training):
    if not training:
        return x / (1 - p), lambda dy: dy / (1 - p)
    return dropout_answer(x, p, rng, True)


def another_mask_on_the_way_back(x, p, rng, training):
    if not training:
        return x, lambda dy: dy
    return (
        _right(x, rng.random(x.shape) >= p, p),
        lambda dy: _right(dy, rng.random(dy.shape) >= p, p),
    )


def way_back_not_masked(x, p, rng, training):
    return _dropped(_right, lambda dy, kept, p: dy)(x, p, rng, training)


def way_back_not_scaled(x, p, rng, training):
    return _dropped(_right, lambda dy, kept, p: dy * kept)(x, p, rng, training)


def way_back_of_what_fell(x, p, rng, training):
    return _dropped(_right, lambda dy, kept, p: dy * (1 - kept) / (1 - p))(x, p, rng, training)


def mean_of_this_draw(x, p, rng, training):
    if not training:
        return x, lambda dy: dy
    kept = (rng.random(x.shape) >= p).astype(x.dtype)
    factor = x.dtype.type(x.mean() / (x * kept).mean())
    return x * kept * factor, lambda dy: dy * kept * factor


def told_by_the_zeros(x, p, rng, training):
    if not training:
        return x, lambda dy: dy
    y = _right(x, (rng.random(x.shape) >= p).astype(x.dtype), p)
    return y, lambda dy: dy * (y != 0) / (1 - p)


def the_worlds_generator(x, p, rng, training):
    return dropout_answer(x, p, np.random, training)


def dy_written_over(x, p, rng, training):
    y, _ = dropout_answer(x, p, rng, training)
    kept = np.where(y == 0, 0, y / np.where(x == 0, 1, x))

    def backward(dy):
        dy *= kept
        return dy

    return y, backward


def whole_rows(x, p, rng, training):
    if not training:
        return x, lambda dy: dy
    kept = (rng.random(x.shape[:-1])[..., None] >= p) / (1 - p)
    kept = kept.astype(x.dtype)
    return x * kept, lambda dy: dy * kept


def whole_columns(x, p, rng, training):
    if not training:
        return x, lambda dy: dy
    kept = (rng.random(x.shape[-1:]) >= p) / (1 - p)
    kept = kept.astype(x.dtype)
    return x * kept, lambda dy: dy * kept


def all_or_nothing(x, p, rng, training):
    if not training:
        return x, lambda dy: dy
    kept = x.dtype.type((rng.random() >= p) / (1 - p))
    return x * kept, lambda dy: dy * kept


def a_generator_of_its_own(x, p, rng, training):
    return dropout_answer(x, p, np.random.default_rng(0), training)


def small_numbers_dropped(x, p, rng, training):
    if not training:
        return x, lambda dy: dy
    kept = ((abs(x) >= np.quantile(abs(x), p)) / (1 - p)).astype(x.dtype)
    return x * kept, lambda dy: dy * kept


def noise_added(x, p, rng, training):
    if not training:
        return x, lambda dy: dy
    return x + (p * rng.standard_normal(x.shape)).astype(x.dtype), lambda dy: dy


def the_callers_x(x, p, rng, training):
    if not training:
        return x, lambda dy: dy
    kept = ((rng.random(x.shape) >= p) / (1 - p)).astype(x.dtype)
    x *= kept
    return x, lambda dy: dy * kept


def nothing_dropped(x, p, rng, training):
    return x, lambda dy: dy


SHARES = 0.02  # by which the share of zeros may be off: 20 000 numbers, more than 5 spreads


def tried_on_many(function, x, p, training) -> Outputs:
    """What can be seen whatever numbers are drawn: which factor, how many zeros, the way back."""
    rng, same = np.random.default_rng(7), np.random.default_rng(7)
    y, backward = two(function(x, p, rng, training), "y, backward")
    if y is None:
        return {"y": None}
    y = np.asarray(y)
    if y.shape != x.shape:
        raise FormError(f"y has the shape {y.shape}, and x {x.shape}")
    backward = way_back(backward)
    dy = np.linspace(1.0, 2.0, x.size).reshape(x.shape).astype(x.dtype)
    given = dy.copy()
    dx = np.array(backward(given))
    if dx.shape != x.shape:
        raise FormError(f"dx has the shape {dx.shape}, and x {x.shape}")
    other, _ = two(function(x, p, rng, training), "y, backward")
    alike, _ = two(function(x, p, same, training), "y, backward")
    share = p if training else 0.0
    nothing = x == 0  # there y says nothing, and dx does
    fell = (y == 0) & ~nothing
    left = ~fell & ~nothing
    factors, slopes = y[left] / x[left], dx[left] / dy[left]
    return {
        "the share of zeros is as asked": bool(abs(fell[~nothing].mean() - share) < SHARES),
        "what is left is multiplied by": float(np.median(factors)) if left.any() else 0.0,
        "all of it by the same": bool(left.any() and np.ptp(factors) < 1e-3),
        "whole rows or columns fall": bool(
            fell[:, 1:].all(axis=1).any() or fell[:, 1:].all(axis=0).any()
        ),
        "small numbers fall more often": bool(
            fell.any() and abs(x[left]).mean() - abs(x[fell]).mean() > 0.05
        ),
        "others fall the second time": bool((np.asarray(other) != y).any()),
        "the same ones with the same generator": bool((np.asarray(alike) == y).all()),
        "dx where y fell": float(abs(dx[fell]).max()) if fell.any() else 0.0,
        "dx elsewhere is dy times": float(np.median(slopes)) if left.any() else 0.0,
        "everywhere alike": bool(left.any() and np.ptp(slopes) < 1e-3),
        "where x is 0 the mask still counts": bool(abs((dx[nothing] == 0).mean() - share) < 0.2),
        "dy stays as it was": bool((given == dy).all()),
    }


_many = normal(600, 200, 100)
_many[:, 0] = 0
_many32 = normal(601, 200, 100).astype(np.float32)
_many32[:, 0] = 0

DROPOUT = Exercise(
    id="14.2",
    name="my_dropout",
    form="my_dropout(x, p, rng, training) -> y, backward;  backward(dy) -> dx",
    answer=dropout_answer,
    observe=tried_on_many,
    inputs=("x", "p", "training"),
    cases=(
        Case((_many, 0.25, True)),
        Case((_many32, 0.6, True), "more than half fall"),
        Case((_many, 0.4, False), "when the model writes"),
    ),
    wrongs=(
        Wrong(
            not_scaled,
            "What falls is missing from the mean: of x only the share 1 - p is left.",
            "By what must the others be multiplied, so that the mean stays?",
        ),
        Wrong(
            scaled_by_p,
            "You divide by p, the share that falls.",
            "Which share stays, and so must stand for the whole?",
        ),
        Wrong(
            times_what_stays,
            "You multiply by 1 - p: the mean becomes smaller still.",
            "By what must the others be multiplied, so that the mean stays?",
        ),
        Wrong(
            scaled_by_one_plus_p,
            "1 + p is not 1 / (1 - p): with p = 0.6 it is 1.6, and 2.5 is needed.",
            "If 4 of 10 stay, by how much must each grow?",
        ),
        Wrong(
            keeps_the_share,
            "You keep the share p. p is the share that falls.",
            "With p = 0.1, how many of ten numbers stay?",
            (keeps_the_share_scaled_rightly,),
        ),
        Wrong(
            always_on,
            "You drop when the model writes, too: then every text would be written with holes.",
            "What does `training` say?",
        ),
        Wrong(
            on_when_writing,
            "You drop when the model writes, and not while it trains.",
            "What does `training` say?",
        ),
        Wrong(
            scaled_when_writing,
            "You scale when the model writes. (The first paper did.) Here that is done while "
            "training, so that writing needs nothing.",
            "What should come out where training is False?",
        ),
        Wrong(
            scaled_when_writing_too,
            "When the model writes nothing falls, and nothing must be made up for.",
            "What should come out where training is False?",
        ),
        Wrong(
            another_mask_on_the_way_back,
            "The way back drops other numbers than the forward did. What fell has no slope, and "
            "what stayed has one.",
            "Where can the mask be kept for backward?",
        ),
        Wrong(
            way_back_not_masked,
            "The way back drops nothing. What fell has no slope.",
            "y = x times a number: how fast does y rise with x?",
        ),
        Wrong(
            way_back_not_scaled,
            "On the way back the factor is missing.",
            "y = x times a number: how fast does y rise with x?",
        ),
        Wrong(
            way_back_of_what_fell,
            "The way back goes through what fell, and not through what stayed.",
            "Where the mask is 0, what is the slope?",
        ),
        Wrong(
            mean_of_this_draw,
            "You make the mean of this very draw stay. It stays on average, over all draws, if "
            "each number that is left is divided by its chance to be left.",
            "Which share of the numbers stays, on average?",
        ),
        Wrong(
            told_by_the_zeros,
            "You tell what fell by y being 0. Where x itself is 0, y is 0 in any case, and there "
            "is a slope all the same.",
            "What should backward keep: y, or the mask?",
        ),
        Wrong(
            the_worlds_generator,
            "You draw from NumPy's own generator, and not from the one that is given: nobody can "
            "draw the same again.",
            "Which argument is not in your lines?",
        ),
        Wrong(
            dy_written_over,
            "The result is right, but dy is changed, and it belongs to the caller: other parts of "
            "the model go on with it.",
            "Which sign makes a new array?",
        ),
        Wrong(
            whole_rows,
            "Whole rows fall at once. Each number falls or stays by itself.",
            "How many random numbers are needed?",
        ),
        Wrong(
            whole_columns,
            "Whole columns fall at once. Each number falls or stays by itself.",
            "How many random numbers are needed?",
        ),
        Wrong(
            all_or_nothing,
            "Everything falls, or nothing: you draw a single number.",
            "How many random numbers are needed?",
        ),
        Wrong(
            a_generator_of_its_own,
            "The same numbers fall every time: you make a new generator at each call.",
            "Which generator goes on from call to call?",
        ),
        Wrong(
            small_numbers_dropped,
            "You drop the small numbers. Which ones fall has nothing to do with their size.",
            "What decides, if not chance?",
        ),
        Wrong(
            noise_added,
            "You add noise. Dropout sets numbers to 0.",
            "What becomes of a number that falls?",
        ),
        Wrong(
            the_callers_x,
            "The result is right, but x itself is changed, and it belongs to the caller.",
            "Which sign makes a new array?",
        ),
        Wrong(
            nothing_dropped,
            "Nothing falls.",
            "What happens where training is True?",
        ),
    ),
    hints=(
        "How many random numbers do you need, and where does one fall? If 6 of 10 fall, by how "
        "much must each of the other 4 grow? y is x times a mask: what is dx then?",
        "The same for a team in which each player misses a game with the chance p, and those who "
        "play run for the others:\n\n"
        "    plays = rng.random(players.shape) >= ____\n"
        "    effort = plays / (1 - ____)\n"
        "    return players * ____, lambda dy: dy * ____",
    ),
    library=dropout,
    locked=(dropout,),
)

# ------------------------------------------------------------------------------------- 14.3


def stop_answer(losses, patience):
    # which was the best so far, and how many came since
    best, waited = 0, 0
    # one after the other, as training would measure them
    for i in range(1, len(losses)):
        if losses[i] < losses[best]:
            best, waited = i, 0
        else:
            waited += 1
        if waited == patience:
            return best, i
    return best, len(losses) - 1


def _stopping(losses, patience, better=lambda loss, best: loss < best):
    best, waited = 0, 0
    for i, loss in enumerate(losses):
        if i == 0 or better(loss, losses[best]):
            best, waited = i, 0
        else:
            waited += 1
        if waited == patience:
            return best, i
    return best, len(losses) - 1


def best_of_all(losses, patience):
    _, stopped = stop_answer(losses, patience)
    return int(np.argmin(losses)), stopped


def at_the_best(losses, patience):
    best, _ = stop_answer(losses, patience)
    return best, best


def never_stopped(losses, patience):
    return int(np.argmin(losses)), len(losses) - 1


def rises_in_a_row(losses, patience):
    best, risen = 0, 0
    for i in range(1, len(losses)):
        best = i if losses[i] < losses[best] else best
        risen = risen + 1 if losses[i] > losses[i - 1] else 0
        if risen == patience:
            return best, i
    return best, len(losses) - 1


def not_set_back(losses, patience):
    best, waited = 0, 0
    for i, loss in enumerate(losses):
        if i == 0 or loss < losses[best]:
            best = i
        else:
            waited += 1
        if waited == patience:
            return best, i
    return best, len(losses) - 1


def one_too_late(losses, patience):
    return _stopping(losses, patience + 1)


def one_too_early(losses, patience):
    return _stopping(losses, max(patience - 1, 1))


def equal_is_better(losses, patience):
    return _stopping(losses, patience, better=lambda loss, best: loss <= best)


def higher_is_better(losses, patience):
    return _stopping(losses, patience, better=lambda loss, best: loss > best)


def first_rise(losses, patience):
    for i in range(1, len(losses)):
        if losses[i] > losses[i - 1]:
            return i - 1, i
    return len(losses) - 1, len(losses) - 1


def the_last_for_the_best(losses, patience):
    _, stopped = stop_answer(losses, patience)
    return stopped, stopped


def losses_for_places(losses, patience):
    best, stopped = stop_answer(losses, patience)
    return losses[best], losses[stopped]


def best_as_a_loss(losses, patience):
    best, stopped = stop_answer(losses, patience)
    return losses[best], stopped


def patience_added(losses, patience):
    best, _ = stop_answer(losses, patience)
    return best, best + patience


def patience_added_to_the_lowest(losses, patience):
    best = int(np.argmin(losses))
    return best, min(best + patience, len(losses) - 1)


def begins_with_0(losses, patience):
    lowest, best, waited = 0.0, 0, 0
    for i, loss in enumerate(losses):
        if loss < lowest:
            lowest, best, waited = loss, i, 0
        else:
            waited += 1
        if waited == patience:
            return best, i
    return best, len(losses) - 1


def first_counts_as_a_wait(losses, patience):
    best, waited = 0, 0
    for i in range(len(losses)):
        if losses[i] < losses[best]:
            best, waited = i, 0
        else:
            waited += 1
        if waited == patience:
            return best, i
    return best, len(losses) - 1


def counted_from_one(losses, patience):
    best, stopped = stop_answer(losses, patience)
    return best + 1, stopped + 1


def exchanged(losses, patience):
    best, stopped = stop_answer(losses, patience)
    return stopped, best


def how_many_measured(losses, patience):
    best, stopped = stop_answer(losses, patience)
    return best, stopped + 1


def best_alone(losses, patience):
    return stop_answer(losses, patience)[0]


def one_past_the_end(losses, patience):
    best, stopped = stop_answer(losses, patience)
    return best, len(losses) if stopped == len(losses) - 1 else stopped


def one_past_where_patience_lasts(losses, patience):
    best, stopped = stop_answer(losses, patience)
    return best, stopped if stopped - best == patience else len(losses)


def compared_with_the_one_before(losses, patience):
    best, waited = 0, 0
    for i in range(1, len(losses)):
        if losses[i] < losses[i - 1]:
            best, waited = i, 0
        else:
            waited += 1
        if waited == patience:
            return best, i
    return best, len(losses) - 1


def best_and_end(function, losses, patience) -> Outputs:
    result = function(list(losses), patience)
    if result is None:
        return {"best": None, "stopped": None}
    named = dict(zip(("best", "stopped"), several(result, 2, "best, stopped"), strict=True))
    for name, value in named.items():
        if isinstance(value, float | np.floating):
            raise FormError(
                f"{name} is {value:g}, a loss or a fraction; asked for is which measurement it "
                "was, a whole number from 0"
            )
    return named


STOP = Exercise(
    id="14.3",
    name="my_early_stop",
    form="my_early_stop(losses, patience) -> best, stopped",
    answer=stop_answer,
    observe=best_and_end,
    cases=(
        Case(([2.0, 1.6, 1.5, 1.7, 1.6, 1.9, 1.4, 1.3], 3)),
        Case(([3.0, 2.0, 2.2, 1.9, 2.1, 2.0, 1.8, 1.9, 2.3, 2.4], 2)),
        Case(([2.0, 1.8, 1.7, 1.6, 1.5], 2), "it falls to the end"),
        Case(([1.0, 1.2, 1.1, 1.3, 0.9], 4), "better in the last moment"),
        Case(([1.5, 1.4, 1.4, 1.4, 1.3], 2), "it stands still"),
        Case(
            ([1.0, 1.1, 1.05, 1.04, 1.03, 0.8], 3),
            "it rises once and falls, but not below the best",
        ),
        Case(([2.5, 2.6, 2.4], 1), "a patience of one"),
    ),
    wrongs=(
        Wrong(
            best_of_all,
            "Your best lies after the end: training has stopped before it is measured.",
            "Which losses are known when it stops?",
        ),
        Wrong(
            at_the_best,
            "You stop at the best. Nobody knows then that it is the best.",
            "After how many more measurements is patience at an end?",
        ),
        Wrong(
            never_stopped,
            "You never stop: patience is not used.",
            "When is patience at an end?",
        ),
        Wrong(
            rises_in_a_row,
            "You count rises from one measurement to the next. What counts is how long there was "
            "none better than the best.",
            "With what should each loss be compared?",
        ),
        Wrong(
            compared_with_the_one_before,
            "You compare with the loss before. What counts is the best so far.",
            "With what should each loss be compared?",
        ),
        Wrong(
            not_set_back,
            "A better loss does not set your counter back to 0.",
            "What becomes of the waiting, once a better one has come?",
        ),
        Wrong(
            one_too_late,
            "You wait one measurement too long.",
            "With a patience of 1, after how many that are not better does it stop?",
        ),
        Wrong(
            one_too_early,
            "You stop one measurement too early.",
            "With a patience of 2, after how many that are not better does it stop?",
        ),
        Wrong(
            equal_is_better,
            "An equal loss is not a better one: where it stands still you wait for ever.",
            "Smaller, or also equal?",
        ),
        Wrong(
            higher_is_better,
            "With you a higher loss is better.",
            "Which way should a loss go?",
        ),
        Wrong(
            first_rise,
            "You stop at the first rise, whatever patience is.",
            "How many measurements that are not better are allowed?",
        ),
        Wrong(
            the_last_for_the_best,
            "You keep the last one. The best is another.",
            "Which of the models is the one to write with?",
        ),
        Wrong(
            patience_added,
            "You add patience to the best. Where training ends before, that measurement is not "
            "there.",
            "How many measurements are there at most?",
        ),
        Wrong(
            patience_added_to_the_lowest,
            "You look for the lowest of all first. When training stops, nobody knows the later "
            "ones.",
            "Which losses are known when it stops?",
        ),
        Wrong(
            begins_with_0,
            "Your best loss begins with 0, and no loss is below that: none is ever better.",
            "With which number can the first loss be compared?",
        ),
        Wrong(
            first_counts_as_a_wait,
            "Your first measurement counts as one that is not better: it is the best so far.",
            "With which measurement does the waiting begin?",
        ),
        Wrong(
            counted_from_one,
            "You count from 1. The first measurement is number 0.",
            "Which number has losses[0]?",
        ),
        Wrong(
            exchanged,
            "best and stopped are exchanged.",
            "Which of the two comes first?",
        ),
        Wrong(
            how_many_measured,
            "stopped is the number of the last measurement, from 0, and not how many there were.",
            "Which number has the fifth measurement?",
        ),
        Wrong(
            best_alone,
            "Your function returned an int, asked for are two things: best, stopped.",
            "What else is asked for?",
        ),
        Wrong(
            one_past_the_end,
            "Where patience never comes to its end, the last measurement is number len(losses) - "
            "1.",
            "Which number has the last of five?",
            (one_past_where_patience_lasts,),
        ),
    ),
    hints=(
        "Go through the losses in order, as training would. Keep two numbers: which one was the "
        "best so far, and how many came since. A better one sets the second back to 0; where it "
        "reaches patience, stop.",
        "The same for somebody who waits for a better offer:\n\n"
        "    for day, price in enumerate(prices):\n"
        "        if price ____ prices[best]:\n"
        "            best, waited = day, ____\n"
        "        else:\n"
        "            waited += 1\n"
        "        if waited == ____:\n"
        "            return best, day",
    ),
)

EXERCISES = (SPLIT, DROPOUT, STOP)
