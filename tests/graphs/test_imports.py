"""What is loaded when: nothing heavy before the first answer of a local specialist."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

SCRIPT = """
import sys
heavy = {{"torch", "transformers", "langchain_huggingface", "langchain_openai"}}
from routerkit import build_graph
assert not heavy & set(sys.modules), "import: " + str(heavy & set(sys.modules))
from pathlib import Path
from routerkit.testing import fake_router
router = fake_router(Path({folder!r}), {{"sum": {{"math": 0.9, "general": 0.1}}}})
graph = build_graph(router=router)
graph.get_graph().draw_mermaid()
assert not heavy & set(sys.modules), "build_graph: " + str(heavy & set(sys.modules))
print("light")
"""


def test_building_a_graph_loads_neither_torch_nor_transformers(tmp_path: Path) -> None:
    script = SCRIPT.format(folder=str(tmp_path / "router"))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.stdout == "light\n", done.stderr
