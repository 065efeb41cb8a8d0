"""A chat model that can do what the standard tests ask for: tools, usage, stop texts. It understands nothing."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import Field

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from langchain_core.tools import BaseTool


class AbleModel(BaseChatModel):
    """Calls the first bound tool when a person asks, fills its arguments by their types, and else says something."""

    name_of_model: str = "able-1"
    tools_bound: list[str] = Field(default_factory=list)

    @property
    def _llm_type(self) -> str:
        return "able"

    def bind_tools(
        self,
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool],
        *,
        tool_choice: str | None = None,
        **kwargs: Any,
    ) -> Any:
        self.tools_bound.append(str(tool_choice))
        return self.bind(tools=[convert_to_openai_tool(tool) for tool in tools], tool_choice=tool_choice, **kwargs)

    def _generate(
        self, messages: list[BaseMessage], stop: Any = None, run_manager: Any = None, **kw: Any
    ) -> ChatResult:
        chunks = [chunk.message for chunk in self._stream(messages, stop, run_manager, **kw)]
        whole = sum(chunks[1:], chunks[0])
        message = AIMessage(
            whole.content,
            tool_calls=whole.tool_calls,
            usage_metadata=whole.usage_metadata,
            response_metadata=whole.response_metadata,
        )
        return ChatResult(generations=[ChatGeneration(message=message)])

    def _stream(
        self, messages: list[BaseMessage], stop: Any = None, run_manager: Any = None, **kw: Any
    ) -> Iterator[ChatGenerationChunk]:
        last = messages[-1]
        tool = self._tool(kw)
        if tool is not None and not isinstance(last, ToolMessage):
            args = json.dumps(arguments(tool.get("parameters", {}), last.text))
            call = {"name": tool["name"], "args": args, "id": "call-1", "index": 0}
            yield ChatGenerationChunk(message=AIMessageChunk("", tool_call_chunks=[call]))
        else:
            for word in ("this ", "is ", "said ", "to you"):
                if stop and word.strip().split()[-1] in stop:
                    break
                yield ChatGenerationChunk(message=AIMessageChunk(word))
        usage = {"input_tokens": len(messages), "output_tokens": 4, "total_tokens": len(messages) + 4}
        yield ChatGenerationChunk(
            message=AIMessageChunk(
                "",
                usage_metadata=usage,
                response_metadata={"model_name": kw.get("model", self.name_of_model)},
                chunk_position="last",
            )
        )

    def _tool(self, kw: dict[str, Any]) -> dict[str, Any] | None:
        tools = [tool["function"] for tool in kw.get("tools") or []]
        chosen = [tool for tool in tools if tool["name"] == kw.get("tool_choice")]
        return next(iter([*chosen, *tools]), None)


def arguments(schema: dict[str, Any], text: str) -> dict[str, Any]:
    values: dict[str, Any] = {}
    numbers = [int(number) for number in re.findall(r"\d+", text)]
    for name, kind in schema.get("properties", {}).items():
        if "enum" in kind:
            values[name] = kind["enum"][0]
        elif kind.get("type") == "integer":
            values[name] = numbers[0] if numbers else 0
        elif kind.get("type") == "array":
            values[name] = []
        else:
            values[name] = text
    return values
