"""Sizes on several axes as people write them: 128x128x64."""

from __future__ import annotations

import re
from typing import Any

import click


class Sizes(click.ParamType[tuple[int, ...]]):
    """As in 128x128x64."""

    name = "XxYxZ"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:  # noqa: ANN401
        """Whole numbers with an x between them."""
        if isinstance(value, tuple):
            return value
        if not re.fullmatch(r"\d+([x×]\d+)*", value.strip(), re.IGNORECASE):
            self.fail(f"{value!r} is not a size as in 128x128x64", param, ctx)
        return tuple(int(size) for size in re.split("[x×]", value.strip(), flags=re.IGNORECASE))
