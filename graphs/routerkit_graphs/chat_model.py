"""`RouterChatModel`: a chat model that asks, for each call, the model that answers it best."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from langchain_core.caches import BaseCache
from langchain_core.language_models.base import LangSmithParams
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables.config import RunnableConfig, merge_configs
from pydantic import ConfigDict, Field, PrivateAttr, SkipValidation

from routerkit.config import GraphConfig
from routerkit.router import Router
from routerkit_graphs.picking import ModelPicker, ModelSource
from routerkit_graphs.routed_call import RoutedCall, abeneath, beneath

if TYPE_CHECKING:
    from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
    from langchain_core.language_models import LanguageModelInput
    from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
    from langchain_core.runnables import Runnable
    from langchain_core.tools import BaseTool


class RouterChatModel(BaseChatModel):
    """A chat model that sends each call to one of several chat models, by the last human message.

    ```python
    model = RouterChatModel(models={"math": my_math_model, "*": my_general_model})
    model.invoke("What is 2+2?").response_metadata["routerkit"]["route"]
    ```

    Streaming, asynchronous calls, bound tools and arguments, usage metadata: all are those of the chosen model, which
    is called as if it had been called directly: a trace has one run, with the decision as metadata and tags.
    Cache, rate limiter and output version are the chosen model's too. A model that fails, fails the call; wrap this
    one in `with_fallbacks`, or use the graph, which falls back by itself.

    Attributes:
        models: for a category, a chat model or an entry as in `model_mappings`; `"*"` stands for all categories not
            named.
        router: decides; by default the one that `config` names, or the starter.
        config: everything else, as for `build_graph`; `models` wins over its `model_mappings`.

    Raises:
        ConfigError: if the configuration cannot be read.
        GraphConfigError: if categories, models and router do not fit together.
        ArtefactError: if the router is missing or damaged.
    """

    models: SkipValidation[Mapping[str, ModelSource]] = Field(default_factory=dict, repr=False)
    router: SkipValidation[Router | None] = None
    config: SkipValidation[GraphConfig | Mapping[str, Any] | str | Path | None] = Field(default=None, repr=False)
    # Else `generate` would look into the global cache, where all models of this class have one name.
    cache: SkipValidation[BaseCache | bool | None] = Field(default=False, exclude=True)
    _picker: ModelPicker = PrivateAttr()

    model_config = ConfigDict(arbitrary_types_allowed=True)

    def model_post_init(self, context: Any, /) -> None:  # noqa: ANN401 - pydantic's signature
        """Check that everything fits together, as soon as the model is made."""
        super().model_post_init(context)
        self._picker = ModelPicker.of(self.models, self.router, self.config)

    @property
    def _llm_type(self) -> str:
        return "routerkit"

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:  # noqa: ANN401 - LangChain's signature
        params = super()._get_ls_params(stop=stop, **kwargs)
        name = str(kwargs.get("model", self._picker.router.artefact.manifest.name))
        return LangSmithParams(**{**params, "ls_provider": "routerkit", "ls_model_name": name})

    def invoke(
        self,
        input: LanguageModelInput,  # noqa: A002 - LangChain's signature
        config: RunnableConfig | None = None,
        *,
        stop: list[str] | None = None,
        **kwargs: Any,  # noqa: ANN401 - LangChain's signature
    ) -> AIMessage:
        """The chosen model's answer."""
        call = self._call(self._messages(input), config, stop, kwargs)
        return call.answer(call.model.invoke(call.messages, call.config, **call.kwargs))

    async def ainvoke(
        self,
        input: LanguageModelInput,  # noqa: A002 - LangChain's signature
        config: RunnableConfig | None = None,
        *,
        stop: list[str] | None = None,
        **kwargs: Any,  # noqa: ANN401 - LangChain's signature
    ) -> AIMessage:
        """`invoke` for an event loop."""
        call = await asyncio.to_thread(self._call, self._messages(input), config, stop, kwargs)
        return call.answer(await call.model.ainvoke(call.messages, call.config, **call.kwargs))

    def stream(
        self,
        input: LanguageModelInput,  # noqa: A002 - LangChain's signature
        config: RunnableConfig | None = None,
        *,
        stop: list[str] | None = None,
        **kwargs: Any,  # noqa: ANN401 - LangChain's signature
    ) -> Iterator[AIMessageChunk]:
        """The chosen model's answer as it is written; the first chunk carries the decision."""
        call = self._call(self._messages(input), config, stop, kwargs)
        for chunk in call.model.stream(call.messages, call.config, **call.kwargs):
            yield call.chunk(chunk)

    async def astream(
        self,
        input: LanguageModelInput,  # noqa: A002 - LangChain's signature
        config: RunnableConfig | None = None,
        *,
        stop: list[str] | None = None,
        **kwargs: Any,  # noqa: ANN401 - LangChain's signature
    ) -> AsyncIterator[AIMessageChunk]:
        """`stream` for an event loop."""
        call = await asyncio.to_thread(self._call, self._messages(input), config, stop, kwargs)
        async for chunk in call.model.astream(call.messages, call.config, **call.kwargs):
            yield call.chunk(chunk)

    def bind_tools(
        self,
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool],
        *,
        tool_choice: str | None = None,
        **kwargs: Any,  # noqa: ANN401 - LangChain's signature
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Bind tools; each call binds them to the model that it chooses, in that model's own way."""
        choice = {} if tool_choice is None else {"tool_choice": tool_choice}
        return self.bind(tools=list(tools), **choice, **kwargs)

    def get_token_ids(self, text: str) -> list[int]:
        """The ids of a text by the general model's tokenizer, for nobody knows yet which model will read it."""
        general = self._picker.general()
        return general.get_token_ids(text) if isinstance(general, BaseChatModel) else super().get_token_ids(text)

    def get_num_tokens_from_messages(
        self,
        messages: list[BaseMessage],
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool] | None = None,
    ) -> int:
        """The length of a conversation for the general model, see `get_token_ids`."""
        general = self._picker.general()
        if isinstance(general, BaseChatModel):
            return general.get_num_tokens_from_messages(messages, tools)
        return super().get_num_tokens_from_messages(messages, tools)

    # `generate`, batches of it, and events of version 3 come in below; the run around them is LangChain's.

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,  # noqa: ANN401 - LangChain's signature
    ) -> ChatResult:
        call = self._call(messages, beneath(run_manager), stop, kwargs)
        answer = call.answer(call.model.invoke(call.messages, call.config, **call.kwargs))
        return ChatResult(generations=[ChatGeneration(message=answer)])

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,  # noqa: ANN401 - LangChain's signature
    ) -> ChatResult:
        call = await asyncio.to_thread(self._call, messages, abeneath(run_manager), stop, kwargs)
        answer = call.answer(await call.model.ainvoke(call.messages, call.config, **call.kwargs))
        return ChatResult(generations=[ChatGeneration(message=answer)])

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,  # noqa: ANN401 - LangChain's signature
    ) -> Iterator[ChatGenerationChunk]:
        call = self._call(messages, beneath(run_manager), stop, kwargs)
        for chunk in call.model.stream(call.messages, call.config, **call.kwargs):
            yield ChatGenerationChunk(message=call.chunk(chunk))

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,  # noqa: ANN401 - LangChain's signature
    ) -> AsyncIterator[ChatGenerationChunk]:
        call = await asyncio.to_thread(self._call, messages, abeneath(run_manager), stop, kwargs)
        async for chunk in call.model.astream(call.messages, call.config, **call.kwargs):
            yield ChatGenerationChunk(message=call.chunk(chunk))

    def _messages(self, value: LanguageModelInput) -> list[BaseMessage]:
        return self._convert_input(value).to_messages()

    def _call(
        self, messages: list[BaseMessage], config: RunnableConfig | None, stop: list[str] | None, kwargs: dict[str, Any]
    ) -> RoutedCall:
        own = RunnableConfig(callbacks=self.callbacks, tags=self.tags or [], metadata=self.metadata or {})
        stops = {} if stop is None else {"stop": stop}
        return RoutedCall.prepared(
            self._picker.pick(messages), messages, merge_configs(own, config), {**kwargs, **stops}
        )
