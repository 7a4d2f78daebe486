"""Models of `transformers` with random weights, to compare with. Not imported by any other test.

SHAPES: model_type, fields of the config, batch and length."""

import warnings

import numpy as np

GPT2 = {"vocab_size": 97, "n_positions": 48, "n_embd": 36, "n_layer": 2, "n_head": 3,
        "initializer_range": 0.3, "embd_pdrop": 0.0, "attn_pdrop": 0.0, "resid_pdrop": 0.0,
        "bos_token_id": 0, "eos_token_id": 0}  # fmt: skip
LLAMA = {"vocab_size": 97, "max_position_embeddings": 64, "hidden_size": 48, "num_hidden_layers": 2,
         "num_attention_heads": 6, "intermediate_size": 80, "initializer_range": 0.3,
         "bos_token_id": 0, "eos_token_id": 0, "pad_token_id": None}  # fmt: skip
LLAMA3 = {"rope_type": "llama3", "rope_theta": 500000.0, "factor": 8.0, "low_freq_factor": 1.0,
          "high_freq_factor": 4.0, "original_max_position_embeddings": 16}  # fmt: skip

SHAPES = {
    "gpt2": ("gpt2", {}, (2, 48)),
    "gpt2, one head": ("gpt2", {"n_head": 1, "n_layer": 1}, (1, 1)),
    "gpt2, many heads": ("gpt2", {"n_embd": 64, "n_head": 16, "n_layer": 3}, (3, 17)),
    "gpt2, epsilon": ("gpt2", {"layer_norm_epsilon": 0.1}, (2, 31)),
    "gpt2, exact GELU": ("gpt2", {"activation_function": "gelu"}, (2, 31)),
    "gpt2, n_inner": ("gpt2", {"n_inner": 50}, (2, 40)),
    "gpt2, untied": ("gpt2", {"tie_word_embeddings": False}, (2, 40)),
    "gpt2, upcast": ("gpt2", {"reorder_and_upcast_attn": True}, (2, 40)),
    "gpt2, deep and long": ("gpt2", {"n_layer": 8, "n_positions": 300}, (1, 300)),
    "llama": ("llama", {}, (2, 64)),
    "llama, 3 of 6 keys": ("llama", {"num_key_value_heads": 3}, (2, 33)),
    "llama, 1 of 6 keys": ("llama", {"num_key_value_heads": 1}, (2, 33)),
    "llama, tied": ("llama", {"tie_word_embeddings": True, "rms_norm_eps": 1e-3}, (1, 64)),
    "llama, base": ("llama", {"rope_parameters": {"rope_type": "default", "rope_theta": 5e5}},
                    (2, 40)),
    "llama, linear": ("llama", {"rope_parameters": {"rope_type": "linear", "rope_theta": 1e4,
                                                    "factor": 4.0}}, (2, 64)),
    "llama, llama3": ("llama", {"rope_parameters": LLAMA3, "num_key_value_heads": 2}, (2, 64)),
}  # fmt: skip


def make(name, folder=None):
    """A model of that shape, its ids, logits, loss, gradients and 12 greedy tokens; saved."""
    import torch
    import transformers

    kind, changes, (rows, length) = SHAPES[name]
    warnings.filterwarnings("ignore")
    transformers.utils.logging.set_verbosity_error()
    torch.manual_seed(0)
    if kind == "gpt2":
        model = transformers.GPT2LMHeadModel(transformers.GPT2Config(**(GPT2 | changes)))
    else:
        model = transformers.LlamaForCausalLM(transformers.LlamaConfig(**(LLAMA | changes)))
    with torch.no_grad():
        for p in model.parameters():
            p.add_(0.1 * torch.randn_like(p))
    model.eval()
    ids = np.random.default_rng(1).integers(0, 97, (rows, length))
    logits = model(torch.tensor(ids)).logits
    loss = gradients = None
    if length > 1:
        loss = model(torch.tensor(ids), labels=torch.tensor(ids)).loss
        loss.backward()
        gradients = {n: p.grad.numpy() for n, p in model.named_parameters()}
        loss = loss.item()
    start = torch.tensor(ids[:1, :5])
    greedy = model.generate(
        start, attention_mask=torch.ones_like(start), max_new_tokens=12, do_sample=False,
        eos_token_id=None, pad_token_id=0,
    )  # fmt: skip
    if folder is not None:
        model.save_pretrained(folder)
    return {"ids": ids, "logits": logits.detach().numpy(), "loss": loss, "gradients": gradients,
            "greedy": greedy.numpy(), "model": model}  # fmt: skip
