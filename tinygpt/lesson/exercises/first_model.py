"""Lesson 06, A first model that learns: windows and targets, a table's way back, the loop."""

import numpy as np

from tinygpt.lesson.exercise import (
    Case,
    Exercise,
    FormError,
    Outputs,
    Wrong,
    kind_of,
    normal,
    there_and_back,
    two,
    whole_numbers,
)
from tinygpt.nn.embedding import embedding

# ------------------------------------------------------------------------------------- 06.1


def windows_answer(ids, starts, T):
    # the places of each window, a row each
    at = starts[:, None] + np.arange(T)
    # what stands there, and what stands one place further
    return ids[at], ids[at + 1]


def _at(starts, T):
    return starts[:, None] + np.arange(T)


def not_shifted(ids, starts, T):
    return ids[_at(starts, T)], ids[_at(starts, T)]


def shifted_back(ids, starts, T):
    return ids[_at(starts, T)], ids[_at(starts, T) - 1]


def shifted_by_two(ids, starts, T):
    return ids[_at(starts, T)], ids[_at(starts, T) + 2]


def next_window(ids, starts, T):
    return ids[_at(starts, T)], ids[(_at(starts, T) + T) % len(ids)]


def next_window_beyond_the_end(ids, starts, T):
    return ids[_at(starts, T)], ids[_at(starts, T) + T]


def rows_after_the_first_start(ids, starts, T):
    at = starts[0] + np.arange(len(starts) * T).reshape(-1, T)
    return ids[at], ids[at + 1]


def the_one_after_the_window(ids, starts, T):
    return ids[_at(starts, T)], ids[starts + T]


def the_one_after_the_start(ids, starts, T):
    return ids[_at(starts, T)], ids[starts + 1]


def exchanged(ids, starts, T):
    x, y = windows_answer(ids, starts, T)
    return y, x


def both_shifted(ids, starts, T):
    return ids[_at(starts, T) + 1], ids[(_at(starts, T) + 2) % len(ids)]


def turned_round_in_the_window(ids, starts, T):
    x = ids[_at(starts, T)]
    return x, np.roll(x, -1, axis=1)


def turned_round_over_all_rows(ids, starts, T):
    x = ids[_at(starts, T)]
    return x, np.roll(x, -1)


def cut_from_one_window(ids, starts, T):
    x = ids[_at(starts, T)]
    return x[:, :-1], x[:, 1:]


def targets_one_short(ids, starts, T):
    x = ids[_at(starts, T)]
    return x, x[:, 1:]


def one_too_long(ids, starts, T):
    at = _at(starts, T + 1)
    return ids[at], ids[(at + 1) % len(ids)]


def windows_in_columns(ids, starts, T):
    x, y = windows_answer(ids, starts, T)
    return x.T, y.T


def a_single_row(ids, starts, T):
    x, y = windows_answer(ids, starts, T)
    return x.reshape(-1), y.reshape(-1)


def first_window_alone(ids, starts, T):
    x, y = windows_answer(ids, starts, T)
    return x[0], y[0]


def starts_not_used(ids, starts, T):
    return windows_answer(ids, np.arange(len(starts)) * T % (len(ids) - T), T)


def starts_counted_in_windows(ids, starts, T):
    return windows_answer(ids, starts * T % (len(ids) - T), T)


def places_for_ids(ids, starts, T):
    at = _at(starts, T)
    return at, at + 1


def one_more_for_the_next(ids, starts, T):
    x = ids[_at(starts, T)]
    return x, x + 1


def both_windows(function, ids, starts, T) -> Outputs:
    result = function(ids, starts, T)
    if result is None:
        return {"x": None, "y": None}
    x, y = two(result, "x, y")
    return {"x": whole_numbers(x, "x"), "y": whole_numbers(y, "y")}


_IDS = np.array([5, 3, 8, 1, 9, 2, 7, 7, 4, 0, 6, 3, 1, 8, 5, 5, 2, 9, 0, 4, 11, 10, 13, 12])

