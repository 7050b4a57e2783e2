"""What the tests keep of fuzzing: every input that ever failed, and a small corpus for each reader."""

from __future__ import annotations

import io
import random
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from fuzzing import ledger
from fuzzing.reader import Failure, failure_of
from fuzzing.readers import READERS
from fuzzing.state import State

FOLDER = Path(__file__).resolve().parents[2] / "tests" / "fuzzing"
# The bytes of a reader's corpus that are kept, and those of its longest input.
_CORPUS_BYTES, _LONGEST = 60_000, 4_000
_EPOCH = (1980, 1, 1, 0, 0, 0)


def still_failing(state: State) -> Iterator[tuple[Path, Failure]]:
    """Yield the inputs of a run that fail with the code of today."""
    with tempfile.TemporaryDirectory() as folder:
        for path in [*state.failed(), *sorted(state.stopped.iterdir())]:
            failure = failure_of(READERS[state.reader], path.read_bytes(), Path(folder))
            if failure is not None:
                yield path, failure


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
