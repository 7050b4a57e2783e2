"""Verdicts that have everything a format can meet, made by hand so that their text never depends on a computer."""

from __future__ import annotations

import contextlib
import tempfile
from dataclasses import replace
from pathlib import Path

from bnstat.layers.frameworks import FRAMEWORKS
from bnstat.layers.settings import Settings
from bnstat.reports.check import Check, CheckSettings, RuleInfo, Stale
from bnstat.reports.finding import Failure, Finding
from bnstat.sources.sample import Sample

CONSTANT = "channel {} is constant at 0: its variance is 0 in every framework, and what comes out is β for all input."
EVIL = "a:b,c/\x1b[31m%é\n\udcff|`<&>`.nii"

RULES = (
    RuleInfo("BN101", "zero-variance", "error", "A channel is constant."),
    RuleInfo("BN103", "epsilon-effect", "warning", "ε changes what comes out."),
    RuleInfo("BN104", "nan-voxels", "error", "A channel holds NaN."),
    RuleInfo("BN401", "time-as-channels", "note", "A fourth dimension that looks like time is kept as channels."),
)


def verdict():
    """Findings on a plain file, a series, a file of a name that no format likes, and several; old, new and fixed."""
    preset = FRAMEWORKS["keras"]
    constant = [
        Finding("BN101", "zero-variance", "error", CONSTANT.format(channel), "scans/t1.nii.gz", 0, channel, 0.0)
        for channel in (0, 1, 2, 5)
    ]
    findings = (
        *constant,
        Finding(
            "BN103", "epsilon-effect", "warning", "ε 0.001 is 47.7 % of\nvariance + ε {0}.", EVIL, 1, 0, 0.477, 0.01
        ),
        Finding("BN103", "epsilon-effect", "warning", "ε 0.001 is 3 %.", "scans/series.nii", 3, 0, 0.03, 0.01),
        Finding("BN104", "nan-voxels", "error", "channel 0 holds 3 NaNs.", "scans/series.nii", 2, 0, 3.0, 0.0),
        Finding("BN104", "nan-voxels", "error", "channel 0 holds 1 NaN.", "scans/series.nii", 3, 0, 1.0, 0.0),
        Finding("BN104", "nan-voxels", "error", "a group holds 2 NaNs.", "scans/x.npz[a]", 4, None, 2.0, 0.0, 1),
        Finding("BN401", "time-as-channels", "note", "see [this](1).", None, 0),
        Finding("BN403", "mixed-shapes", "warning", "2 shapes."),
    )
    return Check(
        settings=CheckSettings(
            Settings(preset, preset.epsilon, preset.momentum),
            ignore=("BN402",),
            steps=1000,
            baseline="baseline.json",
        ),
        samples=(
            Sample("scans/t1.nii.gz", None, (128, 96, 24, 6), "int16"),
            Sample(EVIL, None, (128, 96, 24), "float32"),
            *(Sample("scans/series.nii", index, (128, 96, 24, 2), "float32") for index in range(2)),
            Sample("scans/x.npz[a]", None, (9, 9, 9, 4), "float32"),
            Sample("scans/clean.nii", None, (128, 96, 24), "float32"),
        ),
        findings=findings,
        known=(Finding("BN103", "epsilon-effect", "warning", "ε 0.001 is 9 %.", "scans/x.npz[a]", 4, 0, 0.09, 0.01),),
        stale=(Stale("BN101", "zero-variance", "old/t2.nii", 0), Stale("BN403", "mixed-shapes", None, None)),
        errors=(Failure("scans/broken.nii.gz", "the file is truncated"),),
        notes=("skipped 1 input that cannot be read; batches are made of the others",),
        rules=RULES,
    )


def clean():
    """Nothing found."""
    return replace(verdict(), findings=(), known=(), stale=(), errors=(), notes=())


def unread():
    """Nothing but an input that could not be read."""
    return replace(clean(), samples=(), errors=verdict().errors)


def many(files=30, channels=40):
    """A rule of each severity on every channel of many files."""
    sources = [f"scans/{number:04}.nii" for number in range(files)]
    rules = (RULES[3], RULES[1], RULES[0])
    found = [
        Finding(rule.code, rule.name, rule.severity, f"channel {channel}: {rule.summary}", source, batch, channel)
        for rule in rules
        for batch, source in enumerate(sources)
        for channel in range(channels)
    ]
    samples = tuple(Sample(source, None, (9, 9, 9, channels), "int16") for source in sources)
    return replace(clean(), samples=samples, findings=tuple(found))


def in_a_repository(render, check):
    """What a format makes of a verdict where the current folder is a repository's root."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / ".git").mkdir()
        with contextlib.chdir(folder):
            return render(check)
