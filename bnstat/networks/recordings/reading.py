"""Recordings as they are read back: the start line, and for each layer its figures step by step."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import Any, get_args

import numpy as np

from bnstat.errors import InputError
from bnstat.moments.moments import Doubles
from bnstat.networks.normalization import Kind
from bnstat.networks.recordings.lines import FIGURES, SCHEMA
from bnstat.sources.neighbours import unopened
from bnstat.sources.regular import open_regular

_KINDS = get_args(Kind)
# What a figure may be in JSON: a number, or null.
_NUMBERS = frozenset({int, float, type(None)})
# What opens a line of a recording, also if another program has written its JSON with spaces.
_OPENING = 200


@dataclass(frozen=True, eq=False)
class LayerLine:
    """One layer in the line of one step.

    Attributes:
        figures: Mean, variance, within, between, running mean and running variance; rows of NaN where undefined.
        stored: True if the layer has running statistics.
    """

    layer: str
    kind: Kind
    shape: tuple[int, ...]
    axis: int
    dtype: str
    frozen: bool
    figures: Doubles
    stored: bool
    constant: tuple[int, ...]
    not_finite: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class TrainingFile:
    """The contents of a recording.

    Attributes:
        path: The file.
        start: The fields of its first line.
        runs: The number of times that the training was started or resumed.
        steps: The number of steps that the training had, as far as the file tells.
        batch_sizes: The batch size of each recorded step.
        layers: For each layer its lines by step, in the order of steps; layers in the order in which they ran.
        described: What the start says of each layer.
        cut: True if the last line is incomplete.
    """

    path: str
    start: Mapping[str, Any]
    runs: int
    steps: int
    batch_sizes: dict[int, int | None]
    layers: dict[str, dict[int, LayerLine]]
    described: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    cut: bool = False


def is_recording(path: str) -> bool:
    """Return True if a file starts as a recording does; False also if it cannot be read."""
    try:
        with open_regular(path) as file:
            return SCHEMA.encode() in file.read(_OPENING)
    except (OSError, ValueError):
        return False


def read_training(path: str) -> TrainingFile:
    """Read a recording. Of a step that is there twice, as after a training was resumed before it, the last counts.

    Raises:
        InputError: if the file cannot be read, is no recording, is damaged, or has no step.
    """
    starts: list[dict[str, Any]] = []
    steps, cut = 0, False
    batch_sizes: dict[int, int | None] = {}
    layers: dict[str, dict[int, LayerLine]] = {}
    for number, text in enumerate(_lines(path), 1):
        if not text.endswith(b"\n"):
            cut = True
            break
        try:
            line = _Line(text)
            if line.record == "start":
                starts.append(line.fields)
            elif line.record == "end":
                steps = max(steps, line.whole(line.fields, "steps"))
            else:
                step = line.whole(line.fields, "step")
                steps, batch_sizes[step] = max(steps, step + 1), line.batch_size
                for one in line.layers():
                    _add(layers.setdefault(one.layer, {}), step, one)
        except ValueError as error:
            raise InputError(path, f"line {number} is damaged: {error}; delete this line") from error
    if not starts or not batch_sizes:
        what = "no step was recorded" if starts else "it does not say which network was trained"
        raise InputError(path, f"{what}, so there is nothing to show; record a training with bnstat.torch.record")
    described = {one["layer"]: one for start in starts for one in start["layers"]}
    ordered = {name: dict(sorted(lines.items())) for name, lines in layers.items()}
    return TrainingFile(path, starts[0], len(starts), steps, batch_sizes, ordered, described, cut)


def _add(lines: dict[int, LayerLine], step: int, one: LayerLine) -> None:
    """Add a layer of a step, if it has the channels that it had before."""
    other = next(iter(lines.values()), one)
    if (other.figures.shape, other.kind, other.stored) != (one.figures.shape, one.kind, one.stored):
        raise ValueError(
            f"{one.layer} is a {one.kind} norm of {one.figures.shape[1]} channels, and before a {other.kind} norm of "
            f"{other.figures.shape[1]}: the file has two trainings of different networks"
        )
    lines[step] = one


def _lines(path: str) -> Iterator[bytes]:
    try:
        with open_regular(path) as file:
            yield from file
    except OSError as error:
        raise unopened(path, error) from error
    except ValueError as error:
        raise InputError(path, f"no file can have this name ({error}); check the path") from error


class _Line:
    """A line, whose fields are checked as they are asked for; a wrong one raises ValueError."""

    def __init__(self, text: bytes) -> None:
        try:
            fields = json.loads(text)
        except ValueError as error:
            raise ValueError("it is not JSON") from error
        except RecursionError as error:
            raise ValueError("it is nested too deeply") from error
        if not isinstance(fields, dict) or fields.get("schema") != SCHEMA:
            raise ValueError(f"its schema is not {SCHEMA}")
        self.fields: dict[str, Any] = fields
        self.record = fields.get("record")
        if self.record not in ("start", "step", "end"):
            raise ValueError(f"its record is {self.record!r}, and not start, step or end")
        if self.record == "start":
            self._check_start()

    @property
    def batch_size(self) -> int | None:
        """The number of samples of the batch; None if the framework did not say it."""
        return None if self.fields.get("batch_size") is None else self.whole(self.fields, "batch_size", least=1)

    def _check_start(self) -> None:
        self.whole(self.fields, "every", least=1)
        self.whole(self.fields, "parameters")
        for name in ("framework", "model"):
            if not isinstance(self.fields.get(name), str):
                raise ValueError(f"{name} is not a text")
        for one in self._layers():
            if not isinstance(one.get("layer"), str):
                raise ValueError("a layer has no name")
            for name in ("epsilon", "momentum"):
                if one.get(name) is not None and not _is_number(one[name]):
                    raise ValueError(f"{name} of {one['layer']} is not a number")

    def layers(self) -> Iterator[LayerLine]:
        """Yield the layers of a step."""
        for one in self._layers():
            name, dtype = one.get("layer"), one.get("dtype")
            kind: Kind | None = next((known for known in _KINDS if known == one.get("kind")), None)
            if not isinstance(name, str) or kind is None or not isinstance(dtype, str):
                raise ValueError("a layer has no name, kind or dtype")
            shape = tuple(_wholes(one, "shape"))
            axis = self.whole(one, "axis")
            if axis >= len(shape):
                raise ValueError(f"axis of {name} is {axis}, and its shape has {len(shape)} axes")
            rows = [_figure(one, figure, shape[axis], name) for figure in FIGURES]
            marked = (tuple(_wholes(one, mark, below=shape[axis])) for mark in ("constant", "not_finite"))
            yield LayerLine(
                name,
                kind,
                shape,
                axis,
                dtype,
                one.get("frozen") is True,
                np.array(rows),
                one.get("running_variance") is not None,
                *marked,
            )

    def _layers(self) -> list[dict[str, Any]]:
        found = self.fields.get("layers")
        if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
            raise ValueError("layers is not a list of objects")
        return found

    @staticmethod
    def whole(fields: Mapping[str, Any], name: str, least: int = 0) -> int:
        """Return a whole number."""
        value = fields.get(name)
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value < 2**62:
            raise ValueError(f"{name} is {value!r}, and not a whole number from {least}")
        return value


def _wholes(fields: Mapping[str, Any], name: str, below: int = 2**62) -> list[int]:
    """Return a list of whole numbers."""
    values = fields.get(name)
    if not isinstance(values, list) or not all(isinstance(one, int) and 0 <= one < below for one in values):
        raise ValueError(f"{name} is not a list of whole numbers")
    return values


def _figure(fields: Mapping[str, Any], name: str, channels: int, layer: str) -> Doubles:
    """Return one figure of each channel; NaN where it is null."""
    values = fields.get(name)
    if values is None:
        return np.full(channels, np.nan)
    if not isinstance(values, list) or not _NUMBERS.issuperset(map(type, values)):
        raise ValueError(f"{name} of {layer} is not a list of numbers")
    if len(values) != channels:
        raise ValueError(f"{name} of {layer} has {len(values)} numbers for {channels} channels")
    found = np.array(values, np.float64)  # in which None is NaN
    if int(np.isfinite(found).sum()) != channels - values.count(None):  # Python reads Infinity and NaN in JSON too
        raise ValueError(f"{name} of {layer} has Infinity or NaN, which JSON does not have")
    return found


def _is_number(value: object) -> bool:
    """Return True for a finite number."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and isfinite(value)
