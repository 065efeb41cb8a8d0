"""A router that believes what it is told, and a tiny but real Llama chat model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from routerkit.config import GenerationConfig, HuggingFaceSpecialist
from routerkit.testing import ScriptedSpecialist, fake_router

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from routerkit_graphs.backends.huggingface.chat import ChatLocalModel

    from routerkit import Router

BELIEFS = {
    "sum": {"math": 0.9, "general": 0.1},
    "loop": {"code": 0.8, "general": 0.2},
    "maybe": {"code": 0.4, "general": 0.3, "science": 0.3},
    "hello": {"general": 0.9, "math": 0.1},
}
SENTENCES = [
    "The quick brown fox jumps over the lazy dog.",
    "What is two and two? It is four, as everyone knows.",
    "A loop in a program repeats what stands in its body.",
    "Stars are hot, moons are cold; naïve café owners agree: 你好 🙂.",
] * 4
TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}<|start_header_id|>{{ m['role'] }}<|end_header_id|>\n\n"
    "{{ m['content'] }}<|eot_id|>{% endfor %}"
    "{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"
)


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try again at once."""
    from routerkit_graphs import patience

    monkeypatch.setattr(patience, "BACKOFF", lambda state: 0.0)


@pytest.fixture(scope="session")
def router(tmp_path_factory: pytest.TempPathFactory) -> Router:
    """Sure of math at `sum`, of code at `loop`, unsure at `maybe`; `hello` is general."""
    return fake_router(tmp_path_factory.mktemp("router"), BELIEFS)


@pytest.fixture
def general() -> ScriptedSpecialist:
    return ScriptedSpecialist(answers=["general says {query}"])


@pytest.fixture
def math() -> ScriptedSpecialist:
    return ScriptedSpecialist(answers=["math says {query}"])


@pytest.fixture(scope="session")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random two-layer Llama with Llama 3's special tokens and chat template. Greedy answers never end early."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    torch.set_num_threads(1)
    special = ["<|begin_of_text|>", "<|eot_id|>", "<|start_header_id|>", "<|end_header_id|>", "<|pad|>"]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=400, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(SENTENCES, trainer)
    # Llama's tokenizer writes the begin token by itself, and so does its template: the double-BOS trap.
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<|begin_of_text|> $A", special_tokens=[("<|begin_of_text|>", 0)]
    )
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token=special[0], eos_token=special[1])
    fast.chat_template = TEMPLATE
    torch.manual_seed(3)
    config = LlamaConfig(
        vocab_size=len(fast),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=256,
        bos_token_id=0,
        eos_token_id=1,
        initializer_range=0.6,
    )
    folder = tmp_path_factory.mktemp("llama")
    model = LlamaForCausalLM(config)
    # What hub checkpoints of Llama carry; the configured settings must win over it.
    model.generation_config.update(do_sample=True, temperature=0.6, top_p=0.9)
    model.save_pretrained(folder)
    fast.save_pretrained(folder)
    return folder


@pytest.fixture
def load(llama: Path) -> Callable[..., ChatLocalModel]:
    """Load the tiny Llama with the given generation settings."""
    from routerkit_graphs.backends import huggingface

    def load(**generation: object) -> ChatLocalModel:
        settings = GenerationConfig.model_validate({"max_new_tokens": 24, **generation})
        spec = HuggingFaceSpecialist(model=str(llama), device="cpu", generation=settings)
        chat: ChatLocalModel = huggingface.load("math", spec)  # type: ignore[assignment]
        return chat

    return load
