"""Build the wheel and the sdist twice, compare them byte for byte, check them, and run what was installed from them.

    python scripts/built.py

The time in the archives is that of the last commit (SOURCE_DATE_EPOCH), so that anybody can build the same files again.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import tempfile
import venv
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
# What the sdist needs for its tests to be run, beside the package.
NEEDED = ("tests/conftest.py", "scripts/docs.py", "sample_data/make.py", "pyproject.toml", "SECURITY.md", ".ci/run")


def main() -> None:
    """Do all of it; end with an error at the first thing that is wrong."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        first, again = (build(folder / part) for part in ("first", "again"))
        require_same(first, again)
        wheel, sdist = sorted(first, key=lambda file: file.suffix != ".whl")
        _run("twine", "check", "--strict", str(wheel), str(sdist))
        _run("check_wheel_contents", str(wheel))
        _complete(sdist)
        _runs(wheel, folder)
        print(f"{wheel.name} and {sdist.name}: two builds are the same, and what is installed runs")


def build(folder: Path) -> list[Path]:
    """Build both from the checkout, without the environments that a build makes for itself."""
    epoch = subprocess.run(
        ["git", "-C", ROOT, "log", "-1", "--format=%ct"], capture_output=True, text=True, check=False
    ).stdout.strip()
    environment = os.environ | {"SOURCE_DATE_EPOCH": epoch or "1700000000"}
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
    return sorted(folder.iterdir())


def require_same(first: Sequence[Path], again: Sequence[Path]) -> None:
    """Require that two builds have the same files, byte for byte."""
    for one, other in zip(first, again, strict=True):
        if one.name != other.name or one.read_bytes() != other.read_bytes():
            sys.exit(f"{one.name}: two builds differ, so nobody can build the released file again")


def _run(module: str, *arguments: str) -> None:
    subprocess.run([sys.executable, "-m", module, *arguments], check=True)


def _complete(sdist: Path) -> None:
    """Require that the sdist has what its tests need."""
    with tarfile.open(sdist) as archive:
        names = {member.name.partition("/")[2] for member in archive}
    missing = [name for name in NEEDED if name not in names]
    if missing:
        sys.exit(f"{sdist.name}: {', '.join(missing)} is missing, which its tests need")


def _runs(wheel: Path, folder: Path) -> None:
    """Install the wheel into an environment of its own and run it there, outside of the checkout.

    The packages that it depends on are those of this environment: installing them again would take a minute.
    """
    place = folder / "installed"
    venv.create(place, with_pip=False)
    python = place / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps", str(wheel)]
    subprocess.run(pip, check=True)
    shared = "\n".join(part for part in sys.path if part.endswith("site-packages"))
    packages = next((place / "lib").glob("python*/site-packages"))
    (packages / "of_this_environment.pth").write_text(shared, encoding="utf-8")
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    volume = str(ROOT / "sample_data" / "t1_head.nii.gz")
    for command in (["--version"], ["check", volume], ["explain", "BN101"]):
        subprocess.run([place / "bin" / "bnstat", *command], cwd=folder, env=environment, check=True, timeout=300)
    where = [str(python), "-c", "import bnstat; print(bnstat.__file__)"]
    found = subprocess.run(where, cwd=folder, env=environment, capture_output=True, text=True, check=True).stdout
    if not Path(found.strip()).is_relative_to(place):
        sys.exit(f"the package that ran is {found.strip()}, and not the one that was installed")


if __name__ == "__main__":
    main()
