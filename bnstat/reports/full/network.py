"""The layers of a network, as `bnstat layers --format json` wrote them: a file that may have been edited since."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from statistics import median
from typing import Any

from bnstat.errors import UsageError

SCHEMA = "bnstat.layers/1"


@dataclass(frozen=True)
class NetworkLayer:
    """One normalization of the network; a figure of it is over its channels whose figure is defined.

    Attributes:
        place: Its place in the order in which the normalizations run, from 1.
        layer: Its name.
        kind: What it normalizes over, as "batch".
        shape: The shape of one sample as it enters.
        values: The number of values of one sample that are reduced together.
        channels: The number of its channels.
        rho: The median of ρ, the share of the variance between samples, in evaluation mode; None if it has none.
        worst_rho: The largest ρ.
        training: The median of the same share in training at batch size 1; None if that was not run.
        mean_gap: The median distance of the stored mean from that of all samples, in standard deviations.
        worst_gap: The largest one.
        dead: The number of channels that are constant over all samples.
        output_moved: How much the output changes if this layer alone uses each sample's own statistics; None if it was
            not measured.
    """

    place: int
    layer: str
    kind: str
    shape: tuple[int, ...]
    values: int
    channels: int
    rho: float | None
    worst_rho: float | None
    training: float | None
    mean_gap: float | None
    worst_gap: float | None
    dead: int
    output_moved: float | None


@dataclass(frozen=True)
class ReportedNetwork:
    """The network of a report.

    Attributes:
        document: The document that `bnstat layers` wrote.
        source: The name of the network.
        verdict: What was measured, in sentences.
        classes: True if the output is classes, so that what a layer moves is the share of places that change theirs.
        findings: The findings on layers, each as "severity CODE: layer: message".
        layers: The normalizations, in the order in which they run.
    """

    document: Mapping[str, Any]
    source: str
    verdict: tuple[str, ...]
    classes: bool
    findings: tuple[str, ...]
    layers: tuple[NetworkLayer, ...]

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> ReportedNetwork:
        """Return what a document says.

        Raises:
            UsageError: if a field is missing or has another type; the message names the field.
        """
        whole = _Value(document, "")
        return cls(
            document=document,
            source=whole.field("model").field("source").text(),
            verdict=tuple(one.text() for one in whole.field("verdict").items()),
            classes=whole.field("output").value == "classes",
            findings=tuple(_finding(one) for one in whole.field("findings").items()),
            layers=tuple(_layer(place, one) for place, one in enumerate(whole.field("layers").items(), 1)),
        )


@dataclass(frozen=True)
class _Value:
    """A value of a document, with its name: "layers[3].rho"."""

    value: object
    name: str

    def field(self, name: str) -> _Value:
        if not isinstance(self.value, Mapping):
            raise self.wrong("an object")
        path = f"{self.name}.{name}" if self.name else name
        if name not in self.value:
            raise UsageError(f'has no field "{path}"')
        return _Value(self.value[name], path)

    def items(self) -> list[_Value]:
        if not isinstance(self.value, list):
            raise self.wrong("a list")
        return [_Value(one, f"{self.name}[{place}]") for place, one in enumerate(self.value)]

    def text(self) -> str:
        if not isinstance(self.value, str):
            raise self.wrong("a text")
        return self.value

    def whole(self) -> int:
        if isinstance(self.value, bool) or not isinstance(self.value, int) or not 0 <= self.value < 1 << 53:
            raise self.wrong("a whole number of at least 0")
        return self.value

    def number(self) -> float | None:
        value = self.value
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or not -1e300 < value < 1e300:
            raise self.wrong("a number or null")
        return float(value)

    def numbers(self) -> list[float]:
        """Return the numbers of a list that are known."""
        found = (one.number() for one in self.items())
        return [value for value in found if value is not None and isfinite(value)]

    def wrong(self, kind: str) -> UsageError:
        return UsageError(f'must have {kind} in its field "{self.name}", and has {repr(self.value)[:40]}')


def _layer(place: int, one: _Value) -> NetworkLayer:
    rho, gap = one.field("rho").numbers(), one.field("mean_gap").numbers()
    moved = one.field("output_moved").number()
    return NetworkLayer(
        place=place,
        layer=one.field("layer").text(),
        kind=one.field("kind").text(),
        shape=tuple(size.whole() for size in one.field("shape").items()),
        values=one.field("values").whole(),
        channels=one.field("channels").whole(),
        rho=_of(median, rho),
        worst_rho=_of(max, rho),
        training=_training(one),
        mean_gap=_of(median, gap),
        worst_gap=_of(max, gap),
        dead=len(one.field("dead").items()),
        output_moved=moved,
    )


def _of(figure: Callable[[Sequence[float]], float], values: Sequence[float]) -> float | None:
    return figure(values) if values else None


def _training(one: _Value) -> float | None:
    """Return what batches of one sample lack of the variance, which is the share between samples in training."""
    for batch in one.field("batches").items():
        if batch.field("batch_size").whole() == 1:
            return _of(median, [max(value, 0.0) for value in batch.field("shortfall").numbers()])
    return None


def _finding(one: _Value) -> str:
    severity, rule = one.field("severity").text(), one.field("rule").text()
    return f"{severity} {rule}: {one.field('message').text()}"
