"""Runs the notebooks of `examples/` in fresh kernels.

`make notebooks` stores the outputs in them, and writes beside each a script of the same cells.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import nbformat
from nbclient import NotebookClient

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
NOTEBOOKS = sorted(EXAMPLES.glob("*.ipynb"))

TIMEOUT_S = 900
"""Longest wait for one cell; training takes minutes on a busy machine."""

_METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
_SCRIPT = """\
\"\"\"The cells of {name}.ipynb as a script: python {name}.py, in this folder. Pictures become files.\"\"\"

# Written by `make notebooks`. Editors that know cells can run them one by one.
"""
_CAPTURE = "%%capture\n"
"""Keeps the progress of training out of a notebook; a script shows it."""

_TAG = re.compile(r"<[^>]*>")
_ADDRESS = re.compile(r" at 0x[0-9a-f]{6,}")


def prepare(folder: Path) -> dict[str, str]:
    """Copy what the examples use into a folder; returns the environment to run them in."""
    for source in (*EXAMPLES.glob("*.jsonl"), EXAMPLES / "plots.py"):
        shutil.copy(source, folder)
    return {
        **os.environ,
        "HF_HUB_OFFLINE": "1",
        "LANGSMITH_TRACING": "false",
        "IPYTHONDIR": str(folder / ".ipython"),
        "PYTHONPATH": str(folder),
        # Said wherever ipywidgets is not installed, and about progress bars only.
        "PYTHONWARNINGS": "ignore:IProgress not found",
    }


def execute(path: Path, folder: Path) -> Any:
    """Run a notebook in `folder`, beside copies of the files that the examples use.

    Args:
        path: the notebook; it is not changed.
        folder: an empty one, where the notebook may write.

    Returns:
        the notebook with the outputs of this run.
    """
    environment = prepare(folder)
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook,
        timeout=TIMEOUT_S,
        kernel_name="python3",
        record_timing=False,
        coalesce_streams=True,  # how a kernel cuts its output into pieces differs from run to run
        resources={"metadata": {"path": str(folder)}},
    )
    return client.execute(env=environment)


def store(path: Path) -> None:
    """Run a notebook and keep its outputs in the file."""
    with TemporaryDirectory() as folder:
        notebook = execute(path, Path(folder))
    notebook.metadata = nbformat.from_dict(_METADATA)
    for cell in notebook.cells:
        cell.metadata = nbformat.from_dict({})
        for output in cell.get("outputs", []):
            if "metadata" in output:
                output.metadata = nbformat.from_dict({})
            if "text/plain" in output.get("data", {}):
                output.data["text/plain"] = _ADDRESS.sub("", output.data["text/plain"])
    nbformat.validate(notebook)
    nbformat.write(notebook, path)
    script_path(path).write_text(script_of(path), encoding="utf-8")


def script_path(notebook: Path) -> Path:
    """Where the script with a notebook's cells lies."""
    return notebook.with_suffix(".py")


def script_of(path: Path) -> str:
    """The cells of a notebook as a script, in the form with `# %%` between cells."""
    parts = [_SCRIPT.format(name=path.stem)]
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "code":
            parts.append(f"# %%\n{cell.source.removeprefix(_CAPTURE)}\n")
        else:
            lines = [f"# {line}".rstrip() for line in cell.source.splitlines()]
            parts.append("\n".join(["# %% [markdown]", *lines, ""]))
    return "\n".join(parts)


def text_of(output: Any) -> str:
    """Everything of an output that people read, pictures excluded."""
    data = output.get("data", {})
    shown = [value for kind, value in data.items() if kind.startswith("text/")]
    drawn = _TAG.sub(" ", data.get("image/svg+xml", ""))
    return "\n".join([output.get("text", ""), *shown, drawn])


def main() -> None:
    """Store the outputs of the notebooks named on the command line, or of all."""
    for path in [Path(name).resolve() for name in sys.argv[1:]] or NOTEBOOKS:
        print(path.name)  # noqa: T201
        store(path)


if __name__ == "__main__":
    main()
