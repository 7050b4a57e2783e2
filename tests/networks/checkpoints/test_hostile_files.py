"""Files made to harm: nothing in them runs, and they take neither much memory nor much time."""

from __future__ import annotations

import io
import os
import pickle
import struct
import sys
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
from torch_files import (
    archive,
    batch_norm,
    call,
    mapping,
    name,
    number,
    parts,
    pickled,
    state_dict,
    tensor,
    text,
    written,
)

from bnstat.errors import InputError
from bnstat.networks.checkpoints import pickled as machine
from bnstat.networks.checkpoints import zip_file
from bnstat.networks.checkpoints.opening import read_checkpoint
from bnstat.networks.checkpoints.pickled import Global, Made
from bnstat.networks.checkpoints.torch_objects import found_in

# A small part of the gigabytes that each of these files asks for.
MOST_MEMORY = 64 << 20


class Trace:
    """An object whose pickle makes a file when it is loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def with_norm(hostile: bytes) -> bytes:
    """Return an archive of something hostile beside a batch norm."""
    values = batch_norm()
    tensors = {
        f"bn.{part}": tensor(part, value.shape, storage="LongStorage" if value.dtype == "i8" else "FloatStorage")
        for part, value in values.items()
    }
    described = mapping({"hostile": hostile, "state_dict": mapping(tensors)})
    return archive(pickled(described), {part: value.tobytes() for part, value in values.items()})


def test_a_pickle_that_runs_something_leaves_no_trace(tmp_path):
    trace = tmp_path / "trace"
    harmful = pickle.dumps(Trace(trace), protocol=2)
    inside = harmful.removeprefix(b"\x80\x02").removesuffix(b".")
    read = read_checkpoint(written(tmp_path / "a.pt", with_norm(inside)))
    assert [layer.layer for layer in read.normalizations] == ["state_dict.bn"]
    with pytest.raises(InputError, match=r"pickle that torch\.save did not write"):
        read_checkpoint(written(tmp_path / "b.pt", harmful))
    assert not trace.exists()
    pickle.loads(harmful)  # it would have
    assert trace.exists()


def calls(tmp_path: Path) -> dict[str, bytes]:
    """Return instructions that run something, in every way that a pickle has."""
    folder = text(str(tmp_path / "trace"))
    return {
        "reduce": call(name("os", "mkdir"), folder),
        "newobj": name("os", "mkdir") + parts(folder) + b"\x81",
        "newobj_ex": name("os", "mkdir") + parts(folder) + b"}\x92",
        "inst": b"(" + folder + b"ios\nmkdir\n",
        "obj": b"(" + name("os", "mkdir") + folder + b"o",
        "stack_global": text("os") + text("mkdir") + b"\x93" + parts(folder) + b"R",
        "build": call(name("os", "mkdir"), folder) + mapping({"__setstate__": name("os", "mkdir")}) + b"b",
        "builtin": call(name("builtins", "eval"), text(f"__import__('os').mkdir({str(tmp_path / 'trace')!r})")),
        "getattr": call(call(name("builtins", "getattr"), name("os", "path"), text("mkdir")), folder),
        "rebuild": call(name("torch._utils", "_rebuild_tensor_v2"), call(name("os", "mkdir"), folder)),
        "from type": call(
            name("torch._tensor", "_rebuild_from_type_v2"), name("os", "mkdir"), name("os", "x"), parts(folder), b"N"
        ),
        "append": call(name("os", "mkdir"), folder) + b"(" + folder + b"e",
        "set item": call(name("os", "mkdir"), folder) + b"(" + folder + folder + b"u",
        "persistent": parts(text("storage"), name("os", "mkdir"), folder, folder, number(3)) + b"Q",
        "persistent name": b"Pos.mkdir\n",
        "extension": b"\x82\x01" + parts(folder) + b"R",
        "storage": tensor("../../../etc/passwd", [4]),
    }


@pytest.mark.parametrize("kind", calls(Path()))
def test_nothing_is_imported_or_called(kind, tmp_path):
    path = written(tmp_path / "a.pt", with_norm(calls(tmp_path)[kind]))
    read_checkpoint(path)
    before = set(sys.modules)
    assert [layer.layer for layer in read_checkpoint(path).normalizations] == ["state_dict.bn"]
    assert set(sys.modules) == before
    assert not (tmp_path / "trace").exists()


def test_a_module_that_a_pickle_names_is_not_imported(tmp_path, monkeypatch):
    (tmp_path / "harmful_module.py").write_text("raise SystemExit", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    read = read_checkpoint(written(tmp_path / "a.pt", with_norm(call(name("harmful_module", "Net")))))
    assert [layer.layer for layer in read.normalizations] == ["state_dict.bn"]
    assert "harmful_module" not in sys.modules


def doubled(start: bytes, times: int, twice: bytes) -> bytes:
    return start + twice * times


BOMBS = {
    "memo of 4 billion": text("x") + b"r" + struct.pack("<I", 0xFFFFFFFE),
    "bytes that are not there": b"\x8e" + struct.pack("<Q", 1 << 40),
    "byte array that is not there": b"\x96" + struct.pack("<Q", 1 << 33),
    "text that is not there": b"\x8d" + struct.pack("<Q", 1 << 40),
    "frame of a petabyte": b"\x95" + struct.pack("<Q", 1 << 50) + b"N",
    "whole number of a megabyte": b"\x8b" + struct.pack("<I", 1 << 20) + b"\x7f" * (1 << 20),
    "decimal number of a megabyte": b"L" + b"9" * (1 << 20) + b"L\n",
    "tuples doubled 60 times": doubled(b")", 60, b"2\x86"),
    "lists doubled 60 times": b"]" + b"]q\x01h\x01h\x01\x86" * 60 + b"\x86" * 60,
    "mappings that contain each other": b"}q\x01" + text("a") + b"h\x01s",
    "a list that contains itself": b"]q\x01h\x01a",
    "tuples very deep": doubled(b")", 100_000, b"\x85"),
    "lists a hundred thousand deep": b"]" * 100_000 + b"a" * 99_999,
    "keys that are deep": b"}" + doubled(b")", 100_000, b"\x85") + b"Ns",
    "names that add up": b"".join(b"}" + text("k" * 400) for _ in range(2000)) + b"N" + b"s" * 2000,
    "empty mappings": b"(" + b"}" * 20_000 + b"l",
}


# Bombs that no unpickler would take; the others are values, which are walked past.
REFUSED = {kind for kind in BOMBS if "are not there" in kind or "is not there" in kind or "megabyte" in kind}


@pytest.mark.parametrize("kind", BOMBS)
def test_a_bomb_takes_little_memory(kind, tmp_path):
    path = written(tmp_path / "a.pt", with_norm(BOMBS[kind]))
    tracemalloc.start()
    if kind in REFUSED:
        with pytest.raises(InputError, match="damaged"):
            read_checkpoint(path)
    else:
        assert [layer.layer for layer in read_checkpoint(path).normalizations] == ["state_dict.bn"]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < MOST_MEMORY


def test_a_description_has_a_limited_number_of_instructions(tmp_path, monkeypatch):
    monkeypatch.setattr(machine, "MOST_INSTRUCTIONS", 1000)
    with pytest.raises(InputError, match="more than 1,000 instructions"):
        read_checkpoint(written(tmp_path / "a.pt", with_norm(b"N0" * 500 + b"N")))


LIES = {
    "an offset beyond the storage": tensor("bn", [4], offset=1 << 40),
    "more values than the storage": tensor("bn", [5], count=5),
    "strides beyond the storage": tensor("bn", [4], strides=[1 << 30]),
    "a shape of a billion with stride 0": tensor("bn", [1 << 30], strides=[0], count=4),
    "a negative stride": tensor("bn", [4], strides=[-1], offset=3, count=4),
    "a stride too few": tensor("bn", [4], strides=[], count=4),
    "a size that is no number": call(name("torch._utils", "_rebuild_tensor_v2"), b"N", b"N", parts(b"N"), parts(b"N")),
    "a storage that is missing": tensor("gone", [4]),
    "more axes than a tensor has": tensor("bn", [4, *[1] * 64], strides=[1] * 65, count=4),
}


@pytest.mark.parametrize("kind", LIES)
def test_a_tensor_that_lies_is_refused_or_left_out(kind, tmp_path):
    mean = tensor("bn", [4], count=4)
    held = archive(pickled(mapping({"bn.running_mean": mean, "bn.running_var": LIES[kind]})), {"bn": bytes(16)})
    with pytest.raises(InputError, match=r"damaged|none of its|no tensors"):
        read_checkpoint(written(tmp_path / "a.pt", held))


def test_views_that_describe_more_numbers_than_any_network_has_are_refused(tmp_path):
    many = tensor("bn", [1 << 20], strides=[0], count=4)
    layers = {f"bn{place}.{part}": many for place in range(5) for part in ("running_mean", "running_var")}
    # views of one place are one layer with five names; shifted ones are layers of their own
    assert len(read_checkpoint(written(tmp_path / "a.pt", shared_zeros(layers))).normalizations) == 1
    layers = {
        f"bn{place}.{part}": tensor("bn", [1 << 20], strides=[0], offset=place, count=8)
        for place in range(5)
        for part in ("running_mean", "running_var")
    }
    with pytest.raises(InputError, match="more numbers than a network has"):
        read_checkpoint(written(tmp_path / "b.pt", shared_zeros(layers)))


def shared_zeros(tensors: dict[str, bytes]) -> bytes:
    return archive(pickled(mapping(tensors)), {"bn": bytes(32)})


class Counted(list):
    """A list that counts how often it is gone through."""

    times = 0

    def __iter__(self):
        self.times += 1
        return super().__iter__()


@pytest.mark.parametrize("kind", ["state", "parameters", "pairs"])
def test_what_many_objects_share_is_looked_into_once(kind):
    shared = Counted([["a", None], ["b", None]])
    inner = Made(pairs=shared)
    states = {"state": inner, "parameters": None, "pairs": None}
    objects = [
        Made(Global("collections", "OrderedDict"), (shared,))
        if kind == "pairs"
        else Made(Global("torch.nn", "BatchNorm3d"), (), [], states[kind] or Made(pairs=[("_parameters", inner)]))
        for _ in range(100)
    ]
    found = found_in(objects, lambda _: np.zeros(1))
    assert not found.tensors
    assert shared.times <= 3


def test_an_archive_with_two_ends_that_differ_is_limited_by_its_directory(tmp_path, monkeypatch):
    monkeypatch.setattr(zip_file, "_MOST_DIRECTORY", 1 << 10)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as members:
        for place in range(100):
            members.writestr(f"{place}/data.pkl", b"")
    held = file.getvalue()
    size, start = struct.unpack("<II", held[-10:-2])
    # The large end has the truth, and zipfile believes it; the small one says 46 bytes.
    large = struct.pack("<4sQHHIIQQQQ", b"PK\6\6", 44, 45, 45, 0, 0, 100, 100, size, start)
    locator = struct.pack("<4sIQI", b"PK\6\7", 0, len(held) - 22, 1)
    small = struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, 1, 1, 46, start, 0)
    with pytest.raises(InputError, match="list of its members is too large"):
        read_checkpoint(written(tmp_path / "a.pt", held[:-22] + large + locator + small))


@pytest.mark.parametrize("name", ["x.npz", "x.pt"])
def test_an_archive_whose_long_end_is_cut_is_refused(tmp_path, name):
    end = b"PK\x05\x06" + struct.pack("<4H2LH", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    (tmp_path / name).write_bytes(b"PK\x03\x04" + bytes(100) + b"PK\x06\x06" + end)
    with pytest.raises(InputError):
        read_checkpoint(str(tmp_path / name))


def test_an_archive_that_inflates_to_gigabytes_is_refused(tmp_path):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as members:
        with members.open("file/data.pkl", "w") as member:
            for _ in range(300):
                member.write(bytes(1 << 20))
        members.writestr("file/byteorder", "little")
    with pytest.raises(InputError, match="314,572,800 bytes, and a checkpoint needs at most"):
        read_checkpoint(written(tmp_path / "a.pt", file.getvalue()))


def test_a_member_that_says_it_is_small_and_inflates_to_more_is_refused(tmp_path):
    held = archive(pickled(mapping({"a": text("x" * 100_000)})), packed=True)
    size = struct.pack("<I", 100_000 + len(pickled(mapping({"a": text("")}))))
    assert held.count(size) == 2
    with pytest.raises(InputError, match="checksum"):
        read_checkpoint(written(tmp_path / "a.pt", held.replace(size, struct.pack("<I", 1000))))


def test_members_that_are_encrypted_are_named(tmp_path):
    held = bytearray(state_dict({f"bn.{part}": value for part, value in batch_norm().items()}))
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = held.find(mark)
        while at >= 0:
            held[at + place] |= 1
            at = held.find(mark, at + 1)
    with pytest.raises(InputError, match="encrypted zip archive"):
        read_checkpoint(written(tmp_path / "a.pt", bytes(held)))


def test_arrays_that_are_views_of_other_files_are_said_to_be(tmp_path):
    h5py = pytest.importorskip("h5py")
    path = str(tmp_path / "a.weights.h5")
    with h5py.File(path, "w") as file:
        for place in range(4):
            layout = h5py.VirtualLayout((4,), "f4")
            layout[:] = h5py.VirtualSource("/etc/hosts", "x", (4,))
            file.create_virtual_dataset(f"layers/batch_normalization/vars/{place}", layout)
    with pytest.raises(InputError, match="its values are in other files, which are not read"):
        read_checkpoint(path)


def onnx_model(change) -> bytes:
    """Return an ONNX file of one batch norm, of which a function changes each stored tensor."""
    onnx = pytest.importorskip("onnx")
    names = ["weight", "bias", "running_mean", "running_var"]
    node = onnx.helper.make_node("BatchNormalization", ["x", *[f"bn.{part}" for part in names]], ["y"])
    stored = [onnx.numpy_helper.from_array(np.ones(4, "f4"), f"bn.{part}") for part in names]
    for one in stored:
        change(one)
    return onnx.helper.make_model(onnx.helper.make_graph([node], "g", [], [], stored)).SerializeToString()


def in_file(**entries):
    """Return a function that says of a tensor that its numbers are in another file."""

    def change(tensor):
        tensor.ClearField("raw_data")
        tensor.data_location = 1
        for key, value in entries.items():
            tensor.external_data.add(key=key, value=value)

    return change


@pytest.mark.parametrize("location", ["/etc/passwd", "../secret.bin", "a/../../secret.bin", ""])
def test_an_onnx_file_cannot_choose_a_file_elsewhere(location, tmp_path):
    (tmp_path / "secret.bin").write_bytes(bytes(16))
    (tmp_path / "model").mkdir()
    path = written(tmp_path / "model" / "m.onnx", onnx_model(in_file(location=location)))
    with pytest.raises(InputError, match="not beside it"):
        read_checkpoint(path)


@pytest.mark.parametrize("offset", ["-1", "9" * 30, "9" * 5000, "two"])
def test_an_onnx_file_that_names_a_place_outside_its_second_file_is_refused(offset, tmp_path):
    (tmp_path / "weights.bin").write_bytes(bytes(16))
    path = written(tmp_path / "m.onnx", onnx_model(in_file(location="weights.bin", offset=offset)))
    with pytest.raises(InputError, match=r"cannot be read|another size"):
        read_checkpoint(path)


def test_an_onnx_tensor_of_more_axes_than_any_is_refused(tmp_path):
    path = written(tmp_path / "m.onnx", onnx_model(lambda tensor: tensor.dims.extend([1] * 64)))
    with pytest.raises(InputError, match="has 65 axes"):
        read_checkpoint(path)
