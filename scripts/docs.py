"""Write every generated page of docs/ and every output that the documents show, or check that none is stale.

`python scripts/docs.py` writes them; read the difference afterwards. `python scripts/docs.py --check` exits with 1
where a file is not what would be written. Names of files after the command limit it to them.

The address of a rule's page: `docs/rules/BN101-zero-variance.md` in the repository is
`rules/BN101-zero-variance.html` on the site. Findings and SARIF link to it by a configurable base address.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]

import rules  # noqa: E402  (scripts/rules.py: found on the path that is set above)
from documentation import api, commands, copies, presets, schemas  # noqa: E402
from documentation.examples import written_anew  # noqa: E402

DOCS = ROOT / "docs"
REFERENCE = DOCS / "reference"
# Written by hand, and about what other scripts have measured: they show no command that is run here.
_MEASURED = ("architecture.md", "arithmetic.md", "conformance.md", "design-notes.md", "faults.md", "patch-noise.md")
_MARK = "<!-- Written by `python scripts/docs.py`; change the code or the text that it is made from. -->\n"


def generated() -> dict[Path, Callable[[], str]]:
    """Return every generated page, and what writes it."""
    pages: dict[Path, Callable[[], str]] = {
        REFERENCE / "frameworks.md": presets.page,
        REFERENCE / "json.md": partial(schemas.page, DOCS / "schema"),
        REFERENCE / "python.md": api.page,
        DOCS / "sample-data.md": partial(copies.page, ROOT / "sample_data" / "README.md"),
        DOCS / "benchmarks.md": partial(copies.page, ROOT / "benchmarks" / "README.md"),
        **{REFERENCE / name: partial(str, text) for name, text in commands.pages().items()},
    }
    marked: dict[Path, Callable[[], str]] = {path: partial(_marked, write) for path, write in pages.items()}
    return {**marked, **{rules.FOLDER / name: partial(str, text) for name, text in rules.pages().items()}}


def examples() -> list[Path]:
    """Return the documents that are written by hand and show commands."""
    made = set(generated())
    found = (path for path in sorted(DOCS.rglob("*.md")) if path not in made)
    return [ROOT / "README.md", *(path for path in found if path.relative_to(DOCS).as_posix() not in _MEASURED)]


def stale(paths: set[Path]) -> Iterator[tuple[Path, str]]:
    """Yield each file that is not as it should be, with the text that it should have; no paths means all files."""
    for path, write in generated().items():
        if not paths or path in paths:
            text = write()
            if not path.is_file() or path.read_text(encoding="utf-8") != text:
                yield path, text
    for path in examples():
        if not paths or path in paths:
            old = path.read_text(encoding="utf-8")
            text = written_anew(old)
            if text != old:
                yield path, text


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
    found = list(stale({path.resolve() for path in given.files}))
    for path, text in found:
        print("stale:" if given.check else "written:", path.relative_to(ROOT))
        if not given.check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    unknown = [] if given.files else leftovers()
    for path in unknown:
        print("nothing writes this page any more:", path.relative_to(ROOT))
        if not given.check:
            path.unlink()
    return int(given.check and bool(found or unknown))


if __name__ == "__main__":
    sys.exit(main())
