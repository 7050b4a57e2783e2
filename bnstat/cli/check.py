"""`bnstat check`: problems with these data and this layer, for people and for CI."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bnstat.cli import configured, exit_codes, groups, inputs, networks, options, origins
from bnstat.cli.checked_network import network_of, own_settings, refuse_network
from bnstat.cli.groups import NETWORK, RULES, option
from bnstat.cli.parameter_types import Written
from bnstat.errors import OutputError, UsageError
from bnstat.text import plural

if TYPE_CHECKING:
    from bnstat.cli.config import Config
    from bnstat.cli.progress import Meter
    from bnstat.reading.settings import Reading
    from bnstat.reports.check import Check
    from bnstat.reports.limits import Limits
    from bnstat.workflows.layers import LayersSettings

FORMATS = ("table", "json", "jsonl", "csv", "markdown", "html", "junit", "github", "gitlab", "sarif")
# Formats in which a person reads the outcome.
_WITH_OUTCOME = ("table", "markdown", "html", "github")


class Tokens(Written[tuple[str, ...]]):
    """Names of rules, as in BN1,zero-variance."""

    name = "RULE,…"
    kinds = (list,)

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        """Return the names, each of which stands for at least one rule."""
        parts = value if isinstance(value, (tuple, list)) else str(value).split(",")
        tokens = tuple(part.strip() for part in parts if part.strip())
        if not tokens:
            return ()
        from bnstat.rules.selection import codes_of

        try:
            for token in tokens:
                codes_of(token)
        except UsageError as error:
            self.fail(str(error), param, ctx)
        return tokens


class Limit(Written[tuple[str, float]]):
    """A threshold by its name, as in noise=0.2."""

    name = "NAME=VALUE"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, float]:
        """Return the name and the number."""
        if isinstance(value, tuple):
            return value
        name, _, number = str(value).partition("=")
        try:
            return name.strip(), float(number)
        except ValueError:
            from bnstat.cli.config import LIMITS

            self.fail(f"{value!r} is not NAME=VALUE, as in noise=0.2; the names are {', '.join(LIMITS)}", param, ctx)


_RULES = groups.together(
    option(
        "--fail-on",
        group=RULES,
        type=click.Choice(["error", "warning", "note", "never"]),
        default="error",
        show_default=True,
        help="Exit with code 1 if a new finding is at least this severe.",
    ),
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
    option(
        "--select",
        group=RULES,
        type=Tokens(),
        default=(),
        help="Run only these rules: codes (BN101), names (zero-variance) or prefixes (BN1).  [default: all]",
    ),
    option("--ignore", group=RULES, type=Tokens(), default=(), help="Skip these rules, named in the same way."),
    option(
        "--limit",
        group=RULES,
        type=Limit(),
        multiple=True,
        in_file=False,
        shown=False,
        help="Set a threshold of a rule, as in noise=0.2; may be given again. --show-settings lists all.",
    ),
    option(
        "--steps",
        group=RULES,
        type=int,
        metavar="N",
        help="Check that the running statistics settle within this many training steps.",
    ),
    option(
        "--baseline",
        group=RULES,
        type=click.Path(readable=False),
        metavar="FILE",
        help="Pass the known findings in this file, which --update-baseline writes; only new ones fail.",
    ),
    option(
        "--update-baseline",
        group=RULES,
        is_flag=True,
        in_file=False,
        help="Write all findings into the baseline, and exit with code 0.",
    ),
    option(
        "--reference",
        group=RULES,
        type=click.Path(readable=False),
        metavar="FILE",
        help="Check that means and standard deviations have not moved since this moments file (of `bnstat scan`), or "
        "this dataset_fingerprint.json of nnU-Net.",
    ),
)


def _limits(found: Config, given: Sequence[tuple[str, float]]) -> Limits:
    from bnstat.cli.config import limits_of

    return limits_of({**found.limits, **dict(given)})


def _rules_shown(context: click.Context) -> Iterator[configured.Shown]:
    """Yield each threshold and override with its origin."""
    from dataclasses import asdict

    found, given = origins.config_of(context), context.params["limit"]
    on_line = {name for name, _ in given}
    for name, value in asdict(_limits(found, given)).items():
        key = f"limits.{name.replace('_', '-')}"
        on_this = key.removeprefix("limits.") in on_line
        yield key, value, origins.origin_of(context, "limit") if on_this else found.origins.get(key, "default")
    for one in found.overrides:
        yield f"overrides: {' '.join(one.paths)}", ",".join(one.ignore), str(found.file)


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


@configured.command(also_shown=_rules_shown, implied=networks.implied_training)
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
    settings["limits"] = _limits(found, limit)
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
    read = [*_read(paths, result, found, reading), *([] if network is None else networks.read_by(network))]
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


def _read(paths: Sequence[str], result: Check, found: Config, reading: Reading) -> list[str]:
    """Return the files that were read: the output must be none of them."""
    read = inputs.read_by(paths, reading, result.samples, result.errors)
    own = (result.settings.baseline, result.settings.reference, found.file)
    return [*read, *(str(file) for file in own if file is not None)]


def _summarize(result: Check) -> None:
    """Add a summary to the page of a run on GitHub."""
    file = os.environ.get("GITHUB_STEP_SUMMARY")
    if not file:
        return
    from bnstat.renderers.check.github import summary

    try:
        with Path(file).open("a", encoding="utf-8", errors="backslashreplace") as page:
            page.write(summary(result))
    except OSError as error:
        raise OutputError(f"{file}: cannot be written: {error.strerror}") from error
