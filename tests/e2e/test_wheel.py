"""The built wheel, alone in an environment of its own, outside the checkout and without torch."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest

_CHECKOUT = Path(__file__).parents[2]
_NO_TORCH = """
# Makes heavy libraries absent, although the dependencies of another environment lie beside them.
from importlib.machinery import PathFinder

_find_spec = PathFinder.find_spec


def _without_heavy(name, path=None, target=None):
    absent = name.partition(".")[0] in {"torch", "transformers", "sklearn", "onnx"}
    return None if absent else _find_spec(name, path, target)


PathFinder.find_spec = staticmethod(_without_heavy)
"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("build") is None, reason="building a wheel needs the extra `dev`"),
]


def _run(*command: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if key not in {"PYTHONPATH", "VIRTUAL_ENV"}}
    found = subprocess.run(
        [str(part) for part in command], cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stderr
    return found


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, _CHECKOUT]
    _run(*command, cwd=folder)
    (found,) = folder.glob("routerkit-*.whl")
    return found


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `bin` folder of an environment with the wheel and its dependencies, but not torch nor the checkout."""
    root = tmp_path_factory.mktemp("environment")
    _run(sys.executable, "-m", "venv", "--without-pip", root, cwd=root)
    bin_folder = Path(sysconfig.get_path("scripts", "venv", {"base": str(root)}))
    packages = Path(sysconfig.get_path("purelib", "venv", {"base": str(root), "platbase": str(root)}))
    pip = [sys.executable, "-m", "pip", "--python", bin_folder / "python", "install", "--no-deps", "--no-index", wheel]
    _run(*pip, cwd=root)
    # Path files inside a folder named by a path file are not read, so an editable install stays out.
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    (packages / "sitecustomize.py").write_text(_NO_TORCH, encoding="utf-8")
    return bin_folder


def test_the_environment_sees_the_wheel_and_no_torch(environment: Path, tmp_path: Path) -> None:
    code = (
        "import routerkit, routerkit_graphs, routerkit_training\n"
        "print(routerkit.__file__)\n"
        "try:\n    import torch\nexcept ModuleNotFoundError:\n    print('no torch')\n"
    )
    place, torch = _run(environment / "python", "-c", code, cwd=tmp_path).stdout.splitlines()
    assert Path(place).is_relative_to(environment.parent)
    assert torch == "no torch"


def test_the_installed_wheel_routes_a_query(environment: Path, tmp_path: Path) -> None:
    found = _run(environment / "routerkit", "route", "What is 2+2?", cwd=tmp_path)
    decision = json.loads(found.stdout)
    assert found.stdout.startswith('{"category": "math", "confidence": 0.')
    assert (decision["route"], decision["reason"]) == ("math", "confident")
    assert found.stderr == ""


def test_what_needs_torch_says_what_to_install(environment: Path, tmp_path: Path) -> None:
    command = [environment / "routerkit", "route", "What is 2+2?", "--device", "cuda"]
    found = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert found.returncode == 1
    assert found.stderr.startswith("error: this needs torch, transformers, onnx, which is not installed")
    assert 'pip install "routerkit[local]"' in found.stderr


def test_the_wheel_holds_what_resolves_by_name_and_nothing_else(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    roots = {name.partition("/")[0] for name in names}
    version = wheel.name.split("-")[1]
    assert roots == {"routerkit", "routerkit_graphs", "routerkit_training", f"routerkit-{version}.dist-info"}
    assert {f"{root}/py.typed" for root in ("routerkit", "routerkit_graphs", "routerkit_training")} <= names
    assert {f"routerkit/configs/{name}.yaml" for name in ("offline", "laptop", "llama31")} <= names
    assert {"routerkit/starter/routerkit.json", "routerkit/starter/onnx/model_int8.onnx"} <= names
    assert any(name.startswith("routerkit_graphs/miniatures/general/") for name in names)
    assert {f"routerkit-{version}.dist-info/licenses/{name}" for name in ("LICENSE", "NOTICE")} <= names
