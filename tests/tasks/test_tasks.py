"""Tasks: nothing leaks, the rules are right, and what they print as a score is that."""

import calendar
import re

import numpy as np
import pytest

from tinygpt.tasks import FROM_A_FILE, TASKS, make_task, metrics
from tinygpt.tasks.corpus import settings_of, task_corpus
from tinygpt.tasks.dialogue import ROLES, SKILLS
from tinygpt.tasks.package import PACKAGES, files
from tinygpt.tasks.running import tokenizer_of
from tinygpt.tasks.translation import DIGITS, SMALL, TENS, chinese, english
from tinygpt.text.chat import row_ids
from tinygpt.text.corpora import TASK_NAMES, DataArguments


@pytest.fixture(scope="module")
def parts():
    return {name: task().examples() for name, task in TASKS.items()}


@pytest.mark.parametrize("name", TASKS)
def test_nothing_of_the_test_is_trained_on(parts, name):
    train, validation, test = parts[name]
    asked = {e.turns[:n] for e in train for n in range(1, len(e.turns), 2)}
    held_out = [e.turns[:-1] for e in [*validation, *test]]
    assert not asked & set(held_out)
    assert len({e.turns[:-1] for e in validation} & {e.turns[:-1] for e in test}) <= 0.2 * len(test)
    assert min(len(train), len(validation), len(test)) >= 200


@pytest.mark.parametrize("name", TASKS)
def test_examples_are_the_same_at_every_call(parts, name):
    assert TASKS[name]().examples() == parts[name]


@pytest.mark.parametrize("name", TASKS)
def test_a_right_answer_scores_100_and_a_wrong_one_0(parts, name):
    task, test = TASKS[name](), parts[name].test
    right = [e.answer for e in test]
    assert next(iter(task.score(right, test).values())) == 100
    assert next(iter(task.score(["#"] * len(test), test).values())) == 0


@pytest.mark.parametrize("name", TASKS)
def test_the_baseline_answers_everything_and_is_far_from_right(parts, name, monkeypatch):
    monkeypatch.setattr("tinygpt.tasks.task.linear_classifier", lambda train, test: None)
    how, answers = TASKS[name]().baseline(parts[name].train, parts[name].test)
    assert how
    score = TASKS[name]().score(answers, parts[name].test)
    assert 0 < next(iter(score.values())) < 70


# ------------------------------------------------------------------------------- translation


def read_chinese(words):
    """The number that Chinese words say, read from their units: written without a look at how
    they are made."""
    total = section = digit = 0
    for c in words:
        if c in DIGITS:
            digit = DIGITS.index(c)
        elif c == "万":
            total, section, digit = (section + digit) * 10_000, 0, 0
        else:
            unit = {"十": 10, "百": 100, "千": 1000}[c]
            section, digit = section + (digit or 1) * unit, 0
    return total + section + digit


def read_english(words):
    total = part = 0
    for word in words.replace("-", " ").split():
        if word == "thousand":
            total, part = part * 1000, 0
        elif word == "hundred":
            part *= 100
        else:
            part += SMALL.index(word) if word in SMALL else 20 + 10 * TENS.index(word)
    return total + part


def test_number_words_say_their_number():
    some = np.random.default_rng(0).integers(0, 1_000_000, 3000)
    for n in [*range(2000), *map(int, some), 10_000, 100_000, 999_999]:
        assert read_chinese(chinese(n)) == n
        assert read_english(english(n)) == n


@pytest.mark.parametrize(
    ("n", "words"),
    [
        (0, "零"), (10, "十"), (12, "十二"), (20, "二十"), (101, "一百零一"),
        (110, "一百一十"), (112, "一百一十二"), (1001, "一千零一"), (1010, "一千零一十"),
        (1100, "一千一百"), (3005, "三千零五"), (10_000, "一万"), (10_001, "一万零一"),
        (10_100, "一万零一百"), (11_000, "一万一千"), (100_000, "十万"), (120_010, "十二万零一十"),
        (101_010, "十万一千零一十"), (110_000, "十一万"), (999_999, "九十九万九千九百九十九"),
    ],
)  # fmt: skip
def test_chinese_numbers_as_they_are_said(n, words):
    assert chinese(n) == words


def test_english_numbers_as_they_are_said():
    assert english(70_377) == "seventy thousand three hundred seventy-seven"
    assert (english(0), english(13), english(40), english(100)) == (
        "zero", "thirteen", "forty", "one hundred",
    )  # fmt: skip


# ----------------------------------------------------------------------- dialogue, questions


