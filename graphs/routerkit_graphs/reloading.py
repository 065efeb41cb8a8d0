"""`ReloadingGraph`: a routing graph that takes over a changed configuration or router while it answers."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from langchain_core.runnables import Runnable

from routerkit.artefact import MANIFEST
from routerkit.config import DEFAULT_CONFIG, GraphConfig, find_config
from routerkit.tracing.client import install
from routerkit_graphs.backends import LazyModel
from routerkit_graphs.builder import GraphSource, RoutingGraph, assemble
from routerkit_graphs.tracing import GraphWatch
from routerkit_graphs.wiring import wire

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from langchain_core.runnables import RunnableConfig
    from langchain_core.runnables.graph import Graph
    from langgraph.types import Checkpointer

    from routerkit.config import Specialist
    from routerkit.router import Router

logger = logging.getLogger("routerkit_graphs")

_Signature = tuple[tuple[int, int] | None, ...]
_Models = dict[tuple[str, str], LazyModel]


@dataclass(frozen=True)
class _Version:
    """A graph with what a later one may keep of it."""

    graph: RoutingGraph
    watch: GraphWatch
    models: _Models


class _OfTheGraph:
    """A method that the current graph has, and `Runnable` too, so that `__getattr__` is not asked for it."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, holder: ReloadingGraph | None, owner: type) -> Any:  # noqa: ANN401 - whatever the graph's is
        return self if holder is None else getattr(holder.current, self._name)


class ReloadingGraph(Runnable[Any, Any]):
    """A routing graph that can be loaded again while it answers. Safe to share between threads.

    It is used like the graph that `build_graph` returns. A request is answered by the version it began with. A new
    version keeps the loaded specialists whose entries have not changed, so that no weights are in memory twice.

    Args:
        config: as for `build_graph`; a file is read again at every reload.
        specialists: as for `build_graph`.
        router: as for `build_graph`; given here, it stays.
        checkpointer: as for `build_graph`; conversations go on over reloads.
        name: as for `build_graph`.

    Raises:
        ConfigError: if the configuration cannot be read.
        GraphConfigError: if categories, specialists, router and fallback do not fit together.
        ArtefactError: if the router is missing or damaged.
    """

    def __init__(
        self,
        config: GraphSource = None,
        *,
        specialists: Mapping[str, Runnable[Any, Any]] | None = None,
        router: Router | None = None,
        checkpointer: Checkpointer = None,
        name: str = "routerkit",
    ) -> None:
        self.name = name
        self._source = config
        self._given = specialists or {}
        self._router = router
        self._checkpointer = checkpointer
        self._lock = threading.RLock()
        named = DEFAULT_CONFIG if config is None else config
        self._file = None if isinstance(named, GraphConfig | Mapping) else find_config(named)
        self._manifest: Path | None = None
        self._seen: _Signature = ()
        self._version = self._load({}, warm=False)

    @property
    def current(self) -> RoutingGraph:
        """The version that new requests are answered by."""
        return self._version.graph

    def reload(self, *, warm: bool = False) -> None:
        """Take over the configuration and the router as they are now, or stay as before if anything is wrong.

        Args:
            warm: also load the weights of new specialists before the first request needs them; then a model that
                cannot be loaded is refused too.

        Raises:
            ConfigError: as at the beginning, and so do `GraphConfigError` and `ArtefactError`.
            SpecialistError: if a specialist cannot be loaded, with `warm`.
        """
        with self._lock:
            before = self._version
            self._version = self._load(before.models, warm=warm)
        if before.watch.log is not None:
            # Requests that are still on their way open it again.
            before.watch.log.close()
        logger.info("the routing graph has been loaded again")

    def reload_if_changed(self, *, warm: bool = False) -> bool:
        """`reload` if the configuration file or the manifest of the router's folder is another than at the last try.

        Cheap enough to be called before every request: it looks at the files' times and sizes.

        Returns:
            Whether there was something new. What was refused once is not tried again before it changes.

        Raises:
            ConfigError: see `reload`.
        """
        if self._signature() == self._seen:
            return False
        with self._lock:
            if self._signature() == self._seen:
                return False
            self.reload(warm=warm)
        return True

    def invoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:  # noqa: A002, ANN401 - LangGraph's signature
        """As the graph's own; so are the methods below, and all others that a compiled graph has."""
        return self.current.invoke(input, config, **kwargs)

    async def ainvoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:  # noqa: A002, ANN401 - LangGraph's signature
        """See `invoke`."""
        return await self.current.ainvoke(input, config, **kwargs)

    def stream(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Iterator[Any]:  # noqa: A002, ANN401 - LangGraph's signature
        """See `invoke`."""
        return self.current.stream(input, config, **kwargs)

    def astream(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> AsyncIterator[Any]:  # noqa: A002, ANN401 - LangGraph's signature
        """See `invoke`."""
        return self.current.astream(input, config, **kwargs)

    def astream_events(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:  # noqa: A002, ANN401 - LangGraph's signature
        """See `invoke`."""
        return self.current.astream_events(input, config, **kwargs)

    stream_events: Any = _OfTheGraph()
    get_input_schema: Any = _OfTheGraph()
    get_output_schema: Any = _OfTheGraph()
    get_input_jsonschema: Any = _OfTheGraph()
    get_output_jsonschema: Any = _OfTheGraph()

    def get_graph(self, config: RunnableConfig | None = None, **kwargs: Any) -> Graph:  # noqa: ANN401 - LangGraph's signature
        """See `invoke`."""
        return self.current.get_graph(config, **kwargs)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - an attribute of the graph
        if name.startswith("_"):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return getattr(self.current, name)

    def _load(self, known: _Models, *, warm: bool) -> _Version:
        # Looked at before they are read: what changes in between is new at the next look.
        self._seen = self._signature()
        config = GraphConfig.load(self._source)
        self._manifest = Path(config.router_config.model_path) / MANIFEST
        self._seen = self._seen[:1] + self._signature()[1:]
        models: _Models = {}

        def model(category: str, spec: Specialist) -> LazyModel:
            key = (category, spec.model_dump_json())
            return models.setdefault(key, known.get(key) or LazyModel(category, spec))

        wiring = wire(config, self._given, self._router, model)
        if warm:
            for seat in wiring.seats:
                seat.load()
        watch = GraphWatch.from_config(config, wiring.router)
        graph = assemble(config, wiring, watch).compile(checkpointer=self._checkpointer, name=self.name)
        install(config.tracing)
        return _Version(graph, watch, models)

    def _signature(self) -> _Signature:
        return (_stamp(self._file), _stamp(self._manifest))


def _stamp(path: Path | None) -> tuple[int, int] | None:
    """Time and size; None for what is no file here, such as a configuration given in Python or a router of the hub."""
    try:
        found = path.stat() if path else None
    except OSError:
        return None
    return (found.st_mtime_ns, found.st_size) if found else None