WINDOWS = Exercise(
    id="06.1",
    name="my_windows",
    form="my_windows(ids (n,), starts (B,), T) -> x (B, T), y (B, T)",
    answer=windows_answer,
    observe=both_windows,
    cases=(
        Case((_IDS, np.array([2, 9, 11]), 4)),
        Case((_IDS, np.array([0, 7, 7, 13, 1]), 6)),
        Case((_IDS, np.array([3, 10]), 1), "windows of a single id"),
        Case((_IDS, np.array([19, 5]), 4), "the last window that there is"),
    ),
    wrongs=(
        Wrong(
            not_shifted,
            "x and y are the same: the model is asked for what it sees.",
            "What should it say when it has read up to place t?",
        ),
        Wrong(
            shifted_back,
            "Your y is what came before. The model is asked for what it has read already.",
            "What should it say when it has read up to place t?",
        ),
        Wrong(
            shifted_by_two,
            "Your y is two places further, and not one.",
            "Which id comes right after place t?",
        ),
        Wrong(
            next_window,
            "Your y is the next window. At each place the model is asked for the next id.",
            "Place 0 of y stands under place 0 of x: which id comes after that one?",
            (next_window_beyond_the_end,),
        ),
        Wrong(
            rows_after_the_first_start,
            "Your windows follow each other from the first start on; the other starts are not "
            "used.",
            "At which place does the window number b begin?",
        ),
        Wrong(
            the_one_after_the_window,
            "You ask for one id for each window, the one after it. Every place of a window is "
            "followed by an id.",
            "How many places has x, and how many answers are wanted?",
        ),
        Wrong(
            the_one_after_the_start,
            "You have one target for each window. Every place of a window is followed by an id.",
            "How many places has x, and how many answers are wanted?",
        ),
        Wrong(
            exchanged,
            "x and y are exchanged.",
            "Which of the two comes first in the text?",
        ),
        Wrong(
            both_shifted,
            "Both are one place too far.",
            "Which id stands at places[0] of the text, and does x begin with it?",
        ),
        Wrong(
            turned_round_in_the_window,
            "Right but for the last place of each window: np.roll takes the first id of the window "
            "there.",
            "Which id of the text follows the window?",
        ),
        Wrong(
            turned_round_over_all_rows,
            "Right but for the last place of each window: np.roll takes the first id of the next "
            "row there.",
            "Which id of the text follows the window?",
        ),
        Wrong(
            cut_from_one_window,
            "Shifted rightly, but the windows are one place too short.",
            "How many ids must you take from the text, to have T and their T successors?",
        ),
        Wrong(
            targets_one_short,
            "y is one place too short: the id after the window is missing.",
            "How many ids must you take from the text, to have T and their T successors?",
        ),
        Wrong(
            one_too_long,
            "Your windows are one place too long.",
            "How many numbers has np.arange(T + 1)?",
        ),
        Wrong(
            windows_in_columns,
            "Your windows stand in columns.",
            "Which shape is asked for?",
        ),
        Wrong(
            a_single_row,
            "Your windows stand one after the other in a single row.",
            "Which shape is asked for?",
        ),
        Wrong(
            first_window_alone,
            "Only the first window comes back.",
            "How many starts are there?",
        ),
        Wrong(
            starts_not_used,
            "Your windows follow each other from the beginning: `starts` is not in it.",
            "At which place does the window number b begin?",
        ),
        Wrong(
            starts_counted_in_windows,
            "You multiply the starts by T: they are places of the text already.",
            "At which place does the window number b begin?",
        ),
        Wrong(
            places_for_ids,
            "Those are the places. What stands there is in `ids`.",
            "What is ids[at], if at is an array of places?",
        ),
        Wrong(
            one_more_for_the_next,
            "Your y is x plus 1: the next number, and not what comes next in the text.",
            "Where does it stand which id follows?",
        ),
    ),
    hints=(
        "Window b takes the places starts[b], starts[b] + 1, ..., T of them. Its targets stand one "
        "place further each. So make the places first, an array of shape (B, T): a column plus a "
        "row is a table (lesson 03). Then look both up.",
        "The same for one window, with its place and its length:\n\n"
        "    at = start + np.arange(____)\n"
        "    x, y = ids[at], ids[at + ____]\n\n"
        "For several, starts[:, None] is a column.",
    ),
)

# ------------------------------------------------------------------------------------- 06.2


def table_answer(table, ids):
    y = table[ids]

    def backward(dy):
        dtable = np.zeros_like(table)
        # each place gives its dy to the row that it took, and a row may be taken many times
        np.add.at(dtable, ids, dy)
        return dtable, None

    return y, backward


