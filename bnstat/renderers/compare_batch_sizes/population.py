"""Population ("precise BN") statistics as a file that a layer can load: `mean`, `variance` (biased) and `count`."""

from __future__ import annotations

import io

import numpy as np

from bnstat.renderers import json
from bnstat.reports.compare_batch_sizes import Comparison

SCHEMA = "bnstat.population/1"
ENDINGS = ("npz", "json")


def render(comparison: Comparison, ending: str) -> bytes:
    """Return the statistics of all values, a number for each channel; undefined ones are NaN, and null in JSON.

    Args:
        comparison: the comparison whose population is written.
        ending: "npz" or "json".
    """
    channels = comparison.population
    columns = {
        "mean": [channel.merged_mean for channel in channels],
        "variance": [channel.merged_variance for channel in channels],
        "count": [channel.merged_count for channel in channels],
    }
    if ending == "json":
        return json.written({"schema": SCHEMA, **columns}).encode()
    file = io.BytesIO()
    np.savez(
        file,
        mean=np.array(columns["mean"], np.float64),
        variance=np.array(columns["variance"], np.float64),
        count=np.array(columns["count"], np.int64),
    )
    return file.getvalue()
