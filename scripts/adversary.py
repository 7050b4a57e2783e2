"""Compare bnstat with an exact reference on random cases, for as long as it is told to.

The reference in tests/reference works from the bytes of the files, with whole numbers, fractions and 60 digits, and
has no line of bnstat. A number is wrong if it is farther off than the documentation claims.

    python scripts/adversary.py --minutes 60                  all families in turn
    python scripts/adversary.py --families batch,curve        these alone
    python scripts/adversary.py --case batch:17               one case again; its files are kept in adversary-case/
    python scripts/adversary.py --minutes 60 --output DIR     also writes DIR/adversary.json and DIR/adversary.md
    python scripts/adversary.py --document DIR/adversary.json writes docs/adversary.md
    python scripts/adversary.py --add DIR/adversary.json      adds a run to the ledger of docs/reliability.md
"""

from __future__ import annotations

import argparse
import json
import platform
import random
import shutil
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from itertools import count
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(ROOT / "scripts")]

from adversarial import compared, inspected, page, predicted, prepared  # noqa: E402  (on the path that is set above)
from adversarial.judge import Judge, Tally  # noqa: E402
from adversarial.runs import Refused, Run  # noqa: E402
from reference.preparation import Unclear  # noqa: E402

PAGE = ROOT / "docs" / "adversary.md"
LEDGER = ROOT / "scripts" / "adversarial" / "ledger.json"
KEPT = Path("adversary-case")
# How often the tables are written while a run goes on, in seconds.
WRITTEN_EVERY = 60.0

Family = Callable[[random.Random, Path], tuple[Run, Judge]]
FAMILIES: Mapping[str, Family] = {
    "batch": inspected.batch_norm,
    "normalizers": inspected.normalizers,
    "moments-file": inspected.scanned,
    "preparation": prepared.steps_and_masks,
    "patches": prepared.patches,
    "curve": compared.batch_sizes,
    "groups": compared.groups,
    "patch-curve": compared.patches,
    "plan": inspected.plans,
    "emulation": predicted.emulation,
    **({"bands": predicted.bands} if predicted.HAS_TORCH else {}),
}


def main() -> int:
    """Run what was asked for; return 1 if a number is wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=0, help="the seed of the first case of each family")
    parser.add_argument("--families", default=",".join(FAMILIES), help="names, with commas between them")
    parser.add_argument("--case", help="FAMILY:SEED")
    parser.add_argument("--output", type=Path, help="the folder of the tables")
    parser.add_argument("--document", type=Path, help="a table from which the page of the documentation is written")
    parser.add_argument("--add", type=Path, help="a table that is added to the ledger")
    given = parser.parse_args()
    if given.add:
        added(json.loads(given.add.read_text(encoding="utf-8")), LEDGER)
        return 0
    if given.document:
        PAGE.write_text(page.text(json.loads(given.document.read_text(encoding="utf-8"))), encoding="utf-8")
        return 0
    if given.case:
        name, seed = given.case.split(":")
        with tempfile.TemporaryDirectory() as folder:
            tally = case(name, int(seed), Path(folder), keep=KEPT)
        print("\n".join(tally.failures) or f"{given.case}: {tally.numbers} numbers, none wrong")
        return int(bool(tally.failures))
    return _run(given.families.split(","), given.seed, 60 * given.minutes, given.output)


def _run(names: Sequence[str], seed: int, seconds: float, output: Path | None) -> int:
    """Run families in turn for so many seconds, and print and write what became of them."""
    tallies = {name: Tally() for name in names}
    begun = written = time.monotonic()
    for name, tally in rounds(names, seed, lambda: time.monotonic() - begun < seconds):
        tallies[name].add(tally)
        for failure in tally.failures:
            print(failure, flush=True)
        if output is not None and time.monotonic() - written > WRITTEN_EVERY:
            written = time.monotonic()
            _write(output, _results(tallies, seed, written - begun))
    results = _results(tallies, seed, time.monotonic() - begun)
    if output is not None:
        _write(output, results)
    print(page.table(results))
    return int(any(tally.wrong or tally.failures for tally in tallies.values()))


def rounds(names: Sequence[str], seed: int, going: Callable[[], bool]) -> Iterator[tuple[str, Tally]]:
    """Yield the outcome of one case after the other, each family in turn."""
    for number in count(seed):
        for name in names:
            if not going():
                return
            with tempfile.TemporaryDirectory() as folder:
                yield name, case(name, number, Path(folder))


def case(name: str, seed: int, folder: Path, keep: Path | None = None) -> Tally:
    """Return the outcome of one case.

    Args:
        name: the family.
        seed: with the name it says which case it is.
        folder: for its files.
        keep: where they are copied to; None to leave them.
    """
    again = f"again: python scripts/adversary.py --case {name}:{seed}"
    try:
        run, judge = FAMILIES[name](random.Random(f"{name}:{seed}"), folder)
    except Unclear:
        return Tally(cases=1, refused=1)
    except Refused as refused:
        return Tally(cases=1, wrong=1, failures=[f"{name}:{seed} was refused: {refused}\n  {again}"])
    except Exception:  # whatever bnstat or the reference raises is a failed case, and the next one is run
        return Tally(
            cases=1, wrong=1, failures=[f"{name}:{seed} ended with an error; {again}\n{traceback.format_exc()}"]
        )
    finally:
        if keep is not None:
            shutil.copytree(folder, keep, dirs_exist_ok=True)
    if judge.wrong:
        judge.tally.failures.append(f"{name}:{seed} ({run.via}): {run.line()}\n{judge.description()}\n  {again}")
    return judge.tally


def added(run: Mapping[str, Any], path: Path) -> None:
    """Add a run to a ledger. Each case that was wrong is named there, until someone writes how it was mended."""
    known: dict[str, Any] = {"minutes": 0.0, "families": {}, "mended": {}}
    if path.exists():
        known = json.loads(path.read_text("utf-8"))
    known["minutes"] = round(known["minutes"] + run["minutes"], 1)
    for name, own in run["families"].items():
        tally = Tally(**known["families"].get(name, {}))
        tally.add(Tally(**{**own, "failures": []}))
        known["families"][name] = {key: value for key, value in asdict(tally).items() if key != "failures"}
        for failure in own["failures"]:
            known["mended"].setdefault(failure.split()[0], "")
    path.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")


def _results(tallies: Mapping[str, Tally], seed: int, seconds: float) -> dict[str, Any]:
    """Return the tables as JSON has them."""
    return {
        "seed": seed,
        "minutes": round(seconds / 60, 1),
        "versions": {name: _version(name) for name in ("numpy", "nibabel", "torch")}
        | {"python": platform.python_version()},
        "families": {name: asdict(tally) for name, tally in tallies.items()},
    }


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _write(folder: Path, results: dict[str, Any]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "adversary.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    (folder / "adversary.md").write_text(page.table(results) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
