# %% [markdown]
# # 20 The wrong article
#
# A much-read article explains GPT, in Chinese, "from entry to mastery". Much of it is wrong, and its program does not run.
# Such mistakes look right. Here each one is **run**: what it does, measured, and below it what holds instead.
#
# After this lesson you can
# 1. repair a training loop that has six faults (`my_repaired`),
# 2. hide the future so that nothing gets through (`my_hidden`),
# 3. ask of a claim: what would have to come out, if it were true?
#
# *Time: 50 minutes for you, 20 seconds for the machine. Needs lessons 05 (loss), 06 (the loop), 07 (attention), 13 (the step), 14 (dropout), 17 (rows) and 18 (BERT).*

# %%
import contextlib
import io
import pickle
import warnings

import numpy as np

from tinygpt import (
    GPT,
    SGD,
    Adam,
    AdamW,
    GPTConfig,
    Module,
    Parameter,
    Tensor,
    clip_grad_norm,
    no_grad,
)
from tinygpt.files import map_arrays
from tinygpt.generation.writing import generate_text
from tinygpt.lesson import case, check, hint, plots, predict, progress, reveal, show, use
from tinygpt.lesson.article import mended, mistake
from tinygpt.models.bert import BERT, BertConfig
from tinygpt.models.growing import grown
from tinygpt.models.pretrained import SHIPPED
from tinygpt.nn import Dropout, attention, cross_entropy, dropout
from tinygpt.nn.attention import attention_weights
from tinygpt.nn.block import Block
from tinygpt.nn.dropout_mask import make_key
from tinygpt.text import ByteTokenizer, load_tokenizer
from tinygpt.text.masking import masked
from tinygpt.text.wordpiece import WordPieceTokenizer
from tinygpt.training import TrainingArguments
from tinygpt.training.adversarial import loss_from, random_move, worst_move
from tinygpt.training.trainer import train_plain

rng = np.random.default_rng(0)


class Point(Module):
    """a model of one number"""

    def __init__(self, w):
        self.w = Parameter(np.array([w]))


def letters(model, steps, shifted=True, max_norm=1e9):
    """trains on "abcdefgh" over and over; the last loss"""
    optimizer = AdamW(model, lr=1e-2)
    for step in range(steps):
        at = np.random.default_rng(step).integers(0, 300, 8)[:, None] + np.arange(9)
        x, y = ids[at[:, :-1]], ids[at[:, 1:] if shifted else at[:, :-1]]
        loss = model.train().loss(x, y)
        model.zero_grad()
        loss.backward()
        clip_grad_norm(model, max_norm)
        optimizer.step()
    model.eval()
    return loss.item()


ids = np.arange(400) % 8
small = {"block_size": 8, "n_layer": 1, "n_head": 2, "n_embd": 16}

# %% [markdown]
# ## What a GPT is
# (The numbers are those of a list of all 62 claims. Those that cannot be run, such as a name that does not exist, are left out.)

# %%
# Row 6. Positions are said to let the text be long. They give ORDER: what happens without them?
x = rng.standard_normal((1, 1, 6, 4))  # six tokens, one head
mixed = rng.permutation(6)
moved = np.abs(
    attention(x[:, :, mixed], x[:, :, mixed], x[:, :, mixed], causal=False).numpy()
    - attention(x, x, x, causal=False).numpy()[:, :, mixed]
).max()
mistake(
    6,
    "solves long output",
    f"without mask and positions six tokens get the same results in any order, to {moved:.0e}",
    moved < 1e-12,
)

# %%
position = rng.standard_normal((1, 1, 6, 4))
a, b = x + position, x[:, :, mixed] + position
differs = np.abs(
    attention(b, b, b, causal=False).numpy() - attention(a, a, a, causal=False).numpy()[:, :, mixed]
).max()
mended(6, f"with positions added the order matters: results differ by {differs:.2f}", differs > 0.1)


# %%
# Row 2. Attention is named, and neither residuals nor norms, without which depth is no use.
class WithoutResiduals(Block):
    def __call__(self, x, cache=None):
        return self.mlp(self.ln_2(self.attn(self.ln_1(x))))


class Bare(GPT):
    def new_block(self, rng):
        block = super().new_block(rng)
        return WithoutResiduals(block.ln_1, block.attn, block.ln_2, block.mlp)


