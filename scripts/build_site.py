"""Build the documentation site into site/ with Zensical, from docs/ and mkdocs.yml, without the network.

The page of `bnstat report` on the sample cohort is a part of it. Every warning is an error, and so are a link or an
anchor that leads nowhere, and a page that loads anything from elsewhere.
`pip install '.[docs,report]' && python scripts/build_site.py`; then open site/index.html, or, for the search to work
as well, `python -m http.server --directory site`.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag

import example_page

ROOT = Path(__file__).resolve().parents[1]
SITE = ROOT / "site"
# Elements that load what they name when the page opens.
_LOADING = {("script", "src"), ("img", "src"), ("link", "href"), ("iframe", "src"), ("source", "src"), ("use", "href")}
_CSS_LOADS = re.compile(r"url\(\s*['\"]?(?:https?:)?//|@import\s+['\"]?(?:https?:)?//")


class _Page(HTMLParser):
    """What a page has: the names that links may lead to, the links, and what it loads."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.names: set[str] = {""}
        self.links: list[str] = []
        self.loads: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        given = {name: value or "" for name, value in attrs}
        self.names.add(given.get("id", ""))
        if tag == "a":
            self.names.add(given.get("name", ""))
            self.links.append(given.get("href", ""))
        elif tag == "link" and given.get("rel") in ("canonical", "next", "prev", "alternate"):
            self.links.append(given.get("href", ""))
        else:
            self.loads += [given[name] for name in given if (tag, name) in _LOADING]


def build() -> None:
    """Build the site anew.

    Raises:
        SystemExit: If Zensical fails or warns.
    """
    shutil.rmtree(SITE, ignore_errors=True)
    command = [sys.executable, "-m", "zensical", "build", "--clean", "--strict"]
    ran = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if ran.returncode or "warning" in ran.stdout.lower():
        sys.exit(f"{ran.stdout}\nthe site has warnings or was not built")
    example_page.write(SITE / example_page.PLACE)


def problems(site: Path) -> Iterator[str]:
    """Yield what is wrong with a site that was built, a line each."""
    pages = {path: _Page(path.read_text(encoding="utf-8")) for path in sorted(site.rglob("*.html"))}
    for path, page in pages.items():
        name = path.relative_to(site)
        yield from (f"{name} loads {url}" for url in page.loads if url.startswith(("http:", "https:", "//")))
        if path.name != "404.html":  # it is served at any address, so its links are absolute
            yield from (f"{name} has a dead link {link}" for link in page.links if not _leads(link, path, pages))
            yield from (f"{name} has no file {link}" for link in page.loads if not _leads(link, path, pages))
    for path in site.rglob("*.css"):
        if _CSS_LOADS.search(path.read_text(encoding="utf-8")):
            yield f"{path.relative_to(site)} loads from elsewhere"


def _leads(link: str, path: Path, pages: dict[Path, _Page]) -> bool:
    if re.match(r"[a-z]+:", link):
        return True
    target, anchor = urldefrag(link)
    file = (path.parent / unquote(target)).resolve() if target else path
    if file.is_dir():
        file = file / "index.html"
    return file.is_file() and (file not in pages or unquote(anchor) in pages[file].names)


def main() -> int:
    """Build the site and look at all of it."""
    build()
    found = list(problems(SITE))
    for line in found:
        print(line, file=sys.stderr)
    print(f"{len(list(SITE.rglob('*.html')))} pages in {SITE}; open {SITE / 'index.html'}")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
