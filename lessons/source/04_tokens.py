# %% [markdown]
# # 04 Text to ids: what a model reads
#
# A model computes with numbers. So a text becomes a list of whole numbers first, its *ids*: one for each letter, one
# for each byte, or one for each piece that comes often. Which way needs the
# fewest ids, and can write everything?
#
# After this lesson you can
# 1. learn pieces from a text by *byte-pair encoding*, BPE (`my_merge`, `my_best_pair`),
# 2. cut any text into them (`my_encode`),
# 3. make text of ids again, whatever a model wrote (`my_decode`).
#
# *Time: 40 minutes for you, 9 seconds for the machine. Needs Python lists, tuples and dicts.*

# %%
import time

from tinygpt.lesson import case, check, hint, plots, predict, progress, reveal, show, use
from tinygpt.text import BPETokenizer, load_corpus
from tinygpt.text.bpe import learn_merges_plain

english, chinese = (load_corpus(name).train[:30_000] for name in ("stories", "stories-zh"))
sentence = "Mia is painting in the park."
learned = BPETokenizer.train(english, 400)
plots.tokens(
    {
        "characters": list(sentence),
        "BPE": [learned.decode([i]) for i in learned.encode(sentence)],
    },
    f"the same sentence: {len(sentence)} characters, or {len(learned.encode(sentence))} pieces that were "
    "learned from little stories. A common word is one piece, with the blank before it; a rarer one is "
    "made of several.",
)

# %% [markdown]
# ## Bytes
# A computer stores text as bytes, numbers from 0 to 255. The usual way is UTF-8: a letter of English is one byte,
# `é` two, a Chinese character three.
#
# In Python, `"text".encode("utf-8")` gives the bytes, and `list(...)` of them the numbers:

# %%
for text in ("in", "é", "猫"):
    print(text, list(text.encode("utf-8")))

# %%
# Guess: how many bytes are "猫 sat" ("cat" in Chinese, a blank, three letters)?
guess_1 = 7  ### SOLUTION
predict("04.P1", guess_1, "猫 sat")

# %% [markdown]
# Bytes alone are already ids, 0 to 255, and every text can be written. (With an id for each character there would be
# 150,000.) But the list is long, and a model has to learn that `t` `h` `e` belong together.
#
# ## Exercise 04.1: merge a pair
# BPE makes *one* new id of two that are often neighbours. The first free one is 256. By hand, with the pair (1, 2):
#
# $$5\;\;1\;\;2\;\;4\;\;1\;\;2 \quad\rightarrow\quad 5\;\;256\;\;4\;\;256$$
#
# Write `my_merge`: go from left to right. In 7 7 7, with the pair (7, 7), the first two become one; the third is
# left over. The list that you were given stays as it is. (Stuck? `hint("04.1")`, then again; `reveal("04.1")`.)


# %%
def my_merge(ids, pair, new):
    """every occurrence of pair (a, b) in ids becomes new, from left to right -> a new list"""
    ### ANSWER 04.1


check("04.1", my_merge)

# %% [markdown]
# ## Exercise 04.2: which pair?
# The commonest one. Write `my_best_pair(ids)`: count all pairs of neighbours, and return the pair that comes most
# often. Of several that are equally common take the **smallest**, as Python compares tuples: (1, 3) before (2, 0),
# (1, 3) before (1, 4). A rule is needed, so that everybody learns the same pieces from the same text.
#
# `zip(ids, ids[1:])` gives the pairs of neighbours. In 3 3 3 there are two of them.


# %%
def my_best_pair(ids):
    """the commonest pair of neighbours; of equally common ones the smallest -> (a, b)"""
    ### ANSWER 04.2


check("04.2", my_best_pair)

# %%
# Count, merge, repeat: that is all of the training. Two hundred times, on stories; here are the first
# pieces.
merge, best_pair = use("04.1"), use("04.2")


def learn(text, n):
    ids, merges = list(text.encode("utf-8")), []
    while len(merges) < n:
        merges.append(best_pair(ids))
        ids = merge(ids, merges[-1], 255 + len(merges))
    return merges, ids


start = time.perf_counter()
merges, ids = learn(english, 200)
pieces = {b: bytes([b]) for b in range(256)}  # id -> its bytes
for i, (a, b) in enumerate(merges):
    pieces[256 + i] = pieces[a] + pieces[b]
print("the first:", [pieces[256 + i].decode() for i in range(12)])
print("the longest:", sorted((pieces[256 + i].decode() for i in range(200)), key=len)[-5:])
print(f"{len(english):,} characters are now {len(ids):,} ids ({time.perf_counter() - start:.1f} s)")

