"""`bnstat check`: is anything wrong? For people and for CI."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bnstat.cli import exit_codes, inputs, options
from bnstat.errors import OutputError, UsageError

if TYPE_CHECKING:
    from bnstat.cli.config import Config
    from bnstat.reading.settings import Reading
    from bnstat.report.check import Check
    from bnstat.report.limits import Limits

FORMATS = ("table", "json", "jsonl", "csv", "markdown", "junit", "github", "gitlab", "sarif")
_CONFIG = "bnstat.cli.config"
_LIMIT_HELP = "A threshold of a rule, as in noise=0.2; may be repeated. --show-settings lists all."


class Tokens(click.ParamType[tuple[str, ...]]):
    """As in BN1,zero-variance."""

    name = "RULE,RULE,…"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:  # noqa: ANN401
        """Texts with commas between them, each of which names a rule."""
        parts = value if isinstance(value, (tuple, list)) else value.split(",")
        tokens = tuple(part.strip() for part in parts if part.strip())
        try:
            _require_rules(tokens)
        except UsageError as error:
            self.fail(str(error), param, ctx)
        return tokens


class Limit(click.ParamType[tuple[str, float]]):
    """As in noise=0.2."""

    name = "NAME=VALUE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, float]:  # noqa: ANN401
        """A name and a number."""
        if isinstance(value, tuple):
            return value
        name, _, number = value.partition("=")
        try:
            return name.strip(), float(number)
        except ValueError:
            self.fail(f"{value!r} is not a name and a number as in noise=0.2", param, ctx)


class _Configured(click.Command):
    """A command whose defaults may come from a file: what is wrong with one of them is said of that file."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except click.BadParameter as error:
            name = error.param.name if error.param else None
            if name is None or ctx.get_parameter_source(name) is not click.core.ParameterSource.DEFAULT_MAP:
                raise
            raise UsageError(f"{ctx.meta[_CONFIG].file}: {name.replace('_', '-')}: {error.message}") from error


def _require_rules(tokens: Sequence[str]) -> None:
    """Refuse what names no rule."""
    if tokens:
        from bnstat.rules.selection import codes_of  # noqa: PLC0415  (not needed for --help)

        for token in tokens:
            codes_of(token)


def _configure(context: click.Context, _: click.Parameter, file: str | None) -> str | None:
    """Read the configuration before other options, whose defaults it gives."""
    from bnstat.cli import config  # noqa: PLC0415  (not needed for --help)

    try:
        found = config.load(Path(file)) if file is not None else config.find(Path.cwd())
    except FileNotFoundError as error:  # of cwd
        raise UsageError("the working directory is gone; change to one that is there") from error
    _require_overrides(found)
    context.meta[_CONFIG] = found
    context.default_map = {key.replace("-", "_"): value for key, value in found.values.items()}
    return file


def _require_overrides(found: Config) -> None:
    """Refuse overrides that name no rule, before anything is read."""
    for _, ignored in found.overrides:
        try:
            _require_rules(ignored)
        except UsageError as error:
            raise UsageError(f"{found.file}: overrides: {error}") from error


@click.command(cls=_Configured, short_help="Is anything wrong? Rules, an exit code, a baseline.")
@options.paths_if_any
@click.option(
    "--config",
    metavar="FILE",
    is_eager=True,
    callback=_configure,
    help="Settings: a bnstat.toml, or a pyproject.toml with [tool.bnstat].  [default: the nearest one upwards]",
)
@click.option(
    "--select",
    type=Tokens(),
    default=(),
    help="Only these rules judge: codes (BN101), names (zero-variance) or prefixes (BN1).  [default: all]",
)
@click.option("--ignore", type=Tokens(), default=(), help="These rules do not judge, named likewise.")
@click.option(
    "--fail-on",
    type=click.Choice(["error", "warning", "note", "never"]),
    default="error",
    show_default=True,
    help="Exit with 1 where a new finding is as severe as this, or more.",
)
@click.option("--limit", "limit", type=Limit(), multiple=True, help=_LIMIT_HELP)
@click.option("--steps", type=int, metavar="N", help="Steps of the training: have running statistics settled by then?")
@click.option(
    "--baseline",
    type=click.Path(readable=False),
    metavar="FILE",
    help="Known findings, which pass; new ones fail. Made by --update-baseline.",
)
@click.option(
    "--reference",
    type=click.Path(readable=False),
    metavar="FILE",
    help="Kept moments (`bnstat scan`): has mean or standard deviation moved since?",
)
@click.option("--update-baseline", is_flag=True, help="Write what is found into the baseline, and exit with 0.")
@click.option("--show-settings", is_flag=True, help="Print each setting with where it came from, and stop.")
@options.batches
@options.tensor
@inputs.reading
@options.framework
@options.normalizer
@options.ranks
@options.epsilon
@options.momentum
@options.arithmetic
@options.output_as(FORMATS)
@click.pass_context
def command(
    context: click.Context,
    /,
    paths: tuple[str, ...],
    to: options.Output,
    config: str | None,  # noqa: ARG001  (read before everything else)
    limit: Sequence[tuple[str, float]],
    show_settings: bool,
    **settings: Any,
) -> int:
    """Is anything wrong with these data, for this batch-norm layer and batch size?

    Each rule judges every batch: zero variance, NaN, a layer that would refuse to train, a framework whose float32 sums
    would go wrong, a batch too small for how much these samples differ. `bnstat explain` says what each means.

    \b
    Exit codes, for CI:
      0  nothing as severe as --fail-on was found that the baseline does not know
      1  something was
      2  wrong usage, or a setting that cannot be
      3  an input could not be read, whatever was found in the others

    \b
    Examples:
      bnstat check cohort/
      bnstat check cohort/ --batch-size 2 --framework torch --fail-on warning
      bnstat check cohort/ --baseline bnstat-baseline.json --update-baseline
      bnstat check cohort/ --format junit -o bnstat.xml
    """
    found: Config = context.meta[_CONFIG]
    limits = _limits(found, limit)
    if show_settings:
        click.echo(_shown(context, found, limits, limit), nl=False)
        return exit_codes.CLEAN
    if not paths:
        raise UsageError("no input: give at least one volume or folder (see bnstat check --help)")
    return _run(paths, to, found, limits, settings)


