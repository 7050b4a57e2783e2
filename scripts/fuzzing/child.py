"""A process that fuzzes one reader with atheris.

`run.py` starts it. Its arguments are a folder, a reader, and what libFuzzer takes.

A failure is written down, and fuzzing goes on; an input that takes too long or too much memory ends the process.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import logging
import os
import random
import sys
import tempfile
import time
import warnings
from collections import Counter
from pathlib import Path

import atheris

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]

# The rooms that are traced: what parses files and reads voxels. What follows from moments is run and not traced.
_TRACED = ("sources", "preprocessing", "reading", "moments", "networks.checkpoints", "cli", "rules.baseline", "text")


def _modules() -> tuple[list[str], list[str]]:
    """Return the modules of bnstat that are traced, and the others."""
    package = ROOT / "bnstat"
    every = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in sorted(package.rglob("*.py"))]
    names = [name.removesuffix(".__init__") for name in every if not name.endswith("__main__")]
    rooms = tuple(f"bnstat.{room}" for room in _TRACED)
    traced = [name for name in names if any(name == room or name.startswith(f"{room}.") for room in rooms)]
    return traced, [name for name in names if name not in traced]


_INCLUDED, _EXCLUDED = _modules()
with atheris.instrument_imports(include=["bnstat", "nibabel"], exclude=_EXCLUDED):
    for module in _INCLUDED:  # now, since most are imported when they are used, and then would not be traced
        with contextlib.suppress(ImportError):  # the package of a format that is not installed
            importlib.import_module(module)
    from fuzzing.reader import MOST_SECONDS, Failure, failure_of
    from fuzzing.readers import READERS
    from fuzzing.state import State

# How often a process writes down what it has tried, in seconds.
_TOLD_EVERY = 2.0


def main() -> None:
    """Fuzz until libFuzzer is told to stop."""
    top, name = Path(sys.argv[1]), sys.argv[2]
    reader, state = READERS[name], State(top, name)
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    memory = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(prefix="bnstat-fuzz-", dir=memory if memory.is_dir() else None))
    os.environ["HOME"] = str(folder)  # no settings of this machine
    os.chdir(folder)
    for data in reader.seeds():
        state.add_seed(data)
    executions, told = 0, time.monotonic()
    failures: Counter[str] = Counter()
    inside = folder / "files"
    inside.mkdir()

    def one(data: bytes) -> None:
        nonlocal executions, told
        executions += 1
        begun = time.process_time()
        failure = failure_of(reader, data, inside)
        seconds = time.process_time() - begun
        if failure is None and seconds > MOST_SECONDS:
            failure = Failure("hang", f"{seconds:.0f} s", "")
        if failure is not None:
            failures[f"{failure.kind}: {failure.place}"] += 1
            if state.add_failure(failure, data):
                print(f"NEW {failure.kind} {failure.place}", file=sys.stderr, flush=True)
        if time.monotonic() - told > _TOLD_EVERY:
            told = time.monotonic()
            state.progress.write_text(json.dumps({"executions": executions, "failures": failures}), encoding="utf-8")

    def changed(data: bytes, most: int, seed: int) -> bytes:
        draw = random.Random(seed)
        if not data or draw.random() < 0.35:
            return bytes(atheris.Mutate(data, most))
        return reader.mutate(bytes(data), draw)[:most]

    limits = [f"-max_len={reader.most}", "-len_control=0"]
    atheris.Setup([sys.argv[0], *limits, *sys.argv[3:]], one, custom_mutator=changed)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
