"""When a query belongs to several specialists at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import PositiveInt

from routerkit.spec import Probability, Spec

if TYPE_CHECKING:
    from routerkit.decision import Decision


class FanOutConfig(Spec):
    """A mixed query is answered by several specialists in parallel.

    Mixed is a query with two or more categories of at least `min_probability`. One that is unlike anything the router
    was trained on is not, nor is a follow-up that stays with its topic.

    Attributes:
        top_k: most specialists that answer one query; 1 asks several only in runs that say so, see `RoutingContext`.
        min_probability: least probability of a category whose specialist answers too, in [0, 1].
        join: `side_by_side`: the answers follow one another, the most probable category's first, each a message with
            the category as its `name`; `merge`: the general model makes one answer of them.
    """

    top_k: PositiveInt = 2
    min_probability: Probability = 0.25
    join: Literal["side_by_side", "merge"] = "side_by_side"

    def routes(self, decision: Decision) -> list[str]:
        """The categories whose specialists answer, most probable first; fewer than two if it is not mixed."""
        if decision.reason in {"out_of_domain", "sticky"}:
            return []
        likely = [name for name, share in decision.probabilities.items() if share >= self.min_probability]
        return sorted(likely, key=decision.probabilities.__getitem__, reverse=True)[: self.top_k]