deep = {**small, "n_layer": 6}
bare = letters(Bare(GPTConfig(8, **deep), seed=0), 60)
mistake(
    2,
    "Transformer",
    f"six layers without residuals: loss {bare:.2f} after 60 steps, by chance 2.08",
    bare > 1.5,
)

# %%
whole = letters(GPT(GPTConfig(8, **deep), seed=0), 60)
mended(2, f"the same layers, each added to what was there: loss {whole:.2f}", whole < 0.5)

# %%
# Row 7. BERT is called traditional, and GPT the one that is pretrained. Both are.
reader, masks = (
    BERT(BertConfig(10, **(small | {"n_layer": 2}), dropout=0.0, pad_id=9, pooler=False), seed=0),
    np.random.default_rng(1),
)
optimizer, losses = AdamW(reader.train(), lr=3e-3), []
for step in range(400):
    at = np.random.default_rng(step).integers(0, 300, 16)[:, None] + np.arange(8)
    loss = reader.loss(*masked(ids[at], masks, mask_id=8, vocab_size=10, special_ids=[9]))
    reader.zero_grad()
    loss.backward()
    optimizer.step()
    losses += [loss.item()]
mistake(
    7,
    "GPT's main advantage",
    f"BERT learns from plain letters too: loss {np.mean(losses[:10]):.2f}, then {np.mean(losses[-10:]):.2f}",
    np.mean(losses[-10:]) < 0.7 * np.mean(losses[:10]),
)

# %%
far, other = np.arange(6)[None], np.array([[0, 1, 2, 3, 4, 7]])  # the last letter is another one
gpt = GPT(GPTConfig(8, **small), seed=0)
with no_grad():
    of_bert = np.abs(reader.eval().hidden(far).numpy() - reader.hidden(other).numpy())[0, 0].max()
    of_gpt = np.abs(gpt.hidden(far).numpy() - gpt.hidden(other).numpy())[0, 0].max()
mended(
    7,
    f"another last letter moves the first place by {of_bert:.2f} in BERT, by {of_gpt:.0f} in GPT",
    of_bert > 0 == of_gpt,
)

# %%
# Row 9. "Real-time": as if a model knew today's news.
storyteller, tokenizer = (
    GPT.from_pretrained(SHIPPED["storyteller"]),
    load_tokenizer(SHIPPED["storyteller"]),
)


def nats(name):
    ids = tokenizer.encode(f"\nOne day, {name} went")
    with no_grad():
        return storyteller.loss([ids[:-1]], [ids[1:]]).item() * (len(ids) - 1)


mistake(
    9,
    "good real-time-ness",
    f"a name that its texts never had costs {nats('Hanna') - nats('Mia'):.0f} nats more than Mia",
    nats("Hanna") > nats("Mia") + 3,
)

# %%
before = [p.data.copy() for p in storyteller.parameters()]
nats("Hanna")
same = all(np.array_equal(a, p.data) for a, p in zip(before, storyteller.parameters(), strict=True))
mended(
    9, "asking changes no weight: what is new has to be trained on, or to stand in the prompt", same
)

# %%
# Row 14. "A weight for each pair of adjacent heads". Heads are independent; weights are between POSITIONS.
q, k, v = rng.standard_normal((3, 1, 4, 5, 3))  # four heads, five positions
weights = attention_weights(Tensor(q), Tensor(k)).numpy()
mistake(
    14,
    "weights between heads",
    f"weights have the shape {weights.shape}: four heads, and in each 5 queries by 5 keys",
    weights.shape == (1, 4, 5, 5),
)

# %%
other = q.copy()
other[:, 1] = 0  # head 1 asks for nothing
change = np.abs(attention(other, k, v).numpy() - attention(q, k, v).numpy())[0].max(axis=(1, 2))
mended(
    14,
    f"head 1 is changed; the others change by {change[[0, 2, 3]].max():.0f}, and it by {change[1]:.2f}",
    change[[0, 2, 3]].max() == 0 < change[1],
)

# %%
# Row 34. To generate is one call of the model.
model = GPT(GPTConfig(8, **small), seed=0)
letters(model, 60)
with no_grad():
    once = model([[0, 1, 2]]).numpy()[0, -1].argmax()
mistake(
    34, "generate", f"one call says one next letter: {'abcdefgh'[once]}, and it is over", once == 3
)

# %%
text = [0, 1, 2]
while len(text) < 8:  # say one, append it, ask again
    with no_grad():
        text.append(int(model([text]).numpy()[0, -1].argmax()))
