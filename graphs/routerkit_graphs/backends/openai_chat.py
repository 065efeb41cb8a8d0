"""The chat models of OpenAI-compatible servers. Needs `langchain-openai` when it is imported."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langchain_openai import ChatOpenAI

from routerkit.errors import SpecialistError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from langchain_core.outputs import ChatGenerationChunk, ChatResult

_NEW_CONNECTION = {"Connection": "close"}
"""A connection that is kept belongs to its event loop, and langchain-openai shares them: where the loop has ended, as
after `asyncio.run`, the next request fails with "Event loop is closed". A new one costs little beside an answer."""


class ChatHosted(ChatOpenAI):
    """A `ChatOpenAI` that may be used from one event loop after another."""

    @classmethod
    def is_lc_serializable(cls) -> bool:
        """No: LangChain would write it down as a class of its own, and would not find that when it reads."""
        return False

    @property
    def _identifying_params(self) -> dict[str, Any]:
        # A cache tells models apart by these, and two servers may use one name.
        return {**super()._identifying_params, "base_url": self.openai_api_base}

    async def _agenerate(self, *args: Any, **kwargs: Any) -> ChatResult:  # noqa: ANN401 - LangChain's
        return await super()._agenerate(*args, **_anew(kwargs))

    async def _astream(self, *args: Any, **kwargs: Any) -> AsyncIterator[ChatGenerationChunk]:  # noqa: ANN401 - likewise
        async for chunk in super()._astream(*args, **_anew(kwargs)):
            yield chunk


class ChatEndpoint(ChatHosted):
    """The chat model of a server of one's own, which takes a stream without an end for a failure.

    A server or a proxy that dies may close its connection in good order; `ChatOpenAI` then returns half an answer as
    if it were whole. The protocol ends every answer with a `finish_reason`.

    Attributes:
        category: the node it answers for.
    """

    category: str

    def _stream(self, *args: Any, **kwargs: Any) -> Iterator[ChatGenerationChunk]:  # noqa: ANN401 - LangChain's
        ended = False
        for chunk in super()._stream(*args, **kwargs):
            ended = ended or _ends(chunk)
            yield chunk
        if not ended:
            raise self._broke_off()

    async def _astream(self, *args: Any, **kwargs: Any) -> AsyncIterator[ChatGenerationChunk]:  # noqa: ANN401 - likewise
        ended = False
        async for chunk in super()._astream(*args, **kwargs):
            ended = ended or _ends(chunk)
            yield chunk
        if not ended:
            raise self._broke_off()

    def _broke_off(self) -> SpecialistError:
        problem = f"the stream from {self.openai_api_base} ended before its answer; look at the server's log"
        return SpecialistError(self.category, problem, retryable=True)


def _ends(chunk: ChatGenerationChunk) -> bool:
    return bool((chunk.generation_info or {}).get("finish_reason"))


def _anew(kwargs: dict[str, Any]) -> dict[str, Any]:
    """Arguments of a request that opens a connection of its own."""
    return {**kwargs, "extra_headers": {**(kwargs.get("extra_headers") or {}), **_NEW_CONNECTION}}
