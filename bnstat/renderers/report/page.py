"""The page in Python: `bnstat.report`, and the value that a notebook shows."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any, Unpack

from bnstat.batch_size.settings import PopulationKind
from bnstat.layers.settings import LayerKeywords
from bnstat.reading.settings import FILES_AS_THEY_ARE, Reading
from bnstat.reading.workers.job import Progress
from bnstat.renderers import json
from bnstat.renderers.report import markdown
from bnstat.renderers.report.given import settings_of
from bnstat.renderers.written import refuse_ending, write_text
from bnstat.reports.check import FailOn
from bnstat.reports.documents.document import Fields
from bnstat.reports.full.full_report import FullReport
from bnstat.reports.limits import DEFAULT_LIMITS, Limits
from bnstat.rules.overrides import Override
from bnstat.sources.formats.memory import Input
from bnstat.workflows.failures import require_some
from bnstat.workflows.report import full_report, report_asked


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
        """Return the page as one file of HTML.

        Raises:
            ImportError: if jinja2 is not installed.
        """
        page: str = _html().render(self.report)
        return page

    def to_markdown(self) -> str:
        """Return the page without pictures, as Markdown."""
        return markdown.render(self.report)

    def save(self, file: str | Path) -> None:
        """Write the page as a file of HTML, or as Markdown or JSON if its name ends in .md or .json.

        Raises:
            UsageError: if its name ends like that of a PDF, a picture, an archive or a volume.
            OutputError: if the file cannot be written.
            ImportError: if jinja2 is not installed.
        """
        refuse_ending(file)
        ending = Path(file).suffix.lower()
        if ending == ".json":
            content = json.render(self.report)
        else:
            content = self.to_markdown() if ending in (".md", ".markdown") else self.to_html()
        write_text(content, file)

    def _repr_html_(self) -> str:
        page: str = _html().fragment(self.report)
        return page


def _html() -> ModuleType:
    """Return the module that writes HTML, which takes a package of an extra."""
    try:
        return importlib.import_module("bnstat.renderers.report.html")
    except ModuleNotFoundError as error:
        raise ImportError(f"a page of HTML needs {error.name}; pip install 'bnstat[report]'") from error


def report(
    paths: Input | Iterable[Input],
    *,
    batch_sizes: Sequence[int] | None = None,
    population: PopulationKind = "infinite",
    draws: int | None = None,
    group_by: str | None = None,
    select: Sequence[str] = (),
    ignore: Sequence[str] = (),
    fail_on: FailOn = "never",
    limits: Limits = DEFAULT_LIMITS,
    overrides: Sequence[Override] = (),
    steps: int | None = None,
    baseline: str | None = None,
    reference: str | None = None,
    layers: str | None = None,
    title: str | None = None,
    reading: Reading = FILES_AS_THEY_ARE,
    progress: Progress | None = None,
    **layer: Unpack[LayerKeywords],
) -> ReportPage:
    """Return a page on volumes: what check, compare and inspect say of them, with plots, from one reading.

    Args:
        paths: as for `diagnose`.
        batch_sizes: the sizes to compare; by default 1, 2, 4, … up to the number of samples. Rules judge `batch_size`,
            and without it the smallest of these sizes.
        population: "infinite" or "finite", as for `compare`.
        draws: batches that are drawn at most for a size, as for `compare`.
        group_by: "directory" or "FILE.csv:COLUMN", as for `compare`.
        select: codes, names or prefixes of the rules that judge, as for `check`; empty for all.
        ignore: codes, names or prefixes of the rules that do not.
        fail_on: the least severity of a new finding that fails the check; by default none does.
        limits: the thresholds of the rules; those on noise, shortfall and gap are also the tolerances of `compare`.
        overrides: rules that are ignored for some files, as for `check`.
        steps: training steps, to judge whether the running statistics have settled by then, and to simulate them.
        baseline: a file of known findings, which are shown apart from new ones.
        reference: a moments file, or a fingerprint of nnU-Net, that the volumes are compared with, as for `check`.
        layers: a file that `bnstat layers --format json` wrote.
        title: the title of the page.
        reading: how inputs are found, prepared and read.
        progress: callbacks that are called with the files and bytes read so far.
        layer: `framework`, `batch_size` and the other settings of `diagnose`.

    Returns:
        The page. Inputs that cannot be read are in its `report.errors`; it shows the others.

    Raises:
        UsageError: if a setting is wrong, or does not fit these data.
        InputError: if no input can be read, nor a file that a setting names.
    """
    compared = {"batch_sizes": batch_sizes, "population": population, "draws": draws, "group_by": group_by}
    judged = {"select": select, "ignore": ignore, "fail_on": fail_on, "limits": limits, "steps": steps}
    beside = {"baseline": baseline, "reference": reference, "layers": layers, "title": title}
    given: dict[str, Any] = {**compared, **judged, **beside, **layer}
    found = full_report(paths, report_asked(**given), reading, progress, overrides=overrides)
    require_some(found.check.sources, found.errors)
    return ReportPage(replace(found, made=replace(found.made, settings=settings_of(given, reading, overrides))))
