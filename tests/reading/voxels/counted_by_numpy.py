"""The same as the second pass in plain numpy, on whole arrays: what the passes over blocks are held against."""

from __future__ import annotations

import numpy as np

from bnstat.preprocessing.settings import Preparation
from bnstat.reading.settings import Reading
from bnstat.reading.table import read_table
from bnstat.reading.voxels.read import read_voxels
from bnstat.sources.sample import volumes_among


def read_twice(paths, *, axis=-1, batch_axis=None, jobs=1, suspects=(), progress=None, **prepared):
    """The table of the first pass, and what the second one gives."""
    reading = Reading(preparation=Preparation(**prepared), jobs=jobs)
    table = read_table(paths, axis, batch_axis, reading, progress, lambda _: None)
    return table, read_voxels(table, suspects, axis, batch_axis, reading, progress)


def assert_counts_of_the_table(table, voxels):
    """Assert that each value of the table is counted once, in all volumes together and in each."""
    volumes = volumes_among([row.sample for row in table.rows])
    for one in voxels.histograms:
        own = [
            sum(int(table.rows[at].moments.finite[one.channel]) for at in places)
            if one.channel < table.rows[places[0]].tensor.channels
            else 0
            for places in volumes
        ]
        each = zip(one.volumes, one.volumes_below, one.volumes_above, strict=True)
        assert [sum(counts) + below + above for counts, below, above in each] == own
        assert sum(one.counts) + one.below + one.above == sum(own)
        assert len(one.counts) == len(one.edges) - 1 <= 64
        assert np.all(np.diff(one.edges) > 0)
        summed = np.sum([counts for counts in one.volumes if counts], axis=0)
        assert summed.tolist() == list(one.counts)


def assert_histogram(one, volumes, loose=0.0):
    """Assert that a histogram is numpy's of these values of each volume, which may be off by a little at an edge."""
    edges = np.array(one.edges)
    for counts, below, above, values in zip(one.volumes, one.volumes_below, one.volumes_above, volumes, strict=True):
        finite = np.sort(values[np.isfinite(values)].astype(np.float64))
        assert sum(counts) + below + above == finite.size
        upto = below + np.cumsum([0, *counts])
        assert (upto[:-1] >= np.searchsorted(finite, edges[:-1] - loose, side="left")).all()
        assert (upto[:-1] <= np.searchsorted(finite, edges[:-1] + loose, side="left")).all()
        if not loose:
            with np.errstate(all="ignore"):
                assert np.histogram(finite, edges)[0].tolist() == list(counts)
