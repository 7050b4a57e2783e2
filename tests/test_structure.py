"""Who may import whom: the table in docs/architecture.md, held against the code."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import bnstat

PACKAGE = Path(__file__).parents[1] / "bnstat"
ARCHITECTURE = PACKAGE.parent / "docs" / "architecture.md"

# The only places that may import these packages.
OUTSIDERS = {
    "nibabel": ("sources/nifti.py",),
    "click": ("cli/",),
    "rich": ("renderers/", "cli/progress.py"),
    "matplotlib": ("renderers/compare/plot.py",),
    "isal": ("sources/streams.py",),
    "distributed": ("executors/cluster.py",),
    "fsspec": ("sources/remote.py",),
}


def modules():
    return sorted(PACKAGE.rglob("*.py"))


def imported(path):
    """Full names of what a module imports, also inside of functions, without what is for type checkers only."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    hidden = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and "TYPE_CHECKING" in ast.dump(block.test)
        for node in ast.walk(block)
    }
    for node in ast.walk(tree):
        if id(node) in hidden:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def family(module):
    """The row of the table that a module belongs to: `bnstat.rules.rule` to "rules"."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 and parts[0] == "bnstat" else None


def table():
    """The rows of the table: a family, and the families that it may import."""
    text = ARCHITECTURE.read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \|([^|\n]*)\|", text, re.MULTILINE)
    return {name: set(re.findall(r"`(\w+)`", allowed)) for name, allowed in rows}


def family_of(path):
    relative = path.relative_to(PACKAGE)
    return relative.parts[0].removesuffix(".py")


def families():
    """Every family there is: a folder, or a file at the top."""
    found = {family_of(path) for path in modules()}
    return found - {"__init__", "__main__"}


def test_the_table_has_a_row_for_every_family_and_no_other():
    assert set(table()) == families()


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_imports_what_the_table_allows(path):
    own = family_of(path)
    if own in ("__init__", "__main__"):
        return
    used = {family(name) for name in imported(path)} & families()
    assert used - {own} <= table()[own]


@pytest.mark.parametrize("package", OUTSIDERS)
def test_each_package_is_used_in_its_one_place(package):
    users = {
        str(path.relative_to(PACKAGE))
        for path in modules()
        if any(name == package or name.startswith(f"{package}.") for name in imported(path))
    }
    assert users
    assert all(user.startswith(OUTSIDERS[package]) for user in users), users


def test_the_library_neither_prints_nor_exits():
    for path in modules():
        if family_of(path) == "cli":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            assert not (isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("print", "exit")), path


def test_the_public_names_are_these():
    assert bnstat.__all__ == [
        *(
            "BnstatError",
            "Comparison",
            "InputError",
            "Moments",
            "OutputError",
            "Patching",
            "Preparation",
            "Reading",
            "Report",
            "UsageError",
        ),
        *("__version__", "collect", "compare", "compare_layers", "diagnose"),
    ]
    for name in bnstat.__all__:
        assert getattr(bnstat, name) is not None
    assert dir(bnstat) == sorted(bnstat.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = bnstat.nothing
