"""What a router must beat: a constant, words counted, and neighbours of an encoder that was never fine-tuned."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from huggingface_hub import snapshot_download
from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline

from routerkit.artefact import REFERENCE, TOKENIZER
from routerkit.decision import Decision
from routerkit.engines.torch import load_model
from routerkit.errors import ConfigError, InputError
from routerkit.evaluation import Evaluation
from routerkit.policy import ThresholdPolicy
from routerkit.report.summary import Baseline, Baselines
from routerkit.rows import read_rows
from routerkit.scheduling import equal_length_batches
from routerkit.tokenization import QueryTokenizer
from routerkit_training.encoder import load_encoder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from transformers import DistilBertModel

    from routerkit.artefact import Artefact
    from routerkit.rows import Row
    from routerkit_training.encoder import Encoder

NEIGHBOURS = 15

_WORDS_AND_SIGNS = r"\w+|[^\w\s]"  # sklearn's own pattern drops digits and signs, which is what formulas are made of


def run_baselines(
    packed: Artefact, judged: Evaluation, *, train_file: Path | str | None = None, base_encoder: str | None = None
) -> Baselines:
    """Train the baselines and judge them on the rows that a router was judged on.

    Args:
        packed: the router.
        judged: its evaluation; a query that stands in it is not learnt from.
        train_file: rows to learn from; the reference rows that the router carries unless given.
        base_encoder: folder or hub id of the encoder that the router started from; unless given, the copy that the
            hub's cache on this machine holds, else the router's own states are compared instead.

    Raises:
        ConfigError: if the encoder cannot be loaded.
        DataError: if the training file cannot be used.
        InputError: if there are no rows to learn from, or they are all of one category.
    """
    known, origin = _training_rows(packed, train_file)
    seen = {row.query for row in judged.rows}
    rows = [row for row in known if row.query not in seen]
    if len({row.category for row in rows}) < 2:
        raise InputError(
            f"the baselines need rows of two categories or more that are not in the test file; {origin} has "
            f"{len(rows)} such rows of {len({row.category for row in rows})}; give others with --train-file"
        )
    models = [_majority(rows, judged), _words(rows, judged), _neighbours(packed, rows, judged, base_encoder)]
    return Baselines(learnt_from=origin, rows=len(rows), left_out=len(known) - len(rows), models=models)


def embed(model: DistilBertModel, tokenizer: QueryTokenizer, queries: Sequence[str]) -> NDArray[np.float32]:
    """The mean of the last hidden states of each query, shape (len(queries), dim).

    Reimers and Gurevych, "Sentence-BERT" (2019), section 3.

    Args:
        model: an encoder on the CPU.
        tokenizer: its tokenizer.
        queries: the texts.
    """
    model.eval()
    ids = tokenizer.encode_batch(queries)
    found = np.zeros((len(ids), model.config.dim), np.float32)
    for positions in equal_length_batches(ids):
        batch = torch.tensor([ids[position] for position in positions])
        with torch.inference_mode():
            states = model(input_ids=batch, attention_mask=torch.ones_like(batch)).last_hidden_state
        found[positions] = states.mean(dim=1).numpy()
    return found


def _training_rows(packed: Artefact, train_file: Path | str | None) -> tuple[list[Row], str]:
    categories = packed.manifest.categories
    if train_file is not None:
        found, origin = read_rows(train_file, categories=categories), Path(train_file).name
    elif (packed.path / REFERENCE).is_file():
        found, origin = read_rows(packed.path / REFERENCE, categories=categories), f"the router's {REFERENCE}"
    else:
        raise InputError("the router carries no reference rows for the baselines to learn from; give --train-file")
    return [row for row in found if row.category is not None], origin


def _majority(rows: Sequence[Row], judged: Evaluation) -> Baseline:
    categories = judged.categories
    counts = np.bincount([categories.index(str(row.category)) for row in rows], minlength=len(categories))
    probabilities = np.tile(counts / counts.sum(), (len(judged.rows), 1))
    method = f"always {categories[int(counts.argmax())]}, as confident as it is frequent"
    return Baseline(name="majority", method=method, evaluation=_judge(probabilities, categories, judged))


def _words(rows: Sequence[Row], judged: Evaluation) -> Baseline:
    model = make_pipeline(
        TfidfVectorizer(ngram_range=(1, 2), token_pattern=_WORDS_AND_SIGNS, sublinear_tf=True),
        LogisticRegression(C=10.0, max_iter=2_000),
    )
    model.fit([row.query for row in rows], [row.category for row in rows])
    probabilities = model.predict_proba([row.query for row in judged.rows])
    return Baseline(
        name="tfidf_logistic",
        method="TF-IDF of words and pairs of words, logistic regression",
        evaluation=_judge(probabilities, model.classes_, judged),
    )


def _neighbours(packed: Artefact, rows: Sequence[Row], judged: Evaluation, base_encoder: str | None) -> Baseline:
    encoder, tokenizer, what = _encoder(packed, base_encoder)
    model = KNeighborsClassifier(min(NEIGHBOURS, len(rows)), metric="cosine")
    model.fit(embed(encoder, tokenizer, [row.query for row in rows]), [row.category for row in rows])
    probabilities = model.predict_proba(embed(encoder, tokenizer, [row.query for row in judged.rows]))
    return Baseline(
        name="knn",
        method=f"{model.n_neighbors} nearest neighbours by the mean-pooled states of {what}",
        evaluation=_judge(probabilities, model.classes_, judged),
    )


def _encoder(packed: Artefact, given: str | None) -> tuple[DistilBertModel, QueryTokenizer, str]:
    """The encoder whose states are compared, its tokenizer, and what it is, for people."""
    manifest = packed.manifest
    if given is None:
        base = _cached(manifest.base_model.name, manifest.categories)
    else:
        base = load_encoder(given, manifest.categories)
    if base is None:
        tokenizer = QueryTokenizer.from_file(packed.path / TOKENIZER, max_tokens=manifest.max_tokens)
        what = "the router itself, fine-tuned, because its base encoder is not at hand"
        return load_model(packed).distilbert, tokenizer, what
    name = manifest.base_model.name if given is None else base.info.name
    tokenizer = QueryTokenizer(base.tokenizer, max_tokens=manifest.max_tokens)
    return base.model.distilbert, tokenizer, f"the base encoder {name}"


def _cached(name: str, categories: Sequence[str]) -> Encoder | None:
    """The encoder of that name in the hub's cache on this machine; None if it is not there, or not whole."""
    try:
        return load_encoder(snapshot_download(name, local_files_only=True), categories)
    except (HFValidationError, LocalEntryNotFoundError, ConfigError):
        return None


def _judge(probabilities: NDArray[np.float64], classes: Sequence[str], judged: Evaluation) -> Evaluation:
    """The evaluation of a classifier that knows some of the router's categories, without a threshold."""
    full = np.zeros((len(judged.rows), len(judged.categories)))
    full[:, [judged.categories.index(name) for name in classes]] = probabilities
    decisions = []
    for row in full.tolist():
        best = max(range(len(row)), key=row.__getitem__)
        decisions.append(
            Decision(
                category=judged.categories[best],
                confidence=row[best],
                route=judged.categories[best],
                reason="confident",
                ood_score=None,
                probabilities=dict(zip(judged.categories, row, strict=True)),
            )
        )
    policy = ThresholdPolicy(fallback=judged.policy.fallback, confidence_threshold=0.0)
    return Evaluation(judged.rows, decisions, judged.categories, policy, [])
