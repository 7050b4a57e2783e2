"""The page in Python: `bnstat.report`, and the value that a notebook shows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Unpack

from bnstat.batch_size.settings import CompareSettings
from bnstat.layers.settings import LayerKeywords
from bnstat.reading.settings import FILES_AS_THEY_ARE, Reading
from bnstat.reading.workers.job import Progress
from bnstat.renderers.report import html, markdown
from bnstat.reports.documents.document import Fields
from bnstat.reports.full.full_report import FullReport
from bnstat.reports.limits import DEFAULT_LIMITS, Limits
from bnstat.sources.formats.memory import Input
from bnstat.workflows.check import asked_of
from bnstat.workflows.failures import require_some
from bnstat.workflows.report import ReportSettings, full_report


@dataclass(frozen=True, repr=False)
class ReportPage:
    """A page on a cohort. A notebook shows it.

    Attributes:
        report: The answers that the page shows.
    """

    report: FullReport

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.report.summary}>"

    def to_dict(self) -> Fields:
        """Return the document that `--format json` writes."""
        return self.report.to_dict()

    def to_html(self) -> str:
        """Return the page as one file of HTML."""
        return html.render(self.report)

    def to_markdown(self) -> str:
        """Return the page without pictures, as Markdown."""
        return markdown.render(self.report)

    def save(self, file: str | Path) -> None:
        """Write the page as a file of HTML."""
        Path(file).write_text(self.to_html(), encoding="utf-8")

    def _repr_html_(self) -> str:
        return html.fragment(self.report)


def report(
    paths: Input | Iterable[Input],
    *,
    batch_sizes: Sequence[int] | None = None,
    group_by: str | None = None,
    limits: Limits = DEFAULT_LIMITS,
    reference: str | None = None,
    layers: str | None = None,
    reading: Reading = FILES_AS_THEY_ARE,
    progress: Progress | None = None,
    **layer: Unpack[LayerKeywords],
) -> ReportPage:
    """Return a page on volumes: what check, compare and inspect say of them, with plots, from one reading.

    Args:
        paths: as for `diagnose`.
        batch_sizes: the sizes to compare; by default 1, 2, 4, … up to the number of samples.
        group_by: "directory" or "FILE.csv:COLUMN", as for `compare`.
        limits: the thresholds of the rules; those on noise, shortfall and gap are also the tolerances of `compare`.
        reference: a moments file that the volumes are compared with, as for `check`.
        layers: a file that `bnstat layers --format json` wrote.
        reading: how inputs are found, prepared and read.
        progress: callbacks that are called with the files and bytes read so far.
        layer: `framework`, `batch_size` and the other settings of `diagnose`.

    Raises:
        UsageError: if a setting is wrong, or does not fit these data.
        InputError: if no input can be read, nor a file that a setting names.
    """
    asked = asked_of(fail_on="never", limits=limits, reference=reference, **layer)
    of_layer = asked.layer
    compared = CompareSettings.of(
        batch_sizes,
        of_layer.axis,
        of_layer.batch_axis,
        of_layer.framework.name,
        (),
        of_layer.epsilon,
        layer.get("momentum"),
        "infinite",
        1000,
        of_layer.seed,
        of_layer.ranks,
        None,
        group_by,
        limits.noise,
        limits.shortfall,
        limits.gap,
    )
    found = full_report(paths, ReportSettings(asked, compared, layers), reading, progress)
    require_some(found.check.sources, found.errors)
    return ReportPage(found)