def _look_up(gradient):
    """gradient(dy, table, ids) -> dtable, after the right forward."""
    return lambda table, ids: (table[ids], lambda dy: (gradient(dy, table, ids), None))


def table_unwritten(table, ids):
    return _look_up(lambda dy, table, ids: np.zeros_like(table))(table, ids)


def _filled(write):
    """write(dtable, ids, dy) fills a table of zeros."""

    def gradient(dy, table, ids):
        dtable = np.zeros_like(table)
        write(dtable, ids, dy)
        return dtable

    return _look_up(gradient)


def repeated_ids_lost(table, ids):
    def write(dtable, ids, dy):
        dtable[ids] += dy

    return _filled(write)(table, ids)


def last_one_wins(table, ids):
    def write(dtable, ids, dy):
        dtable[ids] = dy

    return _filled(write)(table, ids)


def first_one_wins(table, ids):
    def write(dtable, ids, dy):
        rows = dy.reshape(-1, dy.shape[-1])
        for i, row in reversed(list(zip(ids.reshape(-1), rows))):
            dtable[i] = row

    return _filled(write)(table, ids)


def mean_of_repeated_ids(table, ids):
    def write(dtable, ids, dy):
        np.add.at(dtable, ids, dy)
        dtable /= np.maximum(np.bincount(ids.reshape(-1), minlength=len(dtable)), 1)[
            :, None
        ].astype(dtable.dtype)

    return _filled(write)(table, ids)


def row_after_row(table, ids):
    def write(dtable, ids, dy):
        for i in range(len(ids)):
            dtable[ids[i]] += dy[i]

    return _filled(write)(table, ids)


def one_hot_of_one_axis(table, ids):
    def gradient(dy, table, ids):
        return np.eye(len(table), dtype=table.dtype)[ids].T @ dy

    return _look_up(gradient)(table, ids)


def one_hot_of_each_text(table, ids):
    def gradient(dy, table, ids):
        return np.eye(len(table), dtype=table.dtype)[ids].swapaxes(-1, -2) @ dy

    return _look_up(gradient)(table, ids)


def counted_up_to_the_largest_id(table, ids):
    def gradient(dy, table, ids):
        columns = dy.reshape(-1, dy.shape[-1]).T
        sums = [np.bincount(ids.reshape(-1), weights=column) for column in columns]
        return np.stack(sums, axis=1).astype(table.dtype)

    return _look_up(gradient)(table, ids)


def what_add_at_returns(table, ids):
    return _look_up(lambda dy, table, ids: np.add.at(np.zeros_like(table), ids, dy))(table, ids)


def handed_on(table, ids):
    return _look_up(lambda dy, table, ids: dy)(table, ids)


def dy_of_the_ids(table, ids):
    return _look_up(lambda dy, table, ids: dy[ids % len(dy)])(table, ids)


def dy_of_the_ids_beyond_the_end(table, ids):
    return _look_up(lambda dy, table, ids: dy[ids])(table, ids)


def table_of_the_ids(table, ids):
    return _look_up(lambda dy, table, ids: table[ids])(table, ids)


def counts_alone(table, ids):
    def write(dtable, ids, dy):
        np.add.at(dtable, ids, np.ones_like(dy))

    return _filled(write)(table, ids)


def times_the_table(table, ids):
    def write(dtable, ids, dy):
        np.add.at(dtable, ids, dy * table[ids])

    return _filled(write)(table, ids)


def on_top_of_the_table(table, ids):
    def gradient(dy, table, ids):
        dtable = table.copy()
        np.add.at(dtable, ids, dy)
        return dtable

    return _look_up(gradient)(table, ids)


def into_the_table_itself(table, ids):
    def gradient(dy, table, ids):
        np.add.at(table, ids, dy)
        return table

    return _look_up(gradient)(table, ids)


def all_of_dy_to_each(table, ids):
    def write(dtable, ids, dy):
        dtable[np.unique(ids)] = dy.reshape(-1, dy.shape[-1]).sum(axis=0)

    return _filled(write)(table, ids)


def all_of_dy_everywhere(table, ids):
    return _look_up(
        lambda dy, table, ids: np.zeros_like(table) + dy.reshape(-1, dy.shape[-1]).sum(axis=0)
    )(table, ids)


