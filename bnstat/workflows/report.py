"""The story of `report`: one reading of the volumes, then what check, compare and inspect say of them, side by side."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bnstat.batch_size.settings import CompareSettings
from bnstat.errors import InputError, UsageError
from bnstat.reading.settings import FILES_AS_THEY_ARE, Reading
from bnstat.reading.table import Table, read_table
from bnstat.reading.workers.job import Progress
from bnstat.reports.check import CheckSettings
from bnstat.reports.compare_batch_sizes import Comparison
from bnstat.reports.finding import Finding
from bnstat.reports.full.full_report import FullReport
from bnstat.reports.full.volumes import ReportedVolume, VolumeChannel
from bnstat.rules.overrides import Override
from bnstat.sources.addresses import is_remote
from bnstat.sources.formats.memory import Input, named_inputs
from bnstat.sources.opened import Planned
from bnstat.workflows.compare_batch_sizes import comparison_of, named_groups
from bnstat.workflows.frameworks_on_data import frameworks_on_data
from bnstat.workflows.judged_volumes import VolumeRules


@dataclass(frozen=True)
class ReportSettings:
    """What a report is asked for.

    Attributes:
        check: What its rules judge.
        compare: Which batch sizes it compares, with the limits of the check as tolerances.
        layers: The file that `bnstat layers --format json` wrote; None without one.
    """

    check: CheckSettings
    compare: CompareSettings
    layers: str | None = None


def full_report(
    paths: Input | Iterable[Input],
    asked: ReportSettings,
    reading: Reading = FILES_AS_THEY_ARE,
    progress: Progress | None = None,
    *,
    overrides: Sequence[Override] = (),
) -> FullReport:
    """Return the answers of check, compare and inspect on the same volumes; one without volumes if none can be read.

    Raises:
        UsageError: if the settings do not fit these data.
        InputError: if the reference, the table of groups or the file of layers cannot be read.
    """
    # what is asked, and what was made before
    judging = VolumeRules.of(asked.check)
    inputs = list(named_inputs(judging.inputs(paths)))
    network = None if asked.layers is None else _network(asked.layers)
    folders = [one for one in inputs if isinstance(one, str) and not is_remote(one)]
    named: dict[str, str] = {}

    def admit(planned: Sequence[Planned]) -> None:
        judging.admit(planned, asked.check, reading)
        if asked.compare.group_by is not None and planned:
            named.update(named_groups(planned, asked.compare.group_by, folders))

    # the volumes, read once
    layer = asked.check.layer
    table = read_table(inputs, layer.axis, layer.batch_axis, reading, progress, admit)
    # each command answers from the same table
    judged = judging.judge(table, asked.check, _dropping(overrides), inputs, reading, progress)
    comparison, not_compared = _compared(table, asked.compare, named)
    volumes = _volumes(table, judged.check.findings, named)
    return FullReport(
        check=judged.check,
        inspected=judged.evidence.report,
        comparison=comparison,
        not_compared=not_compared,
        frameworks=frameworks_on_data(table, judged.evidence.report, asked.check.limits.variance_error),
        volumes=volumes,
        network=network,
    )


def _dropping(overrides: Sequence[Override]) -> Callable[[Finding], bool]:
    return lambda finding: any(override.drops(finding) for override in overrides)


def _compared(
    table: Table, settings: CompareSettings, named: Mapping[str, str]
) -> tuple[Comparison | None, str | None]:
    """Return the comparison of batch sizes, or why there is none."""
    try:
        return comparison_of(table, settings, named), None
    except UsageError as error:
        return None, str(error)


def _volumes(table: Table, findings: Sequence[Finding], named: Mapping[str, str]) -> tuple[ReportedVolume, ...]:
    """Return the volumes of the table, in order."""
    found = []
    for place, row in enumerate(table.rows):
        moments = row.moments
        channels = tuple(
            VolumeChannel(
                channel=channel,
                count=int(moments.count[channel]),
                mean=float(moments.mean[channel]),
                std=float(moments.variance[channel]) ** 0.5,
                minimum=float(moments.minimum[channel]),
                maximum=float(moments.maximum[channel]),
                nan=int(moments.nan[channel]),
                inf=int(moments.inf[channel]),
            )
            for channel in range(row.tensor.channels)
        )
        about = tuple(at for at, finding in enumerate(findings) if finding.source == row.sample.source)
        found.append(ReportedVolume(place, row.sample, 1, channels, named.get(row.sample.source), about))
    return tuple(found)


def _network(file: str) -> Mapping[str, Any]:
    """Read what `bnstat layers --format json` wrote.

    Raises:
        InputError: if it cannot be read, or is another document.
    """
    try:
        found: object = json.loads(Path(file).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(file, f"cannot be read: {error}") from error
    if not isinstance(found, dict) or found.get("schema") != "bnstat.layers/1":
        raise InputError(file, "is not what `bnstat layers --format json` writes")
    return found
