"""How the values of options are written, where that is more than a text or a number."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar

import click

Value = TypeVar("Value")
Item = TypeVar("Item")

# What --patch is if there are no patches, also where a plans file or a settings file has some.
NO_PATCH = "none"


class Written(click.ParamType[Value]):
    """The type of an option's value; `--help` shows its name as it stands.

    Attributes:
        kinds: the types that the value may have in a settings file.
    """

    kinds: tuple[type, ...] = (str,)

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        """Return the name, where click itself would put it in capitals."""
        del param, ctx
        return self.name

    def written(self, value: object) -> object:
        """Return a value as a user would type it, or as it is."""
        return value


class BatchAxis(Written[int | str]):
    """A whole number, or "none"."""

    name = "K|none"
    kinds = (int, str)

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int | str:
        """Return the number or "none"."""
        if isinstance(value, int):
            return value
        text = str(value).lower()
        try:
            return text if text == "none" else int(text)
        except ValueError:
            self.fail(f"{value!r} is neither a whole number nor 'none'", param, ctx)


class Momentum(Written[float | str]):
    """A number, or "none"."""

    name = "M|none"
    kinds = (float, int, str)

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float | str:
        """Return the number or "none"."""
        text = str(value).lower()
        try:
            return text if text == "none" else float(text)
        except ValueError:
            self.fail(f"{value!r} is neither a number nor 'none'", param, ctx)


class Sizes(Written[tuple[int, ...] | str]):
    """Sizes along several axes, as in 128x128x64.

    Args:
        nothing: a word that may stand in place of sizes; None for none.
    """

    name = "XxYxZ"
    kinds = (str, int)

    def __init__(self, nothing: str | None = None) -> None:
        self._nothing = nothing

    def written(self, value: object) -> object:
        """Return sizes as 128x128x64."""
        return "x".join(map(str, value)) if isinstance(value, tuple) else value

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...] | str:
        """Return the sizes, or the word."""
        if isinstance(value, tuple):
            return value
        text = str(value).strip()
        if self._nothing is not None and text == self._nothing:
            return self._nothing
        if not re.fullmatch(r"\d+([x×]\d+)*", text, re.IGNORECASE):
            self.fail(
                f"{value!r} is not a size as in 128x128x64 (x, y and z, in the order of the file's axes)", param, ctx
            )
        return tuple(int(size) for size in re.split("[x×]", text, flags=re.IGNORECASE))


class Intensities(Written[tuple[str, ...]]):
    """Several values of --intensity, with commas between them."""

    name = "STEPS,…"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        """Return the values. A value that is wrong is refused later, by name."""
        del param, ctx
        from bnstat.preprocessing.listed_steps import listed_steps

        return value if isinstance(value, tuple) else listed_steps(str(value))


class Listed(Written[tuple[Item, ...]]):
    """Several values of one type, with commas between them.

    Args:
        item: reads one value; raises ValueError if it is none.
        name: what `--help` shows.
        what: what a message calls the values, with an example.
    """

    def __init__(self, item: Callable[[str], Item], name: str, what: str) -> None:
        self.item, self.name, self.what = item, name, what

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[Item, ...]:
        """Return the values."""
        if isinstance(value, tuple):
            return value
        parts = [part.strip() for part in str(value).split(",")]
        try:
            if not all(parts):
                raise ValueError
            return tuple(self.item(part) for part in parts)
        except ValueError:
            self.fail(f"{value!r} is not a list of {self.what}", param, ctx)
