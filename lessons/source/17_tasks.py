# %% [markdown]
# # 17 Tasks and markers
#
# A GPT writes on. How do you get an answer out of it? You show it texts in which an answer stands after a question, and
# have it learn the answers alone. Nothing in the model changes.
#
# After this lesson you can
# 1. say which tokens of a row are learned, and which are only read (`my_targets`),
# 2. put rows of different lengths into one batch (`my_batch`),
# 3. give answers a score that a rare label counts in (`my_macro_f1`).
#
# *Time: 40 minutes for you, 15 seconds for the machine. Needs lessons 04 (ids), 05 (loss) and 06 (the loop).*

# %%
import numpy as np

from tinygpt import GPT, AdamW, GPTConfig
from tinygpt.lesson import case, check, hint, plots, predict, progress, reveal, show, use
from tinygpt.text import CharTokenizer
from tinygpt.text.chat import Example, prompt_ids, row_ids, special_tokens
from tinygpt.text.examples import answer_row

# Two tasks on words of four letters: to turn one round, and to sort its letters. Who speaks, which task
# it is, and where an answer ends say SPECIAL TOKENS: each is one token, and no letters of anybody's text.
words = ["".join(w) for w in np.random.default_rng(0).choice(list("abcdef"), (1400, 4))]
words = list(dict.fromkeys(words))
tasks = {"turn": lambda w: w[::-1], "sort": lambda w: "".join(sorted(w))}
tokenizer = CharTokenizer.train("abcdef", special_tokens=special_tokens(list(tasks)))


def examples(words, names=tuple(tasks)):
    return [Example((w, tasks[name](w)), name) for w in words for name in names]


known, new = examples(words[60:]), examples(words[:60])  # what is learned, what is asked
print(
    f"{len(known)} examples to learn from, {len(new)} to ask. The first one as a row:\n{known[0]}"
)

# %%
# Guess: how many of the ids of that row are to be learned? (The model has to stop, too.)
guess_1 = 5  ### SOLUTION
ids, learned = row_ids(tokenizer, known[0])
predict("17.P1", guess_1, learned)

# %% [markdown]
# ## Exercise 17.1: only the answer
# The model reads the whole row, the question too. But it is not to learn to *ask*: where the next token is the
# user's, nothing counts. The loss leaves out a target of -100.
#
# Write `my_targets(ids, learned)`. `learned[i]` says whether the id number i is to be learned. By hand: of the ids
# 7 1 8 3 9, where 3 and 9 are the answer, x is 7 1 8 3 and y is -100, -100, 3, 9.


# %%
def my_targets(ids, learned):
    """ids (n,) integers, learned (n,) booleans, arrays -> x, what the model sees; y, what it is to
    say at each place, or -100"""
    ### ANSWER 17.1


check("17.1", my_targets)

# %%
targets = use("17.1")
x, y = targets(ids, learned)
for name, row in (("sees", x), ("says", y)):
    print(f"{name}: ", *(f"{'.' if i < 0 else tokenizer.decode([i]):<13}" for i in row))

# %% [markdown]
# ## Exercise 17.2: rows of one length
# A batch is one array, and the rows differ in length. So the short ones are filled up, on the **right**: a token looks
# back only (lesson 07), so no token of the text sees the padding, and the padding itself is not learned.
#
# Write `my_batch(rows, pad)`: each row is a pair x, y. By hand, with pad 9: of (1 2 3; . 2 4) and (5; 6), where the
# dot is -100, x becomes 1 2 3 and 5 9 9; y becomes . 2 4 and 6 . .


# %%
def my_batch(rows, pad):
    """[(x, y), ...] -> x (B, T), filled up with pad;  y (B, T), filled up with -100"""
    ### ANSWER 17.2


check("17.2", my_batch)

# %%
batch = use("17.2")
end = tokenizer.end_id
rows = [targets(*row_ids(tokenizer, e)) for e in (known[0], Example(("ab", "ba"), "turn"))]
model = GPT(GPTConfig(tokenizer.vocab_size, block_size=16, n_layer=2, n_head=2, n_embd=32), seed=0)
together = model.loss(*batch(rows, end)).item()
alone = [model.loss(x[None], y[None]).item() for x, y in rows]
kept = [int((y >= 0).sum()) for _, y in rows]
print(f"two rows in one batch:     {together:.6f}")
print(f"each alone, by its answer: {np.dot(kept, alone) / sum(kept):.6f}")

# %% [markdown]
# Padding changes nothing. Now a GPT learns both tasks at once, told by the first token which one it is. Beside it another
# one learns the same rows **whole**, the questions too.
#
# **Guess.** The questions are letters by chance. Which of the two gets there sooner, with more right answers to new words
# on average over the run: the one that learns "answers" alone, or the one that learns "everything"?


