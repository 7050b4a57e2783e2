"""Running statistics still remember their initial values.

What it does: if the number of training steps is given, reports a layer whose initial values (a mean of 0 and a variance
of 1 in most frameworks) still make up more than 1 % of its running statistics after these steps. Their share is
(1 − α)^steps, where α is the weight of one batch.

Why it matters: evaluation uses the running statistics. After 100 steps with Keras' momentum of 0.99, they still consist
to 37 % of the initial values. The network's output in evaluation is then off, though training looks well. This happens
in short runs, with new layers that are fine-tuned, and in tests of a pipeline.

Example:
    $ bnstat check sample_data/cohort --batch-size 2 --steps 100
    warning BN206 unsettled-running-statistics
      after 100 training steps the initial values (mean 0, variance 1) still
      make up 36.6 % of the running statistics (limit 1 %). Evaluation mode
      normalizes with them, so its output is off even if training looks well.
      The share is within the limit from 459 steps on. Train longer, use a
      momentum of 0.954 or less (0.046 or more in PyTorch's convention), or
      replace the running statistics after training by those of all samples
      (bnstat compare PATH --save-population population.npz).

What to do: train for more steps, choose a momentum at which a batch weighs more, or replace the running statistics
after training by those of all samples ("precise BN"). In PyTorch, `torch.optim.swa_utils.update_bn(loader, model)`
computes them for all layers; `bnstat compare PATH --save-population population.npz` writes those of a layer at the
input.

Threshold: 1 %, `--limit start-weight=0.01`, at which `bnstat compare` calls the start forgotten too. A layer whose
average is debiased (Haiku) or cumulative (PyTorch with a momentum of None) forgets its initial values with the first
step.

Sources: the share follows from new = (1 − α)·old + α·batch. `bnstat frameworks` lists the momentum and the initial
values of each framework, with their sources.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import floor, log10

from bnstat.layers.settings import Settings
from bnstat.reports.evidence import Evidence
from bnstat.reports.finding import Finding
from bnstat.reports.limits import Limits
from bnstat.rules.rule import Rule
from bnstat.text import beyond, plural

# Where a user gets the statistics of all samples: for a layer at the input, from the files themselves.
_SAVED = "bnstat compare PATH --save-population population.npz"


def _check(rule: Rule[Evidence], evidence: Evidence) -> Iterator[Finding]:
    settings, steps, limit = evidence.settings, evidence.steps, evidence.limits.start_weight
    weight = settings.batch_weight if settings.keeps_running else None
    if not steps or weight is None:
        return
    left = (1.0 - weight) ** steps
    if left <= limit * (1.0 + 1e-12):  # 1 − 0.99 is a little above 0.01
        return
    mean, variance = settings.framework.running_start
    message = (
        f"after {plural(steps, 'training step')} the initial values (mean {mean:g}, variance {variance:g}) still make "
        f"up {beyond(100 * left, 100 * limit, 3)} % of the running statistics (limit {100 * limit:g} %"
        "). Evaluation mode normalizes with them, so its output is off even if training looks well. "
        f"{_remedy(weight, steps, evidence.limits, settings)}"
    )
    yield rule.of_all(message, value=left, threshold=limit)


def _remedy(weight: float, steps: int, limits: Limits, settings: Settings) -> str:
    """Say how many steps it takes, and with which momentum the given number would do."""
    from bnstat.layers.running import steps_to_forget  # noqa: PLC0415  (numpy, which explaining a rule does without)

    limit = limits.start_weight
    recomputes = settings.framework.maker == "torch" and settings.framework.normalizer == "batch"
    recomputed = "torch.optim.swa_utils.update_bn(loader, model)" if recomputes else _SAVED
    afterwards = f", or replace the running statistics after training by those of all samples ({recomputed})"
    if settings.kind == "instance":  # whose variances are those of samples: no command writes them
        afterwards = ", or turn the running statistics off (track_running_stats=False)"
    if limit <= 0:
        return f"Train longer{afterwards}."
    needed = steps_to_forget(weight, limit)
    batch = _rounded_up(1.0 - limit ** (1.0 / steps))
    less, more = f"{1.0 - batch:g} or less", f"{batch:g} or more"
    old = settings.framework.momentum_weighs == "old"
    momentum = (
        f"use a momentum of {less} ({more} in PyTorch's convention)"
        if old
        else f"use a momentum of {more} ({less} in Keras' convention)"
    )
    if needed is not None and batch == 1.0:  # such a momentum keeps the statistics of the last batch alone
        return f"The share is within the limit from {needed:,} steps on. Train longer{afterwards}."
    if needed is None:  # a batch weighs nothing
        return f"No number of steps is enough with this momentum: {momentum}{afterwards}."
    return f"The share is within the limit from {needed:,} steps on. Train longer, {momentum}{afterwards}."


def _rounded_up(weight: float) -> float:
    """Round to two digits, never down, to at most 1."""
    step = 10.0 ** (floor(log10(weight)) - 1)
    return min(float(f"{(floor(weight / step) + 1) * step:.2g}"), 1.0)


RULE = Rule("BN206", "unsettled-running-statistics", "warning", _check)
