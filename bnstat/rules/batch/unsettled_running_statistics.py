"""Running statistics still remember what they started from.

What it does: where the number of training steps is given, reports a layer whose start (a mean of 0 and a variance of 1
in most) still weighs more than 1 % of its running statistics after so many steps: (1 − α)^steps, α being the weight of
one batch.

Why it matters: evaluation uses the running statistics. After 100 steps of Keras' momentum 0.99 they are to 37 % the
start and not the data, and the network's output in evaluation is off though training looks well. Short runs, new
layers that are fine-tuned, and tests of a pipeline meet it.

Example:
    $ bnstat check sample_data/cohort --batch-size 2 --steps 100
    warning BN206 unsettled-running-statistics
      after 100 steps the start of the running statistics (mean 0, variance 1)
      still weighs 36.6 % of them (limit 1 %). It takes 459 steps, or a
      momentum of 0.954 or less; or compute statistics over all samples after
      training (`bnstat compare --save-population`).

What to do: train for more steps, choose a momentum at which a batch weighs more, or replace the running statistics
after training by those of all samples ("precise BN", `bnstat compare --save-population`).

Threshold: 1 %, at which `bnstat compare` too calls the start forgotten. A layer whose average is
debiased (Haiku) or cumulative (PyTorch's momentum None) forgets its start with the first step.

Sources: the weight follows from new = (1 − α)·old + α·batch; momentum and start of each framework are in `bnstat
frameworks`, with where they come from.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import floor, log10
from typing import TYPE_CHECKING

from bnstat.layers.settings import Settings
from bnstat.report.evidence import Evidence
from bnstat.report.finding import Finding
from bnstat.rules.rule import Rule

if TYPE_CHECKING:
    from bnstat.report.limits import Limits


def _check(rule: Rule, evidence: Evidence) -> Iterator[Finding]:
    settings, steps, limit = evidence.settings, evidence.steps, evidence.limits.start_weight
    weight = settings.batch_weight if settings.keeps_running else None
    if not steps or weight is None:
        return
    left = (1.0 - weight) ** steps
    if left <= limit:
        return
    mean, variance = settings.framework.running_start
    remedy = _remedy(weight, steps, evidence.limits, settings)
    message = (
        f"after {steps:,} steps the start of the running statistics (mean {mean:g}, variance {variance:g}) still "
        f"weighs {100 * left:.3g} % of them (limit {100 * limit:g} %). {remedy}"
    )
    yield rule.of_all(message, value=left, threshold=limit)


def _remedy(weight: float, steps: int, limits: Limits, settings: Settings) -> str:
    """How many steps it takes, and with which momentum so many would do."""
    from bnstat.layers.running import steps_to_forget  # noqa: PLC0415  (numpy, which explaining a rule does without)

    limit = limits.start_weight
    afterwards = "compute statistics over all samples after training (`bnstat compare --save-population`)"
    if limit <= 0:
        return f"Train longer, or {afterwards}."
    needed = steps_to_forget(weight, limit)
    enough = "It would never weigh less" if needed is None else f"It takes {needed:,} steps"
    batch = _rounded_up(1.0 - limit ** (1.0 / steps))
    old = settings.framework.momentum_weighs == "old"
    momentum = f"a momentum of {1.0 - batch:g} or less" if old else f"a momentum of {batch:g} or more"
    return f"{enough}, or {momentum}; or {afterwards}."


def _rounded_up(weight: float) -> float:
    """To two digits, never down, and at most 1."""
    step = 10.0 ** (floor(log10(weight)) - 1)
    return min(float(f"{(floor(weight / step) + 1) * step:.2g}"), 1.0)


RULE = Rule("BN206", "unsettled-running-statistics", "warning", _check)
