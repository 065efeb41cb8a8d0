"""A candidate router beside the live one: silent, recorded, and never in the way."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from routerkit import GraphConfig
from routerkit.config import RouterConfig
from routerkit.conversation.history import Conversation
from routerkit.errors import ConfigError
from routerkit.log import DecisionLog, LogConfig
from routerkit.log.reading import LoggedDecision, reading
from routerkit.shadow import Shadow
from routerkit.watch import Watch

if TYPE_CHECKING:
    from pathlib import Path

    from routerkit.router import Router


def logged(router: Router, shadow: Shadow, path: Path) -> list[LoggedDecision]:
    log = DecisionLog(LogConfig(path=path), shadow=shadow)
    watch = Watch(router, log=log)
    for query in ("sum", "what is the rain"):
        watch.route(query)
    assert log.flush(30)
    log.close()
    with reading(path) as reader:
        return list(reader.rows())


def test_what_a_candidate_would_do_is_logged_beside_the_decision(
    believer: Router, tiny_router: Router, tmp_path: Path
) -> None:
    shadow = Shadow(tiny_router.artefact.path, RouterConfig(confidence_threshold=1.0), "general")
    for row in logged(believer, shadow, tmp_path / "log.sqlite"):
        own = tiny_router.route_query(row.query or "")
        assert row.shadow == {
            "digest": tiny_router.artefact.digest,
            "category": own.category,
            "confidence": pytest.approx(own.confidence),
            "route": own.route,
            "reason": own.reason,
        }


def test_a_candidate_is_asked_about_the_same_conversation(
    believer: Router, tiny_router: Router, tmp_path: Path
) -> None:
    shadow = Shadow(tiny_router.artefact.path, RouterConfig(conversation="previous"), "general")
    log = DecisionLog(LogConfig(path=tmp_path / "log.sqlite"), shadow=shadow)
    Watch(believer, log=log, conversation="previous").route(Conversation(("what is the sum of 3 and 4", "and why")))
    assert log.flush(30)
    log.close()
    with reading(tmp_path / "log.sqlite") as reader:
        (row,) = reader.rows()
    own = tiny_router.route_query("what is the sum of 3 and 4\nand why")
    assert row.query == "and why"
    assert (row.shadow or {})["confidence"] == pytest.approx(own.confidence)


def test_a_candidate_that_cannot_be_loaded_is_recorded_and_said_once(
    believer: Router, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rows = logged(believer, Shadow(tmp_path / "nowhere", RouterConfig(), "general"), tmp_path / "log.sqlite")
    assert [row.category for row in rows] == ["math", "commonsense"]
    assert all("no such folder" in (row.shadow or {})["error"] for row in rows)
    assert len(caplog.records) == 1
    assert "does not decide" in caplog.text


def test_a_candidate_that_fails_in_any_way_is_recorded(
    believer: Router, tiny_router: Router, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shadow = Shadow(tiny_router.artefact.path, RouterConfig(), "general")
    monkeypatch.setattr(shadow, "_load", lambda: {}["gone"])
    rows = logged(believer, shadow, tmp_path / "log.sqlite")
    assert rows[0].shadow == {"error": "KeyError: 'gone'"}


def test_the_configuration_needs_a_log_for_a_shadow(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="shadow needs decision_log"):
        GraphConfig.load({"shadow": "candidate"})
    config = GraphConfig.load({"shadow": "candidate", "decision_log": str(tmp_path / "log.sqlite")})
    assert config.decision_log == LogConfig(path=tmp_path / "log.sqlite")
