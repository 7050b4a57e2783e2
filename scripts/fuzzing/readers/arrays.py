"""Arrays of numpy: `.npy`, and `.npz` with one or several members, stored or deflated."""

from __future__ import annotations

import io
import random
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from fuzzing.expected import compare
from fuzzing.mutation import with_bytes
from fuzzing.reader import Reader
from fuzzing.readers.volumes import WAYS, moments_of, seldom, written

_FORMS = ("npy", "npz", "deflated", "raw.npz")
_WORDS = (
    *("0", "1", "2", "3", "-1", "True", "False", "None", "()", "(2,)", "1.5", "1e9", "2**40", "1099511627776"),
    *("9223372036854775807", "18446744073709551616", "'<i8'", "'|O'", "'<M8[s]'", "'<c8'", "'>f2'", "'<f16'", "'|S4'"),
    *("'|b1'", "[('a', '<f4')]", "'<U3'", "'|V2'", "{}", "[]", "(" * 50, "-" * 200, "1L", "0x10", "'<f4\\x00'"),
)


def _attempt(data: bytes, folder: Path) -> None:
    """Read an input, and compare what is answered with the numbers that numpy loads."""
    if not data:
        return
    form, way = _FORMS[data[0] % len(_FORMS)], data[0] // len(_FORMS) % WAYS
    name = "a.npy" if form == "npy" else "a.npz"
    written(folder, {name: _packed(form, data[1:])})
    rows = moments_of(folder / name, way, report=seldom(data))
    if rows is None:
        return
    try:
        loaded = np.load(folder / name, allow_pickle=False)
        stored = loaded if form == "npy" else loaded[loaded.files[0]]
    except Exception:
        return
    if stored.dtype.itemsize <= 8:
        compare(rows, stored)


def _packed(form: str, data: bytes) -> bytes:
    if form in ("npy", "raw.npz"):
        return data
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED if form == "deflated" else zipfile.ZIP_STORED) as archive:
        archive.writestr("x.npy", data)
    return made.getvalue()


def _mutate(data: bytes, rng: random.Random) -> bytes:
    if len(data) < 2:
        return data
    first, rest = data[0], data[1:]
    if rng.random() < 0.1:
        return bytes([rng.randrange(len(_FORMS) * WAYS)]) + rest
    end = rest.find(b"\n")
    if _FORMS[first % len(_FORMS)] == "raw.npz" or end < 10 or rng.random() < 0.2:
        return bytes([first]) + with_bytes(rest, rng)
    return bytes([first]) + _with_word(rest[10:end].decode("latin-1"), rng) + rest[end + 1 :]


def _with_word(text: str, rng: random.Random) -> bytes:
    """Return the start of an array whose header has another word, and says its own length."""
    text = text.rstrip()
    marks = [place for place, one in enumerate(text) if one in "(,: )}'"]
    start = rng.choice(marks) + 1 if marks else 0
    end = next((place for place in marks if place >= start), len(text))
    text = text[:start] + rng.choice(_WORDS) + text[end if rng.random() < 0.8 else start :]
    text += " " * (-(len(text) + 11) % 16) + "\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode("latin-1")


def _seeds() -> Iterator[bytes]:
    """Yield arrays of all types, ranks and orders."""
    rng = np.random.default_rng(1)
    kinds = ("?", "i1", "u1", ">i2", "u2", "i4", ">u4", "i8", "u8", "f2", ">f4", "f8")
    for place, kind in enumerate(kinds):
        shape = ((2, 3), (2, 3, 2), (2, 2, 3, 2), (1, 2, 2, 3, 2))[place % 4]
        values = np.asarray(rng.integers(0, 50, shape).astype(kind), order="F" if place % 2 else "C")
        made = io.BytesIO()
        np.save(made, values)
        for form in range(3):
            yield bytes([form]) + made.getvalue()
    for several in (
        {"x": np.arange(6.0).reshape(2, 3)},
        {"data": np.ones((1, 2, 2, 2)), "seg": np.zeros((1, 2, 2, 2))},
    ):
        made = io.BytesIO()
        np.savez_compressed(made, **several)
        yield bytes([3]) + made.getvalue()
    made = io.BytesIO()
    np.save(made, rng.normal(size=(2, 3, 3, 3, 1)).astype("f4"))
    for way in range(1, WAYS):
        yield bytes([len(_FORMS) * way]) + made.getvalue()


READER = Reader("arrays", _seeds, _attempt, _mutate)
