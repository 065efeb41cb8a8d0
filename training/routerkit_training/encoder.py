"""The encoder that training starts from: the starter, a folder, or a hub model; BERT is converted exactly."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from safetensors import SafetensorError
from tokenizers import Tokenizer
from transformers import AutoConfig, AutoModel, AutoTokenizer, DistilBertConfig, DistilBertForSequenceClassification

from routerkit import artefact
from routerkit.engines.torch import load_model
from routerkit.errors import ArtefactError, ConfigError
from routerkit.manifest import BaseModelInfo
from routerkit.store import STARTER, open_artefact

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from routerkit.export.builder import Ranges

_HEAD = ("pre_classifier.", "classifier.")


@dataclass(frozen=True, slots=True)
class Encoder:
    """A classifier ready for training, with its tokenizer and where it came from.

    Attributes:
        model: the classifier.
        tokenizer: its tokenizer.
        info: where it came from.
        ranges: what its weights were rounded with, if they hold what 8 bits hold and are not trained any more.
    """

    model: DistilBertForSequenceClassification
    tokenizer: Tokenizer
    info: BaseModelInfo
    ranges: Ranges | None = None

    @property
    def labels(self) -> list[str]:
        """The labels of the head, in the order of the logits."""
        return [self.model.config.id2label[index] for index in range(self.model.config.num_labels)]


def load_encoder(source: str, categories: Sequence[str]) -> Encoder:
    """Load an encoder and give it a new head.

    Args:
        source: `starter`, a routerkit artefact, a Hugging Face checkpoint folder or a hub id; DistilBERT or BERT.
        categories: labels of the new head.

    Raises:
        ConfigError: if there is no such model, or it is neither DistilBERT nor BERT.
    """
    if source == STARTER or (Path(source) / artefact.MANIFEST).is_file():
        return _from_artefact(source, categories)
    try:
        config = AutoConfig.from_pretrained(source)
        converted = _distilbert_config(config, source)  # before weights are fetched that could not be used
        tokenizer = AutoTokenizer.from_pretrained(source).backend_tokenizer
        model = AutoModel.from_pretrained(source, use_safetensors=True, dtype=torch.float32)
    except (OSError, ValueError, SafetensorError) as error:
        first = str(error).strip().splitlines()[0]
        raise ConfigError(
            f"base model {source!r} cannot be loaded ({first}); give 'starter', a folder or a hub id"
        ) from error
    classifier = _new_classifier(converted, categories)
    weights = dict(model.state_dict())
    if config.model_type == "bert":
        weights = fold_bert(weights, config.num_hidden_layers)
    _load(classifier, weights)
    if tokenizer.get_vocab_size() > classifier.config.vocab_size:
        raise ConfigError(
            f"base model {source!r}: its tokenizer knows {tokenizer.get_vocab_size()} tokens, its embeddings "
            f"{classifier.config.vocab_size}; the files do not belong together"
        )
    return Encoder(classifier, tokenizer, BaseModelInfo(name=_public_name(source), sha256=_weights_digest(source)))


def load_router(source: str) -> Encoder:
    """Load a trained router, head included, to continue its training."""
    found = open_artefact(source)
    info = BaseModelInfo(name=f"{found.manifest.name} (continued)", sha256=found.digest)
    return Encoder(load_model(found), _artefact_tokenizer(found), info)


def with_labels(encoder: Encoder, labels: Sequence[str]) -> Encoder:
    """The same classifier with other labels.

    Args:
        encoder: a trained classifier.
        labels: of the new head. Labels that the old head has keep their row; those it has not get a row of zeros.
    """
    model = _new_classifier(encoder.model.config, labels)
    weights = encoder.model.state_dict()
    rows = [encoder.labels.index(name) if name in encoder.labels else -1 for name in labels]
    for key in ("classifier.weight", "classifier.bias"):
        # One row of zeros at the end, for the labels without a row.
        weights[key] = torch.cat([weights[key], torch.zeros_like(weights[key][:1])])[rows]
    model.load_state_dict(weights)
    return Encoder(model.eval(), encoder.tokenizer, encoder.info)


def fold_bert(weights: Mapping[str, torch.Tensor], n_layers: int) -> dict[str, torch.Tensor]:
    """The state dict of a `BertModel` as that of a DistilBERT encoder that computes the same hidden states.

    DistilBERT has no token types, so the embedding of type 0, which a single text always has, is added to every
    position; the pooler is dropped.

    Args:
        weights: state dict of a `BertModel`.
        n_layers: its number of layers.
    """
    embeddings = "embeddings."
    positions = weights[f"{embeddings}position_embeddings.weight"]
    folded = {
        f"{embeddings}word_embeddings.weight": weights[f"{embeddings}word_embeddings.weight"],
        f"{embeddings}position_embeddings.weight": positions + weights[f"{embeddings}token_type_embeddings.weight"][0],
    }
    renamed = {f"{embeddings}LayerNorm": f"{embeddings}LayerNorm"}
    for layer in range(n_layers):
        old, new = f"encoder.layer.{layer}.", f"transformer.layer.{layer}."
        renamed |= {old + part: new + name for part, name in _BERT_NAMES.items()}
    for old, new in renamed.items():
        for part in ("weight", "bias"):
            folded[f"{new}.{part}"] = weights[f"{old}.{part}"]
    return folded


_BERT_NAMES = {
    "attention.self.query": "attention.q_lin",
    "attention.self.key": "attention.k_lin",
    "attention.self.value": "attention.v_lin",
    "attention.output.dense": "attention.out_lin",
    "attention.output.LayerNorm": "sa_layer_norm",
    "intermediate.dense": "ffn.lin1",
    "output.dense": "ffn.lin2",
    "output.LayerNorm": "output_layer_norm",
}


def _from_artefact(source: str, categories: Sequence[str]) -> Encoder:
    found = open_artefact(source)
    trained = load_model(found)
    classifier = _new_classifier(trained.config, categories)
    kept = {key: value for key, value in trained.state_dict().items() if not key.startswith(_HEAD)}
    classifier.load_state_dict(kept, strict=False)
    info = BaseModelInfo(name=found.manifest.name, sha256=found.digest, licence="Apache-2.0")
    return Encoder(classifier, _artefact_tokenizer(found), info)


def _artefact_tokenizer(found: artefact.Artefact) -> Tokenizer:
    path = found.path / artefact.TOKENIZER
    if not path.is_file():
        raise ArtefactError(path, "is missing")
    return Tokenizer.from_file(str(path))


def _new_classifier(config: DistilBertConfig, categories: Sequence[str]) -> DistilBertForSequenceClassification:
    settings = {key: value for key, value in config.to_dict().items() if key not in {"id2label", "label2id"}}
    settings |= {
        "id2label": dict(enumerate(categories)),
        "label2id": {name: index for index, name in enumerate(categories)},
        "problem_type": "single_label_classification",
    }
    return DistilBertForSequenceClassification(DistilBertConfig(**settings))


def _distilbert_config(config: AutoConfig, source: str) -> DistilBertConfig:
    if config.model_type not in {"bert", "distilbert"}:
        raise ConfigError(
            f"base model {source!r} is a {config.model_type!r}; routerkit trains DistilBERT and BERT encoders"
        )
    activation = config.activation if isinstance(config, DistilBertConfig) else config.hidden_act
    if activation != "gelu":
        raise ConfigError(f"base model {source!r} uses the activation {activation!r}; only 'gelu' can be converted")
    if isinstance(config, DistilBertConfig):
        return config
    return DistilBertConfig(
        vocab_size=config.vocab_size,
        max_position_embeddings=config.max_position_embeddings,
        n_layers=config.num_hidden_layers,
        n_heads=config.num_attention_heads,
        dim=config.hidden_size,
        hidden_dim=config.intermediate_size,
        pad_token_id=config.pad_token_id or 0,
        # DistilBERT's own default; BERT names no dropout for a sequence-classification head of this form.
        seq_classif_dropout=0.2,
    )


def _load(classifier: DistilBertForSequenceClassification, weights: Mapping[str, torch.Tensor]) -> None:
    missing, unexpected = classifier.distilbert.load_state_dict(dict(weights), strict=False)
    if missing or unexpected:
        raise ConfigError(f"the base model's weights do not fit DistilBERT: missing {missing}, unexpected {unexpected}")


def _public_name(source: str) -> str:
    """A name for the model card that does not give away where on a disk the model lay."""
    return Path(source).name if Path(source).is_dir() else source


def _weights_digest(source: str) -> str | None:
    path = Path(source) / artefact.WEIGHTS
    return artefact.file_digest(path) if path.is_file() else None
