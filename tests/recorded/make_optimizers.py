"""Makes optimizers.npz: 20 steps of PyTorch's optimisers on one matrix and one vector.

    pip install torch==2.13.0 numpy
    python tests/recorded/make_optimizers.py

Run in an environment outside of this one; the tests read only the arrays. float64 throughout. The
gradients are given, drawn once (seed 0), growing and shrinking by step so that bias correction
shows. Two groups: the matrix decays, the vector does not.
"""

from pathlib import Path

import numpy as np
import torch
from torch.optim import SGD, Adam, AdamW, NAdam

RUNS = {
    "SGD": (SGD, {"lr": 0.05}),
    "SGD momentum": (SGD, {"lr": 0.05, "momentum": 0.9}),
    "SGD nesterov": (SGD, {"lr": 0.05, "momentum": 0.9, "nesterov": True}),
    "Adam": (Adam, {"lr": 0.02, "betas": (0.9, 0.999), "eps": 1e-8}),
    "AdamW": (AdamW, {"lr": 0.02, "betas": (0.9, 0.999), "eps": 1e-8}),
    "AdamW fast": (AdamW, {"lr": 0.02, "betas": (0.8, 0.95), "eps": 1e-3}),
    "NAdam": (NAdam, {"lr": 0.02, "betas": (0.9, 0.999), "eps": 1e-8}),
    "NAdamW": (
        NAdam,
        {"lr": 0.02, "betas": (0.9, 0.999), "eps": 1e-8, "decoupled_weight_decay": True},
    ),
}
DECAY = 0.1
STEPS = 20


def main():
    torch.set_default_dtype(torch.float64)  # NAdam keeps its product of mus in this type
    rng = np.random.default_rng(0)
    start = {"matrix": rng.standard_normal((2, 3)), "vector": rng.standard_normal(4)}
    scale = np.exp(np.linspace(-2, 2, STEPS))
    gradients = {
        k: rng.standard_normal((STEPS, *w.shape)) * scale.reshape(-1, *[1] * w.ndim)
        for k, w in start.items()
    }
    saved = {f"start {k}": w for k, w in start.items()}
    saved |= {f"gradients {k}": g for k, g in gradients.items()}
    for name, (kind, settings) in RUNS.items():
        w = {k: torch.tensor(v, requires_grad=True) for k, v in start.items()}
        groups = [
            {"params": [w["matrix"]], "weight_decay": DECAY},
            {"params": [w["vector"]], "weight_decay": 0.0},
        ]
        optimizer = kind(groups, **settings)
        path = {k: [] for k in w}
        for step in range(STEPS):
            for k, p in w.items():
                p.grad = torch.tensor(gradients[k][step])
            optimizer.step()
            for k, p in w.items():
                path[k].append(p.detach().numpy().copy())
        saved |= {f"{name} {k}": np.stack(v) for k, v in path.items()}
    np.savez_compressed(Path(__file__).with_name("optimizers.npz"), **saved)


if __name__ == "__main__":
    main()
