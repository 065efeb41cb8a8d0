"""The corpus that was written for the project."""

from __future__ import annotations

from routerkit_training import corpus

from routerkit import artefact


def test_the_test_part_is_the_one_that_was_fixed_before_any_router_was_scored_on_it() -> None:
    assert artefact.file_digest(corpus.part_path("test")) == corpus.TEST_SHA256
