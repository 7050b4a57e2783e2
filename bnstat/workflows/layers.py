"""The story of `layers`: a network is run on samples as its training gives them, and each normalization is measured."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict, Unpack

from bnstat.errors import OutputError, UsageError, text, texts, whole, wholes
from bnstat.layers.frameworks import framework_named
from bnstat.networks.measurements.kept_moments import KeptMoments
from bnstat.networks.measurements.measure import measure
from bnstat.networks.measurements.samples import Progress as Passes
from bnstat.networks.measurements.samples import Samples
from bnstat.networks.measurements.statistics import corrected, require_stored
from bnstat.networks.models.factory import Arguments
from bnstat.networks.network import Network
from bnstat.networks.opening import open_network, training_of
from bnstat.networks.settings import DRAWS, Measuring
from bnstat.reading.feeding import Feeding
from bnstat.reading.samples import find_samples
from bnstat.reading.settings import FILES_AS_THEY_ARE, Reading
from bnstat.reading.workers.job import Progress
from bnstat.reports.evidence import NetworkEvidence
from bnstat.reports.layers import Layers
from bnstat.rules import judged
from bnstat.rules.network_rules import NETWORK_RULES
from bnstat.sources.formats.memory import Input
from bnstat.sources.sample import BatchAxis
from bnstat.sources.trainings import nnunet
from bnstat.sources.trainings.training import Training
from bnstat.text import plural
from bnstat.workflows.failures import failures_of, require_some
from bnstat.workflows.inspect import require_told_axis


@dataclass(frozen=True)
class Model:
    """The network that is opened.

    Attributes:
        name: "module:factory", or the file or folder of a model.
        arguments: the arguments of the factory, by name or in a list; None for none.
        weights: the file of its weights, with a key in it as in "last.ckpt::state_dict"; None to keep those it has.
        device: the device that runs it, as "cpu" or "cuda".
        amp: the type of mixed precision, "bfloat16" or "float16"; None without it.
    """

    name: str
    arguments: Arguments | None = None
    weights: str | None = None
    device: str = "cpu"
    amp: str | None = None


@dataclass(frozen=True)
class LayersSettings:
    """What is asked of a network.

    Attributes:
        model: the network.
        measuring: what is measured of it.
        feeding: how samples enter it.
        save_moments: the folder of a moments file for each layer; None for none.
        save_statistics: the file of weights with the population statistics of every batch norm; None for none.
    """

    model: Model
    measuring: Measuring
    feeding: Feeding
    save_moments: str | None = None
    save_statistics: str | None = None


class MeasuringKeywords(TypedDict, total=False):
    """What is measured of a network, as `measure_layers` takes it.

    Attributes:
        batch_sizes: The batch sizes of the training passes, (1,) by default; none for evaluation mode alone.
        draws: The number of batches that are drawn for each size.
        switch: True to switch one layer at a time to each sample's own statistics, and see how the output changes.
        layers: Patterns (as of a shell) of the layers to report; all without one.
        seed: The seed of the drawn batches.
    """

    batch_sizes: Sequence[int]
    draws: int
    switch: bool
    layers: Sequence[str]
    seed: int


def measure_layers(
    model: str,
    paths: Input | Iterable[Input],
    *,
    model_args: Arguments | None = None,
    weights: str | None = None,
    device: str = "cpu",
    amp: str | None = None,
    axis: int = -1,
    batch_axis: BatchAxis = None,
    order: str | None = None,
    save_moments: str | None = None,
    save_statistics: str | None = None,
    reading: Reading = FILES_AS_THEY_ARE,
    progress: Progress | None = None,
    passes: Passes | None = None,
    **measuring: Unpack[MeasuringKeywords],
) -> Layers:
    """Return what each normalization of a network sees and does on these volumes.

    Args:
        model: "module:factory", whose code is run, or the file or folder of a model.
        paths: as for `diagnose`, but no moments file.
        model_args: the arguments of the factory, by name or in a list.
        weights: the file of the weights, with a key in it as in "last.ckpt::state_dict"; None to keep those it has.
        device: the device that runs the network, as "cpu" or "cuda".
        amp: the type of mixed precision, "bfloat16" or "float16"; None without it.
        axis: the axis of the batched tensor that holds the channels, as Keras means it.
        batch_axis: the axis of each file whose entries are samples; "none" makes an array one sample.
        order: the axes of the files in the order in which the network gets them, as "zyx".
        save_moments: a folder that gets a moments file for each layer, which every other function reads.
        save_statistics: a file that gets the weights with statistics of these samples in every batch norm.
        reading: how inputs are found, prepared and read.
        progress: callbacks that are called with the files and bytes read so far.
        passes: a callback that is called after each forward pass.
        measuring: `batch_sizes`, `draws`, `switch`, `layers` and `seed`: what is measured.

    Returns:
        The report. Inputs that cannot be read are in its `errors`; the network is run on the others.

    Raises:
        UsageError: if a setting is wrong, or does not fit these data or the network.
        InputError: if no input can be read, nor the network.
        OutputError: if a file cannot be written.
    """
    asked = LayersSettings(
        Model(text("model", model), model_args, weights, device, amp),
        _measuring(measuring),
        Feeding(axis, batch_axis, order),
        save_moments,
        save_statistics,
    )
    return look_inside(paths, asked, reading, progress, passes)


def _measuring(given: MeasuringKeywords) -> Measuring:
    """Return what is measured as one value.

    Raises:
        TypeError: if a number is none; the message names the parameter.
        UsageError: if it is too small.
    """
    return Measuring(
        batch_sizes=wholes("batch_sizes", given.get("batch_sizes", (1,))),
        draws=whole("draws", given.get("draws", DRAWS)),
        switch=given.get("switch", False),
        layers=texts("layers", given.get("layers", ())),
        seed=whole("seed", given.get("seed", 0)),
    )


def look_inside(
    paths: Input | Iterable[Input],
    asked: LayersSettings,
    reading: Reading = FILES_AS_THEY_ARE,
    progress: Progress | None = None,
    passes: Passes | None = None,
) -> Layers:
    """Return the report on a network; the arguments are those of `measure_layers`.

    Raises:
        UsageError: as `measure_layers`, and so for the others.
        InputError: if no input can be read, nor the network.
        OutputError: if a file cannot be written.
    """
    model, measuring = asked.model, asked.measuring
    _require_new(asked.save_statistics)
    kept = None if asked.save_moments is None else KeptMoments(asked.save_moments)

    # the headers of the samples, and the network that fits them
    found = find_samples(paths, asked.feeding, reading, _training_of(model.name, reading))
    require_some(found.planned, failures_of(found.failures))
    network = open_network(
        model.name,
        arguments=model.arguments,
        weights=model.weights,
        device=model.device,
        amp=model.amp,
        channels=found.channels,
        patch=found.sizes,
        seed=measuring.seed,
    )
    if not network.channels_last:
        require_told_axis(found.planned, [framework_named("torch")], {asked.feeding.axis})

    # the samples, and what the layers make of them
    with found.read(channels_last=network.channels_last, progress=progress) as samples:
        failures = failures_of(samples.failures)
        require_some(samples, failures)
        if asked.save_statistics is not None:
            _require_saves(network, samples, asked.save_statistics)
        if kept is not None:
            kept.failures = samples.failures
        measured = measure(network, samples, measuring, passes, kept)
        saved: tuple[str, ...] = ()
        if asked.save_statistics is not None:
            saved = _save_statistics(network, samples, asked.save_statistics, passes)

    # the report, and what rules say of it
    return Layers(
        measured=measured,
        measuring=measuring,
        samples=samples.identities,
        preparation=samples.preparation,
        device=model.device,
        amp=model.amp,
        findings=judged(NetworkEvidence(measured), NETWORK_RULES),
        errors=failures,
        notes=(*samples.notes, *measured.notes, *saved),
    )


def _training_of(model: str, reading: Reading) -> Training | None:
    """Return the training that orders the axes: that of the settings, else the one that the model comes from."""
    plans = None if reading.training is not None else training_of(model)
    return reading.training if plans is None else nnunet.training_of(plans)


def _require_new(file: str | None) -> None:
    """Refuse to replace a file that may be the weights of a training, or to write where no folder is."""
    if file is None:
        return
    folder = Path(file).parent
    if not folder.is_dir():
        raise OutputError(f"{file} cannot be written: there is no folder {folder}; give a file in a folder that exists")
    if Path(file).exists():
        raise UsageError(
            f"{file} exists already and may be the weights of a training; name another file with `save_statistics`, "
            "or remove this one"
        )


def _require_saves(network: Network, samples: Samples, file: str) -> None:
    """Refuse what could not be saved after the measurement, which may take hours: the same is saved once before it.

    Raises:
        UsageError: if the network stores no statistics, or is of a kind that cannot be written.
        OutputError: if the file cannot be written.
    """
    require_stored(network, samples)
    place = Path(file)
    try:
        folder = tempfile.TemporaryDirectory(prefix=".bnstat-", dir=place.parent)
    except OSError as error:
        raise OutputError(
            f"{file} could not be written ({error.strerror or error}); give a file in a folder that exists and that "
            "you may write to"
        ) from error
    with folder as beside:
        trial = str(Path(beside) / place.name)
        try:
            network.save(trial)
        except (OutputError, UsageError) as error:
            raise type(error)(str(error).replace(trial, file)) from error


def _save_statistics(network: Network, samples: Samples, file: str, passes: Passes | None) -> tuple[str, ...]:
    """Save the weights with the statistics of these samples, and return notes on them."""
    loaded = corrected(network, samples, passes)
    try:
        lacks = network.save(file)
    finally:
        network.restore()
    said = (
        f"saved {file}: the weights with the statistics of {plural(loaded.samples, 'sample')} in "
        f"{plural(len(loaded.layers), 'layer')}"
    )
    return (said, *lacks, *loaded.notes)