def by_place(table, ids):
    def write(dtable, ids, dy):
        rows = dy.reshape(-1, dy.shape[-1])
        np.add.at(dtable, np.arange(len(rows)) % len(dtable), rows)

    return _filled(write)(table, ids)


def divided_by_the_places(table, ids):
    def write(dtable, ids, dy):
        np.add.at(dtable, ids, dy / ids.size)

    return _filled(write)(table, ids)


def first_text_alone(table, ids):
    def write(dtable, ids, dy):
        np.add.at(dtable, ids[:1] if ids.ndim > 1 else ids, dy[:1] if ids.ndim > 1 else dy)

    return _filled(write)(table, ids)


def sums_of_rows(table, ids):
    def write(dtable, ids, dy):
        np.add.at(dtable, ids, dy.sum(axis=-1, keepdims=True) + np.zeros_like(dy))

    return _filled(write)(table, ids)


def other_sign(table, ids):
    def write(dtable, ids, dy):
        np.add.at(dtable, ids, -dy)

    return _filled(write)(table, ids)


def numbered_from_1(table, ids):
    def write(dtable, ids, dy):
        np.add.at(dtable, ids - 1, dy)

    return _filled(write)(table, ids)


EMBEDDING = Exercise(
    id="06.2",
    name="my_embedding",
    form="my_embedding(table (V, C), ids) -> y, backward;  backward(dy) -> dtable, None",
    answer=table_answer,
    observe=there_and_back("dtable", "None"),
    inputs=("table", "ids", "dy"),
    blank=table_unwritten,
    blank_says="dtable is 0 everywhere: not written yet",
    cases=(
        Case((normal(101, 6, 3), np.array([4, 0, 2, 5]), normal(102, 4, 3)), "each id comes once"),
        Case(
            (normal(103, 5, 3), np.array([2, 0, 2, 2, 4]), normal(104, 5, 3)), "an id comes again"
        ),
        Case(
            (normal(105, 7, 2), np.array([[1, 1, 3], [3, 0, 6]]), normal(106, 2, 3, 2)),
            "two texts, and ids come again",
        ),
        Case(
            (
                normal(107, 4, 3).astype(np.float32),
                np.array([1, 1, 0]),
                normal(108, 3, 3).astype(np.float32),
            ),
            "float32 must stay float32",
        ),
    ),
    wrongs=(
        Wrong(
            repeated_ids_lost,
            "Right where each id comes once. Of one that comes again only the last dy is left: `=` "
            "writes over what was there, and `a[ids] += dy` reads, adds and writes all at once.",
            "How are they added again and again, place after place?",
            (last_one_wins,),
        ),
        Wrong(
            row_after_row,
            "Right for one text. Of several, ids[i] is a whole row of ids, and of one that comes "
            "twice in its row one addition is lost.",
            "How can you go through all places, however many axes there are?",
        ),
        Wrong(
            one_hot_of_one_axis,
            "Right for one text. Of several, the places lie along two axes, and all of them should "
            "be summed.",
            "What does ids.reshape(-1) make of the places, and what must dy become with it?",
            (one_hot_of_each_text,),
        ),
        Wrong(
            counted_up_to_the_largest_id,
            "The rows after the largest id are missing: nobody took them, and their gradient is 0.",
            "How many rows has the table?",
        ),
        Wrong(
            what_add_at_returns,
            "dtable is None: np.add.at changes the array that it is given, and returns nothing.",
            "Which name holds what was added up?",
        ),
        Wrong(
            first_one_wins,
            "Right where each id comes once. Of an id that comes again only the first dy is left.",
            "A number that is used several times: what becomes of its slopes?",
        ),
        Wrong(
            mean_of_repeated_ids,
            "Right where each id comes once. Of an id that comes again you take the mean.",
            "A number that is used several times: do its slopes add up, or are they averaged?",
        ),
        Wrong(
            handed_on,
            "You hand dy on as it came: it has a row for each place, and the table one for each "
            "id.",
            "Which row of the table did place t take?",
        ),
        Wrong(
            dy_of_the_ids,
            "You look up in dy, as the forward does in the table. The way back puts down instead.",
            "Where do the ids stand: on the right of the sign, or on the left?",
            (dy_of_the_ids_beyond_the_end,),
        ),
        Wrong(
            table_of_the_ids,
            "That is the forward once more.",
            "What arrives from above is called dy: where does it go?",
        ),
        Wrong(
            counts_alone,
            "You count how often each id comes. What arrives from above is not in it.",
            "How fast does the end rise with what place t took?",
        ),
        Wrong(
            times_the_table,
            "You multiply by the table. To look up is to copy: the slope of a copy is 1.",
            "If a number of the table rises by 1, by how much does its copy in y rise?",
        ),
        Wrong(
            on_top_of_the_table,
            "You begin with the table, and not with zeros.",
            "What is the slope of a row that no place took?",
        ),
        Wrong(
            into_the_table_itself,
            "You add the slopes into the table itself, which belongs to the caller.",
            "Which array of your own holds the slopes?",
        ),
        Wrong(
            all_of_dy_to_each,
            "Every row that was taken gets all of dy.",
            "Which places took row 2?",
        ),
        Wrong(
            all_of_dy_everywhere,
            "Every row gets all of dy.",
            "Which places took row 2?",
        ),
        Wrong(
            by_place,
            "Your rows go by place: place 0 to row 0. They should go by id.",
            "Which row did place 0 take?",
        ),
        Wrong(
            divided_by_the_places,
            "You divide by the number of places.",
            "Is there a mean in a look-up?",
        ),
        Wrong(
            first_text_alone,
            "Right for one text. Of several, only the first is heard.",
            "Which axes have ids, and does your line go over all of them?",
        ),
        Wrong(
            sums_of_rows,
            "You add up the columns of dy.",
            "Which axis is the sum over: the places, or the columns?",
        ),
        Wrong(
            other_sign,
            "The right size, the other sign.",
            "If a number of the table rises, does its copy rise or fall?",
        ),
        Wrong(
            numbered_from_1,
            "Your rows are one too low: ids count from 0.",
            "Which row is that of the id 0?",
        ),
    ),
    hints=(
        "The forward copies a row of the table to each place. What is copied is summed on the "
        "way back (lesson 03): each row gets the sum of dy over the places that took it. Rows "
        "that nobody took stay 0.",
        "The same for votes: each voter t has a candidate ids[t] and a weight dy[t]:\n\n"
        "    votes = np.zeros(n)\n"
        "    for t in range(len(ids)):\n"
        "        votes[____] += dy[____]\n\n"
        "np.add.at(votes, ids, dy) does the whole loop.",
    ),
    library=embedding,
    locked=(embedding,),
)

