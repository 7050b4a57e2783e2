"""A compressed file that several passes read is inflated once, and verified."""

from __future__ import annotations

import gzip
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from dataset_cases import save

from bnstat.errors import InputError
from bnstat.preprocessing import passes
from bnstat.preprocessing.intensity import prepared_moments
from bnstat.preprocessing.settings import Preparation
from bnstat.sources.case import Case
from bnstat.sources.inflated_once import inflated_once
from bnstat.sources.opened import plan_case
from bnstat.sources.opening import open_volume
from bnstat.sources.volume import PlainVoxels, StreamedVoxels

VALUES = np.random.default_rng(5).normal(100, 30, (40, 30, 20)).astype(np.float32)


@pytest.fixture
def packed(tmp_path):
    """The path of a compressed volume."""
    return save(tmp_path / "x.nii.gz", VALUES)


def counted(volume):
    """The volume, and a list that grows with each stream of its file that is opened."""
    opened = []

    def fresh():
        opened.append(volume.source)
        return volume.voxels.open()

    return replace(volume, voxels=StreamedVoxels(fresh)), opened


def read(volume, sizes=7000, ahead=0):
    with closing(volume.blocks(sizes, ahead=ahead)) as blocks:
        return np.concatenate([block.copy() for block in blocks])


@pytest.mark.parametrize("ahead", [0, 2])
def test_passes_after_the_first_read_the_same_values_from_memory(packed, ahead):
    volume, opened = counted(open_volume(packed))
    held = inflated_once(volume)
    for _ in range(3):
        assert np.array_equal(read(held, ahead=ahead), VALUES.ravel(order="F"))
    assert len(opened) == 1


def test_a_pass_that_stopped_early_is_not_taken_for_the_whole(packed):
    volume, opened = counted(open_volume(packed))
    held = inflated_once(volume)
    with closing(held.blocks(7000)) as blocks:
        next(blocks)
    assert np.array_equal(read(held), VALUES.ravel(order="F"))
    assert len(opened) == 2


def test_bytes_behind_the_voxels_are_not_held(packed):
    data = gzip.decompress(Path(packed).read_bytes())
    Path(packed).write_bytes(gzip.compress(data + bytes(5000)))
    volume, opened = counted(open_volume(packed))
    held = inflated_once(volume)
    for _ in range(2):
        assert np.array_equal(read(held), VALUES.ravel(order="F"))
    assert len(opened) == 1


def test_a_wrong_checksum_at_the_end_is_an_error_of_each_pass(packed):
    data = bytearray(Path(packed).read_bytes())
    data[-8] ^= 1
    Path(packed).write_bytes(data)
    held = inflated_once(open_volume(packed))
    for _ in range(2):
        with pytest.raises(InputError):
            read(held)


def test_a_plain_file_is_not_held(tmp_path):
    volume = open_volume(save(tmp_path / "x.nii", VALUES))
    assert isinstance(inflated_once(volume).voxels, PlainVoxels)


@pytest.mark.parametrize(("intensity", "most", "streams"), [("clip:p1,p99", 1 << 26, 1), ("clip:p1,p99", 1000, 3)])
def test_percentiles_inflate_a_file_once_if_it_may_be_held(packed, intensity, most, streams, monkeypatch):
    monkeypatch.setattr(passes, "_MOST_HELD_BYTES", most)
    planned = plan_case(Case.of(packed), -1, None)
    preparation = Preparation(intensity=intensity)
    plain = prepared_moments(planned, preparation)
    volume, opened = counted(planned.parts[0].volume)
    found = prepared_moments(replace(planned, parts=(replace(planned.parts[0], volume=volume),)), preparation)
    assert len(opened) == streams
    assert found.mean.tolist() == plain.mean.tolist()
    assert found.m2.tolist() == plain.m2.tolist()