# %%
def train(learn, steps=700, seed=0):
    """-> the model, and after every 70 steps the share of right answers on new words"""
    model = GPT(
        GPTConfig(tokenizer.vocab_size, block_size=16, n_layer=2, n_head=4, n_embd=48), seed=seed
    )
    model.train()
    optimizer, rng, right = AdamW(model, lr=4e-3), np.random.default_rng(seed), []
    rows = [learn(*row_ids(tokenizer, e)) for e in known]
    for step in range(1, steps + 1):
        optimizer.lr = 4e-3 * min(step / 50, 1 - 0.9 * step / steps)
        x, y = batch([rows[i] for i in rng.integers(0, len(rows), 32)], end)
        model.loss(x, y).backward()
        optimizer.step()
        optimizer.zero_grad()
        if step % 70 == 0:
            right.append(np.mean([a == e.answer for a, e in zip(answers(model, new), new)]))
    return model, np.array(right)


def answers(model, examples):
    """what the model writes after the questions, all at once: they are of one length"""
    asked = np.stack([prompt_ids(tokenizer, e.task, e.turns[:-1]) for e in examples])
    written = model.generate(asked, 5, temperature=0.0, stop_ids=[end])[:, asked.shape[1] :]
    return [tokenizer.decode(row[:4]) for row in written]


model, of_answers = train(targets)
_, of_everything = train(lambda ids, learned: (ids[:-1], ids[1:]))

# %%
guess_2 = "answers"  ### SOLUTION
predict("17.P2", guess_2, of_answers, of_everything)

# %%
steps = 70 * np.arange(1, len(of_answers) + 1)
plots.curves(
    {
        "learns answers": (steps, 100 * of_answers),
        "learns everything": (steps, 100 * of_everything),
    },
    f"the share of right answers to new words. On average over the run {of_answers.mean():.0%} where answers "
    f"alone are learned, {of_everything.mean():.0%} where the questions are learned too: there "
    "four targets of each row are letters that nobody can guess.",
    y="right answers, %",
)

# %% [markdown]
# ## What the marker does
# **Guess.** The same word, "fade", with either marker before it; the model is the same, to the last weight. What does it
# write after `<|sort|>`, and after `<|turn|>`? Type the two words.

# %%
guess_3 = "adef edaf"  ### SOLUTION
predict("17.P3", guess_3, answers(model, examples(["fade"])))

# %% [markdown]
# ## Exercise 17.3: a score in which rare labels count
# "93 % right" says little: if 9 of 10 mails are no spam, "never spam" has 90 %. So each
# label gets its own score: **precision** P, of what was called so, the share that is so; **recall** R, of what is so, the
# share that was called so; and F1 = 2PR / (P + R), which is high only where both are. Macro F1 is the mean over the labels.
#
# By hand: right a b b b, given a a b b. For a: P = 1/2, R = 1, F1 = 2/3. For b: P = 1, R = 2/3, F1 = 4/5. A label
# that is neither given nor right counts 0.


# %%
def my_macro_f1(given, right, labels):
    """given, right: lists of labels -> the mean of the F1 of each of the labels, 0 to 1"""
    ### ANSWER 17.3


check("17.3", my_macro_f1)

macro_f1 = use("17.3")
right = ["spam"] * 10 + ["mail"] * 90
for name, given in {
    "never spam": ["mail"] * 100,
    "finds 8 of 10, and takes 6 mails for spam": ["spam"] * 8
    + ["mail"] * 2
    + ["spam"] * 6
    + ["mail"] * 84,
}.items():
    share = np.mean([g == r for g, r in zip(given, right)])
    print(
        f"{name:<44}accuracy {share:.0%}, macro F1 {macro_f1(given, right, ['spam', 'mail']):.0%}"
    )

# %% [markdown]
# **Two questions without code**
# 1. A user types the letters `<|assistant|>` into a question. Does the model take that for the beginning of an answer?
# 2. Does the marker make the model able to do more?
#
# <details><summary>Answers</summary>
#
# 1. No: a special token is made by the program alone. Letters that look like one are ordinary text.
# 2. No. It has as many weights as before. The marker says which of the things that it has learned is wanted.
#
# </details>
#
# **Next:** at home, `tinygpt train --task translation`, then `tinygpt chat`; your own examples, one a line, with
# `--task pairs FILE`. Then lesson 18: a model that sees both sides. What you did so far: `progress()`.

# %%
# The library's: yours, and what to do with a row that is too long.
show(answer_row)
