"""SwiGLU: an MLP whose hidden values pass through a gate that the input itself opens.

y = silu(g) x,   silu(g) = g s,   s = 1 / (1 + exp(-g))     open where g is large
"""

from tinygpt.autograd.engine import Tensor, op
from tinygpt.autograd.mode import recording
from tinygpt.backend import array_module, pieces
from tinygpt.nn.initial import Rng, generator
from tinygpt.nn.linear import Linear
from tinygpt.nn.module import Module


def swiglu_plain(gate, x):
    """The formula on Tensors."""
    return gate / (1.0 + (-gate).exp()) * x


# s' = s (1 - s), so silu' = s + g s (1 - s) by the product rule; and y is a product of silu and x:
# dg = dy x silu'(g),  dx = dy silu(g).
@op
def swiglu(gate, x, /):
    """y = silu(g) x,  silu(g) = g s,  s = 1 / (1 + exp(-g)).   gate, x, y of one shape

    -1, 0, 1 as gate and 1 as x -> -0.2689, 0, 0.7311. ValueError for two shapes.
    Shazeer 2020, "GLU Variants Improve Transformer", section 2.
    """
    if gate.shape != x.shape:
        raise ValueError(f"expected a gate of x's shape {x.shape}, got {gate.shape}")
    xp, shape = array_module(gate), gate.shape
    gate, x = gate.reshape(-1), x.reshape(-1)  # long rows, to be cut into pieces
    y, silu = xp.empty_like(x), xp.empty_like(x)
    slope = xp.empty_like(x) if recording() else None  # dy/dg
    for piece in pieces(x):
        g = gate[piece]
        s = 0.5 * g  # (1 + tanh(g / 2)) / 2 is 1 / (1 + exp(-g)), but cannot overflow
        xp.tanh(s, out=s)
        s += 1.0
        s *= 0.5
        gs = xp.multiply(g, s, out=silu[piece])
        xp.multiply(gs, x[piece], out=y[piece])
        if slope is None:
            continue
        dg = xp.subtract(1.0, s, out=slope[piece])
        dg *= gs
        dg += s  # silu' = s + g s (1 - s), made now, with everything in cache
        dg *= x[piece]
    y, silu = y.reshape(shape), silu.reshape(shape)
    return y, (None if slope is None else lambda dy: (dy * slope.reshape(shape), dy * silu))


class SwiGLU(Module):
    """y = (silu(x W_gate) * (x W_fc)) W_proj.   (..., C) -> (..., C)

    c_gate and c_fc (C, n_inner), c_proj (n_inner, C). With n_inner 8/3 C it has as many parameters
    as an MLP four times as wide.
    """

    def __init__(
        self,
        n_embd: int,
        *,
        n_inner: int,
        bias: bool = True,
        std: float = 0.02,
        residual_std: float = 0.02,
        rng: Rng = None,
    ):
        rng = generator(rng)
        self.c_gate = Linear(n_embd, n_inner, bias=bias, std=std, rng=rng)
        self.c_fc = Linear(n_embd, n_inner, bias=bias, std=std, rng=rng)
        self.c_proj = Linear(n_inner, n_embd, bias=bias, std=residual_std, rng=rng)

    def __call__(self, x: Tensor) -> Tensor:
        return self.c_proj(self.hidden(x))

    def hidden(self, x: Tensor) -> Tensor:
        """(..., C) -> (..., n_inner)"""
        return swiglu(self.c_gate(x), self.c_fc(x))
