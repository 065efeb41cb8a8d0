"""Decide, and tell whoever keeps watch: the decision log, a candidate router in the shadow, OpenTelemetry."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Self

from routerkit.observation import Observation, RouterFacts
from routerkit.shadow import Shadow
from routerkit.tracing import attributes, spans

if TYPE_CHECKING:
    from collections.abc import Sequence

    from routerkit.config import GraphConfig
    from routerkit.decision import Decision
    from routerkit.log import DecisionLog
    from routerkit.policy import ThresholdPolicy
    from routerkit.router import Router


class Watch:
    """A router whose decisions are observed. Safe to share between threads.

    `Watch(router, log=DecisionLog(settings)).route("What is 2+2?").decision` is the router's own decision; observing
    never changes it, never delays it by more than putting it into a queue, and never fails it.

    Args:
        router: decides.
        log: keeps every decision.
    """

    def __init__(self, router: Router, *, log: DecisionLog | None = None) -> None:
        self.router = router
        self.log = log
        self._facts = RouterFacts.of(router)

    @classmethod
    def from_config(cls, config: GraphConfig, router: Router) -> Self:
        """What a configuration asks for: `decision_log`, `shadow` and `tracing`.

        Raises:
            ConfigError: if the decision log cannot be opened.
        """
        if config.decision_log is None:
            return cls(router)
        from routerkit.log import DecisionLog

        shadow = Shadow(config.shadow, config.router_config, config.fallback) if config.shadow else None
        return cls(router, log=DecisionLog(config.decision_log, shadow=shadow))

    def route(self, query: str, *, policy: ThresholdPolicy | None = None) -> Observation:
        """Decide where one query goes; see `Router.route_query`.

        Raises:
            InputError: if the query cannot be classified; such queries are not logged.
        """
        started = perf_counter()
        with spans.span(spans.ROUTE_SPAN) as current:
            decision = self.router.route_query(query, policy=policy)
            seen = self._observation(query, decision, policy, started, 1)
            if current is not None:
                spans.describe(current, attributes.of_observation(seen))
        self.decided(seen)
        return seen

    def route_batch(self, queries: Sequence[str], *, policy: ThresholdPolicy | None = None) -> list[Observation]:
        """Decide where several queries go; see `Router.route_batch`. OpenTelemetry gets one span for the batch.

        Raises:
            InputError: naming the position of the first query that cannot be classified.
        """
        started = perf_counter()
        with spans.span(spans.ROUTE_SPAN, {"routerkit.batch": len(queries)}):
            decisions = self.router.route_batch(queries, policy=policy)
        found = [
            self._observation(query, decision, policy, started, len(queries))
            for query, decision in zip(queries, decisions, strict=True)
        ]
        for seen in found:
            self.decided(seen)
        return found

    def decided(self, seen: Observation) -> None:
        """Take note of a decision that was taken elsewhere."""
        if self.log is not None:
            self.log.record(seen)

    def _observation(
        self, query: str, decision: Decision, policy: ThresholdPolicy | None, started: float, share: int
    ) -> Observation:
        return Observation(
            query=query,
            decision=decision,
            router=self._facts,
            threshold=(policy or self.router.policy).threshold_for(decision.category),
            latency_ms=(perf_counter() - started) * 1000 / share,
        )
