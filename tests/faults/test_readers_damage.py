"""Compressed files with one wrong bit, or cut: the same numbers or an InputError, wherever they are read."""

from __future__ import annotations

import bz2
import gzip
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from minc_files import save_minc
from numpy.typing import NDArray
from text_headers import in_memory, save_metaimage, save_nrrd

from bnstat.errors import InputError
from bnstat.moments.tensor_order import StoredSample, batch_voxels
from bnstat.preprocessing.intensity import prepared
from bnstat.preprocessing.samples import rows_of
from bnstat.preprocessing.settings import Patching, Preparation
from bnstat.preprocessing.stored_voxels import stored_voxels
from bnstat.preprocessing.tensors import prepared_samples
from bnstat.sources.case import Case
from bnstat.sources.formats import slices
from bnstat.sources.opened import plan_case

FLIPS, CUTS = 20, 10
# A decompressor looks at the checksum of a small file by itself, since one read of its buffer reaches the end. Those of
# other sizes have to be read on behind the last voxel: this one is larger than the buffers of Python and isal.
DRAWN = np.random.default_rng(5).integers(0, 90, (48, 48, 40)).astype(np.int16)
# Values that deflate well, so that a wrong bit often gives other values of the same number.
VOXELS = np.where(DRAWN > 80, DRAWN, 0).astype(np.int16)
SMALL = VOXELS[:9, :8, :7]


def nifti(ending: str, voxels: NDArray[np.int16] = VOXELS) -> Callable[[Path, Path], Path]:
    def write(folder: Path, _: Path) -> Path:
        nibabel.save(nibabel.Nifti1Image(voxels, np.eye(4)), folder / f"x{ending}")
        return folder / f"x{ending}"

    return write


def pair(folder: Path, _: Path) -> Path:
    nibabel.save(nibabel.Nifti1Pair(VOXELS, np.eye(4)), folder / "x.img.gz")
    return folder / "x.img.gz"


def mgz(folder: Path, _: Path) -> Path:
    nibabel.save(nibabel.MGHImage(VOXELS, np.eye(4)), folder / "x.mgz")
    return folder / "x.mgz"


def minc(folder: Path, _: Path) -> Path:
    (folder / "x.mnc.gz").write_bytes(gzip.compress(save_minc(folder / "x.mnc", VOXELS).read_bytes()))
    return folder / "x.mnc.gz"


def afni(folder: Path, data: Path) -> Path:
    """Save nibabel's volume with slices of twice the size, each larger than a buffer."""
    header = (data / "scaled+tlrc.HEAD").read_text().replace(" 47 54 43 ", " 47 108 21 ")
    (folder / "x+tlrc.HEAD").write_text(header)
    voxels = (data / "scaled+tlrc.BRIK").read_bytes()[: 2 * 47 * 108 * 21]
    (folder / "x+tlrc.BRIK.gz").write_bytes(gzip.compress(voxels))
    return folder / "x+tlrc.BRIK.gz"


def npz(folder: Path, _: Path) -> Path:
    np.savez_compressed(folder / "x.npz", a=VOXELS)
    return folder / "x.npz"


def nrrd(encoding: str) -> Callable[[Path, Path], Path]:
    return lambda folder, _: Path(save_nrrd(folder / "x.nrrd", VOXELS, encoding=encoding))


def mha(folder: Path, _: Path) -> Path:
    data = zlib.compress(in_memory(VOXELS))
    path = save_metaimage(folder / "x.mha", VOXELS, compressed=True, data=data, CompressedDataSize=len(data))
    return Path(path)


KINDS: dict[str, Callable[[Path, Path], Path]] = {
    "small nii.gz": nifti(".nii.gz", SMALL),
    "nii.gz": nifti(".nii.gz"),
    "nii.bz2": nifti(".nii.bz2"),
    "img.gz": pair,
    "mgz": mgz,
    "mnc.gz": minc,
    "BRIK.gz": afni,
    "npz": npz,
    "nrrd gzip": nrrd("gzip"),
    "nrrd bzip2": nrrd("bzip2"),
    "mha zlib": mha,
}


def opened_name(path: Path) -> str:
    """Return the file that is given for a file of voxels."""
    return str(path.with_name("x+tlrc.HEAD")) if path.name.endswith(".BRIK.gz") else str(path)


