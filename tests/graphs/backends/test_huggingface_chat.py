"""The local chat model over a real Llama: every trap of `ChatHuggingFace` closed."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from langchain_core.callbacks import UsageMetadataCallbackHandler
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, SystemMessage, ToolMessage
from routerkit_graphs.backends import LazyModel, huggingface

from routerkit.config import HuggingFaceSpecialist
from routerkit.errors import ConfigError, InputError, SpecialistError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from routerkit_graphs.backends.huggingface.chat import ChatLocalModel

    Load = Callable[..., ChatLocalModel]

QUESTIONS = ["hello", "What is two and two?", "A loop", "Stars are hot and moons are cold, agree?"]


class Watched:
    """Counts the calls of a model's `generate`, and records their token ids."""

    def __init__(self, chat: ChatLocalModel, monkeypatch: pytest.MonkeyPatch) -> None:
        self.prompts: list[list[list[int]]] = []
        self.outputs: list[list[list[int]]] = []
        self.steps = 0
        model = chat.loaded.llm.pipeline.model
        generate, forward = model.generate, model.forward

        def watched_generate(*args: Any, **kwargs: Any) -> Any:
            self.prompts.append(kwargs["input_ids"].tolist())
            output = generate(*args, **kwargs)
            self.outputs.append(output.tolist())
            return output

        def watched_forward(*args: Any, **kwargs: Any) -> Any:
            self.steps += 1
            return forward(*args, **kwargs)

        monkeypatch.setattr(model, "generate", watched_generate)
        monkeypatch.setattr(model, "forward", watched_forward)


