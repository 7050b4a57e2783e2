"""Settings in a file: `bnstat.toml`, or `[tool.bnstat]` of a `pyproject.toml`.

The table itself holds for every command, as far as a command has such an option. A table with the name of a command
holds for this command alone, and is stronger.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bnstat.cli.groups import Option
from bnstat.cli.parameter_types import Written
from bnstat.errors import InputError, UsageError
from bnstat.reports.limits import Limits, fault_of
from bnstat.sources.documents import read_text
from bnstat.sources.regular import is_file
from bnstat.text import closest

if TYPE_CHECKING:
    from bnstat.rules.overrides import Override

# The types that a value may have, for click's own types.
_KINDS: dict[str, tuple[type, ...]] = {"boolean": (bool,), "integer": (int,), "float": (float, int)}
# The keys that are no options, and the commands that have them: those whose rules judge.
_JUDGING = ("check", "report")
_TABLES: dict[str, tuple[type, ...]] = {"limits": (dict,), "overrides": (list,)}
LIMITS = tuple(one.name.replace("_", "-") for one in fields(Limits))
# Whole numbers of TOML have 64 bits. Deeper than this no settings are, also not in a pyproject.toml of others.
_LARGEST, _DEEPEST = 1 << 63, 100
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
    """The settings that a file has for one command.

    Attributes:
        file: the path of the file; None if there is none.
        values: values by key, as in "batch-size".
        limits: thresholds by name, as in "epsilon-share".
        overrides: rules that are ignored for some files, whose paths are relative to the folder of the file.
        origins: where each value stands, by key, and each threshold, as in "limits.noise": the file, and the table if
            it is that of the command.
        own: the keys that stand in the table of the command.
    """

    file: Path | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    limits: Mapping[str, float] = field(default_factory=dict)
    overrides: tuple[Override, ...] = ()
    origins: Mapping[str, str] = field(default_factory=dict)
    own: frozenset[str] = frozenset()


KeysByCommand = Mapping[str, Mapping[str, Key]]


@dataclass(frozen=True)
class _Table:
    """A table of a settings file.

    Attributes:
        said: its keys and values, without the tables of commands.
        where: the file and the table, as a message names them.
        origin: the file and the table, as --show-settings names them.
        commands: the commands that it holds for.
    """

    said: Mapping[str, Any]
    where: str
    origin: str
    commands: tuple[str, ...]


def keys_of(command: click.Command) -> dict[str, Key]:
    """Return the options of a command that a settings file may set, by key."""
    options = (param for param in command.params if isinstance(param, Option) and param.in_file)
    return {one.key: Key(one.name or one.key, _kinds(one), isinstance(one.type, click.Path)) for one in options}


def _kinds(option: Option) -> tuple[type, ...]:
    if option.multiple:
        return (list,)
    return option.type.kinds if isinstance(option.type, Written) else _KINDS.get(option.type.name, (str,))


def has_table(project: Path) -> bool:
    """Return True if a `pyproject.toml` has a table of bnstat.

    Raises:
        UsageError: if it cannot be read.
    """
    return "bnstat" in _tools(_document(project))


def load(file: Path, command: str, keys: KeysByCommand) -> Config:
    """Return the settings that a file has for a command. Those of other commands are checked as well.

    Args:
        file: its path.
        command: the name of the command.
        keys: what may be set, by the name of each command.

    Raises:
        UsageError: if the file cannot be read, or has a key that no command has, or a value of another type.
    """
    said = _said(file, _document(file))
    common, *tables = _tables(file, said, keys)
    for table in (common, *tables):
        _require_known(table, command, keys)
    found = [common, *(table for table in tables if command in table.commands)]
    own = keys[command]
    values: dict[str, Any] = {}
    limits: dict[str, float] = {}
    origins: dict[str, str] = {}
    overrides: tuple[Override, ...] = ()
    for table in found:
        mine = [key for key in table.said if key in own]
        values |= {key: _from_folder(file.parent, key, table.said[key], own[key].is_path) for key in mine}
        origins |= dict.fromkeys(mine, table.origin)
        if command in _JUDGING:
            limits |= table.said.get("limits", {})
            origins |= {f"limits.{name}": table.origin for name in table.said.get("limits", {})}
            overrides += tuple(_override(one, table.where, str(file.parent)) for one in table.said.get("overrides", ()))
    in_own = frozenset(key for table in found[1:] for key in table.said)
    return Config(file, values, limits, overrides, origins, in_own)


def _tables(file: Path, said: Mapping[str, Any], keys: KeysByCommand) -> Iterator[_Table]:
    """Yield the table that holds for every command, then those of commands."""
    in_project = file.name == "pyproject.toml"
    # `frameworks` is an option of compare, and a command: only a table is about the command
    named = [name for name in keys if isinstance(said.get(name), dict)]
    common = {key: value for key, value in said.items() if key not in named}
    yield _Table(common, f"{file}: [tool.bnstat]" if in_project else str(file), str(file), tuple(keys))
    for name in named:
        title = f"[tool.bnstat.{name}]" if in_project else f"[{name}]"
        yield _Table(said[name], f"{file}: {title}", f"{file} {title}", (name,))


def _require_known(table: _Table, command: str, keys: KeysByCommand) -> None:
    """Raise UsageError if a key is not known to any command of a table, or its value has another type."""
    # the command that runs first: where it knows a key, no other command has to be imported
    asked = sorted(table.commands, key=lambda name: name != command)
    for key, value in table.said.items():
        kinds = next((kinds for name in asked if (kinds := _kinds_in(name, key, keys))), None)
        if kinds is None:
            raise UsageError(_unknown(table, key, keys))
        _require_kind(key, value, kinds, table.where)
        if isinstance(value, list) and key not in _TABLES:
            _require_texts(key, value, table.where)
    limits = table.said.get("limits", {})
    for key, value in limits.items():
        _require_key(key, LIMITS, f"{table.where} limits")
        _require_kind(key, value, (float, int), f"{table.where} limits")
    limits_of(limits, f"{table.where} limits:")


def _kinds_in(command: str, key: str, keys: KeysByCommand) -> tuple[type, ...] | None:
    """Return the types that a command's value under a key may have; None if it has no such key."""
    if key in _TABLES:
        return _TABLES[key] if command in _JUDGING else None
    return keys[command][key].kinds if key in keys[command] else None


