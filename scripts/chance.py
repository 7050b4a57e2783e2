"""How often rules that judge many volumes speak by chance, and how often they find a fault, at any size of a cohort.

Volumes are given by their statistics, drawn from seeds: `tables()` returns the tables of docs/faults.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import exp, log

import numpy as np
from numpy.typing import NDArray

from bnstat.layers.frameworks import FRAMEWORKS
from bnstat.layers.settings import Settings
from bnstat.reports.evidence import Evidence, PooledChannel, ReferenceStatistics, SampleChannel
from bnstat.reports.finding import Finding
from bnstat.reports.inspect import Report
from bnstat.rules import findings_of
from bnstat.rules.selection import rule_named
from bnstat.sources.sample import Patch, Sample

Values = NDArray[np.float64]
Draw = Callable[[np.random.Generator, int], Values]

SIZES = (8, 12, 20, 40, 200, 1000)
# Cohorts of each size: fewer of the large ones, which take longer.
COHORTS = {8: 200, 12: 1000, 20: 1000, 40: 1000, 200: 1000, 1000: 400}
# How far out a fault is, in robust standard deviations of the distribution.
FAULTS = (12, 16, 30)
# How much the logarithm of a volume's standard deviation varies, in units of the distribution.
SPREAD = 0.1
TWO_SITES = "two sites, 40 standard deviations apart"
KERAS = FRAMEWORKS["keras"]
SETTINGS = Settings(KERAS, KERAS.epsilon, KERAS.momentum)
VALUES = 512

DISTRIBUTIONS: dict[str, Draw] = {
    "normal": lambda rng, size: rng.normal(size=size),
    "Student's t, 5 degrees of freedom": lambda rng, size: rng.standard_t(5, size),
    "log-normal (σ = 0.5), less its median": lambda rng, size: np.exp(0.5 * rng.normal(size=size)) - 1,
    "exponential, less its median": lambda rng, size: rng.exponential(size=size) - log(2),
    "two sites, 10 standard deviations apart": lambda rng, size: rng.normal(size=size) + 10.0 * (np.arange(size) % 2),
    "two sites, 40 standard deviations apart": lambda rng, size: rng.normal(size=size) + 40.0 * (np.arange(size) % 2),
}


def volumes(means: Sequence[float], deviations: Sequence[float]) -> Evidence:
    """Return evidence on volumes of one channel with these means and standard deviations."""
    samples = tuple(Sample(str(place), None, (8, 8, 8), "float32") for place in range(len(means)))
    channels = tuple(
        (SampleChannel(VALUES, float(mean), float(deviation) ** 2, constant=False),)
        for mean, deviation in zip(means, deviations, strict=True)
    )
    return Evidence(Report(SETTINGS, samples, ()), sample_channels=channels)


def findings(evidence: Evidence, code: str) -> tuple[Finding, ...]:
    """Return the findings of one rule."""
    return findings_of(evidence, (rule_named(code),))


# --- BN207: a volume far from the others ---


def odd_by_chance(draw: Draw, size: int, cohorts: int) -> float:
    """Return the share of cohorts without a fault in which a volume is reported."""
    rng = np.random.default_rng([31, size])
    return sum(bool(findings(_cohort(draw, rng, size), "BN207")) for _ in range(cohorts)) / cohorts


def odd_found(
    draw: Draw, size: int, cohorts: int, away: float, beyond: tuple[float, float, float] | None = None
) -> float:
    """Return the share of faults that are reported by the name of their volume; half of them are on each side.

    Args:
        draw: The distribution of the volumes.
        size: The number of volumes of a cohort.
        cohorts: The number of cohorts.
        away: How far a fault is, in robust standard deviations of the distribution.
        beyond: The middle of two sites, how far each is from it, and the unit of `away` beyond a site.
    """
    rng = np.random.default_rng([32, size])
    (middle, unit), start = (_robust(draw), 0.0) if beyond is None else ((beyond[0], beyond[2]), beyond[1])
    found = 0
    for number in range(cohorts):
        place = number % size
        fault = middle + (1 if number % 2 else -1) * (start + away * unit)
        found += any(one.source == str(place) for one in findings(_cohort(draw, rng, size, place, fault), "BN207"))
    return found / cohorts


def _cohort(draw: Draw, rng: np.random.Generator, size: int, place: int | None = None, fault: float = 0.0) -> Evidence:
    """Return volumes whose means and logarithms of standard deviations have a distribution, with a fault at a place."""
    means, deviations = draw(rng, size), [exp(SPREAD * one) for one in draw(rng, size)]
    if place is not None:
        means[place] = fault
    return volumes(means.tolist(), deviations)


def _robust(draw: Draw) -> tuple[float, float]:
    """Return the median of a distribution and its robust standard deviation."""
    many = draw(np.random.default_rng(33), 400_000)
    middle = float(np.median(many))
    return middle, 1.4826 * float(np.median(np.abs(many - middle)))


# --- BN208: data that differ from earlier data ---


def drift_by_chance(rho: float, size: int, cohorts: int) -> float:
    """Return the share of cohorts that differ from another of as many volumes, where both are drawn alike."""
    rng = np.random.default_rng([34, size])
    found = 0
    for _ in range(cohorts):
        now, then = (_pooled(rng.normal(0, rho**0.5, size), 1 - rho) for _ in range(2))
        reference = ReferenceStatistics("then.jsonl", (then,))
        found += bool(
            findings(Evidence(Report(SETTINGS, (), ()), pooled_channels=(now,), reference=reference), "BN208")
        )
    return found / cohorts


def _pooled(means: Values, within: float) -> PooledChannel:
    between = float(means.var())
    return PooledChannel(len(means), float(means.mean()), (within + between) ** 0.5, between**0.5)


# --- BN405: patches that are all empty ---


def missing_by_chance(share: float, patches: int, size: int, cohorts: int) -> float:
    """Return the share of cohorts in which a volume is reported, where each patch is empty with one probability."""
    rng = np.random.default_rng([35, size])
    samples = tuple(
        Sample(str(volume), None, (8, 8, 8), "float32", patch=Patch((number, 0, 0), (8, 8, 8)))
        for volume in range(size)
        for number in range(patches)
    )
    full = SampleChannel(VALUES, 50.0, 81.0, constant=False)
    rows = ((full, full), (full, SampleChannel(VALUES, 0.0, 0.0, constant=True)))
    found = 0
    for _ in range(cohorts):
        channels = tuple(rows[empty] for empty in (rng.random(len(samples)) < share).astype(int))
        found += bool(findings(Evidence(Report(SETTINGS, samples, ()), sample_channels=channels), "BN405"))
    return found / cohorts


# --- the tables ---


def tables() -> Iterator[str]:
    """Yield the lines of the section of docs/faults.md."""
    yield from _FALSE
    yield _header("false findings of BN207")
    for name, draw in DISTRIBUTIONS.items():
        yield _row(name, [odd_by_chance(draw, size, COHORTS[size]) for size in SIZES])
    yield from _FOUND
    yield _header("found by BN207")
    for name, draw in DISTRIBUTIONS.items():
        for away in FAULTS:
            yield _row(f"{name}, {away} away", [odd_found(draw, size, COHORTS[size] // 4, away) for size in SIZES])
    sites = DISTRIBUTIONS[TWO_SITES]
    for away in FAULTS:
        shares = [odd_found(sites, size, COHORTS[size] // 4, away, beyond=(20.0, 20.0, 1.0)) for size in SIZES]
        yield _row(f"{TWO_SITES}, {away} beyond one of them", shares)
    yield from _OTHERS
    yield _header("findings by chance")
    for rho in (0.02, 0.1, 0.3):
        yield _row(f"BN208, ρ = {rho:g}", [drift_by_chance(rho, size, COHORTS[size]) for size in SIZES])
    for patches, share in ((4, 0.1), (4, 0.3), (8, 0.3)):
        shares = [missing_by_chance(share, patches, size, min(COHORTS[size], 4000 // size)) for size in SIZES]
        yield _row(f"BN405, {patches} patches, {100 * share:g} % empty", shares)
    yield from _REST


_FALSE = (
    "## Chance in cohorts of any size",
    "",
    "A rule that compares many volumes has many chances to be wrong. So here are cohorts without any fault: the",
    "share of channels with a finding of odd-volume (BN207), by the number K of volumes. Their means, and the",
    "logarithms of their standard deviations, have the named distribution. There are",
    f"{COHORTS[200]:,} cohorts of each size from 12 to 200, and {COHORTS[1000]} of 1,000 volumes. The rule does",
    "not judge fewer than 12 volumes.",
    "",
)
_FOUND = (
    "",
    "One volume of a cohort gets a fault: its mean is moved that far from the median, up in one half of the",
    "cohorts and down in the other. The unit is the robust standard deviation of the distribution. With heavy",
    "tails, a volume at 12 to 16 is nothing unusual among 200 or 1,000. A CT without its offset of 1024, or a",
    f"volume in other units, is mostly farther out. There are {COHORTS[40] // 4} cohorts of each size, and",
    f"{COHORTS[1000] // 4} of 1,000 volumes. In the last three rows a fault is that many standard deviations of a",
    "site beyond the lower or the upper of two sites.",
    "",
)
_OTHERS = (
    "",
    "Two other rules compare volumes. data-drift (BN208) compares K volumes with K others that are drawn alike. It",
    "does not judge by chance, but its message says how far means move by chance. So a small cohort with large",
    "differences between volumes (ρ) is often reported, and a large one seldom. missing-channel (BN405) reports a",
    "volume all of whose patches are empty in a channel. Here each patch is empty with the same probability.",
    "",
)
_REST = (
    "",
    "The other rules judge each volume, each batch or the settings alone, or the average of a cohort. What they",
    "say is true of the volume or of the batch that they name, however many there are.",
    "",
)


def _header(title: str) -> str:
    sizes = " | ".join(f"K = {size:,}" for size in SIZES)
    return f"| {title} | {sizes} |\n|---|{'---:|' * len(SIZES)}"


def _row(name: str, shares: Sequence[float]) -> str:
    return f"| {name} | {' | '.join(f'{100 * share:.3g} %' for share in shares)} |"
