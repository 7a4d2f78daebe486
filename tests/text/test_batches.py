"""Windows: every start reachable, targets one token later."""

import numpy as np
import pytest

from tinygpt.text import RandomBatches, window_batches


def starts_drawn(ids, block, n=200):
    batches = RandomBatches(ids, block, 8, seed=0)
    return {int(x[0]) for _ in range(n) for x in next(batches)[0]}


def test_every_start_is_reachable_and_no_other():
    """M9"""
    ids = np.arange(8)
    assert starts_drawn(ids, 4) == {0, 1, 2, 3}
    assert starts_drawn(np.arange(5), 4) == {0}


def test_targets_are_inputs_one_token_later():
    ids = np.arange(100, 150)
    x, y = next(RandomBatches(ids, 7, 5, seed=3))
    assert x.shape == y.shape == (5, 7)
    assert x.dtype == np.int64
    assert np.array_equal(y, x + 1)
    last = [x for x, _ in window_batches(np.arange(8), 4, 10)]
    assert last[0].tolist() == [[0, 1, 2, 3]]


def test_the_last_pair():
    ids = np.arange(8)
    batches = RandomBatches(ids, 4, 50, seed=0)
    x, y = next(batches)
    at = x[:, 0].tolist().index(3)
    assert (x[at].tolist(), y[at].tolist()) == ([3, 4, 5, 6], [4, 5, 6, 7])


@pytest.mark.parametrize("make", [RandomBatches, window_batches])
def test_a_text_shorter_than_a_window(make):
    with pytest.raises(ValueError, match=r"has 4 tokens, but one window needs 5"):
        make(np.arange(4), 4, 2)


def test_a_seed_repeats():
    ids = np.arange(1000)
    a, b, c = (next(RandomBatches(ids, 5, 4, seed=s))[0].tolist() for s in (1, 1, 2))
    assert a == b != c


def test_windows_side_by_side_cover_the_text_once():
    batches = window_batches(np.arange(23), 4, 2)
    assert [len(x) for x, _ in batches] == [2, 2, 1]  # the last batch is smaller
    assert [t for _, y in batches for row in y for t in row] == list(range(1, 21))


def test_a_limit_spreads_the_windows():
    batches = window_batches(np.arange(1001), 10, 3, limit=5)
    firsts = [int(row[0]) for x, _ in batches for row in x]
    assert len(firsts) == 5
    assert (firsts[0], firsts[-1]) == (0, 990)


def test_narrow_ids_do_not_wrap():
    ids = np.array([65535, 1, 65535], np.uint16)
    x, y = next(RandomBatches(ids, 2, 1))
    assert (x.tolist(), y.tolist()) == ([[65535, 1]], [[1, 65535]])
