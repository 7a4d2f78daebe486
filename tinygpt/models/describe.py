"""describe: what a GPT is made of, as a table."""

from typing import Any

Row = tuple[str, str, int, int]  # layer, shape of what it gives, parameters, multiply-adds


def layers(model: Any) -> list[Row]:
    """A row for each layer of a GPT that reads one text of block_size tokens.

    A linear layer needs in x out multiply-adds for each token. In attention the token at position t
    looks at t + 1 others: D for each score and D for each mixture, in every head.
    """
    c = model.config
    V, T, H, C = c.vocab_size, c.block_size, c.n_head, c.n_embd

    def row(name: str, module: Any, shape: str, multiply_adds: int = 0) -> Row:
        return name, shape, module.num_parameters() if module is not None else 0, multiply_adds

    rows = [row("wte", model.wte, f"({T}, {C})")]
    if c.position in ("learned", "sinusoidal"):
        rows.append(row("wpe", model.wpe, f"({T}, {C})"))
    for i, block in enumerate(model.h):
        for name, layer, width in (
            ("ln_1", block.ln_1, None),
            ("attn.c_attn", block.attn.c_attn, 3 * C),
            ("attn", None, None),
            ("attn.c_proj", block.attn.c_proj, C),
            ("ln_2", block.ln_2, None),
            ("mlp.c_fc", block.mlp.c_fc, 4 * C),
            ("mlp.c_proj", block.mlp.c_proj, C),
        ):
            if name == "attn":
                rows.append(row(f"h.{i}.attn", None, f"({H}, {T}, {T})", C * T * (T + 1)))
            else:
                products = layer.weight.size * T if width else 0
                rows.append(row(f"h.{i}.{name}", layer, f"({T}, {width or C})", products))
    rows.append(row("ln_f", model.ln_f, f"({T}, {C})"))
    head = "head (the table of wte)" if model.lm_head is None else "lm_head"
    rows.append(row(head, model.lm_head, f"({T}, {V})", T * C * V))
    return rows


def describe(model: Any) -> str:
    """The table, with one block written out and the sum of all."""
    rows, n = layers(model), model.config.n_layer
    shown = [r for r in rows if not r[0].startswith("h.") or r[0].startswith("h.0.")]
    if n > 1:
        others = [r for r in rows if r[0].startswith("h.") and not r[0].startswith("h.0.")]
        name = "h.1" if n == 2 else f"h.1 ... h.{n - 1}"
        sums = (sum(r[2] for r in others), sum(r[3] for r in others))
        shown.insert(len(shown) - 2, (f"{name}, each as h.0", "", *sums))
    shown.append(("together", "", sum(r[2] for r in rows), sum(r[3] for r in rows)))
    width = max(len(r[0]) for r in shown)
    lines = [f"{'layer':<{width}}  {'gives':<16} {'parameters':>13} {'multiply-adds':>16}"]
    lines += [f"{a:<{width}}  {b:<16} {p:>13,} {m:>16,}" for a, b, p, m in shown]
    return "\n".join(lines)
