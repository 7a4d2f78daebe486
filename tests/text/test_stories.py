"""Stories: the entropy that is claimed is the one that the text has."""

import math

import numpy as np
import pytest

from tinygpt.text.grammar import Grammar
from tinygpt.text.stories import CHINESE, ENGLISH, stories

SMALL = Grammar(
    {
        "story": [(3, "\n{who=name} has {thing}. {who:1} sleeps."), (1, "\nNo {thing}.")],
        "name": [(1, "Mia|She"), (3, "Tom|He")],
        "thing": [(1, "a cat"), (1, "a cap"), (2, "bread")],
    }
)


def test_entropy_by_hand():
    """3/4 and 1/4 for the story, 1/4 and 3/4 for the name in the first, 1/4 1/4 1/2 for the thing;
    {who:1} is no choice."""
    quarter = -(0.25 * math.log(0.25) + 0.75 * math.log(0.75))
    thing = 1.5 * math.log(2)
    nats, length = SMALL.entropy()
    assert nats == pytest.approx(quarter + 0.75 * quarter + thing, rel=1e-12)
    pronoun = 0.25 * 3 + 0.75 * 2
    assert length == pytest.approx(0.75 * (1 + 3 + 5 + 5 + 2 + pronoun + 8) + 0.25 * (4 + 5 + 1))


def test_the_chance_of_each_byte_by_hand():
    nats = SMALL.nats_of_bytes(b"\nTom has a cap. He sleeps.\nNo")
    chances = dict(enumerate(np.exp(-nats)))
    surprising = {i: p for i, p in chances.items() if p < 1 - 1e-12}
    expected = {1: 0.75 * 0.75, 9: 0.5, 13: 0.5, 27: 0.25}  # T, a (not bread), p (not t), N
    assert surprising == pytest.approx(expected)


def test_a_text_that_no_story_is():
    with pytest.raises(ValueError, match=r"cannot have written b'.*Tom has a cap\. S'"):
        SMALL.nats_of_bytes(b"\nTom has a cap. She sleeps.")


@pytest.mark.parametrize("text", ["{nothing}", "{a=nothing} {a}"])
def test_a_rule_that_is_not_there(text):
    with pytest.raises(ValueError, match="there is no rule 'nothing'"):
        Grammar({"story": [(1, text)]})


@pytest.mark.parametrize("grammar", [ENGLISH, CHINESE, SMALL])
def test_a_long_sample_has_the_entropy_that_is_claimed(grammar):
    """The information of 5 000 stories, and their length, within four standard errors; and the
    chances of the bytes of 200 stories multiply to the chances of the choices made in them, so no
    story can be written in two ways."""
    rng = np.random.default_rng(1)
    sample = [grammar.write(rng) for _ in range(5000)]
    measured = np.array([(nats, len(text.encode())) for text, nats in sample])
    error = measured.std(axis=0) / math.sqrt(len(sample))
    assert (np.abs(measured.mean(axis=0) - grammar.entropy()) < 4 * error).all()
    texts = [text.encode() for text, _ in sample[:200]]
    nats = grammar.nats_of_bytes(b"".join(texts))
    starts = np.cumsum([0, *map(len, texts)])[:-1]
    np.testing.assert_allclose(np.add.reduceat(nats, starts), measured[:200, 0], rtol=1e-9)


@pytest.mark.parametrize("grammar", [ENGLISH, CHINESE])
def test_stories_are_the_same_for_everybody_and_rarely_twice(grammar):
    some = stories(grammar, 500)
    assert some == stories(grammar, 500)
    assert some != stories(grammar, 500, seed=1)
    assert len(set(some)) > 495
    assert all(story.startswith("\n") and story.count("\n") == 1 for story in some)
    assert not any(c in "".join(some) for c in "{}|=")