mended(34, f"a loop: {''.join('abcdefgh'[i] for i in text)}", text == list(range(8)))

# %%
# Row 49. "Category tags for extensibility". A tag (a marker, as in lesson 17) is one more token.
marked = grown(model, 9)  # the same model with one more token, a marker
more = marked.num_parameters() - model.num_parameters()
mistake(
    49,
    "extensibility",
    f"a marker adds {more} numbers to {model.num_parameters():,}: as much as one more letter",
    more == small["n_embd"],
)

# %%
with no_grad():
    a, b = (marked([[start, 1, 2]]).numpy()[0, -1] for start in (0, 8))
mended(
    49,
    f"what it does: the answer depends on it, logits move by {np.abs(a - b).max():.2f}",
    np.abs(a - b).max() > 0.01,
)

# %% [markdown]
# ## What is learned
# The article says once that accuracy is the loss, and once that the loss function is. **Guess.** How large is the slope of
# accuracy, measured by a move of the logits by a hundred-thousandth?

# %%
# Row 17. "Training usually uses the accuracy function to compute the loss".
z, t = rng.standard_normal((40, 5)), rng.integers(0, 5, 40)
direction = rng.standard_normal((40, 5))


def accuracy(z):
    return np.mean(z.argmax(-1) == t)


of_accuracy = (accuracy(z + 1e-5 * direction) - accuracy(z - 1e-5 * direction)) / 2e-5

# %%
guess_1 = 0.0  ### SOLUTION
predict("20.P1", guess_1, of_accuracy)
mistake(
    17,
    "accuracy is the loss",
    "its slope is 0 nearly everywhere: nobody knows which way to go",
    of_accuracy == 0,
)

# %%
of_loss = (
    cross_entropy(z + 1e-5 * direction, t).item() - cross_entropy(z - 1e-5 * direction, t).item()
) / 2e-5
mended(17, f"cross-entropy has a slope there: {of_loss:.3f}", abs(of_loss) > 1e-3)

# %%
# Row 11. Labels for the texts. A GPT needs none: what is right is the next token. Where the token itself is
# to be said (nothing shifted), the loss looks fine:
wrong = GPT(GPTConfig(8, **small), seed=0)
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    loss = letters(wrong, 60, shifted=False)
written = wrong.generate([[0, 1, 2]], 5, temperature=0.0)[0]
mistake(
    11,
    "texts with class labels",
    f"targets that are not shifted: loss {loss:.3f}, and it writes {''.join('abcdefgh'[i] for i in written)}",
    loss < 0.1 and len(set(written[3:])) == 1,
)

# %%
model = GPT(GPTConfig(8, **small), seed=0)
loss = letters(model, 60)
written = model.generate([[0, 1, 2]], 5, temperature=0.0)[0]
mended(
    11,
    f"y = x one place on: loss {loss:.3f}, and it writes {''.join('abcdefgh'[i] for i in written)}",
    list(written) == list(range(8)),
)

# %%
# Row 41. num_classes=1 with a softmax: a run with a perfect loss.
one = GPT(GPTConfig(8, **small, n_classes=1), seed=0)
y = np.full((4, 8), -100)
y[:, -1] = 0
loss = one.loss(rng.integers(0, 8, (4, 8)), y)
loss.backward()
largest = max(np.abs(p.grad).max() for p in one.parameters() if p.grad is not None)
mistake(
    41,
    "num_classes = 1",
    f"loss {loss.item():.1f}, largest gradient {largest:.1f}: it learns nothing, and looks perfect",
    loss.item() == largest == 0,
)

# %%
two = GPT(GPTConfig(8, **small, n_classes=2), seed=0)
loss = two.loss(rng.integers(0, 8, (4, 8)), y)
mended(
    41, f"two classes begin near ln 2 = 0.69: {loss.item():.2f}", abs(loss.item() - np.log(2)) < 0.3
)

# %% [markdown]
# ## Exercise 20.1: its loop
# In short, the article's loop is this (its names, and its order):
#
#     for x, y in batches:
#         outputs = model.loss(x, y)         # thrown away
#         loss = criterion(x, y)             # the same once more
#         loss.backward()
#         optimizer.step()
#     total / len(samples)                   # one number at the end
#
# No mode is set, gradients are never cleared, `clip` is called with the bound where the model should stand. Write it so that
# it is right: return the loss of each batch; train mode while it learns, eval mode after; gradients clipped to 1.0.


