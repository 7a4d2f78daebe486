"""export: a GPT in a form that other programs read, where it can be said exactly.

Hugging Face's transformers knows GPT-2's layout and Llama's. A model that needs neither word for
word may still compute a function that GPT-2's layout has:

    no biases           biases that are 0
    sinusoidal, none    a table of positions: the sines, or zeros
    few key heads       c_attn with the columns of each key and value repeated
    adapters            added to the matrices that they adapt

What has no such form (rotary positions beside layer norms, ALiBi, a gate) is refused by name.
"""

import copy
from dataclasses import replace

import numpy as np

from tinygpt.autograd.engine import Tensor
from tinygpt.models import gpt2_format, llama_format
from tinygpt.models.config import GPTConfig
from tinygpt.models.gpt import GPT
from tinygpt.nn.position import SinusoidalPosition

NOT_GPT2 = {"position": ("rotary", "alibi"), "norm": ("rms_norm",), "mlp": ("swiglu",)}


def obstacles(config: GPTConfig) -> list[str]:
    """What keeps a model of this config out of GPT-2's layout and of Llama's, however it is
    written: of the one that is nearer. Nothing where one of them can say it."""
    fields = vars(config) | {"lora_rank": 0}  # adapters are merged
    for_gpt2 = [name for name, values in NOT_GPT2.items() if fields[name] in values]
    for_gpt2 += ["n_classes"] if config.n_classes else []
    for_llama = [name for name, value in llama_format.SHAPE.items() if fields[name] != value]
    return [f"{name} = {fields[name]}" for name in min(for_gpt2, for_llama, key=len)]


def is_published(config: GPTConfig) -> bool:
    """Is a model of this config saved in a layout that transformers knows, as it is?"""
    return llama_format.is_llama(vars(config)) or gpt2_format.is_gpt2(vars(config))


def exportable(model: GPT) -> GPT:
    """The model itself, or another one that computes the same and that transformers can read.
    ValueError names what stands in the way."""
    wrong = obstacles(model.config)
    wrong += [f"{name or 'the model'}, a {kind}" for name, kind in model.own_parts().items()]
    if wrong:
        raise ValueError(
            f"this model cannot be written for transformers: {', '.join(wrong)}. GPT-2's layout "
            f"has learned, sinusoidal or no positions, layer norms and an MLP with GELU; Llama's "
            f"has rotary positions, RMS norms, a gate (swiglu) and no biases"
        )
    if model.config.lora_rank:
        model = copy.deepcopy(model).to("cpu").merge_adapters()
    if is_published(model.config):
        return model
    c = replace(model.config, bias=True, position="learned", n_kv_head=0)
    gpt2 = GPT(c, seed=None, device="cpu")
    gpt2.generation = dict(model.generation)
    theirs = model.state_dict()
    if model.config.n_kv_head:
        theirs = {name: _repeated(name, a, model.config) for name, a in theirs.items()}
    if model.config.position == "sinusoidal":
        zeros = Tensor(np.zeros((c.block_size, c.n_embd), np.float32))
        theirs["wpe.weight"] = SinusoidalPosition()(zeros).numpy()
    for name, p in gpt2.named_parameters():  # what theirs lacks, biases and positions, stays 0
        if name in theirs:
            p.data[...] = theirs[name]
    return gpt2


def _repeated(name: str, a: np.ndarray, c: GPTConfig) -> np.ndarray:
    """c_attn with every key and value as often as queries read it.
    (..., (H + 2G) D) -> (..., 3 H D)"""
    if ".attn.c_attn." not in name:
        return a
    H, G = c.n_head, c.kv_heads
    heads = a.reshape(*a.shape[:-1], H + 2 * G, -1)
    times = [1] * H + [H // G] * (2 * G)
    return np.repeat(heads, times, axis=-2).reshape(*a.shape[:-1], -1)
