"""Compare the JSON of every command on `sample_data/` between two checkouts: `python scripts/same_outputs.py OLD NEW`.

Texts (messages, notes, answers, reasons) may differ. The exit code is 1 if any other field does.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

# Fields that hold sentences.
TEXTS = {
    *("message", "notes", "answer", "headline", "reason", "version", "title", "differences"),
    *("summary", "what", "why", "example", "advice", "sources"),  # of the page of a rule
}
COHORT = "sample_data/cohort"
COMMANDS = (
    "inspect sample_data/mri_4channel.nii.gz",
    "inspect sample_data/t1_head.nii.gz --framework torch",
    f"inspect {COHORT} --batch-size 4",
    f"inspect {COHORT} --batch-size 4 --batch-axis none",
    f"inspect {COHORT} --batch-size 3 --ranks 2 --shuffle --seed 3",
    "inspect sample_data/mri_4channel.nii.gz --normalizer group:2",
    "inspect sample_data/mri_4channel.nii.gz --normalizer instance --framework torch-instance-track",
    "inspect sample_data/mri_4channel.nii.gz --normalizer rms",
    f"inspect {COHORT} --normalizer renorm --batch-size 2",
    "inspect sample_data/mri_4channel.nii.gz --normalizer weight-init",
    "inspect sample_data/mri_4channel.nii.gz --framework keras-tensorflow",
    "inspect sample_data/mri_4channel.nii.gz --framework torch-channels-last --threads 2",
    f"inspect {COHORT} --intensity clip:0,500|zscore --mask nonzero",
    f"inspect {COHORT} --patch 8x8x8 --batch-size 2",
    f"compare {COHORT}",
    f"compare {COHORT} --batch-sizes 1,2,4 --population infinite --steps 20 --ranks 2",
    f"compare {COHORT} --patch 8x8x8 --patches 4",
    f"compare {COHORT} --frameworks keras,torch,flax",
    "compare sample_data/mri_4channel.nii.gz --normalizers batch,instance,layer,group:2",
    "compare sample_data/mri_4channel.nii.gz --epsilons 1e-3,1e-5",
    "compare sample_data/mri_4channel.nii.gz --intensities none,zscore-nonzero,clip:0,500|minmax",
    f"check {COHORT}",
    "check sample_data --batch-size 2",
    f"check {COHORT} --patch 8x8x8 --batch-size 2",
    "plan --patch 128x128x128 --levels 6",
    "plan --patch 320x320x16 --strides 1x1x2,2,2,2 --downsample pool",
    "explain BN101",
    "explain",
    "frameworks",
)


def answer(checkout: Path, command: str) -> tuple[int, object]:
    """Return the exit code and the JSON of a command, run with the package of a checkout on its own sample data."""
    environment = {**os.environ, "PYTHONPATH": str(checkout)}
    arguments = [sys.executable, "-m", "bnstat", *command.split(), "--format", "json"]
    ran = subprocess.run(arguments, cwd=checkout, env=environment, capture_output=True, text=True, check=False)
    return ran.returncode, json.loads(ran.stdout) if ran.stdout else ran.stderr


def differences(old: object, new: object, at: str = "") -> Iterator[str]:
    """Yield every place where two answers differ in anything but a text."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(old.keys() | new.keys()):
            if key in TEXTS or (key == "threshold" and isinstance(new.get(key), str)):  # of a rule it is a sentence
                continue
            if key not in old or key not in new:
                yield f"{at}.{key}: only in the {'new' if key in new else 'old'} one"
            else:
                yield from differences(old[key], new[key], f"{at}.{key}")
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for place, (one, other) in enumerate(zip(old, new, strict=True)):
            yield from differences(one, other, f"{at}[{place}]")
    elif old != new:
        yield f"{at}: {old!r} was, {new!r} is"


def main() -> int:
    """Compare all commands; return the exit code."""
    old, new = (Path(argument).resolve() for argument in sys.argv[1:3])
    code = 0
    for command in COMMANDS:
        was, now = answer(old, command), answer(new, command)
        found = list(differences(list(was), list(now)))
        print(f"{'differs' if found else 'same   '}  exit {now[0]}  bnstat {command}")
        for line in found[:20]:
            print(f"         {line}")
        code |= bool(found)
    return code


if __name__ == "__main__":
    sys.exit(main())
