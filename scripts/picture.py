"""Draw the pictures in README.md: real outputs of commands, by rich's own export. `python scripts/picture.py`."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

import bnstat
from bnstat.renderers.compare_batch_sizes.table import print_comparison
from bnstat.renderers.inspect.table import print_report
from bnstat.renderers.screen import Screen

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
# The columns of a usual terminal, so that a reader sees the same.
WIDTH = 80
VOLUME, COHORT = "sample_data/mri_4channel.nii.gz", "sample_data/cohort"


def _inspect(screen: Screen) -> None:
    print_report(bnstat.diagnose(VOLUME), screen)


def _compare(screen: Screen) -> None:
    print_comparison(bnstat.compare(COHORT), screen)


# Each picture, the command that it is of, and what prints that.
PICTURES: dict[str, tuple[str, Callable[[Screen], None]]] = {
    "inspect.svg": (f"bnstat inspect {VOLUME}", _inspect),
    "compare.svg": (f"bnstat compare {COHORT}", _compare),
}


def draw(name: str) -> str:
    """Return a picture as SVG; the text is equal for equal output."""
    title, show = PICTURES[name]
    console = Console(
        record=True,
        width=WIDTH,
        file=io.StringIO(),
        force_terminal=True,
        color_system="truecolor",
        highlight=False,
        markup=False,
        emoji=False,
    )
    show(Screen(console))
    return console.export_svg(title=title, unique_id="bnstat")


if __name__ == "__main__":
    if Path.cwd() != ROOT:
        sys.exit("run this in the project's top folder, so that paths in the pictures are as a reader would type them")
    for name in PICTURES:
        (DOCS / name).write_text(draw(name), encoding="utf-8")
