"""Moments that are kept: what is read is what was written, and every command answers from it as from the volumes."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import bnstat
from bnstat.errors import InputError, UsageError
from bnstat.moments.moments import Moments
from bnstat.preprocessing.samples import Row
from bnstat.preprocessing.settings import UNPREPARED, Patching, Preparation
from bnstat.reading.moments_file import examine, read_moments
from bnstat.reading.moments_line import MomentsLine, Stamp, line_of, parse
from bnstat.reading.moments_schema import SCHEMA
from bnstat.reading.scan_settings import ScanSettings
from bnstat.reading.settings import Reading
from bnstat.sources.layout import Tensor
from bnstat.sources.sample import Patch, Sample
from bnstat.sources.storage import is_moments

SCANS = Path(nibabel.__file__).parent / "tests" / "data"
SETTINGS = ScanSettings(-1, None, UNPREPARED)


def kept(moments, sample=None, **more):
    shape = (moments.finite.size,)
    sample = sample or Sample("a.nii", None, shape, "float32")
    given = {"settings": SETTINGS, "stamp": Stamp(1, 2), "place": 0, "samples": 1, **more}
    return MomentsLine(Row(sample, moments, Tensor(shape, 1)), **given)


def written(path, lines):
    path.write_text("".join(line_of(line) for line in lines))
    return str(path)


values = st.one_of(
    arrays.arrays(st.sampled_from([np.float32, np.float64]), st.tuples(st.integers(0, 6), st.just(3))),
    arrays.arrays(st.sampled_from([np.int16, np.uint8, np.int64, np.uint64]), st.tuples(st.integers(0, 6), st.just(3))),
)


@given(values, st.floats(-1e3, 1e3).filter(bool), st.floats(-1e3, 1e3))
@settings(deadline=None)
def test_what_is_read_back_has_the_same_bits(array, slope, intercept):
    for moments in (Moments.from_array(array), Moments.from_array(array).affine(slope, intercept)):
        line = line_of(kept(moments))
        found = parse(line.encode()).row.moments
        there = moments.finite > 0
        for name in ("finite", "nan", "inf", "varies"):
            np.testing.assert_array_equal(getattr(found, name), getattr(moments, name))
        for name in ("mean", "mean_tail", "m2"):
            before, after = getattr(moments, name), getattr(found, name)
            defined = np.isfinite(before)
            assert before[defined].tobytes() == after[defined].tobytes()
            assert name == "mean_tail" or not np.isfinite(after[~defined]).any()
        for name in ("minimum", "maximum"):
            before, after = getattr(moments, name), getattr(found, name)
            known = there & np.isfinite(before.astype(np.float64))  # a scale factor may leave float64
            assert after[known].tolist() == before[known].tolist()
        assert line_of(parse(line.encode())) == line


def test_a_line_says_all_of_a_sample_that_is_known():
    sample = Sample(
        "BraTS_1", 3, (4, 4, 4, 2), "int16", "2 s", ("a.nii", "b.nii"), ("t1", "t2"), Patch((-1, 0, 2), (2, 2, 2), True)
    )
    settings = ScanSettings(-1, "none", Preparation("clip:0,1|zscore", None, Patching((2, 2, 2), 4, foreground="0.5")))
    one = kept(Moments.from_array(np.arange(4.0).reshape(2, 2)), sample, settings=settings, place=2, samples=4)
    found = parse(line_of(one).encode())
    assert (found.row.sample, found.settings, found.place, found.samples, found.stamp) == (
        sample,
        settings,
        2,
        4,
        Stamp(1, 2),
    )
    assert json.loads(line_of(one))["schema"] == SCHEMA


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "line 2 is damaged: it is not JSON: expecting property name enclosed in double quotes at character"),
        ("[]", "line 2 is damaged: it is \\[\\]: expected object, got array"),
        ('{"schema": "bnstat.moments/2"}', "its schema is 'bnstat.moments/2', and this version reads bnstat.moments/1"),
        ('{"schema": "bnstat.moments/1", "source": "x"}', "it lacks index"),
        ("[" * 100_000, "line 2 is damaged: it: Expected object, got array"),
        ("", "line 2 is damaged"),
    ],
)
def test_a_damaged_line_is_named_by_its_number(tmp_path, line, message):
    path = written(tmp_path / "m.jsonl", [kept(Moments.from_array(np.arange(6.0).reshape(2, 3)))])
    with Path(path).open("a") as file:
        file.write(line + "\n")
    with pytest.raises(InputError, match=message):
        read_moments(path)


def complete_line():
    sample = Sample("x.nii", 3, (4, 4, 4, 2), "int16", "2 s", ("a", "b"), ("t", "u"), Patch((0, 0, 2), (2, 2, 2), True))
    settings = ScanSettings(-1, None, Preparation(patches=Patching((2, 2, 2), 4, foreground="0.5")))
    return json.loads(line_of(kept(Moments.from_array(np.arange(4.0).reshape(2, 2)), sample, settings=settings)))


def places(value, at=()):
    """Where something is in nested tables and lists."""
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, entry in entries:
        yield (*at, key)
        yield from places(entry, (*at, key))


ODD = st.one_of(
    st.sampled_from([None, "x", "3", True, -1, 0, 2.5, 1e308, 10**30, -(10**30), 2**64, [], {}, [1], [None], ["a"]]),
    st.recursive(
        st.none() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    ),
)


@given(st.data(), ODD)
@settings(deadline=None)
def test_a_line_that_was_edited_is_understood_or_refused_with_the_field(data, odd):
    fields = complete_line()
    *way, last = data.draw(st.sampled_from([*places(fields)]))
    holder = fields
    for key in way:
        holder = holder[key]
    if data.draw(st.booleans()):
        holder[last] = odd
    else:
        del holder[last]
    try:
        found = parse(json.dumps(fields).encode())
    except ValueError:
        return
    assert line_of(parse(line_of(found).encode())) == line_of(found)


@pytest.mark.parametrize(
    ("way", "value", "message"),
    [
        (("channels", 0, "count"), "12", r"channels\[0\].count is '12': expected int, got str"),
        (("channels", 1, "count"), -1, r"channels\[1\].count is -1: expected int >= 0"),
        (("channels", 0, "mean"), float("nan"), "NaN is not a number of JSON"),
        (("channels", 0, "m2"), -1.0, r"channels\[0\].m2 is -1.0: expected float >= 0.0"),
        (("channels", 0, "min"), 99, r"channels\[0\].min 99 is above its max 2.0"),
        (("channels", 0, "mean"), -1e9, r"mean -1000000000.0 is beyond its min 0.0 and max 2.0"),
        (("channels", 0, "max"), 10**30, r"channels\[0\].max is 1000000\d+, which is not a number of 64 bits"),
        (("types",), None, "types is None: expected array, got null"),
        (("types",), ["real"], r"types has 'real', which is not a type of real numbers"),
        (("names",), ["t"], r"names \['t'\] are not those of 2 channels"),
        (("channels",), [], "it has 0 channels, and its tensor has 2"),
        (("samples",), 10**30, "samples is 1000000"),
        (("tensor",), [], r"tensor is \[\]: expected array of length >= 1"),
        (("axis",), 4, "axis 4 is not an axis of tensor"),
        (("settings", "patches"), None, "only one of patch and settings.patches is given, and a patch needs both"),
        (("patch",), None, "patch is None: expected object, got null"),
        (("patch", "start"), [0], "has other axes"),
        (("shape",), [4, 4], "has fewer axes than patch.size"),
        (("files",), ["a"], r"files is \['a'\]: expected array of length >= 2"),
        (("settings", "patches", "more"), 1, "settings.patches has the unknown field more"),
    ],
)
def test_a_field_that_cannot_be_is_named(way, value, message):
    fields = holder = complete_line()
    for key in way[:-1]:
        holder = holder[key]
    holder[way[-1]] = value
    with pytest.raises(ValueError, match=message):
        parse(json.dumps(fields).encode())


def test_a_case_of_very_many_samples_is_not_complete(tmp_path):
    moments = Moments.from_array(np.arange(6.0).reshape(2, 3))
    path = written(tmp_path / "m.jsonl", [kept(moments, samples=2**40)])
    assert examine(path).incomplete == 1


def test_a_last_line_without_its_end_and_a_case_without_all_samples_are_left_out_and_said(tmp_path):
    moments = Moments.from_array(np.arange(6.0).reshape(2, 3))
    samples = [Sample(name, index, (3,), "float64") for name, index in (("a", 0), ("a", 1), ("b", 0))]
    lines = [kept(moments, one, place=one.index, samples=2) for one in samples]
    path = written(tmp_path / "m.jsonl", lines)
    with Path(path).open("a") as file:
        file.write(line_of(lines[0])[:100])
    found = read_moments(path)
    assert [row.sample for row in found.rows] == samples[:2]
    (note,) = found.notes
    assert "its last line is incomplete and 1 case lacks a sample" in note
    assert "--resume" in note


def test_files_that_overlap_may_be_joined_where_they_say_the_same(tmp_path):
    one, other = (Moments.from_array(np.arange(6.0).reshape(2, 3) + k) for k in (0, 1))
    path = written(tmp_path / "m.jsonl", [kept(one), kept(one)])
    assert len(read_moments(path).rows) == 1
    assert "skipped 1 repeated line; each sample counts once" in read_moments(path).notes[0]
    with pytest.raises(InputError, match=r"line 2 has other moments of a\.nii"):
        examine(written(tmp_path / "m.jsonl", [kept(one), kept(other)]))


def test_samples_of_different_settings_are_not_mixed(tmp_path):
    moments = Moments.from_array(np.arange(6.0).reshape(2, 3))
    other = kept(moments, Sample("b", None, (3,), "float64"), settings=ScanSettings(-1, None, Preparation("zscore")))
    with pytest.raises(InputError, match='different settings: b was scanned with `intensity="zscore"`'):
        read_moments(written(tmp_path / "m.jsonl", [kept(moments), other]))


def test_a_setting_of_several_lines_is_told_in_one(tmp_path):
    moments = Moments.from_array(np.arange(6.0).reshape(2, 3))
    other = kept(moments, Sample("b", None, (3,), "float64"), settings=ScanSettings(-1, None, Preparation("zscore")))
    path = Path(written(tmp_path / "m.jsonl", [kept(moments), other]))
    path.write_text(path.read_text().replace('"zscore"', r'"a\nb"'))
    with pytest.raises(InputError) as caught:
        read_moments(str(path))
    assert r'b was scanned with `intensity="a\nb"`' in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_only_a_file_that_says_so_holds_moments(tmp_path):
    path = tmp_path / "named.anything"
    written(path, [kept(Moments.from_array(np.arange(6.0).reshape(2, 3)))])
    assert is_moments(str(path))
    for content in (b"", b'{"schema": "bnstat.inspect/1"}', b"\x00" * 100, b'\x1f\x8b\x08\x08"bnstat.moments/1"'):
        path.write_bytes(content)
        assert not is_moments(str(path))
    assert not is_moments(str(tmp_path))
    assert not is_moments("no\0file")


@pytest.fixture(scope="module")
def volumes():
    return sorted(str(path) for path in SCANS.glob("*.nii*") if path.name != "bad.nii.gz")[:6] or pytest.fail(
        "no scans"
    )


@pytest.fixture(scope="module")
def scanned(volumes, tmp_path_factory):
    path = tmp_path_factory.mktemp("scan") / "moments.jsonl"
    found = bnstat.collect(volumes, path)
    assert not found.errors
    return str(path)


@pytest.mark.parametrize("layer", [{}, {"framework": "torch", "normalizer": "layer"}, {"dtype": "float16"}])
def test_answers_from_moments_are_those_from_the_volumes(volumes, scanned, layer):
    """Everything: predictions of presets that are not emulated too."""
    one, other = (bnstat.diagnose(paths, **layer) for paths in (volumes, scanned))
    assert one.batches == other.batches
    assert one.samples == other.samples
    assert one.findings == other.findings


def test_emulated_sums_are_a_band_without_voxels(volumes, scanned):
    (first, *_), (kept_one, *_) = (
        bnstat.diagnose(paths, framework="keras-tensorflow").batches for paths in (volumes, scanned)
    )
    for before, after in zip(first.parts, kept_one.parts, strict=True):
        assert after.prediction.kind != "emulated"
        assert after.prediction.low <= before.prediction.variance <= after.prediction.high
        assert before.variance == after.variance


def test_settings_that_do_not_fit_are_refused(scanned):
    with pytest.raises(
        UsageError, match="was scanned with `axis=-1`, not `axis=1`; scan again with `axis=1`, or drop the option"
    ):
        bnstat.diagnose(scanned, axis=1)
    with pytest.raises(UsageError, match="was scanned without `batch_axis=3`; scan again with it, or drop the option"):
        bnstat.diagnose(scanned, batch_axis=3)
    asked = bnstat.Reading(preparation=Preparation(intensity="zscore"))
    with pytest.raises(UsageError, match='was scanned without `intensity="zscore"`; scan again with it'):
        bnstat.diagnose(scanned, reading=asked)


def test_moments_and_volumes_may_stand_side_by_side(volumes, scanned):
    mixed = bnstat.diagnose([volumes[0], scanned, volumes[1]])
    alone = bnstat.diagnose([volumes[0], *volumes, volumes[1]])
    assert mixed.samples == alone.samples
    assert [batch.channels for batch in mixed.batches] == [batch.channels for batch in alone.batches]


def test_a_damaged_moments_file_is_one_input_that_failed(scanned, volumes, tmp_path):
    bad = tmp_path / "bad.jsonl"
    bad.write_text(Path(scanned).read_text().replace('"count"', '"cuont"'))
    report = bnstat.diagnose([str(bad), volumes[0]])
    (failure,) = report.errors
    assert failure.source == str(bad)
    assert len(report.samples) >= 1


def test_a_variance_that_float64_has_lost_stays_lost_in_the_file_too(tmp_path):
    np.save(tmp_path / "a.npy", np.random.default_rng(0).normal(size=(2, 5, 5, 1)) * 1e300)
    reading = Reading(preparation=Preparation(intensity="scale:1e-300,0"))
    assert not bnstat.collect(tmp_path / "a.npy", tmp_path / "m.jsonl", reading=reading).errors
    one, other = bnstat.diagnose(tmp_path / "a.npy", reading=reading), bnstat.diagnose(tmp_path / "m.jsonl")
    assert one.batches == other.batches
    assert one.batches[0].channels[0].variance is None


def test_extremes_of_one_sample_have_one_type_so_that_merges_keep_whole_numbers_whole(tmp_path):
    for name, values in (("u64", [2**64 - 5, 7]), ("i64", [-3, 2**62])):
        np.save(tmp_path / f"{name}.npy", np.array(values, {"u64": np.uint64, "i64": np.int64}[name]).reshape(1, 2, 1))
    files = [tmp_path / "u64.npy", tmp_path / "i64.npy"]
    assert not bnstat.collect(files, tmp_path / "m.jsonl").errors
    for paths in (files, tmp_path / "m.jsonl"):
        (channel,) = bnstat.diagnose(paths, batch_size=2).batches[0].channels
        assert (channel.minimum, channel.maximum) == (-3, 2**64 - 5)


def test_a_mean_that_is_not_known_leaves_its_sample_out(tmp_path):
    samples = [
        kept(Moments.from_array(np.arange(6.0).reshape(2, 3) + k), Sample(f"{k}", None, (3,), "f4")) for k in range(4)
    ]
    path = written(tmp_path / "m.jsonl", samples)
    lines = Path(path).read_text().splitlines()
    beyond = {"mean": None, "m2": None, "min": None, "max": None}  # as of a scale factor that float64 does not hold
    lines[1] = json.dumps(json.loads(lines[1]) | {"channels": [c | beyond for c in json.loads(lines[1])["channels"]]})
    Path(path).write_text("\n".join(lines) + "\n")
    found = bnstat.compare(path)
    assert [channel.samples for channel in found.population] == [3, 3, 3]