# %%
def my_repaired(model, optimizer, clip, batches):
    """-> a list of the losses, a number for each batch.   clip(model, max_norm)"""
    ### ANSWER 20.1


check("20.1", my_repaired)
repaired = use("20.1")


# %%
# Row 28. No zero_grad. Guess: w goes down the valley w² from 3, with momentum of its own making. After 60
# steps, is it nearer to 0 than 0.5, "yes" or "no"?
def descend(forget):
    point, path = Point(3.0), []
    optimizer = SGD(point, lr=0.05)
    for _ in range(60):
        (point.w * point.w).sum().backward()
        optimizer.step()
        if forget:
            point.zero_grad()
        path.append(point.w.data[0])
    return np.array(path)


kept, forgotten = descend(False), descend(True)

# %%
guess_2 = "no"  ### SOLUTION
predict("20.P2", guess_2, kept)

# %%
plots.curves(
    {"gradients add up": kept, "zero_grad": forgotten},
    f"w on the way down w², a gradient in every step. Where gradients are kept it swings, at the end up to "
    f"{np.abs(kept[-30:]).max():.1f} away; with zero_grad it ends at {abs(forgotten[-1]):.3f}.",
    y="w",
    limits={"the bottom": 0.0},
)
mistake(
    28,
    "no zero_grad",
    f"|w| still gets to {np.abs(kept[-30:]).max():.1f} in the last 30 steps",
    np.abs(kept[-30:]).max() > 1,
)

# %%
model = GPT(GPTConfig(8, **small), seed=1)
at = rng.integers(0, 180, (30, 8, 1)) + np.arange(9)
losses = repaired(
    model, AdamW(model, lr=1e-2), clip_grad_norm, [(ids[a[:, :-1]], ids[a[:, 1:]]) for a in at]
)
mended(
    28,
    f"your loop on a real GPT: loss from {losses[0]:.2f} to {losses[-1]:.2f} in 30 batches",
    losses[-1] < 0.5 * losses[0],
)

# %%
# Row 27. The loss is computed twice. If both go back, everything counts double.
model, x, y = GPT(GPTConfig(8, **small), seed=0), ids[at[0][:, :-1]], ids[at[0][:, 1:]]
model.loss(x, y).backward()
once = model.vector().gradient().copy()
model.loss(x, y).backward()
ratio = np.median(model.vector().gradient()[once != 0] / once[once != 0])
mistake(
    27,
    "labels and criterion",
    f"where both go back the gradient is {ratio:.3f} times as long",
    abs(ratio - 2) < 1e-3,
)

# %%
model.zero_grad()
model.loss(x, y).backward()
mended(
    27,
    "one loss, once: the gradient is that of the batch",
    np.allclose(model.vector().gradient(), once),
)

# %%
# Row 30. running_loss / len(samples): the sum of the batches' means, divided by how many ROWS there were.
means = np.array([2.0, 1.5, 1.0])  # of three batches of 16
mistake(
    30,
    "running_loss / len",
    f"it reports {means.sum() / 48:.4f} where the mean is {means.mean():.1f}: 16 times too good",
    np.isclose(means.mean() / (means.sum() / 48), 16),
)

# %%
sizes = np.array([16, 16, 4])  # and the last batch is smaller: each counts by its rows
mended(
    30,
    f"weighted by rows: {(means * sizes).sum() / sizes.sum():.3f}, not {means.mean():.3f}",
    (means * sizes).sum() / sizes.sum() != means.mean(),
)

# %%
# Row 52. clip_grad_norm_(1.0, bound): a number where the parameters belong.
try:
    clip_grad_norm(1.0, model)
    said = ""
except Exception as error:
    said = f"{type(error).__name__}: {str(error)[:60]}"
mistake(52, "clip(1.0, bound)", said, said)

# %%
before = float(clip_grad_norm(model, 0.1))
after = float(np.sqrt((model.vector().gradient() ** 2).sum()))
mended(
    52,
    f"clip(model, 0.1) after backward: the norm was {before:.2f}, and is {after:.2f}",
    before > 0.1 and np.isclose(after, 0.1, rtol=1e-4),
)

# %% [markdown]
# ## What is seen
# There is no causal mask in the article's programs. And where people add one, they write a large negative number: -10 000.
#
# ## Exercise 20.2: a mask that holds
# Write `my_hidden(scores)`: scores (T, T), row i is query i. Hide the future, then softmax over the keys. Also for
# scores about -15258, which a trained model once had.


