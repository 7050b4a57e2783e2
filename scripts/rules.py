"""Writes docs/rules/: a page for each rule from the docstring of its file, and a table of them."""

from __future__ import annotations

import re
from pathlib import Path

from bnstat.renderers.explain.markdown import index, page
from bnstat.rules import RULES
from bnstat.rules.explanation import explained

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "rules"

INTRODUCTION = """# Rules
What `bnstat inspect` and `bnstat check` report; `bnstat explain RULE` shows a page in the terminal. Codes and names
stay as they are: BN1xx are about the data, BN2xx about batches, BN3xx about a framework's arithmetic, BN4xx about
layout.

Of zero-variance, near-zero-variance and epsilon-effect only the first that holds speaks for a channel, and so of
negative-variance, vanishing-variance and inaccurate-variance. batch-mean-noise, variance-shortfall, train-eval-gap and
small-batch need 8 samples, odd-volume needs 12 volumes. Where missing-channel names a channel of a file, zero-variance
is silent; of patches it speaks where a channel is constant in all of them, and constant-patches where it is in some.

"""


def pages() -> dict[str, str]:
    """The text of each file in the folder, under its name."""
    named = {f"{rule.code}-{rule.name}.md": explained(rule) for rule in RULES}
    table = index([(rule, f"[{rule.name}]({name})") for name, rule in named.items()])
    return {"README.md": INTRODUCTION + table, **{name: _linked(page(rule)) for name, rule in named.items()}}


def _linked(text: str) -> str:
    """Return a page in which the names of other documents are links to them."""
    return re.sub(r"\bdocs/([\w-]+\.md)", r"[docs/\1](../\1)", text)


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    written = pages()
    for name, text in written.items():
        (FOLDER / name).write_text(text, encoding="utf-8")
    for file in FOLDER.glob("*.md"):
        if file.name not in written:
            file.unlink()
