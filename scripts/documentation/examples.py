"""Run what a document shows, and write its outputs anew.

Each section, from one heading of the second level to the next, has a project of its own with the sample data in it.
There, in order,

- a comment `<!-- folder: NAME -->` makes a folder of miniature volumes (`folders.py`);
- a block with a title, as ```yaml title="FILE", is written to that file;
- a block "console" has commands after "$ " (and "> " where they go on), and what they print;
- a block "python" runs; blocks of one section share their names;
- a block "text" is what the block before it prints: a Python program, or the job of a CI file (`jobs.py`);
- a comment `<!-- not run: REASON -->` before a block leaves it as it is. Command lines in it must still be understood.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import click
import yaml

from bnstat.cli import commands
from documentation import folders, jobs
from documentation.project import Project

_PART = re.compile(
    r"^<!-- (?P<order>folder|not run): (?P<about>.*?) -->$"
    r"|^```(?P<kind>\w+)(?: title=\"(?P<title>[^\"]+)\")?\n(?P<body>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
_MARK = "\036"


def sections(text: str) -> list[str]:
    """Return the document, cut before each heading of the second level."""
    parts = re.split(r"^(```.*?^```$)", text, flags=re.MULTILINE | re.DOTALL)  # a "## " within a block is none
    masked = "".join(part.replace("\n## ", "\n\0## ") if index % 2 else part for index, part in enumerate(parts))
    return [section.replace("\0", "") for section in re.split(r"^(?=## )", masked, flags=re.MULTILINE)]


def written_anew(text: str) -> str:
    """Return a document with the outputs of today."""
    return "".join(section_anew(section) for section in sections(text))


def section_anew(section: str) -> str:
    """Return a section with the outputs of today."""
    if not _PART.search(section):
        return section
    with tempfile.TemporaryDirectory() as top:
        return _PART.sub(_Section(Project.made(Path(top))).part, section)


@dataclass
class _Section:
    """A section that is being run.

    Attributes:
        project: The folder in which it runs.
        names: The names that its Python blocks share.
        before: The block before: its kind and title, and what it printed if it is Python.
        not_run: True if the next block is shown only.
    """

    project: Project
    names: dict[str, object] = field(default_factory=dict)
    before: tuple[str, str, str] = ("", "", "")
    not_run: bool = False

    def part(self, found: re.Match[str]) -> str:
        """Return one block or comment with the output of today."""
        if found["order"] == "folder":
            folders.make(found["about"], self.project.folder)
        elif found["order"] == "not run":
            self.not_run = True
        if found["order"]:
            return found[0]
        head, body = found[0].split("\n", 1)[0], self._body(found["kind"], found["title"] or "", found["body"])
        return f"{head}\n{body}```"

    def _body(self, kind: str, title: str, body: str) -> str:
        if self.not_run:
            self.not_run = False
            understand(_typed(body) if kind == "console" else body)
            return body
        before, self.before = self.before, (kind, title, "")
        if title:
            file = self.project.folder / title
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(body, encoding="utf-8")
        elif kind == "console":
            return _console(body, self.project)
        elif kind == "python":
            self.before = (kind, title, self._python(body))
        elif kind == "text" and before[0] == "python":
            return before[2]
        elif kind == "text" and before[1]:
            settings = yaml.safe_load((self.project.folder / before[1]).read_text(encoding="utf-8"))
            return jobs.log(before[1], settings, self.project)
        else:
            raise ValueError(f"a block {kind!r} is neither a file nor something to run:\n{body}")
        return body

    def _python(self, body: str) -> str:
        """Return what a program prints."""
        printed, back = io.StringIO(), Path.cwd()
        os.chdir(self.project.folder)
        try:
            with contextlib.redirect_stdout(printed):
                exec(compile(body, "the block", "exec"), self.names)
        finally:
            os.chdir(back)
        return self.project.shown(printed.getvalue())


def _typed(body: str) -> str:
    """Return the commands of a block "console" without what they print."""
    lines = [line for line in body.splitlines() if line.startswith(("$ ", "> "))]
    return "\n".join(line[2:] for line in lines)


def _console(body: str, project: Project) -> str:
    """Return the commands of one shell, each with what it prints."""
    commands_: list[str] = []
    for line in body.splitlines():
        if line.startswith("$ "):
            commands_.append(line)
        elif line.startswith("> "):
            commands_[-1] += "\n" + line
    bare = (re.sub(r"^[$>] ", "", command, flags=re.MULTILINE) for command in commands_)
    before = f"code=$?; printf '{_MARK}'; (exit $code)"
    script = "\n".join(f"{before}\n{command}" for command in bare)
    outputs = project.shell(script).output.split(_MARK)[1:]
    for command, output in zip(commands_, outputs, strict=True):
        if "bnstat" in command and ">" not in command and not output:
            raise ValueError(f"nothing is left of the output of {command}")
    return "".join(f"{command}\n{_with_end(output)}" for command, output in zip(commands_, outputs, strict=True))


def _with_end(output: str) -> str:
    """Return an output whose last line ends, and whose lines have no blanks at their ends."""
    lines = [line.rstrip(" ") for line in output.split("\n")]
    return "\n".join(lines) if output.endswith("\n") or not output else "\n".join([*lines, ""])


def understand(script: str) -> None:
    """Raise ValueError if a command line of bnstat has an option that does not exist."""
    for line in script.replace("\\\n", " ").splitlines():
        command = re.split(r"\s{3,}", line.strip())[0]  # a remark stands behind three blanks
        if re.search(r"(^|[\s|;])bnstat ", command) and not command.startswith("#"):
            lexer = shlex.shlex(command, posix=True, punctuation_chars="|&;")
            lexer.whitespace_split = True
            _understand(list(lexer), line)


def _understand(words: list[str], line: str) -> None:
    """Take every call of bnstat out of the words of a line, and parse it."""
    while "bnstat" in words:
        words = words[words.index("bnstat") + 1 :]
        end = next((index for index, word in enumerate(words) if set(word) <= set("|&;")), len(words))
        _parse(words[:end], line)


def _parse(words: list[str], line: str) -> None:
    try:
        with commands.make_context("bnstat", words, resilient_parsing=True) as context:
            name, command, rest = commands.resolve_command(context, words)
            if command is None:
                raise ValueError(f"{line}: there is no command {name!r}")
            command.make_context(name, rest, parent=context)
    except click.exceptions.Exit:
        return
    except click.ClickException as error:
        raise ValueError(f"{line}: {error.format_message()}") from error
