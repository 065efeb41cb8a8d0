"""Throughput of local specialists: one request after the other, all at once, and as one batch.

`python tests/benchmarks/specialists.py` asks 64 questions of the back ends huggingface (one model) and lora (one base,
five adapters drawn at random), through the models themselves and through the routing graph, and checks that every
greedy answer is the same each time. `--model` and `--device` name others than a miniature on the CPU.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")
sys.path.insert(0, str(Path(__file__).parents[2]))

import torch
from bench import machine
from routerkit_graphs.backends import huggingface, lora

from routerkit import build_graph
from routerkit.config import HuggingFaceSpecialist, LoraSpecialist
from routerkit.testing import fake_router
from tests.graphs.backends.adapters import BASE, NAMES, write_adapter

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    Way = Callable[[], Awaitable[Sequence[Any]]]

REQUESTS = 64
WORDS = ("Add 12 and 30.", "Name a planet.", "What does print(3) print?", "Where is a cup kept?", "Hello!")
"""One question for each of `NAMES`; the graph's router knows a word of each, so that all specialists work."""
KEYS = ("add", "planet", "print", "cup", "hello")


@dataclass
class Asked:
    """A question, and the category whose specialist answers it."""

    category: str
    text: str


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default=BASE)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--tokens", type=int, default=32, help="length of every answer at most")
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    logging.getLogger("routerkit_graphs").setLevel("ERROR")
    print(f"{machine()}; {torch.get_num_threads()} thread(s), {asked.device}, {asked.model}, {asked.dtype}")
    questions = [Asked(NAMES[n % 5], f"{WORDS[n % 5]} {n}") for n in range(REQUESTS)]
    with tempfile.TemporaryDirectory() as folder:
        for backend in ("huggingface", "lora"):
            entries = entries_of(backend, Path(folder), asked)
            compare(f"{backend}, {REQUESTS} requests", asked.rounds, ways(entries, questions, Path(folder) / backend))


def entries_of(backend: str, folder: Path, asked: argparse.Namespace) -> dict[str, dict[str, Any]]:
    settings = {"max_new_tokens": asked.tokens}
    entry = {"model": asked.model, "device": asked.device, "dtype": asked.dtype, "generation": settings}
    if backend == "huggingface":
        return {name: {"backend": backend, **entry} for name in NAMES}
    adapters = {name: write_adapter(folder / name, seed) for seed, name in enumerate(NAMES)}
    return {name: {"backend": backend, **entry, "adapter": str(path)} for name, path in adapters.items()}


def ways(entries: dict[str, dict[str, Any]], questions: list[Asked], folder: Path) -> dict[str, Way]:
    """The ways to have all questions answered; each gives the answers in the order of the questions."""
    models: dict[str, Any] = {name: load(name, entry) for name, entry in entries.items()}
    believes = {
        key: {name: 0.96 if name == of else 0.01 for name in NAMES} for key, of in zip(KEYS, NAMES, strict=True)
    }
    graph = build_graph({"model_mappings": entries}, router=fake_router(folder, believes))
    inputs = [{"messages": question.text} for question in questions]

    async def in_turn() -> Sequence[Any]:
        return [await models[question.category].ainvoke(question.text) for question in questions]

    async def at_once() -> Sequence[Any]:
        return await asyncio.gather(*(models[question.category].ainvoke(question.text) for question in questions))

    async def batches() -> Sequence[Any]:
        groups = {name: [q for q in questions if q.category == name] for name in NAMES}
        found = await asyncio.gather(*(models[name].abatch([q.text for q in group]) for name, group in groups.items()))
        by_text = {
            q.text: a
            for group, told in zip(groups.values(), found, strict=True)
            for q, a in zip(group, told, strict=True)
        }
        return [by_text[question.text] for question in questions]

    async def graph_in_turn() -> Sequence[Any]:
        return [(await graph.ainvoke(one))["messages"][-1] for one in inputs]

    async def graph_batch() -> Sequence[Any]:
        return [state["messages"][-1] for state in await graph.abatch(inputs)]

    return {
        "models, one after the other": in_turn,
        "models, 64 concurrent ainvoke": at_once,
        "models, abatch per specialist": batches,
        "graph, one after the other": graph_in_turn,
        "graph, abatch": graph_batch,
    }


def load(name: str, entry: dict[str, Any]) -> Any:
    if entry["backend"] == "lora":
        return lora.load(name, LoraSpecialist.model_validate(entry))
    return huggingface.load(name, HuggingFaceSpecialist.model_validate(entry))


def compare(title: str, rounds: int, found: dict[str, Way]) -> None:
    """Best of some rounds for each way, in turns, so that a busy machine disturbs all alike."""
    best: dict[str, float] = {}
    expected: list[str] = []
    tokens = 0
    for _ in range(rounds):
        for name, way in found.items():
            started = time.perf_counter()
            answers = asyncio.run(_run(way))
            best[name] = min(best.get(name, float("inf")), time.perf_counter() - started)
            texts = [answer.text for answer in answers]
            expected = expected or texts
            tokens = sum(answer.usage_metadata["output_tokens"] for answer in answers)
            assert texts == expected, f"{name} answers otherwise"
    print(f"\n{title}, {tokens} tokens, best of {rounds}; every answer equal on every way")
    slowest = best[next(iter(best))]
    for name, seconds in best.items():
        rates = f"{REQUESTS / seconds:7.1f} requests/s {tokens / seconds:8.0f} tokens/s"
        print(f"  {name:32} {seconds:6.2f} s {rates} {slowest / seconds:5.2f} x")


async def _run(way: Way) -> Sequence[Any]:
    return await way()


if __name__ == "__main__":
    main()
