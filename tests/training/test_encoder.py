"""BERT and DistilBERT encoders become the classifier that is trained."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
import torch
from routerkit_training.dataset import collate
from routerkit_training.encoder import fold_bert, load_encoder, load_router
from transformers import (
    BertConfig,
    BertModel,
    DistilBertConfig,
    DistilBertModel,
    PreTrainedTokenizerFast,
    RobertaConfig,
    RobertaModel,
)

from routerkit.errors import ArtefactError, ConfigError
from routerkit.testing import tiny_tokenizer
from tests.training.support import VOCABULARY

if TYPE_CHECKING:
    from pathlib import Path

    from routerkit_training.dataset import Batch
    from transformers import PreTrainedModel

    from routerkit.artefact import Artefact
    from routerkit.tokenization import QueryTokenizer

_LABELS = ["code", "general", "math"]
_SMALL = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64}


@pytest.fixture
def padded(tokenizer: QueryTokenizer) -> Batch:
    """Four queries of different lengths in one padded batch."""
    queries = ["sum", "what is the prime here", "please explain a pointer now", "hello party city poem"]
    return collate([{"input_ids": tokenizer.encode(query), "labels": [1.0]} for query in queries])


def _hidden_states(model: torch.nn.Module, batch: Batch) -> torch.Tensor:
    with torch.inference_mode():
        states = model.eval()(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).last_hidden_state
    found: torch.Tensor = states[batch["attention_mask"].bool()]
    return found


def _save(folder: Path, model: PreTrainedModel) -> str:
    model.save_pretrained(folder)
    PreTrainedTokenizerFast(
        tokenizer_object=tiny_tokenizer(VOCABULARY), unk_token="[UNK]", pad_token="[PAD]"
    ).save_pretrained(folder)
    return str(folder)


def test_a_converted_bert_computes_the_same_hidden_states_on_padded_batches(
    tiny_bert_folder: Path, padded: Batch
) -> None:
    expected = _hidden_states(BertModel.from_pretrained(tiny_bert_folder), padded)
    found = _hidden_states(load_encoder(str(tiny_bert_folder), _LABELS).model.distilbert, padded)
    assert float((found - expected).abs().max()) < 1e-5
    assert float(expected.std()) > 0.1


def test_a_distilbert_keeps_its_hidden_states(tiny_distilbert_folder: Path, padded: Batch) -> None:
    expected = _hidden_states(DistilBertModel.from_pretrained(tiny_distilbert_folder), padded)
    found = _hidden_states(load_encoder(str(tiny_distilbert_folder), _LABELS).model.distilbert, padded)
    assert torch.equal(found, expected)


def test_token_type_0_is_added_to_every_position_and_the_pooler_is_dropped(tiny_bert_folder: Path) -> None:
    bert = BertModel.from_pretrained(tiny_bert_folder).state_dict()
    folded = fold_bert(bert, n_layers=2)
    change = folded["embeddings.position_embeddings.weight"] - bert["embeddings.position_embeddings.weight"]
    expected = bert["embeddings.token_type_embeddings.weight"][0].expand_as(change)
    torch.testing.assert_close(change, expected, atol=1e-6, rtol=0)
    assert not [key for key in folded if "pooler" in key or "token_type" in key]


def test_the_new_head_has_the_labels_in_the_order_given(tiny_bert_folder: Path) -> None:
    encoder = load_encoder(str(tiny_bert_folder), ["b", "a", "c"])
    assert encoder.labels == ["b", "a", "c"]
    assert encoder.model.config.label2id == {"b": 0, "a": 1, "c": 2}
    assert encoder.model.classifier.out_features == 3


def test_where_the_encoder_came_from_is_recorded_without_its_place_on_disk(tiny_bert_folder: Path) -> None:
    info = load_encoder(str(tiny_bert_folder), _LABELS).info
    assert info.name == "tiny-bert"
    assert info.sha256 is not None
    assert len(info.sha256) == 64


def test_an_architecture_that_cannot_be_converted_is_named(tmp_path: Path, vocab_size: int) -> None:
    source = _save(tmp_path / "roberta", RobertaModel(RobertaConfig(vocab_size=vocab_size, **_SMALL)))
    with pytest.raises(ConfigError, match="is a 'roberta'; routerkit trains DistilBERT and BERT encoders"):
        load_encoder(source, _LABELS)


def test_an_activation_that_cannot_be_converted_is_named(tmp_path: Path, vocab_size: int) -> None:
    source = _save(tmp_path / "relu", BertModel(BertConfig(vocab_size=vocab_size, hidden_act="relu", **_SMALL)))
    with pytest.raises(ConfigError, match="the activation 'relu'; only 'gelu' can be converted"):
        load_encoder(source, _LABELS)


def test_a_distilbert_with_another_activation_is_refused_too(tmp_path: Path, vocab_size: int) -> None:
    config = DistilBertConfig(vocab_size=vocab_size, activation="relu", dim=32, n_layers=1, n_heads=2, hidden_dim=64)
    source = _save(tmp_path / "relu", DistilBertModel(config))
    with pytest.raises(ConfigError, match="the activation 'relu'"):
        load_encoder(source, _LABELS)


@pytest.mark.parametrize("source", ["./nowhere", "nobody/nothing-of-the-kind"])
def test_a_base_model_that_is_not_there_is_named(source: str) -> None:
    with pytest.raises(ConfigError, match=f"base model '{source}' cannot be loaded .*give 'starter', a folder or a"):
        load_encoder(source, _LABELS)


def test_a_folder_that_is_no_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be loaded"):
        load_encoder(str(tmp_path), _LABELS)


def test_damaged_weights_are_refused(tiny_bert_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "damaged"
    shutil.copytree(tiny_bert_folder, folder)
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(ConfigError, match="cannot be loaded"):
        load_encoder(str(folder), _LABELS)


def test_weights_in_a_pickle_are_not_read(tiny_bert_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "pickled"
    shutil.copytree(tiny_bert_folder, folder)
    (folder / "model.safetensors").unlink()
    torch.save(BertModel.from_pretrained(tiny_bert_folder).state_dict(), folder / "pytorch_model.bin")
    with pytest.raises(ConfigError, match="cannot be loaded"):
        load_encoder(str(folder), _LABELS)


def test_a_tokenizer_with_more_tokens_than_embeddings_is_refused(tmp_path: Path, vocab_size: int) -> None:
    source = _save(tmp_path / "small", BertModel(BertConfig(vocab_size=vocab_size - 1, **_SMALL)))
    with pytest.raises(ConfigError, match=f"its tokenizer knows {vocab_size} tokens, its embeddings {vocab_size - 1}"):
        load_encoder(source, _LABELS)


def test_an_artefact_as_base_model_keeps_its_encoder_and_gets_a_new_head(trained: Artefact) -> None:
    before, after = load_router(str(trained.path)), load_encoder(str(trained.path), ["x", "y"])
    old, new = before.model.state_dict(), after.model.state_dict()
    encoder = [key for key in old if key.startswith("distilbert.")]
    assert after.labels == ["x", "y"]
    assert all(torch.equal(old[key], new[key]) for key in encoder)
    assert not torch.equal(old["pre_classifier.weight"], new["pre_classifier.weight"])
    assert after.info.sha256 == trained.digest


def test_a_router_is_loaded_with_its_head(trained: Artefact) -> None:
    encoder = load_router(str(trained.path))
    assert encoder.labels == trained.manifest.categories
    assert encoder.info.name == "my_router (continued)"
    assert encoder.info.sha256 == trained.digest


def test_a_router_to_continue_that_is_not_there_is_named() -> None:
    with pytest.raises(ArtefactError, match="no such folder"):
        load_router("./nowhere")
