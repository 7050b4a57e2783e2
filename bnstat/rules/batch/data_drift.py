"""Today's data have other statistics than those of the reference.

What it does: with `bnstat check --reference FILE`, where FILE is a moments file of `bnstat scan` or nnU-Net's
`dataset_fingerprint.json`, reports a channel whose mean has moved by more than 0.1 standard deviations of the
reference, or whose standard deviation has changed by more than 10 %. A fingerprint is of foreground voxels only, so the
foreground of today's label maps is compared with it.

Why it matters: in evaluation, batch norm normalizes with running statistics of the data that it was trained on. If μ
(the mean) moves by 0.3 σ (standard deviations), all inputs of the first layer are off by 0.3. If σ grows by a half, so
does the output. No error is raised.

Example:
    >>> import numpy as np
    >>> values = np.random.default_rng(0).normal(50, 9, (12, 8, 8, 8, 1))
    >>> np.save("then.npy", values)
    >>> np.save("now.npy", values * 1.2)
    >>> from bnstat.cli import run
    >>> code = run(["scan", "then.npy", "-o", "then.jsonl", "-q"])
    $ bnstat check now.npy --reference then.jsonl
    warning BN208 data-drift
      channel 0: compared with 12 samples of then.jsonl, the mean moved by
      1.12 standard deviations (from 49.98 to 59.98, limit 0.1) and the
      standard deviation changed by 20 % (from 8.957 to 10.75, limit 10 %). In
      evaluation mode batch norm normalizes with the statistics it was trained
      with, so its output is off by as much. Look for another scanner, unit or
      preprocessing step; if the change is intended, make a new reference
      (bnstat scan PATH -o new.jsonl).

What to do: look for another scanner, unit or preprocessing step in the new data, and undo it. If the change is
intended, train on the new data or adapt the running statistics to them, and make a new reference with
`bnstat scan PATH -o new.jsonl`.

Threshold: |μ − μ_ref|/σ_ref over 0.1, `--limit drift=0.1`: as much as the output may differ between training and
evaluation (train-eval-gap). |σ/σ_ref − 1| over 0.1, `--limit drift-spread=0.1`: batch norm's output then grows or
shrinks by as much. Each sample has equal weight: μ is the mean of the samples' means, and σ² is the mean of their
variances plus the variance of their means. The rule says whether chance may explain a move of the mean, but it does not
judge by that. The mean of K samples whose own means have the standard deviation τ differs by about τ/√K each time.

Sources: Ioffe & Szegedy 2015 (arXiv 1502.03167) on inference with the statistics of the training set; Schneider et al.
2020 (arXiv 2006.16971), who recover accuracy on shifted data by adapting the statistics.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import hypot, inf, sqrt

from bnstat.reports.evidence import Evidence, PooledChannel
from bnstat.reports.finding import Finding
from bnstat.reports.limits import Limits
from bnstat.rules.rule import Rule
from bnstat.rules.volumes import named
from bnstat.text import beyond, plural, short

# How a new reference is made: a moments file, or, of the foreground, a fingerprint of nnU-Net.
_ANEW = {False: "bnstat scan PATH -o new.jsonl", True: "nnUNetv2_extract_fingerprint"}
# The part of the limit from which a movement by chance is worth mentioning.
NOTABLE = 0.5


def _check(rule: Rule[Evidence], evidence: Evidence) -> Iterator[Finding]:
    reference = evidence.reference
    if reference is None:
        return
    for channel, (now, then) in enumerate(zip(evidence.pooled_channels, reference.channels, strict=False)):
        found = _drift(now, then, evidence.limits)
        if found is None:
            continue
        words, value, limit = found
        chance = "" if evidence.report.patched else _chance(now, then, evidence.limits.drift)
        message = (
            f"{named(evidence, channel)}: compared with {plural(then.samples, 'sample')} of {reference.source}, "
            f"{'in the foreground of the label maps, ' if reference.foreground else ''}{words}.{chance} "
            f"{_consequence(evidence)} Look for another scanner, unit or preprocessing step; if the "
            f"change is intended, make a new reference ({_ANEW[reference.foreground]})."
        )
        yield rule.of_all(message, channel, value=value, threshold=limit)


def _consequence(evidence: Evidence) -> str:
    """Say what a drift does to a network that was trained on the reference."""
    if evidence.settings.keeps_running:
        return (
            f"In evaluation mode {evidence.settings.layer} normalizes with the statistics it was trained with, so its "
            "output is off by as much."
        )
    return "A network that was trained on the reference gets other inputs now."


def _drift(now: PooledChannel, then: PooledChannel, limits: Limits) -> tuple[str, float, float] | None:
    """Say what has changed, with its figure and the limit; None if nothing has, or nothing is known."""
    if now.mean is None or now.deviation is None or then.mean is None or then.deviation is None:
        return None
    moved = _over(abs(now.mean - then.mean), then.deviation)
    changed = _over(abs(now.deviation - then.deviation), then.deviation)
    words = []
    if moved > limits.drift:
        by = f"by {beyond(moved, limits.drift, 3)} standard deviations " if moved < inf else ""
        words.append(f"the mean moved {by}(from {short(then.mean)} to {short(now.mean)}, limit {limits.drift:g})")
    if changed > limits.drift_spread:
        by = f"by {beyond(100 * changed, 100 * limits.drift_spread, 3)} % " if changed < inf else ""
        words.append(
            f"the standard deviation changed {by}(from {short(then.deviation)} to {short(now.deviation)}, "
            f"limit {100 * limits.drift_spread:g} %)"
        )
    if not words:
        return None
    figure = (moved, limits.drift) if moved > limits.drift else (changed, limits.drift_spread)
    return " and ".join(words), *figure


def _over(change: float, deviation: float) -> float:
    """Return a change in standard deviations; any change of a constant is infinite."""
    return change / deviation if deviation else inf if change else 0.0


def _chance(now: PooledChannel, then: PooledChannel, limit: float) -> str:
    """Say how far the mean of so few samples moves by chance, if that is worth a word."""
    errors = [
        pool.between / sqrt(pool.samples - 1) for pool in (now, then) if pool.between is not None and pool.samples > 1
    ]
    if not errors or not then.deviation:
        return ""
    by = hypot(*errors) / then.deviation
    few = plural(now.samples, "sample")
    said = f" By chance alone, the mean of {few} moves by about {by:.2g} standard deviations."
    return said if by > NOTABLE * limit else ""


RULE = Rule("BN208", "data-drift", "warning", _check)
