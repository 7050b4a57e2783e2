"""Run the real layers and write what they gave: tests/conformance/recordings/ and docs/conformance.md.

    python scripts/conformance/run.py                     makes an environment for each framework, then runs all layers
    python scripts/conformance/run.py --python PATH       uses an interpreter that has the frameworks
    python scripts/conformance/run.py torch keras-jax     these recordings only
    python scripts/conformance/run.py --document          writes the document alone

After the layers on their cases it measures their arithmetic, tests/recordings/arithmetic-*.json: arithmetic.py beside
this file, whose parts are recordings here, as `arithmetic-emulated-torch`, and sweep.py, whose parts are held to
several instruction sets, as `sweep-keras-torch-avx2`. All sweeps take about an hour on two cores.

Each layer runs in a process of its own. It is run by an interpreter that has bnstat's `test` extra.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import venv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
RECORDINGS = ROOT / "tests" / "conformance" / "recordings"
ARITHMETIC = HERE / "arithmetic.py"
PREFIX = "arithmetic-"
SWEEP, SWEPT = HERE / "sweep.py", "sweep-"
# Parts that are measured where there is a GPU.
NEEDS_HARDWARE = ("torch-cuda",)


def run_module(python: str, *arguments: str) -> str:
    """Return the output of a module of tests/conformance, run by an interpreter."""
    paths = (str(ROOT / "tests"), str(ROOT))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    ran = subprocess.run([python, "-m", *arguments], env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return ran.stdout


def measure(python: str, part: str) -> None:
    """Have arithmetic.py write a recording, unless the hardware for it is missing."""
    subprocess.run([python, str(ARITHMETIC), "--only", part], check=part not in NEEDS_HARDWARE)


def sweep(python: str, name: str) -> None:
    """Have sweep.py write the recording of a part on an instruction set."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run([python, str(SWEEP), *listed(SWEEP)[name]["arguments"]], env=environment, check=True)


def listed(path: Path) -> dict[str, Any]:
    """Return what a script measures, by the names of its parts."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    ran = subprocess.run(
        [sys.executable, str(path), "--list"], env=environment, stdout=subprocess.PIPE, text=True, check=True
    )
    found: dict[str, Any] = json.loads(ran.stdout)
    return found


def make_environment(folder: Path, requirements: Path) -> str:
    """Make an environment with the packages that a file lists, and return its interpreter."""
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not python.exists():
        venv.create(folder, with_pip=True)
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", str(requirements)]
    subprocess.run(pip, check=True)
    return str(python)


def interpreters(needed: Sequence[str], given: str | None, folder: Path) -> dict[str, str]:
    """Return an interpreter for each environment: the one that was given, or a new one."""
    if given:
        return dict.fromkeys(needed, given)
    return {name: make_environment(folder / name, HERE / f"requirements-{name}.txt") for name in needed}


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Return what was asked for on the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("layers", nargs="*", help="names of recordings; all when left out")
    parser.add_argument("--python", help="an interpreter that has the frameworks, in place of new environments")
    parser.add_argument("--document", action="store_true", help="run no layer")
    parser.add_argument("--environments", type=Path, help="where to make environments, to keep them")
    return parser.parse_args(arguments)


def environments() -> dict[str, str]:
    """Return the environment that each recording needs."""
    layers: dict[str, str] = json.loads(run_module(sys.executable, "conformance.record", "--list"))
    parts = {PREFIX + part: needs for part, needs in listed(ARITHMETIC).items()}
    return layers | parts | {name: one["environment"] for name, one in listed(SWEEP).items()}


def record(python: str, name: str) -> None:
    """Run a layer, or measure a part of the arithmetic, and write its recording."""
    print(name, flush=True)
    if name.startswith(PREFIX):
        measure(python, name.removeprefix(PREFIX))
    elif name.startswith(SWEPT):
        sweep(python, name)
    else:
        text = run_module(python, "conformance.record", name)
        (RECORDINGS / f"{name}.json").write_text(text, encoding="utf-8")


def main() -> None:
    """Make the environments, write the recordings, and write the document."""
    asked = parse()
    known = environments()
    if unknown := set(asked.layers) - set(known):
        sys.exit(f"not known: {', '.join(sorted(unknown))}; choose from {', '.join(known)}")
    names = [] if asked.document else asked.layers or list(known)
    with tempfile.TemporaryDirectory() as temporary:
        needed = sorted({known[name] for name in names})
        pythons = interpreters(needed, asked.python, asked.environments or Path(temporary))
        for name in names:
            record(pythons[known[name]], name)
    document = run_module(sys.executable, "conformance.document")
    (ROOT / "docs" / "conformance.md").write_text(document, encoding="utf-8")


if __name__ == "__main__":
    main()
