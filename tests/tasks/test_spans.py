"""Answers marked in a text: begin and end are its own, and a trained BERT finds them."""

import numpy as np
import pytest

from tinygpt import AdamW
from tinygpt.tasks.questions import Questions
from tinygpt.tasks.spans import (
    SPECIAL,
    find_span,
    marked_answers,
    single_questions,
    span_batches,
    span_model,
    span_rows,
)
from tinygpt.text.bpe_tokenizer import BPETokenizer
from tinygpt.text.chat import Example

TEXT = "Mia went to the old mill with a grey cat. 小明在公园。 Where was Mia?"
TOKENIZER = BPETokenizer.train(TEXT * 20, 300, SPECIAL, pattern="single")


@pytest.mark.parametrize("answer", ["Mia", "old mill", "a grey cat", "小明", "公园"])
def test_begin_and_end_are_those_of_the_answer(answer):
    ids, first, last = find_span(TOKENIZER, TEXT, answer)
    assert TOKENIZER.decode(ids[first : last + 1]).removeprefix(" ") == answer
    assert TOKENIZER.decode(ids) == f"<|cls|>{TEXT}<|sep|>"


def test_an_answer_that_is_not_there():
    with pytest.raises(ValueError, match="does not stand in the text"):
        find_span(TOKENIZER, TEXT, "Tom")


def test_every_answer_of_the_task_can_be_marked():
    parts = Questions().examples()
    examples = single_questions(parts.train[:50]) + single_questions(parts.test[:100])
    asked = [e.turns[0].rpartition(". ")[2] for e in examples]
    told = [a for a in asked if a.startswith("Tell the ") or a == "Who was where?"]
    assert len(asked) - len(told) == 50 * 2 + 100  # none of the questions is left out
    text = "".join(e.turns[0] for e in examples)
    tokenizer = BPETokenizer.train(text, 448, SPECIAL, pattern="single")
    x, y = span_rows(tokenizer, examples)
    for ids, (first, last), e in zip(x, y, examples, strict=True):
        assert tokenizer.decode(ids[first : last + 1]).removeprefix(" ") == e.answer


def test_it_learns_to_mark():
    """Three consonants and a vowel: where does the vowel stand?"""
    rng, examples = np.random.default_rng(0), []
    for _ in range(300):
        vowel, place = str(rng.choice(list("aeiou"))), int(rng.integers(4))
        letters = [str(c) for c in rng.permutation(list("bcdfg"))[:3]]
        examples.append(
            Example((" ".join([*letters[:place], vowel, *letters[place:]]), vowel), "t")
        )
    text = "".join(e.turns[0] for e in examples)
    tokenizer = BPETokenizer.train(text, 259, SPECIAL, pattern="single")
    x, y = span_rows(tokenizer, examples)
    model = span_model(tokenizer, x.shape[1], seed=0).train()
    optimizer, batches = AdamW(model, lr=5e-4), span_batches(x[50:], y[50:], pad=256, seed=0)
    for _ in range(120):
        model.loss(*next(batches)).backward()
        optimizer.step()
        optimizer.zero_grad()
    model.eval()
    answers = marked_answers(model, tokenizer, examples[:50])
    assert np.mean([a == e.answer for a, e in zip(answers, examples[:50], strict=True)]) > 0.9
