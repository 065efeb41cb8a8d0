"""Tiny random encoders, and one router that was really trained."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from routerkit_training.train import train_router
from transformers import BertConfig, BertModel, DistilBertConfig, DistilBertModel, PreTrainedTokenizerFast

from routerkit.router import Router
from routerkit.testing import tiny_tokenizer
from routerkit.tokenization import QueryTokenizer
from tests.training.support import VOCABULARY, obvious_rows, quick_settings, write_rows

if TYPE_CHECKING:
    from pathlib import Path

    from transformers import PreTrainedModel

    from routerkit.artefact import Artefact


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def _save(folder: Path, model: PreTrainedModel) -> Path:
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=tiny_tokenizer(VOCABULARY),
        unk_token="[UNK]",
        sep_token="[SEP]",
        pad_token="[PAD]",
        cls_token="[CLS]",
    )
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def vocab_size() -> int:
    """Number of tokens of the tokenizer that both tiny encoders have."""
    return int(tiny_tokenizer(VOCABULARY).get_vocab_size())


@pytest.fixture(scope="session")
def tiny_bert_folder(tmp_path_factory: pytest.TempPathFactory, vocab_size: int) -> Path:
    """A checkpoint of a random BERT encoder, two layers and 32 wide."""
    torch.manual_seed(1)
    config = BertConfig(
        vocab_size=vocab_size,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
        initializer_range=0.1,
    )
    return _save(tmp_path_factory.mktemp("bases") / "tiny-bert", BertModel(config))


@pytest.fixture(scope="session")
def tiny_distilbert_folder(tmp_path_factory: pytest.TempPathFactory, vocab_size: int) -> Path:
    """A checkpoint of a random DistilBERT encoder, two layers and 32 wide."""
    torch.manual_seed(2)
    config = DistilBertConfig(
        initializer_range=0.1,
        vocab_size=vocab_size,
        dim=32,
        n_layers=2,
        n_heads=2,
        hidden_dim=64,
        max_position_embeddings=64,
    )
    return _save(tmp_path_factory.mktemp("bases") / "tiny-distilbert", DistilBertModel(config))


@pytest.fixture(scope="session")
def train_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty rows of three categories."""
    return write_rows(tmp_path_factory.mktemp("rows") / "train.jsonl", obvious_rows())


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, train_file: Path, tiny_distilbert_folder: Path) -> Artefact:
    """A router trained by `train_router`. Read it, do not write to it: the whole session shares it."""
    folder = tmp_path_factory.mktemp("trained") / "my_router"
    return train_router(quick_settings(train_file, folder, tiny_distilbert_folder))


@pytest.fixture(scope="session")
def trained_router(trained: Artefact) -> Router:
    """The trained router as it is served."""
    return Router.from_pretrained(trained.path)


@pytest.fixture
def tokenizer() -> QueryTokenizer:
    """The serving tokenizer of the tiny encoders."""
    return QueryTokenizer(tiny_tokenizer(VOCABULARY), max_tokens=32)
