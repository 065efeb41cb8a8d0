"""Measures miniatures on questions whose content or wording was not trained on."""

from collections.abc import Sequence
from pathlib import Path
from random import Random

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaForCausalLM, PreTrainedTokenizerFast

from routerkit_training.miniatures.tasks import CATEGORIES, Question, task_set

_BATCH = 100
_RESAMPLES = 2000

Correct = NDArray[np.float64]


def held_out_questions(category: str, count: int = 400) -> list[Question]:
    """The fixed evaluation questions of one category, the same for every model and seed."""
    return task_set(category).sample_held_out(count, Random(f"held out {category}"))


def load(folder: Path) -> tuple[LlamaForCausalLM, PreTrainedTokenizerFast]:
    """Reads a saved miniature in float32 (on a CPU faster than bfloat16), from the disk only."""
    model = AutoModelForCausalLM.from_pretrained(folder, local_files_only=True, dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    return model.eval(), tokenizer


@torch.inference_mode()
def answers(
    model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, questions: Sequence[str], system: str = ""
) -> list[str]:
    """Greedy answers to single questions, through the chat template."""
    head = [{"role": "system", "content": system}] if system else []
    prompts = [
        tokenizer.apply_chat_template(
            [*head, {"role": "user", "content": question}], tokenize=False, add_generation_prompt=True
        )
        for question in questions
    ]
    order = sorted(range(len(prompts)), key=lambda place: len(prompts[place]))
    found = [""] * len(prompts)
    for start in range(0, len(order), _BATCH):
        places = order[start : start + _BATCH]
        inputs = tokenizer(
            [prompts[place] for place in places],
            add_special_tokens=False,
            padding=True,
            padding_side="left",
            return_tensors="pt",
            return_token_type_ids=False,
        )
        output = model.generate(**inputs)[:, inputs["input_ids"].shape[1] :]
        for place, text in zip(places, tokenizer.batch_decode(output, skip_special_tokens=True), strict=True):
            found[place] = text.strip()
    return found


def correctness(
    model: LlamaForCausalLM,
    tokenizer: PreTrainedTokenizerFast,
    questions: Sequence[Question],
    system: str = "",
) -> Correct:
    """1.0 where the answer is exactly right after stripping, else 0.0 (one entry per question)."""
    given = answers(model, tokenizer, [question.question for question in questions], system)
    return np.array([float(text == question.answer) for text, question in zip(given, questions, strict=True)])


def interval(values: Correct, keys: Sequence[str]) -> tuple[float, float, float]:
    """Mean and 95 % bootstrap interval; whole facts are resampled (Efron & Tibshirani 1993, ch. 13).

    Args:
        values: seeds x questions, or questions alone.
        keys: what each question is about; questions about the same fact are not independent.
    """
    table = np.atleast_2d(values)
    _, group = np.unique(np.array(keys), return_inverse=True)
    sizes = np.bincount(group).astype(float)
    sums = np.stack([np.bincount(group, weights=row) for row in table])
    rng = np.random.default_rng(0)
    means = np.empty(_RESAMPLES)
    for number in range(_RESAMPLES):
        facts = rng.integers(len(sizes), size=len(sizes))
        seeds = rng.integers(len(table), size=len(table))
        means[number] = sums[np.ix_(seeds, facts)].sum() / (sizes[facts].sum() * len(table))
    low, high = np.quantile(means, (0.025, 0.975))
    return float(table.mean()), float(low), float(high)


def measure(folders: Sequence[Path], count: int) -> dict[tuple[str, str], Correct]:
    """Correctness (seeds x questions) of each model in each category; one folder of five models per seed."""
    questions = {category: held_out_questions(category, count) for category in CATEGORIES}
    rows: dict[tuple[str, str], list[Correct]] = {}
    for folder in folders:
        for name in CATEGORIES:
            model, tokenizer = load(folder / name)
            for category in CATEGORIES:
                row = correctness(model, tokenizer, questions[category])
                rows.setdefault((name, category), []).append(row)
    return {pair: np.stack(values) for pair, values in rows.items()}


def report(folders: Sequence[Path], count: int = 400) -> str:
    """Markdown tables: accuracies, specialist minus general, and the same at home seed by seed.

    Args:
        folders: one folder of five miniatures per seed.
        count: at most so many held-out questions per category.
    """
    measured = measure(folders, count)
    keys = {c: [question.key for question in held_out_questions(c, count)] for c in CATEGORIES}
    specialists = CATEGORIES[:-1]

    def gain(name: str, category: str) -> Correct:
        return measured[name, category] - measured["general", category]

    accuracy = [[name, *(_cell(measured[name, c], keys[c]) for c in CATEGORIES)] for name in CATEGORIES]
    gains = [[name, *(_cell(gain(name, c), keys[c]) for c in CATEGORIES)] for name in specialists]
    by_seed = [[name, *(_cell(row, keys[name]) for row in gain(name, name))] for name in specialists]
    size = [["questions", *(str(len(keys[c])) for c in CATEGORIES)]]
    size.append(["different contents", *(str(len(set(keys[c]))) for c in CATEGORIES)])
    seeds = [f"folder {number}" for number in range(1, len(folders) + 1)]
    return "\n\n".join(
        (
            _table(["model", *CATEGORIES], accuracy),
            _table(["specialist minus general", *CATEGORIES], gains),
            _table(["at home, by seed", *seeds], by_seed),
            _table(["held out", *CATEGORIES], size),
        )
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(values: Correct, keys: Sequence[str]) -> str:
    mean, low, high = (100 * number for number in interval(values, keys))
    return f"{mean:.1f} ({low:.1f} to {high:.1f})"
