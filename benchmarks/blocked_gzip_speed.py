"""Measure how fast threads inflate blocked gzip, against isal's reader of the same file.

    python benchmarks/blocked_gzip_speed.py

Both read in turns, each in a process of its own. A ratio below 1 is faster; on a machine whose other cores are busy it
means little.
"""

from __future__ import annotations

import os
import resource
import struct
import subprocess
import sys
import tempfile
import zlib
from pathlib import Path
from statistics import median
from time import perf_counter

ROUNDS = 9
# With four idle cores; with fewer, the usual reader reads and the ratio is 1.
LIMIT = 0.7
MEMBER, MEMBERS = 65_280, 2_500

SERIAL = """
import sys
from isal import igzip
buffer = memoryview(bytearray(1 << 20))
with igzip.open(sys.argv[1], "rb") as stream:
    while stream.readinto(buffer):
        pass
"""
THREADS = """
import sys
from bnstat.sources.streams import open_gzip
buffer = memoryview(bytearray(1 << 20))
with open_gzip(sys.argv[1]) as stream:
    while stream.readinto(buffer):
        pass
"""
# What both need before they read.
IMPORTS = {"isal": "from isal import igzip", "threads": "from bnstat.sources.streams import open_gzip"}


def write(path: Path) -> None:
    """Write noise of eight bits in members as bgzip makes them."""
    import numpy as np  # noqa: PLC0415

    draw = np.random.default_rng(0)
    with path.open("wb") as file:
        for _ in range(MEMBERS):
            data = draw.normal(0, 20, MEMBER // 2).astype("<i2").tobytes()
            packer = zlib.compressobj(1, zlib.DEFLATED, -15)
            deflated = packer.compress(data) + packer.flush()
            size = 18 + len(deflated) + 8 - 1
            start = b"\x1f\x8b\x08\x04" + bytes(6) + struct.pack("<H2sHH", 6, b"BC", 2, size)
            file.write(start + deflated + struct.pack("<II", zlib.crc32(data), len(data)))


def timed(code: str, *args: object) -> tuple[float, float]:
    """Run a program; return its seconds, and those of all cores."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), perf_counter()
    subprocess.run([sys.executable, "-c", code, *map(str, args)], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return perf_counter() - start, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Measure, and print a line for the clock and one for the cores."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "blocked.gz"
        write(file)
        each = [
            [timed(SERIAL, file), timed(IMPORTS["isal"]), timed(THREADS, file), timed(IMPORTS["threads"])]
            for _ in range(ROUNDS)
        ]
    for place, what in enumerate(("time", "work of all cores")):
        ratios = [
            (own[place] - own_start[place]) / (isal[place] - start[place]) for isal, start, own, own_start in each
        ]
        print(f"{what}: threads / isal {median(ratios):.2f} (limit of the time: {LIMIT}, {os.cpu_count()} cores)")


if __name__ == "__main__":
    main()
