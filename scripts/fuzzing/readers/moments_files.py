"""Moments files: lines that `bnstat scan` wrote, or did not."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from bnstat.preprocessing.settings import Patching, Preparation
from bnstat.reading.moments_file import read_moments
from bnstat.reading.moments_line import line_of, parse
from bnstat.reading.settings import Reading
from bnstat.workflows.check import check
from bnstat.workflows.inspect import diagnose
from bnstat.workflows.scan import collect
from fuzzing.mutation import json_changed, with_bytes
from fuzzing.reader import Reader, WrongNumberError


def _attempt(data: bytes, folder: Path) -> None:
    """Read a file, require that writing its lines and reading them again gives the same lines, and answer."""
    path = folder / "m.jsonl"
    path.write_bytes(data)
    lines = [line_of(line) for line in read_moments(str(path)).lines]
    if [line_of(parse(line.encode())) for line in lines] != lines:
        raise WrongNumberError("a line that is written and read again is another line")
    diagnose(str(path))
    check(str(path), batch_size=2, framework="torch")


def _mutate(data: bytes, rng: random.Random) -> bytes:
    lines = data.split(b"\n")
    place = rng.randrange(len(lines))
    way = rng.random()
    if way < 0.1:
        return with_bytes(data, rng)
    if way < 0.2:
        lines.insert(rng.randrange(len(lines)), lines[place])
    elif way < 0.25:
        del lines[place]
    else:
        lines[place] = json_changed(lines[place], rng)
    return b"\n".join(lines)


def _seeds() -> Iterator[bytes]:
    """Yield what `scan` writes of arrays, as they are and preprocessed."""
    rng = np.random.default_rng(3)
    readings = (
        Reading(),
        Reading(preparation=Preparation(intensity="clip:0,40|zscore", mask="nonzero")),
        Reading(preparation=Preparation(patches=Patching((2, 2, 2), number=2, per_volume=1))),
    )
    for kind in ("u1", "i2", "f4", "f8", "u8"):
        for reading in readings:
            with tempfile.TemporaryDirectory() as folder:
                source, target = Path(folder, "a.npy"), Path(folder, "m.jsonl")
                values = rng.integers(0, 60, (2, 4, 3, 3, 2)).astype(kind)
                if kind[0] == "f":
                    values[0, 0, 0, 0] = np.nan, np.inf
                np.save(source, values)
                collect(str(source), str(target), reading=reading)
                yield target.read_bytes().replace(folder.encode(), b"/data")


READER = Reader("moments", _seeds, _attempt, _mutate, most=16384)
