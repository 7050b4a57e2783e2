"""A stored statistic or parameter of a layer is infinite.

What it does: reports a layer of a checkpoint with Inf in its running mean, its running variance, γ or β (the learned
scale and bias).

Why it matters: with an infinite running variance, evaluation mode returns β for every input. With an infinite mean, γ
or β it returns Inf or NaN. Running statistics never recover. The training diverged, or the file was converted to
float16, which has no number beyond 65,504.

Example:
    >>> import numpy as np
    >>> mean, var = np.ones(2, "f2"), np.array([7, np.inf], "f2")
    >>> np.savez("half.npz", **{"bn.running_mean": mean, "bn.running_var": var})
    $ bnstat checkpoint half.npz
    error BN502 inf-statistics
      channel 1 of layer bn: the running variance is infinite, so evaluation
      mode returns the constant β (the learned bias) for every input. The
      file stores float16, which has no number beyond 65,504: save this
      layer in float32, or rescale what enters it.

What to do: if the file is in float16, save the statistics of normalization layers in float32. Else load a checkpoint
from before the step, and find the volumes: `bnstat check PATH --select BN104,BN105`.

Threshold: none. One Inf is enough.

Sources: IEEE 754 arithmetic; the greatest finite number of its binary16 is 65,504.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import isinf
from typing import TYPE_CHECKING

from bnstat.reports.evidence import CheckpointEvidence
from bnstat.reports.finding import Finding
from bnstat.rules.checkpoint.places import numbers_with, only, place
from bnstat.rules.rule import Rule
from bnstat.text import joined

if TYPE_CHECKING:
    from bnstat.networks.checkpoints.audit import LayerAudit


def _check(rule: Rule[CheckpointEvidence], evidence: CheckpointEvidence) -> Iterator[Finding]:
    for layer in evidence.audit.layers:
        if layer.inf:
            wrong = numbers_with(layer, layer.inf, isinf)
            message = (
                f"{place(layer, layer.inf)}: {joined(wrong)} {'is' if len(wrong) == 1 else 'are'} infinite, so "
                f"evaluation mode returns {_output(wrong)} for every input. {_remedy(layer)}"
            )
            yield rule.of_layer(evidence.audit.file, layer.name, message, only(layer.inf), float(len(layer.inf)), 0.0)


def _output(wrong: list[str]) -> str:
    return "the constant β (the learned bias)" if wrong == ["the running variance"] else "Inf or NaN"


def _remedy(layer: LayerAudit) -> str:
    """Say what to do: a file in float16 may have lost what float32 holds."""
    if layer.stored.dtype == "float16":
        return (
            "The file stores float16, which has no number beyond 65,504: save this layer in float32, or rescale what "
            "enters it."
        )
    return (
        "The training diverged: load a checkpoint from before, and find volumes with NaN or Inf: "
        "bnstat check PATH --select BN104,BN105."
    )


RULE = Rule("BN502", "inf-statistics", "error", _check)
