"""Runs the real layers and writes what they gave: tests/conformance/recordings/ and docs/conformance.md.

    python scripts/conformance/run.py                     makes an environment for each framework, then runs all layers
    python scripts/conformance/run.py --python PATH       uses an interpreter that has the frameworks
    python scripts/conformance/run.py torch keras-jax     these layers only

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

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
RECORDINGS = ROOT / "tests" / "conformance" / "recordings"


def run_module(python: str, *arguments: str) -> str:
    """What a module of tests/conformance prints, run by an interpreter."""
    paths = (str(ROOT / "tests"), str(ROOT))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    ran = subprocess.run([python, "-m", *arguments], env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return ran.stdout


def make_environment(folder: Path, requirements: Path) -> str:
    """An environment with what a file asks for; gives its interpreter."""
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not python.exists():
        venv.create(folder, with_pip=True)
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", str(requirements)]
    subprocess.run(pip, check=True)
    return str(python)


def interpreters(needed: Sequence[str], given: str | None, folder: Path) -> dict[str, str]:
    """An interpreter for each environment: the one that was given, or a new one."""
    if given:
        return dict.fromkeys(needed, given)
    return {name: make_environment(folder / name, HERE / f"requirements-{name}.txt") for name in needed}


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """What was asked for on the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("layers", nargs="*", help="names of recordings; all when left out")
    parser.add_argument("--python", help="an interpreter that has the frameworks, in place of new environments")
    parser.add_argument("--environments", type=Path, help="where to make environments, to keep them")
    return parser.parse_args(arguments)


def main() -> None:
    """Environments, recordings, document."""
    asked = parse()
    environments: dict[str, str] = json.loads(run_module(sys.executable, "conformance.record", "--list"))
    if unknown := set(asked.layers) - set(environments):
        sys.exit(f"not known: {', '.join(sorted(unknown))}; choose from {', '.join(environments)}")
    layers = asked.layers or list(environments)
    with tempfile.TemporaryDirectory() as temporary:
        needed = sorted({environments[layer] for layer in layers})
        pythons = interpreters(needed, asked.python, asked.environments or Path(temporary))
        for layer in layers:
            print(layer, flush=True)
            text = run_module(pythons[environments[layer]], "conformance.record", layer)
            (RECORDINGS / f"{layer}.json").write_text(text, encoding="utf-8")
    document = run_module(sys.executable, "conformance.document")
    (ROOT / "docs" / "conformance.md").write_text(document, encoding="utf-8")


if __name__ == "__main__":
    main()
