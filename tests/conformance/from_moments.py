"""Batches of which moments alone are known, with bnstat's predictions for them."""

from __future__ import annotations

import numpy as np

from bnstat import Moments
from bnstat.layers import predictions
from bnstat.layers.normalizers import normalize
from bnstat.layers.results import Batch
from bnstat.layers.settings import Settings
from bnstat.preprocessing.samples import Row
from bnstat.reading.rows import Rows
from bnstat.reading.table import Table
from bnstat.sources.case import CaseFile
from bnstat.sources.layout import arrange
from bnstat.sources.sample import Sample
from bnstat.sources.volume import PlainVoxels, Volume


def moments_of(
    cells: tuple[int, int], count: int, mean: float, variance: float, minimum: float, maximum: float
) -> Moments:
    """Return a table (samples, channels) of cells that are alike, and merge to these moments."""
    ones, none = np.ones(cells), np.zeros(cells, np.int64)
    return Moments(
        finite=none + count,
        mean=ones * mean,
        m2=ones * count * variance,
        minimum=(ones * minimum).astype(np.float32),
        maximum=(ones * maximum).astype(np.float32),
        nan=none,
        inf=none,
        mean_tail=0.0 * ones,
        varies=np.full(cells, minimum != maximum),
        residue=none,
    )


def filled(shape: tuple[int, ...], moments: Moments, given: dict[str, str]) -> Batch:
    """Return a batch with its predictions, of a float32 array of which moments alone are known."""
    settings = Settings.of(**given, batch_size=shape[0], emulate=False)
    arrangement = arrange(shape, order="C", batch_axis=0, batched=True)
    volume = Volume("recorded", shape, np.dtype(np.float32), "float32", "C", PlainVoxels("", 0), batched=True)
    rows = [
        Row(
            Sample("recorded", index, shape, "float32", None),
            moments[index],
            arrangement.tensor,
            (CaseFile(volume, arrangement),),
            ("float32",),
        )
        for index in range(shape[0])
    ]
    empty = Batch(0, tuple(range(shape[0])), shape, arrangement.tensor.axis, arrangement.tensor.reduction_axes)
    (filled,) = predictions.predict(normalize([(empty, moments)], settings), Table((), Rows.of(rows), ()), settings)
    return filled
