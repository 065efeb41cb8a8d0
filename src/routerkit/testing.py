"""Test doubles for people who build on routerkit: no weights, no network, no waiting.

`FakeEngine` scripts what a router believes, `tiny_artefact` writes a complete small router to disk,
`fake_router` joins the two, and `ScriptedSpecialist` is a chat model that answers from a script.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import numpy as np
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from pydantic import ConfigDict, Field
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from routerkit import artefact
from routerkit.config import CATEGORIES
from routerkit.engines import Scores
from routerkit.manifest import BaseModelInfo, Manifest
from routerkit.policy import ThresholdPolicy
from routerkit.query import MAX_QUERY_CHARS
from routerkit.router import Router
from routerkit.tokenization import QueryTokenizer
from routerkit.version import __version__

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from langchain_core.callbacks import CallbackManagerForLLMRun

_SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")
_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789?!.,+-*/=()'\""


class FakeEngine:
    """An engine that recognises words instead of computing.

    Args:
        vocabulary: token id of every word; `tiny_artefact`'s tokenizer is made to match.
        believes: for a word, the probability of each category, summing to 1. The first word found decides.
        categories: labels in the order of the logits.
    """

    def __init__(
        self,
        vocabulary: Mapping[str, int],
        believes: Mapping[str, Mapping[str, float]],
        categories: Sequence[str],
    ) -> None:
        self.name = "fake"
        self.batch_sizes: list[int] = []
        self._beliefs = {vocabulary[word]: dict(belief) for word, belief in believes.items()}
        self._categories = list(categories)

    def run(self, batch: Sequence[Sequence[int]]) -> Scores:
        """Log-probabilities as scripted, and equal ones for a query without a known word; records the batch size."""
        self.batch_sizes.append(len(batch))
        return Scores(np.array([self._row(ids) for ids in batch], dtype=np.float32))

    def _row(self, ids: Sequence[int]) -> list[float]:
        for token in ids:
            if token in self._beliefs:
                belief = self._beliefs[token]
                return [float(np.log(max(belief.get(name, 0.0), 1e-9))) for name in self._categories]
        return [0.0] * len(self._categories)


class ScriptedSpecialist(BaseChatModel):
    """A chat model that answers from a script, streams word by word, and fails on demand.

    Attributes:
        answers: given in turn, the last one again and again; `{query}` stands for the last message's text.
        error: raised instead of answering.
        calls: the conversations it was asked to answer.
    """

    answers: list[str]
    error: BaseException | None = None
    calls: list[list[BaseMessage]] = Field(default_factory=list)

    model_config = ConfigDict(arbitrary_types_allowed=True)

    @property
    def _llm_type(self) -> str:
        return "routerkit-scripted"

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,  # noqa: ANN401 - LangChain's signature
    ) -> ChatResult:
        del stop, run_manager, kwargs
        return ChatResult(generations=[ChatGeneration(message=AIMessage(content=self._answer(messages)))])

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,  # noqa: ANN401 - LangChain's signature
    ) -> Iterator[ChatGenerationChunk]:
        del stop, run_manager, kwargs
        for part in re.findall(r"\s*\S+(?:\s+$)?", self._answer(messages)):
            yield ChatGenerationChunk(message=AIMessageChunk(content=part))

    def _answer(self, messages: list[BaseMessage]) -> str:
        self.calls.append(list(messages))
        if self.error is not None:
            raise self.error
        answer = self.answers[min(len(self.calls), len(self.answers)) - 1]
        return answer.replace("{query}", messages[-1].text)


def tiny_tokenizer(words: Sequence[str] = ()) -> Tokenizer:
    """A WordPiece tokenizer that knows `words` and single letters, framed by [CLS] and [SEP] like BERT's."""
    pieces = [*_SPECIAL_TOKENS, *dict.fromkeys([*words, *_LETTERS, *(f"##{letter}" for letter in _LETTERS)])]
    tokenizer = Tokenizer(models.WordPiece({piece: i for i, piece in enumerate(pieces)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return tokenizer


def fake_router(
    folder: Path,
    believes: Mapping[str, Mapping[str, float]],
    *,
    categories: Sequence[str] = CATEGORIES,
    policy: ThresholdPolicy | None = None,
) -> Router:
    """A router that believes what it is told: `fake_router(tmp_path, {"sum": {"math": 0.9, "general": 0.1}})`.

    Args:
        folder: where the artefact around the fake engine is written.
        believes: for a word, the probability of each category.
        categories: the labels.
        policy: how to decide; a threshold of 0.5 with the fallback `general` unless given.
    """
    found = tiny_artefact(folder, categories=categories, words=list(believes))
    tokenizer = tiny_tokenizer(list(believes))
    vocabulary = {word: tokenizer.get_vocab()[word] for word in believes}
    return Router(
        artefact=found,
        engine=FakeEngine(vocabulary, believes, categories),
        tokenizer=QueryTokenizer(tokenizer),
        policy=policy or ThresholdPolicy(fallback="general"),
        max_query_chars=MAX_QUERY_CHARS,
    )


def tiny_artefact(
    folder: Path,
    *,
    categories: Sequence[str] = CATEGORIES,
    words: Sequence[str] = (),
    write_graphs: Callable[[Path, dict[str, Any]], dict[str, Any]] | None = None,
) -> artefact.Artefact:
    """Write a small artefact: configuration, tokenizer and manifest, by default without weights.

    Args:
        folder: an empty folder.
        categories: the labels.
        words: whole words the tokenizer knows.
        write_graphs: called with the folder and the content of `config.json`; writes ONNX graphs and returns the
            manifest's `graphs` entry. Without it the artefact suits `FakeEngine` only.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = tiny_tokenizer(words)
    tokenizer.save(str(folder / artefact.TOKENIZER))
    settings = _tiny_settings(categories, tokenizer.get_vocab_size())
    (folder / artefact.CONFIG).write_text(json.dumps(settings, indent=2), encoding="utf-8")
    manifest = Manifest(
        routerkit_version=__version__,
        name="tiny",
        created="2026-01-01",
        categories=list(categories),
        max_tokens=settings["max_position_embeddings"],
        base_model=BaseModelInfo(name="none, for tests"),
        graphs=write_graphs(folder, settings) if write_graphs else {},
    )
    return artefact.write_manifest(folder, manifest)


def _tiny_settings(categories: Sequence[str], vocab_size: int) -> dict[str, Any]:
    return {
        "model_type": "distilbert",
        "architectures": ["DistilBertForSequenceClassification"],
        "n_layers": 2,
        "n_heads": 2,
        "dim": 32,
        "hidden_dim": 64,
        "max_position_embeddings": 64,
        "vocab_size": vocab_size,
        "id2label": {str(index): name for index, name in enumerate(categories)},
        "label2id": {name: index for index, name in enumerate(categories)},
    }
