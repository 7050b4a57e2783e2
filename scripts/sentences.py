"""Compare what random reports say with the values that they hold, for as many reports as it is told.

A report of each command is made from random data and settings, and one on the layers of a network from random figures.
Each number in its sentences and tables must be that of the JSON document, or follow from it; singular and plural must
fit; nothing may be said of parts that the layer does not have; and no line may break between a number and its unit.
Tests compare some of these reports (tests/reports).

    python scripts/sentences.py --number 5000             the reports 0 to 4999
    python scripts/sentences.py --number 1 --seed 17      report 17 again, which is printed
"""

from __future__ import annotations

import argparse
import sys
import traceback
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from random_networks import random_layers  # noqa: E402  (on the path that is set above)
from random_reports import random_report  # noqa: E402
from told import faults_of, faults_of_network  # noqa: E402


def main() -> int:
    """Compare the reports that are asked for, and return 1 if one is wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--number", type=int, default=100, help="reports to compare")
    parser.add_argument("--seed", type=int, default=0, help="the number of the first report")
    asked = parser.parse_args()
    counts: Counter[str] = Counter()
    wrong = 0
    for seed in range(asked.seed, asked.seed + asked.number):
        found = list(_faults(seed, counts, shown=asked.number == 1))
        wrong += bool(found)
        for fault in found:
            print(f"report {seed}: {fault}", flush=True)
    print("; ".join(f"{number:,} {what}" for what, number in counts.items()))
    print(f"{wrong:,} reports are wrong")
    return 1 if wrong else 0


def _faults(seed: int, counts: Counter[str], *, shown: bool) -> list[str]:
    """Return what is wrong with a report; an error on the way is wrong too."""
    try:
        report = random_report(seed)
        counts[report.command] += 1
        if shown:
            print(report.screen)
        network = random_layers(seed)
        if shown:
            print("\n\n".join(network.verdict))
        return [*faults_of(report, counts), *faults_of_network(network, counts)]
    except Exception:  # the others are still compared
        return [traceback.format_exc()]


if __name__ == "__main__":
    sys.exit(main())
