"""Files as torch.save writes them, assembled byte by byte: also such as it would never write."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

STORAGES = {"<f4": "FloatStorage", "<f8": "DoubleStorage", "<f2": "HalfStorage", "<i8": "LongStorage"}


def text(value: str) -> bytes:
    """Return the instruction that puts a text on the stack."""
    held = value.encode("utf-8", "surrogatepass")
    return b"X" + struct.pack("<I", len(held)) + held


def number(value: int) -> bytes:
    """Return the instruction that puts a whole number on the stack."""
    held = value.to_bytes((value.bit_length() + 8) // 8, "little", signed=True)
    return b"\x8a" + bytes([len(held)]) + held


def name(module: str, attribute: str) -> bytes:
    """Return the instruction that puts a class or function on the stack."""
    return f"c{module}\n{attribute}\n".encode()


def parts(*values: bytes) -> bytes:
    """Return the instructions that make a tuple."""
    return b"(" + b"".join(values) + b"t"


def call(what: bytes, *arguments: bytes) -> bytes:
    """Return the instructions that call something."""
    return what + parts(*arguments) + b"R"


def mapping(values: Mapping[str, bytes]) -> bytes:
    """Return the instructions that make a mapping."""
    return b"}(" + b"".join(text(key) + value for key, value in values.items()) + b"u"


def tensor(
    key: str,
    shape: Sequence[int],
    *,
    strides: Sequence[int] | None = None,
    offset: int = 0,
    count: int | None = None,
    storage: str = "FloatStorage",
) -> bytes:
    """Return the instructions that make a tensor of a storage."""
    steps = [int(np.prod(shape[axis + 1 :])) for axis in range(len(shape))] if strides is None else strides
    size = int(np.prod(shape)) if count is None else count
    held = parts(text("storage"), name("torch", storage), text(key), text("cpu"), number(size)) + b"Q"
    sizes, hooks = parts(*map(number, shape)), call(name("collections", "OrderedDict"))
    return call(
        name("torch._utils", "_rebuild_tensor_v2"),
        held,
        number(offset),
        sizes,
        parts(*map(number, steps)),
        b"\x89",
        hooks,
    )


def pickled(instructions: bytes) -> bytes:
    """Return a pickle of protocol 2."""
    return b"\x80\x02" + instructions + b"."


def archive(description: bytes, storages: Mapping[str, bytes] | None = None, *, packed: bool = False) -> bytes:
    """Return an archive of a description and storages."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED) as members:
        members.writestr("file/data.pkl", description)
        members.writestr("file/byteorder", "little")
        for key, held in (storages or {}).items():
            members.writestr(f"file/data/{key}", held)
    return file.getvalue()


def state_dict(values: Mapping[str, NDArray[Any]]) -> bytes:
    """Return an archive of arrays, as `torch.save` writes a state dict."""
    described, storages = {}, {}
    for place, (path, array) in enumerate(values.items()):
        described[path] = tensor(str(place), array.shape, storage=STORAGES[array.dtype.str])
        storages[str(place)] = array.tobytes()
    return archive(pickled(mapping(described)), storages)


def batch_norm(channels: int = 4, seed: int = 0) -> dict[str, NDArray[Any]]:
    """Return the tensors of a batch norm."""
    draw = np.random.default_rng(seed)
    floats = {part: draw.normal(size=channels).astype("f4") for part in ("weight", "bias", "running_mean")}
    variance = draw.uniform(0.5, 2, channels).astype("f4")
    return {**floats, "running_var": variance, "num_batches_tracked": np.array(7, "i8")}


def written(path: Path, held: bytes) -> str:
    """Write a file; return its path."""
    path.write_bytes(held)
    return str(path)
