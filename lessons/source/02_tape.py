# %% [markdown]
# # 02 The tape: how a program finds its own slopes
#
# A model has a million numbers, and training asks for each of them: if it rises a little, does the *loss* (one number:
# how wrong the model is) rise or fall, and how fast? Nobody writes them down one by one. The program finds them by going back.
#
# After this lesson you can
# 1. write an operation together with its way back (`my_mul`),
# 2. hand a gradient on to where it came from (`my_send`),
# 3. go back through any computation in the right order (`my_backward`).
#
# *Time: 35 minutes for you, 5 seconds for the machine. Needs lesson 01 (slopes), slopes of products, and Python classes.*

# %% [markdown]
# ## One number, two ways
# Take $f = a \cdot b + a$ at $a = 3$, $b = 4$. So $f = 15$.
#
# How fast does $f$ rise with $a$? Try it: let $a$ rise by 0.001 and look at $f$. That is the meaning of
# a **slope**, also called **derivative** or **gradient**: rise of the result divided by the rise of the
# input, for a small rise.
#
# **Guess before you run the cell:** what is the slope of $f$ with respect to $a$ at this place? Put a
# number in the place of `None`.

# %%
from tinygpt import Tensor
from tinygpt.autograd.engine import backward_plain, latest_first
from tinygpt.lesson import case, check, hint, plots, predict, progress, reveal, show, use
from tinygpt.lesson.node import Node


def f(a, b):
    return a * b + a


guess_1 = 5  ### SOLUTION
predict("02.P1", guess_1, f)

# %% [markdown]
# ## An operation and its way back
# An end result rises 0.7 times as fast as a product, and the product 4 times as fast as `a`. Then the end
# rises 2.8 times as fast as `a`: rates multiply along a way. This is the **chain rule**.
#
# So break a computation into small steps, each with a known slope. Call the result of one step $y$, and let
# `dy` be how fast *the end result* rises with that $y$ (not the $dy$ of $dy/dx$). Then
#
# $$\text{what this step adds to the slope for } a \;=\; dy \cdot \text{slope of this step with respect to } a$$

# %% [markdown]
# ## Exercise 02.1: a product
# Here is the form that every operation of this library has: it returns its result **and a function**,
# `backward`, which takes `dy` and returns one number for each argument. A function inside a function
# remembers the variables around it (a *closure*): `backward` still knows `a` and `b` when it is called
# much later.
#
# Write `my_mul`; `my_add` shows the form. Stuck? `hint("02.1")` in a new cell, and `reveal("02.1")` shows an
# answer.


# %%
def my_add(a, b):
    def backward(dy):
        return dy, dy  # a sum rises exactly as fast as each of its parts

    return a + b, backward


def my_mul(a, b):
    def backward(dy):
        ### BEGIN SOLUTION
        # how fast the end rises with a, and with b
        return dy * b, dy * a
        ### END SOLUTION

    return a * b, backward


check("02.1", my_mul)

# %% [markdown]
# ## A number that remembers
# To go back you must know what was done. So let every number remember **which numbers it was made of**
# (its *parents*), and how fast it rises with each of them (its *slopes*). Such a number is a `Node`. What
# is written down while the program runs forward is called the **tape**.
#
# A function like your `backward` could be kept with each number; here, where everything is one number, it is
# enough to keep the slopes: for a product those that your `backward(1.0)` returns.
#
# Read the class below (`next(_clock)` gives 0, 1, 2, ...). The line to look at is the last one: the first
# slope, that for `self`, is the value of `other`.

# %%
show(Node)

a, b = Node(3.0), Node(4.0)
m = a * b
f_node = m + a
print(f"f = {f_node.value}; its parents have the values {[p.value for p in f_node.parents]}")
_, way_back = use("02.1")(3.0, 4.0)
print(f"m = {m.value}; its slopes are {m.slopes}, and your backward(1.0) gives {way_back(1.0)}")

# %% [markdown]
# ## Exercise 02.2: hand it on
# `node.grad` says how fast the end result rises with this node. When it is complete, the node hands it
# on: each parent gets its share, slope times `node.grad`.
#
# Other nodes may have handed something to the same parent before. Think of the two ways from $a$ to $f$.


