"""Write .ci/lowest.txt: the lowest versions of what bnstat depends on that can be installed together.

    python scripts/lowest.py

CI runs tests with these, so that the lower bounds in pyproject.toml are true. It needs uv, which resolves them.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[1]
LOWEST = ROOT / ".ci" / "lowest.txt"
# What is installed with the package: what its tests need, and the small extras.
EXTRAS = ("hdf5", "report", "test", "yaml")
PYTHON = "3.11"


def main() -> None:
    """Resolve them and write the file."""
    extras = [part for name in EXTRAS for part in ("--extra", name)]
    command = ["uv", "pip", "compile", "--quiet", "--resolution", "lowest-direct", "--python-version", PYTHON]
    done = subprocess.run(
        [*command, *extras, "--no-header", "--no-annotate", "pyproject.toml"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    LOWEST.write_text(f"# Written by scripts/lowest.py.\n{done.stdout}", encoding="utf-8")


if __name__ == "__main__":
    main()
