"""Blocked gzip: threads give the bytes and the errors of the usual reader, whatever the file is."""

from __future__ import annotations

import gzip
import io
import random
import struct
import threading
import zlib

import pytest

from bnstat.sources import blocked_gzip, cores, streams
from bnstat.sources.blocked_gzip import Inflating, member_size, open_blocked

BY = Inflating(zlib.decompressobj, lambda file: gzip.GzipFile(fileobj=file))


def member(data, kind=b"BC", length=None, name=b""):
    """Return a member as bgzip, pgzip or mgzip write it."""
    packer = zlib.compressobj(6, zlib.DEFLATED, -15)
    deflated = packer.compress(data) + packer.flush()
    form = "<2sHH" if kind == b"BC" else "<2sHI"
    named = name + b"\0" if name else b""
    whole = 12 + struct.calcsize(form) + len(named) + len(deflated) + 8
    told = {b"BC": whole - 1, b"IG": whole, b"MZ": len(deflated)}[kind] if length is None else length
    extra = struct.pack(form, kind, 2 if kind == b"BC" else 4, told)
    start = b"\x1f\x8b\x08" + bytes([12 if name else 4]) + bytes(6) + struct.pack("<H", len(extra))
    return start + extra + named + deflated + struct.pack("<II", zlib.crc32(data), len(data))


DRAW = random.Random(5)
DATA = bytes(DRAW.choice(b"abcdefgh") for _ in range(300_000))
PARTS = [DATA[at : at + 9_000] for at in range(0, len(DATA), 9_000)]


@pytest.fixture
def small(monkeypatch):
    """Groups are small, so that there are several."""
    monkeypatch.setattr(blocked_gzip, "_PACKED_BYTES", 8_000)


def read(path, *, threads=3, step=7_001, by=BY):
    stream = open_blocked(str(path), threads, by)
    assert stream is not None
    with stream:
        return b"".join(iter(lambda: stream.read(step), b""))


def usual(content):
    """Return the bytes that the usual reader gives, or the kind of its error."""
    try:
        with gzip.open(io.BytesIO(content), "rb") as stream:
            return stream.read()
    except (OSError, EOFError, zlib.error) as error:
        return type(error)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("kind", [b"BC", b"IG", b"MZ"])
@pytest.mark.parametrize("name", [b"", b"x.nii"])
def test_members_that_tell_their_sizes_give_their_bytes_in_order(tmp_path, kind, name):
    file = tmp_path / "x.gz"
    file.write_bytes(
        b"".join(member(part, kind, name=name if number == 0 else b"") for number, part in enumerate(PARTS))
    )
    assert read(file) == DATA


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    "after",
    [
        b"",
        bytes(100),
        member(b""),
        gzip.compress(b"usual"),
        bytes(9) + gzip.compress(b"usual") + bytes(3),
        member(b"more", length=3),
        member(b"more", b"IG", length=1 << 31),
        member(b"more", b"IG", length=0),
        member(b"more") + gzip.compress(b"usual") + member(b"again"),
        b"garbage that is no gzip",
        gzip.compress(b"cut")[:-3],
        member(b"cut off")[:-3],
        member(b"a") + member(b"cut off" * 99)[:40],
    ],
    ids=range(13),
)
def test_what_follows_is_read_as_the_usual_reader_reads_it(tmp_path, after):
    file, content = tmp_path / "x.gz", b"".join(map(member, PARTS)) + after
    file.write_bytes(content)
    expected = usual(content)
    if isinstance(expected, bytes):
        assert read(file) == expected
    else:
        with pytest.raises(expected):
            read(file)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("inflater", [zlib.decompressobj, streams._zlib.decompressobj])
def test_no_flipped_bit_and_no_cut_gives_other_bytes(tmp_path, inflater):
    by = Inflating(inflater, BY.open)
    file, content = tmp_path / "x.gz", b"".join(map(member, PARTS))
    for _ in range(150):
        damaged = bytearray(content)
        damaged[DRAW.randrange(40, len(damaged))] ^= 1 << DRAW.randrange(8)
        if DRAW.random() < 0.3:
            del damaged[DRAW.randrange(40, len(damaged)) :]
        file.write_bytes(damaged)
        expected = usual(bytes(damaged))
        if isinstance(expected, bytes):
            assert read(file, by=by) == expected
        else:
            with pytest.raises((OSError, EOFError, zlib.error)):
                read(file, by=by)


def test_a_member_that_holds_more_than_it_tells_is_left_to_the_usual_reader(tmp_path):
    file, bomb = tmp_path / "x.gz", bytearray(member(bytes(50_000_000)))
    bomb[-4:] = struct.pack("<I", 5)
    file.write_bytes(bytes(bomb))
    stream = open_blocked(str(file), 2, BY)
    with stream, pytest.raises(gzip.BadGzipFile):
        stream.read()


@pytest.mark.parametrize("content", [b"", b"\x1f\x8b", gzip.compress(b"usual", mtime=0), b"no gzip at all"])
def test_other_files_are_no_blocked_ones(tmp_path, content):
    file = tmp_path / "x.gz"
    file.write_bytes(content)
    assert open_blocked(str(file), 4, BY) is None


def test_a_size_is_found_among_other_fields():
    fields = b"XX\x03\x00abc" + struct.pack("<2sHH", b"BC", 2, 999)
    start = b"\x1f\x8b\x08\x04" + bytes(6) + struct.pack("<H", len(fields)) + fields
    assert member_size(start) == 1000
    assert [member_size(start[:size]) for size in range(len(start))] == [None] * len(start)


def test_with_one_core_the_usual_reader_reads(tmp_path, monkeypatch):
    file = tmp_path / "x.gz"
    file.write_bytes(b"".join(map(member, PARTS)))
    assert open_blocked(str(file), 1, BY) is None
    for threads in (1, 4):
        monkeypatch.setattr(cores, "idle", lambda threads=threads: threads)
        with streams.open_gzip(str(file)) as stream:
            assert stream.read() == DATA


def test_a_process_that_shares_its_cores_has_one(monkeypatch):
    monkeypatch.setattr(cores, "_shared", threading.Event())
    monkeypatch.setattr(cores.os, "sched_getaffinity", lambda _: set(range(64)), raising=False)
    assert cores.idle() == 4
    cores.share()
    assert cores.idle() == 1


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("inflater", [zlib.decompressobj, streams._zlib.decompressobj])
@pytest.mark.parametrize("from_end", [8, 5, 4, 1])
def test_a_wrong_checksum_or_length_of_one_member_is_an_error(tmp_path, inflater, from_end):
    members = list(map(member, PARTS))
    wrong = bytearray(members[5])
    wrong[-from_end] ^= 1
    members[5] = bytes(wrong)
    file = tmp_path / "x.gz"
    file.write_bytes(b"".join(members))
    with pytest.raises(gzip.BadGzipFile):
        read(file, by=Inflating(inflater, BY.open))
