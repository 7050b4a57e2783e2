"""What the tests keep of fuzzing: every input that ever failed, and a small corpus for each reader."""

from __future__ import annotations

import io
import random
import resource
import signal
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from fuzzing import ledger
from fuzzing.reader import Failure
from fuzzing.readers import READERS
from fuzzing.state import State

FOLDER = Path(__file__).resolve().parents[2] / "tests" / "fuzzing"
# The bytes of a reader's corpus that are kept, and those of its longest input.
_CORPUS_BYTES, _LONGEST = 24_000, 3_000
# The limits of a process that tries one input: of its addresses, and of its time with that of its imports.
_MOST_ADDRESSES, _MOST_PROCESSOR = 4 << 30, 30
_RUN = Path(__file__).with_name("run.py")
_EPOCH = (1980, 1, 1, 0, 0, 0)


def still_failing(state: State) -> Iterator[tuple[Path, Failure]]:
    """Yield the inputs of a run that fail with the code of today."""
    for path in [*state.failed(), *sorted(state.stopped.iterdir())]:
        failure = in_process(state.reader, path)
        if failure is not None:
            yield path, failure


def in_process(reader: str, path: Path) -> Failure | None:
    """Try one input in a process of its own, with limits on its time and memory; return what went wrong."""
    call = [sys.executable, "-P", str(_RUN), "--readers", reader, "--again", str(path)]
    done = subprocess.run(call, capture_output=True, text=True, check=False, preexec_fn=_limited)
    if not done.returncode:
        return None
    kind, _, rest = done.stdout.partition(": ")
    if done.returncode < 0 or not rest:
        return Failure(
            "hang" if -done.returncode == signal.SIGXCPU else "crash", f"exit {done.returncode}", done.stderr
        )
    return Failure(kind, rest.partition("\n")[0], rest)


def _limited() -> None:
    """Limit the memory and the processor time of a process that is started."""
    resource.setrlimit(resource.RLIMIT_AS, (_MOST_ADDRESSES, _MOST_ADDRESSES))
    resource.setrlimit(resource.RLIMIT_CPU, (_MOST_PROCESSOR, _MOST_PROCESSOR + 5))


def inputs(kind: str, reader: str) -> dict[str, bytes]:
    """Return the inputs that are kept.

    Args:
        kind: "corpus" or "failed".
        reader: the name of the reader.
    """
    path = FOLDER / kind / f"{reader}.zip"
    if not path.exists():
        return {}
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def publish(top: Path) -> None:
    """Add what a run tried to the ledger, and keep its failures and a part of its corpus."""
    tried = ledger.read()
    for name in READERS:
        state = State(top, name)
        done = state.unpublished()
        if not done:
            continue
        tried[name] = ledger.summed(done, tried.get(name))
        tried[name].open = len(list(still_failing(state)))
        failed = {path.name: path.read_bytes() for path in state.failed()}
        _write("failed", name, {**inputs("failed", name), **failed})
        _write("corpus", name, _sample(state))
    ledger.write(tried)


def _sample(state: State) -> dict[str, bytes]:
    """Return a part of the corpus, drawn from a seed, with short inputs only."""
    short = [path for path in sorted(state.corpus.iterdir()) if path.stat().st_size <= _LONGEST]
    random.Random(0).shuffle(short)
    found: dict[str, bytes] = {}
    left = _CORPUS_BYTES
    for path in short:
        left -= path.stat().st_size
        if left < 0:
            break
        found[path.name[:12]] = path.read_bytes()
    return found


def _write(kind: str, reader: str, members: Mapping[str, bytes]) -> None:
    """Write an archive that has the same bytes whenever it has the same members."""
    if not members:
        return
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name in sorted(members):
            info = zipfile.ZipInfo(name, _EPOCH)
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, members[name])
    path = FOLDER / kind / f"{reader}.zip"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(made.getvalue())
