"""The reference of the command line, written from click's own parameters."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

import click

from bnstat.cli import commands
from bnstat.cli.groups import GROUPS, group_of
from bnstat.cli.parameter_types import Written


def pages() -> dict[str, str]:
    """Return the page of each command, and a list of them, under their paths in the folder of the reference."""
    context = commands.make_context("bnstat", [], resilient_parsing=True)
    known = {name: _command(context, name) for name in commands.list_commands(context)}
    return {
        "commands/README.md": _index(known),
        **{f"commands/{name}.md": _page(name, command, context) for name, command in known.items()},
    }


def _command(context: click.Context, name: str) -> click.Command:
    command = commands.get_command(context, name)
    if command is None:
        raise ValueError(f"{name} is listed and is no command")
    return command


def _index(known: dict[str, click.Command]) -> str:
    rows = [f"| [`bnstat {name}`]({name}.md) | {_first_sentence(command)} |" for name, command in known.items()]
    top = [
        f"- {_names(parameter)}: {_sentence(_help(parameter))}"
        for parameter in commands.params
        if isinstance(parameter, click.Option)
    ]
    return "\n".join(
        [
            "# Commands",
            "Each command answers one question. `bnstat COMMAND --help` shows the same text in a terminal.",
            "",
            "| command | what it answers |",
            "|---|---|",
            *rows,
            "",
            "`bnstat` itself has these options:",
            "",
            *top,
            "- `-h`, `--help`: Show the help and exit.",
            "",
            "Every option of a command can also come from an environment variable, and those of `bnstat check` from a "
            "settings file: see [Settings](../settings.md). How a command ends: [Exit codes](../exit-codes.md).",
            "",
        ]
    )


def _page(name: str, command: click.Command, parent: click.Context) -> str:
    context = click.Context(command, parent=parent, info_name=name)
    usage = " ".join(command.collect_usage_pieces(context))
    lines = [f"# bnstat {name}", "", f"`bnstat {name} {usage}`", "", *_described(command), ""]
    for group, options in _groups(command).items():
        lines += [f"## {group}", "", *(f"- {_names(option)}: {_about(option)}" for option in options), ""]
    return "\n".join([*lines, "## Environment", "", *_environment(name, command), ""])


def _environment(name: str, command: click.Command) -> Iterator[str]:
    """Yield how options are given as variables; those whose variable has another name are listed."""
    prefix = f"BNSTAT_{name.upper()}_"
    yield f"Each option can also be a variable: `{prefix}` and the option in capitals, with `_` for `-`, as in"
    yield f"`{prefix}FORMAT=json`. A value on the command line comes first."
    options = [one for one in command.params if isinstance(one, click.Option) and one.expose_value]
    other = [(one.opts[-1], one.name) for one in options if one.name != one.opts[-1].lstrip("-").replace("-", "_")]
    if other:
        yield (
            "The variable of "
            + "; that of ".join(f"`{option}` is `{prefix}{str(variable).upper()}`" for option, variable in other)
            + "."
        )


def _described(command: click.Command) -> Iterator[str]:
    """Yield the text of the command, its examples as a block of commands."""
    for paragraph in inspect.cleandoc(command.help or "").split("\n\n"):
        verbatim = paragraph.startswith("\b\n")
        lines = paragraph.removeprefix("\b\n").splitlines()
        if verbatim and lines[0].rstrip().endswith(":"):
            kind = "sh" if any("bnstat" in line for line in lines[1:]) else "text"
            yield f"{lines[0].strip()}\n\n```{kind}\n{_unindented(lines[1:])}\n```\n"
        elif verbatim:
            yield "```text\n" + "\n".join(lines) + "\n```\n"
        else:
            yield _marked(" ".join(lines)) + "\n"


def _unindented(lines: list[str]) -> str:
    return inspect.cleandoc("\n" + "\n".join(lines))


def _groups(command: click.Command) -> dict[str, list[click.Option]]:
    """Return the options under the headings that --help has, in its order."""
    options = [one for one in command.params if isinstance(one, click.Option) and not one.hidden]
    groups = {group: [one for one in options if group_of(one) == group] for group in GROUPS}
    return {group: found for group, found in groups.items() if found}


def _about(option: click.Option) -> str:
    """Return what an option does, and its default."""
    about = _sentence(_help(option))
    if option.secondary_opts and isinstance(option.default, bool):
        about += f" Default: `{(option.opts if option.default else option.secondary_opts)[0]}`."
    elif option.show_default and not option.is_flag and option.default is not None:
        about += f" Default: `{option.default}`."
    return about.strip()


def _names(option: click.Option) -> str:
    """Return the names of an option with its value, as code."""
    names = [*option.opts, *option.secondary_opts]
    short, long = [name for name in names if len(name) == 2], [name for name in names if len(name) > 2]
    value = ""
    if not option.is_flag and not option.count:
        choices = option.type.choices if isinstance(option.type, click.Choice) else ()
        value = " " + (option.metavar or "|".join(map(str, choices)) or _type(option))
    last = len(names) - 1
    return ", ".join(f"**`{name}{value if index == last else ''}`**" for index, name in enumerate(short + long))


def _type(option: click.Option) -> str:
    return option.type.name if isinstance(option.type, Written) else option.type.name.upper()


def _help(option: click.Option) -> str:
    return re.sub(r"\s+", " ", option.help or "").strip()


def _sentence(text: str) -> str:
    """Return a help text as sentences; a default that is written in it becomes one."""
    text = re.sub(r"\s*\[default: ([^\]]*)\]", r" Default: \1.", text).strip()
    return _marked(text if not text or text.endswith((".", "?")) else f"{text}.")


def _marked(text: str) -> str:
    """Return a text in which nothing is taken for HTML or emphasis, and options are code."""
    pieces = re.split(r"(`[^`]*`|(?<!\w)'[^']*[{|:*/][^']*'(?!\w))", text)
    plain = [re.sub(r"(?<![\w`-])(--[a-z][a-z-]*)", r"`\1`", piece) for piece in pieces[::2]]
    plain = [re.sub(r"([<>*_|])", r"\\\1", piece) for piece in plain]
    plain = [re.sub(r"`([^`]*)`", lambda found: found[0].replace("\\", ""), piece) for piece in plain]
    code = [piece if piece.startswith("`") else f"`{piece}`" for piece in pieces[1::2]]
    return "".join(a + b for a, b in zip(plain, [*code, ""], strict=True))


def _first_sentence(command: click.Command) -> str:
    paragraph = inspect.cleandoc(command.help or "").split("\n\n")[0].replace("\n", " ")
    return _marked(paragraph)
