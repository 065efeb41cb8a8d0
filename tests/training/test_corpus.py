"""The corpus that was written for the project."""

from __future__ import annotations

from routerkit import artefact
from routerkit_training import corpus


def test_the_test_part_is_the_one_written_before_any_router_was_trained_on_the_corpus() -> None:
    assert artefact.file_digest(corpus.part_path("test")) == corpus.TEST_SHA256
