"""Runs what docs/ci.md shows, and writes its outputs anew: `python tests/ci_document.py`, then read the difference.

Each section has a folder of its own with the sample data in it, as the top of a repository. There, in order,

- a block "toml FILE" or "yaml FILE" is written to that file;
- a block "console" has commands after "$ " (and "> " where they go on), and what they print;
- a block "text" is what the job of the YAML file before it prints.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
DOCUMENT = ROOT / "docs" / "ci.md"
ACTION = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
(HOOK,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))

# What the document calls the folder.
HOME = "/home/you/project"
_BLOCK = re.compile(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_MARK = "\036"


@dataclass(frozen=True)
class Ran:
    """What a script in bash did: its exit code, and both outputs together."""

    code: int
    output: str


@dataclass(frozen=True)
class Place:
    """A repository with the sample data, and bnstat installed beside it.

    Attributes:
        folder: the repository.
        beside: where bnstat is, as the action installs it, and where GitHub wants its summary.
    """

    folder: Path
    beside: Path

    @classmethod
    def made(cls, top: Path) -> Place:
        """One within a folder that is empty."""
        place = cls(top / "project", top / "temp")
        (place.folder / ".git").mkdir(parents=True)
        shutil.copytree(ROOT / "sample_data", place.folder / "sample_data")
        program = place.beside / "bnstat" / "bin" / "bnstat"
        program.parent.mkdir(parents=True)
        program.write_text(f'#!/usr/bin/env bash\nexec "{sys.executable}" -m bnstat "$@"\n', encoding="utf-8")
        program.chmod(0o755)
        return place

    @property
    def summary(self) -> Path:
        """What a run adds to its page on GitHub."""
        return self.beside / "summary.md"

    def bash(self, script: str, **more: str) -> Ran:
        """Run a script as GitHub and GitLab run theirs: it stops at the first command that fails."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("BNSTAT_", "GITHUB_"))}
        path = f"{self.beside / 'bnstat' / 'bin'}{os.pathsep}{clean.get('PATH', os.defpath)}"
        given = {"PATH": path, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1", "COLUMNS": "80", **more}
        ran = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
            cwd=self.folder,
            env={**clean, **given},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            timeout=300,
            check=False,
        )
        return Ran(ran.returncode, ran.stdout.replace(str(self.folder), HOME))

    def action(self, inputs: Mapping[str, str]) -> Ran:
        """Run the last step of the action, which the others prepare."""
        step = ACTION["runs"]["steps"][-1]
        defaults = {name: one.get("default", "") for name, one in ACTION["inputs"].items()}
        given = {name: _filled(text, {**defaults, **inputs}) for name, text in step["env"].items()}
        return self.bash(step["run"], RUNNER_TEMP=str(self.beside), GITHUB_STEP_SUMMARY=str(self.summary), **given)

    def hook(self, args: Sequence[str], pass_filenames: bool = True) -> Ran:
        """Run the entry of the pre-commit hook with its arguments and the files that it takes."""
        files = sorted(path.relative_to(self.folder).as_posix() for path in self.folder.rglob("*") if path.is_file())
        taken = [name for name in files if re.search(HOOK["files"], name)] if pass_filenames else []
        return self.bash(f"{HOOK['entry']} {shlex.join([*args, *taken])}")


def _filled(text: str, inputs: Mapping[str, str]) -> str:
    return re.sub(r"\$\{\{ inputs\.([\w-]+) \}\}", lambda found: inputs[found[1]], text)


def sections(text: str) -> list[str]:
    """The document, cut before each heading of the second level."""
    return re.split(r"^(?=## )", text, flags=re.MULTILINE)


def written_anew(section: str, place: Place) -> str:
    """A section with the outputs of today."""
    last = ""

    def block(found: re.Match[str]) -> str:
        nonlocal last
        kind, name, body = found.groups()
        if name is not None:
            last = name
            (place.folder / name).parent.mkdir(parents=True, exist_ok=True)
            (place.folder / name).write_text(body, encoding="utf-8")
        elif kind == "console":
            body = _console(body, place)
        elif kind == "text":
            body = _job(last)(yaml.safe_load((place.folder / last).read_text(encoding="utf-8")), place)
        else:
            raise ValueError(f"a block {kind!r} is neither a file nor something to run")
        return f"```{kind}{f' {name}' if name else ''}\n{body}```"

    return _BLOCK.sub(block, section)


def _console(body: str, place: Place) -> str:
    """Commands of one shell, each with what it prints."""
    commands: list[str] = []
    for line in body.splitlines():
        if line.startswith("$ "):
            commands.append(line)
        elif line.startswith("> "):
            commands[-1] += "\n" + line
    bare = (re.sub(r"^[$>] ", "", command, flags=re.MULTILINE) for command in commands)
    before = f"code=$?; printf '{_MARK}'; (exit $code)"
    script = "set +eo pipefail\n" + "\n".join(f"{before}\n{command}" for command in bare)
    outputs = place.bash(script).output.split(_MARK)[1:]
    return "".join(f"{command}\n{output}" for command, output in zip(commands, outputs, strict=True))


def _job(name: str) -> Callable[[Any, Place], str]:
    if name.startswith(".github/workflows/"):
        return _github
    return {".gitlab-ci.yml": _gitlab, ".pre-commit-config.yaml": _pre_commit}[name]


def _github(workflow: Any, place: Place) -> str:
    """The log of the steps that run bnstat, and how GitHub ends it."""
    (job,) = workflow["jobs"].values()
    for step in job["steps"]:
        if "/bnstat@" in step.get("uses", ""):
            ran = place.action(step["with"])
        elif "bnstat check" in step.get("run", ""):
            ran = place.bash(step["run"], GITHUB_STEP_SUMMARY=str(place.summary))
        else:
            continue
        if ran.code:
            return f"{ran.output}Error: Process completed with exit code {ran.code}.\n"
    return ran.output


def _gitlab(pipeline: Any, place: Place) -> str:
    """The log of the job, and how GitLab ends it; its reports are there."""
    (job,) = pipeline.values()
    ran = place.bash("\n".join(line for line in job["script"] if not line.startswith("pip ")))
    for report in job["artifacts"]["reports"].values():
        if not (place.folder / report).stat().st_size:
            raise ValueError(f"{report} is empty")
    return ran.output + (f"ERROR: Job failed: exit code {ran.code}\n" if ran.code else "Job succeeded\n")


def _pre_commit(settings: Any, place: Place) -> str:
    """What pre-commit prints of the hook."""
    ((hook,),) = (repository["hooks"] for repository in settings["repos"])
    if hook["id"] != HOOK["id"]:
        raise ValueError(f"there is no hook {hook['id']!r}")
    ran = place.hook(hook.get("args", ()), hook.get("pass_filenames", True))
    outcome = "Failed" if ran.code else "Passed"
    line = HOOK["name"].ljust(79 - len(outcome), ".") + outcome + "\n"
    return f"{line}- hook id: {HOOK['id']}\n- exit code: {ran.code}\n\n{ran.output}" if ran.code else line


def main() -> None:
    """Write the document with the outputs of today."""
    parts = []
    for section in sections(DOCUMENT.read_text(encoding="utf-8")):
        with tempfile.TemporaryDirectory() as top:
            parts.append(written_anew(section, Place.made(Path(top))))
    DOCUMENT.write_text("".join(parts), encoding="utf-8")


if __name__ == "__main__":
    main()
