"""Rebuild the router that ships with the package.

    python -m routerkit_training.starter --data DATA --encoder ENCODER --output-dir router_model/starter

DATA holds `train.jsonl` and `validation.jsonl` of the public query data, rows with a `source`; ENCODER is the folder of
all-MiniLM-L6-v2. The corpus comes with the project. The result has an int8 graph only: its float weights are defined as
the integers times their scales.
"""

from __future__ import annotations

import logging
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from routerkit import artefact
from routerkit.errors import ArtefactError, ConfigError
from routerkit.evaluation import evaluate
from routerkit.manifest import BaseModelInfo, DataSource
from routerkit.router import Router
from routerkit.rows import Row, read_rows
from routerkit_training import conversations
from routerkit_training.corpus import Part, part_path
from routerkit_training.cross_validate import UNSEEN, cross_validate
from routerkit_training.exam_questions import FILE as EXAM_QUESTIONS
from routerkit_training.exam_questions import read_exam_questions
from routerkit_training.packing import figures_on, pack, with_figures
from routerkit_training.predictions import write_predictions
from routerkit_training.recipe import fold_settings, read_follow_ups, starter_settings, trusted
from routerkit_training.reference import write_reference
from routerkit_training.rounding import round_weights, sample_ranges
from routerkit_training.train import restore, train_router

if TYPE_CHECKING:
    from routerkit_training.settings import TrainSettings

ENCODER_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
"""Digest of the weights of all-MiniLM-L6-v2."""

N_FOLDS = 3
"""Parts of the public sources that are left out in turn."""

logger = logging.getLogger(__name__)

_TOKENIZER_CONFIG = "tokenizer_config.json"
_BASE = BaseModelInfo(name="all-MiniLM-L6-v2, converted to DistilBERT", sha256=ENCODER_SHA256, licence="Apache-2.0")


@click.command()
@click.option("--data", type=click.Path(path_type=Path), required=True, help="Folder of the public query data.")
@click.option("--encoder", type=click.Path(path_type=Path), required=True, help="Folder of all-MiniLM-L6-v2.")
@click.option("--output-dir", type=click.Path(path_type=Path), required=True, help="Where the router goes.")
@click.option("--seed", default=0, show_default=True)
def build_starter(data: Path, encoder: Path, output_dir: Path, seed: int) -> None:
    """Train the starter on the public query data and the project's corpus, and keep its int8 graph only.

    Each step that is finished is kept beside the output, so that an interrupted build goes on where it was.
    """
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    _check_encoder(encoder)
    work = output_dir.with_name(f"{output_dir.name}-float")
    work.mkdir(parents=True, exist_ok=True)
    settings = _train_once(starter_settings(data, encoder, work, seed))
    unseen = predict_unseen(settings, work)
    ship(settings.model_copy(update={"unseen": unseen}), output_dir, data)


def predict_unseen(settings: TrainSettings, work: Path) -> Path:
    """Write what routers say of texts from where they learnt nothing, for fitting the starter's confidence.

    These are sources left out of training, by the routers of three folds, and the writers of the development part, by
    the trained router itself.
    """
    folds = fold_settings(settings, work)
    cross_validate(folds, N_FOLDS)
    router = Router.from_pretrained(settings.output_dir)
    writers = work / "writers.jsonl"
    write_predictions(writers, [evaluate(router, _labelled("dev"))], [router.artefact.manifest.temperature])
    path = work / UNSEEN
    path.write_text("".join(part.read_text() for part in (folds.output_dir / UNSEEN, writers)), encoding="utf-8")
    return path


def _train_once(settings: TrainSettings) -> TrainSettings:
    if not (settings.output_dir / artefact.MANIFEST).is_file():
        train_router(settings)
    return settings


def ship(settings: TrainSettings, output_dir: Path, data: Path) -> artefact.Artefact:
    """Round a trained classifier, keep its int8 graph only, and measure it before and after.

    Args:
        settings: of the run that trained it last, with its predictions on unseen writers.
        output_dir: where the starter goes.
        data: folder of the public query data.
    """
    trained = artefact.read(settings.output_dir)
    learnt = restore(settings)
    scratch = settings.output_dir.with_name("rounding.onnx")
    ranges = sample_ranges(learnt.encoder, learnt.tokenizer, learnt.splits, settings.seed)
    rounded = pack(
        settings.output_dir.with_name("rounded"),
        round_weights(learnt.encoder, ranges, scratch),
        learnt.tokenizer,
        learnt.splits,
        learnt.facts,
        learnt.unseen,
    )
    shutil.rmtree(output_dir, ignore_errors=True)
    starter = write_int8_only(rounded, output_dir, _sources(data))
    write_reference(output_dir, _labelled("train"), _labelled("dev"), settings.seed, learnt.splits.outside_train)
    test = read_rows(data / "test.jsonl")
    figures = {
        "public data, validation part": figures_on(starter, read_rows(data / "validation.jsonl")),
        "public data, test part": figures_on(starter, test),
        "public data, test part, trained float weights": figures_on(trained, test, precision="fp32"),
        "corpus, development part": figures_on(starter, read_rows(part_path("dev"))),
    }
    logger.info("wrote %s; the float weights it was rounded from are in %s", output_dir, trained.path)
    return with_figures(starter, learnt.splits.validation + learnt.splits.outside_validation, **figures)


def write_int8_only(packed: artefact.Artefact, folder: Path, data: list[DataSource]) -> artefact.Artefact:
    """Copy an artefact without its float weights, which are from then on defined as the integers times their scales.

    Raises:
        ArtefactError: if the int8 graph was refused when the artefact was packed.
    """
    graph = packed.manifest.graphs.get("int8")
    if graph is None:
        raise ArtefactError(packed.path, "has no int8 graph, so it cannot be shipped without float weights")
    for name in (artefact.CONFIG, artefact.TOKENIZER, _TOKENIZER_CONFIG, artefact.RANGES, graph.path):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(packed.path / name, folder / name)
    changes = {"graphs": {"int8": graph}, "data": data, "base_model": _BASE}
    return artefact.write_manifest(folder, packed.manifest.model_copy(update=changes))


def _sources(data: Path) -> list[DataSource]:
    public = {role: len(trusted(read_rows(data / f"{role}.jsonl"))) for role in ("train", "validation")}
    return [
        _source("public query data", data / "train.jsonl", "train", public["train"]),
        _source("MMLU", data / EXAM_QUESTIONS, "train", len(read_exam_questions(data))),
        _source("corpus", part_path("train"), "train", len(read_rows(part_path("train")))),
        _source("conversations", conversations.part_path("train"), "train", len(read_follow_ups())),
        _source("public query data", data / "validation.jsonl", "validation", public["validation"]),
        _source("corpus", part_path("dev"), "validation", len(read_rows(part_path("dev")))),
    ]


def _source(name: str, path: Path, role: Literal["train", "validation"], rows: int) -> DataSource:
    licence = "Apache-2.0" if name in {"corpus", "conversations"} else "permissive, each source in NOTICE"
    return DataSource(
        name=f"{name}, {path.name}", role=role, rows=rows, sha256=artefact.file_digest(path), licence=licence
    )


def _check_encoder(folder: Path) -> None:
    path = folder / artefact.WEIGHTS
    found = artefact.file_digest(path) if path.is_file() else "no file"
    if found != ENCODER_SHA256:
        raise ConfigError(f"{path}: expected all-MiniLM-L6-v2 with sha256 {ENCODER_SHA256}, found {found}")


def _labelled(part: Part) -> list[Row]:
    return [row for row in read_rows(part_path(part)) if row.category is not None]


if __name__ == "__main__":
    build_starter()
