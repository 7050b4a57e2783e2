"""Files of weights: safetensors, PyTorch's zip archives and older pickles, archives of numpy, ONNX."""

from __future__ import annotations

import io
import json
import random
import zipfile
from collections.abc import Iterator
from pathlib import Path

from bnstat.workflows.checkpoint import audit_checkpoint
from fuzzing.mutation import json_changed, with_bytes
from fuzzing.reader import Reader

_WRITTEN = Path(__file__).resolve().parents[3] / "tests" / "networks" / "checkpoints" / "written"
# HDF5 is read by its own library, and is left to the tests of it.
_ENDINGS = (".pt", ".ckpt", ".pt2", ".npz", ".safetensors", ".onnx")
# Opcodes of pickles, and arguments that they have.
_OPCODES = tuple(
    bytes([one]) for one in b".(0122FIJKLMNPQRSTUVXZaabcdeghijklopqrstu)]}\x80\x85\x86\x87\x88\x89\x8a\x8c\x94\x95"
)


def _attempt(data: bytes, folder: Path) -> None:
    """Read the layers of a file, and judge them."""
    path = folder / "a.pt"
    path.write_bytes(data)
    audit_checkpoint(str(path))


def _mutate(data: bytes, rng: random.Random) -> bytes:
    if data[:2] == b"PK" and rng.random() < 0.8:
        return _member_changed(data, rng)
    size = int.from_bytes(data[:8], "little")
    if data[8:9] == b"{" and size < len(data) and rng.random() < 0.8:
        header = json_changed(data[8 : 8 + size], rng)
        return len(header).to_bytes(8, "little") + header + data[8 + size :]
    return _pickle_changed(data, rng) if rng.random() < 0.5 else with_bytes(data, rng)


def _member_changed(data: bytes, rng: random.Random) -> bytes:
    """Return an archive in which one member has other bytes, another name or is gone; checksums are right."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = [(info, archive.read(info)) for info in archive.infolist()]
    except Exception:
        return with_bytes(data, rng)
    if not members:
        return with_bytes(data, rng)
    small = [place for place, (_, held) in enumerate(members) if len(held) < 20_000]
    place = rng.choice(small or [0])
    info, held = members[place]
    way = rng.random()
    if way < 0.05:
        del members[place]
    elif way < 0.1:
        renamed = zipfile.ZipInfo(info.filename + rng.choice(("x", "/", ".npy", "\\", "/../x")))
        members[place] = (renamed, held)
    elif way < 0.13:
        members.append(members[place])
    elif info.filename.endswith(("pkl", "data/0", "version", "byteorder")) and way < 0.8:
        members[place] = (info, _pickle_changed(held, rng))
    elif held[:1] == b"{":
        members[place] = (info, json_changed(held, rng))
    else:
        members[place] = (info, with_bytes(held, rng))
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for info, held in members:
            info.compress_type = zipfile.ZIP_STORED
            archive.writestr(info, held)
    return made.getvalue()


def _pickle_changed(data: bytes, rng: random.Random) -> bytes:
    """Return a pickle with another opcode, argument or string somewhere."""
    if not data:
        return data
    place = rng.randrange(len(data))
    way = rng.randrange(4)
    if way == 0:
        return data[:place] + rng.choice(_OPCODES) + data[place + 1 :]
    if way == 1:
        return data[:place] + rng.choice(_OPCODES) + data[place:]
    if way == 2:
        other, run = rng.randrange(len(data)), rng.randrange(1, 40)
        return data[:place] + data[other : other + run] + data[place:]
    return with_bytes(data, rng)


def _seeds() -> Iterator[bytes]:
    """Yield the checkpoints of the tests."""
    for path in sorted(_WRITTEN.iterdir()):
        if path.suffix in _ENDINGS:
            yield path.read_bytes()
    header = json.dumps(
        {
            f"bn.{name}": {"dtype": "F32", "shape": [2], "data_offsets": [8 * place, 8 * place + 8]}
            for place, name in enumerate(("weight", "bias", "running_mean", "running_var"))
        }
    ).encode()
    yield len(header).to_bytes(8, "little") + header + bytes(range(32))


READER = Reader(
    "checkpoints",
    _seeds,
    _attempt,
    _mutate,
    most=32768,
)
