"""What is known about a conversation when its last turn is routed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

Mode = Literal["last", "previous", "sticky"]
"""How a turn is routed.

`last`: by its own text. `previous`: by its text behind that of the turn before. `sticky`: a follow-up that says nothing
by itself stays with the specialist of its topic.
"""


@dataclass(frozen=True, slots=True)
class Conversation:
    """The person's side of a conversation.

    Attributes:
        turns: what the person wrote, oldest first; the last one is to be routed.
        decided: the fields of the `Decision` about the turn before, if somebody kept it.
    """

    turns: tuple[str, ...]
    decided: Mapping[str, Any] | None = None

    @property
    def query(self) -> str:
        """The turn to route."""
        return self.turns[-1]

    @classmethod
    def of(cls, value: str | Conversation) -> Conversation:
        """A conversation, also if it is a single turn."""
        return value if isinstance(value, Conversation) else cls((value,))
