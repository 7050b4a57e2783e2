"""Write docs/reliability.md from the ledgers: fuzzing, the exact reference, faults, protections, mutants of the core.

python scripts/reliability.py            writes the page; `scripts/docs.py --check` tells if it is stale
python scripts/reliability.py --count    counts the tests of faults first, and keeps the counts beside this file
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]

from fuzzing import ledger as fuzzed  # noqa: E402  (of this folder, found on the path that is set above)
from fuzzing.what import READS  # noqa: E402
from mutants import entries as mutated  # noqa: E402
from protections import ledger as removed  # noqa: E402
from protections.promises import promises  # noqa: E402
from protections.removal import removals  # noqa: E402

PAGE = ROOT / "docs" / "reliability.md"
FAULTS = ROOT / "tests" / "faults"
_COUNTS = Path(__file__).with_name("reliability.json")
_REFERENCE = ROOT / "scripts" / "adversarial" / "ledger.json"
HEAD = """# Reliability

This page says how bnstat was tried with damaged, hostile and random inputs, and with faults of the machine, and what
came of it. `python scripts/reliability.py` writes it from the ledgers that the scripts below keep.
"""
FUZZING = """
## Fuzzing

`python scripts/fuzzing/run.py` drives [atheris](https://github.com/google/atheris), a coverage-guided fuzzer. An input
may be answered, or refused with one line. Whatever else happens is a failure:

- a *crash* is any other exception, also a warning of numpy in bnstat's own code;
- a *hang* takes more than 10 s of processor time;
- a *wrong number* differs from the exact moments of the same file as nibabel or numpy reads it. A line of a moments
  file that is written and read again must be the same line.

A process may use 1 GB. Mutations keep the structure of a file: fields of headers, opcodes, words and values of JSON
are changed, and checksums are made right again. Every input that ever failed, and a sample of those that reached new
code, are kept in `tests/fuzzing/`, and the tests read them again each time.
"""
PROTECTIONS = """
## Protections

Each promise of `SECURITY.md` names its tests. `python scripts/protections/run.py` takes the protection away in a copy
of the repository, as a careless change would, and runs these tests there. A removal is noticed if a test fails or hangs
that passes with the protection. *Seen to fail* counts the tests that noticed at least one removal.
"""
MUTANTS = """
## Mutants of the core

A test suite is good if it notices when the code is wrong. `python scripts/mutants/run.py` draws places of the code
that computes numbers from a seed, makes one change at each (an operator, a comparison, a constant, a condition), and
runs the tests of that line until one fails. The changes are those of
[cosmic-ray](https://cosmic-ray.readthedocs.io). Annotations are left out, since nothing runs them.

Some changes make no difference that a test could notice. The score of a part leaves these out; its share does not.
"""


def text() -> str:
    """Return the page."""
    tried = [FUZZING, *_fuzzing(), *_reference(), *_faults(), PROTECTIONS, *_protections(), MUTANTS, *_mutants()]
    return "\n".join([HEAD, *_summary(), *tried, ""])


def _summary() -> list[str]:
    tried = fuzzed.read().values()
    entries = mutated.read()
    noticed, number = mutated.scores(entries)["all"]
    lines = ["| what was tried | how much | what came of it |", "|---|---:|---|"]
    executions, seconds = sum(one.executions for one in tried), sum(one.wall_seconds for one in tried)
    open_ones = sum(one.open for one in tried)
    lines.append(
        f"| inputs of the fuzzer | {executions:,} in {seconds / 3600:.1f} hours | "
        f"{sum(one.failures + one.stopped for one in tried)} causes of failures found; {open_ones} of them left |"
    )
    if _REFERENCE.exists():
        results = json.loads(_REFERENCE.read_text("utf-8"))
        families = results["families"].values()
        cases, numbers, wrong = (sum(one[name] for one in families) for name in ("cases", "numbers", "wrong"))
        left = sum(not how for how in results["mended"].values())
        came = f"{numbers:,} numbers, {wrong} wrong; {left} cases of them without an explanation"
        lines.append(f"| random volumes against an exact reference | {cases:,} | {came} |")
    counts = _counts()
    if counts:
        lines.append(f"| faults injected | {sum(counts.values()):,} | nothing lost: each is a test that passes |")
    trials = removed.valid(removals(), removed.read()).values()
    lines.append(f"| protections removed | {len(trials)} | {sum(bool(one.noticed) for one in trials)} noticed |")
    lines.append(f"| mutants of the core | {number:,} | {noticed:,} noticed |")
    return lines


def _fuzzing() -> list[str]:
    lines = [
        "| reader | what it reads | minutes | processor minutes | inputs | edges of code | causes found | left |",
        "|---|---|---:|---:|---:|---:|---:|---:|",
    ]
    for name, one in fuzzed.read().items():
        lines.append(
            f"| {name} | {READS[name]} | {one.wall_seconds / 60:.0f} | {one.cpu_seconds / 60:.0f} | "
            f"{one.executions:,} | {one.edges:,} | {one.failures + one.stopped} | {one.open} |"
        )
    lines += ["", "*Processor minutes* are fewer than minutes, because the machine had other work at the same time."]
    return lines


def _reference() -> list[str]:
    if not _REFERENCE.exists():
        return []
    results = json.loads(_REFERENCE.read_text("utf-8"))
    lines = [
        "",
        "## Random volumes",
        "",
        "[An independent reference](adversary.md) decodes the bytes of random files itself and computes with whole",
        "numbers, fractions and 60 digits. These are formats, types, slopes, byte orders and extremes at random:",
        "",
        "| family | volumes | numbers | wrong |",
        "|---|---:|---:|---:|",
    ]
    for name, one in results["families"].items():
        lines.append(f"| {name} | {one['cases']:,} | {one['numbers']:,} | {one['wrong']} |")
    lines += ["", "A case that ends in an error where it should not counts as a wrong number."]
    return [*lines, *(f"\n- `{case}`: {how or 'not yet mended'}" for case, how in results["mended"].items())]


def _faults() -> list[str]:
    counts = _counts()
    if not counts:
        return []
    lines = [
        "",
        "## Faults",
        "",
        "Each of these is a test that injects a fault. It requires that what was done is kept, that no number is",
        "wrong, and that one line says what happened. `tests/faults/` has them by kind:",
        "",
        "| kind | faults injected | lost |",
        "|---|---:|---|",
    ]
    return [*lines, *(f"| {name.replace('_', ' ')} | {number} | nothing |" for name, number in counts.items())]


def _protections() -> list[str]:
    every, known, trials = promises(), removals(), removed.read()
    there = removed.valid(known, trials)
    lines = ["| promise | removals | noticed | tests | seen to fail |", "|---|---:|---:|---:|---:|"]
    for promise in every:
        own = [there[one.what] for one in known if one.what in there and one.of(every) is promise]
        seen = len(promise.tests) - len(removed.never_noticed(promise, every, known, trials))
        lines.append(
            f"| {promise.text} | {len(own)} | {sum(bool(one.noticed) for one in own)} | {len(promise.tests)} | {seen} |"
        )
    return lines


def _mutants() -> list[str]:
    entries = mutated.read()
    lines = [
        "| part | mutants | noticed at first | noticed today | share (95 % interval) | no difference | score |",
        "|---|---:|---:|---:|---|---:|---:|",
    ]
    for part, (noticed, number) in mutated.scores(entries).items():
        if number:
            own = [one for one in entries.values() if part == "all" or one.file.startswith(part)]
            late, same = sum(one.late for one in own), sum(bool(one.why) and not one.noticed for one in own)
            low, high = mutated.interval(noticed, number)
            share = f"{noticed / number:.1%} ({low:.1%} to {high:.1%})"
            score = f"{noticed / (number - same):.1%}" if number > same else ""
            lines.append(f"| {part} | {number} | {noticed - late} | {noticed} | {share} | {same} | {score} |")
    explained = sum(bool(one.why) and not one.noticed for one in entries.values())
    late = sum(one.late for one in entries.values())
    noticed, number = mutated.scores(entries)["all"]
    changing = number - explained
    lines += [
        "",
        f"{explained} of the {number} change nothing that a test can notice, for the reasons below. Of the others,",
    ]
    for count, said in (
        (noticed - late, "at first"),
        (noticed, "with the tests that were written for those that survived"),
    ):
        low, high = mutated.interval(count, changing)
        share = f"({low:.1%} to {high:.1%})"
        lines.append(f"{count} of {changing} were noticed {said} {share}{', and' if said == 'at first' else '.'}")
    lines.append("The share at first is an estimate for these parts; the second one is of these mutants alone.")
    without = [part for part, (_, count) in mutated.scores(entries).items() if not count]
    if without:
        lines += ["", f"Not yet tried: {', '.join(without)}."]
    left = [one for one in entries.values() if not one.noticed]
    if left:
        lines += [
            "",
            "These were not noticed:",
            "",
            "| file | is | becomes | why no test can notice it |",
            "|---|---|---|---|",
        ]
    for one in left:
        before, after = (f"`{side}`".replace("|", "\\|") for side in (one.before, one.after))
        lines.append(f"| {one.file} | {before} | {after} | {one.why or 'not yet examined'} |")
    return lines


def _counts() -> dict[str, int]:
    """Return how many faults the tests inject, by kind."""
    return dict(json.loads(_COUNTS.read_text("utf-8"))) if _COUNTS.exists() else {}


def counted() -> dict[str, int]:
    """Return how many tests of faults there are now, by kind: a file is a kind, and a case of a test is a fault."""
    call = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-n", "0", str(FAULTS)]
    found = subprocess.run(call, cwd=ROOT, capture_output=True, text=True, check=False).stdout
    names = [line.partition("::")[0] for line in found.splitlines() if "::" in line]
    return dict(sorted(Counter(Path(name).stem.removeprefix("test_") for name in names).items()))


def main() -> int:
    """Write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", action="store_true")
    if parser.parse_args().count:
        _COUNTS.write_text(json.dumps(counted(), indent=1) + "\n", encoding="utf-8")
    PAGE.write_text(text(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
