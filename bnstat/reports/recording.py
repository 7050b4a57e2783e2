"""The report on a recorded training: how noise, ρ and running statistics of each layer went through it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

from bnstat.networks.recordings.results import Part, RecordedLayer
from bnstat.networks.results import PerChannel, middle
from bnstat.reports.documents.document import Document, Fields
from bnstat.text import joined, number, plural

# Layers that a sentence names before the rest is counted.
_MOST_NAMES = 3
# Digits of figures in sentences.
_DIGITS = 2


@dataclass(frozen=True, repr=False)
class Recording(Document):
    """How the batch and the running statistics went through a recorded training.

    Attributes:
        source: The file of the recording.
        model: The class of the network.
        framework: The framework that trained it.
        parameters: The number of its parameters.
        every: The steps from one recorded step to the next, as they were asked for.
        runs: The number of times that the training was started or resumed.
        steps: The number of steps that the training had, as far as the file tells.
        recorded: The number of recorded steps.
        batch_sizes: The least and the greatest batch size; None if the framework did not say it.
        layers: The normalization layers, in the order in which they ran.
        settled_step: The step from which on the running means of all layers stay near the batch means; None if those of
            one do not, or if it is not known.
        notes: Notes on what was left out.
    """

    source: str
    model: str
    framework: str
    parameters: int
    every: int
    runs: int
    steps: int
    recorded: int
    batch_sizes: tuple[int, int] | None
    layers: tuple[RecordedLayer, ...]
    settled_step: int | None = None
    notes: tuple[str, ...] = ()

    @property
    def schema(self) -> str:
        """The name and version of the schema that the document follows."""
        return "bnstat.recording/1"

    @property
    def summary(self) -> str:
        """The content of the report in a few words."""
        recorded = f"{plural(self.recorded, 'recorded step')} of {self.steps:,}"
        return f"{self.model}, {recorded}, {plural(len(self.layers), 'layer')}"

    @property
    def opening(self) -> Sequence[str]:
        """The sentences that every format for people opens with: what is wrong, noise, and running statistics."""
        lags = any(one.lags for one in self.layers)
        course = [self._running(), self._noise()] if lags else [self._noise(), self._running()]
        said = [*self._broken(), *course, self._frozen()]
        return tuple(sentence for sentence in said if sentence)

    def _noise(self) -> str:
        """Say how much the batch mean varies at the first batch norm and at the others, and ρ at the first."""
        batch = [one for one in self.layers if one.kind == "batch"]
        if not batch:
            return self._alone()
        first = batch[0]
        found = middle(first.parts[-1].mean_noise)
        if found is None and self.recorded < 2:
            return (
                f"One recorded step of {self.steps:,} does not tell how batch means vary; record more steps, with a "
                "smaller `every`."
            )
        if found is None:
            return f"The values of the first batch norm, {first.layer}, do not vary, so its batch mean has no noise."
        steps = f"At the end of {self.steps:,} steps" if len(first.parts) > 1 else f"In {plural(self.steps, 'step')}"
        rho = middle(first.parts[-1].rho)
        share = "" if rho is None else f" {_percent(rho)} of their variance lies between samples{self._removed()}."
        return (
            f"{steps} the batch mean of the first batch norm, {first.layer}, varies by {_sd(found)}"
            f"{self._of_batch(first)} (standard deviations of all its values){_before(first, found)}.{share}"
            f"{_deeper(batch[1:])}"
        )

    def _alone(self) -> str:
        """Say that no layer depends on the batch, and what the first one removes."""
        first = self.layers[0]
        rho = middle(first.parts[-1].rho)
        share = (
            ""
            if rho is None
            else f" {_percent(rho)} of the variance that enters the first one, {first.layer}, lies between samples."
        )
        return f"No layer is a batch norm: all normalize each sample by itself, whatever the batch size is.{share}"

    def _of_batch(self, layer: RecordedLayer) -> str:
        least, most = self.batch_sizes or layer.samples
        return f" from batch to batch of {least}" if least == most else f" from batch to batch of {least} to {most}"

    def _removed(self) -> str:
        """Say that batches of one sample lose what lies between samples."""
        if self.batch_sizes != (1, 1):
            return ""
        return ": with batches of 1 this norm removes it in training, and in evaluation mode it does not"

    def _running(self) -> str:
        """Say from which step on running statistics were near those of the batches, or which lag behind."""
        stored = [one for one in self.layers if one.stored and one.broken_step is None]
        told = [one for one in stored if one.points]
        if not stored:
            return ""
        if not told:
            return f"{plural(self.recorded, 'recorded step')} are too few to tell when running statistics settle."
        lagging = sorted((one for one in told if one.lags), key=_last_drift, reverse=True)
        if not lagging:
            at = "from the first step on" if not self.settled_step else f"from step {self.settled_step:,} on"
            return f"The running means follow the batch means of all layers {at}."
        names = [f"{one.layer} by {_sd(_last_drift(one))}" for one in lagging[:_MOST_NAMES]]
        more = f", and {len(lagging) - _MOST_NAMES} more" if len(lagging) > _MOST_NAMES else ""
        are = "this layer is" if len(lagging) == 1 else "these layers are"
        return (
            f"At the end the running means of {len(lagging)} of {plural(len(told), 'layer')} still lag behind the "
            f"batch means: {joined(names) if not more else ', '.join(names)}{more}. In evaluation mode {are} "
            "normalized with them; `bnstat layers MODEL PATH… --save-statistics FILE` makes statistics to load instead."
        )

    def _broken(self) -> Iterator[str]:
        """Say which layers have NaN or Inf in their running statistics, and in their inputs."""
        broken = [one for one in self.layers if one.broken_step is not None]
        if broken:
            names = [f"{one.layer} from step {one.broken_step:,} on" for one in broken[:_MOST_NAMES]]
            more = f", and {len(broken) - _MOST_NAMES} more" if len(broken) > _MOST_NAMES else ""
            yield (
                f"Running statistics are NaN or Inf and stay so: {', '.join(names)}{more}. In evaluation mode the "
                "output is NaN. Load a checkpoint from before that step, and see what entered the network there."
            )
        passing = [one for one in self.layers if one.not_finite_steps and one.broken_step is None]
        if passing:
            most = max(passing, key=lambda one: one.not_finite_steps)
            yield (
                f"{plural(most.not_finite_steps, 'recorded step')} had NaN or Inf at {most.layer}, as a loss scale "
                "that is too large makes them; their figures are left out."
            )

    def _frozen(self) -> str:
        """Say how many layers used stored statistics while the network trained."""
        frozen = sum(bool(one.frozen_steps) for one in self.layers)
        if not frozen:
            return ""
        were = "was" if frozen == 1 else "were"
        return f"{plural(frozen, 'layer')} {were} frozen: normalized with stored statistics while the network trained."

    def to_fields(self) -> Fields:
        """Return the fields of the document that follow its schema and version."""
        return {
            "source": self.source,
            "model": {"name": self.model, "framework": self.framework, "parameters": self.parameters},
            "every": self.every,
            "runs": self.runs,
            "steps": self.steps,
            "recorded": self.recorded,
            "batch_sizes": self.batch_sizes,
            "settled_step": self.settled_step,
            "layers": [_of_layer(one) for one in self.layers],
            "notes": list(self.notes),
        }

    def to_rows(self) -> list[Fields]:
        """Return the rows of the CSV table: one for each layer, part of the training and channel."""
        return [
            {
                "layer": layer.layer,
                "kind": layer.kind,
                "part": part.name,
                "first_step": part.first_step,
                "last_step": part.last_step,
                "channel": channel,
                **{name: values[channel] if values else None for name, values in _figures(part).items()},
            }
            for layer in self.layers
            for part in layer.parts
            for channel in range(layer.channels)
        ]


def _figures(part: Part) -> dict[str, PerChannel]:
    return {"mean_noise": part.mean_noise, "rho": part.rho, "drift": part.drift, "variance_ratio": part.variance_ratio}


def _of_layer(layer: RecordedLayer) -> Fields:
    return {**asdict(layer), "points": [asdict(point) for point in layer.points]}


def _before(layer: RecordedLayer, found: float) -> str:
    """Say what the noise was at first, if that was clearly another."""
    at_first = middle(layer.parts[0].mean_noise)
    if len(layer.parts) < 3 or at_first is None or 0.8 < at_first / (found or 1.0) < 1.25:
        return ""
    return f"; at first it varied by {_sd(at_first)}"


def _deeper(layers: Sequence[RecordedLayer]) -> str:
    """Say between which numbers the noise of the other batch norms lies."""
    known = [(middle(one.parts[-1].mean_noise), one.layer) for one in layers]
    noises = [(noise, name) for noise, name in known if noise is not None]
    if not noises:
        return ""
    (least, _), (most, layer) = min(noises), max(noises)
    if len(noises) == 1:
        return f" At {layer} it varies by {_sd(most)}."
    if _sd(least) == _sd(most):
        return f" At each of the other {len(noises)} it varies by {_sd(most)}."
    return f" At the other {len(noises)} it varies by {number(least, _DIGITS)} to {_sd(most)}, most at {layer}."


def _last_drift(layer: RecordedLayer) -> float:
    """Return how far the running mean is from the batch means at the end."""
    return middle(layer.parts[-1].drift) or 0.0


def _sd(value: float) -> str:
    return f"{number(value, _DIGITS)} SD"


def _percent(share: float) -> str:
    return f"{number(100 * share, _DIGITS)} %"
