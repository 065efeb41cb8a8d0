"""From a trained classifier to an artefact: export, parity check, calibration, figures, model card."""

from __future__ import annotations

import dataclasses
import datetime
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from transformers import PreTrainedTokenizerFast

from routerkit import artefact
from routerkit.calibration import softmax
from routerkit.config import RouterConfig
from routerkit.engines.onnx import OnnxEngine
from routerkit.errors import ArtefactError
from routerkit.evaluation import evaluate
from routerkit.export.checkpoint import read_outside_head, write_graph, write_outside_head
from routerkit.export.ranges import write_ranges
from routerkit.manifest import GraphFile, Manifest
from routerkit.router import Router
from routerkit.version import __version__
from routerkit_training.calibrate import Predicted, fit_temperature
from routerkit_training.card import write_card
from routerkit_training.outside import FALSE_ALARMS, MIN_OUTSIDE_ROWS, fit_outside_head
from routerkit_training.rounding import compare, numpy_weights, sample_ranges
from routerkit_training.thresholds import Harms, Threshold, by_category, promised, strictest

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from tokenizers import Tokenizer

    from routerkit.manifest import BaseModelInfo, DataSource, Precision
    from routerkit.rows import Row
    from routerkit.tokenization import QueryTokenizer
    from routerkit_training.encoder import Encoder
    from routerkit_training.splits import Splits

