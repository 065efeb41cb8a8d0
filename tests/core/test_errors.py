from __future__ import annotations

import sys
from pathlib import Path

import pytest

from routerkit import errors
from routerkit.errors import (
    ArtefactError,
    ConfigError,
    DataError,
    GraphConfigError,
    MissingExtraError,
    RouterkitError,
    SpecialistError,
    require,
)


def test_every_error_of_the_family_can_be_caught_as_one() -> None:
    found = [item for item in vars(errors).values() if isinstance(item, type) and issubclass(item, Exception)]
    assert len(found) == 9
    assert all(issubclass(item, RouterkitError) for item in found)


def test_the_tree_drawn_in_the_docstring_names_every_error_class() -> None:
    for name, item in vars(errors).items():
        if isinstance(item, type) and issubclass(item, Exception):
            assert name in str(errors.__doc__)


def test_a_graph_fault_is_a_configuration_error_and_keeps_each_fault() -> None:
    error = GraphConfigError(["category 'law' has no specialist", "specialist 'poems' is never reached"])
    assert isinstance(error, ConfigError)
    assert error.faults == ["category 'law' has no specialist", "specialist 'poems' is never reached"]
    assert "2 faults: category 'law' has no specialist; specialist 'poems' is never reached" in str(error)


def test_a_single_graph_fault_is_counted_in_the_singular() -> None:
    assert "1 fault: no fallback" in str(GraphConfigError(["no fallback"]))


def test_an_artefact_error_begins_with_the_path_and_keeps_it() -> None:
    error = ArtefactError(Path("router/config.json"), "is missing")
    assert error.path == Path("router/config.json")
    assert str(error) == f"{Path('router/config.json')}: is missing"


@pytest.mark.parametrize(
    ("line", "begins"), [(17, "rows.jsonl, line 17: is bad"), (None, "rows.jsonl: is bad")], ids=["a line", "the file"]
)
def test_a_data_error_says_where(line: int | None, begins: str) -> None:
    error = DataError("rows.jsonl", line, "is bad")
    assert (str(error), error.line, error.path) == (begins, line, "rows.jsonl")


def test_a_specialist_error_says_whether_trying_again_may_help() -> None:
    assert SpecialistError("math", "is busy", retryable=True).retryable
    assert not SpecialistError("math", "is broken").retryable
    assert str(SpecialistError("math", "is broken")) == "specialist 'math': is broken"


def test_a_missing_module_is_named_with_the_extra_that_brings_it() -> None:
    with pytest.raises(MissingExtraError) as caught:
        require("local", "json", "no_such_module", "nor_this_one")
    message = str(caught.value)
    assert "no_such_module, nor_this_one" in message
    assert 'pip install "routerkit[local]"' in message
    assert "json" not in message


def test_checking_for_a_module_does_not_import_it() -> None:
    sys.modules.pop("this", None)
    require("local", "this")
    assert "this" not in sys.modules
