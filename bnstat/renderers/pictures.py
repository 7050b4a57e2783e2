"""Pictures as files. Here matplotlib is imported when a picture is drawn: it is slow to import and optional."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Endings of picture files, and the metadata that would differ from one day to the next.
ENDINGS: dict[str, dict[str, None]] = {"png": {}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}

# Colours of the palette of Okabe and Ito, which colour-blind readers can tell apart.
BLUE, VERMILION, GRAY = "#0072b2", "#d55e00", "#555555"

_STYLE = {
    "font.size": 11,
    "axes.titlesize": 11,
    "figure.titlesize": 12,
    "legend.fontsize": 10,
    "svg.hashsalt": "bnstat",
    "text.parse_math": False,  # names come from files, and $ in them is no formula
}


def picture(draw: Callable[[Figure], None], ending: str) -> bytes:
    """Return a picture as the content of a file.

    Args:
        draw: draws into a figure.
        ending: one of ENDINGS.

    Raises:
        ImportError: if matplotlib is not installed.
    """
    from matplotlib import style
    from matplotlib.figure import Figure

    file = BytesIO()
    with style.context(["default", _STYLE]):
        figure = Figure(layout="constrained")
        draw(figure)
        figure.savefig(file, format=ending, dpi=150, metadata=ENDINGS[ending])
    return file.getvalue()
