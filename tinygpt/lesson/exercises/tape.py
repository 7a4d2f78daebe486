"""Lesson 02, The tape: a product and its way back, gradients that add up, the order of the way."""

from tinygpt.lesson.exercise import Case, Exercise, Outputs, Wrong
from tinygpt.lesson.node import Node

# ------------------------------------------------------------------------------------- 02.1


def mul_answer(a, b):
    def backward(dy):
        return dy * b, dy * a

    return a * b, backward


def no_way_back(a, b):
    return a * b, lambda dy: None


def exchanged(a, b):
    return a * b, lambda dy: (dy * a, dy * b)


def dy_forgotten(a, b):
    return a * b, lambda dy: (b, a)


def dy_added(a, b):
    return a * b, lambda dy: (dy + b, dy + a)


def as_a_sum(a, b):
    return a * b, lambda dy: (dy, dy)


def by_the_result(a, b):
    y = a * b
    return y, lambda dy: (dy * y, dy * y)


def by_division(a, b):
    y = a * b
    return y, lambda dy: (dy * y / a, dy * y / b)


def there_and_back(function, a, b, dy) -> Outputs:
    y, backward = function(a, b)
    da, db = backward(dy)
    return {"y": y, "da": da, "db": db}


MUL = Exercise(
    id="02.1",
    name="my_mul",
    form="my_mul(a, b) -> a * b, backward;  backward(dy) -> da, db",
    answer=mul_answer,
    observe=there_and_back,
    blank=no_way_back,
    cases=(
        Case((3.0, 4.0, 0.7)),
        Case((-2.0, 5.0, -1.5)),
        Case((0.0, 4.0, 3.0), "a is 0"),
    ),
    wrongs=(
        Wrong(
            exchanged,
            "The two gradients are exchanged.",
            "If a rises by 1 and b stays, by how much does a * b rise?",
        ),
        Wrong(
            dy_forgotten,
            "Right if dy is 1. dy is how fast the end result rises with this product: the way goes "
            "on from there.",
            "The product rises b times as fast as a, the end dy times as fast as the product. And "
            "with a?",
        ),
        Wrong(
            dy_added,
            "You added dy. Two rates, one after the other, do not add.",
            "The product rises b times as fast as a, the end dy times as fast as the product: how "
            "fast altogether?",
        ),
        Wrong(
            as_a_sum,
            "That is the way back of a + b.",
            "With b = 4, how much does a * b rise when a rises by 1?",
        ),
        Wrong(
            by_the_result,
            "You multiplied with the product itself.",
            "Which of a and b stays when only a changes?",
        ),
        Wrong(
            by_division,
            "Right, until an argument is 0: then you divide 0 by 0.",
            "The product divided by a is an argument that you have already: which one?",
        ),
    ),
    hints=(
        "Keep b fixed and let a rise a little: a * b rises b times as much. That is the slope with "
        "respect to a. What comes back is that slope times dy.",
        "For a difference a - b:\n\n"
        "    def backward(dy):\n"
        "        return dy * 1, dy * ____\n\n"
        "because a - b falls when b rises.",
    ),
)

# ------------------------------------------------------------------------------------- 02.2


def send_answer(node):
    for parent, slope in zip(node.parents, node.slopes, strict=True):
        parent.grad += slope * node.grad


def overwrites(node):
    for parent, slope in zip(node.parents, node.slopes, strict=True):
        parent.grad = slope * node.grad


def slope_alone(node):
    for parent, slope in zip(node.parents, node.slopes, strict=True):
        parent.grad += slope


def grad_alone(node):
    for parent in node.parents:
        parent.grad += node.grad


def times_the_value(node):
    for parent, slope in zip(node.parents, node.slopes, strict=True):
        parent.grad += slope * node.value


def first_parent_alone(node):
    for parent, slope in zip(node.parents[:1], node.slopes[:1], strict=True):
        parent.grad += slope * node.grad


def into_itself(node):
    for slope in node.slopes:
        node.grad += slope * node.grad


def nothing(*_):
    return None


def _product_and_sum(x, y):
    return x * y + x


def _square(x, y):
    return x * x * y


def _diamond(x, y):
    a = x * y
    return (a + x) * (a * y)


def _behind(root):
    nodes, stack = {root}, [root]
    while stack:
        for parent in stack.pop().parents:
            if parent not in nodes:
                nodes.add(parent)
                stack.append(parent)
    return sorted(nodes, key=lambda node: node.time, reverse=True)


def _sent(send, expression, x, y, dy) -> Outputs:
    x, y = Node(x), Node(y)
    root = expression(x, y)
    root.grad = dy
    for node in _behind(root):
        send(node)
    return {"x.grad": x.grad, "y.grad": y.grad, "the node's own grad": root.grad}


