"""Running statistics are exactly the initial ones: no batch ever entered.

What it does: reports layers of a checkpoint whose running mean is exactly 0 and whose running variance is exactly 1 in
every channel.

Why it matters: evaluation mode then subtracts nothing and divides by nothing, so the network runs without these
normalizations. Its output is far from that of training. The file was saved before training, the layer was always in
evaluation mode or outside the part that ran, its momentum is 0, or a copy of the network (such as an average of its
weights) was saved without its buffers.

Example:
    >>> import numpy as np
    >>> stored = {"bn.running_mean": [0.0, 0.0], "bn.running_var": [1.0, 1.0]}
    >>> np.savez("model.npz", **stored, **{"bn.num_batches_tracked": 0})
    $ bnstat checkpoint model.npz
    warning BN508 never-updated
      layer bn: running mean 0 and variance 1 in every channel, exactly as a
      layer starts, and the file counts 0 batches. Evaluation mode then
      normalizes nothing there. The file was saved before training, or the
      layers were always in evaluation mode. Save the network after
      training, with its buffers (model.state_dict()), or compute the
      statistics: torch.optim.swa_utils.update_bn(loader, model).

What to do: save the network that was trained, with its buffers (`model.state_dict()`, not `model.parameters()`). Call
`model.train()` before training steps. For an average of weights, compute the statistics after training:
`torch.optim.swa_utils.update_bn(loader, model)`.

Threshold: none. All channels of a layer must have exactly the initial values.

Sources: every framework here starts at mean 0 and variance 1: `bnstat frameworks` lists them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from bnstat.reports.evidence import CheckpointEvidence
from bnstat.reports.finding import Finding
from bnstat.rules.checkpoint.places import layers_of
from bnstat.rules.rule import Rule
from bnstat.text import plural

if TYPE_CHECKING:
    from bnstat.networks.checkpoints.audit import LayerAudit


def _check(rule: Rule[CheckpointEvidence], evidence: CheckpointEvidence) -> Iterator[Finding]:
    audit = evidence.audit
    found = [layer for layer in audit.with_statistics if layer.initial]
    if not found:
        return
    several = len(found) > 1
    message = (
        f"{layers_of(found, len(audit.with_statistics))}: running mean 0 and variance 1 in every channel, exactly as a "
        f"layer starts{_counted(found)}. Evaluation mode then normalizes nothing there. {_why(found)} Save the network "
        "after training, with its buffers (model.state_dict()), or compute the statistics: "
        "torch.optim.swa_utils.update_bn(loader, model)."
    )
    if several:
        yield rule.of_source(audit.file, message, value=float(len(found)), threshold=0.0)
    else:
        yield rule.of_layer(audit.file, found[0].name, message, value=1.0, threshold=0.0)


def _counted(found: list[LayerAudit]) -> str:
    """Say how many batches the file counts there."""
    counts = {layer.stored.batches_tracked for layer in found}
    if counts == {0}:
        return ", and the file counts 0 batches"
    most = max((count for count in counts if count is not None), default=None)
    return f", though the file counts {plural(most, 'batch', 'batches')}" if most else ""


def _why(found: list[LayerAudit]) -> str:
    """Say how this happens."""
    if any(layer.stored.batches_tracked for layer in found):
        return "The momentum is 0, or the statistics were reset or copied without their buffers."
    return "The file was saved before training, or the layers were always in evaluation mode."


RULE = Rule("BN508", "never-updated", "warning", _check)
