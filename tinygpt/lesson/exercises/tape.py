"""Lesson 02, The tape: a product and its way back, gradients that add up, the order of the way."""

from tinygpt.lesson.exercise import (
    Case,
    Exercise,
    Outputs,
    Wrong,
    asked_twice,
    two,
    way_back,
)
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


def exchanged_without_dy(a, b):
    return a * b, lambda dy: (a, b)


def squared(a, b):
    return a * b, lambda dy: (dy * a * a, dy * b * b)


def first_dy_forgotten(a, b):
    return a * b, lambda dy: (b, dy * a)


def second_dy_forgotten(a, b):
    return a * b, lambda dy: (dy * b, a)


def second_from_the_first(a, b):
    return a * b, lambda dy: (dy * b, dy * b * a)


def a_minus(a, b):
    return a * b, lambda dy: (dy * b, -dy * a)


def divided(a, b):
    return a * b, lambda dy: (dy / a if a else 0.0, dy / b)


def divided_crosswise(a, b):
    return a * b, lambda dy: (dy / b, dy / a if a else 0.0)


def no_slope(a, b):
    return a * b, lambda dy: (0.0, 0.0)


def the_same_for_both(a, b):
    return a * b, lambda dy: (dy * b, dy * b)


def a_sum_forward(a, b):
    return a + b, lambda dy: (dy * b, dy * a)


def there_and_back(function, a, b, dy) -> Outputs:
    y, backward = two(function(a, b), "y, backward")
    grads = [way_back(backward)(dy) for _ in range(2)]
    if grads[0] is None:
        return {"y": y, "da": None, "db": None}
    (da, db), again = (two(g, "da, db", "backward") for g in grads)
    asked_twice((da, db), again)
    return {"y": y, "da": da, "db": db}