# %%
def my_hidden(scores):
    """scores (T, T) -> the weights (T, T): each row sums to 1, the future has exactly 0"""
    ### ANSWER 20.2


check("20.2", my_hidden)
hidden = use("20.2")

# %%
# Row 44. -1e4 for "hidden", where a score is lower than that.
scores = np.array([[-15258.0, -15250.0], [-15258.0, -15250.0]])
open_, minus = (
    np.exp(s - s.max(-1, keepdims=True))
    for s in (scores, np.where(np.tri(2, dtype=bool), scores, -1e4))
)
none, future = ((e / e.sum(-1, keepdims=True))[0, 1] for e in (open_, minus))
mistake(
    44,
    "no causal mask",
    f"position 0 gives the future the weight {none:.1f}; and {future:.1f} where hidden means -10 000",
    none > 0.9 and future == 1,
)

# %%
mended(44, f"with yours the future gets {hidden(scores)[0, 1]:.1f}", hidden(scores)[0, 1] == 0)

# %%
# Row 31. attention_mask=None: padding is looked at.
bert = BERT(BertConfig(9, block_size=8, n_layer=2, n_head=2, n_embd=16, dropout=0.0), seed=0)
bert.vector().data[...] *= 5  # new weights are small, and all differences with them
text = np.array([[3, 4, 5]])
padded = np.array([[3, 4, 5, 0, 0, 0]])
with no_grad():
    alone = bert.hidden(text).numpy()
    # key_padding all True: as without a mask
    seen = bert.hidden(padded, key_padding=np.ones((1, 6), bool)).numpy()[:, :3]
    hidden_well = bert.hidden(padded).numpy()[:, :3]
mistake(
    31,
    "attention_mask=None",
    f"three paddings move what BERT says of the text by up to {np.abs(seen - alone).max():.2f}",
    np.abs(seen - alone).max() > 0.01,
)

# %%
mended(
    31,
    f"with the mask by {np.abs(hidden_well - alone).max():.0e}",
    np.abs(hidden_well - alone).max() < 1e-5,
)

# %%
# Row 39. The pooler "extracts features by pooling". It looks at ONE token.
with no_grad():
    x = bert.hidden(text)
    changed = x.numpy().copy()
    changed[:, 1:] += 1  # all tokens but the first
    moves = np.abs(bert.pooled(Tensor(changed)).numpy() - bert.pooled(x).numpy()).max()
mistake(
    39,
    "pooling",
    f"what it says of all tokens but the first is changed: the result moves by {moves:.0f}",
    moves == 0,
)

# %%
W, b = bert.pooler.weight.data, bert.pooler.bias.data
right = np.allclose(bert.pooled(x).numpy(), np.tanh(x.numpy()[:, 0] @ W + b), atol=1e-6)
mended(39, "it is tanh(W h + b), h that of the first token; a GPT takes the last one", right)

# %%
# Row 23. A vocabulary of English for Chinese text: here one in small.
english = WordPieceTokenizer("[PAD] [UNK] [CLS] [SEP] the a cat dog ##s".split())
pieces = english.tokenize("天气很好")
mistake(
    23,
    "bert-base-uncased",
    f"four characters of Chinese become {' '.join(pieces)}",
    set(pieces) == {"[UNK]"},
)

# %%
back = ByteTokenizer().decode(ByteTokenizer().encode("天气很好"))
mended(
    23,
    f"bytes know every text: {len(ByteTokenizer().encode('天气很好'))} of them, and back: {back}",
    back == "天气很好",
)

# %% [markdown]
# ## Modes, files, settings

# %%
# Row 38. Dropout as "sparsification". And row 32: no eval().
x = np.ones((1, 10_000))
one, two = (dropout(x, p=0.5, key=make_key(1, step, 0)).numpy() for step in (0, 1))
mistake(
    38,
    "sparsification",
    f"{np.mean(one == 0):.0%} are 0, other ones in the next step; the mean stays {one.mean():.2f}",
    abs(one.mean() - 1) < 0.05 and (one != two).any(),
)

# %%
kept = Dropout(0.5).eval()(Tensor(x)).numpy()
mended(
    38,
    f"nothing gets sparse: when the model writes, {np.mean(kept == 0):.0%} are 0",
    not (kept == 0).any(),
)