# ------------------------------------------------------------------------------------- 06.3


def loop_answer(model, optimizer, batches):
    losses = []
    for x, y in batches:
        # how wrong, and which way
        loss = model.loss(x, y)
        optimizer.zero_grad()
        loss.backward()
        # a step
        optimizer.step()
        losses.append(loss.item())
    return losses


def loop_unwritten(model, optimizer, batches):
    return []


class Line:
    """A model as small as can be, which is called as a GPT is: y = x . w, whose loss is the mean
    square of what it is off. Gradients add up until zero_grad()."""

    def __init__(self, w):
        self.w, self.grad = np.array(w, float), np.zeros(len(w))
        self.ways_back, self.steps = 0, 0  # how often a loss went back, and a step was made

    def loss(self, x, y):
        return Loss(self, np.asarray(x, float), np.asarray(y, float))

    def zero_grad(self):
        self.grad = np.zeros(len(self.w))


class Loss:
    """The loss of one batch, which knows its way back."""

    def __init__(self, model, x, y):
        self.model, self.x, self.off = model, x, x @ model.w - y

    def item(self):
        return float((self.off**2).mean())

    @property
    def data(self):
        return np.array(self.item())

    def numpy(self):
        return self.data

    def backward(self):
        self.model.ways_back += 1
        self.model.grad = self.model.grad + 2 * self.off @ self.x / len(self.off)


class Descent:
    """An optimizer: a step against the gradient that is there."""

    def __init__(self, model, lr):
        self.model, self.lr = model, lr

    def zero_grad(self):
        self.model.zero_grad()

    def step(self):
        self.model.steps += 1
        self.model.w = self.model.w - self.lr * self.model.grad


