"""Exam questions of MMLU as training rows, from the published outcomes of a router benchmark.

The public query data has hardly any questions of arts courses. MMLU (Hendrycks et al., "Measuring Massive Multitask
Language Understanding", 2021; MIT licence) has them by subject. The stem of a question is a query; its options are not.
"""

from __future__ import annotations

import csv
import gzip
import random
from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from routerkit.errors import DataError
from routerkit.rows import Row
from routerkit_training.splits import key_of

if TYPE_CHECKING:
    from pathlib import Path

SOURCE = "mmlu"
FILE = "outcomes/routellm.csv.gz"
"""Where the outcomes lie in the folder of the public query data; columns `dataset`, `subject`, `category`, `query`."""

ROWS_PER_SUBJECT = 80
"""Most questions of one subject, so that long law cases do not outweigh the rest."""

_MAX_CHARS = 700
_MIN_CHARS = 12
_OPTIONS = "\nA. "

MIXED_SUBJECTS = frozenset({
    "moral_scenarios", "formal_logic", "logical_fallacies", "econometrics", "human_aging", "human_sexuality",
    "miscellaneous", "global_facts", "professional_accounting",
})  # fmt: skip
"""Subjects whose questions do not belong to one category."""


def read_exam_questions(data: Path, seed: int = 0) -> list[Row]:
    """An even sample over the subjects that belong to one category.

    Args:
        data: folder of the public query data.
        seed: of the sample.

    Raises:
        DataError: if the file is missing.
    """
    path = data / FILE
    if not path.is_file():
        raise DataError(path, None, "is missing; it belongs to the public query data")
    by_subject: dict[tuple[str, str], list[str]] = defaultdict(list)
    with gzip.open(path, "rt", encoding="utf-8", newline="") as lines:
        for line in csv.DictReader(lines):
            stem = line["query"].split(_OPTIONS)[0].strip()
            if line["dataset"] == SOURCE and line["subject"] not in MIXED_SUBJECTS and _is_usable(stem):
                by_subject[line["subject"], line["category"]].append(stem)
    seen = Counter(key_of(stem) for stems in by_subject.values() for stem in stems)
    generator = random.Random(seed)
    return [
        Row(query=stem, category=category, source=SOURCE)
        for (_, category), stems in sorted(by_subject.items())
        for stem in generator.sample(stems, min(ROWS_PER_SUBJECT, len(stems)))
        if seen[key_of(stem)] == 1  # "Which of the following is true?" is asked in every subject
    ]


def _is_usable(stem: str) -> bool:
    return _MIN_CHARS <= len(stem) <= _MAX_CHARS and "Statement 1" not in stem
