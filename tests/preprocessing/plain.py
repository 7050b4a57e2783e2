"""The same in plain numpy, on the whole array at once: what the passes over blocks are held against."""

from __future__ import annotations

import numpy as np
from hypothesis import reject

from bnstat.sources.layout import arrange

TESTS = {
    "nonzero": lambda x: x != 0,
    ">": lambda x, t: x > t,
    ">=": lambda x, t: x >= t,
    "<": lambda x, t: x < t,
    "<=": lambda x, t: x <= t,
}


def tensor_of(values, *, axis=-1, batch_axis=None, batched=False):
    """An array as the tensor (samples, channels, others), others in C order of the axes that are reduced."""
    values = np.asarray(values, np.float64)
    shape = arrange(values.shape, order="C", axis=axis, batch_axis=batch_axis, batched=batched)
    samples = values[np.newaxis] if batch_axis is None else np.moveaxis(values, batch_axis, 0)
    tensor = samples.reshape(shape.samples, *shape.tensor.sample_shape)
    return np.moveaxis(tensor, shape.tensor.axis, 1).reshape(shape.samples, shape.channels, -1)


def stepped(cell, text):
    """The values of one cell after all steps, elementwise."""
    for place, step in enumerate(text.split("|")):
        name, _, rest = step.partition(":")
        if name == "zscore-nonzero" and place:
            _reject_what_rounding_decides(cell)
        cell = _step(cell.copy(), name, [float(one) if one else None for one in rest.split(",")] if rest else [])
    return cell


def _reject_what_rounding_decides(cell):
    """After other steps a value that should be 0 may be 1e-17, in numpy or here: such an example says nothing."""
    size = np.abs(cell[np.isfinite(cell)])
    if size.size and size.min() <= 1e-9 * size.max():
        reject()


def _step(x, name, numbers):
    finite = x[np.isfinite(x)]
    if name == "none":
        return x
    if name == "scale":
        return numbers[0] * x + numbers[1]
    if name == "clip":
        return np.clip(x, *numbers)
    if name == "ct":
        low, high, mean, deviation = numbers
        return (np.clip(x, low, high) - mean) / max(deviation, 1e-8)
    if name == "minmax":
        low, high = numbers or (0.0, 1.0)
        if not finite.size:
            return x
        span = finite.max() - finite.min()
        return (x - finite.min()) / (span if span > 0 else 1.0) * (high - low) + low
    chosen = x != 0 if name == "zscore-nonzero" else np.ones(x.shape, bool)
    finite = x[chosen & np.isfinite(x)]
    if finite.size:
        constant = finite.min() == finite.max()
        deviation = 0.0 if constant else finite.std()
        x[chosen] = (x[chosen] - (finite[0] if constant else finite.mean())) / (deviation or 1.0)
    return x


def masked(cell, text):
    """Where a cell is inside; NaN is inside of every threshold."""
    if text is None:
        return np.ones(cell.shape, bool)
    if text == "nonzero":
        return TESTS[text](cell)
    sign = text.rstrip("0123456789.-")
    return TESTS[sign](cell, float(text.removeprefix(sign))) | np.isnan(cell)


def assert_same(found, cells, intensity, mask=None, inside=None):
    """Moments of (samples, channels) against the cells (samples, channels, others) of the file's own values.

    `inside` is an array of their shape, for a mask that is an image.
    """
    for place in np.ndindex(cells.shape[:2]):
        stored = cells[place]
        with np.errstate(all="ignore"):
            values = stepped(stored, intensity or "none")
        # A step rounds by the size of all values that its numbers are of, also where those inside are 0.
        size = np.abs(values[np.isfinite(values)]).max(initial=1e-300)
        values = values[masked(stored, mask) if inside is None else inside[place]]
        finite = values[np.isfinite(values)]
        one = found[place]
        assert (one.finite, one.nan, one.inf) == (
            finite.size,
            np.isnan(values).sum(),
            np.isinf(values).sum(),
        )
        if finite.size:
            np.testing.assert_allclose(one.mean, finite.mean(), rtol=1e-10, atol=1e-11 * size)
            np.testing.assert_allclose(one.variance, finite.var(), rtol=1e-9, atol=1e-13 * size**2)
            np.testing.assert_allclose(one.minimum, finite.min(), rtol=1e-10, atol=1e-11 * size)
            np.testing.assert_allclose(one.maximum, finite.max(), rtol=1e-10, atol=1e-11 * size)