def first_pass(path: str) -> object:
    return [row.moments.mean.tolist() for row in rows_of(plan(path), Preparation())]


def second_pass(path: str) -> object:
    planned = plan(path)
    place = StoredSample(planned.parts, planned.tensor, None if planned.samples == 1 else planned.samples - 1)
    return [sample.tobytes() for sample in batch_voxels([place])]


def held(path: str) -> object:
    return [stored_voxels(part.volume).tobytes() for part in plan(path).parts]


def steps(path: str) -> object:
    return prepared(plan(path), Preparation(intensity="zscore")).moments[0].minimum.tolist()


def patches(path: str) -> object:
    asked = Preparation(patches=Patching((3, 3, 3), number=2, foreground="none"))
    return [one.values[0].tobytes() for one in prepared_samples(plan(path), asked)]


def as_mask(path: str) -> object:
    shape = plan(path).parts[0].volume.shape[:3]
    volume = Path(path).parent / "volume.nii"
    nibabel.save(nibabel.Nifti1Image(np.random.default_rng(2).normal(size=shape).astype("f4"), np.eye(4)), volume)
    return [row.moments.mean.tolist() for row in rows_of(plan(str(volume)), Preparation(mask=path))]


def plan(path: str) -> Any:
    return plan_case(Case.of(path), -1, "none" if path.endswith(".npz") else None)


WAYS = (first_pass, second_pass, held, steps, patches, as_mask)


def damaged_copies(good: bytes, start: int) -> list[bytes]:
    draw = np.random.default_rng(1)
    copies = []
    for place in draw.integers(start, len(good), FLIPS):
        copy = bytearray(good)
        copy[place] ^= 1 << int(draw.integers(8))
        copies.append(bytes(copy))
    ends = [*range(1, 9), *draw.integers(9, len(good) - start, CUTS - 8).tolist()]
    return copies + [good[:-end] for end in ends]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
@pytest.mark.parametrize("kind", KINDS)
def test_a_wrong_bit_or_a_missing_end_never_gives_other_numbers(tmp_path, nibabel_data, kind, way):
    """What gzip says of the file's name and time changes nothing, and so do the bits that pad deflated data."""
    path = KINDS[kind](tmp_path, nibabel_data)
    good = path.read_bytes()
    if kind == "npz" and way is as_mask:
        pytest.skip("an array has a batch axis, and is no mask of one volume")
    expected = way(opened_name(path))
    # the text of a header of NRRD or MetaImage has no checksum
    start = good.index(b"\n\n") + 2 if kind.startswith("nrrd") else good.index(b"LOCAL\n") + 6 if "mha" in kind else 0
    messages = []
    for copy in damaged_copies(good, start):
        path.write_bytes(copy)
        try:
            found = way(opened_name(path))
        except InputError as error:
            messages.append(error.message)
            continue
        assert found == expected
    assert len(messages) > FLIPS // 2
    assert not any("\n" in message for message in messages)


def test_a_compressed_series_of_afni_is_inflated_once(tmp_path, nibabel_data, monkeypatch):
    """nibabel inflates from the start for each of its slices."""
    opens = []
    opened = slices.opened
    monkeypatch.setattr(slices, "opened", lambda *given: opens.append(given) or opened(*given))
    path = afni(tmp_path, nibabel_data)
    volume = plan(opened_name(path)).parts[0].volume
    assert volume.held().size == volume.values
    assert len(opens) == 1


@pytest.mark.parametrize("compress", [bz2.compress, gzip.compress])
def test_bytes_behind_the_data_that_are_no_further_member_are_no_numbers(tmp_path, compress):
    """Zeros are padding; anything else is refused by gzip, and ignored by bzip2."""
    plain = nifti(".nii")(tmp_path, tmp_path)
    ending = ".gz" if compress is gzip.compress else ".bz2"
    path = plain.with_name(f"y.nii{ending}")
    path.write_bytes(compress(plain.read_bytes()))
    expected = held(str(path))
    path.write_bytes(path.read_bytes() + b"garbage")
    if compress is bz2.compress:
        assert held(str(path)) == expected
    else:
        with pytest.raises(InputError, match=r"damaged|truncated"):
            held(str(path))
