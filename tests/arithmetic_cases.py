"""The cases and recordings of scripts/conformance/, for tests that need no framework."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

RECORDINGS = Path(__file__).parent / "recordings"
SCRIPTS = Path(__file__).parents[1] / "scripts" / "conformance"


def script(name="arithmetic"):
    """Return a script as a module. It makes cases from seeds, and imports frameworks only to measure."""
    if name != "arithmetic":
        script()  # which the others import
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, SCRIPTS / f"{name}.py")
        sys.modules[name] = module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return sys.modules[name]


def swept():
    """Return the recordings of scripts/conformance/sweep.py, each of one part on one instruction set."""
    paths = sorted(RECORDINGS.glob("arithmetic-sweep-*.json"))
    return {path.stem.removeprefix("arithmetic-sweep-"): json.loads(path.read_text(encoding="utf-8")) for path in paths}


def recorded(kind):
    """Return the rows of all recordings of a kind under the name of the layer, such as "torch-layer welford first"."""
    found = {}
    for path in sorted(RECORDINGS.glob(f"arithmetic-{kind}-*.json")):
        content = json.loads(path.read_text(encoding="utf-8"))
        found.update(content["rows"])
    return found
