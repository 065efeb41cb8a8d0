"""The public mix is built from copies of the data sets by the code that reads the hub."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from routerkit_training.data.fetch import FetchPlan, fetch
from routerkit_training.data.sources import SOURCES, query_of

from routerkit.errors import ConfigError, DataError

_ROOT = Path(__file__).parents[3]
_ROWS: dict[str, list[dict[str, Any]]] = {
    "gsm8k": [
        {"question": "Ana bakes 6 trays of 12 rolls and gives 9 away. How many are left?", "answer": "63"},
        {"question": "Ana bakes 7 trays of 12 rolls and gives 8 away. How many are left?", "answer": "76"},
        {"question": "A pool loses 40 litres a day. When is a tank of 1000 litres empty?", "answer": "25"},
    ],
    "svamp": [{"Body": "Lou has 4 jars of jam", "Question": "How many jars are 3 more?", "ID": "x"}],
    "openbookqa": [
        {"question_stem": "A magnet pulls on a nail because of", "id": "1"},
        {"question_stem": "A person wants to post a letter, so they", "id": "2"},
    ],
    "mbpp": [{"text": "Write a python function to reverse a list of tuples.", "task_id": 1, "code": "..."}],
    "webquestions": [
        {"question": "who wrote the anthem of peru?", "answers": ["..."]},
        {"question": "which programming language did she invent?", "answers": ["..."]},
    ],
    "winogrande": [{"sentence": "Mia thanked Eva because _ had helped.", "option1": "Mia", "option2": "Eva"}],
    "awesome-chatgpt-prompts": [
        {"act": "Poet", "prompt": "I want you to act as a poet who hates spring.", "for_devs": False},
        {"act": "Guide", "prompt": "I want you to act as a museum guide for children.", "for_devs": True},
    ],
}  # fmt: skip


def _copy(folder: Path, name: str, *, parquet: bool = False) -> None:
    """Lay a data set out as the hub does: a card that names configurations and files, and the files."""
    source = SOURCES[name]
    place = folder / source.hub_id
    (place / "files").mkdir(parents=True)
    suffix = "parquet" if parquet else "jsonl"
    if source.config:
        card = f"configs:\n- config_name: {source.config}\n  data_files:\n"
        card += f"  - split: {source.split}\n    path: files/{source.split}-*\n"
        (place / "README.md").write_text(f"---\n{card}---\n", encoding="utf-8")
    path = place / "files" / f"{source.split}-00000.{suffix}"
    if parquet:
        pq.write_table(pa.Table.from_pylist(_ROWS[name]), path)
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in _ROWS[name]), encoding="utf-8")


@pytest.fixture(scope="module")
def copies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copies of seven data sets, with rows made up for this test."""
    folder = tmp_path_factory.mktemp("hub")
    for number, name in enumerate(_ROWS):
        _copy(folder, name, parquet=number % 2 == 0)
    return folder


def test_rows_are_labelled_by_the_rule_of_their_source(copies: Path) -> None:
    found = fetch(FetchPlan(names=tuple(_ROWS), source_dir=copies))
    queries = {str(row["query"]): row for row in found.rows}
    assert Counter(row["category"] for row in found.rows) == {
        "math": 3, "science": 1, "code": 1, "general": 2, "commonsense": 1,
    }  # fmt: skip
    assert queries["A magnet pulls on a nail because of"]["category"] == "science"
    assert queries["Lou has 4 jars of jam. How many jars are 3 more?"]["source"] == "svamp"
    assert queries["who wrote the anthem of peru?"] == {
        "query": "who wrote the anthem of peru?",
        "category": "general",
        "source": "webquestions",
        "licence": "CC-BY-4.0",
    }


def test_near_duplicates_are_dropped(copies: Path) -> None:
    found = fetch(FetchPlan(names=("gsm8k",), source_dir=copies))
    assert (found.counts, found.dropped) == ({"gsm8k": 2}, 1)
    assert found.rows[0]["query"] == _ROWS["gsm8k"][0]["question"]


def test_the_number_of_rows_is_limited_and_the_draw_repeats(copies: Path) -> None:
    draws = {
        str(fetch(FetchPlan(names=("gsm8k",), rows_per_source=1, source_dir=copies, seed=seed)).rows)
        for seed in range(9)
    }
    assert 1 < len(draws) <= 3
    plan = FetchPlan(names=("gsm8k",), rows_per_source=1, source_dir=copies, seed=1)
    assert fetch(plan) == fetch(plan)


def test_a_fixed_opening_that_gives_a_source_away_is_varied() -> None:
    rule = SOURCES["mbpp"]
    tasks = [f"Write a function to sort a list of {n} cities." for n in range(60)]
    queries = [query_of(rule, {"text": task}) for task in tasks]
    assert all(query is not None and query.endswith(task[20:]) for query, task in zip(queries, tasks, strict=True))
    assert len({str(query).partition("sort")[0] for query in queries}) > 3
    assert queries == [query_of(rule, {"text": task}) for task in tasks]


def test_the_gap_of_winogrande_is_asked_about_with_both_names() -> None:
    query = query_of(SOURCES["winogrande"], _ROWS["winogrande"][0])
    assert query is not None
    assert "___" in query
    assert query.count("Mia") == query.count("Eva") == 2


@pytest.mark.parametrize("text", ["hi", "x" * 2_001, 7, None])
def test_a_text_that_is_too_short_too_long_or_no_text_is_left_out(text: object) -> None:
    assert query_of(SOURCES["gsm8k"], {"question": text}) is None


def test_every_source_is_named_in_the_notice_and_not_among_the_doubtful() -> None:
    from routerkit_training.recipe import DOUBTFUL_SOURCES

    notice = (_ROOT / "NOTICE").read_text(encoding="utf-8")
    given, _, left_out = notice.partition("Left out because")
    for source in SOURCES.values():
        assert source.name in given, source.name
        assert source.name not in left_out
        assert source.name not in DOUBTFUL_SOURCES
        assert source.licence in {"MIT", "Apache-2.0", "CC-BY-4.0", "CC0-1.0"}
        assert source.hub_id.count("/") == 1
    assert {source.category for source in SOURCES.values()} == {"math", "science", "code", "commonsense", "general"}


def test_a_copy_that_is_not_there_is_named_with_the_command_that_makes_it(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"gsm8k: is not there; copy it with: hf download --repo-type dataset openai/gsm8k"
    ):
        fetch(FetchPlan(names=("gsm8k",), source_dir=tmp_path))


def test_without_copies_and_offline_the_source_is_named() -> None:
    with pytest.raises(DataError, match=r"openai/gsm8k: cannot be read as gsm8k .* give copies with --source-dir"):
        fetch(FetchPlan(names=("gsm8k",)))


def test_a_source_whose_fields_changed_is_named(tmp_path: Path) -> None:
    place = tmp_path / "allenai" / "qasc"
    place.mkdir(parents=True)
    (place / "train.jsonl").write_text('{"wording": "plants need light"}\n', encoding="utf-8")
    with pytest.raises(DataError, match="has no row that the rule of 'qasc' keeps"):
        fetch(FetchPlan(names=("qasc",), source_dir=tmp_path))


def test_an_unknown_source_is_answered_with_those_there_are() -> None:
    with pytest.raises(ConfigError, match=r"unknown source mmlu; there are gsm8k, svamp"):
        fetch(FetchPlan(names=("mmlu",)))
