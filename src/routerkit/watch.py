"""Decide, and tell whoever keeps watch: the decision log, a candidate router in the shadow, OpenTelemetry."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Self

from routerkit.conversation.following import Following
from routerkit.conversation.history import Conversation
from routerkit.errors import InputError
from routerkit.observation import Observation, RouterFacts
from routerkit.shadow import Shadow
from routerkit.tracing import attributes, spans

if TYPE_CHECKING:
    from collections.abc import Sequence

    from routerkit.config import GraphConfig
    from routerkit.conversation.history import Mode
    from routerkit.decision import Decision
    from routerkit.log import DecisionLog
    from routerkit.observation import Failure
    from routerkit.policy import ThresholdPolicy
    from routerkit.router import Router


class Watch:
    """A router whose decisions are observed. Safe to share between threads.

    `Watch(router, log=DecisionLog(settings)).route("What is 2+2?").decision` is the router's own decision; observing
    never changes it, never delays it by more than putting it into a queue, and never fails it.

    Args:
        router: decides.
        log: keeps every decision.
        conversation: what of a conversation is routed, see `Mode`.
    """

    def __init__(self, router: Router, *, log: DecisionLog | None = None, conversation: Mode = "last") -> None:
        self.router = router
        self.log = log
        self._facts = RouterFacts.of(router)
        self._following = Following(router, conversation)

    @classmethod
    def from_config(cls, config: GraphConfig, router: Router) -> Self:
        """What a configuration asks for: `decision_log`, `shadow`, `tracing` and `router_config.conversation`.

        Raises:
            ConfigError: if the decision log cannot be opened.
        """
        mode = config.router_config.conversation
        if config.decision_log is None:
            return cls(router, conversation=mode)
        from routerkit.log import DecisionLog

        shadow = Shadow(config.shadow, config.router_config, config.fallback) if config.shadow else None
        return cls(router, log=DecisionLog(config.decision_log, shadow=shadow), conversation=mode)

    def route(self, query: str | Conversation, *, policy: ThresholdPolicy | None = None) -> Observation:
        """Decide where one query, or the last turn of a conversation, goes; see `Following.route`.

        Raises:
            InputError: if the query cannot be classified; such queries are not logged.
        """
        seen = self.observe(query, policy=policy)
        self.decided(seen)
        return seen

    def observe(self, query: str | Conversation, *, policy: ThresholdPolicy | None = None) -> Observation:
        """`route` for callers who may still change the decision and then call `decided` themselves."""
        started = perf_counter()
        with spans.span(spans.ROUTE_SPAN) as current:
            conversation = Conversation.of(query)
            decision = self._following.route(conversation, policy=policy)
            seen = self._observation(conversation, decision, policy, started, 1)
            if current is not None:
                spans.describe(current, attributes.of_observation(seen))
        return seen

    def route_batch(
        self, queries: Sequence[str | Conversation], *, policy: ThresholdPolicy | None = None
    ) -> list[Observation]:
        """Decide where several queries go; see `Following.route_batch`. OpenTelemetry gets one span for the batch.

        Raises:
            InputError: naming the position of the first query that cannot be classified.
        """
        if isinstance(queries, str):
            raise InputError("a batch must be a list of queries, got one string; use route for a single query")
        started = perf_counter()
        with spans.span(spans.ROUTE_SPAN, {"routerkit.batch": len(queries)}):
            conversations = [Conversation.of(query) for query in queries]
            decisions = self._following.route_batch(conversations, policy=policy)
        found = [
            self._observation(conversation, decision, policy, started, len(queries))
            for conversation, decision in zip(conversations, decisions, strict=True)
        ]
        for seen in found:
            self.decided(seen)
        return found

    def decided(self, seen: Observation) -> str | None:
        """Take note of a decision that was taken elsewhere; returns its id in the log, None without one."""
        return None if self.log is None else self.log.record(seen).id

    def failed(self, failure: Failure) -> None:
        """Take note that a specialist failed after a decision."""
        if self.log is not None:
            self.log.record_failure(failure)

    def _observation(
        self, conversation: Conversation, decision: Decision, policy: ThresholdPolicy | None, started: float, share: int
    ) -> Observation:
        return Observation(
            query=conversation.query,
            decision=decision,
            router=self._facts,
            threshold=(policy or self.router.policy).threshold_for(decision.category),
            latency_ms=(perf_counter() - started) * 1000 / share,
            conversation=conversation,
        )
