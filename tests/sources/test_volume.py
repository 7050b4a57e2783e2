"""The one reader of voxels: every block once, in file order, whatever the kind of source and whoever reads ahead."""

import gzip
import io
import os
import threading
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bnstat.errors import InputError
from bnstat.sources.streams import open_gzip
from bnstat.sources.volume import PlainVoxels, StreamedVoxels, Volume, VoxelReader

VALUES = np.arange(1000, dtype=">i2")


def volume_of(voxels, size=VALUES.size):
    return Volume("a.nii", (size,), VALUES.dtype, "int16", "F", voxels)


@pytest.fixture
def plain(tmp_path):
    path = tmp_path / "plain"
    path.write_bytes(b"header" + VALUES.tobytes())
    return volume_of(PlainVoxels(str(path), 6))


@pytest.fixture
def packed(tmp_path):
    path = tmp_path / "packed.gz"
    path.write_bytes(gzip.compress(VALUES.tobytes()))
    return volume_of(StreamedVoxels(lambda: open_gzip(str(path))))


@pytest.fixture(params=["plain", "packed"])
def volume(request):
    return request.getfixturevalue(request.param)


def copied(blocks):
    return [block.copy() for block in blocks]


@pytest.mark.parametrize("ahead", [0, 1, 2])
@pytest.mark.parametrize("size", [1, 8, 333, 1000, 5000])
def test_blocks_of_one_size_are_the_stored_values_in_file_order(volume, size, ahead):
    blocks = copied(volume.blocks(size, ahead=ahead))
    assert [block.size for block in blocks[:-1]] == [size] * (len(blocks) - 1)
    assert all(block.dtype == VALUES.dtype for block in blocks)
    assert np.array_equal(np.concatenate(blocks), VALUES)


@given(cuts=st.lists(st.integers(1, 999), unique=True), ahead=st.integers(0, 3))
def test_blocks_have_the_sizes_that_are_asked_for(cuts, ahead):
    voxels = StreamedVoxels(lambda: open_gzip(io.BytesIO(gzip.compress(VALUES.tobytes(), 1))))
    sizes = np.diff([0, *sorted(cuts), 1000]).tolist()
    blocks = copied(volume_of(voxels).blocks(sizes, ahead=ahead))
    assert [block.size for block in blocks] == sizes
    assert np.array_equal(np.concatenate(blocks), VALUES)


@pytest.mark.parametrize("ahead", [0, 2])
def test_a_caller_may_overwrite_a_block_until_it_asks_for_the_next(volume, ahead):
    kept = []
    for block in volume.blocks(100, ahead=ahead):
        kept.append(block.copy())
        block[...] = -1
    assert np.array_equal(np.concatenate(kept), VALUES)


def test_two_readers_of_one_volume_do_not_disturb_each_other(volume):
    one, other = volume.blocks(10), volume.blocks(10, ahead=1)
    for first, second in zip(one, other, strict=True):
        assert np.array_equal(first, second)


@pytest.mark.parametrize("ahead", [0, 2])
def test_a_file_that_ends_early_is_an_error_of_that_input(ahead):
    short = StreamedVoxels(lambda: open_gzip(io.BytesIO(gzip.compress(VALUES.tobytes()[:-2]))))
    with pytest.raises(InputError, match="2,000 bytes of values, and the file has 1,998") as raised:
        copied(volume_of(short).blocks(100, ahead=ahead))
    assert raised.value.source == "a.nii"


@pytest.mark.parametrize("ahead", [0, 2])
def test_a_wrong_checksum_is_found_after_the_last_block(tmp_path, ahead):
    data = bytearray(gzip.compress(VALUES.tobytes()))
    data[-8] ^= 1
    (tmp_path / "a.gz").write_bytes(data)
    volume = volume_of(StreamedVoxels(lambda: open_gzip(str(tmp_path / "a.gz"))))
    with pytest.raises(InputError, match="compressed data are damaged"):
        copied(volume.blocks(100, ahead=ahead))
    with pytest.raises(InputError, match="compressed data are damaged"):
        volume.held()


@pytest.mark.parametrize("ahead", [0, 2])
def test_whatever_a_stream_raises_is_an_error_of_that_input(ahead):
    def broken():
        raise RuntimeError("strange\nand long")

    with pytest.raises(InputError, match=r"a\.nii: .*strange$"):
        copied(volume_of(StreamedVoxels(broken)).blocks(ahead=ahead))


def test_a_plain_file_that_shrinks_while_it_is_read_is_an_error(plain):
    blocks = plain.blocks(100)
    next(blocks)
    with Path(plain.voxels.path).open("r+b") as file:
        file.truncate(300)
    with pytest.raises(InputError, match="became shorter while it was read"):
        copied(blocks)


def test_a_caller_that_stops_early_closes_the_file_and_ends_the_thread():
    opened = []

    def voxels():
        opened.append(open_gzip(io.BytesIO(gzip.compress(VALUES.tobytes()))))
        return opened[-1]

    before = threading.active_count()
    for ahead in (0, 2):
        with closing(volume_of(StreamedVoxels(voxels)).blocks(10, ahead=ahead)) as blocks:
            next(blocks)
    for thread in threading.enumerate()[before:]:
        thread.join(5)
    assert threading.active_count() == before
    assert all(stream.closed for stream in opened)


def test_any_part_of_a_plain_file_is_read_by_itself(plain):
    with VoxelReader(plain) as reader:
        assert np.array_equal(reader.block(700, 50), VALUES[700:750])
        assert np.array_equal(reader.block(3, 9), VALUES[3:12])


def test_all_values_held_are_those_of_the_blocks(volume):
    told = []
    assert np.array_equal(volume.held(told.append), VALUES)
    assert sum(told) == VALUES.nbytes
    assert volume.held().dtype == VALUES.dtype


def test_a_plain_file_that_is_held_is_not_mapped_so_that_cutting_it_ends_no_process(plain):
    held = plain.held()
    os.truncate(plain.voxels.path, 0)
    assert np.array_equal(held, VALUES)
