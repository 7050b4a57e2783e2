"""Sums in a framework's order: against what the real layers gave, and against their definition."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from arithmetic_cases import recorded, script
from hypothesis import given, settings
from hypothesis import strategies as st

from bnstat.layers.arithmetic import running_sums
from bnstat.layers.arithmetic.arithmetics import ARITHMETICS, FUSED, LANES, ROWS, SEQUENTIAL, THREADS, TREE
from bnstat.layers.arithmetic.emulation import emulate, onednn_borders, thread_borders
from bnstat.layers.arithmetic.running_sums import Layout

F4 = np.float32
ONEDNN, EIGEN = FUSED[4], FUSED[5]


def fed(x, chunk=None):
    """A batch (samples, rows, channels) as an emulation takes it: whole samples, or pieces of them."""

    def voxels():
        for sample in x:
            channels = np.ascontiguousarray(sample.T)
            yield from (
                [channels]
                if chunk is None
                else [channels[:, k : k + chunk] for k in range(0, channels.shape[1], chunk)]
            )

    return voxels


def values(samples, rows, channels, seed=0, mean=1000.0, sd=10.0):
    rng = np.random.Generator(np.random.PCG64(seed))
    return (rng.standard_normal((samples, rows, channels)) * sd + mean).astype(F4)


def in_order(rows):
    return np.add.accumulate(rows, axis=0, dtype=F4)[-1]


def same_bits(left, right):
    return np.array_equal(np.asarray(left, F4).view(np.uint32), np.asarray(right, F4).view(np.uint32))


LAYERS = recorded("emulated")


@pytest.mark.parametrize("layer", LAYERS)
def test_every_recorded_layer_is_met_to_the_bit(layer):
    name = layer.split()[1]
    fused = {"onednn": ONEDNN, "eigen": EIGEN}
    arithmetic = fused.get(name) or ARITHMETICS[name]
    assert len(LAYERS[layer]) >= 50
    for kind, samples, rows, channels, seed, threads, mean, variance in LAYERS[layer]:
        x = script().Case(kind, samples, (rows, 1, 1), channels, seed).make().reshape(samples, rows, channels)
        got = emulate(arithmetic, fed(x), Layout(samples, rows, channels), threads=threads)
        unbiased = name in fused or arithmetic is THREADS
        assert got.kind == "emulated"
        assert got.mean.view(np.uint32).tolist() == mean, (layer, kind, samples, rows, channels, threads)
        given_variance = got.unbiased if unbiased else got.variance.astype(F4)
        assert given_variance.view(np.uint32).tolist() == variance, (layer, kind, samples, rows, channels, threads)


def test_recordings_say_where_they_were_made():
    import json

    from arithmetic_cases import RECORDINGS

    for path in RECORDINGS.glob("arithmetic-*.json"):
        content = json.loads(path.read_text(encoding="utf-8"))
        assert content["versions"]["numpy"]
        assert "avx2" in content["cpu_flags"]


WAYS = ((THREADS, 3), (THREADS, None), (SEQUENTIAL, None), (ONEDNN, 2), (EIGEN, None), (LANES, None), (ROWS, None))


@settings(max_examples=60, deadline=None)
@given(
    way=st.sampled_from(WAYS),
    samples=st.integers(1, 3),
    rows=st.integers(1, 70),
    channels=st.sampled_from((2, 3, 4, 8, 9)),
    chunk=st.integers(1, 40),
    seed=st.integers(0, 1000),
)
def test_how_voxels_are_cut_into_chunks_changes_no_bit(way, samples, rows, channels, chunk, seed):
    arithmetic, threads = way
    x, layout = values(samples, rows, channels, seed), Layout(samples, rows, channels)
    whole = emulate(arithmetic, fed(x), layout, threads=threads)
    pieces = emulate(arithmetic, fed(x, chunk), layout, threads=threads)
    assert np.array_equal(whole.low, pieces.low)
    assert np.array_equal(whole.high, pieces.high)
    if whole.kind == "emulated":
        assert same_bits(whole.mean, pieces.mean)
        assert same_bits(whole.unbiased, pieces.unbiased)


@pytest.mark.parametrize("channels", range(2, 8))
@pytest.mark.parametrize("samples", [1, 3])
def test_sequential_is_the_plain_formula_below_eight_channels(channels, samples):
    x = values(samples, 2001, channels)
    flat = x.reshape(-1, channels)
    mean = in_order(flat) / F4(len(flat))
    variance = in_order((flat - mean) ** 2) / F4(len(flat))
    got = emulate(SEQUENTIAL, fed(x), Layout(samples, 2001, channels))
    assert same_bits(got.mean, mean)
    assert same_bits(got.variance, variance)


def test_eight_channels_are_a_packet_with_four_sums_and_a_ninth_is_summed_plainly():
    x = values(1, 1003, 9)
    flat = x[0]
    four = [in_order(flat[k:1000:4, :8]) for k in range(4)]
    packet = in_order(np.concatenate([(((four[0] + four[1]) + four[2]) + four[3])[None], flat[1000:, :8]]))
    got = emulate(SEQUENTIAL, fed(x), Layout(1, 1003, 9))
    assert same_bits(got.mean[:8], packet / F4(1003))
    assert same_bits(got.mean[8:], in_order(flat[:, 8:]) / F4(1003))


def test_threads_sum_their_chunks_and_float64_adds_them():
    x = values(1, 1003, 2)
    chunks = [in_order(x[0, begin:end]).astype(np.float64) for begin, end in pairwise((0, 335, 670, 1003))]
    got = emulate(THREADS, fed(x), Layout(1, 1003, 2), threads=3, fma=False)
    assert same_bits(got.mean, (sum(chunks) / 1003).astype(F4))


def test_without_fused_multiply_add_squares_are_rounded_before_they_are_added():
    x = values(1, 501, 2)
    mean = (in_order(x[0]).astype(np.float64) / 501).astype(F4)
    squares = in_order((x[0] - mean) ** 2)
    got = emulate(THREADS, fed(x), Layout(1, 501, 2), threads=1, fma=False)
    assert np.array_equal(got.variance, squares / np.float64(501))


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    scale=st.sampled_from((1e-3, 1.0, 17.25, 4096.0)),
    kind=st.sampled_from(("normal", "whole", "same")),
    size=st.integers(1, 400),
)
def test_squares_are_added_with_one_rounding(seed, scale, kind, size):
    rng = np.random.Generator(np.random.PCG64(seed))
    made = {
        "normal": rng.standard_normal(size),
        "whole": rng.integers(-9, 9, size),
        "same": np.full(size, rng.standard_normal()),
    }[kind]
    d = (made * scale).astype(F4)
    total = F4(0.0)
    for one in d:  # exactly, then rounded to float32 once
        exact = Fraction(float(total)) + Fraction(float(one)) ** 2
        below, above = (np.nextafter(F4(float(exact)), F4(end)) for end in (-np.inf, np.inf))
        total = min(
            (below, F4(float(exact)), above),
            key=lambda near: (abs(Fraction(float(near)) - exact), int(near.view(np.uint32)) & 1),
        )
    assert same_bits(running_sums.plus_squares(F4(0.0), d), total)


def test_a_half_way_float64_sum_is_not_rounded_twice():
    left, right = np.array([1.0]), np.array([2.0**-24 + 2.0**-60])  # just above half way: up, and not to even
    assert running_sums.rounded_sum(left, right)[0] == F4(1.0) + F4(2.0**-23)
    assert running_sums.rounded_sum(left, np.array([2.0**-24]))[0] == F4(1.0)
    assert running_sums.rounded_sum(left + 2.0**-23, np.array([2.0**-24 - 2.0**-60]))[0] == F4(1.0) + F4(2.0**-23)


@settings(deadline=None)
@given(count=st.integers(1, 2000), threads=st.integers(1, 80), channels=st.integers(2, 40))
def test_thread_borders_cover_all_rows_in_at_most_as_many_chunks_as_threads(count, threads, channels):
    borders = thread_borders(count, threads, channels)
    assert borders[0] == 0
    assert borders[-1] == count
    assert list(borders) == sorted(set(borders))
    assert len(borders) - 1 <= threads
    if count <= threads:
        assert len(borders) - 1 == (count if channels > 16 else 1)


def test_more_channels_than_16_of_no_more_rows_than_threads_are_summed_in_float64():
    """The values of the second row are PyTorch's own, in 8 threads; the first has what one chunk of float32 gives."""
    x = (1000 + 1e-3 * np.random.default_rng(0).normal(size=(1, 8, 32))).astype(F4)
    mean = x.astype(np.float64).mean(axis=1)[0].astype(F4)
    squares = ((x[0] - mean) ** 2).astype(np.float64).sum(axis=0)
    got = emulate(THREADS, fed(x), Layout(1, 8, 32), threads=8)
    assert got.kind == "emulated"
    assert same_bits(got.mean, mean)
    assert same_bits(got.unbiased, squares / 7)
    assert got.variance[13] == pytest.approx(3.2922e-07, rel=1e-4)
    few = emulate(THREADS, fed(x[:, :, :16]), Layout(1, 8, 16), threads=8)
    assert few.variance[13] == pytest.approx(3.3202e-07, rel=1e-4)


