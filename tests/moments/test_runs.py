"""Tests of moments from runs of equal values: the same bits as from all values, and none where sums are not exact."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bnstat.moments import one_pass
from bnstat.moments.counting import Counting, LocalCounts
from bnstat.moments.kernels import Workspace, reduce_run
from bnstat.moments.runs import Runs
from bnstat.preprocessing.samples import rows_of
from bnstat.preprocessing.settings import UNPREPARED
from bnstat.sources.case import Case
from bnstat.sources.formats.memory import InMemory
from bnstat.sources.opened import plan_case

TYPES = ["u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f4", "f8"]


def runs_of(values):
    return Runs.of(values, np.empty(values.size, np.bool_))


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_moments_of_runs_have_the_bits_of_those_of_all_values(data):
    dtype = np.dtype(data.draw(st.sampled_from(TYPES)))
    least, most = (-(2.0**40), 2.0**40) if dtype.kind == "f" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    size = data.draw(st.sampled_from([3, 100, 70_000, 2**40]))
    low = data.draw(st.integers(max(int(least), -size), min(int(most), size)))
    pool = data.draw(st.lists(st.integers(low, min(int(most), low + size)), min_size=1, max_size=20))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    number = data.draw(st.sampled_from([1, 2, 30, 400]))
    values = np.repeat(np.array(pool, dtype)[rng.integers(0, len(pool), number)], rng.integers(40, 300, number))
    runs = runs_of(values)
    assert runs.lengths.sum() == values.size
    assert (np.repeat(runs.values, runs.lengths.astype(int)) == values).all()
    found = runs.cell()
    if found is not None:
        assert found == reduce_run(values, Workspace())
    elif max(map(abs, pool)) < 1000 and np.unique(values).size > 1:
        assert values.mean() ** 2 > 60 * values.var()  # reduced in two passes


@pytest.mark.parametrize("odd", [np.inf, -np.inf, 0.5, 2.0**30])
def test_no_moments_are_taken_of_runs_whose_sums_are_not_exact(odd):
    values = np.repeat(np.array([0.0, 1.0, odd, 3.0]), 1000)
    assert runs_of(values).cell() is None


def test_short_runs_are_none():
    assert runs_of(np.repeat(np.arange(100), 8)) is None
    assert runs_of(np.repeat(np.arange(100), 40)).values.size == 100
    assert runs_of(np.zeros(1)).values.size == 1


@pytest.mark.parametrize("dtype", [*TYPES, ">i2", ">f4"])
@pytest.mark.parametrize("axes", ["one", "channels", "samples"])
def test_a_label_map_has_the_moments_that_it_has_without_a_count(dtype, axes, monkeypatch):
    taken = []
    reduced = LocalCounts.reduced
    monkeypatch.setattr(LocalCounts, "reduced", lambda *given: taken.append(reduced(*given)) or taken[-1])
    rng = np.random.default_rng(3)
    coarse = rng.integers(0, 90, (6, 6, 40))
    values = np.asfortranarray(np.repeat(np.repeat(coarse, 40, axis=0), 30, axis=1).astype(dtype))
    if axes != "one":
        values = np.asfortranarray(np.stack([values, values // 2, values * 0], -1))
    (part,) = plan_case(Case.holding(InMemory("array 1", values)), -1, 3 if axes == "samples" else "none").parts
    counting = Counting(part.volume, part.arrangement, thorough=False)
    counted = one_pass.scan_volume(part.volume, part.arrangement, None, counting)
    plain = one_pass.scan_volume(part.volume, part.arrangement, None)
    for name in ("count", "mean", "m2", "minimum", "maximum", "nan", "inf"):
        assert np.array_equal(getattr(counted, name), getattr(plain, name)), name
    assert any(one is not None for one in taken)
    assert counting.found()[0].count == np.unique(values[..., 0] if axes == "channels" else values).size


def test_threads_do_not_change_what_is_found(tmp_path, monkeypatch):
    import nibabel as nib

    rng = np.random.default_rng(5)
    values = np.repeat(np.repeat(rng.integers(0, 3000, (5, 8, 100)), 32, axis=0), 32, axis=1).astype("i2")
    nib.save(nib.Nifti1Image(values, np.eye(4)), tmp_path / "a.nii")
    found = []
    for number in (1, 2, 4):
        monkeypatch.setattr(one_pass, "processors", lambda number=number: number)
        found.append(rows_of(plan_case(Case.of(str(tmp_path / "a.nii")), -1, None), UNPREPARED)[0].distinct)
    assert found[0] == found[1] == found[2]
    assert found[0][0].count == np.unique(values).size
