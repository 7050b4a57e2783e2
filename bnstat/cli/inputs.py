"""Options on how inputs are found, prepared and read: the command gets them as one value, `reading`."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

if TYPE_CHECKING:
    from bnstat.report import Reading

F = TypeVar("F", bound=Callable[..., Any])

# In the order that --help shows them.
_OPTIONS: tuple[Callable[..., Any], ...] = (
    click.option(
        "--channels",
        metavar="PATTERN",
        default=None,
        help="Join files into cases, as '{case}_{channel}.nii.gz'; {channel:t1,flair} takes these, in this order.",
    ),
)


def reading(function: F) -> F:
    """How inputs are found, prepared and read."""

    @wraps(function)
    def command(*args: Any, **given: Any) -> Any:  # noqa: ANN401  (whatever the command takes and returns)
        return function(*args, reading=_reading(given), **given)

    wrapped: Callable[..., Any] = command
    for option in reversed(_OPTIONS):
        wrapped = option(wrapped)
    return cast(F, wrapped)


def _reading(given: dict[str, Any]) -> Reading:
    """What the options say, which are taken out of what was given."""
    from bnstat.report import Preparation, Reading  # noqa: PLC0415  (not needed for --help)

    return Reading(
        channels=given.pop("channels", None),
        preparation=Preparation(intensity=given.pop("intensity", None), mask=given.pop("mask", None)),
        jobs=given.pop("jobs", 1),
        dask=given.pop("dask", None),
    )
