"""Options on rules, which `check` and `report` share: which of them judge, their limits, and what is known before."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from bnstat.cli import configured, origins
from bnstat.cli.groups import RULES, option
from bnstat.cli.parameter_types import Written
from bnstat.errors import UsageError

if TYPE_CHECKING:
    from bnstat.cli.config import Config
    from bnstat.reports.limits import Limits

F = TypeVar("F", bound=Callable[..., Any])


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


def fail_on(default: str) -> Callable[[F], F]:
    """Return the option that says which findings fail, with this default."""
    return option(
        "--fail-on",
        group=RULES,
        type=click.Choice(["error", "warning", "note", "never"]),
        default=default,
        show_default=True,
        help="Exit with code 1 if a new finding is at least this severe.",
    )


select = option(
    "--select",
    group=RULES,
    type=Tokens(),
    default=(),
    help="Run only these rules: codes (BN101), names (zero-variance) or prefixes (BN1).  [default: all]",
)

ignore = option("--ignore", group=RULES, type=Tokens(), default=(), help="Skip these rules, named in the same way.")

limit = option(
    "--limit",
    group=RULES,
    type=Limit(),
    multiple=True,
    in_file=False,
    shown=False,
    help="Set a threshold of a rule, as in noise=0.2; may be given again. --show-settings lists all.",
)


def steps(about: str) -> Callable[[F], F]:
    """Return the option on the length of the training, with this help."""
    return option("--steps", group=RULES, type=int, metavar="N", help=about)


def baseline(about: str) -> Callable[[F], F]:
    """Return the option that names the known findings, with this help."""
    return option("--baseline", group=RULES, type=click.Path(readable=False), metavar="FILE", help=about)


reference = option(
    "--reference",
    group=RULES,
    type=click.Path(readable=False),
    metavar="FILE",
    help="Check that means and standard deviations have not moved since this moments file (of `bnstat scan`), or "
    "this dataset_fingerprint.json of nnU-Net.",
)


def limits_from(found: Config, given: Sequence[tuple[str, float]]) -> Limits:
    """Return the thresholds of a settings file, and those of the command line in their place.

    Raises:
        UsageError: if there is no such threshold, or a value cannot be one.
    """
    from bnstat.cli.config import limits_of

    return limits_of({**found.limits, **dict(given)})


def shown(context: click.Context) -> Iterator[configured.Shown]:
    """Yield each threshold and override with its origin."""
    from dataclasses import asdict

    found, given = origins.config_of(context), context.params["limit"]
    on_line = {name for name, _ in given}
    for name, value in asdict(limits_from(found, given)).items():
        key = f"limits.{name.replace('_', '-')}"
        on_this = key.removeprefix("limits.") in on_line
        yield key, value, origins.origin_of(context, "limit") if on_this else found.origins.get(key, "default")
    for one in found.overrides:
        yield f"overrides: {' '.join(one.paths)}", ",".join(one.ignore), str(found.file)
