"""The lines of a recording, in JSON of the schema `bnstat.training/1`.

The first line describes the network, each recorded step has one line, and a recording that was closed ends with a
line that counts the steps. A training that is resumed appends the same again. Undefined numbers are null.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from bnstat.escapes import json_text
from bnstat.moments.moments import Doubles, Moments
from bnstat.networks.recordings.entered import Described, Entered
from bnstat.version import __version__

SCHEMA = "bnstat.training/1"

# Significant digits of the numbers: an error of 5e-10 at most, in half of the bytes that all digits take.
DIGITS = 9

# The figures of a step in the order of the rows of `_figures`.
FIGURES = ("mean", "variance", "within", "between", "running_mean", "running_variance")


def start_line(settings: Mapping[str, object], layers: Sequence[Described]) -> str:
    """Return the line that opens a recording.

    Args:
        settings: The network and how it is recorded, as plain values.
        layers: The normalization layers that the network has.
    """
    return _line(
        {
            "record": "start",
            "version": __version__,
            **settings,
            "layers": [vars(layer) for layer in layers],
        }
    )


def end_line(steps: int) -> str:
    """Return the line that closes a recording: the number of steps that the training had, recorded or not."""
    return _line({"record": "end", "steps": steps})


def step_line(step: int, batch_size: int | None, entered: Sequence[Entered]) -> str:
    """Return the line of one recorded step.

    Args:
        step: The number of the step.
        batch_size: The number of samples in the batch; None if the framework does not say it.
        entered: What entered the layers, in the order in which they ran.
    """
    figures = dict(_by_layer(entered))
    layers = [_layer(one, batch_size, figures[place]) for place, one in enumerate(entered)]
    return _line({"record": "step", "step": step, "batch_size": batch_size, "layers": layers})


def _line(fields: Mapping[str, object]) -> str:
    return json_text(json.dumps({"schema": SCHEMA, **fields}, allow_nan=False, separators=(",", ":"))) + "\n"


def _by_layer(entered: Sequence[Entered]) -> Iterator[tuple[int, Doubles]]:
    """Yield the place of each layer and its figures, shape (6, channels).

    Layers with the same number of samples are merged together, because merging many channels takes as long as few.
    """
    groups: dict[int, list[int]] = {}
    for place, one in enumerate(entered):
        groups.setdefault(one.moments.shape[0], []).append(place)
    for places in groups.values():
        batch = _figures(Moments.join([entered[place].moments for place in places]))
        stored = np.concatenate([_stored(entered[place]) for place in places], axis=1)
        together = _rounded(np.concatenate([batch, stored]))
        ends = np.cumsum([entered[place].moments.shape[1] for place in places])[:-1]
        yield from zip(places, np.split(together, ends, axis=1), strict=True)


def _figures(samples: Moments) -> Doubles:
    """Return mean, variance, within and between of each channel; NaN where values are NaN or Inf.

    variance = within + between, where within is the mean of the variances of the samples, and between the variance of
    their means (weighted by their numbers of values, which are equal in a batch).
    """
    batch = samples.merged(axis=0)
    with np.errstate(all="ignore"):
        offset = (samples.mean - batch.mean) + (samples.mean_tail - batch.mean_tail)
        between = (samples.finite * offset**2).sum(axis=0) / batch.finite
        within = np.where(batch.varies, samples.m2.sum(axis=0), 0.0) / batch.finite
        figures = np.stack([batch.mean, batch.variance, within, np.where(batch.varies, between, 0.0)])
        undefined = (batch.nan + batch.inf > 0) | (batch.finite == 0)
        return np.where(undefined, np.nan, figures)


def _stored(one: Entered) -> Doubles:
    """Return the running mean and variance, shape (2, channels); NaN without them."""
    if one.running_mean is None or one.running_variance is None:
        return np.full((2, one.moments.shape[1]), np.nan)
    return np.stack([one.running_mean, one.running_variance])


def _layer(one: Entered, batch_size: int | None, figures: Doubles) -> dict[str, object]:
    """Return the fields of one layer."""
    samples = one.moments.shape[0]
    named: dict[str, object] = {name: _plain(row) for name, row in zip(FIGURES, figures, strict=True)}
    if one.running_mean is None:
        named |= {"running_mean": None, "running_variance": None}
    if samples < 2 or (batch_size is not None and samples != batch_size):
        named |= {"within": None, "between": None}  # what lies along axis 0 is no sample, or there is one
    batch = one.moments
    finite = (batch.nan + batch.inf == 0).all(axis=0)
    same = (batch.minimum.min(axis=0) == batch.maximum.max(axis=0)) & finite
    return {
        "layer": one.layer,
        "kind": one.kind,
        "shape": list(one.shape),
        "axis": one.axis,
        "dtype": one.dtype,
        "frozen": one.frozen,
        **named,
        "constant": np.flatnonzero(same).tolist(),
        "not_finite": np.flatnonzero(~finite).tolist(),
    }


def _plain(values: Doubles) -> list[float | None]:
    """Return numbers as JSON has them, undefined and infinite ones as None."""
    listed: list[float | None] = values.tolist()
    known = np.isfinite(values)
    if known.all():
        return listed
    return [number if there else None for number, there in zip(listed, known.tolist(), strict=True)]


def _rounded(values: Doubles) -> Doubles:
    """Return numbers rounded to `DIGITS` significant digits; those near the ends of float64 stay as they are."""
    size = np.abs(values)
    usual = (size > 1e-280) & (size < 1e280)
    power = DIGITS - 1 - np.floor(np.log10(np.where(usual, size, 1.0)))
    # A power of ten up to 22 is exact, so that the product and the quotient are rounded once each.
    up, down = 10.0 ** np.maximum(power, 0.0), 10.0 ** np.maximum(-power, 0.0)
    return np.where(usual, np.rint(np.where(usual, values, 0.0) * up / down) / up * down, values)
