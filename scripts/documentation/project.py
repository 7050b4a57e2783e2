"""A folder like that of a reader: the sample data at its top, and a shell in which `bnstat` is installed."""

from __future__ import annotations

import os
import select
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from documentation.in_process import program

ROOT = Path(__file__).resolve().parents[2]
# What the documents call the folder.
HOME = "/home/you/project"
_TIMEOUT_S = 300

# In bash `bnstat` is this function. It asks the process that started bash, which has numpy and nibabel imported
# already, to run the command line: that takes milliseconds where a new process takes half a second.
_FUNCTION = r"""
bnstat() {
    local asked code number file
    asked=$(mktemp -d "$BNSTAT_DOCS/XXXXXXXX")
    cat > "$asked/stdin"
    env -0 > "$asked/environment"
    pwd > "$asked/folder"
    printf '%s\0' "$@" > "$asked/arguments"
    mkfifo "$asked/answer"
    echo "$asked" > "$BNSTAT_DOCS/asked"
    read -r code < "$asked/answer"
    for file in "$asked"/written/*; do
        case "$file" in *.1) cat "$file" ;; *.2) cat "$file" >&2 ;; esac
    done
    return "$code"
}
"""


@dataclass(frozen=True)
class Ran:
    """The exit code of a script in bash, and both of its outputs together."""

    code: int
    output: str


@dataclass(frozen=True)
class Project:
    """A repository with the sample data, and bnstat installed beside it.

    Attributes:
        folder: The repository.
        beside: The folder in which bnstat is installed, as the GitHub action installs it.
    """

    folder: Path
    beside: Path

    @classmethod
    def made(cls, top: Path) -> Project:
        """Return a project within a folder that is empty."""
        project = cls(top.resolve() / "project", top.resolve() / "temp")
        (project.folder / ".git").mkdir(parents=True)
        shutil.copytree(ROOT / "sample_data", project.folder / "sample_data")
        installed = project.beside / "bnstat" / "bin" / "bnstat"
        installed.parent.mkdir(parents=True)
        installed.write_text(f'#!/usr/bin/env bash\nexec "{sys.executable}" -m bnstat "$@"\n', encoding="utf-8")
        installed.chmod(0o755)
        return project

    @property
    def summary(self) -> Path:
        """The file that GitHub shows on the page of a run."""
        return self.beside / "summary.md"

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables of a reader who has set none of bnstat's."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("BNSTAT_", "GITHUB_"))}
        path = [self.beside / "bnstat" / "bin", Path(sys.executable).parent, clean.get("PATH", os.defpath)]
        given = {"PYTHONPATH": str(ROOT), "PYTHONUTF8": "1", "COLUMNS": "80", "LC_ALL": "C.UTF-8"}
        return {**clean, **given, "PATH": os.pathsep.join(map(str, path))}

    def bash(self, script: str, **more: str) -> Ran:
        """Run a script as GitHub runs those of an action, with the installed program and not in this process."""
        ran = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
            cwd=self.folder,
            env={**self.environment, **more},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            timeout=_TIMEOUT_S,
            check=False,
        )
        return Ran(ran.returncode, self.shown(ran.stdout))

    def shell(self, script: str, *, stop: bool = False, **more: str) -> Ran:
        """Run a script in bash, with `bnstat` in this process.

        Args:
            script: What a reader types, or what the job of a code host runs.
            stop: True if the script stops at the first command that fails, as in a job.
            more: Further environment variables.
        """
        strict = ["-eo", "pipefail"] if stop else []
        with tempfile.TemporaryDirectory() as exchange, tempfile.TemporaryFile() as output:
            asked = Path(exchange) / "asked"
            os.mkfifo(asked)
            bash = subprocess.Popen(
                ["bash", "--noprofile", "--norc", *strict, "-c", f"{_FUNCTION}\n{script}"],
                cwd=self.folder,
                env={**self.environment, **more, "BNSTAT_DOCS": exchange},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
            _answer_until_it_ends(bash, asked)
            output.seek(0)
            return Ran(bash.returncode, self.shown(output.read().decode("utf-8")))

    def shown(self, output: str) -> str:
        """Return an output in which the folder of the project has the name that the documents give it."""
        return output.replace(str(self.folder), HOME)


def _answer_until_it_ends(bash: subprocess.Popen[bytes], asked: Path) -> None:
    """Run every command line that bash asks for."""
    reading = os.open(asked, os.O_RDWR | os.O_NONBLOCK)  # open for writing as well, so that it never ends
    try:
        while bash.poll() is None:
            if select.select([reading], [], [], 0.01)[0]:
                for line in os.read(reading, 1 << 16).decode("utf-8").splitlines():
                    _answer(Path(line))
    finally:
        os.close(reading)


def _answer(asked: Path) -> None:
    folder = Path((asked / "folder").read_text(encoding="utf-8").removesuffix("\n"))
    arguments = _texts((asked / "arguments").read_bytes())
    code, chunks = program(
        arguments, folder=folder, environment=_variables(asked), stdin=(asked / "stdin").read_bytes()
    )
    written = asked / "written"
    written.mkdir()
    for index, (number, data) in enumerate(chunks):
        (written / f"{index:06}.{number}").write_bytes(data)
    (asked / "answer").write_text(f"{code}\n", encoding="utf-8")


def _variables(asked: Path) -> Mapping[str, str]:
    pairs = (text.partition("=") for text in _texts((asked / "environment").read_bytes()))
    return {name: value for name, _, value in pairs if name != "BNSTAT_DOCS" and not name.startswith("BASH_FUNC")}


def _texts(data: bytes) -> list[str]:
    """Return the texts that end with NUL."""
    return [text.decode("utf-8", "surrogateescape") for text in data.split(b"\0")[:-1]]
