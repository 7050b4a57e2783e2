"""Write docs/rules/: a page for each rule from the docstring of its file, and a table of them."""

from __future__ import annotations

import re
from pathlib import Path

from bnstat.renderers.explain.markdown import index, page
from bnstat.rules.every_rule import EVERY_RULE
from bnstat.rules.explanation import explained

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "rules"

INTRODUCTION = """# Rules

`bnstat inspect` and `bnstat check` report what these rules find in volumes, `bnstat checkpoint` in files of weights,
and `bnstat layers` in networks. `bnstat explain RULE` shows a page in the terminal. Codes and names do not change:
BN1xx are about the data, BN2xx about batches, BN3xx about the float32 arithmetic of a framework, BN4xx about the layout
of the data, BN5xx about what a checkpoint stores, and BN6xx about the layers of a network.

**What a rule needs.** batch-mean-noise, variance-shortfall, train-eval-gap and small-batch need 8 samples, and
odd-volume needs 12 volumes. BN202 to BN208, BN403 and BN405 need what only `bnstat check` looks at: how the samples of
a larger set differ, volumes beside each other, a reference, or the steps of a training.

**One finding for one problem.** Of zero-variance, near-zero-variance and epsilon-effect, only the first that holds is
reported for a channel; the same is true of negative-variance, vanishing-variance and inaccurate-variance. If
missing-channel names a channel of a file, zero-variance is silent about it. For patches, zero-variance reports a
channel that is constant in all of them, and constant-patches one that is constant in some. For a layer of a network,
only the first of stored-statistics-off, own-statistics-differ and untrained-statistics is reported. In a checkpoint, a
channel with NaN, Inf or a negative variance, or one that dead-filter names, is left out of the rules from BN505 on.

"""


def pages() -> dict[str, str]:
    """Return the text of each file in the folder, under its name."""
    named = {f"{rule.code}-{rule.name}.md": explained(rule) for rule in EVERY_RULE}
    table = index([(rule, f"[{rule.name}]({name})") for name, rule in named.items()])
    return {"README.md": INTRODUCTION + table, **{name: _linked(page(rule)) for name, rule in named.items()}}


def _linked(text: str) -> str:
    """Return a page in which the names of other documents are links to them."""
    return re.sub(r"\bdocs/([\w/-]+\.md)", r"[docs/\1](../\1)", text)


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    written = pages()
    for name, text in written.items():
        (FOLDER / name).write_text(text, encoding="utf-8")
    for file in FOLDER.glob("*.md"):
        if file.name not in written:
            file.unlink()
