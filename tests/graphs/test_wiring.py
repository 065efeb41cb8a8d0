"""Everything that does not fit together is named, in one error, before anything runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from langgraph.graph import START, StateGraph
from routerkit_graphs import wiring
from typing_extensions import TypedDict

from routerkit import GraphConfigError, ReloadingGraph, RouterChatModel, build_graph
from routerkit.testing import ScriptedSpecialist, fake_router

if TYPE_CHECKING:
    from pathlib import Path

    from routerkit import Router

ANY = ScriptedSpecialist(answers=["x"])


def faults_of(router: Router, config: dict[str, Any] | None = None, **specialists: Any) -> list[str]:
    with pytest.raises(GraphConfigError) as caught:
        build_graph(config or {}, specialists=specialists or {"*": ANY}, router=router)
    return caught.value.faults


def test_a_category_without_a_specialist_is_named(router: Router) -> None:
    faults = faults_of(router, math=ANY, science=ANY, general=ANY, commonsense=ANY)
    assert faults == ["category 'code' has no specialist; add it to model_mappings or pass it in specialists="]


def test_a_specialist_without_a_category_is_named_with_the_nearest_one(router: Router) -> None:
    faults = faults_of(router, {"model_mappings": {"maths": "some/model"}})
    assert faults == ["model_mappings has a specialist 'maths', which is no category; did you mean 'math'?"]


def test_an_unknown_name_in_specialists_is_named_with_the_nearest_one(router: Router) -> None:
    faults = faults_of(router, **{"*": ANY, "sciense": ANY, "law": ANY})
    assert faults == [
        "specialists= names 'sciense', which is no category; did you mean 'science'?",
        "specialists= names 'law', which is no category; allowed: math, science, code, general, commonsense",
    ]


def test_a_fallback_that_is_no_category_is_named(router: Router) -> None:
    faults = faults_of(router, {"fallback": "generall"})
    assert "fallback 'generall' is no category; did you mean 'general'?" in faults


def test_categories_that_differ_from_the_routers_are_named_both_ways(router: Router) -> None:
    faults = faults_of(router, {"categories": ["math", "science", "code", "general", "law"]})
    assert faults[0].startswith("the router does not know the category 'law'")
    assert faults[1].startswith("the router can answer 'commonsense', which is not among the categories")


def test_a_category_that_cannot_name_a_node_is_refused(tmp_path: Path) -> None:
    categories = ["a|b", "route", "general"]
    router = fake_router(tmp_path / "router", {"sum": {"route": 1.0}}, categories=categories)
    faults = faults_of(router, {"categories": categories})
    assert [fault.split(" cannot")[0] for fault in faults] == ["category 'a|b'", "category 'route'"]


def test_a_threshold_for_an_unknown_category_is_named(router: Router) -> None:
    faults = faults_of(router, {"router_config": {"category_thresholds": {"cod": 0.9}}})
    assert faults == ["category_thresholds names 'cod', which the router does not know; did you mean 'code'?"]


def test_a_router_with_another_fallback_is_refused(router: Router) -> None:
    faults = faults_of(router, {"fallback": "science"})
    assert faults[0].startswith("the given router falls back to 'general', the configuration to 'science'")


def test_something_that_is_no_runnable_is_refused_with_the_way_out(router: Router) -> None:
    faults = faults_of(router, **{"*": ANY, "math": "some/model", "code": len})
    assert "specialists['math'] is str" in faults[0]
    assert "put a model id into model_mappings" in faults[0]
    assert "wrap a function in RunnableLambda" in faults[1]


@pytest.mark.parametrize("given", [ANY, [ANY]])
def test_models_that_are_no_mapping_and_a_router_that_is_none_are_refused(router: Router, given: Any) -> None:
    kind = type(given).__name__
    with pytest.raises(GraphConfigError, match=rf"specialists= is {kind}, expected a mapping such as {{'\*': model}}"):
        build_graph(specialists=given, router=router)
    with pytest.raises(GraphConfigError, match=f"specialists= is {kind}"):
        ReloadingGraph(specialists=given, router=router)
    with pytest.raises(GraphConfigError, match=r"router= is str, expected a Router such as Router.from_pretrained"):
        build_graph(specialists={"*": ANY}, router="starter")  # type: ignore[arg-type]
    with pytest.raises(GraphConfigError, match=f"models= is {kind}"):
        RouterChatModel(models=given, router=router)


def test_a_chat_model_without_a_model_for_a_category_names_its_own_argument(router: Router) -> None:
    with pytest.raises(GraphConfigError, match=r"category 'science' has no specialist; .* or pass it in models="):
        RouterChatModel(models={"math": ANY}, router=router)


def test_a_graph_without_messages_is_refused_as_specialist(router: Router) -> None:
    class Asked(TypedDict):
        question: str

    graph = StateGraph(Asked).add_node("n", lambda state: state).add_edge(START, "n").compile()
    assert faults_of(router, **{"*": ANY, "math": graph.with_retry()}) == faults_of(router, **{"*": ANY, "math": graph})
    faults = faults_of(router, **{"*": ANY, "math": graph})
    assert faults == ["specialists['math'] is a graph whose state has no 'messages'; build it on MessagesState"]


def test_all_faults_are_in_one_error(router: Router) -> None:
    config = {"fallback": "law", "model_mappings": {"maths": "some/model"}}
    with pytest.raises(GraphConfigError, match="cannot be built, 4 faults") as caught:
        build_graph(config, specialists={"*": ANY, "sciense": ANY}, router=router)
    assert all(name in str(caught.value) for name in ("'law'", "'maths'", "'sciense'"))


def test_the_star_fills_the_rest_and_wins_over_the_file(
    router: Router, math: ScriptedSpecialist, general: ScriptedSpecialist
) -> None:
    graph = build_graph(
        {"model_mappings": {"code": "some/model"}}, specialists={"math": math, "*": general}, router=router
    )
    assert graph.invoke({"messages": "loop"})["messages"][-1].text == "general says loop"
    assert graph.invoke({"messages": "sum"})["messages"][-1].text == "math says sum"


def test_miniatures_are_announced_once_and_only_when_they_are_used(
    router: Router, caplog: pytest.LogCaptureFixture
) -> None:
    wiring._say_miniatures.cache_clear()
    with caplog.at_level("INFO", logger="routerkit_graphs"):
        build_graph(specialists={"*": ANY}, router=router)
        assert not caplog.records
        build_graph(router=router)
        build_graph(router=router)
    assert len(caplog.records) == 1
    assert "demonstration models" in caplog.records[0].getMessage()
    assert 'build_graph("laptop")' in caplog.records[0].getMessage()
