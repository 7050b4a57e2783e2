"""`bnstat report`: a page about volumes, which people look at and hand on."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bnstat.cli import batches, configured, exit_codes, groups, inputs, networks, options, origins, rules
from bnstat.cli.groups import NETWORK, OUTPUT, option
from bnstat.cli.shared import TYPED
from bnstat.errors import OutputError, UsageError
from bnstat.text import plural

if TYPE_CHECKING:
    from bnstat.cli.config import Config
    from bnstat.reading.settings import Reading
    from bnstat.reports.full.full_report import FullReport
    from bnstat.workflows.report import ReportSettings

FORMATS = ("html", "markdown", "json")
# Endings of pages, which no input has: -o was forgotten before such a name.
_PAGES = (".html", ".htm", ".md", ".markdown")
# What the page is written with, by the name of the import.
_NEEDED = {"jinja2": "jinja2", "PIL": "pillow"}
# Options of other commands, each with what to type for a report.
_NETWORK = (
    "a report runs no network; to look inside one, type bnstat layers MODEL PATH -o layers.json, and give the file "
    "with --layers layers.json"
)
_LIMIT = "the verdicts of a report have one tolerance; type --limit {name}=0.2"
_ELSEWHERE = {
    **dict.fromkeys(("--model", *(f"--{name.replace('_', '-')}" for name in networks.PARAMETERS)), _NETWORK),
    **{f"--tolerance-{name}": _LIMIT.format(name=name) for name in ("noise", "shortfall", "gap")},
    **{
        f"--{name}": f"a report has one layer, beside all frameworks; type bnstat compare PATH --{name} …"
        for name in ("frameworks", "normalizers", "epsilons", "intensities")
    },
    "--update-baseline": "a report only reads the baseline; type bnstat check PATH --baseline FILE --update-baseline",
    "--plot": "a report has its plots inside; leave it out, or type bnstat compare PATH --plot FILE",
}


class _Command(configured.Command):
    """The command, which says where options of other commands belong."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse a command line; for an option of another command, name what to type."""
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            unknown = error.__cause__
            if isinstance(unknown, click.NoSuchOption) and unknown.option_name in _ELSEWHERE:
                raise UsageError(
                    f"bnstat report has no option {unknown.option_name}: {_ELSEWHERE[unknown.option_name]}"
                ) from error
            raise


_COMPARISON = groups.together(batches.batch_sizes, batches.population, batches.draws, batches.group_by)

_RULES = groups.together(
    rules.fail_on("never"),
    rules.select,
    rules.ignore,
    rules.limit,
    rules.steps("Check that the running statistics settle within this many training steps, and simulate them."),
    rules.baseline("Show the known findings in this file, which `bnstat check` writes, apart from new ones."),
    rules.reference,
)

_PAGE = groups.together(
    option(
        "--layers",
        group=NETWORK,
        type=click.Path(readable=False),
        metavar="FILE",
        help="Show the layers of a network too, which this file of `bnstat layers --format json` has.",
    ),
    option(
        "--title", group=OUTPUT, metavar="TEXT", help="Give the page this title.  [default: Normalization statistics]"
    ),
)


@configured.command(cls=_Command, also_shown=rules.shown, handed_on=True)
@_COMPARISON
@_RULES
@_PAGE
@options.layer
@inputs.samples
@options.output_as(FORMATS)
@click.pass_context
def command(
    context: click.Context,
    /,
    paths: tuple[str, ...],
    to: options.Output,
    limit: Sequence[tuple[str, float]],
    reading: Reading,
    **settings: Any,
) -> int:
    """Write a page about these volumes, to look at and to hand on.

    The page is one file, which opens in a browser without a network. It says in words which batch size is enough for
    batch norm and which volumes are odd, and shows plots, tables and slices. It has the verdicts of `bnstat check` and
    `bnstat compare` on the same volumes, which are read once. HTML needs the extra `report`: pip install
    'bnstat[report]'.

    \b
    Exit codes, as of `bnstat check` with --fail-on never:
      0  the page is written
      1  with --fail-on: a new finding is at least so severe
      2  wrong usage, or an impossible setting
      3  an input could not be read; the page names it, and is
         not written if none could

    \b
    Examples:
      bnstat report cohort/ -o report.html
      bnstat report cohort/ -o report.html --batch-sizes 2,4,8
      bnstat report cohort/ -o report.html --group-by participants.tsv:site
      bnstat report imagesTr/ -o report.html --plans nnUNetPlans.json
      bnstat report cohort/ --format markdown >> "$GITHUB_STEP_SUMMARY"
    """
    from bnstat.workflows.report import report_asked

    found = origins.config_of(context)
    if not (origins.strength_of(context, "batch_size") or "batch_size" in context.meta.get(origins.SET, {})):
        settings.pop("batch_size")  # rules then judge the smallest of --batch-sizes
    asked = report_asked(limits=rules.limits_from(found, limit), **settings)
    _refuse_page(to, paths)
    _refuse_output(to, paths)
    return _run(context, paths, to, asked, reading, found)


