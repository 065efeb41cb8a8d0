"""One decision with everything that is worth knowing about it later: what traces, log and shadow are given."""

from __future__ import annotations

from dataclasses import dataclass, field
from time import time
from typing import TYPE_CHECKING

from routerkit.version import __version__

if TYPE_CHECKING:
    from routerkit.conversation.history import Conversation
    from routerkit.decision import Decision
    from routerkit.router import Router


@dataclass(frozen=True, slots=True, kw_only=True)
class RouterFacts:
    """Which router decided, exactly.

    Attributes:
        name: the router's name.
        version: version of routerkit.
        digest: sha256 of the artefact, 64 hexadecimal digits.
    """

    name: str
    version: str
    digest: str

    @classmethod
    def of(cls, router: Router) -> RouterFacts:
        """The facts about a loaded router."""
        return cls(name=router.artefact.manifest.name, version=__version__, digest=router.artefact.digest)


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """A decision and its circumstances.

    Attributes:
        query: the text that was routed.
        decision: where it went, and why.
        router: who decided.
        threshold: the confidence that the decision's category had to reach, in [0, 1].
        latency_ms: time the decision took; in a batch, its share of the batch.
        time: seconds since 1970, UTC.
        conversation: what the query was the last turn of, for a candidate that decides on the same; None if unknown.
    """

    query: str
    decision: Decision
    router: RouterFacts
    threshold: float
    latency_ms: float
    time: float = field(default_factory=time)
    conversation: Conversation | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A specialist that did not answer what a decision had sent to it.

    Attributes:
        decision: id of the decision in the log.
        specialist: category of the specialist.
        type: class of the error.
        message: its text, which may repeat what the specialist was asked.
        time: seconds since 1970, UTC.
    """

    decision: str
    specialist: str
    type: str
    message: str
    time: float = field(default_factory=time)
