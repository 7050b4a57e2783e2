"""Settings from a file: `bnstat.toml`, or `[tool.bnstat]` of a `pyproject.toml`, the nearest one upwards."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from math import inf
from pathlib import Path
from typing import Any

from bnstat.errors import UsageError
from bnstat.report.limits import Limits

# Each key, and what its value is.
_LISTS = ("select", "ignore")
# Paths, relative to the file.
_FILES = ("baseline", "reference")
_KEYS: dict[str, tuple[type, ...]] = {
    "channels": (str,),
    "framework": (str,),
    "normalizer": (str,),
    "epsilon": (float, int),
    "momentum": (float, int, str),
    "axis": (int,),
    "batch-axis": (int, str),
    "intensity": (str,),
    "mask": (str,),
    "batch-size": (int,),
    "drop-last": (bool,),
    "shuffle": (bool,),
    "seed": (int,),
    "ranks": (int,),
    "dtype": (str,),
    "threads": (int,),
    "emulate": (bool,),
    "steps": (int,),
    "fail-on": (str,),
    "baseline": (str,),
    "reference": (str,),
    "format": (str,),
    "select": (list,),
    "ignore": (list,),
    "limits": (dict,),
    "overrides": (list,),
}
LIMITS = tuple(one.name.replace("_", "-") for one in fields(Limits))
_WORDS = {str: "text", int: "a whole number", float: "a number", bool: "true or false", list: "a list", dict: "a table"}


@dataclass(frozen=True)
class Config:
    """What a file says.

    Attributes:
        file: where it was found; None where there is none.
        values: by option name, as in "batch-size".
        limits: by name, as in "epsilon-share".
        overrides: rules that are ignored for some paths: pairs of patterns and tokens.
    """

    file: Path | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    limits: Mapping[str, float] = field(default_factory=dict)
    overrides: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = ()


def find(start: Path) -> Config:
    """The nearest file from a folder upwards; an empty one where there is none.

    Raises:
        UsageError: it cannot be read, or has a key that is not known.
    """
    for folder in (start, *start.parents):
        if (folder / "bnstat.toml").is_file():
            return load(folder / "bnstat.toml")
        project = folder / "pyproject.toml"
        if project.is_file() and "bnstat" in _tools(_document(project)):
            return load(project)
    return Config()


def load(file: Path) -> Config:
    """What one file says.

    Raises:
        UsageError: it cannot be read, or has a key that is not known, or a value of another kind.
    """
    said = _said(file, _document(file))
    where = f"{file}: [tool.bnstat]" if file.name == "pyproject.toml" else str(file)
    for key, value in said.items():
        _require_key(key, _KEYS, where)
        _require_kind(key, value, _KEYS[key], where)
    for key in _LISTS:
        _require_texts(key, said.get(key, []), where)
    limits = said.get("limits", {})
    for key, value in limits.items():
        _require_key(key, LIMITS, f"{where} limits")
        _require_kind(key, value, (float, int), f"{where} limits")
    limits_of(limits, f"{where} limits:")
    values = {key: value for key, value in said.items() if key not in ("limits", "overrides")}
    values |= {key: str(file.parent / values[key]) for key in _FILES if key in values}
    if "mask" in values:
        values["mask"] = _mask_from(file.parent, values["mask"])
    if "intensity" in values:
        values["intensity"] = "|".join(_step_from(file.parent, step) for step in values["intensity"].split("|"))
    return Config(file, values, limits, tuple(_override(one, where) for one in said.get("overrides", ())))


def _mask_from(folder: Path, mask: str) -> str:
    """A mask whose path, if it is one, is relative to a folder."""
    return mask if mask == "nonzero" or mask.startswith(("<", ">")) else str(folder / mask)


def _step_from(folder: Path, step: str) -> str:
    """A step whose path, if it has one, is relative to a folder."""
    name, _, rest = step.strip().partition(":")
    return f"ct:{folder / rest}" if name == "ct" and (folder / rest).is_file() else step


def _document(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise UsageError(f"{file}: cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{file}: is not TOML: {error}") from error


def _said(file: Path, document: dict[str, Any]) -> dict[str, Any]:
    """The table that is about bnstat: the whole of a file of its own."""
    if file.name != "pyproject.toml":
        return document
    said = _tools(document).get("bnstat")
    if not isinstance(said, dict):
        raise UsageError(f"{file}: has no table [tool.bnstat]")
    return said


def _tools(document: dict[str, Any]) -> dict[str, Any]:
    tools = document.get("tool")
    return tools if isinstance(tools, dict) else {}


def _override(one: Any, where: str) -> tuple[tuple[str, ...], tuple[str, ...]]:  # noqa: ANN401  (whatever TOML holds)
    if not isinstance(one, dict):
        raise UsageError(f"{where} overrides: each is a table with paths and ignore")
    for key, value in one.items():
        _require_key(key, ("paths", "ignore"), f"{where} overrides")
        _require_texts(key, value, f"{where} overrides")
    if not (one.get("paths") and one.get("ignore")):
        raise UsageError(f"{where} overrides: each needs paths and ignore")
    return tuple(one["paths"]), tuple(one["ignore"])


def _require_key(key: str, known: Any, where: str) -> None:  # noqa: ANN401  (names of any collection)
    if key not in known:
        near = difflib.get_close_matches(key, list(known), n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known)}"
        raise UsageError(f"{where}: {key!r} is not known; {hint}")


def _require_kind(key: str, value: object, kinds: tuple[type, ...], where: str) -> None:
    if (isinstance(value, bool) and bool not in kinds) or not isinstance(value, kinds):
        raise UsageError(f"{where}: {key} is {' or '.join(_WORDS[kind] for kind in kinds)}, and not {value!r}")


def _require_texts(key: str, value: object, where: str) -> None:
    if not (isinstance(value, list) and all(isinstance(one, str) for one in value)):
        raise UsageError(f"{where}: {key} is a list of texts, and not {value!r}")


def limits_of(given: Mapping[str, float], where: str = "limit") -> Limits:
    """Limits with some of them set, by names as in "epsilon-share".

    Args:
        given: values by name.
        where: what a message begins with: where the values come from.

    Raises:
        UsageError: a name is not known, or a value cannot be a threshold.
    """
    for name, value in given.items():
        _require_key(name, LIMITS, where.rstrip(":"))
        if not 0 <= value < inf:
            raise UsageError(f"{where} {name} {value:g} cannot be: give a number that is 0 or more")
        if name == "small-batch" and not float(value).is_integer():
            raise UsageError(f"{where} {name} {value:g} cannot be: give a whole number")
    named = {name.replace("-", "_"): value for name, value in given.items()}
    if "small_batch" in named:
        named["small_batch"] = int(named["small_batch"])
    return Limits(**named)  # type: ignore[arg-type]
