"""Measure what the survey of a folder costs: from its name to the cases to read, before a file is opened.

The files are empty, since only their names are looked at. README.md beside this file says what the numbers mean.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from bnstat.sources.search import cases_of
from bnstat.sources.selection import ANY, Selection

FILES = 10_000
MODALITIES = ("t1c", "t1n", "t2f", "t2w", "seg")
SUFFIXES = ("T1w", "FLAIR", "T2w", "PDw")


def brats() -> Iterator[str]:
    """Yield the names of a folder for each case, with four modalities and labels."""
    for case in range(FILES // len(MODALITIES)):
        name = f"BraTS-GLI-{case:05}-000"
        yield from (f"{name}/{name}-{modality}.nii.gz" for modality in MODALITIES)


def bids() -> Iterator[str]:
    """Yield the names of a data set with four suffixes."""
    for subject in range(FILES // len(SUFFIXES)):
        name = f"sub-{subject:04}"
        yield from (f"{name}/anat/{name}_{suffix}.nii.gz" for suffix in SUFFIXES)


def cohort() -> Iterator[str]:
    """Yield the names of one kind of file in one folder."""
    yield from (f"case_{case:05}.nii.gz" for case in range(FILES))


LAYOUTS = {"BraTS": (brats, ANY), "BIDS": (bids, Selection("T1w,FLAIR")), "one kind": (cohort, ANY)}


def main() -> None:
    """Print a line for each layout: the files, the cases, and the median and the range of the processor's seconds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=7)
    runs = parser.parse_args().runs
    for title, (names, selection) in LAYOUTS.items():
        with tempfile.TemporaryDirectory() as folder:
            for name in names():
                file = Path(folder, name)
                file.parent.mkdir(parents=True, exist_ok=True)
                file.touch()
            taken = []
            for _ in range(runs):
                start = time.process_time()
                found = cases_of([folder], selection)
                taken.append(time.process_time() - start)
        spread = f"{min(taken):.2f} to {max(taken):.2f} s"
        print(f"{title}: {FILES:,} files, {len(found.cases):,} cases: {median(taken):.2f} s ({spread})")


if __name__ == "__main__":
    main()
