"""Label maps among images: values decide, a name only where values lie anyhow, and the header where it says so."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bnstat
from bnstat.moments.few_values import Distinct
from bnstat.preprocessing.settings import Patching, Preparation
from bnstat.reading.settings import Reading
from bnstat.rules.layout.label_map_suspected import is_label_map, label_maps
from bnstat.sources.sample import Sample
from bnstat.workflows.check import check
from bnstat.workflows.compare_batch_sizes import compare
from bnstat.workflows.scan import collect

SHAPE = (20, 24, 16)
RNG = np.random.default_rng(7)


def labels(values=(0, 1, 2, 4), dtype="u1", shape=SHAPE):
    """Return labels of which each voxel has its own, most of them the first."""
    rest = [0.15 / (len(values) - 1)] * (len(values) - 1)
    return np.random.default_rng(3).choice(values, shape, p=[0.85, *rest]).astype(dtype)


def scan(high, dtype="i2", shape=SHAPE, low=0):
    return np.random.default_rng(4).integers(low, high, shape).astype(dtype)


def saved(path, array, slope=None, **header):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = nib.Nifti1Image(array, np.eye(4))
    if slope is not None:
        image.header.set_slope_inter(slope, 0.0)
    for name, value in header.items():
        image.header[name] = value
    nib.save(image, path)
    return path


def told(path, **settings):
    """Return the findings of label maps that `inspect` has on a file."""
    return [one for one in bnstat.diagnose(path, **settings).findings if one.name == "label-map-suspected"]


LABELS = {
    "by its few values": ("scan.nii", labels()),
    "of two values": ("case_1.nii.gz", labels((0, 1))),
    "of 0 and 255": ("scan.nii", labels((0, 255))),
    "stored as float": ("scan.nii.gz", labels(dtype="f4")),
    "stored as float in the other byte order": ("scan.nii", labels(dtype=">f8")),
    "with NaN around": ("scan.nii", np.where(labels() > 0, labels().astype("f4"), np.nan)),
    "with −1 for what is left out": ("scan.nii", labels((0, 1, -1), "i2")),
    "with a name, of 117 values that lie anyhow": ("atlas_116.nii.gz", scan(117)),
    "with a name, of 1,000 sparse values that lie anyhow": (
        "aparc+aseg.nii.gz",
        (1000 + 11 * scan(1000, "i4", (32, 32, 16))).astype("i4"),
    ),
    "with the name of its folder": ("segmentations/liver_parts.nii.gz", scan(15, "u1")),
    "in regions, of 1,000 sparse values": (
        "scan.nii.gz",
        np.repeat(np.repeat(11100 + 7 * scan(1000, "i4", (20, 8, 24)), 4, axis=0), 3, axis=1).astype("i4"),
    ),
}
SCANS = {
    "of 256 grey values in uint8": ("scan.nii.gz", scan(256, "u1")),
    "of 200 grey values in uint8, with a name": ("mask_applied_T1w.nii.gz", np.sort(scan(200, "u1"), axis=0)),
    "of 800 grey values, with a name": ("mask_applied_T1w.nii.gz", np.sort(scan(800), axis=0)),
    "a probability map": ("probability.nii.gz", RNG.random(SHAPE).astype("f4")),
    "a probability map with the name of labels": ("seg_probability.nii.gz", RNG.random(SHAPE).astype("f4")),
    "a CT of few values": ("scan.nii.gz", labels((-1000, -100, 0, 40, 60, 400, 1000), "i2")),
    "a sign": ("scan.nii", labels((-1, 1), "i2")),
    "a constant": ("seg.nii.gz", np.zeros(SHAPE, "u1")),
    "one voxel": ("seg.nii.gz", np.ones((1, 1, 1), "u1")),
    "as many values as voxels": ("scan.nii", np.arange(8, dtype="u1").reshape(2, 2, 2)),
    "quantized to 24 levels": (
        "scan.nii",
        np.rint(12 + 11 * np.sin(np.add.outer(np.arange(40) / 9, np.arange(400) / 60)))
        .reshape(40, 20, 20)
        .astype("i2"),
    ),
}


def of_sample_data(name):
    return np.asarray(nib.load(Path(__file__).parents[2] / "sample_data" / name).dataobj).astype(float)


def quantized(values, levels):
    return np.rint((values - values.min()) / np.ptp(values) * (levels - 1))


def far(shape=(60, 60, 40)):
    """Return the distance of each voxel to the middle."""
    grid = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), -1)
    return np.sqrt(((grid - np.array(shape) / 2) ** 2).sum(-1))


NO_LABELS = {
    **{
        f"T1w of {levels} grey values": lambda levels=levels: quantized(of_sample_data("t1_head.nii.gz"), levels)
        for levels in (9, 10, 12, 16, 32, 64)
    },
    **{
        f"CT clipped to {ends}": lambda ends=ends: of_sample_data("ct_hounsfield.nii.gz").clip(*ends)
        for ends in ((30, 45), (-160, 240), (0, 15))
    },
    "a time series of 16 grey values": lambda: quantized(of_sample_data("time_series.nii.gz"), 16),
    "counts": lambda: np.random.default_rng(1).poisson(3, SHAPE),
    "counts around 1": lambda: np.random.default_rng(1).poisson(1, (60, 60, 40)),
    "a tracer in counts": lambda: np.random.default_rng(1).poisson(np.exp(-((far() / 20) ** 2)) * 30),
    "whole noise": lambda: np.rint(np.random.default_rng(1).normal(20, 2, (60, 60, 40))),
    "a probability map in percent": lambda: np.rint(100 * np.exp(-((far() / 12) ** 2))),
    "a probability map in tenths": lambda: np.rint(10 * np.exp(-((far() / 12) ** 2))),
    "a distance map": lambda: np.rint(far()),
    "what is beyond a threshold": lambda: np.where(
        far() < 20, np.random.default_rng(1).integers(50, 900, far().shape), 0
    ),
}


@pytest.mark.parametrize("dtype", ["i2", "f4"])
@pytest.mark.parametrize("made", NO_LABELS.values(), ids=NO_LABELS)
def test_a_scan_of_few_grey_values_is_none(tmp_path, made, dtype):
    assert told(saved(tmp_path / "in" / "scan.nii.gz", made().astype(dtype))) == []


@pytest.mark.parametrize("intensity", [None, "zscore", "clip:0,2"])
def test_masks_are_told_in_whatever_way_they_are_stored(tmp_path, intensity):
    mask = far() < 20
    reading = Reading(preparation=Preparation(intensity))
    for place, (array, slope) in enumerate(
        [
            (mask.astype("f4"), None),
            (mask.astype(">f8"), None),
            (mask * np.uint8(255), 1 / 255),
            (mask * np.uint8(1), 2.0),
        ]
    ):
        assert len(told(saved(tmp_path / f"{place}.nii", array, slope), reading=reading)) == 1
    nib.save(nib.MGHImage(np.where(mask, 2035, 0).astype("i4"), np.eye(4)), tmp_path / "aseg.mgz")
    assert len(told(tmp_path / "aseg.mgz", reading=reading)) == 1
    one_hot = np.stack([(far() // 8 == layer) for layer in range(12)], -1).astype("f4")
    assert len(told(saved(tmp_path / "one_hot.nii.gz", one_hot), reading=reading)) == 1


def test_an_atlas_on_a_coarse_grid_is_told(tmp_path):
    coarse = np.repeat(np.random.default_rng(2).integers(0, 120, (40, 40, 60)), 2, axis=0)
    (finding,) = told(saved(tmp_path / "scan.nii.gz", np.where(far((80, 40, 60)) < 60, 7 * coarse, 0).astype("i2")))
    assert finding.value > 100


@pytest.mark.parametrize(("name", "array"), LABELS.values(), ids=LABELS)
def test_a_label_map_is_told(tmp_path, name, array):
    path = saved(tmp_path / "in" / name, array)
    (finding,) = told(path)
    assert (finding.rule, finding.severity, finding.source) == ("BN406", "warning", str(path))
    finite = array[np.isfinite(array)] if array.dtype.kind == "f" else array
    assert finding.value == np.unique(finite).size
    assert f"{np.unique(finite).size:,} distinct whole numbers" in finding.message
    assert "Give the image instead" in finding.message


@pytest.mark.parametrize(("name", "array"), SCANS.values(), ids=SCANS)
def test_a_scan_is_none(tmp_path, name, array):
    assert told(saved(tmp_path / "in" / name, array)) == []


def test_the_header_is_believed_if_values_are_whole(tmp_path):
    many = scan(900)
    assert told(saved(tmp_path / "a.nii", many)) == []
    (finding,) = told(saved(tmp_path / "b.nii", many, intent_code=1002))
    assert "its header says that these are labels" in finding.message
    assert told(saved(tmp_path / "c.nii", many / np.float32(7), intent_code=1002)) == []
    assert len(told(saved(tmp_path / "d.nii", np.full(SHAPE, 3, "i2"), intent_code=1002))) == 1


def test_scaled_values_decide(tmp_path):
    assert len(told(saved(tmp_path / "a.nii", labels((0, 2, 4, 8), "i2"), slope=0.5))) == 1
    assert told(saved(tmp_path / "b.nii", labels((0, 1, 2, 3), "i2"), slope=0.3)) == []


def test_inspect_check_and_compare_say_the_same(tmp_path):
    for place in range(3):
        saved(tmp_path / f"case_{place}.nii.gz", labels((0, place + 1)))
    saved(tmp_path / "other.nii.gz", scan(1000))
    expected = {str(tmp_path / f"case_{place}.nii.gz") for place in range(3)}
    found = [
        bnstat.diagnose(tmp_path).findings,
        check(tmp_path).findings,
        check(tmp_path, batch_size=2).findings,
        compare(tmp_path).findings,
        bnstat.compare_layers(tmp_path, by="epsilons", values=["1e-3", "1e-5"]).entries[1].report.findings,
    ]
    for findings in found:
        one = [finding for finding in findings if finding.rule == "BN406"]
        assert {finding.source for finding in one} == expected
        assert len({finding.message for finding in one}) == 3
    assert check(tmp_path, ignore=["BN406"]).findings == tuple(one for one in found[1] if one.rule != "BN406")


def test_workers_and_moments_files_say_the_same(tmp_path):
    for place in range(4):
        saved(tmp_path / "in" / f"case_{place}.nii.gz", labels((0, place + 1), "f4") if place else scan(1000))
    plain = check(tmp_path / "in", select=["BN406"])
    assert len(plain.findings) == 3
    assert check(tmp_path / "in", select=["BN406"], reading=Reading(jobs=2)).findings == plain.findings
    collect(tmp_path / "in", tmp_path / "m.jsonl")
    assert check(tmp_path / "m.jsonl", select=["BN406"]).findings == plain.findings
    lines = [json.loads(line) for line in (tmp_path / "m.jsonl").read_text().splitlines()]
    assert "distinct" not in lines[0]
    for line in lines:  # as an earlier version wrote it
        line.pop("distinct", None)
    (tmp_path / "old.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert check(tmp_path / "old.jsonl", select=["BN406"]).findings == ()


def test_a_channel_of_labels_is_told_by_its_name(tmp_path):
    file = saved(tmp_path / "a.nii", np.stack([scan(1000), labels(dtype="i2"), scan(900)], -1))
    (finding,) = told(file)
    assert finding.channel == 1
    assert "the values of channel 1 look like labels" in finding.message
    assert "Save the images without it" in finding.message


def test_a_file_of_nothing_but_masks_is_told_once(tmp_path):
    (finding,) = told(saved(tmp_path / "a.nii", np.stack([labels((0, 1))] * 5, -1)))
    assert finding.channel is None
    arrays = np.stack([labels((0, 1))] * 6)[..., None]
    np.save(tmp_path / "a.npy", arrays)
    (finding,) = told(tmp_path / "a.npy")
    assert (finding.channel, finding.batch) == (0, None)


def test_patches_of_labels_are_told(tmp_path):
    patched = Reading(preparation=Preparation(patches=Patching((8, 8, 8), number=4)))
    assert len(told(saved(tmp_path / "a.nii.gz", labels()), reading=patched)) == 1
    assert told(saved(tmp_path / "b.nii.gz", scan(1000)), reading=patched) == []


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_labels_in_regions_are_told_and_noise_is_not_whatever_the_type(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("drawn")
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    number = data.draw(st.integers(2, 200))
    dtype = data.draw(st.sampled_from(["u1", "<i2", ">i2", "u2", ">i4", "<f4", ">f4", "f8"]))
    codes = rng.choice(np.arange(1, 256 if dtype == "u1" else 20_000), number, replace=False)
    coarse = np.repeat(np.repeat(rng.integers(0, number, (6, 8, 16)), 6, axis=0), 4, axis=1)
    ending = data.draw(st.sampled_from([".nii", ".nii.gz"]))
    assert len(told(saved(folder / f"x{ending}", codes[coarse].astype(dtype)))) == 1
    noise = rng.normal(120, 30, (36, 32, 16)).clip(0, 255)
    assert told(saved(folder / f"y{ending}", noise.astype(dtype))) == []


def test_names_do_not_make_labels_of_smooth_or_of_many_values():
    one = Distinct(101, 500_000, 0, 100, alike=0.2, steps=0.2, jumps=0.3)
    assert not is_label_map(one, in_name=True)
    apart = replace(one, alike=0.01, jumps=1.15)
    assert is_label_map(apart, in_name=True)
    assert not is_label_map(apart, in_name=False)
    assert not is_label_map(apart, in_name=False, in_folder=True)
    assert is_label_map(replace(apart, count=15), in_name=False, in_folder=True)
    assert not is_label_map(replace(apart, count=3000), in_name=True)
    assert not is_label_map(replace(apart, values=400), in_name=True)


@pytest.mark.parametrize("names", ["{}_seg", "seg {}", "it's {} x", "[{}] *?!", "!{}"])
@pytest.mark.parametrize("number", [1, 3])
def test_what_leaves_label_maps_out_does_so_when_it_is_pasted(tmp_path, names, number):
    for place in range(number):
        saved(tmp_path / "in" / f"{names.format(place)}.nii.gz", labels((0, place + 1)))
        saved(tmp_path / "in" / f"{place}_t1.nii.gz", scan(1000))
    every = Reading(each=True)
    first = bnstat.diagnose(tmp_path / "in", reading=every)
    assert first.verdict[0].startswith(f"{number} of {2 * number} volumes look")
    pasted = {tuple(shlex.split(one)) for one in re.findall("`(--exclude .*?)`", first.verdict[0])}
    pasted |= {
        tuple(shlex.split(one))
        for finding in first.findings
        for one in re.findall("`(--exclude .*?)`", finding.message)
    }
    (options,) = pasted
    assert set(options[::2]) == {"--exclude"}
    after = bnstat.diagnose(tmp_path / "in", reading=Reading(each=True, exclude=tuple(options[1::2])))
    assert [one.source.rpartition("/")[2] for one in after.samples] == [f"{k}_t1.nii.gz" for k in range(number)]
    assert [one for one in after.findings if one.rule == "BN406"] == []


def test_names_that_images_have_too_are_not_given_to_be_left_out(tmp_path):
    paths = [saved(tmp_path / "a" / "1.nii.gz", scan(1000)), saved(tmp_path / "b" / "1.nii.gz", labels())]
    report = bnstat.diagnose([str(path) for path in paths])
    assert "--exclude" not in report.verdict[0]
    assert "Name the images alone" in report.verdict[0]


def test_the_verdicts_speak_of_label_maps_first(tmp_path):
    for place in range(9):
        saved(tmp_path / f"seg_{place}.nii.gz", labels((0, place + 1)))
    alone = bnstat.diagnose(tmp_path / "seg_1.nii.gz")
    assert alone.verdict[0].startswith("This looks like a label map (BN406)")
    assert "To learn whether the batch is too small" not in alone.answer
    says = "All 9 volumes look like label maps (BN406)"
    assert bnstat.diagnose(tmp_path).verdict[0].startswith(says)
    assert bnstat.compare_layers(tmp_path, by="epsilons", values=["1e-3", "1e-5"]).opening[0].startswith(says)
    compared = compare(tmp_path)
    assert compared.recommendation.headline.startswith(says)
    assert compared.opening[0].startswith(says)
    assert compared.recommendation.reason.startswith(says)
    saved(tmp_path / "one" / "a.nii", np.stack([scan(1000), labels(dtype="i2"), scan(900)], -1))
    assert bnstat.diagnose(tmp_path / "one" / "a.nii").verdict[0].startswith("Channel 1 looks like labels (BN406)")
    assert not bnstat.diagnose(saved(tmp_path / "b.nii", scan(1000))).verdict[0].endswith("label")


def test_each_file_of_a_case_is_judged_by_its_own_name():
    sample = Sample("case", None, SHAPE, "int16", files=("a_t1.nii", "a_seg.nii"), channels=("t1", "seg"))
    one = Distinct(90, 500_000, 0, 90, alike=0.01, steps=0.02, jumps=1.15)
    assert [found.channel for found in label_maps(sample, (one, one))] == [1]