def _run(paths: Sequence[str], to: options.Output, found: Config, limits: Limits, settings: Mapping[str, Any]) -> int:
    from bnstat.cli.output import tell, write  # noqa: PLC0415  (numpy and nibabel are not needed for --help)
    from bnstat.cli.progress import progress  # noqa: PLC0415
    from bnstat.workflows.check import Override, check  # noqa: PLC0415

    folder = str(found.file.parent) if found.file is not None else None
    overrides = [Override(*pair, folder) for pair in found.overrides]
    with progress(to.quiet) as meter:
        result = check(paths, limits=limits, overrides=overrides, progress=meter, **settings)
    tell(result.errors, result.notes, to.quiet)
    write("check", result, to, _read(paths, result, found, settings["reading"]))
    if to.format == "github":
        _summarize(result)
    if result.errors:
        return exit_codes.FAILED_INPUT
    return exit_codes.FINDINGS if result.failed else exit_codes.CLEAN


def _read(paths: Sequence[str], result: Check, found: Config, reading: Reading) -> list[str]:
    """The files that were read: the output must be none of them."""
    read = inputs.read_by(paths, reading, result.samples, result.errors)
    own = (result.settings.baseline, result.settings.reference, found.file)
    return [*read, *(str(file) for file in own if file is not None)]


def _limits(found: Config, given: Sequence[tuple[str, float]]) -> Limits:
    from bnstat.cli.config import limits_of  # noqa: PLC0415  (not needed for --help)

    return limits_of({**found.limits, **dict(given)})


def _shown(context: click.Context, found: Config, limits: Limits, given: Sequence[tuple[str, float]]) -> str:
    """Each setting with its value and where it came from, a line each."""
    from dataclasses import asdict  # noqa: PLC0415  (not needed for --help)

    file = str(found.file)
    origins = {
        click.core.ParameterSource.COMMANDLINE: "command line",
        click.core.ParameterSource.ENVIRONMENT: "environment",
        click.core.ParameterSource.DEFAULT_MAP: file,
    }
    hidden = {"paths", "files_from", "null", "config", "limit", "show_settings", "output", "all", "quiet", "color"}
    rows = []
    for name, value in sorted(context.params.items()):
        if name not in hidden:
            source = context.get_parameter_source(name)
            rows.append((name.replace("_", "-"), value, origins.get(source, "default") if source else "default"))
    on_line = {name for name, _ in given}
    source_of_limits = context.get_parameter_source("limit")
    given_by = origins.get(source_of_limits, "default") if source_of_limits else "default"
    for name, value in asdict(limits).items():
        key = name.replace("_", "-")
        origin = given_by if key in on_line else file if key in found.limits else "default"
        rows.append((f"limits.{key}", value, origin))
    rows += [(f"overrides: {' '.join(paths)}", ",".join(ignored), file) for paths, ignored in found.overrides]
    texts = [(name, _text(value), origin) for name, value, origin in rows]
    widths = [max(len(row[place]) for row in texts) for place in (0, 1)]
    return "".join(f"{name:{widths[0]}}  {value:{widths[1]}}  {origin}\n" for name, value, origin in texts)


def _text(value: object) -> str:
    if isinstance(value, tuple):
        return ",".join(value) or "–"
    return "–" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _summarize(result: Check) -> None:
    """Add a summary to the page of a run on GitHub."""
    file = os.environ.get("GITHUB_STEP_SUMMARY")
    if not file:
        return
    from bnstat.renderers.check.github import summary  # noqa: PLC0415  (only there)

    try:
        with Path(file).open("a", encoding="utf-8", errors="backslashreplace") as page:
            page.write(summary(result))
    except OSError as error:
        raise OutputError(f"{file}: cannot be written: {error.strerror}") from error