def trained(function, w, lr, batches) -> Outputs:
    model = Line(w)
    losses = function(model, Descent(model, lr), list(batches))
    if losses is None:
        return dict.fromkeys(("losses", "weights", "calls of backward", "calls of step"))
    if not isinstance(losses, list | tuple | np.ndarray):
        what = "the loss object itself" if isinstance(losses, Loss) else kind_of(losses)
        raise FormError(f"your function returned {what}, asked for is a list of numbers")
    if any(isinstance(v, Loss) for v in losses):
        raise FormError("your list holds the losses themselves, which keep the whole way back in "
                        "memory: loss.item() is the plain number")  # fmt: skip
    return {
        "losses": np.array(losses, float),
        "weights": model.w,
        "calls of backward": model.ways_back,
        "calls of step": model.steps,
    }


def _loop(*what, losses=lambda losses: losses):
    """A loop that does these, in this order: z(ero_grad), b(ackward), s(tep)."""

    def train(model, optimizer, batches):
        found = []
        for x, y in batches:
            loss = model.loss(x, y)
            for name in what:
                {"z": optimizer.zero_grad, "b": loss.backward, "s": optimizer.step}[name]()
            found.append(loss.item())
        return losses(found)

    return train


def zero_grad_forgotten(model, optimizer, batches):
    return _loop("b", "s")(model, optimizer, batches)


def step_forgotten(model, optimizer, batches):
    return _loop("z", "b")(model, optimizer, batches)


def backward_forgotten(model, optimizer, batches):
    return _loop("z", "s")(model, optimizer, batches)


def zeroed_before_the_step(model, optimizer, batches):
    return _loop("b", "z", "s")(model, optimizer, batches)


def zeroed_once(model, optimizer, batches):
    optimizer.zero_grad()
    return _loop("b", "s")(model, optimizer, batches)


def step_before_backward(model, optimizer, batches):
    return _loop("s", "z", "b")(model, optimizer, batches)


def step_before_backward_unzeroed(model, optimizer, batches):
    return _loop("s", "b")(model, optimizer, batches)


def backward_twice(model, optimizer, batches):
    return _loop("z", "b", "b", "s")(model, optimizer, batches)


def two_steps(model, optimizer, batches):
    return _loop("z", "b", "s", "s")(model, optimizer, batches)


def last_loss_alone(model, optimizer, batches):
    return loop_answer(model, optimizer, batches)[-1:]


def last_loss_as_a_number(model, optimizer, batches):
    return loop_answer(model, optimizer, batches)[-1]


def mean_loss(model, optimizer, batches):
    return [float(np.mean(loop_answer(model, optimizer, batches)))]


def first_batch_alone(model, optimizer, batches):
    return loop_answer(model, optimizer, batches[:1])


def first_batch_again(model, optimizer, batches):
    return loop_answer(model, optimizer, [batches[0]] * len(batches))


