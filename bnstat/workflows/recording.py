"""`bnstat compare run.jsonl` and `bnstat layers run.jsonl`: a recorded training, read back."""

from __future__ import annotations

from collections.abc import Iterator

from bnstat.networks.recordings.course import course_of
from bnstat.networks.recordings.reading import TrainingFile, is_recording, read_training
from bnstat.networks.recordings.results import RecordedLayer
from bnstat.reports.recording import Recording
from bnstat.text import plural

__all__ = ["is_recording", "recording_of"]


def recording_of(path: str) -> Recording:
    """Return how noise, ρ and running statistics went through a recorded training.

    Args:
        path: The file that `bnstat.torch.record` or `bnstat.keras.record` wrote.

    Raises:
        InputError: if the file cannot be read, is no recording, is damaged, or has no step.
    """
    training = read_training(path)
    layers = course_of(training)
    sizes = [size for size in training.batch_sizes.values() if size is not None]
    return Recording(
        source=path,
        model=training.start["model"],
        framework=training.start["framework"],
        parameters=training.start["parameters"],
        every=training.start["every"],
        runs=training.runs,
        steps=training.steps,
        recorded=len(training.batch_sizes),
        batch_sizes=(min(sizes), max(sizes)) if sizes else None,
        layers=layers,
        settled_step=_settled(layers),
        notes=tuple(_notes(training)),
    )


def _settled(layers: tuple[RecordedLayer, ...]) -> int | None:
    """Return the step from which on all layers have settled; None if one has not, or none is known."""
    stored = [one for one in layers if one.stored]
    steps = [one.settled_step for one in stored if one.settled_step is not None]
    return max(steps) if steps and len(steps) == len(stored) else None


def _notes(training: TrainingFile) -> Iterator[str]:
    if training.cut:
        yield f"{training.path}: skipped its last line, which a training that was interrupted left incomplete"
    if training.runs > 1:
        yield f"{training.path}: the training was started or resumed {plural(training.runs, 'time')}"
