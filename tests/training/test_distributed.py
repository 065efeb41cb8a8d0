"""Training in two processes gives the router that one process gives, and one of them writes it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from routerkit_training import fine_tune
from routerkit_training.distributed import is_first, n_processes
from routerkit_training.train import train_router

from routerkit.router import Router
from routerkit.rows import read_rows
from tests.training.support import quick_settings

if TYPE_CHECKING:
    from pathlib import Path

_WORKER = """
import builtins, json, os, pathlib, sys
import torch
torch.set_num_threads(1)
from routerkit_training.settings import TrainSettings
from routerkit_training.train import learn, write_router

settings = TrainSettings.model_validate_json(pathlib.Path(sys.argv[1]).read_text())
written, opened = [], builtins.open
def watched(file, mode="r", *rest, **options):
    if set(mode) & set("wax"):
        written.append(str(file))
    return opened(file, mode, *rest, **options)
builtins.open = watched
learnt = learn(settings)
write_router(learnt, settings)
weights = float(sum(p.double().abs().sum() for p in learnt.encoder.model.parameters()))
builtins.open = opened
own = [name for name in written if str(settings.output_dir) in name]
pathlib.Path(sys.argv[2] + os.environ["RANK"]).write_text(json.dumps({"weights": weights, "written": own}))
"""


def test_alone_unless_torchrun_says_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WORLD_SIZE", "RANK"):
        monkeypatch.delenv(name, raising=False)
    assert (n_processes(), is_first()) == (1, True)
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "1")
    assert (n_processes(), is_first()) == (2, False)


def test_processes_share_a_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = quick_settings(tmp_path / "rows.jsonl", tmp_path, "starter", batch_size=8)
    assert fine_tune._arguments(settings, tmp_path, 40).per_device_train_batch_size == 8
    monkeypatch.setattr(fine_tune, "n_processes", lambda: 2)
    monkeypatch.setattr(fine_tune, "_backend", lambda: None)  # no group of processes is there to join
    assert fine_tune._arguments(settings, tmp_path, 40).per_device_train_batch_size == 4


@pytest.mark.slow
def test_two_processes_train_what_one_does_and_one_writes(
    tmp_path: Path, train_file: Path, tiny_distilbert_folder: Path
) -> None:
    settings = quick_settings(train_file, tmp_path / "two", tiny_distilbert_folder, name="same")
    reports = _run_two(tmp_path, settings.model_dump_json())
    assert reports[0]["weights"] == pytest.approx(reports[1]["weights"], rel=1e-6)
    assert reports[0]["written"]
    assert reports[1]["written"] == []

    alone = train_router(settings.model_copy(update={"output_dir": tmp_path / "one"}))
    one, two = (Router.from_pretrained(folder) for folder in (alone.path, tmp_path / "two"))
    queries = [row.query for row in read_rows(train_file)]
    found = [router.route_batch(queries) for router in (one, two)]
    same = np.mean([a.category == b.category for a, b in zip(*found, strict=True)])
    assert same >= 0.9
    assert two.artefact.manifest.metrics["validation"]["accuracy"] == pytest.approx(
        alone.manifest.metrics["validation"]["accuracy"], abs=0.12
    )
    assert not (tmp_path / "two" / "checkpoints").exists()


def _run_two(folder: Path, settings: str) -> list[dict[str, Any]]:
    (folder / "settings.json").write_text(settings, encoding="utf-8")
    (folder / "worker.py").write_text(_WORKER, encoding="utf-8")
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-addr", "127.0.0.1"]
    command += ["--master-port", "0", "--rdzv-backend", "c10d", "--rdzv-endpoint", "127.0.0.1:0"]
    command += ["--local-addr", "127.0.0.1", str(folder / "worker.py"), str(folder / "settings.json")]
    environment = os.environ | {"GLOO_SOCKET_IFNAME": "lo", "OMP_NUM_THREADS": "1"}
    ended = subprocess.run(
        [*command, str(folder / "report-")], env=environment, capture_output=True, text=True, timeout=240, check=False
    )
    assert ended.returncode == 0, ended.stderr[-4000:]
    return [json.loads((folder / f"report-{rank}").read_text(encoding="utf-8")) for rank in (0, 1)]
