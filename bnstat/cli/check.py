"""`bnstat check`: problems with these data and this layer, for people and for CI."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from bnstat.cli import configured, exit_codes, groups, inputs, networks, options, origins, rules
from bnstat.cli.checked_network import network_of, own_settings, refuse_network
from bnstat.cli.groups import NETWORK, RULES, option
from bnstat.errors import OutputError, UsageError
from bnstat.text import plural

if TYPE_CHECKING:
    from bnstat.cli.config import Config
    from bnstat.cli.progress import Meter
    from bnstat.reading.settings import Reading
    from bnstat.reports.check import Check
    from bnstat.workflows.layers import LayersSettings

FORMATS = ("table", "json", "jsonl", "csv", "markdown", "html", "junit", "github", "gitlab", "sarif")
# Formats in which a person reads the outcome.
_WITH_OUTCOME = ("table", "markdown", "html", "github")


_RULES = groups.together(
    rules.fail_on("error"),
    option(
        "--exit-zero",
        group=RULES,
        is_flag=True,
        in_file=False,
        shown=False,
        help="Exit with code 0 whatever is found. An unreadable input still gives 3, and wrong usage 2.",
    ),
    option(
        "--statistics",
        group=RULES,
        is_flag=True,
        in_file=False,
        shown=False,
        help="Show only how many findings each rule has, the most first.",
    ),
    rules.select,
    rules.ignore,
    rules.limit,
    rules.steps("Check that the running statistics settle within this many training steps."),
    rules.baseline("Pass the known findings in this file, which --update-baseline writes; only new ones fail."),
    option(
        "--update-baseline",
        group=RULES,
        is_flag=True,
        in_file=False,
        help="Write all findings into the baseline, and exit with code 0.",
    ),
    rules.reference,
)


# A settings file may lie beside data of somebody else, so it names no model, whose code may be run.
_MODEL = option(
    "--model",
    group=NETWORK,
    type=click.Path(readable=False),
    metavar="MODEL",
    in_file=False,
    help="Run this network on the volumes and judge its layers instead: module:factory, whose code is run, or a file "
    "or folder, as for `bnstat layers`.",
)


@configured.command(also_shown=rules.shown, implied=networks.implied_training)
@_RULES
@_MODEL
@networks.network
@options.layer
@inputs.samples_if_any
@options.output_as(FORMATS)
@click.pass_context
def command(
    context: click.Context,
    /,
    paths: tuple[str, ...],
    to: options.Output,
    limit: Sequence[tuple[str, float]],
    reading: Reading,
    model: str | None,
    **settings: Any,
) -> int:
    """Check these data for problems with this batch norm layer and batch size.

    Rules judge every batch. They find, for example: zero variance, NaN, a layer that refuses to train, a framework
    whose float32 sums go wrong, and a batch that is too small for how much these samples differ. `bnstat explain` says
    what each rule means. Checkpoints among the paths are judged too, by what they store of their normalization layers.

    \b
    Exit codes, for CI:
      0  no new finding is as severe as --fail-on
      1  at least one is
      2  wrong usage, or an impossible setting
      3  an input could not be read, whatever was found in the others

    \b
    Examples:
      bnstat check cohort/
      bnstat check cohort/ --batch-size 2 --framework torch --fail-on warning
      bnstat check cohort/ --baseline bnstat-baseline.json --update-baseline
      bnstat check cohort/ --format junit -o bnstat.xml
      bnstat check cohort/ --model mynet:build --weights last.ckpt --patch 96
      bnstat check model.pt --fail-on warning
    """
    found = origins.config_of(context)
    if not paths:
        raise inputs.no_input(context)
    settings["limits"] = rules.limits_from(found, limit)
    if model is None:
        refuse_network(context)
        network = None
    else:
        network = network_of(context, model, settings)
    layer = {name: value for name, value in settings.items() if name not in networks.PARAMETERS}
    by_default = context.get_parameter_source("framework") is click.core.ParameterSource.DEFAULT
    if by_default and layer["framework"] == options.FRAMEWORK:
        layer.pop("framework")  # so that checkpoints are judged with the defaults of their own
    return _run(paths, to, found, reading, layer, network)


def _run(
    paths: Sequence[str],
    to: options.Output,
    found: Config,
    reading: Reading,
    settings: dict[str, Any],
    network: LayersSettings | None,
) -> int:
    from bnstat.cli.messages import with_options
    from bnstat.cli.output import tell, write
    from bnstat.cli.progress import progress

    update, counted, exit_zero = (settings.pop(name) for name in ("update_baseline", "statistics", "exit_zero"))
    if counted and to.format != "table":
        raise UsageError("--statistics counts findings in the table; leave out --format, or count those in the JSON")
    with progress(to.quiet) as meter:
        judged = _judge(
            paths, reading, settings, network, meter, {"overrides": found.overrides, "update_baseline": update}
        )
        result = with_options(judged)
    tell(result.errors, result.notes, to.quiet)
    read = inputs.read_by(paths, reading, result.samples, result.errors)
    write("check", result, replace(to, format="statistics") if counted else to, read)
    if update:
        _tell_update(result, to.quiet)
    if to.format == "github":
        _summarize(result)
    if not to.quiet:
        _tell_outcome(result, to)
    if result.errors:
        return exit_codes.FAILED_INPUT
    return exit_codes.FINDINGS if result.failed and not exit_zero else exit_codes.CLEAN


def _judge(
    paths: Sequence[str],
    reading: Reading,
    settings: dict[str, Any],
    network: LayersSettings | None,
    meter: Meter | None,
    known: dict[str, Any],
) -> Check:
    """Judge the volumes, or a network that is run on them."""
    from bnstat.workflows.check import asked_of, judge

    if network is None:
        return judge(paths, asked_of(**settings), reading, meter, **known)
    from bnstat.workflows.check_network import judge_network

    asked = asked_of(**own_settings(settings))
    asked = replace(asked, layer=replace(asked.layer, preparation=reading.preparation))
    return judge_network(paths, asked, network, reading, meter, None if meter is None else meter.passes, **known)


def _tell_update(result: Check, quiet: bool) -> None:
    """Tell what was written into the baseline."""
    from bnstat.cli.messages import note

    if not quiet:
        note(f"wrote {plural(len(result.known), 'finding')} into {result.settings.baseline}, which later checks pass")


def _tell_outcome(result: Check, to: options.Output) -> None:
    """Tell the outcome on stderr where the output is in a file or for a program; a person reads it in the output."""
    from bnstat.cli.messages import tell_line
    from bnstat.renderers.check.alike import closing

    if to.format in _WITH_OUTCOME and to.file in (None, "-"):
        return
    tell_line(closing(result))


def _summarize(result: Check) -> None:
    """Add a summary to the page of a run on GitHub."""
    file = os.environ.get("GITHUB_STEP_SUMMARY")
    if not file:
        return
    from bnstat.renderers.check.github import summary
    from bnstat.writing import append_whole

    try:
        append_whole(file, summary(result).encode("utf-8", "backslashreplace"))
    except (OSError, ValueError) as error:  # ValueError: a name with NUL
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise OutputError(f"{file}: cannot be written: {reason}") from error
