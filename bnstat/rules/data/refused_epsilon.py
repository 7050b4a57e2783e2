"""The layer refuses to train with this ε.

What it does: reports a layer that raises an error in training because of its ε (epsilon, the constant that is added to
the variance). PyTorch's batch norm does if ε is 0. Most other layers accept an ε of 0, and return NaN where a channel
is constant; zero-variance reports that.

Why it matters: the first training step ends with this error, whatever the data are. Evaluation mode does not look at
an ε of 0, so a network that is only evaluated gives no warning.

Example:
    $ bnstat inspect sample_data/t1_head.nii.gz --framework torch --epsilon 0
    error BN108 refused-epsilon
      PyTorch refuses to train with ε (epsilon) 0: "batch_norm eps must be
      positive during training, but got 0.0". Give the layer an ε above 0, for
      example its default: --epsilon 1e-05.

What to do: give the layer an ε above 0. `bnstat frameworks` lists the defaults.

Threshold: none. The layer raises the error or it does not.

Sources: `torch.nn.functional.batch_norm` of PyTorch 2.13, which `BatchNorm3d` calls, and `SyncBatchNorm` on one rank.
Every layer was run with ε of 0 and near 0 (tests/conformance/edge_recordings).
"""

from __future__ import annotations

from collections.abc import Iterator

from bnstat.reports.evidence import Evidence
from bnstat.reports.finding import Finding
from bnstat.rules.rule import Rule


def _check(rule: Rule[Evidence], evidence: Evidence) -> Iterator[Finding]:
    settings = evidence.settings
    raised = settings.epsilon_refusal
    if raised is not None and evidence.report.batches:
        own = settings.framework.epsilon
        default = "" if own is None else f", for example its default: --epsilon {own:g}"
        message = (
            f'{settings.maker} refuses to train with ε (epsilon) {settings.epsilon:g}: "{raised}". Give the layer an ε '
            f"above 0{default}."
        )
        yield rule.of_all(message, value=settings.epsilon)


RULE = Rule("BN108", "refused-epsilon", "error", _check)
