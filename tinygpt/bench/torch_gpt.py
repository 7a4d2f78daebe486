"""The same GPT in PyTorch, as its users write it at their best: fused attention, fused AdamW, no
copies. Where there are several such ways (WAYS), each is tried before anything is timed, and the
fastest one is what tinygpt is compared with. Only here for that; PyTorch is no dependency.
"""

from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

WAYS = {  # to get q, k and v (B, H, T, D) out of c_attn's result (B, T, 3C)
    "split, then view (nanoGPT's)": lambda qkv, H: (
        part.view(*qkv.shape[:2], H, -1).transpose(1, 2) for part in qkv.chunk(3, dim=2)
    ),
    "one view, then unbind": lambda qkv, H: (
        qkv.view(*qkv.shape[:2], 3, H, -1).permute(2, 0, 3, 1, 4).unbind(0)
    ),
}
WRITING_WAYS = ("addmm, weights turned once", "nn.Linear")


class Block(nn.Module):
    way = WAYS["split, then view (nanoGPT's)"]

    def __init__(self, C: int, n_head: int, bias: bool):
        super().__init__()
        self.n_head = n_head
        self.ln_1, self.ln_2 = nn.LayerNorm(C, bias=bias), nn.LayerNorm(C, bias=bias)
        self.c_attn, self.attn_proj = nn.Linear(C, 3 * C, bias), nn.Linear(C, C, bias)
        self.c_fc, self.mlp_proj = nn.Linear(C, 4 * C, bias), nn.Linear(4 * C, C, bias)

    def forward(self, x: torch.Tensor, cache: Any = None) -> torch.Tensor:
        B, T, C = x.shape
        q, k, v = type(self).way(self.c_attn(self.ln_1(x)), self.n_head)
        if cache is not None:
            k, v = cache.extend(k, v)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=T > 1)
        x = x + self.attn_proj(y.transpose(1, 2).reshape(B, T, C))
        return x + self.mlp_proj(F.gelu(self.c_fc(self.ln_2(x)), approximate="tanh"))


class Cache:
    """Keys and values of one layer, with room for the whole text."""

    def __init__(self, n_head: int, longest: int, width: int):
        self.k, self.v = (torch.empty(1, n_head, longest, width) for _ in "kv")
        self.n = 0

    def extend(self, k: torch.Tensor, v: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        start, self.n = self.n, self.n + k.shape[2]
        self.k[:, :, start : self.n], self.v[:, :, start : self.n] = k, v
        return self.k[:, :, : self.n], self.v[:, :, : self.n]


class TorchGPT(nn.Module):
    def __init__(self, config: Any):
        super().__init__()
        self.config = config
        self.wte = nn.Embedding(config.vocab_size, config.n_embd)
        self.wpe = nn.Embedding(config.block_size, config.n_embd)
        C, bias = config.n_embd, config.bias
        self.h = nn.ModuleList(Block(C, config.n_head, bias) for _ in range(config.n_layer))
        self.ln_f = nn.LayerNorm(C, bias=bias)

    def hidden(self, ids: torch.Tensor, start: int = 0, caches: Any = None) -> torch.Tensor:
        places = torch.arange(start, start + ids.shape[1], device=ids.device)
        x = self.wte(ids) + self.wpe(places)
        for i, block in enumerate(self.h):
            x = block(x, None if caches is None else caches[i])
        return self.ln_f(x)

    def loss(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        logits = F.linear(self.hidden(x), self.wte.weight)
        return F.cross_entropy(logits.view(-1, logits.shape[-1]), y.view(-1))

    def load(self, state: dict[str, np.ndarray]) -> "TorchGPT":
        """Our weights: (in, out) there is (out, in) here."""
        own = dict(self.named_parameters())
        with torch.no_grad():
            for name, array in state.items():
                name = name.replace(".attn.c_proj", ".attn_proj").replace(".attn.c_attn", ".c_attn")
                name = name.replace(".mlp.c_proj", ".mlp_proj").replace(".mlp.c_fc", ".c_fc")
                turned = array.ndim == 2 and name.startswith("h.")
                own[name].copy_(torch.from_numpy(array.T.copy() if turned else array))
        return self


def trainer(model: TorchGPT, lr: float, betas: tuple[float, float], weight_decay: float) -> Any:
    """One step, as a function of a batch: forward, loss, backward, clip 1.0, AdamW."""
    matrices = [p for p in model.parameters() if p.dim() >= 2]
    vectors = [p for p in model.parameters() if p.dim() < 2]
    groups = [
        {"params": matrices, "weight_decay": weight_decay},
        {"params": vectors, "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=lr, betas=betas, fused=True)

    def step(x: torch.Tensor, y: torch.Tensor, lr: float = lr) -> torch.Tensor:
        for group in groups:
            group["lr"] = lr
        optimizer.zero_grad(set_to_none=True)
        loss = model.loss(x, y)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        return loss

    return step


class Writer:
    """Greedy writing with a KV cache. On some processors PyTorch multiplies a single row fastest as
    addmm with weights that lie as (in, out), so that they are turned once; on others as it is."""

    def __init__(self, model: TorchGPT):
        self.m, self.way = model.eval(), WRITING_WAYS[0]
        self.w = [
            [
                (layer.weight.detach().t().contiguous(), layer.bias.detach())
                for layer in (b.c_attn, b.attn_proj, b.c_fc, b.mlp_proj)
            ]
            for b in model.h
        ]
        self.table = model.wte.weight.detach()

    @torch.inference_mode()
    def write(self, prompt: list[int], n: int) -> list[int]:
        c = self.m.config
        C, H = c.n_embd, c.n_head
        caches = [Cache(H, len(prompt) + n, C // H) for _ in range(c.n_layer)]
        x = self.m.hidden(torch.tensor([prompt]), 0, caches)[:, -1]
        ids: list[int] = []
        for i in range(n):
            ids.append(int(F.linear(x, self.table).argmax()))
            if i + 1 < n:
                x = self._next(ids[-1], len(prompt) + i, caches, C, H)
        return ids

    def _next(self, id: int, place: int, caches: Any, C: int, H: int) -> torch.Tensor:
        m = self.m
        if self.way == "nn.Linear":
            return m.hidden(torch.tensor([[id]]), place, caches)[:, -1]
        x = (self.table[id] + m.wpe.weight[place]).view(1, C)
        for block, cache, (attn, proj, fc, down) in zip(m.h, caches, self.w, strict=True):
            q, k, v = torch.addmm(attn[1], block.ln_1(x), attn[0]).view(3, 1, H, 1, C // H)
            k, v = cache.extend(k, v)
            y = F.scaled_dot_product_attention(q, k, v).view(1, C)
            x = x + torch.addmm(proj[1], y, proj[0])
            h = F.gelu(torch.addmm(fc[1], block.ln_2(x), fc[0]), approximate="tanh")
            x = x + torch.addmm(down[1], h, down[0])
        return m.ln_f(x)
