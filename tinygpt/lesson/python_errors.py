"""What Python's and NumPy's own errors mean, for who meets them the first time.

Each sentence is about the error alone, so it is true whatever the exercise is.
"""

import re

from tinygpt.lesson.trying import Failure

EXPLAINED: tuple[tuple[str, str, str], ...] = (  # kind, words in the message, what it means
    ("NameError", r"name '(\w+)' is not defined",
     "The name {0} was never given a value here: is it written otherwise elsewhere, or does it "
     "stand in a cell that was not run?"),
    ("UnboundLocalError", r"local variable '(\w+)'",
     "{0} is read before it has a value in this function: a name that is assigned anywhere inside "
     "a function is local to it."),
    ("AttributeError", r"'NoneType' object has no attribute '(\w+)'",
     "Something that you go on with is None: list.append, list.sort and others change the list and "
     "return nothing."),
    ("AttributeError", r"'numpy.ndarray' object has no attribute '(permute|unsqueeze|masked_fill|"
     r"contiguous|t|numel|expand|detach|softmax|matmul|mm|bmm|type|float|long|cat)'",
     ".{0} is PyTorch's. In NumPy: transpose(axes), x[..., None], np.where, @, np.concatenate, "
     "astype, x.size."),
    ("AttributeError", r"'([\w.]+)' object has no attribute '(\w+)'",
     "There is no .{1} of a {0}: what is it that stands before the dot?"),
    ("ImportError", r"cannot import name '(\w+)' from '([\w.]+)'",
     "There is no {0} in {1}. (The library does not have the exercises' answers by these names.)"),
    ("ModuleNotFoundError", r"No module named '([\w.]+)'",
     "{0} is not installed here: NumPy is enough for the exercises."),
    ("TypeError", r"'NoneType' object",
     "Something that you go on with is None: a function without `return`, or one like list.sort "
     "and list.append, which changes the list and returns nothing."),
    ("TypeError", r"only (?:0-dimensional|length-1|size-1) arrays can be converted",
     "The functions of math take one number each; np.exp, np.log, np.sqrt take whole arrays."),
    ("TypeError", r"'(\w+)' object is not callable",
     "You call a {0} as if it were a function: what stands before the brackets?"),
    ("TypeError", r"'(int|float)' object is not iterable",
     "A single number stands where several are asked for."),
    ("TypeError", r"'(int|float)' object is not subscriptable",
     "You index a single number: it has no [...]."),
    ("TypeError", r"can't multiply sequence by non-int",
     "A tuple or list times a number is no arithmetic: multiply each of its elements."),
    ("TypeError", r"Implicit conversion to a NumPy array is not allowed",
     "A NumPy function gets an array of the device: stay there, with the array's methods or its "
     "own module, and bring back one number, float(x), at the end."),
    ("TypeError", r"only integer scalar arrays can be converted to a scalar index",
     "In a[b:c] and range(b), b and c are one number each: an array of several stands there."),
    ("TypeError", r"float\(\) argument must be .*, not 'method'",
     "A method stands where a number is asked for: it is called with brackets, x.item()."),
    ("TypeError", r"float\(\) argument must be .*, not '(\w+)'",
     "A {0} stands where a number is asked for."),
    ("TypeError", r"missing (\d+) required positional",
     "A function was called with too few arguments."),
    ("TypeError", r"^view\(\) takes from|Tuple must have size 2",
     "x.view(...) is PyTorch's: NumPy calls it x.reshape(...)."),
    ("TypeError", r"unexpected keyword argument '(dim|keepdim)'",
     "dim= and keepdim= are PyTorch's: NumPy calls them axis= and keepdims=."),
    ("TypeError", r"unexpected keyword argument '(\w+)'",
     "{0}= is no argument of the function that you call there."),
    ("TypeError", r"'float' object cannot be interpreted as an integer",
     "A whole number is asked for and a float stands there: / always makes a float, // divides "
     "whole numbers."),
    ("TypeError", r"takes (\d+|from \d+ to \d+) positional arguments? but (\d+)",
     "A function that takes {0} arguments was called with {1}. (A pair, as one tuple, is one.)"),
    ("TypeError", r"unsupported operand type\(s\) for (.+?): '(\w+)' and '(\w+)'",
     "{0} does not work between a {1} and a {2}."),
    ("ValueError", r"cannot reshape array of size (\d+) into shape (\([\d, ]*\))",
     "{0} numbers do not fill the shape {1}: reshape only lays them out anew, and leaves none out. "
     "(Is one of these sizes written down as a number, and differs from case to case?)"),
    ("ValueError",
     r"could not broadcast input array from shape (\([\d, ]*\)) into shape (\([\d, ]*\))",
     "An array of shape {0} is written to a place of shape {1}, where it does not fit."),
    ("ValueError", r"more dimensions than allowed by the axis remapping",
     "np.broadcast_to stretches an array: it takes no axis away, and adds nothing up."),
    ("ValueError", r"output has more dimensions than subscripts given in einst",
     "In einsum, the axes under ... must stand behind the arrow too: they are not summed."),
    ("ValueError", r"axes don't match array",
     "transpose is given another number of axes than the array has. (x.swapaxes(1, 2) exchanges "
     "two.)"),
    ("ValueError", r"array split does not result in an equal division",
     "np.split cuts an axis into equal parts, and this one cannot be cut so: is it the right one?"),
    ("ValueError", r"Integers to negative integer powers",
     "A whole number to a negative power would be a fraction: 2.0 ** n, with the point, does it."),
    ("KeyError", r"^(.*)$",
     "The key {0} is not in this dict: not yet, perhaps. Where should it come in, and with what?"),
    ("TypeError", r"sequence item 0: expected str instance, bytes",
     'Before .join stands a text, and bytes are joined: b"".join does that.'),
    ("TypeError", r"(?:expected a bytes-like object, str found|can't concat str to bytes"
                  r'|concatenate str \(not "bytes"\))',
     'bytes and texts cannot be joined: b"..." is bytes, "..." is text; .decode makes text of '
     "bytes, .encode bytes of text."),
    ("TypeError", r"unhashable type: '(\w+)'",
     "A {0} cannot be a key of a dict or stand in a set: a tuple can."),
    ("UnicodeDecodeError", r"", "These bytes are no whole characters in this encoding."),
    ("ValueError", r"shapes? (\([\d, ]*\)) ?(?:and)? ?(\([\d, ]*\))",
     "Beside an array of shape {0} one of shape {1} does not fit: element by element NumPy lines "
     "up the last axes (`@` is the matrix product), and `a[:, None]` or keepdims=True puts in an "
     "axis of size 1."),
    ("ValueError", r"mismatch in its core dimension",
     "In a @ b the last axis of a must be as long as the last but one of b. Which axes are they? "
     "(.T turns round all axes; .swapaxes(-1, -2) the last two.)"),
    ("ValueError", r"inhomogeneous shape",
     "Arrays of different shapes do not make one array: work on them one after the other."),
    ("ValueError", r"setting an array element with a sequence",
     "Several numbers are written to a place for one."),
    ("ValueError", r"truth value of an array",
     "One yes or no is asked for where an array of many stands (in `if`, `and`, max(a, b)): "
     "np.where and np.maximum go element by element."),
    ("ValueError", r"(too many|not enough) values to unpack",
     "On the left of `=` stand more or fewer names than there are values on the right."),
    ("IndexError", r"only integers, slices",
     "An index must be a whole number (or an array of them): / makes a float of it, // does not."),
    ("IndexError", r"index (-?\d+) is out of bounds for axis (\d+) with size (\d+)",
     "You index place {0} of an axis that has {2}: they are numbered from 0."),
    ("IndexError", r"index out of range",
     "You index a place that is not there: n of them are numbered 0 to n - 1. (Is there an i + 1 "
     "at the last one?)"),
    ("IndexError", r"too many indices", "You index more axes than the array has."),
    ("AxisError", r"axis (-?\d+) is out of bounds for array of dimension (\d+)",
     "You name axis {0} of an array that has {1} axes: -1 is always the last one."),
    ("TimeoutError", r"still running",
     "Your function does not come to an end, and was stopped: what should make its loop end, and "
     "does that ever happen?"),
    ("IndexError", r"invalid index to scalar", "You index a single number: it has no [...]."),
    ("ZeroDivisionError", r"", "You divide by 0."),
    ("RecursionError", r"", "The function calls itself without end: when should it stop?"),
    ("OverflowError", r"", "A number is too large for a float: of what is exp or a power taken?"),
    ("SystemExit", r"", "exit() ends all of Python: `return` ends the function."),
    ("UFuncTypeError", r"Cannot cast",
     "An array of whole numbers cannot hold fractions: make it one of floats first."),
    ("UFuncTypeError", r"'invert'",
     "~ turns round True and False: it is given numbers."),
    ("TypeError", r"ufunc 'invert'", "~ turns round True and False: it is given numbers."),
)  # fmt: skip


def explain(failure: Failure) -> str:
    """What the error means; "" for one that is not known."""
    for kind, words, meaning in EXPLAINED:
        found = re.search(words, failure.message)
        if failure.kind.lstrip("_").endswith(kind) and found:
            return meaning.format(*found.groups())
    return ""
