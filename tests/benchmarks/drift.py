"""How often drift alarms for nothing, and how soon for something: `python tests/benchmarks/drift.py`.

The tables of docs/observing.md, on made-up traffic. Seeds are fixed: the same command prints the same figures.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np

from tests.core.drift.traffic import SHIFTS, alarm_rate, delays

WINDOWS = (50, 100, 200, 500)


def rates(rounds: int) -> list[str]:
    """Share of windows that alarm, as rows of a table."""
    lines = [f"| window | {' | '.join(SHIFTS)} |", f"| ---: |{' ---: |' * len(SHIFTS)}"]
    for window in WINDOWS:
        cells = [f"{alarm_rate(traffic, window, rounds):.3f}" for traffic in SHIFTS.values()]
        lines.append(f"| {window} | {' | '.join(cells)} |")
    return lines


def delay_rows(rounds: int, window: int = 200) -> list[str]:
    """Decisions until the first alarm, as rows of a table."""
    lines = ["| shift | half are found after | 95 in 100 after |", "| --- | ---: | ---: |"]
    for name, traffic in list(SHIFTS.items())[1:]:
        found = np.sort(delays(traffic, window, rounds))
        half, most = (int(found[int(np.ceil(share * rounds)) - 1]) for share in (0.5, 0.95))
        lines.append(f"| {name} | {half} | {most} |")
    return lines


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=1_000, help="simulated windows for each figure")
    rounds = parser.parse_args().rounds
    print("\n".join([*rates(rounds), "", *delay_rows(rounds)]))


if __name__ == "__main__":
    main()
