"""What one run of the graph may be told: LangGraph's `context=`."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

from pydantic import PositiveInt, ValidationError, model_validator

from routerkit.errors import InputError
from routerkit.spec import Probability, Spec, explain

if TYPE_CHECKING:
    from pydantic import ModelWrapValidatorHandler

logger = logging.getLogger("routerkit_graphs")


class RoutingContext(Spec):
    """Settings of one run; what is not given stays as the graph was built.

    `graph.invoke({"messages": ...}, context=RoutingContext(threshold=0.8))`, or a plain mapping. As a subgraph, the
    routing graph is given its parent's context: an object or a mapping with a field of one of these names counts, and
    all other fields are ignored.

    Attributes:
        threshold: least confidence for a specialist, in place of the router's thresholds, in [0, 1].
        force_route: the category whose specialist answers, whatever the router believes.
        fan_out: most specialists that answer a mixed query; 1 asks one. For graphs built with `fan_out`.
        confirm_below: decisions with a lower confidence interrupt the run, for a person to choose; 0 asks nobody.
            Needs a checkpointer; resume with `Command(resume=category)`, inside another graph with the same context.

    Raises:
        InputError: naming each fault.
    """

    threshold: Probability | None = None
    force_route: str | None = None
    fan_out: PositiveInt | None = None
    confirm_below: Probability | None = None

    @model_validator(mode="wrap")
    @classmethod
    def _explained(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:  # noqa: ANN401 - pydantic's signature
        try:
            return handler(data)
        except ValidationError as error:
            given = data if isinstance(data, Mapping) else {}
            raise InputError(f"context: {explain(cls, given, error)}") from error


def context_of(found: object, *, nested: bool) -> RoutingContext:
    """The run's settings in whatever object the run carries.

    Args:
        found: a `RoutingContext`, anything with fields or keys of the same names, or None.
        nested: whether the object is a parent graph's, which may use the names for something else: then a value
            that cannot be ours is ignored.

    Raises:
        InputError: if the object is ours and a value is not allowed.
    """
    if found is None or isinstance(found, RoutingContext):
        return found or RoutingContext()
    if isinstance(found, str | int | float | Sequence) and not nested:
        raise InputError(
            f"context: found {found!r}, expected a RoutingContext, or a mapping such as {{'threshold': 0.8}}"
        )
    given = {name: _value(found, name) for name in RoutingContext.model_fields}
    if not nested:
        return RoutingContext(**given)
    usable = {}
    for name, value in given.items():
        try:
            usable[name] = getattr(RoutingContext.model_validate({name: value}), name)
        except InputError as error:
            logger.warning("the parent graph's context is not for the routing graph, ignored: %s", error)
    return RoutingContext(**usable)


def _value(holder: object, name: str) -> Any:  # noqa: ANN401 - a foreign object's field
    return holder.get(name) if isinstance(holder, Mapping) else getattr(holder, name, None)