# %%
model = GPT(GPTConfig(8, **small, dropout=0.3), seed=0).train()
ids8 = [[0, 1, 2, 3]]
apart = np.abs(model(ids8).numpy() - model(ids8).numpy()).max()
mistake(32, "no eval()", f"the same question twice: the answers differ by {apart:.3f}", apart > 0)

# %%
model.eval()
same = np.abs(model(ids8).numpy() - model(ids8).numpy()).max()
mended(32, f"in eval mode by {same:.0f}", same == 0)


# %%
# Row 12. Weights from a pickle: reading one runs what is in it.
class Gift:
    def __reduce__(self):  # what is to be called when it is read
        return print, ("somebody else's code runs",)


file, printed = pickle.dumps(Gift()), io.StringIO()
with contextlib.redirect_stdout(printed):
    pickle.loads(file)
said = printed.getvalue().strip()
mistake(12, "torch.load()", f"{len(file)} bytes were read as a pickle, and printed: {said}", said)

# %%
arrays = map_arrays(SHIPPED["storyteller"] / "model.safetensors")
mended(
    12,
    f"a safetensors file has {len(arrays)} arrays and their names, and nothing that runs",
    len(arrays) > 10,
)

# %%
# Row 50. TrainingArguments "optimises training".
model = GPT(GPTConfig(8, **small), seed=0)
before = model.vector().data.copy()
TrainingArguments(max_steps=1000, learning_rate=1e-3)
mistake(
    50,
    "optimises training",
    "it is a list of settings: made, and not one weight is another",
    np.array_equal(before, model.vector().data),
)

# %%
loss = letters(model, 60)
mended(
    50,
    f"what optimises is a loop with an optimizer: loss {loss:.2f} after 60 steps, ln 8 = 2.08 before",
    loss < 1,
)


# %%
# Row 47. AdamW is not Adam with weight decay: in Adam the decay is divided by how large slopes are.
def shrinks(kind, size):
    """a matrix of ones, slopes by chance of this size: what is left after 200 steps"""
    point = Point(1.0)
    point.w = Parameter(np.ones((20, 20)))
    optimizer, rng = kind(point, lr=1e-3, weight_decay=1.0), np.random.default_rng(0)
    for _ in range(200):
        point.w.grad = size * rng.standard_normal((20, 20))
        optimizer.step()
    return 1 - point.w.data.mean()


adam, adamw = ([shrinks(kind, size) for size in (0.1, 100.0)] for kind in (Adam, AdamW))
mistake(
    47,
    "AdamW",
    f"with Adam and decay a matrix shrinks by {adam[0]:.3f} or {adam[1]:.3f}, as the slopes are 0.1 or 100",
    adam[0] > 5 * abs(adam[1]),
)

# %%
mended(47, f"with AdamW by {adamw[0]:.3f} and {adamw[1]:.3f}", abs(adamw[0] - adamw[1]) < 0.02)

# %%
# Row 51. "Obfuscation training with TensorDataset": which is zip, it puts arrays side by side.
model = GPT(GPTConfig(8, **small), seed=0)
letters(model, 30)
x, y = ids[at[0][:, :-1]], ids[at[0][:, 1:]]
pairs = list(zip(x, y, strict=True))
mistake(
    51,
    "TensorDataset",
    "the rows come out as they went in: nothing attacks anything",
    all(np.array_equal(a, b) for (a, _), b in zip(pairs, x, strict=True)),
)

# %%
e = model.embed(x).data
clean, attacked, chance = (
    loss_from(model, Tensor(e + r), y).item()
    for r in (0 * e, worst_move(model, e, y, epsilon=0.3), random_move(e, y, epsilon=0.3, rng=rng))
)
mended(
    51,
    f"an attack raises the loss from {clean:.2f} to {attacked:.2f}; chance to {chance:.2f}",
    attacked > max(clean, chance),
)

# %%
# Row 53. Clipping "improves the security".
plain, clipped = (GPT(GPTConfig(8, **small), seed=0) for _ in range(2))
letters(plain, 60), letters(clipped, 60, max_norm=0.1)


def harm(model):
    """how much an attack raises the loss"""
    e = model.embed(x).data
    r = worst_move(model, e, y, epsilon=0.5)
    return loss_from(model, Tensor(e + r), y).item() - model.loss(x, y).item()


mistake(
    53,
    "improves security",
    f"an attack costs {harm(clipped):.2f} where gradients were clipped, {harm(plain):.2f} where not",
    harm(clipped) > 0.5 * harm(plain),
)

