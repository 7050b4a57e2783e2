"""One report that has everything a renderer can meet, made by hand so that its text never depends on a computer."""

from __future__ import annotations

from contextlib import chdir
from dataclasses import fields, replace
from tempfile import TemporaryDirectory

import numpy as np

from bnstat.layers.frameworks import FRAMEWORKS
from bnstat.layers.results import Batch, Channel, Finite, Group, Statistics
from bnstat.layers.settings import Settings
from bnstat.reports.finding import Failure, Finding
from bnstat.reports.inspect import Report
from bnstat.reports.verdict import verdict
from bnstat.sources.sample import Sample
from bnstat.workflows.compare_layers import compare_layers


def channel(index, **changes):
    """A channel of plain numbers, some of them changed."""
    plain = {
        "channel": index,
        "count": 294_912,
        "mean": 172.91394382,
        "variance": 57_025.91313,
        "std": 238.80099,
        "minimum": 0,
        "maximum": 1162,
        "nan": 0,
        "inf": 0,
        "constant": False,
        "gain": 0.0041875873,
        "output_variance": 0.99999998246,
        "output_std": 0.99999999123,
        "epsilon_share": 1.7535887e-08,
        "running_mean": 1.7291394382,
        "running_variance": 571.24913136,
        "condition_number": 1.2346293247,
        "finite": None,
    }
    return Channel(**{**plain, **changes})


# The numbers that a NaN leaves undefined.
UNDEFINED = dict.fromkeys(
    (
        *("mean", "variance", "std", "gain", "output_variance", "output_std", "epsilon_share"),
        *("running_mean", "running_variance", "condition_number"),
    )
)


def report():
    """Two batches of two channels: one plain, one constant, one with ε in the way, one with NaN."""
    preset = FRAMEWORKS["keras"]
    constant = channel(
        1,
        mean=0.0,
        variance=0.0,
        std=0.0,
        minimum=0,
        maximum=0,
        constant=True,
        gain=31.6227766,
        output_variance=0.0,
        output_std=0.0,
        epsilon_share=1.0,
        running_mean=0.0,
        running_variance=0.99,
        condition_number=None,
    )
    small = channel(
        0,
        mean=0.026952,
        variance=0.00109605,
        std=0.0331066,
        minimum=0.0,
        maximum=1.0,
        gain=21.842,
        output_variance=0.522913,
        output_std=0.723127,
        epsilon_share=0.477087,
        running_mean=0.00026952,
        running_variance=0.99001,
        condition_number=1.2895,
    )
    broken = channel(1, **{**UNDEFINED, "nan": 153, "finite": Finite(294_759, 8442.219, 4_782_206.76)})
    batches = tuple(
        Batch(index, (index,), (1, 128, 96, 24, 2), 4, (0, 1, 2, 3), channels)
        for index, channels in enumerate(((channel(0), constant), (small, broken)))
    )
    findings = (
        Finding("BN101", "zero-variance", "error", "channel 1 is constant.", "a/t1.nii.gz", 0, 1, 0.0),
        Finding("BN103", "epsilon-effect", "warning", "channel 0: ε 0.001 is 47.7 %.", "b|c.nii", 1, 0, 0.477, 0.01),
        Finding("BN104", "nan-voxels", "error", "channel 1 holds 153 NaNs.", "b|c.nii", 1, 1, 153.0, 0.0),
        Finding("BN401", "time-as-channels", "note", "a repetition time (2 s).", "a/t1.nii.gz", 0),
        Finding("BN401", "time-as-channels", "note", "a repetition time (2 s).", "b|c.nii", 1),
    )
    found = Report(
        settings=Settings(preset, preset.epsilon, preset.momentum),
        samples=(
            Sample("a/t1.nii.gz", None, (128, 96, 24, 2), "int16"),
            Sample("b|c.nii", None, (128, 96, 24, 2), "float32"),
        ),
        batches=batches,
        findings=findings,
        errors=(Failure("broken.nii.gz", "the file is truncated"),),
        notes=("skipped 1 input that cannot be read; batches are made of the others",),
        answer="A batch size of 1 does not make the variance zero: each channel is averaged over all 294,912 voxels.",
    )
    return replace(found, verdict=verdict(found))


def group(place, sample, channels, **changes):
    """A group of the numbers of a plain channel, some of them changed."""
    plain = {field.name: getattr(channel(0), field.name) for field in fields(Statistics)}
    return Group(**{**plain, "group": place, "sample": sample, "channels": channels, **changes})


def grouped():
    """A batch of two samples of four channels in two groups: one plain, one constant, one with NaN, one with ε."""
    preset = FRAMEWORKS["torch-group"]
    flat = {"mean": 7.0, "variance": 0.0, "std": 0.0, "minimum": 7, "maximum": 7, "constant": True, "gain": 316.22777}
    flat |= {"output_variance": 0.0, "output_std": 0.0, "epsilon_share": 1.0, "condition_number": None}
    known = {name: None for name in UNDEFINED if not name.startswith("running")}
    groups = (
        group(0, 0, (0, 1)),
        group(1, 0, (2, 3), **flat),
        group(2, 1, (0, 1), **{**known, "nan": 3, "finite": Finite(294_909, 8442.219, 4_782_206.76)}),
        group(3, 1, (2, 3), variance=1e-4, std=0.01, gain=95.346, output_variance=0.90909, epsilon_share=0.090909),
    )
    findings = (
        Finding("BN101", "zero-variance", "error", "channels are constant.", "a/t1.nii.gz", 0, None, 0.0, None, 1),
        Finding("BN104", "nan-voxels", "error", "channels hold 3 NaNs.", "b|c.nii", 0, None, 3.0, 0.0, 2),
        Finding("BN103", "epsilon-effect", "warning", "ε 1e-05 is 9 %.", "b|c.nii", 0, None, 0.09, 0.01, 3),
    )
    found = Report(
        settings=Settings(preset, preset.epsilon, None, batch_size=2, normalizer="group:2"),
        samples=(
            Sample("a/t1.nii.gz", None, (64, 48, 48, 4), "int16"),
            Sample("b|c.nii", None, (64, 48, 48, 4), "float32"),
        ),
        batches=(
            Batch(
                index=0,
                samples=(0, 1),
                input_shape=(2, 64, 48, 48, 4),
                axis=4,
                reduction_axes=(1, 2, 3, 4),
                groups=groups,
            ),
        ),
        findings=findings,
        answer="Group norm does not depend on the batch size.",
    )
    return replace(found, verdict=verdict(found))


def layered(by, *values, **settings):
    """Layers compared on three samples of four channels: one wide, one narrow, one constant, one far from 0."""
    ramp = np.arange(3 * 4 * 4 * 4, dtype=float).reshape(3, 4, 4, 4)
    data = np.stack([ramp, ramp % 7 / 100, np.full_like(ramp, 5.0), 1000 + ramp % 5], axis=-1)
    with TemporaryDirectory() as folder, chdir(folder):
        np.save("x.npy", data)
        return compare_layers("x.npy", by=by, values=values, **settings)
