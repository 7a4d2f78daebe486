"""The library's own op for each exercise that it answers, in the form of the exercise."""

from tinygpt.nn.attention import attention
from tinygpt.nn.cross_entropy import cross_entropy
from tinygpt.nn.softmax import softmax

ANSWERS = {
    "07.3": lambda q, k, v: attention.function(q, k, v)[0],
    "05.1": lambda z: softmax.function(z)[0],
    "05.2": cross_entropy.function,
}
