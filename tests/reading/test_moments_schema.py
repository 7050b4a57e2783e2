"""Lines of moments files are what docs/schema says: those that are written, and those that are accepted."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import nibabel
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bnstat
from bnstat.moments.moments import Moments
from bnstat.preprocessing.samples import Row
from bnstat.reading.moments_line import MomentsLine, Stamp, line_of, parse
from bnstat.reading.network_layer import NetworkLayer
from bnstat.reading.scan_settings import ScanSettings
from bnstat.sources.layout import Tensor
from bnstat.sources.sample import Patch, Sample

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "schema" / "bnstat.moments-1.schema.json").read_text("utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
SCANS = Path(nibabel.__file__).parent / "tests" / "data"

PREPARED = bnstat.Preparation("zscore", None, bnstat.Patching((4, 4, 4), 2))


@pytest.mark.parametrize("preparation", [bnstat.Preparation(), bnstat.Preparation("clip:0,9", ">1"), PREPARED])
def test_every_line_is_valid(tmp_path, preparation):
    np.save(tmp_path / "gaps.npy", np.array([[[1.0, np.nan], [3.0, np.inf]]] * 2))
    files = [*SCANS.glob("*4d.nii.gz"), SCANS / "anatomical.nii", *([tmp_path / "gaps.npy"] * preparation.plain)]
    bnstat.collect(files, tmp_path / "m.jsonl", reading=bnstat.Reading(preparation=preparation))
    lines = [json.loads(line) for line in (tmp_path / "m.jsonl").read_text("utf-8").splitlines()]
    assert len(lines) >= 2
    for line in lines:
        VALIDATOR.validate(line)


def test_every_line_of_a_failure_is_valid_and_no_line_of_a_sample_is_one(tmp_path):
    schema = "bnstat.moments-failure-1.schema.json"
    failures = jsonschema.Draft202012Validator(
        json.loads((Path(__file__).parents[2] / "docs" / "schema" / schema).read_text("utf-8"))
    )
    files = [SCANS / "anatomical.nii", tmp_path / "gone.nii", *(tmp_path / f"{name}.npy" for name in "ab")]
    for file in files[2:]:
        file.write_bytes(b"no array")
    bnstat.collect(files, tmp_path / "m.jsonl", reading=bnstat.Reading(preparation=bnstat.Preparation("zscore")))
    sample, *others = [json.loads(line) for line in (tmp_path / "m.jsonl").read_text("utf-8").splitlines()]
    assert [line["source"] for line in others] == list(map(str, files[1:]))
    for line in others:
        failures.validate(line)
        assert not VALIDATOR.is_valid(line)
    VALIDATOR.validate(sample)
    assert not failures.is_valid(sample)


def written(values, sample, preparation=bnstat.Preparation(), types=(), network=None):  # noqa: B008  (a frozen value)
    moments = Moments.from_array(np.asarray(values))
    row = Row(sample, moments, Tensor((2, 3, moments.finite.size), 3), (), types)
    asked = ScanSettings(-1, None, preparation, network=network)
    return json.loads(line_of(MomentsLine(row, asked, Stamp(1, 2), 0, 1)))


LAYER = NetworkLayer("net:build", "w.pt", "enc.norm", "training", 4, below_batch_norm=True)
PATCH = Patch((0, -1, 2), (4, 4, 4), True)
LINES = [
    written([[0.5], [1e300]], Sample("a.nii", None, (2, 3), "float64"), types=("float64",)),
    written([[np.nan, 1, -0.0], [5e-324, np.inf, 3]], Sample("a\udc80é.nii", None, (2, 3), "float64")),
    written(np.array([[2**64 - 1], [5]], np.uint64), Sample("a.nii", 2, (2, 3), "uint64"), types=("uint64",)),
    written(np.array([[-(2**63), 3], [5, 7]]), Sample("a", 1, (2, 3, 4), "i8", "2 s", ("a", "b"), ("t1", "t2"))),
    written([[1.0], [2.0]], Sample("a.nii", None, (9, 9, 9), "int16", patch=PATCH), PREPARED),
    written([[1.0], [2.0]], Sample("a.nii", None, (9, 9, 9), "int16"), network=LAYER),
]

# What a value may be edited to, as text, so that also what no JSON writer gives is tried.
SMALL = ["0", "1", "-1", "2", "-0", "-0.0", "0.1", "5.0", "1e0", "-1e-400", "5e-324", "1e308", "1e309", "-1e999"]
LARGE = [str(sign * (2**bits + more)) for sign in (1, -1) for bits in (40, 53, 63, 64) for more in (-1, 0, 1)]
TEXTS = ["null", "true", "false", '""', '"x"', '"3"', '"none"', '"int16"', '"\\ud800"', '"\\u0000"', '"\x01"', '"é"']
NESTED = ["[]", "{}", "[1]", "[2,3,1]", "[null]", "[true]", "[1.0]", '["a"]', '["int16"]', '["O"]', "[[1]]", '{"a":1}']
BROKEN = [
    "NaN",
    "Infinity",
    "-Infinity",
    "01",
    "1.",
    ".5",
    "+1",
    "tru",
    "[1,]",
    '{"a":}',
    '"\\x"',
    "",
    " ",
    str(10**400),
]
EDITS = st.sampled_from([*SMALL, *LARGE, *TEXTS, *NESTED, *BROKEN])


def places(value, at=()):
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, entry in entries:
        yield (*at, key)
        yield from places(entry, (*at, key))


@st.composite
def edited_lines(draw):
    """A line with one to three edits: a value replaced, a field or an entry gone, repeated or added."""
    fields = json.loads(json.dumps(draw(st.sampled_from(LINES))))
    edits = draw(st.lists(EDITS, min_size=1, max_size=3))
    for number, _ in enumerate(edits):
        *way, last = draw(st.sampled_from([*places(fields)]))
        holder = fields
        for key in way:
            holder = holder[key]
        kind = draw(st.sampled_from(["replace", "replace", "delete", "add", "repeat"]))
        if kind == "delete":
            del holder[last]
        elif isinstance(holder, list):
            holder.insert(last, holder[last]) if kind == "repeat" else holder.__setitem__(last, f"@{number}@")
        else:
            # A key that is there twice: what is after ## is the key.
            holder[{"replace": last, "add": f"more{number}", "repeat": f"##{last}"}[kind]] = f"@{number}@"
    text = json.dumps(fields, ensure_ascii=draw(st.booleans())).replace('"##', '"')
    for number, edit in enumerate(edits):
        text = text.replace(f'"@{number}@"', edit)
    return text.encode("utf-8", "surrogatepass") + b"\n"


def known(value, schema):
    """A document without the fields that the schema does not name; the settings of patches are all known."""
    if isinstance(value, dict) and "properties" in schema:
        return {name: known(value[name], kind) for name, kind in schema["properties"].items() if name in value}
    return (
        [known(entry, schema["items"]) for entry in value] if isinstance(value, list) and "items" in schema else value
    )


def no_constant(text):
    raise ValueError(text)


def exactly(value):
    """A text that tells integers, booleans, and every bit of a float apart."""
    return repr(value)


@given(edited_lines())
@settings(deadline=None, max_examples=400)
def test_a_line_that_was_edited_is_what_it_says_or_is_refused(line):
    try:
        found = parse(line)
    except ValueError:
        return
    document = known(json.loads(line, parse_constant=no_constant), SCHEMA)
    VALIDATOR.validate(document)
    again = json.loads(line_of(found))
    for one in (document, again):  # with the settings that a line need not have
        one["settings"] = {"selection": None, "intensity_per": "volume", **one["settings"]}
    for name, value in document.items():
        if name not in {"channels", "files", "names", "types", "repetition"}:
            assert exactly(again[name]) == exactly(value)
    for before, after in zip(document["channels"], again["channels"], strict=True):
        for name in ("count", "nan", "inf", "varies"):
            assert exactly(after[name]) == exactly(before[name])
        for name in ("mean", "m2"):
            assert exactly(after[name]) == exactly(None if before[name] is None else float(before[name]))
    ends = [channel[name] for channel in document["channels"] for name in ("min", "max") if channel["count"]]
    if all(isinstance(end, int) for end in ends):
        assert ends == [channel[name] for channel in again["channels"] for name in ("min", "max") if channel["count"]]


@pytest.mark.parametrize("line", LINES)
def test_a_line_that_was_not_edited_is_accepted(line):
    assert json.loads(line_of(parse(json.dumps(line).encode()))) == line


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=4))
@settings(deadline=None)
def test_floats_are_read_to_the_same_bits(values):
    moments = Moments.from_array(np.array(values)[np.newaxis])
    row = Row(Sample("a.nii", None, (1,), "float64"), moments, Tensor((1, len(values)), 2))
    found = parse(line_of(MomentsLine(row, ScanSettings(-1, None, bnstat.Preparation()), Stamp(1, 2), 0, 1)).encode())
    for name in ("mean", "m2", "minimum", "maximum"):
        assert getattr(found.row.moments, name).tobytes() == getattr(moments, name).tobytes()


@pytest.mark.parametrize("field", ["source", "channels", "settings"])
def test_bytes_that_are_not_utf8_are_refused_wherever_they_are(field):
    line = json.dumps({**LINES[0], f"more {field}": "@"}).encode().replace(b"@", b"\x9d")
    with pytest.raises(ValueError, match="utf-8"):
        parse(line)


FINITE = st.floats(allow_nan=False, allow_infinity=False)


@given(
    st.lists(st.floats(), min_size=1, max_size=4),
    st.sampled_from(["float64", "float32", "int64"]),
    st.lists(st.tuples(FINITE, FINITE), max_size=2),
)
@settings(deadline=None, max_examples=400)
def test_what_a_scale_factor_does_to_values_is_accepted_and_read_back(values, kind, scaled):
    with np.errstate(all="ignore"):
        column = np.array(values)[:, np.newaxis]
        moments = Moments.from_array(
            column.astype(kind)
            if kind != "int64"
            else np.nan_to_num(column, posinf=9, neginf=-9).clip(-(2.0**62), 2.0**62).astype(kind)
        )
    for slope, intercept in scaled:
        moments = moments.affine(slope, intercept)
    row = Row(Sample("a.nii", None, (1,), "float64"), moments, Tensor((len(values), 1), 2))
    line = line_of(MomentsLine(row, ScanSettings(-1, None, bnstat.Preparation()), Stamp(1, 2), 0, 1))
    found = parse(line.encode())
    assert line_of(found) == line
    if moments.finite and moments.varies and np.isfinite(moments.mean).all():
        for name in ("minimum", "maximum"):
            assert np.array_equal(getattr(found.row.moments, name), getattr(moments, name), equal_nan=True)


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("name", ["mean", "min", "max"])
@pytest.mark.parametrize("values", [[1, 2, 5], [3, 3, 3]])
def test_a_number_of_values_that_is_null_is_refused(name, values, whole):
    line = written(np.transpose([values, values]), Sample("a.nii", None, (3, 2), "int16"))
    for channel in line["channels"]:
        channel |= {end: (int if whole else float)(channel[end]) for end in ("min", "max")}
    line["channels"][1][name] = None
    with pytest.raises(ValueError, match=rf"channels\[1\]\.{name} is null, and there are 3 values"):
        parse(json.dumps(line).encode())


@pytest.mark.parametrize("name", ["min", "max"])
def test_an_end_of_no_values_is_refused(name):
    line = written([[np.nan, 1], [np.inf, 2]], Sample("a.nii", None, (2, 2), "float64"))
    line["channels"][0][name] = 1.5
    with pytest.raises(ValueError, match=rf"channels\[0\]\.{name} is 1\.5, and there are no values"):
        parse(json.dumps(line).encode())


def test_ends_beyond_float64_are_not_taken_from_another_channel():
    line = written([[1, 1], [2, 2], [5, 5]], Sample("a.nii", None, (3, 2), "int16"))
    line["channels"][1] |= {"min": None, "max": None, "m2": None}
    found = parse(json.dumps(line).encode()).row.moments
    assert (found.minimum.tolist(), found.maximum.tolist()) == ([1, -np.inf], [5, np.inf])
