"""Running statistics of a checkpoint still remember their initial values.

What it does: reports layers of a checkpoint in whose running statistics the initial values (mean 0 and variance 1)
still weigh more than 1 %: (1 − momentum)ⁿ after the n batches that the file counts, or that `--steps` says.

Why it matters: evaluation mode normalizes with these statistics. After 20 batches with PyTorch's momentum of 0.1 they
consist to 12 % of numbers that no data gave, and the output is off though training looks well. Early checkpoints,
short fine-tuning of new layers and tests of a pipeline are like this.

Example:
    >>> import numpy as np
    >>> stored = {"bn.running_mean": [0.1, 0.2], "bn.running_var": [1.0, 2.0]}
    >>> np.savez("model.npz", **stored, **{"bn.num_batches_tracked": 20})
    $ bnstat checkpoint model.npz
    warning BN509 unsettled-checkpoint
      layer bn: after 20 batches with a momentum of 0.1 (the weight of a
      batch), the initial mean of 0 and variance of 1 still make up 12.16 %
      of the running statistics (limit 1 %). Evaluation mode normalizes with
      them, so its output is off. It is within the limit from 44 batches on.
      Train longer, or compute the statistics from the data:
      torch.optim.swa_utils.update_bn(loader, model).

What to do: train for more batches before you evaluate, or compute the statistics from the data:
`torch.optim.swa_utils.update_bn(loader, model)`. Say the momentum if it is not the default: `--momentum 0.01`.

Threshold: 1 %, as in unsettled-running-statistics; `bnstat check --limit start-weight=0.01` sets it.

Sources: the share follows from new = (1 − m)·old + m·batch. PyTorch counts the batches in `num_batches_tracked`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from bnstat.reports.evidence import CheckpointEvidence
from bnstat.reports.finding import Finding
from bnstat.rules.checkpoint.places import layers_of
from bnstat.rules.rule import Rule
from bnstat.text import beyond, plural

if TYPE_CHECKING:
    from bnstat.networks.checkpoints.audit import LayerAudit


def _check(rule: Rule[CheckpointEvidence], evidence: CheckpointEvidence) -> Iterator[Finding]:
    audit, limit = evidence.audit, evidence.limits.start_weight
    alike: dict[tuple[int, float], list[LayerAudit]] = {}
    for layer in audit.with_statistics:
        unsettled = (layer.start_weight or 0.0) > limit and not layer.initial  # never-updated reports those
        if unsettled and layer.batches and layer.momentum is not None:
            alike.setdefault((layer.batches, layer.momentum), []).append(layer)
    for (batches, momentum), found in alike.items():
        weight = found[0].start_weight or 0.0
        enough = found[0].batches_to_forget(limit)
        until = "" if enough is None else f" It is within the limit from {plural(enough, 'batch', 'batches')} on."
        message = (
            f"{layers_of(found, len(audit.with_statistics))}: after {plural(batches, 'batch', 'batches')} with a "
            f"momentum of {momentum:g} (the weight of a batch), the initial mean of 0 and variance of 1 still make up "
            f"{beyond(100 * weight, 100 * limit)} % of the running statistics (limit {100 * limit:g} %). Evaluation "
            f"mode normalizes with them, so its output is off.{until} Train longer, or compute the statistics from the "
            "data: torch.optim.swa_utils.update_bn(loader, model)."
        )
        if len(found) > 1:
            yield rule.of_source(audit.file, message, value=weight, threshold=limit)
        else:
            yield rule.of_layer(audit.file, found[0].name, message, value=weight, threshold=limit)


RULE = Rule("BN509", "unsettled-checkpoint", "warning", _check)