# %% [markdown]
# Such a piece is called a *token*. It is **not a word**: it may be a part of one, or several with their blanks.
#
# ## Exercise 04.3: encode
# A new text must be cut as the old one was: make the same merges, in the same order.
#
# Say that b c was learned first, then a b. By hand: `a b c` becomes `a bc`. Whoever goes from left to right and takes
# what comes gets `ab c`: other ids, which the model has not seen there.
#
# Merge number 0 makes the id 256, number 1 makes 257, and so on, whether this text has the pair or not. `merge` is
# your function of 04.1 (or the library's): call it.


# %%
def my_encode(ids, merges):
    """ids: bytes as numbers; merges: pairs, in the order in which they were learned -> ids"""
    ### BEGIN SOLUTION
    # the merges in their order, each wherever it fits
    for i, pair in enumerate(merges):
        ids = merge(ids, pair, 256 + i)
    return list(ids)
    ### END SOLUTION


check("04.3", my_encode)

# %%
# The library, with your merges: are its ids yours? And your sentence in your pieces:
encode = use("04.3")
library = BPETokenizer(merges, pattern="none")  # "none": across the ends of words, as you do
text = "One day, Tom and Mia went to the river. 猫!"
print("the same ids:", encode(list(text.encode("utf-8")), merges) == library.encode(text))
print([pieces[i].decode(errors="replace") for i in encode(list(sentence.encode("utf-8")), merges)])

# %% [markdown]
# ## Exercise 04.4: decode
# A model writes ids. Write `my_decode(ids, pieces)`: the text. `pieces` is a dict from id to bytes.
#
# A token is a piece of *bytes*, and a character may be cut in two: the 3 bytes of 猫 may lie in two tokens. And a model
# may stop in the middle of a character. `some_bytes.decode("utf-8", errors="replace")` puts the sign � where bytes are
# no character, one for the beginning of a character that does not go on. `b"".join(...)` joins pieces of bytes.


# %%
def my_decode(ids, pieces):
    """ids and a dict from id to bytes -> the text"""
    ### ANSWER 04.4


check("04.4", my_decode)

decode = use("04.4")
ids = encode(list(text.encode("utf-8")), merges)
print(decode(ids, pieces), "|", decode(ids[:-2], pieces))
print("there and back:", decode(ids, pieces) == text)

# %%
# Your merges were learned from English stories. Guess: how many ids does a Chinese story take with them,
# for each character: 0.3, 1 or 3?
guess_2 = 3  ### SOLUTION


def ids_per_character(text, merges):
    return len(encode(list(text.encode("utf-8")), merges)) / len(text)


predict("04.P2", guess_2, ids_per_character, chinese[:4000], merges)

# %% [markdown]
# Those merges do not help Chinese at all. So 200 merges once more, learned from Chinese stories, and from both: each
# time from about 26,000 bytes, and counted on 4000 characters that were not among them.

# %%
both = {"English": english[-4000:], "Chinese": chinese[-4000:]}
ways = {
    "a character": dict.fromkeys(both, 1.0),
    "a byte": {name: len(t.encode("utf-8")) / len(t) for name, t in both.items()},
}
for name, learned_from in (
    ("BPE from English", english[:26_000]),
    ("BPE from Chinese", chinese[:9_000]),
    ("BPE from both", english[:13_000] + chinese[:4_500]),
):
    own, _ = learn(learned_from, 200)
    ways[name] = {language: ids_per_character(t, own) for language, t in both.items()}
plots.bars(
    ways,
    f"a byte for each id makes Chinese {ways['a byte']['Chinese']:.2f} ids per character. 200 merges "
    f"bring English to {ways['BPE from English']['English']:.2f}; learned from Chinese, they bring "
    f"Chinese to {ways['BPE from Chinese']['Chinese']:.2f}. Those of the other language help little or "
    "not at all; 200 merges from both must share.",
    y="ids per character",
    line=1.0,
)

# %% [markdown]
# **Two questions without code**
# 1. Why not one id for every word? Think of a word that came in no training text.
# 2. With more merges there are fewer ids in a text. What grows?
#
# <details><summary>Answers</summary>
#
# 1. There would be no id for it. From bytes every text can be made.
# 2. The table of scores, one for each id at each place (lesson 05), and ids become rare: each is seen less often.
#
# </details>
#
# **Next:** put `learn(learned_from, 400)` in the cell above: where do the bars go? Then lesson 05. What you did so
# far: `progress()`.

# %%
# The library's training, in its plain form: yours. One thing more: it cuts the text at the ends of words
# first, so that no piece goes across them. Here `pieces` counts how often each of these comes.
# The same quicker is in tinygpt/text/bpe_fast.py.
show(learn_merges_plain)