# %%
path = [Point(1.0), Point(1.0)]
for point, bound in zip(path, (1e9, 1.0), strict=True):
    (1e4 * point.w).sum().backward()  # one slope that is far off
    clip_grad_norm(point, bound)
    SGD(point, lr=0.1).step()
wild, bounded = (abs(1 - point.w.data[0]) for point in path)
mended(
    53,
    f"with plain SGD it bounds a step: a wild slope moves w by {bounded:.1f}, else by {wild:.0f}",
    bounded < 0.2,
)

# %%
# Row 46. "More data", without a look whether it is there twice.
lines = ["".join(line) for line in rng.choice(list("abcdef"), (300, 12))]
known, new = lines[:200], lines[200:] + lines[:20]  # 20 of the held-out lines stand in both
table = {line[:6]: line[6:] for line in known}  # a model that only remembers
right = np.mean([table.get(line[:6]) == line[6:] for line in new])
mistake(
    46,
    "more data",
    f"a table of what it has seen completes {right:.0%} of the held-out lines",
    right > 0.1,
)

# %%
clean = [line for line in new if line not in known]
right = np.mean([table.get(line[:6]) == line[6:] for line in clean])
mended(46, f"doubles left out: {right:.0%}. It had learned nothing", right == 0)

# %%
# Row 4. "Fluent, reasonable, diverse", as if that were in the model.
likeliest = {generate_text(storyteller, tokenizer, "\nOne", 40, temperature=0.0) for _ in range(5)}
mistake(
    4,
    "diverse text",
    f"the likeliest letter each time: five texts, {len(likeliest)} of them different",
    len(likeliest) == 1,
)

# %%
drawn = {
    generate_text(storyteller, tokenizer, "\nOne", 40, temperature=1.0, seed=i) for i in range(5)
}
mended(
    4,
    f"drawn by chance: {len(drawn)} different ones. Diversity is in how one draws",
    len(drawn) == 5,
)

# %%
# Row 60. The best of many, by the score on the same set that is then reported. Guess: 200 models toss a
# coin for 100 answers, yes or no. The best one has how many right: "under 55", "55 to 60", "more"?
truth = rng.integers(0, 2, (2, 100))  # two sets, and 200 models that guess
guesses = rng.integers(0, 2, (200, 2, 100))
scores = (guesses == truth).mean(axis=-1)
best = scores[:, 0].argmax()

# %%
guess_3 = "more"  ### SOLUTION
predict("20.P3", guess_3, 100 * scores[best, 0])
mistake(
    60,
    "evaluate on the test set",
    f"the best of 200 models that guess has {scores[best, 0]:.0%} on the set that it was chosen by",
    scores[best, 0] > 0.58,
)

# %%
mended(
    60,
    f"the same model has {scores[best, 1]:.0%} on a set that nobody looked at",
    scores[best, 1] < scores[best, 0],
)


# %%
# Row 61. "Judge the quality of the text": by what? Here by one thing that can be counted, repetition.
def repeats(text, n=24):
    parts = [text[i : i + n] for i in range(len(text) - n)]
    return 1 - len(set(parts)) / len(parts)


greedy = generate_text(storyteller, tokenizer, "\nOne", 500, temperature=0.0)
drawn = generate_text(storyteller, tokenizer, "\nOne", 500, temperature=1.0, seed=0)
mistake(
    61,
    "judge its quality",
    f"the likeliest letters repeat {repeats(greedy):.0%} of their 24-letter pieces",
    repeats(greedy) > repeats(drawn),
)

# %%
mended(
    61,
    f"counted: drawn at temperature 1 it repeats {repeats(drawn):.0%}. Numbers, not looks",
    repeats(drawn) < 0.5,
)

# %% [markdown]
# **Two questions without code**
# 1. Which of these mistakes would you have seen in the loss curve?
# 2. A loss falls to 0. Is that good news?
#
# <details><summary>Answers</summary>
#
# 1. Few: w that swings (28), a deep model that stands still (2). With targets that are not shifted, or with one class, the
#    curve is beautiful.
# 2. Ask what the best possible loss is (lesson 05). Below it something leaks.
#
# </details>
#
# **Next:** find a claim about GPTs that you believe, and write its pair of cells. What you did so far: `progress()`.

# %%
# The loop as it should be, in the library.
show(train_plain)
