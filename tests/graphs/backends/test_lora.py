"""Several adapters on one base: each answers as itself, also when all are asked at once."""

from __future__ import annotations

import asyncio
import json
import shutil
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from routerkit_graphs.backends import LazyModel, lora

from routerkit import SpecialistError, build_graph, errors
from routerkit.config import LoraSpecialist
from routerkit.errors import MissingExtraError
from tests.graphs.backends.adapters import BASE, NAMES, entry, write_adapter

if TYPE_CHECKING:
    from pathlib import Path

    from routerkit_graphs.backends.lora.chat import ChatLoraModel

    from routerkit import Router
    from routerkit.testing import ScriptedSpecialist

pytest.importorskip("peft")

QUESTIONS = ["hello", "What is two and two?", "Write a loop.", "Why is the sky blue when the sun is up?"]


def load(adapter: Path | None, **more: Any) -> ChatLoraModel:
    spec = LoraSpecialist.model_validate(entry(adapter, **more))
    return lora.load("math", spec)  # type: ignore[return-value]


@pytest.fixture
def heads(adapters: dict[str, Path]) -> dict[str, ChatLoraModel]:
    return {name: load(adapters[name]) for name in NAMES}


def batch_sizes(chat: ChatLoraModel, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Sizes of the generations from now on."""
    sizes: list[int] = []
    model = chat.base.llm.pipeline.model
    generate = model.generate

    def watched(*args: Any, **kwargs: Any) -> Any:
        sizes.append(len(kwargs["input_ids"]))
        return generate(*args, **kwargs)

    monkeypatch.setattr(model, "generate", watched)
    return sizes


def test_an_adapter_answers_as_peft_alone_would(adapters: dict[str, Path], heads: dict[str, ChatLoraModel]) -> None:
    import torch
    from peft import PeftModel
    from routerkit_graphs.backends.huggingface import sources
    from transformers import AutoModelForCausalLM

    base = AutoModelForCausalLM.from_pretrained(sources.find("math", BASE, "auto").location, dtype=torch.float32)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*is_gradient_checkpointing.*", FutureWarning)
        alone = PeftModel.from_pretrained(base, adapters["code"]).eval()
    tokenizer = heads["code"].loaded.tokenizer
    for question in QUESTIONS:
        turns = [{"role": "user", "content": question}]
        given = tokenizer.apply_chat_template(turns, add_generation_prompt=True, return_tensors="pt", return_dict=True)
        output = alone.generate(**given, max_new_tokens=12, do_sample=False)
        expected = tokenizer.decode(output[0, given["input_ids"].shape[1] :], skip_special_tokens=True)
        assert heads["code"].invoke(question).text == expected


def test_adapters_share_one_base_and_differ_in_what_they_say(heads: dict[str, ChatLoraModel]) -> None:
    assert len({id(head.base) for head in heads.values()}) == 1
    assert len({head.invoke("hello").text for head in heads.values()}) == 5


def test_the_base_alone_is_the_plain_model_whatever_was_added(heads: dict[str, ChatLoraModel]) -> None:
    from routerkit_graphs.backends import huggingface

    from routerkit.config import GenerationConfig, HuggingFaceSpecialist

    spec = HuggingFaceSpecialist(
        model=BASE, dtype="float32", device="cpu", generation=GenerationConfig(max_new_tokens=12)
    )
    bare = load(None)
    assert bare.base is heads["math"].base
    assert bare.invoke("hello").text == huggingface.load("math", spec).invoke("hello").text


@pytest.mark.parametrize("streamed", [False, True])
def test_64_concurrent_requests_over_five_adapters_answer_as_one_after_the_other(
    heads: dict[str, ChatLoraModel], monkeypatch: pytest.MonkeyPatch, streamed: bool
) -> None:
    jobs = [(NAMES[number % 5], QUESTIONS[number % 4]) for number in range(64)]
    alone = {job: heads[job[0]].invoke(job[1]).text for job in set(jobs)}
    sizes = batch_sizes(heads["math"], monkeypatch)

    def ask(job: tuple[str, str]) -> str:
        chat = heads[job[0]]
        return "".join(chunk.text for chunk in chat.stream(job[1])) if streamed else chat.invoke(job[1]).text

    with ThreadPoolExecutor(64) as threads:
        assert list(threads.map(ask, jobs)) == [alone[job] for job in jobs]
    assert sum(sizes) == 64
    assert 1 < max(sizes) <= 16


def test_64_concurrent_requests_on_one_event_loop_answer_as_one_after_the_other(
    heads: dict[str, ChatLoraModel],
) -> None:
    jobs = [(NAMES[number % 5], QUESTIONS[number % 4]) for number in range(64)]
    alone = {job: heads[job[0]].invoke(job[1]).text for job in set(jobs)}

    async def together() -> list[str]:
        return [answer.text for answer in await asyncio.gather(*(heads[name].ainvoke(text) for name, text in jobs))]

    assert asyncio.run(together()) == [alone[job] for job in jobs]


def test_requests_to_the_base_alone_are_answered_together_too(monkeypatch: pytest.MonkeyPatch) -> None:
    bare = load(None)
    alone = [bare.invoke(question).text for question in QUESTIONS]
    sizes = batch_sizes(bare, monkeypatch)

    async def together() -> list[str]:
        return [answer.text for answer in await asyncio.gather(*(bare.ainvoke(text) for text in QUESTIONS * 4))]

    assert asyncio.run(together()) == alone * 4
    assert max(sizes) > 1


def test_requests_that_wait_are_answered_in_one_mixed_batch(
    heads: dict[str, ChatLoraModel], monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = [heads[name].invoke("hello").text for name in NAMES]
    sizes = batch_sizes(heads["math"], monkeypatch)
    base = heads["math"].base
    with ThreadPoolExecutor(5) as threads:
        with base.lock:
            answers = threads.map(lambda name: heads[name].invoke("hello").text, NAMES)
            while len(base.waiting) < 5:
                threading.Event().wait(0.01)
        assert list(answers) == alone
    assert sizes == [5]
    assert base.waiting == []


def test_different_lengths_and_stop_texts_share_a_batch_and_different_sampling_does_not(
    adapters: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, short = load(adapters["math"]), load(adapters["code"], generation={"max_new_tokens": 3})
    drawing = load(adapters["science"], generation={"temperature": 1.0})
    stop = plain.invoke("hello").text[2:4]
    expected = [plain.invoke("hello", stop=[stop]).text, short.invoke("hello").text]
    sizes = batch_sizes(plain, monkeypatch)
    with ThreadPoolExecutor(3) as threads:
        with plain.base.lock:
            answers = [
                threads.submit(lambda: plain.invoke("hello", stop=[stop])),
                threads.submit(lambda: short.invoke("hello")),
                threads.submit(lambda: drawing.invoke("hello")),
            ]
            while len(plain.base.waiting) < 3:
                threading.Event().wait(0.01)
        assert [answer.result().text for answer in answers[:2]] == expected
    assert answers[1].result().usage_metadata["output_tokens"] == 3
    assert sorted(sizes) == [1, 2]


def test_what_fails_together_is_tried_alone(heads: dict[str, ChatLoraModel], monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    alone = [heads[name].invoke("hello").text for name in NAMES]
    base = heads["math"].base
    model = base.llm.pipeline.model
    generate, sizes = model.generate, []

    def narrow(*args: Any, **kwargs: Any) -> Any:
        sizes.append(len(kwargs["input_ids"]))
        if sizes[-1] > 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return generate(*args, **kwargs)

    monkeypatch.setattr(model, "generate", narrow)
    with ThreadPoolExecutor(5) as threads:
        with base.lock:
            answers = threads.map(lambda name: heads[name].invoke("hello").text, NAMES)
            while len(base.waiting) < 5:
                threading.Event().wait(0.01)
        assert list(answers) == alone
    assert sizes == [5, 1, 1, 1, 1, 1]


def test_a_batch_and_a_stream_of_one_adapter_say_the_same(heads: dict[str, ChatLoraModel]) -> None:
    chat = heads["science"]
    alone = [chat.invoke(question).text for question in QUESTIONS]
    assert [answer.text for answer in chat.batch(QUESTIONS)] == alone
    assert ["".join(chunk.text for chunk in chat.stream(question)) for question in QUESTIONS] == alone


def test_one_request_that_is_too_long_or_left_does_not_disturb_the_others(heads: dict[str, ChatLoraModel]) -> None:
    alone, base = heads["math"].invoke("hello").text, heads["math"].base
    with ThreadPoolExecutor(3) as threads:
        with base.lock:
            good = threads.submit(lambda: heads["math"].invoke("hello").text)
            long = threads.submit(lambda: heads["code"].invoke("word " * 900))
            left = heads["science"].stream("hello")
            threads.submit(lambda: next(left, None))
            while len(base.waiting) < 3:
                threading.Event().wait(0.01)
        assert good.result() == alone
        with pytest.raises(SpecialistError, match="reads at most"):
            long.result()
    left.close()


def test_an_adapter_that_peft_cannot_mix_answers_alone_and_right(
    adapters: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dora, plain = load(write_adapter(tmp_path / "dora", 9, use_dora=True)), load(adapters["math"])
    alone = [dora.invoke("hello").text, plain.invoke("hello").text, plain.invoke("hello").text]
    assert alone[0] != alone[1]
    sizes = batch_sizes(plain, monkeypatch)
    with ThreadPoolExecutor(3) as threads:
        with plain.base.lock:
            answers = threads.map(lambda chat: chat.invoke("hello").text, [dora, plain, plain])
            while len(plain.base.waiting) < 3:
                threading.Event().wait(0.01)
        assert list(answers) == alone
    assert sorted(sizes) == [1, 2]


def test_the_graph_answers_each_category_with_its_adapter(router: Router, adapters: dict[str, Path]) -> None:
    mappings = {name: entry(adapters[name], system_prompt="Be brief.") for name in NAMES}
    graph = build_graph({"model_mappings": mappings}, router=router)
    queries: list[Any] = [{"messages": text} for text in ("sum", "loop", "hello")] * 3
    alone = [graph.invoke(query)["messages"][-1].text for query in queries]
    assert len(set(alone[:3])) == 3
    assert [state["messages"][-1].text for state in graph.batch(queries)] == alone
    assert [state["messages"][-1].text for state in asyncio.run(graph.abatch(queries))] == alone


@pytest.mark.parametrize("missing", ["adapter_config.json", "adapter_model.safetensors"])
def test_an_incomplete_adapter_says_what_is_missing(adapters: dict[str, Path], tmp_path: Path, missing: str) -> None:
    folder = shutil.copytree(adapters["math"], tmp_path / "copy")
    (folder / missing).unlink()
    with pytest.raises(SpecialistError, match=f"has no {missing}"):
        load(folder)


def test_an_adapter_of_another_kind_is_refused(adapters: dict[str, Path], tmp_path: Path) -> None:
    folder = shutil.copytree(adapters["math"], tmp_path / "copy")
    settings = json.loads((folder / "adapter_config.json").read_text(encoding="utf-8"))
    (folder / "adapter_config.json").write_text(json.dumps({**settings, "peft_type": "IA3"}), encoding="utf-8")
    with pytest.raises(SpecialistError, match="is of type IA3; the back end lora takes LORA only"):
        load(folder)


@pytest.mark.parametrize("fault", ["damaged", "other base"])
def test_an_adapter_that_does_not_fit_is_refused_and_leaves_the_others_as_they_were(
    adapters: dict[str, Path], llama: Path, tmp_path: Path, fault: str
) -> None:
    chat = load(adapters["math"])
    before = chat.invoke("hello").text
    folder = shutil.copytree(adapters["math"], tmp_path / "copy")
    if fault == "damaged":
        (folder / "adapter_model.safetensors").write_bytes(b"not tensors at all, but more than eight bytes")
        with pytest.raises(SpecialistError, match="does not fit its base or is damaged"):
            load(folder)
    with pytest.raises(SpecialistError, match="does not fit its base or is damaged"):
        load(folder, model=str(llama) if fault == "other base" else BASE)
    assert chat.invoke("hello").text == before
    assert len(chat.base.llm.pipeline.model.peft_config) == len(chat.base._adapters)


def test_a_missing_adapter_is_named_before_the_base_is_loaded() -> None:
    lazy = LazyModel("math", LoraSpecialist.model_validate(entry("./adapters/math", model="no/such-base")))
    with pytest.raises(SpecialistError, match=r"the adapter folder ./adapters/math does not exist"):
        lazy.get()


def test_an_adapter_on_the_hub_that_cannot_be_reached_says_so() -> None:
    with pytest.raises(SpecialistError, match=r"the adapter owner/name is no folder here.*cannot be reached"):
        load("owner/name")  # type: ignore[arg-type]


def test_a_missing_library_names_the_extra(monkeypatch: pytest.MonkeyPatch, adapters: dict[str, Path]) -> None:
    monkeypatch.setattr(errors, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r'pip install "routerkit\[local\]"'):
        load(adapters["math"])


def test_a_failed_adapter_is_replaced_by_the_general_model(router: Router, general: ScriptedSpecialist) -> None:
    others = dict.fromkeys(("science", "code", "general", "commonsense"), general)
    graph = build_graph({"model_mappings": {"math": entry("./adapters/math")}}, specialists=others, router=router)
    result = graph.invoke({"messages": "sum"})
    assert result["messages"][-1].text == "general says sum"
    assert "the adapter folder ./adapters/math does not exist" in result["decision"]["error"]["message"]


def test_a_generation_that_broke_off_leaves_nothing_that_chooses_for_later_ones(
    adapters: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dora, plain = load(write_adapter(tmp_path / "dora", 9, use_dora=True)), load(adapters["math"])
    alone = dora.invoke("hello").text
    layer = plain.base.llm.pipeline.model.base_model.model.model.layers[-1]

    def break_off(*_args: Any, **_kwargs: Any) -> None:
        raise RuntimeError("no more memory")

    with monkeypatch.context() as patch:
        patch.setattr(layer, "forward", break_off)
        with pytest.raises(RuntimeError, match="no more memory"):
            plain.invoke("hello")
    assert dora.invoke("hello").text == alone != plain.invoke("hello").text
