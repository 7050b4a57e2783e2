"""The story of a measurement: evaluation mode first, then real training batches."""

from __future__ import annotations

from bnstat.networks.measurements.kept_moments import KeptMoments
from bnstat.networks.measurements.samples import Progress, Samples
from bnstat.networks.network import Network
from bnstat.networks.results import Measured
from bnstat.networks.settings import Measuring


def measure(
    network: Network,
    samples: Samples,
    measuring: Measuring,
    progress: Progress | None = None,
    kept: KeptMoments | None = None,
) -> Measured:
    """Measure every normalization of a network.

    Args:
        network: The network, which is as before afterwards.
        samples: What enters it. They are fetched one at a time, and none is held.
        measuring: What is measured.
        progress: Called after each forward pass.
        kept: Where the moments of evaluation mode are written; None to write none.

    Raises:
        UsageError: if there is no sample, a pattern of `layers` matches no layer, or the network cannot run a sample.
        OutputError: if moments cannot be written.
    """
    raise NotImplementedError
