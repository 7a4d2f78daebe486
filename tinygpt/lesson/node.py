"""The smallest tape there is: a number that remembers where it came from. For lesson 02."""

import itertools

_clock = itertools.count()


class Node:
    """A number that remembers where it came from."""

    def __init__(self, value, parents=(), slopes=()):
        self.value = value
        self.parents = parents  # the nodes that it was made of
        self.slopes = slopes  # for each parent: how fast this value rises with that one
        self.grad = 0.0  # how fast the end result rises with this value; nothing known yet
        self.time = next(_clock)  # a node is made after its parents

    def __add__(self, other):
        return Node(self.value + other.value, (self, other), (1.0, 1.0))

    def __mul__(self, other):
        return Node(self.value * other.value, (self, other), (other.value, self.value))
