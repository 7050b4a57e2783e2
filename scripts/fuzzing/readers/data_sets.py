"""Descriptions of data sets: nnU-Net, the Decathlon, MONAI, and the tables that name groups of files.

The first byte of an input says which; the rest is the file.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from bnstat.reading.settings import Reading
from bnstat.workflows.compare_batch_sizes import compare
from bnstat.workflows.inspect import diagnose
from fuzzing.mutation import json_changed, with_bytes
from fuzzing.reader import Reader
from fuzzing.readers.images import nifti

_FORMS = ("dataset.json", "list.json", "table.csv", "list.json of kinds", ".bnstatignore", "dataset_description.json")
_CASES, _CHANNELS = ("case_001", "case_002"), ("0000", "0001")
_CELLS = (
    b"",
    b"case_001",
    b"a,b",
    b'"',
    b'""',
    b"\t",
    b";",
    b"\0",
    b"\xff",
    b"\r",
    b"site",
    b"x" * 70,
    b"\xef\xbb\xbf",
)


def _attempt(data: bytes, folder: Path) -> None:
    """Read the data set, and answer."""
    if not data:
        return
    form = _FORMS[data[0] % len(_FORMS)]
    _images(folder)
    file = folder / form.partition(" ")[0]
    for other in _FORMS:
        (folder / other.partition(" ")[0]).unlink(missing_ok=True)
    file.write_bytes(data[1:])
    if form == "table.csv":
        images = [str(folder / "imagesTr" / f"{case}_0000.nii") for case in _CASES]
        compare(images, batch_sizes=[1], group_by=f"{file}:site")
    elif form.endswith("kinds"):
        diagnose(str(file), reading=Reading(channels="t1,flair"))
    else:
        diagnose(str(file if form == "list.json" else folder))


def _images(folder: Path) -> None:
    """Write the images once; they stay while descriptions change."""
    if (folder / "imagesTr").is_dir():
        return
    rng = np.random.default_rng(4)
    for name in ("imagesTr", "labelsTr"):
        (folder / name).mkdir()
    for case in _CASES:
        for channel in _CHANNELS:
            values = rng.integers(0, 100, (3, 2, 2)).astype("i2")
            (folder / "imagesTr" / f"{case}_{channel}.nii").write_bytes(nifti(values, "<"))
        whole = rng.integers(0, 100, (3, 2, 2, 2)).astype("i2")
        (folder / "imagesTr" / f"{case}.nii").write_bytes(nifti(whole, "<"))
        labels = (rng.random((3, 2, 2)) > 0.5).astype("u1")
        (folder / "labelsTr" / f"{case}.nii").write_bytes(nifti(labels, "<"))


def _mutate(data: bytes, rng: random.Random) -> bytes:
    if len(data) < 2:
        return data
    first, rest = data[0], data[1:]
    if _FORMS[first % len(_FORMS)] in ("table.csv", ".bnstatignore"):
        if rng.random() < 0.3:
            return bytes([first]) + with_bytes(rest, rng)
        lines = rest.split(b"\n")
        place = rng.randrange(len(lines))
        cells = lines[place].split(b",")
        cells[rng.randrange(len(cells))] = rng.choice(_CELLS)
        lines[place] = b",".join(cells)
        return bytes([first]) + b"\n".join(lines)
    return bytes([first]) + json_changed(rest, rng)


def _seeds() -> Iterator[bytes]:
    """Yield a description of every form."""
    described = {"labels": {"background": 0, "tumour": 1}, "numTraining": 2, "file_ending": ".nii"}
    yield _json(0, described | {"channel_names": {"0": "T1", "1": "FLAIR"}})
    files: list[Callable[[str], object]] = [
        lambda case: f"./imagesTr/{case}.nii",
        lambda case: [f"imagesTr/{case}_{channel}.nii" for channel in _CHANNELS],
    ]
    for image in files:
        training = [{"image": image(case), "label": f"./labelsTr/{case}.nii"} for case in _CASES]
        for form in (0, 1):
            yield _json(form, {"modality": {"0": "T1", "1": "CT"}, "training": training, "test": ["./imagesTs/a.nii"]})
        yield _json(1, training)
    kinds = [{"t1": f"imagesTr/{case}_0000.nii", "flair": f"imagesTr/{case}_0001.nii"} for case in _CASES]
    for form in (1, 3):
        yield _json(form, kinds)
        yield _json(form, {"training": [{**one, "label": "labelsTr/case_001.nii", "age": 3} for one in kinds]})
    yield bytes([2]) + b"name,site\ncase_001_0000.nii,A\ncase_002_0000,B\n"
    yield bytes([2]) + b"participant_id\tsession_id\tsite\ncase_001\t0000\tA\ncase_002\t0000\tB\n"
    yield bytes([4]) + b"# comment\n*_seg.nii\n!keep.nii\n/labelsTr/\n**/a[0-9]?.nii\n"
    yield _json(5, {"Name": "a", "BIDSVersion": "1.8.0", "DatasetType": "raw"})


def _json(form: int, document: object) -> bytes:
    return bytes([form]) + json.dumps(document).encode()


READER = Reader(
    "data-sets",
    _seeds,
    _attempt,
    _mutate,
)
