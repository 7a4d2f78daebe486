"""Makes gpt.npz: a small GPT-2 in PyTorch, its logits, loss, gradients, and five training steps.

    pip install torch==2.13.0 numpy
    python tests/recorded/make_gpt.py

Run in an environment outside of this one; the tests read only the arrays. float64 throughout.
PyTorch computes attention by its own scaled_dot_product_attention, the norm by layer_norm, the loss
by cross_entropy, the steps by AdamW in two groups (matrices decay, vectors do not) after
clip_grad_norm_.
"""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

V, T, N, H, C = 11, 7, 2, 3, 12


def make_weights(rng):
    w = {"wte.weight": (V, C), "wpe.weight": (T, C), "ln_f.weight": (C,), "ln_f.bias": (C,)}
    for i in range(N):
        w |= {
            f"h.{i}.ln_1.weight": (C,),
            f"h.{i}.ln_1.bias": (C,),
            f"h.{i}.attn.c_attn.weight": (C, 3 * C),
            f"h.{i}.attn.c_attn.bias": (3 * C,),
            f"h.{i}.attn.c_proj.weight": (C, C),
            f"h.{i}.attn.c_proj.bias": (C,),
            f"h.{i}.ln_2.weight": (C,),
            f"h.{i}.ln_2.bias": (C,),
            f"h.{i}.mlp.c_fc.weight": (C, 4 * C),
            f"h.{i}.mlp.c_fc.bias": (4 * C,),
            f"h.{i}.mlp.c_proj.weight": (4 * C, C),
            f"h.{i}.mlp.c_proj.bias": (C,),
        }
    return {name: 0.3 * rng.standard_normal(shape) for name, shape in w.items()}


def logits(w, ids):
    x = w["wte.weight"][ids] + w["wpe.weight"][: ids.shape[1]]
    for i in range(N):
        p = f"h.{i}."

        def norm(x, name, p=p):
            return F.layer_norm(x, (C,), w[p + name + ".weight"], w[p + name + ".bias"])

        def linear(x, name, p=p):
            return x @ w[p + name + ".weight"] + w[p + name + ".bias"]

        q, k, v = linear(norm(x, "ln_1"), "attn.c_attn").split(C, dim=2)
        q, k, v = (a.view(*a.shape[:2], H, C // H).transpose(1, 2) for a in (q, k, v))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + linear(y.transpose(1, 2).reshape(x.shape), "attn.c_proj")
        h = F.gelu(linear(norm(x, "ln_2"), "mlp.c_fc"), approximate="tanh")
        x = x + linear(h, "mlp.c_proj")
    x = F.layer_norm(x, (C,), w["ln_f.weight"], w["ln_f.bias"])
    return x @ w["wte.weight"].T


def main():
    rng = np.random.default_rng(2)
    weights = make_weights(rng)
    batches = rng.integers(0, V, (5, 4, T + 1))
    batches[0, 1, 4:] = -100  # as targets; as inputs below they are 0
    w = {name: torch.tensor(a, requires_grad=True) for name, a in weights.items()}
    groups = [
        {"params": [p for p in w.values() if p.ndim == 2], "weight_decay": 0.1},
        {"params": [p for p in w.values() if p.ndim == 1], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=1e-2, betas=(0.9, 0.999), eps=1e-8)
    saved = {f"weights/{name}": a for name, a in weights.items()}
    saved["batches"] = batches
    losses, norms = [], []
    for step, batch in enumerate(batches):
        x = torch.tensor(np.where(batch[:, :-1] < 0, 0, batch[:, :-1]))
        y = torch.tensor(batch[:, 1:])
        z = logits(w, x)
        loss = F.cross_entropy(z.reshape(-1, V), y.reshape(-1), ignore_index=-100)
        optimizer.zero_grad()
        loss.backward()
        if step == 0:
            saved["logits"] = z.detach().numpy()
            saved |= {f"gradients/{name}": p.grad.numpy().copy() for name, p in w.items()}
        norms.append(torch.nn.utils.clip_grad_norm_(w.values(), 0.4).item())
        optimizer.step()
        losses.append(loss.item())
    saved |= {f"after/{name}": p.detach().numpy() for name, p in w.items()}
    saved["losses"], saved["norms"] = np.array(losses), np.array(norms)
    np.savez_compressed(Path(__file__).with_name("gpt.npz"), **saved)
    print(losses, norms, torch.__version__)


if __name__ == "__main__":
    main()
