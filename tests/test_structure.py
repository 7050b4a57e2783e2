"""The layout of the package: its rooms, who may import whom, and its public names."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import architecture
import pytest

import bnstat

PACKAGE = Path(__file__).parents[1] / "bnstat"


ROOMS = (
    *("sources", "moments", "preprocessing", "reading", "layers", "batch_size"),
    *("networks", "reports", "rules", "workflows", "renderers", "cli"),
)
FILES = (
    *("__init__.py", "__main__.py", "errors.py", "escapes.py", "keras.py", "py.typed", "redaction.py", "stopping.py"),
    *("text.py", "torch.py", "version.py", "writing.py"),
)


def modules():
    return sorted(PACKAGE.rglob("*.py"))


def test_the_house_has_these_rooms_and_no_sheds():
    found = {path.name for path in PACKAGE.iterdir() if path.name != "__pycache__"}
    assert found == {*ROOMS, *FILES}


def test_imports_go_down_the_flow_of_data(tmp_path):
    """The contracts in pyproject.toml: the order of the rooms, no circles, each outside package in its one place."""
    linter = Path(sys.executable).parent / "lint-imports"
    command = [linter, "--no-logo", "--cache-dir", tmp_path / "cache", "--config", PACKAGE.parent / "pyproject.toml"]
    found = subprocess.run(command, cwd=PACKAGE.parent, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout + found.stderr


def test_the_library_neither_prints_nor_exits():
    for path in modules():
        if path.is_relative_to(PACKAGE / "cli"):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            assert not (isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("print", "exit")), path


def test_the_public_names_are_these():
    assert bnstat.__all__ == [
        *(
            "BnstatError",
            "Check",
            "CheckpointComparison",
            "CheckpointReport",
            "Comparison",
            "Explanations",
            "InputError",
            "LayerComparison",
            "Layers",
            "Limits",
            "Moments",
            "OutputError",
            "Override",
            "Patching",
            "Plan",
            "Preparation",
            "Progress",
            "Reading",
            "Report",
            "ReportPage",
            "Scan",
            "UsageError",
        ),
        *("__version__", "audit_checkpoint", "check", "collect", "compare", "compare_checkpoints", "compare_layers"),
        *("diagnose", "explain", "measure_layers", "plan", "report"),
    ]
    for name in bnstat.__all__:
        assert getattr(bnstat, name) is not None
    assert dir(bnstat) == sorted(bnstat.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = bnstat.nothing


def test_the_picture_of_the_rooms_is_that_of_the_code():
    assert architecture.PICTURE.read_text(encoding="utf-8") == architecture.draw()  # `python scripts/architecture.py`


def test_no_module_and_no_function_is_long():
    modules_over = {path.name for path in modules() if len(path.read_text(encoding="utf-8").splitlines()) > 400}
    functions = (
        (node.end_lineno - node.lineno + 1, f"{path.name}: {node.name}")
        for path in modules()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef)
    )
    assert modules_over == set()
    assert {name for lines, name in functions if lines > 60} == set()


def test_exceptions_from_the_linters_are_few():
    found = [line for path in modules() for line in path.read_text(encoding="utf-8").splitlines()]
    assert sum("# noqa" in line or "# type: ignore" in line for line in found) < 60
