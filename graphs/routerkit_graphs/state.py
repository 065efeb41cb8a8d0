"""What the routing graph keeps between its nodes."""

from __future__ import annotations

from typing import Any

from langgraph.graph import MessagesState
from typing_extensions import NotRequired  # noqa: UP035, TC002 - LangGraph evaluates the annotations with it


class RoutingState(MessagesState):
    """The conversation and the latest decision about it. Plain values only, so that any checkpointer stores them.

    Attributes:
        messages: the conversation; the specialist's answer is appended.
        route: name of the node that answers.
        decision: the fields of `routerkit.Decision`; with a decision log also `id`, the name of its row; after a failed
            specialist also `error`, a dict with the `type` and the `message` of the cause, and with `discard`, the ids
            of unfinished messages, if any had been streamed; for a mixed query also `routes`, the specialists that
            were asked, and `failed`, for each that failed what `error` holds.
    """

    route: NotRequired[str]
    decision: NotRequired[dict[str, Any]]
