"""Write every generated file of docs/ and every output that the documents show, or check that none is stale.

Generated are the reference, the pages of rules, schemas that are made of another, pictures, and copies of two READMEs.
Run are the commands and programs in README.md and in the pages that are written by hand.
`python scripts/docs.py` writes them; read the difference afterwards. `python scripts/docs.py --check` exits with 1
where a file is not what would be written. Names of files after the command limit it to them.

The address of a rule's page: `docs/rules/BN101-zero-variance.md` in the repository is
`rules/BN101-zero-variance.html` on the site: `bnstat.version.page_of_rule` says which, and SARIF links to it.
"""

from __future__ import annotations

import argparse
import contextlib
import re
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]

import architecture  # noqa: E402  (of this folder, found on the path that is set above)
import picture  # noqa: E402
import reliability  # noqa: E402
import report_schema  # noqa: E402
import rules  # noqa: E402
import schemas as made_schemas  # noqa: E402
from documentation import api, commands, copies, presets, schemas  # noqa: E402
from documentation.examples import written_anew  # noqa: E402

DOCS = ROOT / "docs"
REFERENCE = DOCS / "reference"
# About how it is built, and what other scripts have measured: they show no command that is run here.
_MEASURED = (
    *("adversary.md", "architecture.md", "arithmetic.md", "calibration.md", "conformance.md"),
    *("design-notes.md", "faults.md", "label-maps.md", "patch-noise.md"),
)
_MARK = "<!-- Written by `python scripts/docs.py`; change the code or the text that it is made from. -->\n"


def generated() -> dict[Path, Callable[[], str]]:
    """Return every generated file and what writes it, those first that others are made from."""
    files: dict[Path, Callable[[], str]] = {
        **{made_schemas.path_of(f"compare-{kind}"): partial(made_schemas.made, kind) for kind in made_schemas.OWN},
        made_schemas.path_of(made_schemas.CHECKPOINTS): made_schemas.of_checkpoints,
        made_schemas.path_of(report_schema.NAME): report_schema.made,
        **{DOCS / name: partial(_drawn, name) for name in picture.PICTURES},
        architecture.PICTURE: architecture.draw,
        reliability.PAGE: reliability.text,
        **{rules.FOLDER / name: partial(str, text) for name, text in rules.pages().items()},
    }
    pages: dict[Path, Callable[[], str]] = {
        REFERENCE / "frameworks.md": presets.page,
        REFERENCE / "json.md": partial(schemas.page, DOCS / "schema"),
        REFERENCE / "python.md": api.page,
        DOCS / "sample-data.md": partial(copies.page, ROOT / "sample_data" / "README.md"),
        DOCS / "benchmarks.md": partial(copies.page, ROOT / "benchmarks" / "README.md"),
        **{REFERENCE / name: partial(str, text) for name, text in commands.pages().items()},
    }
    return {**files, **{path: partial(_marked, write) for path, write in pages.items()}}


def examples() -> list[Path]:
    """Return the documents that are written by hand and show commands."""
    made = set(generated())
    found = (path for path in sorted(DOCS.rglob("*.md")) if path not in made)
    return [ROOT / "README.md", *(path for path in found if path.relative_to(DOCS).as_posix() not in _MEASURED)]


def stale(paths: set[Path]) -> Iterator[tuple[Path, str]]:
    """Yield each file that is not as it should be, with the text that it should have; no paths means all files.

    A file that cannot be written is named on stderr, and has no text.
    """
    every: dict[Path, Callable[[], str]] = {**generated(), **{path: partial(_run, path) for path in examples()}}
    for path, write in every.items():
        if paths and path not in paths:
            continue
        try:
            text = write()
        except ValueError as error:
            print(f"{path.relative_to(ROOT)}: {error}", file=sys.stderr)
            text = ""
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            yield path, text


def _run(path: Path) -> str:
    return written_anew(path.read_text(encoding="utf-8"))


def _drawn(name: str) -> str:
    """Return a picture, in which paths are as a reader types them in the top folder."""
    with contextlib.chdir(ROOT):
        return picture.draw(name)


def leftovers() -> list[Path]:
    """Return the pages in generated folders that nothing writes any more."""
    made = set(generated())
    folders = (rules.FOLDER, REFERENCE / "commands")
    return [path for folder in folders for path in folder.glob("*.md") if path not in made]


def _marked(write: Callable[[], str]) -> str:
    """Return a page with the remark that it is generated, behind its title."""
    title, rest = write().split("\n", 1)
    return f"{title}\n\n{_MARK}\n{re.sub(r'^' + chr(10), '', rest)}"


def main() -> int:
    """Write what is stale, or name it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 if a file is stale")
    parser.add_argument("files", nargs="*", type=Path, help="only these")
    given = parser.parse_args()
    wrong = 0
    for path, text in stale({path.resolve() for path in given.files}):
        wrong += given.check or not text
        if text:
            print("stale:" if given.check else "written:", path.relative_to(ROOT))
        if text and not given.check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    unknown = [] if given.files else leftovers()
    for path in unknown:
        print("nothing writes this page any more:", path.relative_to(ROOT))
        if not given.check:
            path.unlink()
    return int(bool(wrong or (given.check and unknown)))


if __name__ == "__main__":
    sys.exit(main())