SEND = Exercise(
    id="02.2",
    name="my_send",
    form="my_send(node): adds to the grad of each of node.parents; returns nothing",
    answer=send_answer,
    observe=_sent,
    blank=nothing,
    blank_says="no parent's grad has changed: not written yet, or something else was changed",
    cases=(
        Case((_product_and_sum, 3.0, 4.0, 1.0), "x y + x: two ways lead to x"),
        Case((_product_and_sum, -2.0, 0.5, 0.7)),
        Case((_square, 3.0, 5.0, 1.0), "x x y: both parents are the same node"),
        Case((_diamond, 2.0, 3.0, 1.0)),
    ),
    wrongs=(
        Wrong(
            overwrites,
            "Two ways lead from x to the result, and the second one overwrote what the first had "
            "brought.",
            "A small rise of x acts along both ways at once: what do the two effects do?",
        ),
        Wrong(
            slope_alone,
            "You hand on the slope of this step alone.",
            "How fast does the end rise with this node, and where does that number stand?",
        ),
        Wrong(
            grad_alone,
            "You hand on node.grad unchanged, as if every step had the slope 1.",
            "Which list holds how fast this node rises with each parent?",
        ),
        Wrong(
            times_the_value,
            "You multiplied with node.value. The chain rule multiplies slopes.",
            "Which attribute says how fast the end result rises with this node?",
        ),
        Wrong(
            first_parent_alone,
            "Only the first parent got something.",
            "How many parents has a product?",
        ),
        Wrong(
            into_itself,
            "You changed the node's own grad. It is complete; now its parents should hear of it.",
            "Whose grad stands at the other end of the edge?",
        ),
    ),
    hints=(
        "Go through the parents and the slopes side by side (zip). Each parent gets slope times "
        "node.grad, and keeps what others brought before.",
        "The same for a firm that passes a profit on to its owners, each with a share:\n\n"
        "    for owner, share in zip(firm.owners, firm.shares):\n"
        "        owner.money ____ share * ____\n\n"
        "An owner may have other firms.",
    ),
)

# ------------------------------------------------------------------------------------- 02.3


def backward_answer(root):
    nodes, todo = {root}, [root]
    while todo:
        for parent in todo.pop().parents:
            if parent not in nodes:
                nodes.add(parent)
                todo.append(parent)
    root.grad = 1.0
    for node in sorted(nodes, key=lambda node: node.time, reverse=True):
        for parent, slope in zip(node.parents, node.slopes, strict=True):
            parent.grad += slope * node.grad


def earliest_first(root):
    root.grad = 1.0
    for node in reversed(_behind(root)):
        send_answer(node)


def at_once(root):
    root.grad = 1.0
    stack = [root]
    while stack:
        node = stack.pop(0)
        send_answer(node)
        stack.extend(node.parents)


def at_once_and_deep(root):
    def go(node):
        send_answer(node)
        for parent in node.parents:
            go(parent)

    root.grad = 1.0
    go(root)


def each_once_and_deep(root):
    seen = set()

    def go(node):
        if node in seen:
            return
        seen.add(node)
        send_answer(node)
        for parent in node.parents:
            go(parent)

    root.grad = 1.0
    go(root)


def largest_value_first(root):
    root.grad = 1.0
    for node in sorted(_behind(root), key=lambda node: node.value, reverse=True):
        send_answer(node)


def every_one_a_root(root):
    root.grad = 1.0
    send_answer(root)
    for parent in root.parents:
        every_one_a_root(parent)


def each_once_when_met(root):
    root.grad = 1.0
    seen, queue = {root}, [root]
    while queue:
        node = queue.pop(0)
        send_answer(node)
        for parent in node.parents:
            if parent not in seen:
                seen.add(parent)
                queue.append(parent)


def value_as_seed(root):
    root.grad = root.value
    for node in _behind(root):
        send_answer(node)


def _long_and_short(x, y):
    a = x * y
    b = a * y
    return a + b * x


def _gone_back(backward, expression, x, y) -> Outputs:
    x, y = Node(x), Node(y)
    backward(expression(x, y))
    return {"x.grad": x.grad, "y.grad": y.grad}


BACKWARD = Exercise(
    id="02.3",
    name="my_backward",
    form="my_backward(root): fills in the grad of every node behind root; returns nothing",
    answer=backward_answer,
    observe=_gone_back,
    blank=nothing,
    blank_says="every grad is still 0: not written yet, or nothing was put in at the root",
    cases=(
        Case((_product_and_sum, 3.0, 4.0)),
        Case((_diamond, 2.0, 3.0), "a diamond: two nodes use the same one"),
        Case((_long_and_short, 2.0, 3.0), "a long and a short way to the same node"),
        Case((_diamond, -2.0, 0.5), "negative values"),
    ),
    wrongs=(
        Wrong(
            earliest_first,
            "Only the root's own step went back: nobody was asked after it, or the others were "
            "asked before it, when they had nothing to hand on.",
            "Which node is the only one whose grad is known at the start, and who is next?",
        ),
        Wrong(
            at_once,
            "A node that is used twice was sent twice, the second time with what had gone before.",
            "How often may a node hand on, and when is its grad complete?",
            (at_once_and_deep,),
        ),
        Wrong(
            every_one_a_root,
            "You called the whole way back for each parent, and so set its grad to 1.",
            "Of which node alone is the grad known to be 1?",
        ),
        Wrong(
            largest_value_first,
            "You went by the size of the values. A parent can be larger than its child.",
            "Which number tells when a node was made?",
        ),
        Wrong(
            each_once_when_met,
            "A node handed on before all that use it had answered, so a part of its grad came too "
            "late.",
            "Every node is made after its parents. Which order does node.time suggest?",
            (each_once_and_deep,),
        ),
        Wrong(
            value_as_seed,
            "You began with the value of the root.",
            "The slope of the result with respect to itself is which number?",
        ),
    ),
    hints=(
        "Three steps. Collect all nodes behind the root, each once. Set root.grad to the slope of "
        "the result with respect to itself. Then let each node send, the latest first: when its "
        "turn comes, everybody who uses it has sent.",
        "Collecting all ancestors of a person, each once, youngest first:\n\n"
        "    found, todo = {person}, [person]\n"
        "    while todo:\n"
        "        for parent in todo.pop().parents:\n"
        "            if parent not in found:\n"
        "                found.add(parent)\n"
        "                todo.append(____)\n"
        "    order = sorted(found, key=lambda p: p.born, reverse=____)",
    ),
)

EXERCISES = (MUL, SEND, BACKWARD)
