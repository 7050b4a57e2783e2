"""The comparison of batch sizes once more, from the same table, without the volumes that are odd or broken."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from bnstat.batch_size.settings import CompareSettings
from bnstat.errors import UsageError
from bnstat.reading.table import Table
from bnstat.reports.compare_batch_sizes import Comparison
from bnstat.sources.sample import volumes_among
from bnstat.workflows.compare_batch_sizes import comparison_of


def comparison_without(
    table: Table, left_out: Collection[int], settings: CompareSettings, named: Mapping[str, str], also: int
) -> Comparison | None:
    """Return what `compare` says of the other volumes; None if none is left out, or the others are too few for it.

    Args:
        table: the samples that were read.
        left_out: the places of the volumes that are left out.
        settings: what is compared.
        named: the group of each case by its name; empty without groups.
        also: a size that is compared beside those by default.
    """
    if not left_out:
        return None
    others = _without(table, left_out)
    if named and len({named[sample.source] for sample in others.rows.samples}) < 2:  # nothing differs between groups
        settings, named = replace(settings, group_by=None), {}
    try:
        return comparison_of(others, settings, named, also)
    except UsageError:  # as where exactly these volumes are fewer than the smallest size
        return None


def _without(table: Table, left_out: Collection[int]) -> Table:
    """Return the table without all samples of some volumes, and without the headers of cases that have no others."""
    volumes = volumes_among(table.rows.samples)
    dropped = {place for volume in left_out for place in volumes[volume]}
    kept = [place for place in range(len(table.rows)) if place not in dropped]
    gone = {table.origins[place] for place in dropped} - {table.origins[place] for place in kept}
    cases = [case for case in range(len(table.planned)) if case not in gone]
    now = {case: place for place, case in enumerate(cases)}
    return replace(
        table,
        planned=tuple(table.planned[case] for case in cases),
        rows=table.rows.taken(kept),
        origins=tuple(now[table.origins[place]] for place in kept),
        summed={},
    )
