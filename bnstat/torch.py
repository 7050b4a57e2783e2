"""What enters the normalization layers of a network of PyTorch: `watch`, `layers` and `record`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

try:
    from bnstat.networks.pytorch.recording import Recorder, record
    from bnstat.networks.pytorch.watched_model import Watched, watch
except ModuleNotFoundError as error:
    if error.name != "torch":
        raise
    raise ImportError("bnstat.torch needs PyTorch, which is not installed: pip install 'bnstat[torch]'") from None

from bnstat.errors import texts, whole, wholes
from bnstat.networks.measurements.measure import measure
from bnstat.networks.measurements.samples import HeldSamples, Progress
from bnstat.networks.pytorch.batches import samples_in
from bnstat.networks.pytorch.module_network import ModuleNetwork
from bnstat.networks.settings import DRAWS, Measuring
from bnstat.reports.evidence import NetworkEvidence
from bnstat.reports.layers import Layers
from bnstat.rules.judging import judged
from bnstat.rules.network_rules import NETWORK_RULES

if TYPE_CHECKING:
    from torch import nn

__all__ = ["Layers", "Recorder", "Watched", "layers", "record", "watch"]


def layers(
    model: nn.Module,
    batches: Iterable[Any],
    *,
    batch_sizes: Sequence[int] = (1,),
    draws: int = DRAWS,
    switch: bool = False,
    layers: str | Sequence[str] = (),
    amp: str | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Layers:
    """Measure every normalization of a model, as `bnstat layers` does. The model is as before afterwards.

    Args:
        model: The network, on the device where it is to run.
        batches: What training feeds it: an iterable of tensors or arrays with samples along axis 0, as a data loader
            has them. Of a tuple, a list or a dictionary the first tensor is taken, or that of "image". All samples are
            held in memory, on the processor, so give a list of some batches and not a whole data loader.
        batch_sizes: The batch sizes of training passes; none for evaluation mode alone.
        draws: The number of training batches that are drawn for each size.
        switch: True to switch one layer at a time to each sample's own statistics, to find those that matter.
        layers: Patterns of the layers to report, as "encoder.*"; all without one.
        amp: The type that autocast computes in, "bfloat16" or "float16".
        seed: The seed of the drawn batches.
        progress: Called after each forward pass, with what is measured, the passes done of it, and all of them.

    Returns:
        The report, with a verdict in words; `to_pandas()`, `to_dict()` and its other methods give the numbers.

    Raises:
        UsageError: if there is no sample, the model cannot run one, or a setting is wrong.
    """
    patterns = texts("layers", layers)
    measuring = Measuring(wholes("batch_sizes", batch_sizes), whole("draws", draws), switch, patterns, seed)
    network = ModuleNetwork(model, type(model).__name__, device=None, amp=amp)
    samples = HeldSamples.of(samples_in(batches))
    measured = measure(network, samples, measuring, progress)
    return Layers(
        measured=measured,
        measuring=measuring,
        samples=tuple(samples.identities),
        device=str(network.device),
        amp=amp,
        findings=judged(NetworkEvidence(measured), NETWORK_RULES),
        notes=measured.notes,
    )
