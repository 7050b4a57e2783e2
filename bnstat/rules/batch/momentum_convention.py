"""The momentum is probably a number of another framework's convention.

What it does: reports a momentum with which one batch weighs more than half in the running statistics. In
Keras, Flax, Haiku and ONNX momentum is the weight of the *old* value; in PyTorch it is the weight of the *batch*. A
number that is carried over from the one to the other does the opposite of what was meant.

Why it matters: the running statistics then follow the last batch instead of averaging over many. Evaluation mode
normalizes with them, so its output changes with the batch that happened to come last. With batches of 1 or 2 volumes
that is the statistics of one or two patients.

Example:
    $ bnstat inspect sample_data/t1_head.nii.gz --momentum 0.1
    warning BN209 momentum-convention
      a momentum of 0.1 is the weight of the old value in Keras, so the last
      batch makes up 90 % of the running statistics (limit 50 %). Evaluation
      mode then normalizes with little more than the last batch. If 0.1 is a
      number of PyTorch (there it is the weight of the batch), the same in
      Keras is 0.9: --momentum 0.9.

What to do: give the layer the number of its own convention, which is 1 minus the other: 0.1 in PyTorch is 0.9 in Keras,
and 0.99 in Keras is 0.01 in PyTorch. `bnstat compare PATH --frameworks keras,torch` ends with the layer to type. If the
running statistics are meant to be those of the last batch, ignore this rule: `--ignore momentum-convention`.

Threshold: half. The defaults of the layers that keep an average let a batch weigh 0.01 or 0.1, and the same numbers in
the other convention 0.99 or 0.9. A layer's own default is never reported.

Sources: https://docs.pytorch.org/docs/stable/generated/torch.nn.BatchNorm3d.html and
https://keras.io/api/layers/normalization_layers/batch_normalization/ define momentum so; `bnstat frameworks` lists the
weight of a batch for each layer, as it was measured.
"""

from __future__ import annotations

from collections.abc import Iterator

from bnstat.layers.frameworks.framework import Framework
from bnstat.reports.evidence import Evidence
from bnstat.reports.finding import Finding
from bnstat.rules.rule import Rule

# The weight of one batch above which its momentum is taken for a number of the other convention.
MOST = 0.5


def _check(rule: Rule[Evidence], evidence: Evidence) -> Iterator[Finding]:
    settings = evidence.settings
    if settings.keeps_running:
        yield from _of_layer(rule, settings.framework, settings.momentum)


def _of_layer(rule: Rule[Evidence], framework: Framework, momentum: float | None) -> Iterator[Finding]:
    """Yield the finding on a momentum in a framework's own convention; none for a default or an unknown momentum."""
    if momentum is None or momentum == framework.momentum or framework.momentum_weighs is None:
        return
    weight = framework.batch_weight(momentum)
    if weight > MOST:
        yield rule.of_all(_message(framework, momentum, weight), value=weight, threshold=MOST)


def _message(framework: Framework, momentum: float, weight: float) -> str:
    """Return what this momentum does, and the number that was probably meant."""
    old = framework.momentum_weighs == "old"
    own, maker, theirs = ("old value", "PyTorch", "batch") if old else ("batch", "Keras", "old value")
    same = f"{1.0 - momentum:.12g}"
    little = "the last batch alone" if weight == 1.0 else "little more than the last batch"
    return (
        f"a momentum of {momentum:g} is the weight of the {own} in {framework.title}, so the last batch makes up "
        f"{100 * weight:.4g} % of the running statistics (limit {100 * MOST:g} %). Evaluation mode then normalizes "
        f"with {little}. If {momentum:g} is a number of {maker} (there it is the weight of the {theirs}), the same in "
        f"{framework.title} is {same}: --momentum {same}."
    )


RULE = Rule("BN209", "momentum-convention", "warning", _check)


def on_layer(framework: Framework, momentum: float | None) -> tuple[Finding, ...]:
    """Return the finding on one layer whose batches are not judged, as those of a comparison of batch sizes."""
    return tuple(_of_layer(RULE, framework, momentum))
