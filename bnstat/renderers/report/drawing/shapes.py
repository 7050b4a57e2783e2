"""Elements of SVG: texts, lines through points, and the shapes of dots."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from bnstat.renderers.report.drawing.lettering import shown
from bnstat.renderers.report.plots import Role

Place = tuple[float, float]

# The shape of the dots of each colour, so that series differ without it. Others are circles.
_SHAPES: dict[Role, str] = {
    "series-2": "square",
    "series-3": "triangle",
    "series-4": "diamond",
    "error": "diamond",
    "warning": "triangle",
}
# The dashes of lines of each colour: of one that is whole, and of one that is dashed.
_DASHES: dict[Role, tuple[str, str]] = {
    "series-2": ("9 3", "3 3"),
    "series-3": ("2 3", "1 5"),
    "series-4": ("9 3 2 3", "5 2 1 2"),
    "note": ("", "2 2"),
}
_WHOLE = ("", "5 4")


def written(content: str) -> str:
    """Return a text as it stands in SVG."""
    return escape(shown(content), quote=True)


def at(pixel: float) -> str:
    """Return a coordinate, rounded to a tenth of a pixel."""
    return _tenth(round(pixel * 10))


def title(content: str | None) -> str:
    """Return what is shown on hover; nothing without a text."""
    return f"<title>{written(content)}</title>" if content else ""


def label(place: Place, content: str, kind: str = "", anchor: str = "start") -> str:
    """Return a text at a place."""
    of_kind = f' class="{kind}"' if kind else ""
    to = "" if anchor == "start" else f' text-anchor="{anchor}"'
    return f'<text x="{at(place[0])}" y="{at(place[1])}"{of_kind}{to}>{written(content)}</text>'


def dashes(role: Role, *, dashed: bool, dots: bool) -> str:
    """Return the attribute for the dashes of a line. One with dots differs from others by their shape."""
    whole, broken = _DASHES.get(role, _WHOLE)
    pattern = broken if dashed else "" if dots else whole
    return f' stroke-dasharray="{pattern}"' if pattern else ""


def path(runs: Iterable[Sequence[Place]], *, steps: bool = False) -> str:
    """Return lines through points as one path, with coordinates relative to the one before, which are shorter."""
    return "".join(_run(run, steps=steps) for run in runs if run)


def _run(run: Sequence[Place], *, steps: bool) -> str:
    # whole tenths of a pixel, so that rounding does not add up from one point to the next
    tenths = [(round(x * 10), round(y * 10)) for x, y in run]
    x, y = tenths[0]
    parts = [f"M{_tenth(x)} {_tenth(y)}"]
    if len(tenths) == 1:
        return parts[0] + "h0"
    for index, (right, down) in enumerate(tenths[1:], start=1):
        across, along = right - x, down - y
        if steps:
            if along == 0 and index < len(tenths) - 1:
                continue  # one long step instead of many at one height
            parts.append(f"h{_tenth(across)}" + (f"v{_tenth(along)}" if along else ""))
        elif across or along:
            parts.append(f"l{_tenth(across)} {_tenth(along)}")
        x, y = right, down
    return "".join(parts).replace(" -", "-")


def _tenth(tenths: int) -> str:
    whole, rest = divmod(abs(tenths), 10)
    sign = "-" if tenths < 0 else ""
    return f"{sign}{whole}" if rest == 0 else f"{sign}{whole or ''}.{rest}"


def dot(place: Place, role: Role, radius: float = 4.0) -> str:
    """Return the path of a dot in the shape of its colour."""
    x, y = place
    shape = _SHAPES.get(role, "circle")
    r = radius
    if shape == "square":
        r *= 0.9
        return f"M{at(x - r)} {at(y - r)}h{at(2 * r)}v{at(2 * r)}h{at(-2 * r)}z"
    if shape == "triangle":
        r *= 1.15
        return f"M{at(x)} {at(y - r)}l{at(r)} {at(1.8 * r)}h{at(-2 * r)}z"
    if shape == "diamond":
        r *= 1.3
        return f"M{at(x)} {at(y - r)}l{at(r)} {at(r)}l{at(-r)} {at(r)}l{at(-r)} {at(-r)}z"
    return f"M{at(x - r)} {at(y)}a{at(r)} {at(r)} 0 1 0 {at(2 * r)} 0a{at(r)} {at(r)} 0 1 0 {at(-2 * r)} 0z"