MAX_PARITY_ROWS = 2_500
MAX_LOGIT_ERROR = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the manifest and the model card report about a run."""

    name: str
    categories: list[str]
    base_model: BaseModelInfo
    data: list[DataSource]
    training: dict[str, Any]
    target_harm: float
    per_category: bool
    fallback: str
    seed: int


def pack(
    folder: Path,
    encoder: Encoder,
    tokenizer: QueryTokenizer,
    splits: Splits,
    facts: Facts,
    unseen: Predicted | None = None,
) -> artefact.Artefact:
    """Write the artefact of a trained classifier.

    The int8 graph is kept only if it decides as the fp32 graph does: the same most probable label on at least 99.5 %
    of the validation rows, and calibrated probabilities that differ by at most 0.005 on average and by at most 0.05 on
    99 rows in 100.

    Args:
        folder: where it goes.
        encoder: the trained model.
        tokenizer: the serving tokenizer.
        splits: validation rows for parity, temperature, thresholds and figures; rows outside every category.
        facts: see `Facts`.
        unseen: what routers of the same recipe said of sources that they never saw; with them the confidence is fitted
            to both kinds of rows, and the threshold keeps its target on each.

    Raises:
        ArtefactError: if the fp32 graph does not compute what torch computes.
    """
    settings = _save_checkpoint(folder, encoder, tokenizer.max_tokens)
    if len(splits.outside_train) >= MIN_OUTSIDE_ROWS:
        head = fit_outside_head(encoder.model, tokenizer, splits.train, splits.outside_train, facts.seed)
        write_outside_head(folder, head)
    if encoder.ranges is None:
        encoder = dataclasses.replace(encoder, ranges=sample_ranges(encoder, tokenizer, splits, facts.seed))
    chosen = np.random.default_rng(facts.seed).permutation(len(splits.validation))[:MAX_PARITY_ROWS]
    sample = [splits.validation[position] for position in sorted(chosen)]
    token_ids = tokenizer.encode_batch([row.query for row in sample])
    exact = _write_fp32(folder, encoder, settings, token_ids)
    others = [] if unseen is None else [unseen]
    temperature = fit_temperature([Predicted.of(sample, exact, facts.categories), *others])
    served, graphs = _judged(folder, _write_int8(folder, encoder, settings, token_ids), exact, temperature)
    kinds = [Predicted.of(sample, served, facts.categories), *others]
    temperature = fit_temperature(kinds)
    threshold, single = _thresholds(kinds, temperature, facts)
    manifest = Manifest(
        routerkit_version=__version__,
        name=facts.name,
        created=datetime.datetime.now(tz=datetime.UTC).date().isoformat(),
        categories=facts.categories,
        temperature=temperature,
        confidence_threshold=threshold.value,
        category_thresholds={name: one.value for name, one in single.items()},
        max_tokens=tokenizer.max_tokens,
        graphs=graphs,
        base_model=facts.base_model,
        data=facts.data,
        training={**facts.training, "threshold": promised(threshold, single, facts.target_harm)},
    )
    packed = with_outside_threshold(artefact.write_manifest(folder, manifest), splits.validation)
    return with_figures(packed, splits.validation + splits.outside_validation)


def _thresholds(kinds: Sequence[Predicted], temperature: float, facts: Facts) -> tuple[Threshold, dict[str, Threshold]]:
    """The automatic threshold, and those of single categories if wanted; each keeps its target on every kind."""
    beliefs = [(kind, softmax(kind.logits, temperature)) for kind in kinds]
    harms = [Harms.of(kind, shares, facts.categories, facts.fallback) for kind, shares in beliefs]
    common = strictest([harm.threshold(facts.target_harm) for harm in harms])
    return common, by_category(harms, facts.target_harm, facts.fallback) if facts.per_category else {}


def with_outside_threshold(packed: artefact.Artefact, validation: Sequence[Row]) -> artefact.Artefact:
    """Set the out-of-domain score that one in-domain validation row in a hundred exceeds."""
    router = Router.from_pretrained(packed.path)
    scores = [decision.ood_score for decision in router.route_batch([row.query for row in validation])]
    known = [score for score in scores if score is not None]
    if not known:
        return packed
    threshold = float(np.quantile(known, 1 - FALSE_ALARMS))
    return artefact.write_manifest(packed.path, packed.manifest.model_copy(update={"ood_threshold": threshold}))


def with_figures(packed: artefact.Artefact, validation: Sequence[Row], **more: Any) -> artefact.Artefact:  # noqa: ANN401 - JSON values
    """Measure an artefact as served, and write the figures into its manifest and model card."""
    figures = {"validation": figures_on(packed, validation), **more}
    complete = artefact.write_manifest(packed.path, packed.manifest.model_copy(update={"metrics": figures}))
    write_card(complete)
    return complete


def figures_on(
    packed: artefact.Artefact, rows: Sequence[Row], *, precision: Literal["auto", "fp32"] = "auto"
) -> dict[str, Any]:
    """Every figure of an artefact on labelled rows, as served or with its float weights."""
    router = Router.from_pretrained(packed.path, config=RouterConfig(precision=precision))
    return evaluate(router, rows).to_dict()


def _save_checkpoint(folder: Path, encoder: Encoder, max_tokens: int) -> dict[str, Any]:
    folder.mkdir(parents=True, exist_ok=True)
    encoder.model.save_pretrained(folder)
    save_tokenizer(folder, encoder.tokenizer, max_tokens)
    settings: dict[str, Any] = json.loads((folder / artefact.CONFIG).read_text(encoding="utf-8"))
    return settings


def save_tokenizer(folder: Path, tokenizer: Tokenizer, max_tokens: int) -> None:
    """Write `tokenizer.json` and what transformers wants beside it."""
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        model_max_length=max_tokens,
        unk_token="[UNK]",
        sep_token="[SEP]",
        pad_token="[PAD]",
        cls_token="[CLS]",
        mask_token="[MASK]",
        model_input_names=["input_ids", "attention_mask"],
    )
    fast.save_pretrained(folder)


def _write_fp32(
    folder: Path, encoder: Encoder, settings: dict[str, Any], token_ids: list[list[int]]
) -> NDArray[np.float32]:
    path = folder / artefact.FP32_GRAPH
    write_graph(path, numpy_weights(encoder), settings, int8=False, outside=read_outside_head(folder))
    exact = _logits(OnnxEngine(path, name="onnx fp32"), token_ids)
    few = range(0, len(token_ids), max(1, len(token_ids) // 50))
    with torch.inference_mode():
        expected = torch.cat([encoder.model(input_ids=torch.tensor([token_ids[i]])).logits for i in few]).numpy()
    error = float(np.abs(exact[list(few)] - expected).max())
    if error > MAX_LOGIT_ERROR:
        raise ArtefactError(
            path, f"differs from torch by {error:.1e}, {MAX_LOGIT_ERROR:.0e} is allowed; please report this"
        )
    return exact


def _judged(
    folder: Path, rounded: NDArray[np.float32], exact: NDArray[np.float32], temperature: float
) -> tuple[NDArray[np.float32], dict[Precision, GraphFile]]:
    """Logits of the graph that is served, and the graphs to keep: an int8 one that decides differently is deleted."""
    graphs: dict[Precision, GraphFile] = {"fp32": GraphFile(path=artefact.FP32_GRAPH)}
    found = compare(rounded, exact, temperature)
    if not found.is_enough:
        (folder / artefact.INT8_GRAPH).unlink()
        return exact, graphs
    graphs["int8"] = GraphFile(path=artefact.INT8_GRAPH, agreement=found.agreement, confidence_drift=found.max_drift)
    return rounded, graphs


def _write_int8(
    folder: Path, encoder: Encoder, settings: dict[str, Any], token_ids: list[list[int]]
) -> NDArray[np.float32]:
    """Write the int8 graph and the ranges that it can be written again with."""
    path, weights, ranges = folder / artefact.INT8_GRAPH, numpy_weights(encoder), encoder.ranges
    if ranges is not None:
        write_ranges(folder, ranges)
    write_graph(path, weights, settings, int8=True, outside=read_outside_head(folder), ranges=ranges)
    return _logits(OnnxEngine(path, name="onnx int8"), token_ids)


def _logits(engine: OnnxEngine, token_ids: list[list[int]]) -> NDArray[np.float32]:
    """Logits of every query alone, as a single call computes them."""
    return np.concatenate([engine.run([ids]).logits for ids in token_ids])