def measured_after_the_step(model, optimizer, batches):
    found = []
    for x, y in batches:
        loss = model.loss(x, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        found.append(model.loss(x, y).item())
    return found


def loss_objects(model, optimizer, batches):
    found = []
    for x, y in batches:
        loss = model.loss(x, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        found.append(loss)
    return found


def losses_added_up(model, optimizer, batches):
    return list(np.cumsum(loop_answer(model, optimizer, batches)))


def weights_trained_losses_forgotten(model, optimizer, batches):
    loop_answer(model, optimizer, batches)
    return []


def all_batches_then_one_step(model, optimizer, batches):
    optimizer.zero_grad()
    found = _loop("b")(model, optimizer, batches)
    optimizer.step()
    return found


def one_step_at_the_end(model, optimizer, batches):
    found = _loop("z", "b")(model, optimizer, batches)
    optimizer.step()
    return found


def every_second_batch(model, optimizer, batches):
    found = []
    for i, (x, y) in enumerate(batches):
        loss = model.loss(x, y)
        loss.backward()
        found.append(loss.item())
        if i % 2 == 1:
            optimizer.step()
            optimizer.zero_grad()
    return found


def ends_when_it_rises(model, optimizer, batches):
    found = []
    for x, y in batches:
        found += loop_answer(model, optimizer, [(x, y)])
        if len(found) > 1 and found[-1] > found[-2]:
            break
    return found


def _batches(seed, n, rows, D):
    """Of one decimal, to be read with `case`."""
    return tuple(
        (normal(seed + 2 * i, rows, D).round(1), normal(seed + 2 * i + 1, rows).round(1))
        for i in range(n)
    )


LOOP = Exercise(
    id="06.3",
    name="my_train",
    form="my_train(model, optimizer, batches) -> a list of the losses, a number for each batch",
    answer=loop_answer,
    observe=trained,
    inputs=("the weights", "the learning rate", "batches"),
    blank=loop_unwritten,
    blank_says="no losses, and nothing was learned: not written yet",
    cases=(
        Case(([0.5, -1.0, 0.3], 0.1, _batches(110, 4, 5, 3))),
        Case(([1.0, 2.0], 0.25, _batches(130, 6, 3, 2))),
        Case(([0.0, 0.0, 0.0, 1.0], 0.1, _batches(150, 1, 7, 4)), "a single batch"),
    ),
    wrongs=(
        Wrong(
            zero_grad_forgotten,
            "Right for the first batch. After that the gradients of all batches before are still "
            "there, and each step goes along their sum.",
            "Which line forgets the gradients of the step before?",
            (zeroed_once,),
        ),
        Wrong(
            step_forgotten,
            "The weights are as they were: nobody goes a step.",
            "backward() finds the slopes. Who goes along them?",
        ),
        Wrong(
            backward_forgotten,
            "The weights are as they were: there are no gradients to go along.",
            "Which line finds the slopes?",
        ),
        Wrong(
            zeroed_before_the_step,
            "You forget the gradients before the step uses them: the weights are as they were.",
            "Between which two lines must the gradients be there?",
        ),
        Wrong(
            step_before_backward,
            "You go the step before this batch has its gradients, so it goes along those of the "
            "batch before.",
            "Which comes first: finding the slopes, or going along them?",
            (step_before_backward_unzeroed,),
        ),
        Wrong(
            backward_twice,
            "You go back twice, and gradients add up: all are twice as large.",
            "How often is backward() called for each batch?",
        ),
        Wrong(
            two_steps,
            "You go two steps for each batch.",
            "How often is step() called for each batch?",
        ),
        Wrong(
            last_loss_alone,
            "The weights are right. You return the last loss alone.",
            "Where are the others kept?",
        ),
        Wrong(
            last_loss_as_a_number,
            "Your function returned a float, asked for is a list of numbers, one for each batch.",
            "Where are the losses of the batches before kept?",
        ),
        Wrong(
            mean_loss,
            "The weights are right. You return the mean of the losses.",
            "How many numbers are asked for?",
        ),
        Wrong(
            first_batch_alone,
            "Only the first batch is learned from.",
            "Does your `return` stand inside the loop?",
        ),
        Wrong(
            first_batch_again,
            "You learn from the first batch again and again.",
            "Which names does the loop give to each batch?",
        ),
        Wrong(
            measured_after_the_step,
            "The weights are right. Your losses are measured after each step, in a second forward.",
            "Which loss did backward() go back from?",
        ),
        Wrong(
            losses_added_up,
            "The weights are right. Your losses are added up.",
            "What is appended in each round?",
        ),
        Wrong(
            weights_trained_losses_forgotten,
            "The weights are right. Your list of losses is empty.",
            "Which method puts something at the end of a list, and where is it called?",
        ),
        Wrong(
            all_batches_then_one_step,
            "You go a single step at the end, along the gradients of all batches.",
            "How far is `optimizer.step()` indented?",
        ),
        Wrong(
            one_step_at_the_end,
            "You go a single step at the end, along the gradients of the last batch.",
            "How far is `optimizer.step()` indented?",
        ),
        Wrong(
            every_second_batch,
            "You go a step for every second batch only.",
            "How many steps are asked for?",
        ),
        Wrong(
            ends_when_it_rises,
            "You stop where a loss is higher than the one before. Batches differ: that says "
            "nothing about the whole.",
            "How many batches should be learned from?",
        ),
    ),
    hints=(
        "Begin at the end: a step needs gradients. Who finds them, from what, and what must not be "
        "left in them from the batch before? Forgetting may come first or last, but never between "
        "the two that it would part.",
        "The same with other names, for a boat that drifts:\n\n"
        "    for wind in winds:\n"
        "        error = boat.error(wind)\n"
        "        helm.forget()\n"
        "        error.find_slopes()\n"
        "        helm.____()\n"
        "        errors.append(error.____())",
    ),
)

EXERCISES = (WINDOWS, EMBEDDING, LOOP)