def _refuse_page(to: options.Output, paths: Sequence[str]) -> None:
    """Refuse the name of a page among the inputs if no file was named to write to.

    Raises:
        UsageError: if -o was forgotten before such a name.
    """
    page = next((one for one in paths if one.lower().endswith(_PAGES)), None)
    if to.file is None and page is not None and not Path(page).is_dir():
        raise UsageError(
            f"{page} is given as an input and has the name of a page; to write the page to it, type: "
            f"-o {shlex.quote(page)}"
        )


def _refuse_output(to: options.Output, given: Sequence[str]) -> None:
    """Refuse a page that cannot be written, before anything is read.

    Raises:
        UsageError: if it would go to a terminal, replace an input, is named as something else, or needs a package
            that is missing.
        OutputError: if its folder does not exist, or the file is a folder.
    """
    from bnstat.cli.output import is_terminal, refuse_input
    from bnstat.renderers.written import refuse_ending

    on_screen = to.file in (None, "-")
    if to.format == "html":
        if on_screen and is_terminal(sys.stdout):
            raise UsageError(
                "a page of HTML is for a file, as in -o report.html; to read it here, add --format markdown"
            )
        for name, package in _NEEDED.items():
            if find_spec(name) is None:
                raise UsageError(f"bnstat report needs {package}; pip install 'bnstat[report]'")
    if on_screen or to.file is None:
        return
    if not to.file:
        raise UsageError("-o needs the name of a file, as in -o report.html, and is empty")
    refuse_input(to.file, given, "-o")
    refuse_ending(to.file)
    folder = os.path.dirname(to.file) or "."  # noqa: PTH120  (a path as it was typed)
    try:
        if Path(to.file).is_dir():
            raise OutputError(f"{to.file}: cannot be written: it is a folder; name a file, as in -o report.html")
        there = Path(folder).is_dir()
    except OSError as error:  # as of a name that is too long
        raise OutputError(f"{to.file}: cannot be written: {error.strerror}; give another file with -o") from error
    if not there:
        raise OutputError(f"{to.file}: cannot be written: there is no folder {folder}; make it, or give another file")


def _run(
    context: click.Context,
    paths: Sequence[str],
    to: options.Output,
    asked: ReportSettings,
    reading: Reading,
    found: Config,
) -> int:
    from bnstat.cli.messages import complain
    from bnstat.cli.output import tell, write
    from bnstat.cli.progress import progress
    from bnstat.workflows.report import full_report

    with progress(to.quiet) as meter:
        report = full_report(paths, asked, reading, meter, overrides=found.overrides)
    report = _as_typed(report, context)
    tell(report.errors, report.notes, to.quiet)
    if not report.volumes and to.format != "json":  # a page about nothing must not replace one about volumes
        complain("no page was written, because no volume could be read")
        return exit_codes.FAILED_INPUT
    read = inputs.read_by(paths, reading, report.samples, report.errors)
    write("report", report, to, read)
    if not to.quiet:
        _tell_written(report, to)
    if report.errors:
        return exit_codes.FAILED_INPUT
    return exit_codes.FINDINGS if report.check.failed else exit_codes.CLEAN


def _as_typed(report: FullReport, context: click.Context) -> FullReport:
    """Return the report with parameters spelled as options, and with what was typed to make it."""
    from bnstat.cli.messages import spelled, with_options

    shared = context.obj if isinstance(context.obj, dict) else {}
    made = replace(
        report.made,
        command=("bnstat", *shared.get(TYPED, sys.argv[1:])),
        settings=tuple((name, value) for name, value, origin in configured.texts(context) if origin != "default"),
    )
    voxels = report.voxels
    return replace(
        report,
        check=with_options(report.check),
        inspected=with_options(report.inspected),
        comparison=None if report.comparison is None else with_options(report.comparison),
        not_compared=None if report.not_compared is None else spelled(report.not_compared),
        voxels=replace(
            voxels,
            missing=None if voxels.missing is None else spelled(voxels.missing),
            notes=tuple(map(spelled, voxels.notes)),
        ),
        made=made,
        silent={code: spelled(why) for code, why in report.silent.items()},
    )


def _tell_written(report: FullReport, to: options.Output) -> None:
    """Tell on stderr what was written, and the answer; the outcome too if findings can fail."""
    from bnstat.cli.messages import tell_line
    from bnstat.renderers.check.alike import closing

    where = [] if to.file in (None, "-") else [f"wrote {to.file} with {plural(len(report.volumes), 'volume')}"]
    told = [report.verdict.answer[0].text] if report.verdict.answer else []
    outcome = [] if report.check.settings.fail_on == "never" else [closing(report.check)]
    tell_line(". ".join((*where, *(one.removesuffix(".") for one in told), *outcome)))