def test_the_assistant_is_right(parts):
    """Every answer, judged from the words of the chat alone."""
    days, months = list(calendar.day_name), list(calendar.month_name)[1:]
    days_zh, months_zh = [f"星期{c}" for c in "一二三四五六日"], [f"{n}月" for n in range(1, 13)]
    judged = dict.fromkeys(SKILLS, 0)
    for e in parts["dialogue"].test:
        said, answer, told = e.turns[-2], e.answer, " ".join(e.turns)
        if found := re.fullmatch(r"What is (\d+) \+ (\d+)\?|(\d+)加(\d+)是多少？", said):
            assert int(answer) == sum(int(n) for n in found.groups() if n)
            skill = "sums"
        elif found := re.fullmatch(r"Name the (day|month)(s?) after (.+)\.", said):
            names = days if found[1] == "day" else months
            there = [names.index(name) for name in found[3].split(", ")]
            assert answer == ", ".join(names[(i + 1) % len(names)] for i in there)
            assert bool(found[2]) == (len(there) > 1)
            skill = "calendar"
        elif found := re.fullmatch(r"(.+)的后一(天|个月)是什么？", said):
            names = days_zh if found[2] == "天" else months_zh
            there = [names.index(name) for name in found[1].split("、")]
            assert answer == "、".join(names[(i + 1) % len(names)] for i in there)
            skill = "calendar"
        elif found := re.fullmatch(r"Spell (\w+)\.", said):
            assert answer == "-".join(found[1])
            skill = "spelling"
        elif found := re.fullmatch(r"把(\w+)倒过来写。", said):
            assert answer == "".join(reversed(found[1]))
            skill = "spelling"
        elif found := re.fullmatch(r"Who is my (\w+)\?", said):
            assert f"My {found[1]} is {answer}." in told and found[1] in ROLES
            skill = "who is who"
        else:
            found = re.fullmatch(r"我的(\w+)是谁？", said)
            assert found and f"我的{found[1]}是{answer}。" in told and found[1] in ROLES.values()
            skill = "who is who"
        judged[skill] += 1
    assert judged == {skill: len(parts["dialogue"].test) / 4 for skill in SKILLS}


def test_the_answer_to_a_question_stands_in_the_story(parts):
    for e in parts["questions"].test:
        assert e.answer in e.turns[0].rpartition(". ")[0]


def test_no_pair_of_stories_of_the_test_is_trained_on(parts):
    train, *held_out = ({e.turns[0].rpartition(". ")[0] for e in p} for p in parts["questions"])
    assert len(train) > 20_000 and not any(train & texts for texts in held_out)


def test_files_of_a_package_are_in_one_part():
    names = [{source for _, source in files(p)} for p in ("train", "validation", "test")]
    assert not names[0] & names[1] and not names[0] & names[2] and not names[1] & names[2]
    assert {package for package, _ in files("test")} == set(PACKAGES)


# --------------------------------------------------------------------------------- metrics


def test_overlap_f1_by_hand():
    assert metrics.overlap_f1(["a grey cat"], ["the grey cat"]) == pytest.approx(100 * 2 / 3)
    assert metrics.overlap_f1(["Mia", ""], ["mia!", ""]) == 100
    assert metrics.overlap_f1(["天地"], ["天人"]) == 50
    assert metrics.overlap_f1(["x"], [""]) == 0


def test_macro_f1_and_confusion_against_scikit_learn():
    sklearn = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(0)
    labels = ["a", "b", "c", "d"]
    right = [labels[i] for i in rng.choice(4, 60, p=[0.6, 0.2, 0.15, 0.05])]
    given = [g if rng.random() < 0.6 else labels[rng.integers(3)] for g in right]
    theirs = sklearn.f1_score(right, given, labels=labels, average="macro", zero_division=0)
    assert metrics.macro_f1(given, right, labels) == pytest.approx(100 * theirs)
    matrix = sklearn.confusion_matrix(right, given, labels=labels)
    assert np.array_equal(metrics.confusion(given, right, labels)[:, :-1], matrix)


def test_macro_f1_by_hand():
    given, right = ["a", "a", "b", "?"], ["a", "b", "b", "b"]
    a, b = 2 * 1 / (2 + 1), 2 * 1 / (1 + 3)
    assert metrics.macro_f1(given, right, ["a", "b"]) == pytest.approx(50 * (a + b))
    assert metrics.confusion(given, right, ["a", "b"]).tolist() == [[1, 0, 0], [1, 1, 1]]


def test_bleu_and_chrf_of_equal_texts():
    pytest.importorskip("sacrebleu")
    text = ["the cat sat on the mat", "and then it slept"]
    assert metrics.bleu_and_chrf(text, text) == {"BLEU": pytest.approx(100), "chrF": 100}
    assert metrics.bleu_and_chrf(["x"], ["三千零五"])["BLEU"] == 0


