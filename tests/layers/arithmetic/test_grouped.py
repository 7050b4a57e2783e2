"""Group norm with channels last: PyTorch's sums in its own order, against their definition and the real layer."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from arithmetic_cases import RECORDINGS, script

from bnstat.layers.arithmetic.grouped import emulate_groups
from bnstat.layers.arithmetic.running_sums import Layout

F4 = np.float32
ROWS = json.loads((RECORDINGS / "arithmetic-grouped-torch.json").read_text(encoding="utf-8"))["rows"]


def fed(x):
    """A batch (samples, rows, channels) as an emulation takes it."""
    return lambda: (np.ascontiguousarray(sample.T) for sample in x)


def values(samples, rows, channels, seed=0, mean=1000.0, sd=10.0):
    rng = np.random.Generator(np.random.PCG64(seed))
    return (rng.standard_normal((samples, rows, channels)) * sd + mean).astype(F4)


def in_order(rows):
    return np.add.accumulate(rows, axis=0, dtype=F4)[-1]


def scale_of(variance):
    """What the layer returns in place of a variance, with ε = 0."""
    with np.errstate(divide="ignore"):
        return (1.0 / np.sqrt(variance)).astype(F4)


@pytest.mark.parametrize("capability", ROWS)
def test_every_recorded_layer_is_met_to_the_bit(capability):
    assert len(ROWS[capability]) >= 60
    for kind, samples, rows, channels, seed, groups, threads, mean, scale in ROWS[capability]:
        x = script().Case(kind, samples, (rows, 1, 1), channels, seed).make().reshape(samples, rows, channels)
        got = emulate_groups(fed(x), Layout(samples, rows, channels), groups, threads=threads, capability=capability)
        case = (capability, kind, samples, rows, channels, groups, threads)
        assert got.kind == "emulated"
        assert got.mean.view(np.uint32).tolist() == mean, case
        assert scale_of(got.variance).view(np.uint32).tolist() == scale, case


def test_few_voxels_are_summed_in_lanes_that_are_folded_half_onto_half():
    x = values(1, 50, 20)  # two groups of ten channels: eight lanes, and two of them twice
    lanes = np.zeros((100, 8), F4)
    lanes[0::2], lanes[1::2, :2] = x[0, :, :8], x[0, :, 8:10]
    sums, squares = in_order(lanes), in_order(lanes * lanes)
    for half in (4, 2, 1):
        sums, squares = sums[:half] + sums[half:], squares[:half] + squares[half:]
    got = emulate_groups(fed(x), Layout(1, 50, 20), 2, capability="avx2")
    scale = F4(1) / F4(500)
    assert got.mean[0] == sums[0] * scale
    exact = float(squares[0]) * float(scale) - float((sums[0] * scale) ** 2)  # float64 holds the product
    assert got.variance[0] == F4(exact)


def test_many_voxels_are_summed_by_threads_across_samples_and_channel_after_channel():
    x = values(2, 1500, 4)
    got = emulate_groups(fed(x), Layout(2, 1500, 4), 2, threads=4, capability="default")
    # four chunks of 750 voxels: two in each sample
    parts = [[in_order(x[1, begin : begin + 750, channel]) for begin in (0, 750)] for channel in (0, 1)]
    total = in_order(np.array(parts, F4).ravel())
    assert got.mean[2] == total * (F4(1) / F4(3000))


@pytest.mark.parametrize(("rows", "channels", "groups"), [(7, 6, 2), (40, 34, 2), (1023, 4, 4), (1100, 6, 3)])
@pytest.mark.parametrize("offset", [0.0, 1000.0, 30000.0])
def test_without_threads_or_instructions_a_band_holds_all_of_them(rows, channels, groups, offset):
    x, layout = values(2, rows, channels, mean=offset, sd=5.0), Layout(2, rows, channels)
    band = emulate_groups(fed(x), layout, groups)
    assert band.kind == "bounded"
    for capability in ("default", "avx2") if rows < 1024 else ("avx2",):
        for threads in range(1, 65, 1 if rows >= 1024 else 64):
            variance = emulate_groups(fed(x), layout, groups, threads=threads, capability=capability).variance
            assert (variance >= band.low).all()
            assert (variance <= band.high).all()


@pytest.mark.parametrize(("seed", "threads"), [(1, 5), (4, 9), (32, 10), (55, 28), (198, 54), (206, 22)])
def test_a_band_over_some_numbers_of_threads_is_relied_on_only_where_it_is_narrow(seed, threads):
    """With the numbers that are tried the layer computes 0 here, and with others up to 1148."""
    layout = Layout(4, 1300, 2)
    far, near = (values(4, 1300, 2, seed, mean=mean, sd=5.0) for mean in (30000.0, 10.0))
    band = emulate_groups(fed(far), layout, 1)
    variance = emulate_groups(fed(far), layout, 1, threads=threads).variance
    assert (variance >= band.low).all()
    assert (variance <= band.high).all()
    assert np.isinf(band.high).all()
    assert np.isfinite(emulate_groups(fed(near), layout, 1).high).all()


def test_a_nan_stays_in_its_group():
    x = values(2, 30, 4)
    x[1, 3, 0] = np.nan
    got = emulate_groups(fed(x), Layout(2, 30, 4), 2, capability="avx2")
    assert np.isnan(got.variance).tolist() == [False, False, True, False]


@pytest.mark.parametrize("capability", ["default", "avx2"])
def test_the_layers_that_are_installed_agree_in_random_shapes(capability):
    """Random shapes, threads and groups, batch norm and group norm: the sweep of scripts/conformance, cut short."""
    pytest.importorskip("torch")
    sweep = Path(__file__).parents[3] / "scripts" / "conformance" / "channels_last.py"
    ran = subprocess.run(
        [sys.executable, str(sweep), "--runs", "15", "--format", "json"],
        env={**os.environ, "ATEN_CPU_CAPABILITY": capability},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    found = json.loads(ran.stdout)
    if found["capability"] != capability:
        pytest.skip(f"this processor has {found['capability']}")
    for layer in ("batch", "group"):
        assert found[layer]["to the bit"] > 20
        assert found[layer]["mismatches"] == found[layer]["out of band"] == []
