"""Today's data have other statistics than those that were kept.

What it does: with `bnstat check --reference FILE`, a file of kept moments, reports a channel whose mean has moved by
more than 0.1 standard deviations of the reference, or whose standard deviation has changed by more than 10 %.

Why it matters: in evaluation a batch norm divides by running statistics of the data it was trained on. If μ moves by
0.3 σ, all inputs of the first layer are off by 0.3, and if σ grows by a half so does the output. No error is raised.

Example:
    >>> import numpy as np
    >>> values = np.random.default_rng(0).normal(50, 9, (12, 8, 8, 8, 1))
    >>> np.save("then.npy", values)
    >>> np.save("now.npy", values * 1.2)
    >>> from bnstat.cli import run
    >>> code = run(["scan", "then.npy", "-o", "then.jsonl", "-q"])
    $ bnstat check now.npy --reference then.jsonl
    warning BN208 data-drift
      channel 0: the mean moved by 1.12 standard deviations (from 49.98 to
      59.98, limit 0.1) and the standard deviation changed by 20 % (from 8.957
      to 10.75, limit 10 %), beside 12 samples of then.jsonl. Look for another
      scanner, unit or preparation; where the change is meant, keep new
      moments.

What to do: look for another scanner, unit or preparation in the new data and undo it. Where the change is meant, train
or adapt the running statistics on the new data, and keep their moments as the new reference.

Threshold: |μ − μ_ref|/σ_ref over 0.1, `--limit drift=0.1`, as much as the output may differ between training and
evaluation (train-eval-gap); |σ/σ_ref − 1| over 0.1, `--limit drift-spread=0.1`, as much as batch norm's output then
grows or shrinks. Each sample has equal weight: μ is the mean of their means, σ² their mean variance plus the variance
of their means. Whether chance may do it is said and not judged: the mean of K samples whose own means have standard
deviation τ comes out differently by τ/√K each time.

Sources: Ioffe & Szegedy 2015 (arXiv 1502.03167) on inference with the statistics of the training set; Schneider et al.
2020 (arXiv 2006.16971), who recover accuracy on shifted data by adapting them.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import hypot, inf, sqrt

from bnstat.report.evidence import Evidence, PooledChannel
from bnstat.report.finding import Finding
from bnstat.report.limits import Limits
from bnstat.rules.rule import Rule
from bnstat.rules.volumes import named
from bnstat.text import plural

# The part of the limit from which a movement by chance is worth mentioning.
NOTABLE = 0.5


def _check(rule: Rule, evidence: Evidence) -> Iterator[Finding]:
    reference = evidence.reference
    if reference is None:
        return
    for channel, (now, then) in enumerate(zip(evidence.pooled_channels, reference.channels, strict=False)):
        found = _drift(now, then, evidence.limits)
        if found is None:
            continue
        words, value, limit = found
        chance = "" if evidence.report.patched else _chance(now, then, evidence.limits.drift)
        beside = f"{plural(then.samples, 'sample')} of {reference.source}"
        message = (
            f"{named(evidence, channel)}: {words}, beside {beside}{chance}. Look for another scanner, unit or "
            "preparation; where the change is meant, keep new moments."
        )
        yield rule.of_all(message, channel, value=value, threshold=limit)


def _drift(now: PooledChannel, then: PooledChannel, limits: Limits) -> tuple[str, float, float] | None:
    """What has changed, in words, with its figure and the limit of that; None where nothing has, or is known."""
    if now.mean is None or now.deviation is None or then.mean is None or then.deviation is None:
        return None
    moved = _over(abs(now.mean - then.mean), then.deviation)
    changed = _over(abs(now.deviation - then.deviation), then.deviation)
    words = []
    if moved > limits.drift:
        by = f"by {moved:.3g} standard deviations " if moved < inf else ""
        words.append(f"the mean moved {by}(from {then.mean:.4g} to {now.mean:.4g}, limit {limits.drift:g})")
    if changed > limits.drift_spread:
        by = f"by {100 * changed:.3g} % " if changed < inf else ""
        words.append(
            f"the standard deviation changed {by}(from {then.deviation:.4g} to {now.deviation:.4g}, "
            f"limit {100 * limits.drift_spread:g} %)"
        )
    if not words:
        return None
    figure = (moved, limits.drift) if moved > limits.drift else (changed, limits.drift_spread)
    return " and ".join(words), *figure


def _over(change: float, deviation: float) -> float:
    """A change in standard deviations; of a constant any is without limit."""
    return change / deviation if deviation else inf if change else 0.0


def _chance(now: PooledChannel, then: PooledChannel, limit: float) -> str:
    """How far the mean of so few samples moves by chance, where that is worth a word."""
    errors = [
        pool.between / sqrt(pool.samples - 1) for pool in (now, then) if pool.between is not None and pool.samples > 1
    ]
    if not errors or not then.deviation:
        return ""
    by = hypot(*errors) / then.deviation
    few = plural(now.samples, "sample")
    return f" (by chance the mean of {few} moves by about {by:.2g})" if by > NOTABLE * limit else ""


RULE = Rule("BN208", "data-drift", "warning", _check)