@pytest.mark.parametrize(("rows", "channels"), [(3, 20), (3, 2), (70, 17), (500, 4), (1500, 2)])
@pytest.mark.parametrize("offset", [1000.0, 1e6])
def test_the_band_over_threads_holds_every_number_of_them_with_a_large_offset(rows, channels, offset):
    x = values(1, rows, channels, mean=offset, sd=1e-6 * offset)
    band = emulate(THREADS, fed(x), Layout(1, rows, channels))
    for threads in range(1, 65):
        variance = emulate(THREADS, fed(x), Layout(1, rows, channels), threads=threads).variance
        assert (variance >= band.low).all()
        assert (variance <= band.high).all()


@pytest.mark.parametrize(
    ("layout", "threads", "borders"),
    [
        (Layout(1, 7, 4), 2, (0, 4, 7)),  # threads share the only sample
        (Layout(1, 7, 3), 2, (0, 7)),  # channels not in fours: a sample is never shared
        (Layout(3, 7, 4), 2, (0, 14, 21)),  # whole samples, the first thread has two
        (Layout(2, 7, 8), 4, (0, 4, 7, 11, 14)),
        (Layout(1, 1, 4), 8, (0, 1)),
    ],
)
def test_onednn_gives_threads_whole_samples_first(layout, threads, borders):
    assert onednn_borders(layout, threads) == borders


