from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import Field, ValidationError, model_validator

from routerkit.errors import ConfigError
from routerkit.spec import Probability, Spec, parse, read_yaml

if TYPE_CHECKING:
    from pathlib import Path


class Inner(Spec):
    """A nested settings object."""

    share: Probability = 0.5
    steps: list[int] = Field(default_factory=list)


class Outer(Spec):
    """A settings object with every kind of member."""

    name: str
    inner: Inner = Inner()


def message_of(data: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        parse(Outer, data, source="settings.yaml")
    return str(caught.value)


def test_settings_cannot_be_changed_after_they_are_made() -> None:
    settings = parse(Outer, {"name": "a"}, source="here")
    with pytest.raises(ValidationError, match="frozen"):
        settings.name = "b"  # type: ignore[misc]


def test_every_message_begins_with_the_source() -> None:
    assert message_of({}).startswith("settings.yaml: ")


def test_a_typo_in_a_key_is_answered_with_the_key_that_was_meant() -> None:
    assert "unknown key 'nmae'; did you mean 'name'?" in message_of({"nmae": "a", "name": "a"})


def test_a_typo_in_a_nested_key_is_named_with_its_whole_path() -> None:
    assert "unknown key 'inner.shaer'; did you mean 'share'?" in message_of({"name": "a", "inner": {"shaer": 0.1}})


def test_a_key_like_no_other_is_answered_with_the_keys_allowed_there() -> None:
    assert "unknown key 'inner.zzz'; allowed here: share, steps" in message_of({"name": "a", "inner": {"zzz": 1}})


def test_a_missing_key_is_named() -> None:
    assert message_of({}) == "settings.yaml: key 'name' is required; add it"


def test_a_value_of_the_wrong_type_is_shown() -> None:
    message = message_of({"name": ["a"]})
    assert "key 'name'" in message
    assert "valid string" in message
    assert "found ['a']" in message


@pytest.mark.parametrize("share", [-0.1, 1.5, float("nan")])
def test_a_probability_outside_its_range_is_refused(share: float) -> None:
    message = message_of({"name": "a", "inner": {"share": share}})
    assert "key 'inner.share'" in message
    assert f"found {share!r}" in message


def test_a_fault_inside_a_list_is_named_with_its_position() -> None:
    assert "key 'inner.steps.1'" in message_of({"name": "a", "inner": {"steps": [1, "two"]}})


def test_all_faults_are_reported_at_once() -> None:
    message = message_of({"nmae": "a", "inner": {"share": 7, "step": []}})
    for part in ("'name' is required", "'nmae'", "'inner.share'", "'inner.step'; did you mean 'steps'?"):
        assert part in message


def test_a_key_that_is_no_string_is_a_fault_and_no_crash() -> None:
    assert "key '1'" in message_of({1: "a", "name": "a"})


def test_what_is_no_mapping_at_all_is_a_fault_of_the_top_level() -> None:
    assert "(top level)" in message_of(["name"])


def test_any_mapping_will_do() -> None:
    assert parse(Outer, MappingProxyType({"name": "a"}), source="here").name == "a"


def test_yaml_is_read_as_keys_and_values(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("name: Grüße\ninner: {share: 0.25}\n", encoding="utf-8")
    assert read_yaml(path) == {"name": "Grüße", "inner": {"share": 0.25}}


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"name: [unclosed", "is not valid YAML"),
        (b"a: 1\n\tb: 2", "is not valid YAML"),
        (b"name: \xff\xfe", "is not UTF-8"),
        (b"- a\n- b\n", "expected keys and values, found list"),
        (b"just text", "expected keys and values, found str"),
        (b"", "expected keys and values, found NoneType"),
        (b"!!python/object/apply:os.system ['true']", "is not valid YAML"),
    ],
    ids=["unclosed", "tab", "latin-1", "list", "text", "empty", "python object"],
)
def test_a_file_that_cannot_be_used_is_named_with_the_reason(tmp_path: Path, content: bytes, problem: str) -> None:
    path = tmp_path / "broken.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        read_yaml(path)
    assert str(caught.value).startswith(f"{path}: {problem}")
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"nowhere\.yaml: cannot be read \(No such file or directory\); check the path"
    ):
        read_yaml(tmp_path / "nowhere.yaml")


def test_a_folder_in_place_of_a_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        read_yaml(tmp_path)


def test_a_rule_about_several_keys_is_told_without_all_of_them() -> None:
    class Pair(Spec):
        low: int
        high: int

        @model_validator(mode="after")
        def _in_order(self) -> Pair:
            if self.low > self.high:
                raise ValueError("low may not be above high")
            return self

    with pytest.raises(ConfigError) as caught:
        parse(Pair, {"low": 2, "high": 1}, source="here")
    assert str(caught.value) == "here: low may not be above high"
