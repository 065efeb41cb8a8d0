"""What of a text is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from langchain_core.messages import HumanMessage

from routerkit.privacy import KEY_VARIABLE, mask
from routerkit.tracing.client import masked, without_parameters

if TYPE_CHECKING:
    import pytest

TEXT = "a secret question that is longer than forty characters"


def test_each_setting_shows_what_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    assert mask(TEXT, "full") == TEXT
    assert mask(TEXT, "hidden") == "[hidden]"
    assert mask(TEXT, "truncated") == "a secret question that is longer than fo..."
    assert mask("short", "truncated") == "short"
    assert mask(TEXT, "hashed") == mask(TEXT, "hashed") != mask(TEXT + "?", "hashed")
    assert mask(TEXT, "hashed").startswith("sha256:")


def test_hashes_depend_on_the_secret_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_VARIABLE, "one")
    first = mask(TEXT, "hashed")
    monkeypatch.setenv(KEY_VARIABLE, "two")
    assert mask(TEXT, "hashed") != first


def test_a_text_that_is_no_valid_unicode_can_be_hashed() -> None:
    assert mask("\ud800", "hashed").startswith("sha256:")


def test_every_text_in_a_payload_is_masked_and_its_shape_is_kept() -> None:
    payload = {
        "messages": [HumanMessage(TEXT, id="1"), {"role": "user", "content": [{"type": "text", "text": TEXT}]}],
        "decision": {"route": "math", "confidence": 0.9, "error": {"type": "ValueError", "message": TEXT}},
        "other": (TEXT, b"secret bytes", object(), None),
    }
    found = masked(payload, "hidden")
    assert "secret" not in str(found)
    assert found["messages"][0]["type"] == "human"
    assert found["messages"][1] == {"role": "user", "content": [{"type": "text", "text": "[hidden]"}]}
    assert found["decision"] == {
        "route": "math",
        "confidence": 0.9,
        "error": {"type": "ValueError", "message": "[hidden]"},
    }
    assert found["other"] == ["[hidden]", "[bytes]", "[object]", None]


def test_a_models_parameters_are_masked_and_its_name_and_the_callers_metadata_stay() -> None:
    extra = {
        "invocation_params": {"model": "gpt", "stop": [TEXT], "temperature": 0.5},
        "options": {"tools": [{"description": TEXT}]},
        "metadata": {"customer": "7", "model": "gpt", "stop": [TEXT], "ls_stop": [TEXT], "routerkit.route": "math"},
        "batch_size": 1,
    }
    found = without_parameters(extra, "hidden")
    assert "secret" not in str(found)
    assert found["invocation_params"] == {"model": "gpt", "stop": ["[hidden]"], "temperature": 0.5}
    assert found["metadata"] | {"stop": None, "ls_stop": None} == {
        "customer": "7",
        "model": "gpt",
        "stop": None,
        "ls_stop": None,
        "routerkit.route": "math",
    }
    assert found["batch_size"] == 1
