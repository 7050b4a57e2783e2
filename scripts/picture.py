"""Draws docs/inspect.svg, the picture in README.md: the real output of one command, by rich's own export."""

from __future__ import annotations

import io
import sys
from pathlib import Path

from rich.console import Console

import bnstat
from bnstat.renderers.inspect.table import print_report

ROOT = Path(__file__).resolve().parents[1]
PICTURE = ROOT / "docs" / "inspect.svg"
VOLUME = "sample_data/mri_4channel.nii.gz"


def draw() -> str:
    """The SVG as text; equal for equal output."""
    console = Console(
        record=True,
        width=100,
        file=io.StringIO(),
        force_terminal=True,
        color_system="truecolor",
        highlight=False,
        markup=False,
        emoji=False,
    )
    print_report(bnstat.diagnose(VOLUME), console)
    return console.export_svg(title=f"bnstat inspect {VOLUME}", unique_id="bnstat")


if __name__ == "__main__":
    if Path.cwd() != ROOT:
        sys.exit("run this in the project's top folder, so that paths in the picture are as a reader would type them")
    PICTURE.write_text(draw(), encoding="utf-8")
