"""The reference of the Python API, written from the signatures and docstrings of what `bnstat` exports."""

from __future__ import annotations

import dataclasses
import inspect
import json
import re
from collections.abc import Iterator

import bnstat
from bnstat.reports.documents.document import Document

_INTRODUCTION = """# Python

`import bnstat` gives the names below, and no others are public. Functions return frozen values: a report has the
fields that its class lists. Nothing is printed. A wrong setting raises `bnstat.UsageError`, and every error of bnstat
is a `bnstat.BnstatError`.
"""

_SECTION = re.compile(r"^(Args|Attributes|Returns|Raises|Yields|Examples?):$")


# Methods of reports that renderers call: users have to_dict() and to_pandas().
_FOR_RENDERERS = ("column_names", "to_fields", "to_rows")


def page() -> str:
    """Return the page of all public names: functions, then classes, then errors."""
    names = [name for name in bnstat.__all__ if not name.startswith("__")]
    functions = [name for name in names if inspect.isfunction(getattr(bnstat, name))]
    errors = [name for name in names if _is_error(getattr(bnstat, name))]
    classes = [name for name in names if name not in functions and name not in errors]
    lines = [_INTRODUCTION, "## Functions", ""]
    for name in functions:
        lines += _function(name)
    lines += ["## Values", ""]
    for name in classes:
        lines += _class(name)
    lines += ["## Errors", ""]
    for name in errors:
        lines += _class(name)
    return "\n".join(lines)


def _is_error(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, Exception)


def _function(name: str) -> Iterator[str]:
    function = getattr(bnstat, name)
    yield f"### {name}"
    yield ""
    yield from _signature(f"bnstat.{name}", function)
    yield from _documented(function)


def _class(name: str) -> Iterator[str]:
    of = getattr(bnstat, name)
    yield f"### {name}"
    yield ""
    if isinstance(of, type) and dataclasses.is_dataclass(of) and not issubclass(of, Document):  # nobody makes a report
        yield from _signature(f"bnstat.{name}", of)
    yield from _documented(of)
    for method, value in _members(of).items():
        function = value.__func__ if isinstance(value, classmethod | staticmethod) else value
        if (
            method.startswith("_")
            or method in _FOR_RENDERERS
            or not (inspect.isfunction(function) or isinstance(function, property))
        ):
            continue
        yield f"#### {name}.{method}"
        yield ""
        if inspect.isfunction(function):
            yield from _signature(f"{name}.{method}", function)
        yield from _documented(function)


def _members(of: type) -> dict[str, object]:
    """Return what a class has, and what it has from other classes of bnstat."""
    own = [vars(base) for base in reversed(of.__mro__) if base.__module__.startswith("bnstat")]
    return {name: value for members in own for name, value in members.items()}


def _signature(name: str, value: object) -> Iterator[str]:
    """Yield a block with the call, an argument a line where it is long."""
    signature = inspect.signature(value)  # type: ignore[arg-type]
    given = [parameter for key, parameter in signature.parameters.items() if key not in ("self", "cls")]
    words = [_argument(parameter) for parameter in given]
    first = next((index for index, one in enumerate(given) if one.kind is inspect.Parameter.KEYWORD_ONLY), None)
    if first is not None and not any(one.kind is inspect.Parameter.VAR_POSITIONAL for one in given):
        words.insert(first, "*")
    line = f"{name}({', '.join(words)})"
    yield "```py"
    yield line if len(line) <= 76 else "\n".join([f"{name}(", *(f"    {word}," for word in words), ")"])
    yield "```"
    yield ""


def _argument(parameter: inspect.Parameter) -> str:
    stars = {"VAR_POSITIONAL": "*", "VAR_KEYWORD": "**"}.get(parameter.kind.name, "")
    if parameter.default is inspect.Parameter.empty:
        return f"{stars}{parameter.name}"
    default = parameter.default
    if dataclasses.is_dataclass(default) and default == _plain(type(default)):
        return f"{parameter.name}={type(default).__name__}()"
    shown = json.dumps(default, ensure_ascii=False) if isinstance(default, str) else repr(default)
    if "<factory>" in shown or "object at 0x" in shown:
        shown = "…"
    return f"{parameter.name}={shown}"


def _plain(of: object) -> object:
    """Return the value that a class has without arguments; None if it needs some."""
    try:
        return of() if callable(of) else None
    except TypeError:
        return None


def _documented(value: object) -> Iterator[str]:
    """Yield a docstring as Markdown, its sections as lists."""
    text = inspect.cleandoc(value.__doc__ or "")
    heading, entries = "", [""]
    for line in text.splitlines():
        found = _SECTION.match(line)
        if found:
            yield from _part(heading, entries)
            heading, entries = found[1], []
        elif heading and re.match(r"^    \S", line):
            entries.append(line.strip())
        elif heading and line.startswith("     "):
            entries[-1] += " " + line.strip()
        else:
            entries.append(line)
    yield from _part(heading, entries)


def _part(heading: str, entries: list[str]) -> Iterator[str]:
    if not heading:
        yield "\n".join(entries).strip()
    elif heading in ("Returns", "Yields"):
        yield f"*{heading}:* {' '.join(entries).strip()}"
    elif heading.startswith("Example"):
        yield "\n".join(entries).strip()
    else:
        yield f"*{heading}:*"
        yield ""
        for entry in filter(None, entries):
            name, colon, about = entry.partition(": ")
            yield f"- `{name}`: {about}" if colon else f"- {entry}"
    yield ""
