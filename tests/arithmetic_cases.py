"""The cases and recordings of scripts/conformance/arithmetic.py, for tests that need no framework."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

RECORDINGS = Path(__file__).parent / "recordings"
SCRIPT = Path(__file__).parents[1] / "scripts" / "conformance" / "arithmetic.py"


def script():
    """Return the script as a module. It makes cases from seeds, and imports frameworks only to measure."""
    name = "conformance_arithmetic"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, SCRIPT)
        sys.modules[name] = module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return sys.modules[name]


def recorded(kind):
    """Return the rows of all recordings of a kind under the name of the layer, such as "torch-layer welford first"."""
    found = {}
    for path in sorted(RECORDINGS.glob(f"arithmetic-{kind}-*.json")):
        content = json.loads(path.read_text(encoding="utf-8"))
        found.update(content["rows"])
    return found