def _unknown(table: _Table, key: str, keys: KeysByCommand) -> str:
    """Return the message on a key that no command of a table has."""
    elsewhere = [name for name in keys if _kinds_in(name, key, keys)]
    if elsewhere:
        return (
            f"{table.where}: {key!r} is no option of bnstat {table.commands[0]}; remove it, or put it into the table "
            f"of {' or '.join(elsewhere)}"
        )
    known = [*dict.fromkeys(key for name in table.commands for key in keys[name])]
    known += [*_TABLES] if {*_JUDGING} & {*table.commands} else []
    known += [*keys] if len(table.commands) > 1 else []
    near = closest(key, known)
    hint = f"did you mean {near[0]!r}?" if near else "keys are options without the dashes, as in batch-size"
    return f"{table.where}: {key!r} is not known; {hint}"


def _from_folder(folder: Path, key: str, value: object, is_path: bool) -> object:
    """Return a value with the paths in it relative to a folder."""
    if not isinstance(value, str):
        return value
    if "://" in value or value.startswith("{folder}"):
        return value
    if key == "mask":
        return value if value in ("nonzero", "labels") or value.startswith(("<", ">")) else str(folder / value)
    if key == "group-by":
        here = folder / value.rpartition(":")[0]  # else it is one of the data, in their folder
        return str(folder / value) if is_file(here) and value != "directory" else value
    if key == "intensity":
        return _steps_of_channels(folder, value)
    if key == "intensities":
        from bnstat.preprocessing.listed_steps import listed_steps

        return ",".join(_steps_of_channels(folder, one) for one in listed_steps(value))
    return str(folder / value) if is_path else value


def _steps_of_channels(folder: Path, value: str) -> str:
    """Return the steps of all channels, with paths relative to a folder."""
    return ";".join(_steps_from(folder, part) for part in value.split(";"))


def _steps_from(folder: Path, part: str) -> str:
    """Return the steps of some channels, with the key before them, and with paths relative to a folder."""
    from bnstat.preprocessing.by_channel import keyed

    steps = keyed(part)[1]
    key = part.strip().removesuffix(steps)
    return key + "|".join(_step_from(folder, step) for step in steps.split("|"))


def _step_from(folder: Path, step: str) -> str:
    """Return a step of preprocessing, with its path, if it has one, relative to a folder."""
    name, _, rest = step.strip().partition(":")
    return f"ct:{folder / rest}" if name == "ct" and is_file(folder / rest) else step


def _document(file: Path) -> dict[str, Any]:
    import tomllib

    try:
        document = tomllib.loads(read_text(file, "give a bnstat.toml"))
        _require_plain(document, 0)
    except InputError as error:
        raise UsageError(str(error)) from error
    except (ValueError, RecursionError) as error:  # also of numbers too long and tables too deep for Python
        raise UsageError(f"{file}: is not TOML: {error}") from error
    return document


def _require_plain(value: object, depth: int) -> None:
    """Refuse what no setting is: numbers that TOML does not have, as of thousands of digits, NUL, and deep tables.

    Raises:
        ValueError: if there is one.
    """
    if depth > _DEEPEST:
        raise ValueError(f"its tables and lists are more than {_DEEPEST} levels deep")
    if isinstance(value, int) and not -_LARGEST <= value < _LARGEST:
        raise ValueError("a whole number does not fit into 64 bits")
    if isinstance(value, str) and "\0" in value:
        raise ValueError("a text has a NUL character")
    for one in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _require_plain(one, depth + 1)


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
    from bnstat.rules.overrides import Override  # which takes all rules

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
