"""The chat model around a local `HuggingFacePipeline`.

langchain-huggingface's `ChatHuggingFace` repeats the prompt, writes two begin tokens, ignores stop texts and settings,
cannot run asynchronously over a pipeline, and reports an error in a stream after a minute, so it is not used.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables.config import get_config_list
from pydantic import ConfigDict, Field, PrivateAttr

from routerkit.config import GenerationConfig
from routerkit.spec import parse
from routerkit_graphs.backends.huggingface import streaming
from routerkit_graphs.backends.huggingface.generation import Job
from routerkit_graphs.backends.huggingface.loading import LoadedModel
from routerkit_graphs.backends.huggingface.prompts import turns_of
from routerkit_graphs.backends.huggingface.rows import Answer
from routerkit_graphs.calls import stop_with_call

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence

    from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
    from langchain_core.language_models import LanguageModelInput
    from langchain_core.messages import BaseMessage
    from langchain_core.messages.ai import UsageMetadata
    from langchain_core.runnables import RunnableConfig

    from routerkit_graphs.backends.fitting import Turn


class ChatLocalModel(BaseChatModel):
    """A model on this machine. Calls to the same weights wait for each other; `batch` is one padded generation.

    Every call takes `stop`, `max_new_tokens` (or `max_tokens`), `temperature` and `top_p` in place of the configured
    values. An abandoned stream ends at the next token. A conversation that is too long for the model loses its oldest
    turns; the answer's `response_metadata` then has `turns_left_out`.

    Attributes:
        loaded: the weights.
        category: the node it answers for.
        model_name: the model as configured; answers carry it in `response_metadata`.
        generation: how to write.
    """

    loaded: LoadedModel = Field(exclude=True, repr=False)
    category: str
    model_name: str
    generation: GenerationConfig = GenerationConfig()
    _ready: Answer | None = PrivateAttr(default=None)

    model_config = ConfigDict(arbitrary_types_allowed=True)

    @property
    def _llm_type(self) -> str:
        return "routerkit-local"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"model_name": self.model_name, **self.generation.model_dump()}

    def get_token_ids(self, text: str) -> list[int]:
        """The ids of a text by this model's own tokenizer, without special tokens."""
        return list(self.loaded.tokenizer(text, add_special_tokens=False)["input_ids"])

    def batch(
        self,
        inputs: list[LanguageModelInput],
        config: RunnableConfig | list[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,  # noqa: ANN401 - LangChain's signature
    ) -> list[AIMessage]:
        """Answer several conversations in one padded generation; `max_concurrency` limits how many at once."""
        configs = get_config_list(config, len(inputs))
        try:
            ready = self._answer_together(inputs, configs, **kwargs)
        except Exception:  # whatever is wrong with one of them: alone, only those at fault fail
            if not return_exceptions:
                raise
            return super().batch(inputs, config, return_exceptions=True, **kwargs)
        return [model.invoke(i, c, **kwargs) for model, i, c in zip(ready, inputs, configs, strict=True)]

    async def abatch(
        self,
        inputs: list[LanguageModelInput],
        config: RunnableConfig | list[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,  # noqa: ANN401 - LangChain's signature
    ) -> list[AIMessage]:
        """`batch` without blocking the event loop."""
        configs = get_config_list(config, len(inputs))
        try:
            ready = await asyncio.to_thread(self._answer_together, inputs, configs, **kwargs)
        except Exception:  # as above
            if not return_exceptions:
                raise
            return await super().abatch(inputs, config, return_exceptions=True, **kwargs)
        return [await model.ainvoke(i, c, **kwargs) for model, i, c in zip(ready, inputs, configs, strict=True)]

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,  # noqa: ANN401 - LangChain's signature
    ) -> ChatResult:
        del run_manager
        answer = self._ready or self._job([messages], stop, kwargs).run()[0]
        return self._result(answer)

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,  # noqa: ANN401 - LangChain's signature
    ) -> ChatResult:
        del run_manager
        answer = self._ready
        if answer is None:
            job = self._job([messages], stop, kwargs)
            async for _ in streaming.astream(job):
                pass
            answer = job.answers[0]
        return self._result(answer)

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,  # noqa: ANN401 - LangChain's signature
    ) -> Iterator[ChatGenerationChunk]:
        del run_manager
        if self._ready:
            yield _chunk(self._ready.text)
            yield self._last(self._ready)
            return
        job = self._job([messages], stop, kwargs)
        for text in streaming.stream(job):
            yield _chunk(text)
        yield self._last(job.answers[0])

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,  # noqa: ANN401 - LangChain's signature
    ) -> AsyncIterator[ChatGenerationChunk]:
        del run_manager
        if self._ready:
            yield _chunk(self._ready.text)
            yield self._last(self._ready)
            return
        job = self._job([messages], stop, kwargs)
        async for text in streaming.astream(job):
            yield _chunk(text)
        yield self._last(job.answers[0])

    def _job(
        self, conversations: Sequence[Sequence[BaseMessage]], stop: list[str] | None, given: dict[str, Any]
    ) -> Job:
        # LangChain's way to leave a setting as it is.
        given = {name: value for name, value in given.items() if value is not None}
        if "max_tokens" in given:
            given = {"max_new_tokens": given["max_tokens"], **given}
            del given["max_tokens"]
        settings = self.generation.model_dump() | given | ({} if stop is None else {"stop": stop})
        checked = parse(GenerationConfig, settings, source="arguments of the call")
        job = self._new_job([turns_of(messages) for messages in conversations], checked)
        stop_with_call(job.cancel)
        return job

    def _new_job(self, conversations: Sequence[Sequence[Turn]], settings: GenerationConfig) -> Job:
        return Job(self.loaded, self.category, conversations, settings)

    def _answer_together(
        self,
        inputs: list[LanguageModelInput],
        configs: list[RunnableConfig],
        stop: list[str] | None = None,
        **given: Any,  # noqa: ANN401 - LangChain's signature
    ) -> list[ChatLocalModel]:
        """One copy of this model per input that already knows its answer.

        So each input still is a run of its own for callbacks, traces and usage.
        """
        if not inputs:
            return []
        conversations = [self._convert_input(value).to_messages() for value in inputs]
        size = configs[0].get("max_concurrency") or len(inputs)
        copies = []
        for start in range(0, len(inputs), size):
            for answer in self._job(conversations[start : start + size], stop, given).run():
                copy = self.model_copy()
                copy._ready = answer
                copies.append(copy)
        return copies

    def _result(self, answer: Answer) -> ChatResult:
        message = AIMessage(answer.text, usage_metadata=_usage(answer), response_metadata=self._metadata(answer))
        return ChatResult(generations=[ChatGeneration(message=message)])

    def _last(self, answer: Answer) -> ChatGenerationChunk:
        """The end of a stream. What is known of the whole answer goes here only: merging chunks joins strings."""
        message = AIMessageChunk(
            content="", usage_metadata=_usage(answer), response_metadata=self._metadata(answer), chunk_position="last"
        )
        return ChatGenerationChunk(message=message)

    def _metadata(self, answer: Answer) -> dict[str, Any]:
        left_out = {"turns_left_out": answer.turns_left_out} if answer.turns_left_out else {}
        return {"model_name": self.model_name, "finish_reason": answer.finish_reason, **left_out}


def _chunk(text: str) -> ChatGenerationChunk:
    return ChatGenerationChunk(message=AIMessageChunk(content=text))


def _usage(answer: Answer) -> UsageMetadata:
    return {
        "input_tokens": answer.input_tokens,
        "output_tokens": answer.output_tokens,
        "total_tokens": answer.input_tokens + answer.output_tokens,
    }
