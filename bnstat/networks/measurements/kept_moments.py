"""Moments of what enters each layer, kept in files that every other command reads in place of volumes."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from bnstat.errors import InputError, OutputError, UsageError
from bnstat.networks.measurements.cells import whole
from bnstat.networks.measurements.samples import Samples
from bnstat.networks.network import Network
from bnstat.networks.normalization import Seen
from bnstat.preprocessing.samples import Row
from bnstat.reading.moments_failure import MomentsFailure, failure_line_of
from bnstat.reading.moments_line import MomentsLine, Stamp, line_of
from bnstat.reading.network_layer import NetworkLayer
from bnstat.reading.scan_settings import ScanSettings
from bnstat.sources.layout import Tensor
from bnstat.writing import append_to_own, settle, write_all

# What a file name may have on every system; anything else becomes an underscore.
_UNSAFE = re.compile(r"[^A-Za-z0-9._#-]+")
# Names that Windows keeps for devices, whatever their ending.
_DEVICES = re.compile(r"(?i)(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)")
# The longest name of a file without its ending.
_LONGEST = 200

# The size and the time of the files are not those of the network, so that a line says neither.
_UNKNOWN = Stamp(None, None)


def file_names(layers: Sequence[str]) -> dict[str, str]:
    """Return the name of a moments file for each layer: its own name as far as every file system takes it.

    Two layers whose names differ in nothing that a file system keeps get a number.
    """
    names: dict[str, str] = {}
    taken: Counter[str] = Counter()
    for layer in layers:
        stem = _UNSAFE.sub("_", layer).strip(".")[-_LONGEST:] or "layer"
        if _DEVICES.match(stem) or stem.startswith("-"):
            stem = f"_{stem}"
        taken[stem.lower()] += 1
        while taken[stem.lower()] > 1:  # as "a-2", which may be the name of another layer
            stem = f"{stem}-{taken[stem.lower()]}"
            taken[stem.lower()] += 1
        names[layer] = f"{stem}.jsonl"
    return names


class KeptMoments:
    """A folder with a moments file for each layer, written sample by sample while the network runs.

    A file gets its name when all samples are in it, by `finish`. Until then it ends in ".part".

    An input that could not be read has a line in each of them, as in the file of a scan.

    The moments are those of evaluation mode. There the statistics of any batch are a merge of those of its samples.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        """Choose the folder, which is made when the first sample is written.

        Raises:
            UsageError: if it is a file, or has moments files already.
        """
        self.folder = os.fspath(folder)
        place = Path(folder)
        if place.exists() and not place.is_dir():
            raise UsageError(f"`save_moments` is a folder, and {self.folder} is a file; name another one")
        if place.is_dir() and any(place.glob("*.jsonl")):
            raise UsageError(
                f"`save_moments`: {self.folder} has moments files already, which stay as they are; name another folder"
            )
        self.failures: tuple[InputError, ...] = ()
        self._names: dict[str, str] = {}
        self._settings: dict[str, ScanSettings] = {}
        self._places: list[tuple[int, int]] = []

    def add(self, network: Network, samples: Samples, place: int, seen: Sequence[Seen], reported: set[str]) -> None:
        """Write what entered each of the reported layers with one sample.

        Args:
            network: The network, for its name.
            samples: The samples.
            place: The sample that was run.
            seen: What entered all layers, in the order in which they ran.
            reported: The layers to write.

        Raises:
            OutputError: if a file cannot be written.
        """
        self._places = self._places or _places_in_cases(samples)
        below = False
        lines: dict[str, str] = {}
        for one in seen:
            name = one.normalization.layer
            if name in reported:
                layer = NetworkLayer(network.source, network.weights, name, "evaluation", 1, below)
                lines[name] = self._line(samples, place, one, layer)
            below |= one.normalization.kind == "batch"
        self._write(lines)

    def _line(self, samples: Samples, place: int, seen: Seen, layer: NetworkLayer) -> str:
        moments = whole(seen)
        sample = replace(samples.identities[place], channels=(), repetition=None)
        # channels last, as every command has them unless it is told otherwise
        rows, *others = (size for axis, size in enumerate(seen.shape) if axis != seen.axis)
        tensor = Tensor((*([rows] if rows > 1 else []), *others, moments.shape[0]), 1 + (rows > 1) + len(others))
        settings = ScanSettings(-1, None, samples.preparation, network=layer)
        self._settings[layer.layer] = settings
        return line_of(MomentsLine(Row(sample, moments, tensor), settings, _UNKNOWN, *self._places[place]))

    def _write(self, lines: dict[str, str]) -> None:
        new = [layer for layer in lines if layer not in self._names]
        if new:  # names that are given already stay, as those that follow have no part in them
            self._names = file_names([*self._names, *new])
        path = Path(self.folder)
        try:
            path.mkdir(parents=True, exist_ok=True)
            for layer, line in lines.items():
                with append_to_own(self._part(layer), new=layer in new) as file:
                    write_all(file, line.encode())
        except OSError as error:
            raise self._failure(error) from error

    def finish(self) -> None:
        """Write what could not be read, and give the files their names.

        Raises:
            OutputError: if that cannot be done.
        """
        try:
            for layer, name in self._names.items():
                lacks = [MomentsFailure.of_input(error, self._settings[layer]) for error in self.failures]
                with append_to_own(self._part(layer)) as file:
                    write_all(file, "".join(map(failure_line_of, lacks)).encode())
                    settle(file)
                self._part(layer).replace(Path(self.folder) / name)
        except OSError as error:
            raise self._failure(error) from error

    def discard(self) -> None:
        """Remove what was written of files that are not finished."""
        for layer in self._names:
            with suppress(OSError):
                self._part(layer).unlink()

    def _part(self, layer: str) -> Path:
        return Path(self.folder) / f"{self._names[layer]}.part"

    def _failure(self, error: OSError) -> OutputError:
        return OutputError(
            f"{self.folder} cannot be written: {error.strerror}; name another folder with `save_moments`"
        )


def _places_in_cases(samples: Samples) -> list[tuple[int, int]]:
    """Return for each sample its number in its case, and the number of samples of that case."""
    cases = [(one.source, one.files) for one in samples.identities]
    numbers, done = Counter(cases), Counter[object]()
    found = []
    for case in cases:
        found.append((done[case], numbers[case]))
        done[case] += 1
    return found
