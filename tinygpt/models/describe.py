"""describe: what a GPT is made of, as a table."""

from typing import Any

from tinygpt.nn.module import Module

Row = tuple[str, str, int, int]  # layer, shape of what it gives, parameters, multiply-adds


def layers(model: Any) -> list[Row]:
    """A row for each layer of a GPT that reads one text of block_size tokens.

    A linear layer needs in x out multiply-adds for each token. In attention the token at position t
    looks at t + 1 others: D for each score and D for each mixture, in every head.
    """
    c = model.config
    V, T, H, C = c.vocab_size, c.block_size, c.n_head, c.n_embd

    def plain(name: str, module: Any) -> Row:
        return name, f"({T}, {C})", module.num_parameters(), 0

    def linear(name: str, module: Any) -> Row:
        n_in, n_out = module.weight.shape
        return name, f"({T}, {n_out})", module.num_parameters(), T * n_in * n_out

    rows = [plain("wte", model.wte)]
    if model.wpe is not None:
        rows.append(plain("wpe", model.wpe))
    for i, block in enumerate(model.h):
        rows += [
            plain(f"h.{i}.ln_1", block.ln_1),
            linear(f"h.{i}.attn.c_attn", block.attn.c_attn),
            (f"h.{i}.attn", f"({H}, {T}, {T})", 0, C * T * (T + 1)),
            linear(f"h.{i}.attn.c_proj", block.attn.c_proj),
            plain(f"h.{i}.ln_2", block.ln_2),
            *(linear(f"h.{i}.mlp.{name}", layer) for name, layer in vars(block.mlp).items()
              if isinstance(layer, Module)),
        ]  # fmt: skip
    rows.append(plain("ln_f", model.ln_f))
    if model.score is not None:
        rows.append(linear("score", model.score))
    elif model.lm_head is None:
        rows.append(("head (the table of wte)", f"({T}, {V})", 0, T * C * V))
    else:
        rows.append(("lm_head", f"({T}, {V})", model.lm_head.num_parameters(), T * C * V))
    return rows


def describe(model: Any) -> str:
    """The table, with one block written out and the sum of all. Of a model with parts of its own,
    which may compute anything, the tree that print(model) gives."""
    if model.own_parts():
        return repr(model)
    rows, n = layers(model), model.config.n_layer
    shown = [r for r in rows if not r[0].startswith("h.") or r[0].startswith("h.0.")]
    if n > 1:
        others = [r for r in rows if r[0].startswith("h.") and not r[0].startswith("h.0.")]
        name = "h.1, as h.0" if n == 2 else f"h.1 ... h.{n - 1}, as h.0"
        sums = (sum(r[2] for r in others), sum(r[3] for r in others))
        shown.insert(len(shown) - 2, (name, "", *sums))
    shown.append(("together", "", sum(r[2] for r in rows), sum(r[3] for r in rows)))
    width = max(len(r[0]) for r in shown)
    lines = [f"{'layer':<{width}}  {'gives':<16} {'parameters':>13} {'multiply-adds':>16}"]
    lines += [f"{a:<{width}}  {b:<16} {p:>13,} {m:>16,}" for a, b, p, m in shown]
    return "\n".join(lines)
