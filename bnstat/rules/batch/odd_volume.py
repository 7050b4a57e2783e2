"""The values of a volume are far from those of its cohort.

What it does: with 12 volumes or more, compares the mean and the standard deviation of each volume, channel by channel,
with the middle of the cohort, and reports the volumes that are far from it and from all others. Patches of one volume
are judged together.

Why it matters: a CT without its offset of 1024, an image in other units, one that was normalized twice or one that is
half empty is hard to see in a folder of hundreds. It changes the statistics of every batch that it is in: it moves the
batch mean by its own distance, and the batch variance by the square of it.

Example:
    >>> import numpy as np
    >>> draw = np.random.default_rng(0)
    >>> means = draw.normal(165, 20, (40, 1, 1, 1, 1))
    >>> values = draw.normal(means, 40, (40, 8, 8, 8, 1))
    >>> values[7] *= 5
    >>> np.save("forty.npy", values)
    $ bnstat check forty.npy --batch-size 8
    warning BN207 odd-volume
      channel 0 of forty.npy[7] is far from the other volumes: its mean is
      926.8, and the middle half of the cohort is between 153.1 and 174.1
      (18.4 robust standard deviations from the median on a log scale, limit
      8; the next volume there is at 1.9); its standard deviation is 197.5,
      and the middle half of the cohort is between 39.21 and 40.53 (32.1
      robust standard deviations from the median on a log scale, limit 8;
      the next volume there is at 1.1). Its mean and its standard
      deviation are about 5 times larger than in the middle of the cohort:
      probably a unit or a scale factor. The mean and variance of a batch
      with this volume fit neither this volume nor the others. Compare its
      units, scale factors and intensity normalization with those of
      another volume; correct the volume, or leave the volume out of the
      training.

What to do: compare the volume with another one: units, offset, scale factors of the header, scanner, a normalization
that was already done. Repair it or leave it out. If such volumes are right, bring all volumes to one scale first.

Threshold: a robust z-score |x − median|/(1.4826·MAD) over 8, `--limit odd-volume=8`, where MAD is the median absolute
deviation. It is computed for the mean and for the logarithm of the standard deviation. If all means have one sign, the
logarithm of the mean has to be as far out too, so that cohorts on skewed scales are not reported. The robust deviation
counts as at least 0.05 standard deviations of the values (0.05 for a logarithm). Among volumes that are all alike, one
is therefore reported only if it is 0.4 standard deviations away, or if its spread differs by half. A score alone says
little of large cohorts: of 1,000 volumes, some are far out without a fault if their means have heavy tails. So a volume
must also be 3 times as far out as the next one on its side of the median, or be one of several that are. If the tail
falls as x^−a, this happens by chance with probability 3^−a on each side, however many volumes there are: 0.4 % for
Student's t with 5 degrees of freedom. Tails that fall faster make it rarer in larger cohorts. docs/faults.md has the
rates of false findings and of detection by simulation. If more than a tenth of the volumes (and more than 3) are out,
they are a second kind of volume, and are reported together. In a cohort of two scanners the MAD is about half of the
distance between the two, and hides a volume that is far from both. So where nothing is out, the widest gap that leaves
at least 4 volumes on each side divides the volumes into two kinds, if their medians are 12 robust deviations of the
distances from the own median apart. Then each volume is scored by its distance from the nearer median, with the same
limits.

Sources: the probability of the gap is that of the ratio of the two largest values (Rényi 1953, "On the theory of order
statistics"): logarithms of values with such a tail are exponential, and the distance of the largest from the next is
too. Iglewicz & Hoaglin 1993, "How to detect and handle outliers", and Leys et al. 2013, "Detecting outliers", on
median and MAD. Their usual limit of 3.5 is for a look at single values, not for each of hundreds.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from bnstat.layers.settings import Settings
from bnstat.reports.evidence import Evidence
from bnstat.reports.finding import Finding
from bnstat.rules.rule import Rule
from bnstat.rules.volumes import named, volumes_of

if TYPE_CHECKING:
    from bnstat.rules.batch.far_from_cohort import FarVolumes

# Volumes that a message names.
MOST_NAMED = 3


def _check(rule: Rule[Evidence], evidence: Evidence) -> Iterator[Finding]:
    from bnstat.rules.batch.far_from_cohort import far_from_cohort  # noqa: PLC0415  (numpy, not for explaining a rule)

    limit = evidence.limits.odd_volume
    for channel, far in far_from_cohort(volumes_of(evidence), limit):
        yield from _said(rule, named(evidence, channel), channel, far, limit, evidence.settings)


def _consequence(settings: Settings) -> str:
    """Say what such a volume does to the statistics at the batch size that the user asked about."""
    if _shares(settings):
        return "The mean and variance of a batch with this volume fit neither this volume nor the others."
    if settings.keeps_running:
        return "Its statistics enter the running statistics, with which evaluation mode normalizes all volumes."
    return "A network learns from the other volumes to expect other values."


def _shares(settings: Settings) -> bool:
    """Return True if several samples share batch statistics at the batch size that the user asked about."""
    return not settings.by_sample and settings.batch_size * settings.ranks > 1


def _mixed(settings: Settings) -> str:
    """Say what two kinds of data do to a batch of them."""
    return ", and batch statistics depend on which kinds share a batch" if _shares(settings) else ""


def _said(
    rule: Rule[Evidence], title: str, channel: int, far: FarVolumes, limit: float, settings: Settings
) -> Iterator[Finding]:
    """Yield a finding for each odd volume, or one for all if they are many."""
    found = far.found
    if far.are_many:
        names = ", ".join(one.volume.title for one in found[:MOST_NAMED])
        message = (
            f"{title} is far from the middle of the cohort in {len(found):,} of {far.volumes:,} volumes ({names}, …). "
            f"So many are a second kind of data{_mixed(settings)}. If there are two sites, units or preprocessing "
            "pipelines, bring them to one scale, for example with z-scores."
        )
        yield rule.of_all(message, channel, value=max(one.z for one in found), threshold=limit)
        return
    for one in found:
        message = (
            f"{title} of {one.volume.title} is far from the other volumes: {one.words}. {_consequence(settings)} "
            "Compare its units, scale factors and intensity normalization with those of another volume; correct the "
            "volume, or leave the volume out of the training."
        )
        yield rule.of_source(one.volume.sample.source, message, channel, one.volume.batch, one.z, limit)


RULE = Rule("BN207", "odd-volume", "warning", _check)