MUL = Exercise(
    id="02.1",
    name="my_mul",
    form="my_mul(a, b) -> a * b, backward;  backward(dy) -> da, db",
    answer=mul_answer,
    observe=there_and_back,
    inputs=("a", "b", "dy"),
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
        Wrong(
            exchanged_without_dy,
            "The two gradients are exchanged, and dy is nowhere.",
            "How fast does a * b rise with a? And the end, dy times as fast as a * b?",
        ),
        Wrong(
            squared,
            "You multiplied each argument with itself.",
            "If a rises by 1 and b stays at 4, by how much does a * b rise?",
        ),
        Wrong(
            first_dy_forgotten,
            "da has no dy in it; db is right.",
            "What does the line for db do that the one for da does not?",
        ),
        Wrong(
            second_dy_forgotten,
            "db has no dy in it; da is right.",
            "What does the line for da do that the one for db does not?",
        ),
        Wrong(
            second_from_the_first,
            "You made db of da, which has b in it already.",
            "From what should db be computed: from da, or from dy?",
        ),
        Wrong(
            a_minus,
            "db has the other sign: that is as for a difference.",
            "If b rises and a is positive, does a * b fall?",
        ),
        Wrong(
            divided,
            "You divide dy. A product rises the faster with a, the larger b is.",
            "Times or divided by, and by which of the two?",
            (divided_crosswise,),
        ),
        Wrong(
            the_same_for_both,
            "Both get dy times b.",
            "If b rises by 1 and a stays, by how much does a * b rise?",
        ),
        Wrong(
            a_sum_forward,
            "Your y is a + b.",
            "Which operation is this exercise about?",
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
    # each parent with its slope
    for parent, slope in zip(node.parents, node.slopes):
        # its share comes to what it has
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


def _send(share):
    """share(node, i): what parent i gets."""

    def send(node):
        for i, parent in enumerate(node.parents):
            parent.grad += share(node, i)

    return send


def crossed(node):
    for parent, slope in zip(node.parents, reversed(node.slopes), strict=True):
        parent.grad += slope * node.grad


def own_grad_zeroed(node):
    for parent, slope in zip(node.parents, node.slopes, strict=True):
        parent.grad += slope * node.grad
    node.grad = 0.0


def own_grad_zeroed_first(node):
    node.grad = 0.0
    for parent, slope in zip(node.parents, node.slopes, strict=True):
        parent.grad += slope * node.grad


def summed_slopes(node):
    for parent in node.parents:
        parent.grad += sum(node.slopes) * node.grad


def divided_among(node):
    for parent, slope in zip(node.parents, node.slopes, strict=True):
        parent.grad += slope * node.grad / len(node.parents)


def only_into_zero(node):
    for parent, slope in zip(node.parents, node.slopes, strict=True):
        if parent.grad == 0:
            parent.grad = slope * node.grad


def times_the_parent(node):
    for parent, slope in zip(node.parents, node.slopes, strict=True):
        parent.grad += slope * node.grad * parent.value


def value_for_slope(node):
    for parent in node.parents:
        parent.grad += parent.value * node.grad


def other_value_for_slope(node):
    if len(node.parents) == 2:
        a, b = node.parents
        a.grad += b.value * node.grad
        b.grad += a.value * node.grad


def slope_found_by_parent(node):
    for parent in node.parents:
        parent.grad += node.slopes[node.parents.index(parent)] * node.grad


def slope_by_name(node):
    slopes = dict(zip(node.parents, node.slopes, strict=True))
    for parent in node.parents:
        parent.grad += slopes[parent] * node.grad


def each_parent_once(node):
    slopes = dict(zip(node.parents, node.slopes, strict=True))
    for parent, slope in slopes.items():
        parent.grad += slope * node.grad


def last_parent_alone(node):
    for parent, slope in zip(node.parents[-1:], node.slopes[-1:], strict=True):
        parent.grad += slope * node.grad


def taken_off(node):
    for parent, slope in zip(node.parents, node.slopes, strict=True):
        parent.grad -= slope * node.grad


def added_slope(node):
    for parent, slope in zip(node.parents, node.slopes, strict=True):
        parent.grad += slope + node.grad


def on_and_on(node):
    for parent, slope in zip(node.parents, node.slopes, strict=True):
        parent.grad += slope * node.grad
        on_and_on(parent)


def nothing(*_):
    return None


def _product_and_sum(x, y):
    return x * y + x


def _square(x, y):
    return x * x * y


def _diamond(x, y):
    a = x * y
    return (a + x) * (a * y)


def _nothing_left(x, y):
    return Node(x.value - x.value, (x, x), (1.0, -1.0)) + y


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
    in_place=True,
    inputs=("expression", "x", "y", "the grad of the last node"),
    blank=nothing,
    blank_says="no parent's grad is other than before",
    cases=(
        Case((_product_and_sum, 3.0, 4.0, 1.0), "x y + x: two ways lead to x"),
        Case((_product_and_sum, -2.0, 0.5, 0.7)),
        Case((_square, 3.0, 5.0, 1.0), "x x y: both parents are the same node"),
        Case((_diamond, 2.0, 3.0, 1.0)),
        Case((_nothing_left, 3.0, 4.0, 1.0), "x - x + y: one parent twice, with the slopes 1, -1"),
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
        Wrong(
            crossed,
            "Parents and slopes stand crosswise: the first parent gets the slope of the second.",
            "Which slope belongs to which parent?",
        ),
        Wrong(
            own_grad_zeroed,
            "You set the node's own grad to 0. Who looks at it later finds nothing.",
            "Whose grad should change here?",
            (own_grad_zeroed_first,),
        ),
        Wrong(
            summed_slopes,
            "Every parent gets the sum of all slopes.",
            "How fast does the node rise with this parent alone?",
        ),
        Wrong(
            divided_among,
            "You divide the share among the parents. Each acts for itself: nothing has to be "
            "shared out.",
            "If x rises and y stays, how much of the effect is that of x?",
        ),
        Wrong(
            only_into_zero,
            "A parent that has something already gets no more.",
            "Two ways lead from x to the result: what do their effects do?",
        ),
        Wrong(
            times_the_parent,
            "You multiplied with the parent's value besides.",
            "The slope of a product has the other factor in it already: what is missing then?",
        ),
        Wrong(
            value_for_slope,
            "You took the parent's own value for its slope.",
            "Where does it stand how fast this node rises with each parent?",
        ),
        Wrong(
            other_value_for_slope,
            "You took the other parent's value for the slope: right for products, and not for "
            "sums.",
            "Which attribute knows it for every kind of node?",
        ),
        Wrong(
            slope_found_by_parent,
            "Where both parents are the same node, index() finds the first place twice, and "
            "slopes can differ.",
            "How do you go through two lists side by side?",
            (slope_by_name,),
        ),
        Wrong(
            each_parent_once,
            "Where both parents are the same node, it gets one share only.",
            "x x: in how many ways does x act?",
        ),
        Wrong(
            last_parent_alone,
            "Only the last parent got something.",
            "How many parents has a product?",
        ),
        Wrong(
            taken_off,
            "You take the share off.",
            "If the node rises with its parent, and the end with the node, does the end fall?",
        ),
        Wrong(
            added_slope,
            "You added the slope. Two rates, one after the other, do not add.",
            "The node rises twice as fast as x, and the end three times as fast as the node. And "
            "with x?",
        ),
        Wrong(
            on_and_on,
            "You go on to the parents of the parents, whose grad is not complete yet.",
            "Who calls this function for the other nodes, and when?",
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


def _one_by_one(root, order, seed=1.0):
    root.grad = seed
    for node in order:
        send_answer(node)


def as_they_were_found(root):
    _one_by_one(root, _found(root))


def _found(root, pop=-1, marked_when_met=True):
    """All nodes, each once, in the order in which they are met."""
    nodes, todo = [root], [root]
    while todo:
        for parent in todo.pop(pop).parents:
            if parent not in nodes:
                nodes.append(parent)
                todo.append(parent)
    return nodes


def popped_and_sent(root):
    root.grad = 1.0
    nodes, todo = {root}, [root]
    while todo:
        node = todo.pop()
        send_answer(node)
        for parent in node.parents:
            if parent not in nodes:
                nodes.add(parent)
                todo.append(parent)


def met_again(root):
    order, todo = [], [root]
    while todo:
        node = todo.pop()
        order.append(node)
        todo += node.parents
    _one_by_one(root, sorted(order, key=lambda node: node.time, reverse=True))


def marked_too_late(root):
    nodes, todo = [], [root]
    while todo:
        node = todo.pop()
        nodes.append(node)
        todo += [p for p in node.parents if p not in nodes]
    _one_by_one(root, sorted(nodes, key=lambda node: node.time, reverse=True))


def root_and_its_parents(root):
    _one_by_one(root, [root, *root.parents])


def root_alone(root):
    _one_by_one(root, [root])


def known_by_value(root):
    nodes, values, todo = [root], {root.value}, [root]
    while todo:
        for parent in todo.pop().parents:
            if parent.value not in values:
                values.add(parent.value)
                nodes.append(parent)
                todo.append(parent)
    _one_by_one(root, sorted(nodes, key=lambda node: node.time, reverse=True))


def root_again_and_again(root):
    root.grad = 1.0
    for _ in _behind(root):
        send_answer(root)


def overwritten(root):
    root.grad = 1.0
    for node in _behind(root):
        for parent, slope in zip(node.parents, node.slopes, strict=True):
            parent.grad = slope * node.grad


def sent_twice(root):
    _one_by_one(root, [n for n in _behind(root) for _ in range(2)])


def all_begin_with_one(root):
    for node in _behind(root):
        node.grad = 1.0
    for node in _behind(root):
        send_answer(node)


def root_is_two(root):
    _one_by_one(root, _behind(root), 2.0)


def value_as_seed(root):
    root.grad = root.value
    for node in _behind(root):
        send_answer(node)


def _long_and_short(x, y):
    a = x * y
    b = a * y
    return a + b * x


def _twins(x, y):
    return (x * y) * (y * x)


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
    in_place=True,
    inputs=("expression", "x", "y"),
    lends=(("send", "02.2"),),
    blank=nothing,
    blank_says="the grads of x and y are still 0: nothing has reached them",
    cases=(
        Case((_product_and_sum, 3.0, 4.0)),
        Case((_diamond, 2.0, 3.0), "a diamond: two nodes use the same one"),
        Case((_long_and_short, 2.0, 3.0), "a long and a short way to the same node"),
        Case((_diamond, -2.0, 0.5), "negative values"),
        Case((_twins, 3.0, 4.0), "(x y) (y x): two nodes of the same value"),
    ),
    wrongs=(
        Wrong(
            earliest_first,
            "Only the root's own step went back: nobody was asked after it, or the others were "
            "asked before it, when they had nothing to hand on.",
            "Which node is the only one whose grad is known at the start, and who is next?",
            (root_alone,),
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
            "A node handed on before all that use it had answered, so a part of its grad came too"
            " late.",
            "Every node is made after its parents. Which order does node.time suggest?",
            (
                each_once_and_deep,
                as_they_were_found,
                popped_and_sent,
            ),
        ),
        Wrong(
            value_as_seed,
            "You began with the value of the root.",
            "The slope of the result with respect to itself is which number?",
        ),
        Wrong(
            met_again,
            "A node that is reached by two ways is in your list twice, and sends twice.",
            "What do you ask before you put a node into the list?",
            (marked_too_late,),
        ),
        Wrong(
            root_and_its_parents,
            "Only the root and its own parents sent.",
            "When does your search for nodes end?",
        ),
        Wrong(
            known_by_value,
            "You take two nodes of the same value for one.",
            "What makes a node itself: its value, or being this object?",
        ),
        Wrong(
            root_again_and_again,
            "In the loop you let the root send, not the node whose turn it is.",
            "Which name does the loop give to the node of this round?",
        ),
        Wrong(
            overwritten,
            "Two ways lead to the same node, and the second overwrote what the first had brought.",
            "Which sign adds to what is there?",
        ),
        Wrong(
            sent_twice,
            "Every node sends twice.",
            "How many loops call send?",
        ),
        Wrong(
            all_begin_with_one,
            "You set every grad to 1.",
            "Of which node alone is the slope known to be 1?",
        ),
        Wrong(
            root_is_two,
            "You began with 2 at the root.",
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