def reference(chat: ChatLocalModel, question: str, new_tokens: int) -> str:
    """Greedy decoding by transformers alone, from the chat template's own token ids."""
    tokenizer, model = chat.loaded.tokenizer, chat.loaded.llm.pipeline.model
    inputs = tokenizer.apply_chat_template(
        [{"role": "user", "content": question}], add_generation_prompt=True, return_tensors="pt", return_dict=True
    )
    output = model.generate(**inputs, max_new_tokens=new_tokens, do_sample=False)
    return tokenizer.decode(output[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True)


def test_the_answer_is_the_greedy_continuation_of_the_chat_template_without_the_prompt(load: Load) -> None:
    chat = load()
    for question in QUESTIONS:
        answer = chat.invoke(question).text
        assert answer == reference(chat, question, 24)
        assert "start_header" not in answer
        assert answer.strip()


def test_the_prompt_begins_with_one_begin_token_and_the_template_once(
    load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    chat = load()
    watched = Watched(chat, monkeypatch)
    chat.invoke("hello")
    text = chat.loaded.tokenizer.decode(watched.prompts[0][0])
    assert text == (
        "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nhello<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\n"
    )


def test_invoke_ainvoke_stream_astream_and_batch_give_the_same_text(load: Load) -> None:
    chat = load()

    async def streamed(question: str) -> str:
        return "".join([chunk.text async for chunk in chat.astream(question)])

    for question in QUESTIONS:
        answer = chat.invoke(question).text
        assert asyncio.run(chat.ainvoke(question)).text == answer
        assert "".join(chunk.text for chunk in chat.stream(question)) == answer
        assert asyncio.run(streamed(question)) == answer
    answers = [chat.invoke(question).text for question in QUESTIONS]
    assert [answer.text for answer in chat.batch(QUESTIONS)] == answers
    assert [answer.text for answer in asyncio.run(chat.abatch(QUESTIONS))] == answers


def test_text_is_streamed_while_it_is_written(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    chat = load()
    watched = Watched(chat, monkeypatch)
    gate = threading.Event()
    forward = chat.loaded.llm.pipeline.model.forward

    def gated(*args: Any, **kwargs: Any) -> Any:
        if watched.steps == 8:
            gate.wait(timeout=60)
        return forward(*args, **kwargs)

    monkeypatch.setattr(chat.loaded.llm.pipeline.model, "forward", gated)
    stream = chat.stream("hello")
    first = next(stream).text
    assert first
    assert watched.steps <= 8
    gate.set()
    assert len(list(stream)) > 3


def test_a_stop_text_ends_the_answer_and_is_cut_off(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    chat = load()
    full = chat.invoke("hello").text
    stop = full[5:8]
    watched = Watched(chat, monkeypatch)
    expected = full[: full.find(stop)]
    answer = chat.invoke("hello", stop=[stop])
    assert answer.text == expected
    assert answer.response_metadata["finish_reason"] == "stop"
    assert watched.steps < 24
    assert "".join(chunk.text for chunk in chat.stream("hello", stop=[stop])) == expected
    assert load(stop=[stop]).invoke("hello").text == expected
    assert [a.text for a in chat.batch(["hello", "hello"], stop=[stop])] == [expected, expected]


def test_a_text_that_only_begins_like_a_stop_text_is_not_lost(load: Load) -> None:
    chat = load()
    full = chat.invoke("hello").text
    stop = full[-2:] + "never follows"
    assert chat.invoke("hello", stop=[stop]).text == full
    assert "".join(chunk.text for chunk in chat.stream("hello", stop=[stop])) == full


def test_usage_model_name_and_finish_reason_are_reported_once_on_every_path(load: Load, llama: Path) -> None:
    chat = load()

    def total(chunks: list[AIMessageChunk]) -> AIMessageChunk:
        message = chunks[0]
        for chunk in chunks[1:]:
            message += chunk
        return message

    async def collect() -> list[AIMessageChunk]:
        return [chunk async for chunk in chat.astream("hello")]

    prompt = chat.loaded.prompt([{"role": "user", "content": "hello"}])
    prompt_tokens = len(chat.loaded.tokenizer(prompt, add_special_tokens=False).input_ids)
    usage = {"input_tokens": prompt_tokens, "output_tokens": 24, "total_tokens": prompt_tokens + 24}
    for message in (
        chat.invoke("hello"),
        asyncio.run(chat.ainvoke("hello")),
        total(list(chat.stream("hello"))),
        total(asyncio.run(collect())),
        chat.batch(["hello"])[0],
    ):
        assert message.usage_metadata == usage
        assert message.response_metadata["model_name"] == str(llama)
        assert message.response_metadata["finish_reason"] == "length"


def test_an_end_token_ends_the_answer(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    chat = load()
    full = chat.invoke("hello").text
    watched = Watched(chat, monkeypatch)
    chat.invoke("hello")
    third = watched.outputs[0][0][len(watched.prompts[0][0]) + 2]
    # Whatever the model says third now counts as its end token.
    monkeypatch.setattr(chat.loaded, "stop_ids", frozenset({third}))
    answer = chat.invoke("hello")
    assert answer.response_metadata["finish_reason"] == "stop"
    assert answer.usage_metadata["output_tokens"] <= 3
    assert full.startswith(answer.text)
    assert len(answer.text) < len(full)


def test_an_error_inside_a_stream_surfaces_in_the_stream(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    chat = load()
    watched = Watched(chat, monkeypatch)
    forward = chat.loaded.llm.pipeline.model.forward

    def failing(*args: Any, **kwargs: Any) -> Any:
        if watched.steps == 3:
            raise RuntimeError("the device is gone")
        return forward(*args, **kwargs)

    monkeypatch.setattr(chat.loaded.llm.pipeline.model, "forward", failing)

    async def astream() -> None:
        async for _ in chat.astream("hello"):
            pass

    with pytest.raises(RuntimeError, match="the device is gone"):
        list(chat.stream("hello"))
    watched.steps = 0
    with pytest.raises(RuntimeError, match="the device is gone"):
        asyncio.run(astream())
    watched.steps = 0
    with pytest.raises(RuntimeError, match="the device is gone"):
        asyncio.run(chat.ainvoke("hello"))


def test_an_abandoned_stream_stops_generating_and_frees_the_model(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    chat = load(max_new_tokens=200)
    watched = Watched(chat, monkeypatch)
    stream = chat.stream("hello")
    next(stream)
    stream.close()
    with chat.loaded.lock:
        assert watched.steps < 200

    async def leave() -> None:
        answers = chat.astream("hello")
        await anext(answers)
        await answers.aclose()
        task = asyncio.create_task(chat.ainvoke("hello"))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    watched.steps = 0
    asyncio.run(leave())
    with chat.loaded.lock:
        assert watched.steps < 400


def test_equal_settings_run_as_one_padded_generation(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    chat = load()
    watched = Watched(chat, monkeypatch)
    chat.batch(QUESTIONS)
    assert [len(prompts) for prompts in watched.prompts] == [4]
    chat.batch(QUESTIONS, {"max_concurrency": 3})
    asyncio.run(chat.abatch(QUESTIONS))
    assert [len(prompts) for prompts in watched.prompts] == [4, 3, 1, 4]
    assert chat.batch([]) == []


def test_each_input_of_a_batch_is_a_run_of_its_own_for_callbacks(load: Load, llama: Path) -> None:
    chat = load()
    counted = UsageMetadataCallbackHandler()
    chat.batch(QUESTIONS, {"callbacks": [counted]})
    assert counted.usage_metadata[str(llama)]["output_tokens"] == 24 * 4


def test_one_faulty_input_of_a_batch_fails_alone_if_exceptions_are_returned(load: Load) -> None:
    chat = load()
    too_long = "word " * 400
    with pytest.raises(SpecialistError, match="reads at most 255"):
        chat.batch(["hello", too_long])
    good, bad = chat.batch(["hello", too_long], return_exceptions=True)
    assert good.text == chat.invoke("hello").text
    assert isinstance(bad, SpecialistError)
    good, bad = asyncio.run(chat.abatch(["hello", too_long], return_exceptions=True))
    assert good.text == chat.invoke("hello").text
    assert isinstance(bad, SpecialistError)
    nonsense: Any = 5
    good, bad = chat.batch(["hello", nonsense], return_exceptions=True)
    assert (good.text, type(bad)) == (chat.invoke("hello").text, ValueError)
    good, bad = asyncio.run(chat.abatch(["hello", nonsense], return_exceptions=True))
    assert (good.text, type(bad)) == (chat.invoke("hello").text, ValueError)


def test_concurrent_callers_get_what_they_would_get_alone(load: Load) -> None:
    chat, other = load(), load(max_new_tokens=7)
    alone = [chat.invoke(question).text for question in QUESTIONS]
    alone_short = [other.invoke(question).text for question in QUESTIONS]

    def streamed(question: str) -> str:
        return "".join(chunk.text for chunk in chat.stream(question))

    with ThreadPoolExecutor(8) as threads:
        long = threads.map(streamed, QUESTIONS * 3)
        short = threads.map(lambda question: other.invoke(question).text, QUESTIONS * 3)
        assert list(long) == alone * 3
        assert list(short) == alone_short * 3


def test_many_streams_on_one_event_loop_all_end(load: Load) -> None:
    chat = load()
    alone = chat.invoke("hello").text

    async def streamed() -> str:
        return "".join([chunk.text async for chunk in chat.astream("hello")])

    async def together() -> list[str]:
        return await asyncio.gather(*(streamed() for _ in range(24)))

    assert asyncio.run(together()) == [alone] * 24


def test_settings_of_a_call_win_and_unknown_ones_are_refused(load: Load) -> None:
    chat = load()
    assert chat.invoke("hello", max_new_tokens=3).usage_metadata["output_tokens"] == 3
    assert chat.invoke("hello", max_tokens=2).usage_metadata["output_tokens"] == 2
    assert chat.bind(max_tokens=2).invoke("hello").usage_metadata["output_tokens"] == 2
    assert chat.invoke("hello", max_tokens=None, temperature=None, stop=None).text == chat.invoke("hello").text
    with pytest.raises(ConfigError, match="unknown key 'temprature'; did you mean 'temperature'"):
        chat.invoke("hello", temprature=1)


def test_temperature_draws_and_zero_does_not_whatever_the_checkpoint_says(load: Load) -> None:
    greedy = load()
    assert len({greedy.invoke("hello").text for _ in range(4)}) == 1
    drawing = load(temperature=1.5)
    assert len({drawing.invoke("hello").text for _ in range(4)}) > 1
    nearly_greedy = load(temperature=1.5, top_p=0.0001)
    assert nearly_greedy.invoke("hello").text == greedy.invoke("hello").text


def test_an_answer_fills_the_context_at_most(load: Load) -> None:
    answer = load(max_new_tokens=5000).invoke("hello")
    assert answer.usage_metadata["total_tokens"] == 256
    assert answer.response_metadata["finish_reason"] == "length"


def test_a_conversation_that_is_too_long_loses_its_oldest_turns_and_says_so(load: Load) -> None:
    chat = load(max_new_tokens=8)
    told = [AIMessage("yes") if number % 2 else HumanMessage(f"hello {number}") for number in range(98)]
    turns = [SystemMessage("Be brief."), *told, HumanMessage("What is two and two?")]
    answer = chat.invoke(turns)
    left_out = answer.response_metadata["turns_left_out"]
    assert answer.usage_metadata["input_tokens"] <= 256 - 8
    assert answer.usage_metadata["output_tokens"] == 8
    rest = [turns[0], *turns[1 + left_out :]]
    short = chat.invoke(rest)
    assert rest[1].type == "human"
    assert (short.text, "turns_left_out" in short.response_metadata) == (answer.text, False)
    assert asyncio.run(chat.ainvoke(turns)).text == answer.text
    assert [one.text for one in chat.batch([turns, rest])] == [answer.text] * 2


def test_the_last_question_is_never_shortened(load: Load) -> None:
    chat = load(max_new_tokens=8)
    frame = chat.invoke("x").usage_metadata["input_tokens"]
    question = HumanMessage("x" * (252 - frame))
    answer = chat.invoke([HumanMessage("hello"), AIMessage("yes"), question])
    alone = chat.invoke([question])
    assert (answer.text, answer.usage_metadata) == (alone.text, alone.usage_metadata)
    assert answer.response_metadata["turns_left_out"] == 2
    with pytest.raises(SpecialistError, match=r"the question and its instructions have .* reads at most 255; shorten"):
        chat.invoke([HumanMessage("hello"), AIMessage("yes"), HumanMessage("x" * 256)])


def test_tool_system_and_hand_off_messages_are_tolerated(load: Load) -> None:
    chat = load()
    history = [
        SystemMessage("Be brief."),
        HumanMessage("What is two and two?"),
        AIMessage("", tool_calls=[{"name": "transfer_to_math", "args": {}, "id": "1"}]),
        ToolMessage("Successfully transferred to math", name="transfer_to_math", tool_call_id="1"),
        SystemMessage("You are the math expert now."),
    ]
    same = [SystemMessage("Be brief.\n\nYou are the math expert now."), HumanMessage("What is two and two?")]
    assert chat.invoke(history).text == chat.invoke(same).text


def test_a_conversation_without_a_question_is_refused(load: Load) -> None:
    with pytest.raises(InputError, match="no text from a person"):
        load().invoke([SystemMessage("Be brief.")])


def test_tokens_are_counted_with_the_models_own_tokenizer(load: Load) -> None:
    chat = load()
    assert chat.get_num_tokens("hello") == len(chat.loaded.tokenizer("hello", add_special_tokens=False).input_ids)


def test_specialists_of_one_model_share_weights_and_lock(llama: Path) -> None:
    def chat(category: str, prompt: str, path: str) -> ChatLocalModel:
        return huggingface.load(category, HuggingFaceSpecialist(model=path, device="cpu", system_prompt=prompt))

    first, second = chat("math", "a", str(llama)), chat("code", "b", f"{llama.parent}/./{llama.name}")
    assert first.loaded is second.loaded
    other = huggingface.load("math", HuggingFaceSpecialist(model=str(llama), device="cpu", dtype="bfloat16"))
    assert other.loaded is not first.loaded


def test_a_specialist_is_loaded_once_however_many_threads_ask(llama: Path, caplog: pytest.LogCaptureFixture) -> None:
    lazy = LazyModel("science", HuggingFaceSpecialist(model=str(llama), device="cpu", dtype="float16"))
    with caplog.at_level("INFO", logger="routerkit_graphs"), ThreadPoolExecutor(8) as threads:
        models = set(map(id, threads.map(lambda _: lazy.get(), range(16))))
    assert len(models) == 1
    loads = [record.getMessage() for record in caplog.records if "loading" in record.getMessage()]
    assert len(loads) == 1
    assert str(llama) in loads[0]
    assert "MiB" in loads[0]
    assert "on cpu" in loads[0]
