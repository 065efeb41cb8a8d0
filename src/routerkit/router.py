"""The router: text in, `Decision` out."""

from __future__ import annotations

import contextvars
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from routerkit.beliefs import is_near_border, predictions
from routerkit.engines.loading import open_sessions
from routerkit.engines.sessions import Sessions
from routerkit.errors import ConfigError, InputError
from routerkit.policy import ThresholdPolicy, default_fallback
from routerkit.query import check_query
from routerkit.router_config import RouterConfig
from routerkit.scheduling import equal_length_batches
from routerkit.store import open_artefact
from routerkit.tokenization import QueryTokenizer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from routerkit.artefact import Artefact
    from routerkit.decision import Decision, Prediction
    from routerkit.engines import Engine

T = TypeVar("T")


class Router:
    """Decides which specialist answers a query. Safe to share between threads.

    Use `Router.from_pretrained`; the constructor takes the parts, for tests and special needs.

    Args:
        artefact: the trained router.
        engine: computes its logits.
        tokenizer: turns text into token ids.
        policy: turns beliefs into decisions.
        max_query_chars: longer queries are refused.
        sessions: lends `engine` and others like it to bulk work and servers; only `engine` unless given.

    Raises:
        ConfigError: if the policy names a category that the router does not know.
    """

    def __init__(
        self,
        *,
        artefact: Artefact,
        engine: Engine,
        tokenizer: QueryTokenizer,
        policy: ThresholdPolicy,
        max_query_chars: int,
        sessions: Sessions | None = None,
    ) -> None:
        self.artefact = artefact
        self.policy = policy
        self._engine = engine
        self._sessions = sessions or Sessions(engine)
        self._tokenizer = tokenizer
        self._max_query_chars = max_query_chars
        _check_policy(policy, self.categories)

    @classmethod
    def from_pretrained(
        cls, source: str | Path = "starter", *, config: RouterConfig | None = None, fallback: str | None = None
    ) -> Router:
        """Load a router.

        Args:
            source: `starter` (ships with the package), a folder that `routerkit train` wrote, or a hub id.
            config: device, precision, thresholds ...; its `model_path` is not used here.
            fallback: the category of the general model; `general` if the router has it, else its last category.

        Raises:
            ArtefactError: if the router is missing or damaged.
            ConfigError: if a threshold names an unknown category, or the device is not there.
        """
        config = config or RouterConfig()
        artefact = open_artefact(source)
        engine, sessions = open_sessions(artefact, config)
        return cls(
            artefact=artefact,
            engine=engine,
            sessions=sessions,
            tokenizer=QueryTokenizer.from_file(
                artefact.path / "tokenizer.json", max_tokens=artefact.manifest.max_tokens
            ),
            policy=_policy(artefact, config, fallback),
            max_query_chars=config.max_query_chars,
        )

    @classmethod
    def from_config(cls, config: RouterConfig, *, fallback: str | None = None) -> Router:
        """Load the router that a configuration names; see `from_pretrained`."""
        return cls.from_pretrained(config.model_path, config=config, fallback=fallback)

    @property
    def categories(self) -> list[str]:
        """The labels, in the order of the logits."""
        return list(self.artefact.manifest.categories)

    @property
    def engine_name(self) -> str:
        """Library and precision that compute, such as `onnx int8`."""
        return self._engine.name

    def check(self, query: object) -> str:
        """Return `query` if this router can classify it.

        Raises:
            InputError: if the query is no text, empty, too long or binary.
        """
        return check_query(query, self._max_query_chars)

    def classify(self, query: str) -> Prediction:
        """What the classifier believes about one query.

        Raises:
            InputError: if the query is no text, empty, too long or binary.
        """
        return self._classify(self._engine, self.check(query))

    def route_query(self, query: str, *, policy: ThresholdPolicy | None = None) -> Decision:
        """Decide where one query goes.

        Args:
            query: the text, at most `max_query_chars` characters.
            policy: replaces the router's own policy for this call.

        Raises:
            InputError: if the query is no text, empty, too long or binary.
        """
        return (policy or self.policy).decide(self.classify(query))

    def route_batch(self, queries: Sequence[str], *, policy: ThresholdPolicy | None = None) -> list[Decision]:
        """Decide where several queries go: the same decisions as one by one, several times faster.

        Args:
            queries: the texts; may be empty.
            policy: replaces the router's own policy for this call.

        Raises:
            InputError: naming the position of the first query that cannot be classified.
        """
        policy = policy or self.policy
        token_ids = self._tokenizer.encode_batch(self._checked(queries))
        groups = list(equal_length_batches(token_ids))
        found = self._predict(token_ids, groups)
        # Neighbours may move a probability by a rounding: where that could matter, the query alone decides.
        companions = (position for group in groups if len(group) > 1 for position in group)
        found |= self._predict(token_ids, [[one] for one in companions if is_near_border(found[one], policy)])
        return [policy.decide(found[position]) for position in range(len(token_ids))]

    async def aroute_query(self, query: str, *, policy: ThresholdPolicy | None = None) -> Decision:
        """`route_query` in one of a few worker threads, so that an event loop stays free.

        Cancelling takes back a query that still waits; one that is computed comes to its end unheard.

        Raises:
            InputError: if the query is no text, empty, too long or binary.
            OverloadError: if `max_queue` queries wait already.
        """
        text = self.check(query)
        prediction = await self._sessions.submit(lambda engine: self._classify(engine, text))
        return (policy or self.policy).decide(prediction)

    async def in_worker(self, call: Callable[[], T]) -> T:
        """Run `call`, which routes one query and what belongs to it, as `aroute_query` does.

        Raises:
            OverloadError: if `max_queue` queries wait already.
        """
        return await self._sessions.admit(partial(contextvars.copy_context().run, call))

    async def aroute_batch(self, queries: Sequence[str], *, policy: ThresholdPolicy | None = None) -> list[Decision]:
        """`route_batch` in a worker thread, so that an event loop stays free."""
        import asyncio  # who awaits this has it; who routes without an event loop starts sooner

        return await asyncio.to_thread(self.route_batch, queries, policy=policy)

    def close(self) -> None:
        """Wait for queries in `aroute_query`, then give back threads and extra engines; the router stays usable."""
        self._sessions.close()

    def save_pretrained(self, path: str | Path) -> Path:
        """Copy the artefact to a new or empty folder.

        Raises:
            ConfigError: if the folder has content already.
        """
        import shutil

        target = Path(path)
        if target.exists() and (not target.is_dir() or any(target.iterdir())):
            raise ConfigError(f"{target}: is not empty; give a new folder")
        shutil.copytree(self.artefact.path, target, dirs_exist_ok=True)
        return target

    def __repr__(self) -> str:
        return f"Router({self.artefact.manifest.name!r}, engine={self.engine_name!r}, categories={self.categories})"

    def _checked(self, queries: Sequence[str]) -> list[str]:
        if isinstance(queries, str):
            raise InputError("a batch must be a list of queries, got one string; use route_query for a single query")
        checked = []
        for position, query in enumerate(queries):
            try:
                checked.append(self.check(query))
            except InputError as error:
                raise InputError(f"query {position} of the batch (counted from 0): {error}") from error
        return checked

    def _classify(self, engine: Engine, query: str) -> Prediction:
        return predictions(engine.run([self._tokenizer.encode(query)]), self.artefact.manifest)[0]

    def _predict(self, token_ids: list[list[int]], groups: list[list[int]]) -> dict[int, Prediction]:
        """Predictions by position; each group of positions shares a forward pass."""
        scores = self._sessions.run_all([[token_ids[position] for position in group] for group in groups])
        return {
            position: prediction
            for group, found in zip(groups, scores, strict=True)
            for position, prediction in zip(group, predictions(found, self.artefact.manifest), strict=True)
        }


def _policy(artefact: Artefact, config: RouterConfig, fallback: str | None) -> ThresholdPolicy:
    manifest = artefact.manifest
    if config.confidence_threshold == "auto":
        common, single = manifest.confidence_threshold, manifest.category_thresholds
    else:
        common, single = config.confidence_threshold, {}
    outside = manifest.ood_threshold if config.ood_threshold == "auto" else config.ood_threshold
    return ThresholdPolicy(
        ood_threshold=outside,
        fallback=fallback or default_fallback(manifest.categories),
        confidence_threshold=common,
        category_thresholds={**single, **config.category_thresholds},
    )


def _check_policy(policy: ThresholdPolicy, categories: list[str]) -> None:
    unknown = [name for name in (policy.fallback, *policy.category_thresholds) if name not in categories]
    if unknown:
        raise ConfigError(
            f"the router does not know the categories {unknown}, named as fallback or in category_thresholds; "
            f"it knows {categories}"
        )
