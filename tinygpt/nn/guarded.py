"""What a Module refuses, in words, and how it prints: Module inherits from this."""

from collections.abc import Callable, Iterator
from typing import Any

from tinygpt.autograd import habits
from tinygpt.autograd.engine import Tensor
from tinygpt.autograd.parameters import Frozen, Parameter


class Guarded:
    """forward and __call__ are one; no parameter is lost in silence; what is called otherwise in
    other libraries says so."""

    _children: Callable[[], Iterator[tuple[str, Any]]]  # these two are in module.py
    named_tensors: Callable[[], Iterator[tuple[str, Any]]]

    def _forward(self, *args: Any, **settings: Any) -> Any:
        if getattr(type(self), "forward", None) is None:
            raise TypeError(f"{type(self).__name__} has neither __call__ nor forward")
        return self.forward(*args, **settings)

    __call__: Callable[..., Any] = _forward

    def __init_subclass__(cls, **more: Any) -> None:
        """The two names mean one thing: whichever a class writes, the other is it too."""
        super().__init_subclass__(**more)
        own = vars(cls)
        if "forward" in own and "__call__" not in own:
            cls.__call__ = Guarded._forward
        elif "__call__" in own and "forward" not in own:
            cls.forward = own["__call__"]

    def __setattr__(self, name: str, value: Any) -> None:
        """TypeError where a parameter or part would be lost: trained and saved no more, in silence;
        or where its name is one that Module needs itself."""
        before, kept = vars(self).get(name), (Parameter, Frozen, Guarded)
        if isinstance(before, kept) and not (value is None or isinstance(value, kept)):
            raise TypeError(
                f"{type(self).__name__}.{name} is a {type(before).__name__}, and a "
                f"{type(value).__name__} in its place would be neither trained nor saved: "
                + ("write a Module there" if isinstance(before, Guarded) else
                   f"write {name}.data[...] = values, or a tinygpt.Parameter")
            )  # fmt: skip
        if isinstance(value, Tensor | Guarded):
            module = next(c for c in type(self).__mro__ if Guarded in c.__bases__)
            if any(name in vars(c) for c in (module, *module.__bases__)):
                raise TypeError(f"{name!r} is a name that Module uses itself: give it another")
        if name == "forward":
            raise TypeError("forward is looked up in the class: write a subclass with your own")
        object.__setattr__(self, name, value)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise habits.missing(
            type(self).__name__, name, habits.MODULE, [*dir(type(self)), *vars(self)]
        )

    def __repr__(self) -> str:
        """A tree of what is in it, with shapes and numbers of parameters."""
        return "\n".join(self._tree(type(self).__name__, ""))

    def _tree(self, title: str, indent: str) -> Iterator[str]:
        n = sum(p.size for _, p in self.named_tensors())
        yield f"{indent}{title}  {n:,}" if n else f"{indent}{title}"
        for name, value in self._children():
            if isinstance(value, Guarded):
                yield from value._tree(f"{name}: {type(value).__name__}", indent + "  ")
            elif isinstance(value, Parameter | Frozen):
                frozen = "" if value.requires_grad else ", frozen"
                yield f"{indent}  {name} {value.shape}{frozen}"


def plain_array(name: str, values: Any) -> Any:
    """TypeError for a tensor of PyTorch: its matrices lie the other way round."""
    if type(values).__module__.split(".")[0] == "torch":
        raise TypeError(
            f"{name} is a PyTorch tensor: give arrays, {name}.numpy(), and of a PyTorch Linear the "
            f"weight as .T.numpy(): there it is (out, in), here (in, out)"
        )
    return values.data if isinstance(values, Tensor) else values
