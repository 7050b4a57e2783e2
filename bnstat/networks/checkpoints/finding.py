"""Normalization layers among the tensors of a checkpoint, by the names and sizes of their tensors."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from bnstat.moments.moments import Doubles
from bnstat.networks.checkpoints.elements import FLOATS, WHOLE
from bnstat.networks.checkpoints.shown_names import shown_names
from bnstat.networks.checkpoints.stored import Contents, Said, StoredNormalization, StoredTensor
from bnstat.text import plural

# What frameworks call the parts of a normalization: PyTorch and MLX, Keras and TensorFlow, Flax, Caffe2.
_STATISTICS = (
    ("running_mean", "running_var"),
    ("moving_mean", "moving_variance"),
    ("running_mean", "running_variance"),
    ("mean", "var"),
)
_SCALES, _SHIFTS = ("weight", "gamma", "scale"), ("bias", "beta", "offset")
_COUNT = "num_batches_tracked"
_SEPARATORS = "./_-"
# Flax's short names are those of a normalization only in this collection, or in a layer of that name; γ and β are in
# the collection of parameters.
_FLAX_MEAN = "mean"
_FLAX = re.compile(r"(^|[./])batch_stats(?=[./])")
# Where the last part of a name begins, and what TensorFlow writes behind names.
_PART = re.compile(r"[./]")
_OUTPUT = re.compile(r":\d+$")
# Names of layers that normalize. A scale alone, without a shift, may be something else: a PReLU, a layer scale.
_NORMALIZES = re.compile(r"(norm|(^|[._/\d])(bn|gn|ln|rms|in)(?=[._/\d]|$)|(?<![a-z])(bn|gn|ln)\d*$)", re.IGNORECASE)
# More numbers than the channels of any layer.
_MOST_CHANNELS = 1 << 20
# More numbers than the layers of any network have together: views of a few numbers can describe any amount.
_MOST_NUMBERS = 1 << 23


@dataclass(frozen=True)
class _Parts:
    """The tensors of one normalization; None for those that it does not have."""

    path: str
    mean: StoredTensor | None
    variance: StoredTensor | None
    scale: StoredTensor | None
    shift: StoredTensor | None
    count: StoredTensor | None

    @property
    def tensors(self) -> list[StoredTensor]:
        """The tensors of numbers that it has."""
        return [part for part in (self.mean, self.variance, self.scale, self.shift) if part is not None]

    @property
    def first(self) -> StoredTensor:
        """The tensor that says the type and the number of channels."""
        (first, *_) = [part for part in (self.variance, self.scale) if part is not None]
        return first

    @property
    def shared(self) -> tuple[object, ...] | None:
        """What layers of the same numbers have in common; None if that is not known."""
        parts = self.tensors
        return None if any(part.shared is None for part in parts) else tuple(part.shared for part in parts)


@dataclass(frozen=True, eq=False)
class Layers:
    """The normalization layers of a file.

    Attributes:
        found: The layers, each set of numbers once.
        other_names: The further names of a layer, by the first.
        notes: Sentences on layers that were left out.
    """

    found: tuple[StoredNormalization, ...]
    other_names: dict[str, tuple[str, ...]]
    notes: tuple[str, ...]


class TooManyNumbersError(Exception):
    """A file describes more numbers of normalization layers than any network has."""


def layers_in(contents: Contents) -> Layers:
    """Return the normalization layers of a file; the numbers of these are read, and of no other tensor.

    Raises:
        InputError: if their numbers cannot be read.
        TooManyNumbersError: if there are more than any network has.
    """
    parts, notes = _parts_of(contents.tensors, contents.said)
    first: dict[object, str] = {}
    others: dict[str, list[str]] = {}
    kept: list[_Parts] = []
    for one in parts:
        name = one.path if one.shared is None else first.setdefault(one.shared, one.path)
        if name == one.path:
            kept.append(one)
        else:
            others.setdefault(name, []).append(one.path)
    if sum(math.prod(part.shape) for one in kept for part in one.tensors) > _MOST_NUMBERS:
        raise TooManyNumbersError
    shown = shown_names([one.path for one in parts], [tensor.name for tensor in contents.tensors])
    return Layers(
        tuple(_read(one, shown[one.path], contents.said) for one in kept),
        {shown[name]: tuple(shown[other] for other in names) for name, names in others.items()},
        tuple(notes),
    )


def _parts_of(tensors: Sequence[StoredTensor], said: Mapping[str, Said]) -> tuple[list[_Parts], list[str]]:
    """Return the tensors of each normalization, in the order of the file, and notes on what was left out."""
    places = {tensor.name: place for place, tensor in enumerate(tensors)}
    by_name = {tensor.name: tensor for tensor in tensors}
    found: list[_Parts] = []
    used: set[str] = set()
    for look in (_with_statistics, partial(_affine, said=said)):
        for tensor in tensors:
            whole = _OUTPUT.sub("", tensor.name)
            if tensor.name not in used and (parts := look(whole, tensor.name[len(whole) :], by_name)) is not None:
                found.append(parts)
                used.update(part.name for part in parts.tensors)
    read = [parts for parts in found if all(part.dtype in FLOATS for part in parts.tensors)]
    left_out = len(found) - len(read)
    were = "was" if left_out == 1 else "were"
    note = (
        f"{plural(left_out, 'layer')} {were} left out, whose statistics or weights have a type that is not read; "
        "save them as float32"
    )
    read.sort(key=lambda parts: min(places[part.name] for part in parts.tensors))
    return read, [note] if left_out else []


def _with_statistics(name: str, tail: str, tensors: Mapping[str, StoredTensor]) -> _Parts | None:
    """Return the normalization whose running mean a tensor is; None if it is another tensor.

    Args:
        name: The name of the tensor.
        tail: What TensorFlow has written behind it.
        tensors: All tensors, by their names.
    """
    for mean_name, variance_name in _STATISTICS:
        base = _base(name, mean_name)
        if base is None or (mean_name == _FLAX_MEAN and not _is_flax(base)):
            continue
        mean, variance = tensors[f"{name}{tail}"], tensors.get(f"{base}{variance_name}{tail}")
        if variance is None or not _vectors(mean, variance):
            continue
        weights = _FLAX.sub(r"\1params", base)
        scale, shift = (_like(variance, weights, names, tail, tensors) for names in (_SCALES, _SHIFTS))
        return _Parts(_path(base), mean, variance, scale, shift, tensors.get(f"{base}{_COUNT}{tail}"))
    return None


def _is_flax(base: str) -> bool:
    """Return True if a tensor "mean" is part of a normalization: by the collection that it is in, or the layer."""
    return base[-1:] in _SEPARATORS[:2] and bool(_FLAX.search(base) or _NORMALIZES.search(_PART.split(_path(base))[-1]))


def _affine(name: str, tail: str, tensors: Mapping[str, StoredTensor], said: Mapping[str, Said]) -> _Parts | None:
    """Return the normalization whose γ a tensor is, and that has no running statistics; None for another tensor."""
    for part in _SCALES:
        base = _base(name, part)
        scale = tensors[f"{name}{tail}"]
        if base is None or not _vectors(scale):
            continue
        shift = _like(scale, base, _SHIFTS, tail, tensors)
        path = _path(base)
        named = path in said or _NORMALIZES.search(_PART.split(path)[-1]) or _NORMALIZES.search(_class_before(path))
        if named or (shift is not None and scale.shape != (1,) and part != "scale"):
            return _Parts(path, None, None, scale, shift, None)
    return None


def _class_before(path: str) -> str:
    """Return the name above a number, as "norms" of "norms.3": members of a list have no name of their own."""
    parts = _PART.split(path)
    return parts[-2] if len(parts) > 1 and parts[-1].isdigit() else ""


def _base(name: str, part: str) -> str | None:
    """Return what precedes the last part of a name, with what separates them; None if it ends in another part."""
    if not name.endswith(part):
        return None
    base = name[: len(name) - len(part)]
    return base if not base or base[-1] in _SEPARATORS else None


def _path(base: str) -> str:
    return base.rstrip(_SEPARATORS)


def _vectors(*tensors: StoredTensor) -> bool:
    (shape, *others) = [tensor.shape for tensor in tensors]
    return len(shape) == 1 and 0 < shape[0] <= _MOST_CHANNELS and all(other == shape for other in others)


def _like(
    tensor: StoredTensor, base: str, names: Sequence[str], tail: str, tensors: Mapping[str, StoredTensor]
) -> StoredTensor | None:
    """Return the tensor of the same size that has one of some names; None without one."""
    named = [tensors.get(f"{base}{name}{tail}") for name in names]
    return next((one for one in named if one is not None and one.shape == tensor.shape and one.dtype in FLOATS), None)


def _read(parts: _Parts, name: str, said: Mapping[str, Said]) -> StoredNormalization:
    told = said.get(parts.path, Said())
    return StoredNormalization(
        layer=name,
        kind=told.kind or ("affine" if parts.variance is None else "batch"),
        dtype=parts.first.dtype,
        running_mean=_doubles(parts.mean),
        running_variance=_doubles(parts.variance),
        batches_tracked=_counted(parts.count),
        scale=_doubles(parts.scale),
        shift=_doubles(parts.shift),
        epsilon=told.epsilon,
        momentum=told.momentum if parts.variance is not None else None,
    )


def _doubles(tensor: StoredTensor | None) -> Doubles | None:
    if tensor is None:
        return None
    with np.errstate(invalid="ignore"):  # a signaling NaN, which numpy would warn of on the user's terminal
        return np.asarray(tensor.read(), dtype=np.float64)


def _counted(tensor: StoredTensor | None) -> int | None:
    """Return the number in a tensor of one whole number; None in any other."""
    if tensor is None or tensor.shape not in {(), (1,)} or tensor.dtype not in (*WHOLE, *FLOATS):
        return None
    value = float(tensor.read().reshape(()))
    return int(value) if value >= 0 and value.is_integer() else None
