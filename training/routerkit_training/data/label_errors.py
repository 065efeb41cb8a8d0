"""Rows whose label is probably wrong, by confident learning.

Northcutt, Jiang and Chuang, "Confident Learning: Estimating Uncertainty in Dataset Labels", Journal of Artificial
Intelligence Research 70 (2021). Written from the paper.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from routerkit.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from sklearn.pipeline import Pipeline

    from routerkit_training.data.files import DataRow

FOLDS = 5
_STRENGTH = 10.0  # inverse regularisation of the light classifier; its usual value for TF-IDF
_MAX_FEATURES = 40_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspect:
    """A row whose label is probably wrong.

    Attributes:
        row: the row.
        suggested: the category that it seems to be.
        given_probability: of its own label.
        suggested_probability: of the suggested one.
    """

    row: DataRow
    suggested: str
    given_probability: float
    suggested_probability: float

    def to_dict(self) -> dict[str, object]:
        """The line of the list, with every field of the row."""
        return {
            **self.row.fields,
            "line": self.row.line,
            "suggested": self.suggested,
            "given_probability": round(self.given_probability, 4),
            "suggested_probability": round(self.suggested_probability, 4),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelErrors:
    """What confident learning found.

    Attributes:
        n: labelled rows.
        accuracy: share of rows whose label the classifier gives the highest probability.
        noise: estimated share of wrong labels: mass outside the diagonal of the estimated joint distribution of given
            and true labels (section 3.1, equation 3). It also counts what is merely hard.
        suspects: most suspicious first.
    """

    n: int
    accuracy: float
    noise: float
    suspects: list[Suspect]


def find_label_errors(
    rows: Sequence[DataRow], probabilities: NDArray[np.float64], categories: Sequence[str]
) -> LabelErrors:
    """Find rows that count as another category with confidence.

    A row counts as category j if its probability of j reaches the mean probability of j among rows labelled j
    (equation 2); of several such categories the most probable one. Rows that count as another category than their
    label, and whose `also` does not name it, are suspects, ranked by how much more probable that category is than the
    label (normalised margin). Unlike the paper's rank-and-prune, nothing is cut off: people look, nothing is deleted.

    Args:
        rows: labelled rows.
        probabilities: shape (len(rows), len(categories)), from a classifier that did not learn from these rows.
        categories: the labels, in the order of the columns.
    """
    position = {name: column for column, name in enumerate(categories)}
    given = np.array([position[row.label] for row in rows])
    counts = np.bincount(given, minlength=len(categories))
    thresholds = np.array(
        [probabilities[given == column, column].mean() if counts[column] else np.inf for column in position.values()]
    )
    confident = np.where(probabilities >= thresholds, probabilities, -1.0)
    best = confident.argmax(axis=1)
    counted = confident.max(axis=1) >= 0
    joint = np.zeros((len(categories), len(categories)))
    np.add.at(joint, (given[counted], best[counted]), 1)
    suspects = [
        _suspect(row, probabilities[number], given[number], best[number], categories)
        for number, row in enumerate(rows)
        if counted[number] and best[number] != given[number] and categories[best[number]] not in row.row.also
    ]
    suspects.sort(key=lambda one: one.given_probability - one.suggested_probability)
    return LabelErrors(
        n=len(rows),
        accuracy=float((probabilities.argmax(axis=1) == given).mean()),
        noise=_noise(joint, counts),
        suspects=suspects,
    )


def out_of_fold_probabilities(
    rows: Sequence[DataRow], categories: Sequence[str], *, seed: int = 0
) -> NDArray[np.float64]:
    """Probabilities of each row from a light classifier that did not see it; shape (len(rows), len(categories)).

    TF-IDF of words, word pairs and character 2- to 4-grams, and logistic regression, over five folds. Rows with the
    same query are in one fold, so that a repeated wrong label cannot vouch for itself.

    Raises:
        DataError: if there are fewer than two categories, or one has fewer than five different queries.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    from routerkit_training.splits import key_of

    keys = np.array([key_of(row.query) for row in rows])
    truth = np.array([row.label for row in rows])
    different = {name: len(set(keys[truth == name])) for name in categories}
    if len(categories) < 2 or min(different.values()) < FOLDS:
        raise DataError(
            rows[0].path if rows else "rows",
            None,
            f"finding wrong labels needs two categories with {FOLDS} different queries each, found {different}; "
            "add rows, or give a trained router with --model",
        )
    queries = np.array([row.query for row in rows], dtype=object)
    found = np.zeros((len(rows), len(categories)))
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed)
    for fit, held_out in folds.split(queries, truth, keys):
        classifier = _light_classifier().fit(queries[fit], truth[fit])
        columns = [categories.index(str(name)) for name in classifier.classes_]
        found[np.ix_(held_out, columns)] = classifier.predict_proba(queries[held_out])
    return found


def router_probabilities(rows: Sequence[DataRow], model: str, categories: Sequence[str]) -> NDArray[np.float64]:
    """Probabilities of each row from a trained router, which must not have been trained on these rows.

    Raises:
        DataError: if the rows have a category that the router does not know.
        ArtefactError: if the router cannot be loaded.
    """
    from routerkit.router import Router

    router = Router.from_pretrained(model)
    unknown = sorted(set(categories) - set(router.categories))
    if unknown:
        raise DataError(
            rows[0].path, None, f"the router knows {router.categories}, the rows also have {unknown}; leave out --model"
        )
    decisions = router.route_batch([row.query for row in rows])
    return np.array([[decision.probabilities[name] for name in categories] for decision in decisions])


def _light_classifier() -> Pipeline:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline, make_union

    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, max_features=_MAX_FEATURES, token_pattern=r"\S+")
    parts = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), sublinear_tf=True, max_features=_MAX_FEATURES)
    return make_pipeline(make_union(words, parts), LogisticRegression(C=_STRENGTH, max_iter=200, tol=1e-3))


def _suspect(
    row: DataRow, probabilities: NDArray[np.float64], given: int, suggested: int, categories: Sequence[str]
) -> Suspect:
    return Suspect(
        row=row,
        suggested=categories[suggested],
        given_probability=float(probabilities[given]),
        suggested_probability=float(probabilities[suggested]),
    )


def _noise(joint: NDArray[np.float64], counts: NDArray[np.int64]) -> float:
    """Mass outside the diagonal after every row of the joint counts is scaled to the number of its labels."""
    sums = joint.sum(axis=1, keepdims=True)
    scaled = np.divide(joint, sums, out=np.eye(len(joint)), where=sums > 0) * counts[:, None]
    return float(1 - np.trace(scaled) / scaled.sum())
