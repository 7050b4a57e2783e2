"""Measure how long `read_checkpoint` takes for 200 MB of weights, against reading the same file.

Both run in turns in one process, on a file of each format that the script makes. README.md beside this file says what
the numbers mean.
"""

from __future__ import annotations

import argparse
import io
import json
import struct
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnstat.networks.checkpoints.opening import read_checkpoint

BLOCKS, CHANNELS = 100, 140
_PIECE = 1 << 20


def weights() -> dict[str, NDArray[Any]]:
    """Return the tensors of a network of about 200 MB: 100 blocks of a convolution and a batch norm."""
    draw = np.random.default_rng(0)
    found: dict[str, NDArray[Any]] = {}
    for block in range(BLOCKS):
        found[f"blocks.{block}.conv.weight"] = draw.normal(size=(CHANNELS, CHANNELS, 27)).astype(np.float32)
        for part in ("weight", "bias", "running_mean", "running_var"):
            found[f"blocks.{block}.norm.{part}"] = draw.uniform(0.5, 1.5, CHANNELS).astype(np.float32)
    return found


def safetensors(path: Path, tensors: dict[str, NDArray[Any]]) -> None:
    """Write a file of safetensors."""
    header, place = {}, 0
    for name, values in tensors.items():
        end = place + values.nbytes
        header[name] = {"dtype": "F32", "shape": values.shape, "data_offsets": [place, end]}
        place = end
    described = json.dumps(header).encode()
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(described)) + described)
        for values in tensors.values():
            file.write(values.tobytes())


def keras(path: Path, tensors: dict[str, NDArray[Any]]) -> None:
    """Write a `.keras` file, with the variables of layers as Keras orders them."""
    import h5py  # noqa: PLC0415  (an extra)

    held = io.BytesIO()
    with h5py.File(held, "w") as file:
        for name, values in tensors.items():
            _, block, layer, part = name.split(".")
            kind, place = ("conv3d", 0) if layer == "conv" else ("batch_normalization", PARTS.index(part))
            group = file.require_group(f"layers/{kind}_{block}/vars")
            group.attrs["name"] = f"{kind}_{block}"
            group[str(place)] = values
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", "{}")
        archive.writestr("model.weights.h5", held.getvalue())


PARTS = ("weight", "bias", "running_mean", "running_var")


def written(folder: Path) -> Iterator[tuple[str, Path]]:
    """Write one file of each format, and yield its title and path."""
    tensors = weights()
    np.savez(folder / "a.npz", **tensors)  # type: ignore[arg-type]  # names are data here
    yield "numpy", folder / "a.npz"
    safetensors(folder / "a.safetensors", tensors)
    yield "safetensors", folder / "a.safetensors"
    try:
        keras(folder / "a.keras", tensors)
        yield "Keras", folder / "a.keras"
    except ImportError:
        print("skipped Keras, since h5py is not installed")
    try:
        import torch  # noqa: PLC0415  (an extra)
    except ImportError:
        print("skipped PyTorch, which is not installed")
        return
    state = {name: torch.from_numpy(values) for name, values in tensors.items()}
    torch.save(state, folder / "a.pt")
    yield "PyTorch", folder / "a.pt"
    torch.save(state, folder / "b.pt", _use_new_zipfile_serialization=False)
    yield "PyTorch before 1.6", folder / "b.pt"


def read(path: Path) -> None:
    """Read a file into one buffer again and again."""
    buffer = memoryview(bytearray(_PIECE))
    with path.open("rb", buffering=0) as file:
        while file.readinto(buffer):
            pass


def audit(path: Path) -> None:
    """Read the normalization layers of a file."""
    assert len(read_checkpoint(str(path)).normalizations) == BLOCKS


def seconds(function: Callable[[Path], None], path: Path) -> float:
    """Return the processor time of a function, with that of the system."""
    start = time.process_time()
    function(path)
    return time.process_time() - start


def main() -> None:
    """Run both in turns, and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=9, help="turns of each (9)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for title, path in written(Path(folder)):
            audit(path)
            taken = [[seconds(function, path) for function in (audit, read)] for _ in range(options.runs)]
            audited, plain = (median(turn[place] for turn in taken) for place in (0, 1))
            size = path.stat().st_size / 1e6
            print(
                f"{title}, {size:.0f} MB: {audited * 1e3:.0f} ms, reading the file {plain * 1e3:.0f} ms, "
                f"ratio {audited / plain:.2f}"
            )


if __name__ == "__main__":
    main()
