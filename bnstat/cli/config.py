"""Settings from a file: `bnstat.toml`, or `[tool.bnstat]` of a `pyproject.toml`, the nearest one upwards."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import click

from bnstat.cli.groups import Option
from bnstat.cli.parameter_types import Written
from bnstat.errors import UsageError
from bnstat.report.limits import Limits, fault_of
from bnstat.rules.overrides import Override
from bnstat.text import closest

# The types that a value may have, for click's own types.
_KINDS: dict[str, tuple[type, ...]] = {"boolean": (bool,), "integer": (int,), "float": (float, int)}
# The keys that are no options.
_TABLES: dict[str, tuple[type, ...]] = {"limits": (dict,), "overrides": (list,)}
LIMITS = tuple(one.name.replace("_", "-") for one in fields(Limits))
_WORDS = {str: "text", int: "a whole number", float: "a number", bool: "true or false", list: "a list", dict: "a table"}


@dataclass(frozen=True)
class Key:
    """An option as a settings file may have it.

    Attributes:
        parameter: the name of click's parameter.
        kinds: the types that the value may have.
        is_path: True if the value is a path, relative to the file.
    """

    parameter: str
    kinds: tuple[type, ...]
    is_path: bool


@dataclass(frozen=True)
class Config:
    """The settings in a file.

    Attributes:
        file: the path of the file; None if there is none.
        values: values by key, as in "batch-size".
        limits: thresholds by name, as in "epsilon-share".
        overrides: rules that are ignored for some files, whose paths are relative to the folder of the file.
    """

    file: Path | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    limits: Mapping[str, float] = field(default_factory=dict)
    overrides: tuple[Override, ...] = ()


def keys_of(command: click.Command) -> dict[str, Key]:
    """Return the options of a command that a settings file may set, by key."""
    options = (param for param in command.params if isinstance(param, Option) and param.in_file)
    return {one.key: Key(one.name or one.key, _kinds(one.type), isinstance(one.type, click.Path)) for one in options}


def _kinds(of: click.ParamType[Any]) -> tuple[type, ...]:
    return of.kinds if isinstance(of, Written) else _KINDS.get(of.name, (str,))


def find(start: Path, keys: Mapping[str, Key]) -> Config:
    """Return the settings in the nearest file, from a folder upwards; empty ones if there is no file.

    Args:
        start: the folder.
        keys: what may be set.

    Raises:
        UsageError: if the file cannot be read, or has an unknown key.
    """
    for folder in (start, *start.parents):
        if (folder / "bnstat.toml").is_file():
            return load(folder / "bnstat.toml", keys)
        project = folder / "pyproject.toml"
        if project.is_file() and "bnstat" in _tools(_document(project)):
            return load(project, keys)
    return Config()


def load(file: Path, keys: Mapping[str, Key]) -> Config:
    """Return the settings in one file.

    Args:
        file: its path.
        keys: what may be set.

    Raises:
        UsageError: if the file cannot be read, or has an unknown key, or a value of another type.
    """
    said = _said(file, _document(file))
    where = f"{file}: [tool.bnstat]" if file.name == "pyproject.toml" else str(file)
    kinds = {key: one.kinds for key, one in keys.items()} | _TABLES
    for key, value in said.items():
        _require_key(key, kinds, where)
        _require_kind(key, value, kinds[key], where)
        if key in keys and isinstance(value, list):
            _require_texts(key, value, where)
    limits = said.get("limits", {})
    for key, value in limits.items():
        _require_key(key, LIMITS, f"{where} limits")
        _require_kind(key, value, (float, int), f"{where} limits")
    limits_of(limits, f"{where} limits:")
    values = {key: _from_folder(file.parent, key, said[key], keys[key].is_path) for key in said if key in keys}
    overrides = tuple(_override(one, where, str(file.parent)) for one in said.get("overrides", ()))
    return Config(file, values, limits, overrides)


def _from_folder(folder: Path, key: str, value: object, is_path: bool) -> object:
    """Return a value with the paths in it relative to a folder."""
    if not isinstance(value, str):
        return value
    if key == "mask":
        return value if value == "nonzero" or value.startswith(("<", ">")) else str(folder / value)
    if key == "intensity":
        return ";".join(_steps_from(folder, part) for part in value.split(";"))
    return str(folder / value) if is_path else value


def _steps_from(folder: Path, part: str) -> str:
    """Return the steps of some channels, with the key before them, and with paths relative to a folder."""
    from bnstat.preprocessing.by_channel import keyed

    steps = keyed(part)[1]
    key = part.strip().removesuffix(steps)
    return key + "|".join(_step_from(folder, step) for step in steps.split("|"))


def _step_from(folder: Path, step: str) -> str:
    """Return a step of preprocessing, with its path, if it has one, relative to a folder."""
    name, _, rest = step.strip().partition(":")
    return f"ct:{folder / rest}" if name == "ct" and (folder / rest).is_file() else step


def _document(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise UsageError(f"{file}: cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:  # also of numbers too long and tables too deep for Python
        raise UsageError(f"{file}: is not TOML: {error}") from error


def _said(file: Path, document: dict[str, Any]) -> dict[str, Any]:
    """Return the table about bnstat, which is all of a bnstat.toml."""
    if file.name != "pyproject.toml":
        return document
    said = _tools(document).get("bnstat")
    if not isinstance(said, dict):
        raise UsageError(f"{file}: has no table [tool.bnstat]")
    return said


def _tools(document: dict[str, Any]) -> dict[str, Any]:
    tools = document.get("tool")
    return tools if isinstance(tools, dict) else {}


def _override(one: object, where: str, folder: str) -> Override:
    if not isinstance(one, dict):
        raise UsageError(f"{where} overrides: each is a table with paths and ignore")
    for key, value in one.items():
        _require_key(key, ("paths", "ignore"), f"{where} overrides")
        _require_texts(key, value, f"{where} overrides")
    if not (one.get("paths") and one.get("ignore")):
        raise UsageError(f"{where} overrides: each needs paths and ignore")
    try:
        return Override(tuple(one["paths"]), tuple(one["ignore"]), folder)
    except UsageError as error:  # it names no rule
        raise UsageError(f"{where} overrides: {error}") from error


def _require_key(key: str, known: Collection[str], where: str) -> None:
    if key not in known:
        near = closest(key, known)
        hint = f"did you mean {near[0]!r}?" if near else f"use one of {', '.join(known)}"
        raise UsageError(f"{where}: {key!r} is not known; {hint}")


def _require_kind(key: str, value: object, kinds: tuple[type, ...], where: str) -> None:
    if (isinstance(value, bool) and bool not in kinds) or not isinstance(value, kinds):
        raise UsageError(f"{where}: {key} must be {' or '.join(_WORDS[kind] for kind in kinds)}, and is {value!r}")


def _require_texts(key: str, value: object, where: str) -> None:
    if not (isinstance(value, list) and all(isinstance(one, str) for one in value)):
        raise UsageError(f"{where}: {key} must be a list of texts, and is {value!r}")


def limits_of(given: Mapping[str, float], where: str = "--limit") -> Limits:
    """Return limits with some of them set, by names as in "epsilon-share".

    Args:
        given: values by name.
        where: the start of a message: where the values come from.

    Raises:
        UsageError: if a name is not known, or a value cannot be a threshold.
    """
    named = {name.replace("-", "_"): value for name, value in given.items()}
    for key, (name, value) in zip(given, named.items(), strict=True):
        _require_key(key, LIMITS, where.rstrip(":"))
        wrong = fault_of(name, value)
        if wrong is not None:
            raise UsageError(f"{where} {key} {wrong}")
    if "small_batch" in named:
        named["small_batch"] = int(named["small_batch"])
    return Limits(**named)  # type: ignore[arg-type]
