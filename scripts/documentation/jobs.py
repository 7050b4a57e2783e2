"""What the job of a CI file prints: its scripts run here, and the last line is what the code host would add."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import yaml

from documentation.project import ROOT, Project, Ran

ACTION = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
(HOOK,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))


def log(name: str, settings: Any, project: Project) -> str:  # noqa: ANN401  (whatever YAML holds)
    """Return what the job in a CI file prints.

    Args:
        name: The path of the CI file in the repository.
        settings: What the file says.
        project: The repository.
    """
    host: Callable[[Any, Project], str]
    if name.startswith(".github/workflows/"):
        host = _github
    else:
        host = {".gitlab-ci.yml": _gitlab, ".pre-commit-config.yaml": _pre_commit}[name]
    return host(settings, project)


def action(project: Project, inputs: Mapping[str, str]) -> Ran:
    """Run the last step of the GitHub action, which the others prepare."""
    step = ACTION["runs"]["steps"][-1]
    defaults = {name: one.get("default", "") for name, one in ACTION["inputs"].items()}
    given = {name: _filled(text, {**defaults, **inputs}) for name, text in step["env"].items()}
    return project.bash(step["run"], RUNNER_TEMP=str(project.beside), GITHUB_STEP_SUMMARY=str(project.summary), **given)


def hook(project: Project, args: Sequence[str], pass_filenames: bool = True) -> Ran:
    """Run the entry of the pre-commit hook with its arguments and the files that it takes."""
    every = (path for path in project.folder.rglob("*") if path.is_file())
    names = sorted(path.relative_to(project.folder).as_posix() for path in every)
    taken = [name for name in names if re.search(HOOK["files"], name)] if pass_filenames else []
    return project.shell(f"{HOOK['entry']} {shlex.join([*args, *taken])}", stop=True)


def _filled(text: str, inputs: Mapping[str, str]) -> str:
    return re.sub(r"\$\{\{ inputs\.([\w-]+) \}\}", lambda found: inputs[found[1]], text)


def _github(workflow: Any, project: Project) -> str:  # noqa: ANN401
    """Return the log of the steps that run bnstat, and how GitHub ends it."""
    (job,) = workflow["jobs"].values()
    ran = Ran(0, "")
    for step in job["steps"]:
        if "/bnstat@" in step.get("uses", ""):
            ran = action(project, step["with"])
        elif "bnstat check" in step.get("run", ""):
            ran = project.shell(step["run"], stop=True, GITHUB_STEP_SUMMARY=str(project.summary))
        if ran.code:
            return f"{ran.output}Error: Process completed with exit code {ran.code}.\n"
    return ran.output


def _gitlab(pipeline: Any, project: Project) -> str:  # noqa: ANN401
    """Return the log of the job, and how GitLab ends it; its reports are there."""
    (job,) = pipeline.values()
    ran = project.shell("\n".join(line for line in job["script"] if not line.startswith("pip ")), stop=True)
    for report in job["artifacts"]["reports"].values():
        if not (project.folder / report).stat().st_size:
            raise ValueError(f"{report} is empty")
    return ran.output + (f"ERROR: Job failed: exit code {ran.code}\n" if ran.code else "Job succeeded\n")


def _pre_commit(settings: Any, project: Project) -> str:  # noqa: ANN401
    """Return what pre-commit prints of the hook."""
    ((one,),) = (repository["hooks"] for repository in settings["repos"])
    if one["id"] != HOOK["id"]:
        raise ValueError(f"there is no hook {one['id']!r}")
    ran = hook(project, one.get("args", ()), one.get("pass_filenames", True))
    outcome = "Failed" if ran.code else "Passed"
    line = HOOK["name"].ljust(79 - len(outcome), ".") + outcome + "\n"
    return f"{line}- hook id: {HOOK['id']}\n- exit code: {ran.code}\n\n{ran.output}" if ran.code else line
