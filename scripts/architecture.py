"""Draw docs/architecture.svg: the rooms of the package in the order in which data flow, and which room imports which.

The rooms and their order are those of the contract in pyproject.toml, the sentences are the first of the rooms'
docstrings, and the arrows are the imports in the code. `python scripts/architecture.py`
"""

from __future__ import annotations

import ast
import tomllib
from itertools import chain
from pathlib import Path
from xml.sax.saxutils import escape

import grimp

ROOT = Path(__file__).resolve().parents[1]
PICTURE = ROOT / "docs" / "architecture.svg"
# What every room may import: drawn once, at the foot.
SHARED = ("text", "escapes", "writing", "errors", "redaction", "stopping", "version")
# Names to import in a training loop, which stand beside `cli` and hold no code of their own.
FACADES = ("torch", "keras")
ROW, TOP, LEFT, WIDTH, BOX = 52, 20, 250, 860, 40
# A colour of the line for each room that others import.
COLORS = (
    "#0b6e99",
    "#b35900",
    "#3a7d44",
    "#8e4585",
    "#a61c3c",
    "#5b5ea6",
    "#7a6a00",
    "#00787a",
    "#b03a8a",
    "#4d6b8a",
    "#2e4a1f",
)


def rooms() -> list[str]:
    """Return the rooms in the order in which data flow."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    layers = next(one for one in settings["tool"]["importlinter"]["contracts"] if one["type"] == "layers")["layers"]
    names = chain.from_iterable(layer.split(" : ") for layer in reversed(layers))
    return [name for name in names if name not in (*SHARED, *FACADES)]


def sentence(room: str) -> str:
    """Return the first sentence of a room's docstring."""
    tree = ast.parse((ROOT / "bnstat" / room / "__init__.py").read_text(encoding="utf-8"))
    return (ast.get_docstring(tree) or "").splitlines()[0].split(". ")[0].removesuffix(".")


def imports(names: list[str]) -> dict[str, list[str]]:
    """Return the rooms that each room imports, nearest first."""
    graph = grimp.build_graph("bnstat", cache_dir=None)
    found: dict[str, list[str]] = {}
    for importer in names:
        used = {
            imported.split(".")[1]
            for module in graph.modules
            if module == f"bnstat.{importer}" or module.startswith(f"bnstat.{importer}.")
            for imported in graph.find_modules_directly_imported_by(module)
            if imported.startswith("bnstat.")
        }
        found[importer] = [name for name in reversed(names) if name in used and name != importer]
    return found


def draw() -> str:
    """Return the picture as SVG; the text is equal for equal code."""
    names = rooms()
    used = imports(names)
    height = TOP + ROW * (len(names) + 1) + 10
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" '
        'font-size="13" role="img" aria-label="The rooms of bnstat and their imports">',
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
    ]
    for place, name in enumerate(names):
        parts += _arcs(place, names, used[name])
    for place, name in enumerate(names):
        parts += _room(place, name)
    y = TOP + ROW * len(names)
    parts.append(
        f'<text x="{LEFT}" y="{y + 25}" fill="#555">Lines on the left: a room imports from the rooms above it, never '
        f"from one below.</text></svg>"
    )
    return "\n".join(parts) + "\n"


def _room(place: int, name: str) -> list[str]:
    y = TOP + ROW * place
    return [
        f'<rect x="{LEFT}" y="{y}" width="{WIDTH - LEFT - 10}" height="{BOX}" rx="5" fill="#f4f6f8" stroke="#888"/>',
        f'<text x="{LEFT + 12}" y="{y + 17}" font-weight="bold" fill="#111">{escape(name)}</text>',
        f'<text x="{LEFT + 12}" y="{y + 33}" fill="#333">{escape(sentence(name))}</text>',
    ]


def _arcs(place: int, names: list[str], used: list[str]) -> list[str]:
    """Return an arc from a room to each room that it imports, in the colour of the latter."""
    start = TOP + ROW * place + BOX / 2 + 8
    arcs = []
    for name in used:
        above = names.index(name)
        end = TOP + ROW * above + BOX / 2 - 8 + 1.6 * (place - above)
        reach = LEFT - 14 - 21 * (place - above)
        color = COLORS[above % len(COLORS)]
        arcs.append(
            f'<path d="M {LEFT} {start:g} C {reach} {start:g}, {reach} {end:g}, {LEFT - 5} {end:g}" fill="none" '
            f'stroke="{color}" stroke-width="1.3" opacity="0.8"/>'
            f'<path d="M {LEFT - 7} {end - 3.5:g} L {LEFT} {end:g} L {LEFT - 7} {end + 3.5:g} z" fill="{color}"/>'
        )
    return arcs


if __name__ == "__main__":
    PICTURE.write_text(draw(), encoding="utf-8")
