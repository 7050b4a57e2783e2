"""Test the core with mutants: change its code in one place, and see whether a test notices.

A seeded sample of places is drawn, and one change of each. The tests that run a changed line are run in a fork of this
process, quick ones first, until one fails. It needs `pip install '.[mutation,test]'`.

    python scripts/mutants/run.py --number 400           go on with the sample of seed 0
    python scripts/mutants/run.py --number 40 --files bnstat/moments/kernels.py
    python scripts/mutants/run.py --survivors            the survivors again, with the code and the tests of today
    python scripts/mutants/run.py --show                 the score so far, and the survivors that nobody has explained

What became of each mutant is kept in scripts/mutants/ledger.json. A survivor needs an explanation there, in the field
"why": which numbers it cannot change. Otherwise write a test that fails with it.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import Phase, settings

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "scripts"), str(ROOT / "tests")]

from mutants import entries  # noqa: E402  (of this folder, found on the path that is set above)
from mutants.drawing import drawn, files  # noqa: E402
from mutants.loop import MOST_TESTS, MOST_TESTS_OF_SURVIVORS, Loop  # noqa: E402
from mutants.mutant import CACHE, Mutant  # noqa: E402

# The tests of the core. Those of commands run it too, and take much longer.
_EXACT = "tests/docs/test_adversary.py::test_no_number_is_farther_from_the_exact_one_than_it_may_be"
TESTS = {
    "bnstat/moments": (
        "tests/moments",
        "tests/sources/formats/test_arrays.py",
        *(f"{_EXACT}[{name}]" for name in ("batch", "moments-file", "preparation")),
    ),
    "bnstat/layers": (
        "tests/layers/test_all_values.py",
        "tests/layers/normalizers",
        "tests/layers/test_batch_columns.py",
        "tests/layers/test_bounded.py",
        "tests/layers/test_columns.py",
        "tests/layers/test_predictions.py",
        "tests/layers/test_running.py",
        "tests/layers/arithmetic/test_bounds.py",
        *(f"{_EXACT}[{name}]" for name in ("batch", "normalizers")),
    ),
    "bnstat/sources": (
        "tests/sources/test_layout.py",
        "tests/moments/test_one_pass.py",
        "tests/workflows/test_array_layout.py",
    ),
    "bnstat/batch_size": (
        "tests/batch_size",
        *(f"{_EXACT}[{name}]" for name in ("curve", "groups", "patch-curve")),
    ),
}


def main() -> int:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--number", type=int, default=400, help="mutants of all files together")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--files", default="", help="files or folders, with commas between them; all of the core")
    parser.add_argument("--survivors", action="store_true")
    parser.add_argument("--show", action="store_true")
    given = parser.parse_args()
    wanted = [file for file in files() if not given.files or file.startswith(tuple(given.files.split(",")))]
    if not given.show:
        sample = drawn(given.number, given.seed, wanted)
        known = entries.read()
        left = {one.key for one in known.values() if not one.noticed}
        mutants = [one for one in sample if (one.key in left if given.survivors else one.key not in known)]
        for room, tests in TESTS.items():
            most = MOST_TESTS_OF_SURVIVORS if given.survivors else MOST_TESTS
            _run([one for one in mutants if one.file.startswith(room)], tests, room, most)
    print(entries.shown())
    return 0


def _run(mutants: Sequence[Mutant], tests: Sequence[str], room: str, most: float) -> None:
    """Run mutants with these tests, and keep what became of each."""
    if not mutants:
        return
    CACHE.mkdir(parents=True, exist_ok=True)
    # The same examples each time; a first one that fails is enough, and is not made small.
    settings.register_profile(
        "mutants", derandomize=True, database=None, deadline=None, phases=(Phase.explicit, Phase.generate)
    )
    settings.load_profile("mutants")
    on_import: list[Mutant] = []

    def told(mutant: Mutant, outcome: str, test: str) -> None:
        if outcome == "on import":
            on_import.append(mutant)
            return
        entries.add(mutant, outcome, test)
        said = f"{outcome:12} {mutant.file}:{mutant.line} {mutant.before}  =>  {mutant.after}"
        print(said, file=sys.__stderr__, flush=True)

    loop = Loop(mutants, told, CACHE / f"{room.replace('/', '-')}.json", most)
    options = ["-q", "--tb=no", "-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:randomly", "-s"]
    pytest.main([*options, *(str(ROOT / one) for one in tests)], plugins=[loop])
    for mutant in on_import:
        told(mutant, _imported(mutant, tests), "")


def _imported(mutant: Mutant, tests: Sequence[str]) -> str:
    """Return what becomes of a mutant that is run on import, in a process of its own."""
    with tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8") as file:
        json.dump({"path": str(ROOT / mutant.file), "source": mutant.source}, file)
        file.flush()
        path = os.pathsep.join(map(str, (ROOT, ROOT / "scripts", ROOT / "tests")))
        call = [sys.executable, "-P", "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-p", "mutants.on_import"]
        try:
            done = subprocess.run(
                [*call, *(str(ROOT / one) for one in tests)],
                env={**os.environ, "BNSTAT_MUTANT": file.name, "PYTHONPATH": path},
                capture_output=True,
                check=False,
                timeout=3600,
            )
        except subprocess.TimeoutExpired:
            return "time limit"
    return "killed" if done.returncode else "survived"


if __name__ == "__main__":
    sys.exit(main())
