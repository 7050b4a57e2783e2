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


def stepped(cell, text, inside=None, filled=None):
    """The values of one cell after all steps, elementwise.

    `inside` is where the mask is, and `filled` where nnU-Net's own one is, as arrays of its shape.
    """
    for place, step in enumerate(text.split("|")):
        name, _, rest = step.partition(":")
        if name.startswith("zscore-nonzero") and name != "zscore-nonzero-filled" and place:
            _reject_what_rounding_decides(cell)
        if name.startswith("zscore"):
            region = {"zscore-nonzero": cell != 0, "zscore-nonzero-all": cell != 0, "zscore-nonzero-filled": filled}
            cell = _zscore(cell.copy(), name, inside if rest == "mask" else region.get(name))
        elif name == "scale-percentile" or "p" in rest:
            if "nonzero" in rest and place:
                _reject_what_rounding_decides(cell)
            cell = _by_percentiles(cell.copy(), name, rest.split(","), inside)
        else:
            cell = _step(cell.copy(), name, [float(one) if one else None for one in rest.split(",")] if rest else [])
    return cell


def _by_percentiles(x, name, given, inside):
    """Clip or scale by numpy's percentiles of the finite values: all, those that are not 0, or those inside."""
    taken = x != 0 if "nonzero" in given else inside if "mask" in given else np.ones(x.shape, bool)
    finite = x[taken & np.isfinite(x)]
    if not finite.size:
        return x
    ends = [one.strip() for one in given[:2]]
    if name == "clip":
        low, high = (
            np.percentile(finite, float(end[1:])) if end.startswith("p") else float(end) if end else nothing
            for end, nothing in zip(ends, (-np.inf, np.inf), strict=True)
        )
        return np.clip(x, low, high)
    low, high = (np.percentile(finite, float(end)) for end in ends)
    least, most = map(float, given[2:4])
    if low == high:
        return x - low + least
    x = (x - low) / (high - low) * (most - least) + least
    return np.clip(x, least, most) if "clip" in given else x


def _reject_what_rounding_decides(cell):
    """After other steps a value that should be 0 may be 1e-17, in numpy or here: such an example says nothing."""
    size = np.abs(cell[np.isfinite(cell)])
    if size.size and size.min() <= 1e-9 * size.max():
        reject()


def _step(x, name, numbers):
    finite = x[np.isfinite(x)]
    if name in ("none", "noNorm"):
        return x
    if name == "scale":
        return numbers[0] * x + numbers[1]
    if name == "clip":
        return np.clip(x, *numbers)
    if name == "ct":
        low, high, mean, deviation = numbers
        return (np.clip(x, low, high) - mean) / max(deviation, 1e-8)
    assert name in ("minmax", "rescale_to_0_1"), name
    low, high = numbers or (0.0, 1.0)
    if not finite.size:
        return x
    span = finite.max() - finite.min()
    if name == "rescale_to_0_1":
        span = max(span, 1e-8)
    return (x - finite.min()) / (span if span > 0 else 1.0) * (high - low) + low


def _zscore(x, name, chosen):
    """A z-score by the values that are chosen, None for all; which values it changes depends on its name."""
    finite = x[np.isfinite(x) if chosen is None else chosen & np.isfinite(x)]
    constant = finite.size and finite.min() == finite.max()
    deviation = 0.0 if constant or not finite.size else finite.std()
    center = 0.0 if not finite.size else finite[0] if constant else finite.mean()
    if name == "zscore-nonzero-filled":
        return np.where(chosen, (x - center) / (max(deviation, 1e-8) if deviation else 1.0), 0.0)
    changed = (x - center) / (deviation or 1.0)
    return np.where(chosen, changed, x) if name == "zscore-nonzero" else changed


def filled(nonzero):
    """nnU-Net's mask, voxel by voxel: what no path of background through faces joins to the border of the volume."""
    inside = np.ones(nonzero.shape, bool)
    waiting = [
        place
        for place in np.ndindex(nonzero.shape)
        if nonzero.ndim < 3 or any(at in (0, length - 1) for at, length in zip(place, nonzero.shape, strict=True))
    ]
    while waiting:
        place = waiting.pop()
        if nonzero[place] or not inside[place]:
            continue
        inside[place] = False
        for axis, length in enumerate(nonzero.shape):
            for at in (place[axis] - 1, place[axis] + 1):
                if 0 <= at < length:
                    waiting.append((*place[:axis], at, *place[axis + 1 :]))
    return inside


def masked(cell, text):
    """Where a cell is inside; NaN is inside of every threshold."""
    if text is None:
        return np.ones(cell.shape, bool)
    if text == "nonzero":
        return TESTS[text](cell)
    sign = text.rstrip("0123456789.-")
    return TESTS[sign](cell, float(text.removeprefix(sign))) | np.isnan(cell)


def assert_same(found, cells, intensity, mask=None, inside=None, filled=None):
    """Moments of (samples, channels) against the cells (samples, channels, others) of the file's own values.

    `inside` is an array of their shape, for a mask that is an image; `filled` is nnU-Net's mask, (samples, others).
    """
    for place in np.ndindex(cells.shape[:2]):
        stored = cells[place]
        kept = masked(stored, mask) if inside is None else inside[place]
        with np.errstate(all="ignore"):
            values = stepped(stored, intensity or "none", kept, None if filled is None else filled[place[0]])
        # A step rounds by the size of all values that its numbers are of, also where those inside are 0.
        size = np.abs(values[np.isfinite(values)]).max(initial=1e-300)
        values = values[kept]
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
