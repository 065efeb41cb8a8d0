from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from langchain_core.messages import HumanMessage, SystemMessage

from routerkit import artefact
from routerkit.calibration import softmax
from routerkit.policy import ThresholdPolicy
from routerkit.testing import FakeEngine, ScriptedSpecialist, fake_router, tiny_artefact, tiny_tokenizer

if TYPE_CHECKING:
    from pathlib import Path

CATEGORIES = ["a", "b"]


def test_a_fake_engine_believes_what_it_is_told_and_records_its_batches() -> None:
    engine = FakeEngine({"x": 7, "y": 8}, {"x": {"a": 0.9, "b": 0.1}, "y": {"b": 1.0}}, CATEGORIES)
    scores = engine.run([[2, 7, 3], [2, 8, 3], [2, 9, 3]])
    np.testing.assert_allclose(softmax(scores.logits), [[0.9, 0.1], [0.0, 1.0], [0.5, 0.5]], atol=1e-6)
    assert scores.outside is None
    engine.run([[2]])
    assert engine.batch_sizes == [3, 1]


def test_the_first_word_that_a_fake_engine_knows_decides() -> None:
    engine = FakeEngine({"x": 7, "y": 8}, {"x": {"a": 1.0}, "y": {"b": 1.0}}, CATEGORIES)
    assert engine.run([[8, 7]]).logits.argmax() == 1


def test_a_fake_router_is_one_line(tmp_path: Path) -> None:
    router = fake_router(tmp_path, {"sum": {"math": 0.9, "general": 0.1}})
    assert router.route_query("What is the SUM of 2 and 2?").route == "math"
    assert router.route_query("and now?").reason == "low_confidence"


def test_a_fake_router_takes_other_categories_and_policies(tmp_path: Path) -> None:
    policy = ThresholdPolicy(fallback="b", confidence_threshold=0.95)
    router = fake_router(tmp_path, {"x": {"a": 0.9, "b": 0.1}}, categories=CATEGORIES, policy=policy)
    assert (router.categories, router.route_query("x").route) == (CATEGORIES, "b")


def test_a_tiny_artefact_is_a_complete_artefact(tmp_path: Path) -> None:
    written = tiny_artefact(tmp_path / "new" / "folder", words=["sum"])
    assert artefact.read(tmp_path / "new" / "folder") == written
    assert written.manifest.graphs == {}


def test_a_tiny_artefact_cuts_queries_to_what_its_position_table_holds(tmp_path: Path) -> None:
    seen: dict[str, Any] = {}

    def remember(folder: Path, settings: dict[str, Any]) -> dict[str, Any]:
        seen.update(settings, folder=folder)
        return {}

    written = tiny_artefact(tmp_path, words=["sum"], write_graphs=remember)
    assert written.manifest.max_tokens == seen["max_position_embeddings"]
    assert seen["vocab_size"] == tiny_tokenizer(["sum"]).get_vocab_size()
    assert seen["folder"] == tmp_path


def test_the_tiny_tokenizer_knows_whole_words_and_spells_the_others() -> None:
    tokenizer = tiny_tokenizer(["sum"])
    assert tokenizer.encode("SUM").tokens == ["[CLS]", "sum", "[SEP]"]
    assert tokenizer.encode("ab").tokens == ["[CLS]", "a", "##b", "[SEP]"]
    assert tokenizer.encode("藍").tokens == ["[CLS]", "[UNK]", "[SEP]"]


def test_a_scripted_specialist_answers_in_turn_and_then_repeats_itself() -> None:
    model = ScriptedSpecialist(answers=["first", "last: {query}"])
    assert [model.invoke("x").text for _ in range(3)] == ["first", "last: x", "last: x"]


def test_a_scripted_specialist_remembers_what_it_was_asked() -> None:
    model = ScriptedSpecialist(answers=["ok"])
    model.invoke([SystemMessage("Be brief."), HumanMessage("one")])
    asyncio.run(model.ainvoke("two"))
    assert [[message.text for message in call] for call in model.calls] == [["Be brief.", "one"], ["two"]]


@pytest.mark.parametrize(
    ("answer", "parts"),
    [
        ("one two three", ["one", " two", " three"]),
        ("single", ["single"]),
        ("  spaced\n\nout ", ["  spaced", "\n\nout "]),
    ],
)
def test_a_scripted_specialist_streams_word_by_word(answer: str, parts: list[str]) -> None:
    model = ScriptedSpecialist(answers=[answer])
    found = [chunk.text for chunk in model.stream("x") if chunk.text]
    assert found == parts
    assert "".join(found) == answer == model.invoke("x").text


def test_a_scripted_specialist_streams_asynchronously_too() -> None:
    async def collect() -> list[str]:
        return [chunk.text async for chunk in ScriptedSpecialist(answers=["one two"]).astream("x") if chunk.text]

    assert asyncio.run(collect()) == ["one", " two"]


def test_a_scripted_specialist_fails_on_demand() -> None:
    model = ScriptedSpecialist(answers=["never"], error=TimeoutError("too slow"))
    for entrance in (model.invoke, lambda value: list(model.stream(value)), lambda value: model.batch([value])):
        with pytest.raises(TimeoutError, match="too slow"):
            entrance("x")
    assert len(model.calls) == 3
