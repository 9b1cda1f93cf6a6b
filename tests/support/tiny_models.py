"""Random causal language models of a few thousand weights, saved as ordinary Hugging Face folders."""

from pathlib import Path
from typing import Any, Literal

Style = Literal["llama", "gpt2", "qwen", "gemma"]
CHAT = (
    "{{ bos_token }}{% for turn in messages %}{{ turn.role }}: {{ turn.content }}{{ eos_token }}\n{% endfor %}"
    "{% if add_generation_prompt %}assistant:{% endif %}"
)
TEXT = (
    "What is gin? Gin is a clear spirit flavoured with juniper. Explain what vodka means. A kind of drink that is distilled "
    "from grain or potatoes. Describe the sword: a weapon with a long blade. Tell me about ships that sail the sea, and of "
    "houses, chairs, tables and the people who live among them. Give examples of tools. It is known for what it does."
)
SPECIAL = ("<|pad|>", "<|begin|>", "<|end|>")


def build_tiny_model(
    folder: Path,
    *,
    style: Style,
    seed: int = 0,
    context: int = 96,
    n_layers: int = 3,
    n_unused_rows: int = 0,
    chat: bool | str = False,
    pads: bool = True,
) -> Path:
    """Save a random model with its tokenizer; `n_unused_rows` are rows of the output matrix that no token has."""
    import torch

    tokenizer = build_tokenizer(opens=style in ("llama", "gemma"), context=context)
    if chat:
        tokenizer.chat_template = CHAT if chat is True else chat
    if not pads:
        tokenizer.pad_token = None
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = _model(style, len(tokenizer) + n_unused_rows, context, n_layers)
        # The usual tiny weights make all layers and tokens nearly alike, which would hide mistakes.
        for name, weight in model.named_parameters():
            if weight.ndim > 1:
                torch.nn.init.normal_(weight, std=0.15)
            elif name.endswith("weight"):
                torch.nn.init.uniform_(weight, 0.5, 2.0)
    model.generation_config.eos_token_id = 2
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def build_tokenizer(*, opens: bool, context: int) -> Any:
    """A byte-level BPE of 400 tokens that can encode anything."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    inner = Tokenizer(models.BPE())
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=400, special_tokens=list(SPECIAL), initial_alphabet=alphabet, show_progress=False
    )
    inner.train_from_iterator([TEXT], trainer)
    if opens:
        inner.post_processor = processors.TemplateProcessing(single="<|begin|> $A", special_tokens=[("<|begin|>", 1)])
    pad, begin, end = SPECIAL
    return PreTrainedTokenizerFast(
        tokenizer_object=inner, pad_token=pad, bos_token=begin, eos_token=end, model_max_length=context
    )


def _model(style: Style, n_tokens: int, context: int, n_layers: int) -> Any:
    from transformers import (
        Gemma3ForCausalLM,
        Gemma3TextConfig,
        GPT2Config,
        GPT2LMHeadModel,
        LlamaConfig,
        LlamaForCausalLM,
        Qwen3Config,
        Qwen3ForCausalLM,
    )

    if style == "gpt2":
        sizes = {"n_embd": 32, "n_layer": n_layers, "n_head": 4, "n_positions": context}
        return GPT2LMHeadModel(GPT2Config(vocab_size=n_tokens, bos_token_id=1, eos_token_id=2, **sizes))
    sizes = {
        "vocab_size": n_tokens,
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": n_layers,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": context,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "pad_token_id": 0,
    }
    if style == "qwen":
        return Qwen3ForCausalLM(Qwen3Config(head_dim=8, **sizes))
    if style == "gemma":
        # A window shorter than most texts, so that local attention differs from global attention.
        return Gemma3ForCausalLM(Gemma3TextConfig(head_dim=8, sliding_window=16, sliding_window_pattern=2, **sizes))
    return LlamaForCausalLM(LlamaConfig(**sizes))