# %%
def my_send(node):
    """Hand on to the parents what this node knows; returns nothing"""
    ### ANSWER 02.2


check("02.2", my_send)

# %% [markdown]
# ## The classic mistake
# Many first versions overwrite what another node has handed on. Let us do it on purpose.
# $f$ hands on first, then the product $m$.
#
# **Guess:** which gradient does $a$ end up with at $(3, 4)$, instead of 5?


# %%
def careless_gradient():
    grad = {"f": 1.0}
    grad["m"], grad["a"] = 1.0 * grad["f"], 1.0 * grad["f"]  # f = m + a hands on
    grad["a"], grad["b"] = 4.0 * grad["m"], 3.0 * grad["m"]  # m = a * b hands on
    return grad["a"]


guess_2 = 4  ### SOLUTION
predict("02.P2", guess_2, careless_gradient)

# %% [markdown]
# Where a number is used twice, its gradients **add**.
#
# ## Exercise 02.3: the whole way back
# Now for any computation. Write `my_backward(root)`:
#
# - collect all nodes that the root was made of, each **once** (keep a list of nodes still to look at);
# - the root's own grad is the slope of the result with respect to itself;
# - a node sends only when its own grad is complete: after everybody who uses it has sent.
#
# `node.time` is larger for a node that was made later, and a node is made after its parents.

# %%
send = use("02.2")


def my_backward(root):
    ### BEGIN SOLUTION
    # all nodes behind the root, each once
    nodes, todo = {root}, [root]
    while todo:
        for parent in todo.pop().parents:
            if parent not in nodes:
                nodes.add(parent)
                todo.append(parent)
    # the slope of the result with respect to itself
    root.grad = 1.0
    # everybody sends, in the right order
    for node in sorted(nodes, key=lambda node: node.time, reverse=True):
        send(node)
    ### END SOLUTION


check("02.3", my_backward)

# %% [markdown]
# ## See it
# The graph of $a \cdot b + a$, with your gradients. In each box a value and its gradient; at each arrow
# the slope of that step. Follow the arrows **backwards** from the right: multiply along a way, add where
# ways meet.

# %%
backward = use("02.3")
a, b = Node(3.0), Node(4.0)
m = a * b
f_node = m + a
backward(f_node)
plots.graph(
    f_node,
    {"a": a, "b": b, "a b": m, "a b + a": f_node},
    f"two arrows leave a. Backwards, one brings {m.grad:g} times {b.value:g}, the other {1:g}, and the "
    f"sum is the gradient of a: {a.grad:g}.",
)

# %% [markdown]
# ## The library does the same
# A `Tensor` is a node whose value is a whole array; `requires_grad=True` says that we want its slope. Below
# is the library's own function that finds the order (with a `Node` class of its own). `not in nodes` makes
# sure that a node comes once, `sorted` that it comes after everybody who uses it.

# %%
show(latest_first)

a, b = Tensor(3.0, requires_grad=True), Tensor(4.0, requires_grad=True)
(a * b + a).backward()
print(f"the library: slope for a {a.grad}, for b {b.grad}")

# %% [markdown]
# **Two questions without code**
# 1. Why go back from the result, and not forward from each input? Think of a million inputs and one loss.
# 2. What must be kept in memory until the way back is done?
#
# <details><summary>Answers</summary>
#
# 1. One way back gives the slopes of *all* inputs. Forward, each input would need a run of its own.
# 2. Whatever the slopes need: for a product both factors. That is why training takes more memory than
#    writing.
#
# </details>
#
# **Next:** the engine is `tinygpt/autograd/engine.py`, 220 lines. In a cell of your own, write `def minus(self,
# other): ...`, then `Node.__sub__ = minus`, and try $a \cdot a - b$. Then lesson 03: slopes of whole arrays. What you
# did so far: `progress()`.

# %%
# The library's own way back, in its shortest form: yours. (zip pairs each parent with its gradient; None is
# an argument that wants none.)
show(backward_plain)
