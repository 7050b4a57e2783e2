"""What the readers of volumes share: files in a folder, and the moments of what is read from them."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from bnstat.layers.settings import Settings
from bnstat.moments.moments import Moments
from bnstat.preprocessing.settings import Patching, Preparation
from bnstat.reading.settings import FILES_AS_THEY_ARE, Reading
from bnstat.reading.table import read_table
from bnstat.workflows.failures import failures_of, require_some
from bnstat.workflows.inspect import report_of

# Ways to read a volume, by the number behind its form: mostly as it is, which alone is compared with the reference.
_WAYS: Sequence[Reading] = (
    *[FILES_AS_THEY_ARE] * 5,
    Reading(preparation=Preparation(intensity="zscore")),
    Reading(preparation=Preparation(mask="nonzero", intensity="clip:p5,p95|minmax")),
    Reading(preparation=Preparation(patches=Patching((2, 2, 2), number=2, per_volume=1, pad="zero"))),
)
WAYS = len(_WAYS)


def seldom(data: bytes) -> bool:
    """Return True for a fourth of all inputs, always for the same ones."""
    return zlib.crc32(data) % 4 == 0


def written(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write files into a folder, in which nothing else remains of the input before."""
    for old in folder.iterdir():
        if old.is_file():
            old.unlink()
    for name, data in files.items():
        (folder / name).write_bytes(data)


def moments_of(path: Path, way: int = 0, *, report: bool = True) -> list[Moments] | None:
    """Read a file as `bnstat inspect` does, and return the moments of its samples.

    None if the values were changed on the way, so that they cannot be compared with the stored ones.

    Args:
        path: the file.
        way: the number of the preprocessing.
        report: True to make the report too, which takes as long as reading.

    Raises:
        BnstatError: if the file is refused.
    """
    reading = _WAYS[way % WAYS]
    settings = Settings.of()
    table = read_table(str(path), settings.axis, settings.batch_axis, reading, None, lambda _: None)
    if not table.rows:
        require_some((), failures_of(table.failures))
    if report:
        report_of(table, settings)
    return [row.moments for row in table.rows] if reading is FILES_AS_THEY_ARE else None
