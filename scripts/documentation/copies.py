"""Pages that are copies of a README elsewhere in the repository, so that the site has them too."""

from __future__ import annotations

import re
from pathlib import Path

from documentation.project import ROOT

_LINK = re.compile(r"\[([^\]]+)\]\(([^)]+)\)")


def page(readme: Path) -> str:
    """Return the text of a README; a link to a file that the site does not have becomes its name."""
    return _LINK.sub(lambda found: _link(found, readme), readme.read_text(encoding="utf-8"))


def _link(found: re.Match[str], readme: Path) -> str:
    text, target = found.groups()
    if target.startswith("#") or "://" in target:
        return found[0]
    path, hash_, anchor = target.partition("#")
    file = (readme.parent / path).resolve()
    if file.is_relative_to(ROOT / "docs") and file.is_file():
        return f"[{text}]({file.relative_to(ROOT / 'docs').as_posix()}{hash_}{anchor})"
    named = f"`{file.relative_to(ROOT).as_posix()}`"
    return text if text.strip("`") == named.strip("`") else f"{text} ({named})"
