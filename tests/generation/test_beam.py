"""Beam search against all texts there are."""

from itertools import product

import numpy as np
import pytest

from tests.models.test_gpt import small
from tinygpt import GPT, GPTConfig
from tinygpt.generation.beam import beam_search, log_softmax


def tiny(seed=5):
    config = GPTConfig(vocab_size=4, block_size=8, n_layer=1, n_head=1, n_embd=4, tie_weights=False)
    model = GPT(config)
    model.vector().data[...] += (
        np.random.default_rng(seed).standard_normal(model.vector().data.size).astype(np.float32)
    )
    return model


def score(model, prompt, text):
    """The mean log-probability of these tokens after the prompt."""
    log_p = log_softmax(model([*prompt, *text]).numpy()[0])
    return float(np.mean([log_p[len(prompt) - 1 + i, token] for i, token in enumerate(text)]))


def exhaustive(model, prompt, n, stop_ids=()):
    """The best of all texts of n tokens, and of all that end with a stop id before."""
    cut = set()
    for text in product(range(4), repeat=n):
        stops = [i for i, token in enumerate(text) if token in stop_ids]
        cut.add(text[: stops[0] + 1] if stops else text)
    return max(cut, key=lambda text: score(model, prompt, text))


@pytest.mark.parametrize("stop_ids", [(), (2,), (0, 3)])
@pytest.mark.parametrize("seed", range(4))
def test_a_beam_wide_enough_finds_the_best_of_all_texts(seed, stop_ids):
    model, prompt = tiny(seed), [1, 3]
    found = model.generate([prompt], 4, num_beams=64, stop_ids=stop_ids)[0].tolist()
    assert tuple(found[2:]) == exhaustive(model, prompt, 4, stop_ids)


@pytest.mark.parametrize("num_beams", [2, 3])
def test_a_narrow_beam_is_no_worse_than_greedy_here_and_the_same_without_cache(num_beams):
    better = 0
    for seed in range(8):
        model = tiny(seed)
        greedy = model.generate([[1]], 6, temperature=0)[0].tolist()[1:]
        a, b = (
            model.generate([[1]], 6, num_beams=num_beams, use_cache=use)[0].tolist()[1:]
            for use in (True, False)
        )
        assert a == b
        assert score(model, [1], a) >= score(model, [1], greedy) - 1e-9
        better += score(model, [1], a) > score(model, [1], greedy) + 1e-6
    assert better > 0


def test_what_greedy_does_not_see():
    """The example of beam.py."""
    after = {(): [0.5, 0.4, 0.1], (0,): [0.4, 0.3, 0.3], (1,): [0.9, 0.1, 0.0], (2,): [1, 0, 0]}

    def step(beams, rows):
        with np.errstate(divide="ignore"):
            return np.log([after[tuple(beam[1:].tolist())] for beam in beams])

    assert beam_search(step, np.array([7]), 2, num_beams=1).tolist() == [7, 0, 0]
    assert beam_search(step, np.array([7]), 2, num_beams=2).tolist() == [7, 1, 0]


def test_rows_are_searched_apart_and_the_shorter_repeats_its_stop_id():
    model = small()
    both = model.generate([[1, 2], [3, 4]], 5, num_beams=2, stop_ids=(6,))
    for row, prompt in zip(both.tolist(), ([1, 2], [3, 4]), strict=True):
        alone = model.generate([prompt], 5, num_beams=2, stop_ids=(6,))[0].tolist()
        assert row == alone + [alone[-1]] * (len(row) - len(alone))


def test_past_the_block():
    model = small()
    a, b = (
        model.generate([[3, 1]], 9, num_beams=3, use_cache=use).tolist() for use in (True, False)
    )
    assert a == b


def test_refusals():
    with pytest.raises(ValueError, match=r"num_beams >= 1 .*got 0"):
        small().generate([[1]], 3, num_beams=0)
    with pytest.raises(ValueError, match=r"draws nothing.*temperature, seed"):
        small().generate([[1]], 3, num_beams=2, temperature=0.5, seed=1)
