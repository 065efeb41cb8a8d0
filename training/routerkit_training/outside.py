"""Fitting the out-of-domain score: which queries are unlike everything the router was trained on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from routerkit.engines.torch import outside_features
from routerkit.export.graph import OutsideHead

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from transformers import DistilBertForSequenceClassification

    from routerkit.rows import Row
    from routerkit.tokenization import QueryTokenizer

MIN_OUTSIDE_ROWS = 50
"""Fewest rows with the category null from which a score is learnt."""

FALSE_ALARMS = 0.01
"""Share of in-domain validation rows that the automatic threshold may call out of domain."""

_MAX_INSIDE_ROWS = 8_000
_BATCH = 64
_STRENGTH = 0.03  # inverse regularisation; chosen on the development part


def fit_outside_head(
    model: DistilBertForSequenceClassification,
    tokenizer: QueryTokenizer,
    inside: Sequence[Row],
    outside: Sequence[Row],
    seed: int,
) -> OutsideHead:
    """A logistic regression on hidden states, rows of any category against rows of none.

    Outlier exposure (Hendrycks et al., "Deep Anomaly Detection with Outlier Exposure", 2019) applied to a linear score
    after training, so that it cannot change what the classifier decides.

    Args:
        model: the trained classifier.
        tokenizer: the serving tokenizer.
        inside: rows with a category; an even sample of at most 8,000 is used.
        outside: rows without one.
        seed: of the sample.
    """
    chosen = np.random.default_rng(seed).permutation(len(inside))[:_MAX_INSIDE_ROWS]
    queries = [inside[position].query for position in chosen] + [row.query for row in outside]
    features = compute_features(model, tokenizer, queries)
    labels = np.repeat([0, 1], [len(chosen), len(outside)])
    scaler = StandardScaler().fit(features)
    fitted = LogisticRegression(C=_STRENGTH, class_weight="balanced", max_iter=500).fit(
        scaler.transform(features), labels
    )
    # The standardisation is folded into the weights, so that serving needs one product and one sum.
    weight = fitted.coef_[0] / scaler.scale_
    bias = float(fitted.intercept_[0] - (weight * scaler.mean_).sum())
    return OutsideHead(weight=weight.astype(np.float32), bias=bias)


def compute_features(
    model: DistilBertForSequenceClassification, tokenizer: QueryTokenizer, queries: Sequence[str]
) -> NDArray[np.float32]:
    """What the score looks at, shape (len(queries), 2 * dim); see `outside_features`."""
    ids = tokenizer.encode_batch(queries)
    order = sorted(range(len(ids)), key=lambda position: len(ids[position]))
    features = np.zeros((len(ids), 2 * model.config.dim), np.float32)
    for start in range(0, len(order), _BATCH):
        positions = order[start : start + _BATCH]
        batch = torch.nn.utils.rnn.pad_sequence([torch.tensor(ids[i]) for i in positions], batch_first=True)
        lengths = torch.tensor([len(ids[i]) for i in positions])
        mask = (torch.arange(batch.shape[1]) < lengths[:, None]).long()
        with torch.inference_mode():
            states = model(input_ids=batch, attention_mask=mask, output_hidden_states=True).hidden_states
        features[positions] = outside_features(states, mask).numpy()
    return features