@pytest.mark.parametrize("kind", ["head", "hounsfield", "normal 10000 1", "constant 1000.3", "unit"])
def test_the_band_over_threads_holds_every_number_of_them(kind):
    rng = np.random.Generator(np.random.PCG64(11))
    x = script().make_values(kind, (1, 20, 31, 17, 2), rng).astype(F4).reshape(1, -1, 2)
    layout = Layout(1, x.shape[1], 2)
    band = emulate(THREADS, fed(x), layout)
    assert band.kind == "bounded"
    assert band.mean is band.variance is band.unbiased is None
    for threads in range(1, 65):
        variance = emulate(THREADS, fed(x), layout, threads=threads).variance
        assert (variance >= band.low).all()
        assert (variance <= band.high).all()


def test_a_number_of_threads_that_changes_nothing_needs_no_band():
    x = values(1, 300, 3)
    assert emulate(ONEDNN, fed(x), Layout(1, 300, 3)).kind == "emulated"


def test_nan_and_inf_stay_in_their_channel():
    x = values(1, 40, 3)
    x[0, 3, 0], x[0, 5, 1] = np.nan, np.inf
    for arithmetic in (THREADS, SEQUENTIAL, LANES):
        got = emulate(arithmetic, fed(x), Layout(1, 40, 3), threads=2)
        assert np.isnan(got.variance).tolist() == [True, True, False]
        assert np.isnan(got.mean[0])
        assert np.isinf(got.mean[1])


def test_one_channel_of_moments_is_said_not_to_be_emulated():
    assert not SEQUENTIAL.is_emulated(1)
    assert ONEDNN.is_emulated(1)
    assert EIGEN.is_emulated(1)
    assert not TREE.is_emulated(3)
    with pytest.raises(ValueError, match="not emulated"):
        emulate(SEQUENTIAL, fed(values(1, 5, 1)), Layout(1, 5, 1))


@pytest.mark.parametrize(("mean", "row"), [(1e5, 54), (1e5, 137), (1e6, 53), (1e6, 57)])
def test_a_band_over_unknown_threads_holds_a_number_of_them_that_rounds_the_mean_elsewhere(mean, row):
    # the twelve numbers of threads agree on a mean; 5 threads have another one, which adds the square of its distance
    values = np.random.default_rng(0).standard_normal((200, 566))[row] + mean
    x = np.repeat(values.astype(np.float32)[np.newaxis], 2, axis=0)
    band = emulate(THREADS, lambda: [x], Layout(1, 566, 2))
    five = emulate(THREADS, lambda: [x], Layout(1, 566, 2), threads=5)
    assert band.low[0] <= five.low[0] <= band.high[0]
    assert band.high[0] < five.low[0] * 1.2
