"""Write the page of `bnstat report` on the two-scanner cohort, which the documentation shows and links to.

`scripts/build_site.py` writes it into the site. `python scripts/example_page.py FILE` writes it alone.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
COMMAND = "report sample_data/cohort --batch-size 2 --framework torch -o report.html"
# Where the site has the page.
PLACE = "examples/report.html"


def write(file: Path) -> None:
    """Write the page as the program does where somebody types the command in the project's top folder.

    Raises:
        SystemExit: If the program fails.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "sample_data").symlink_to(ROOT / "sample_data")
        command = [sys.executable, "-P", "-m", "bnstat", *COMMAND.split()]
        found = {**os.environ, "PYTHONPATH": str(ROOT)}
        ran = subprocess.run(command, cwd=folder, env=found, capture_output=True, text=True, check=False)
        if ran.returncode:
            sys.exit(f"{ran.stderr}\nthe page of bnstat report was not written")
        shutil.copyfile(Path(folder, "report.html"), file)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    write(Path(sys.argv[1]))