# -------------------------------------------------------------------------------- own files


def lines(path, *rows):
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return str(path)


def test_pairs_are_divided_by_prompt(tmp_path):
    rows = [f"{i % 30}\t{i}" for i in range(90)]
    parts = make_task("pairs", lines(tmp_path / "a.tsv", *rows)).examples()
    prompts = [{e.turns[0] for e in part} for part in parts]
    assert not prompts[0] & (prompts[1] | prompts[2]) and not prompts[1] & prompts[2]
    assert [len(p) for p in parts] == [72, 9, 9]
    assert parts.train[0].where.startswith(str(tmp_path))


def test_escapes_and_the_three_columns(tmp_path):
    (e,) = make_task("pairs", lines(tmp_path / "a", r"a\tb\n\\c" + "\t1"), held_out=0).all
    assert e.turns == ("a\tb\n\\c", "1")
    (e,) = make_task("questions", lines(tmp_path / "b", "It rains.\tWhat?\train")).all
    assert e.turns == ("It rains. What?", "rain")


@pytest.mark.parametrize(
    ("task", "rows", "says"),
    [
        ("pairs", ["a\tb", "a"], r"line 2: expected 2 columns .*prompt, answer.* got 1"),
        ("questions", ["a\tb"], r"line 1: expected 3 columns .*text, question, answer.* got 2"),
        ("pairs", ["a\t "], "line 1: the answer is empty"),
        ("pairs", [""], "has no examples"),
        ("labels", ["x\ta", "x\tb"], "every line has the label 'x'"),
        ("pairs", ["a\tb"], "too few to hold 0.1 of them out twice"),
    ],
)
def test_a_wrong_file_is_said_with_its_line(tmp_path, task, rows, says):
    with pytest.raises(ValueError, match=says):
        make_task(task, lines(tmp_path / "a.tsv", *rows)).examples()


def test_a_label_that_only_held_out_lines_have(tmp_path):
    path = tmp_path / "a.tsv"
    for n in range(40):  # wherever the odd line is held out, it is said
        changed = [f"{'y' if i == n else 'x'}\t{i}" for i in range(40)]
        task = make_task("labels", lines(path, *changed))
        try:
            train = {e.answer for e in task.examples().train}
            assert "y" in train
        except ValueError as error:
            assert f"line {n + 1}: the label 'y' occurs in held-out lines alone" in str(error)
            break
    else:
        pytest.fail("no line was held out")


def test_gbk_is_named_with_its_offset(tmp_path):
    path = tmp_path / "a.tsv"
    path.write_bytes("天气\t好\n".encode("gbk") * 20)
    with pytest.raises(ValueError, match=r"is not UTF-8 text.*--encoding.*gb18030"):
        make_task("pairs", str(path))
    assert make_task("pairs", str(path), "gbk").all[0].turns == ("天气", "好")


def test_names_of_tasks_are_those_that_the_settings_know(tmp_path):
    assert set(TASK_NAMES) == {*TASKS, *FROM_A_FILE, "all"}
    for name in TASK_NAMES:
        assert settings_of(name, name in ("pairs", "labels"))["max_steps"]
    with pytest.raises(ValueError, match="needs a file"):
        make_task("pairs")
    with pytest.raises(ValueError, match="there is no file"):
        make_task("pairs", str(tmp_path / "no"))
    with pytest.raises(ValueError, match="makes its own examples"):
        make_task("package", str(tmp_path))
    with pytest.raises(ValueError, match="expected one of"):
        make_task("poetry")


def test_all_tasks_in_one_have_a_marker_each_and_equal_shares():
    corpus = task_corpus(DataArguments(corpus="", task="all"))
    assert corpus.tasks == tuple(TASKS)
    counts = [sum(e.task == name for e in corpus.examples.train) for name in TASKS]
    assert len(set(counts)) == 1
    with pytest.raises(ValueError, match="--head chooses among a few labels"):
        task_corpus(DataArguments(corpus="", task="translation", head=True))


@pytest.mark.parametrize("name", [*TASKS, "all"])
def test_every_example_fits_the_block_of_its_settings(name):
    """With the tokenizer of its own settings: else a run would end before it begins."""
    corpus, settings = task_corpus(DataArguments(corpus="", task=name)), settings_of(name, False)
    tokenizer = tokenizer_of(corpus, settings)
    longest = max(len(row_ids(tokenizer, e)[0]) for part in corpus.examples for e in part)
    assert longest <= settings["block_size"] + 1
    assert tokenizer.vocab_size == settings["vocab_size"]  # there are pairs for all of them
