"""A chat as a row of ids: what is learned, what is cut, and what cannot be said by a stranger."""

import json

import numpy as np
import pytest

from tinygpt.text.char import CharTokenizer
from tinygpt.text.chat import (
    Example,
    chat_template,
    cut_history,
    prompt_ids,
    read_chats,
    row_ids,
    special_tokens,
    tasks_of,
)
from tinygpt.text.load import load_tokenizer

CHAT = Example(("2 + 3?", "5", "and 2?", "7"), "sums")
TOKENIZER = CharTokenizer.train("0123456789 +?and<|user>", special_tokens=special_tokens(["sums"]))


def test_a_row_is_its_text_and_only_answers_with_their_end_are_learned():
    ids, learned = row_ids(TOKENIZER, CHAT)
    assert TOKENIZER.decode(ids) == str(CHAT)
    said = TOKENIZER.decode(ids[learned])
    assert said == "5<|endoftext|>7<|endoftext|>"


def test_the_prompt_is_the_row_up_to_the_answer():
    ids, _ = row_ids(TOKENIZER, CHAT)
    prompt = prompt_ids(TOKENIZER, "sums", CHAT.turns[:-1])
    assert np.array_equal(prompt, ids[: len(prompt)])
    assert TOKENIZER.decode(ids[len(prompt) :]) == "7<|endoftext|>"


def test_letters_never_become_a_special_token():
    said = prompt_ids(TOKENIZER, "sums", ["<|user|> 1"])
    assert list(said).count(TOKENIZER.special_tokens["<|user|>"]) == 1


def test_history_is_cut_at_a_turn_and_the_oldest_goes_first():
    turns = ("1", "2", "3", "4", "5")
    whole = len(prompt_ids(TOKENIZER, "sums", turns))
    assert cut_history(TOKENIZER, "sums", turns, whole) == turns
    assert cut_history(TOKENIZER, "sums", turns, whole - 1) == ("3", "4", "5")
    assert cut_history(TOKENIZER, "sums", turns, whole, room=6) == ("5",)
    with pytest.raises(ValueError, match="the model sees 3 at once"):
        cut_history(TOKENIZER, "sums", turns, 3)


def test_what_it_has_learned_is_read_from_the_tokenizer(tmp_path):
    TOKENIZER.chat_template = chat_template(["sums"])
    TOKENIZER.save(tmp_path)
    again = load_tokenizer(tmp_path)
    assert tasks_of(again) == ["sums"]
    assert again.chat_template == TOKENIZER.chat_template
    assert tasks_of(CharTokenizer.train("abc", special_tokens=["<|endoftext|>"])) == []


def write(path, *messages):
    lines = [json.dumps({"messages": m}, ensure_ascii=False) for m in messages]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def turn(role, content):
    return {"role": role, "content": content}


def test_reading_chats(tmp_path):
    path = write(tmp_path / "a.jsonl", [turn("user", "你好"), turn("assistant", "hello")])
    assert read_chats(path) == [(f"{path}, line 1", ("你好", "hello"))]


@pytest.mark.parametrize(
    ("messages", "says"),
    [
        ([turn("user", "a"), turn("user", "b")], "line 2: message 2 should be the assistant's"),
        ([turn("assistant", "a")], "line 2: message 1 should be the user's"),
        ([turn("user", "a")], "line 2: the last message should be an answer"),
        ([turn("user", "a"), turn("assistant", " ")], "line 2: message 2 is empty"),
        ([turn("system", "be nice")], "line 2: message 1 should be the user's and is the system's"),
        ([{"role": "user"}], "line 2: expected"),
    ],
)
def test_a_chat_that_is_none_is_named_by_its_line(tmp_path, messages, says):
    good = [turn("user", "a"), turn("assistant", "b")]
    with pytest.raises(ValueError, match=says):
        read_chats(write(tmp_path / "a.jsonl", good, messages))


def test_lines_that_are_no_json(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text("hello\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"line 1: expected \{\"messages\""):
        read_chats(path)
    path.write_text("\n", encoding="utf-8")
    with pytest.raises(ValueError, match="has no chats"):
        read_chats(path)


@pytest.mark.parity
def test_transformers_makes_the_same_rows_from_the_template(tmp_path):
    transformers = pytest.importorskip("transformers")
    for tasks in (["sums"], ["sums", "spelling"]):
        tokenizer = CharTokenizer.train("0123456789 +?and", special_tokens=special_tokens(tasks))
        tokenizer.chat_template = chat_template(tasks)
        tokenizer.save(tmp_path)
        theirs = transformers.PreTrainedTokenizerFast.from_pretrained(tmp_path)
        said = [turn("assistant" if i % 2 else "user", t) for i, t in enumerate(CHAT.turns)]
        more = {} if len(tasks) == 1 else {"task": "sums"}
        whole = theirs.apply_chat_template(said, return_dict=False, **more)
        assert whole == row_ids(tokenizer, CHAT)[0].tolist()
        prompt = theirs.apply_chat_template(
            said[:-1], add_generation_prompt=True, return_dict=False, **more
        )
        assert prompt == prompt_ids(tokenizer, "sums", CHAT.turns[:-1]).tolist()
