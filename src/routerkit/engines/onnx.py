"""The default engine: ONNX Runtime on a CPU."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnxruntime

from routerkit.engines import Scores
from routerkit.errors import ArtefactError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_SILENT = 3  # log level: errors only


class OnnxEngine:
    """Runs an ONNX graph that routerkit exported.

    One thread by default: at one query a second thread wins little, and when anything else wants the cores its
    barriers multiply the slowest answers by five to forty.

    Args:
        path: the graph.
        name: see `Engine`.
        threads: threads inside one operator, at least 1.
    """

    def __init__(self, path: Path, *, name: str, threads: int = 1) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = _SILENT
        try:
            self._session = onnxruntime.InferenceSession(
                str(path),
                options,
                providers=["CPUExecutionProvider"],
                # On a CPU the fused kernel is three times slower than Add followed by LayerNormalization.
                disabled_optimizers=["SkipLayerNormFusion"],
            )
        except Exception as error:  # onnxruntime's errors share no base class but Exception
            raise ArtefactError(path, f"ONNX Runtime cannot load it ({error})") from error
        # The order of `Scores`; routers without an out-of-domain score have the first only.
        self._outputs = sorted(output.name for output in self._session.get_outputs())
        self.name = name

    def run(self, batch: Sequence[Sequence[int]]) -> Scores:
        """Compute scores; see `Engine.run`."""
        ids = np.array(batch, dtype=np.int64)
        return Scores(*self._session.run(self._outputs, {"input_ids": ids}))
