"""A plans file of nnU-Net as the settings of a training.

What each value means is read from nnU-Net 2.8.1: intensities from `preprocessing/normalization/`, the share of the
foreground from `nnUNetTrainer` (the plans do not have it), and the order of axes from `imageio/` and the preprocessor.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from bnstat.errors import InputError
from bnstat.sources.datasets.nnunet_plans import PROPERTIES, Configuration, read_plans
from bnstat.sources.json_numbers import is_number
from bnstat.sources.regular import exists
from bnstat.sources.trainings.training import Training

Size = TypeVar("Size")

# `oversample_foreground_percent` of nnUNetTrainer, which forces the last slots of a batch.
_FOREGROUND = "nnunet:0.33"
# The keys of a channel's intensities that CTNormalization reads, in the order of the step `ct:LO,HI,MEAN,SD`.
_CT_KEYS = ("percentile_00_5", "percentile_99_5", "mean", "std")
# The steps that the classes of nnU-Net take, without a mask and with `use_mask_for_norm`. Only the z-score looks at it.
_STEPS = {
    "ZScoreNormalization": ("zscore", "zscore-nonzero-filled"),
    "NoNormalization": ("none", "none"),
    "RescaleTo01Normalization": ("rescale_to_0_1", "rescale_to_0_1"),
    "RGBTo01Normalization": (f"scale:{1 / 255!r},0", f"scale:{1 / 255!r},0"),
}
_CT = "CTNormalization"
# The layer of plans that do not name one: nnU-Net before 2.4 built it in (get_matching_instancenorm).
_USUAL_NORM = "InstanceNorm3d"


def training_of(name: str) -> Training:
    """Return the settings of a training in a plans file.

    Args:
        name: its path, as in "nnUNetPlans.json"; with the name of a configuration after a colon,
            as in "nnUNetPlans.json:3d_lowres".

    Raises:
        InputError: if the file cannot be read, or has no such intensities as its schemes need.
        UsageError: if it has no such configuration.
    """
    file, configuration = _split(name)
    found = read_plans(file, configuration)
    layer, notes = _layer(found)
    steps, unknown = _intensity(found, file)
    values = {
        "framework": "torch",
        **layer,
        "batch_size": found.batch_size,
        "size": _along_all(found, found.patch, 1),
        "foreground": _FOREGROUND,
        **steps,
    }
    return Training(
        file=file,
        title=f"{file} ({found.name})",
        values=values,
        notes=(*notes, *unknown, *_of_slices(found), *_not_done(found)),
        channels=len(found.schemes) or None,
        array_size=(*found.array_patch, *((1,) * (3 - len(found.array_patch)))),
        spacing=None if found.spacing is None else _along_all(found, (*found.spacing,), None),
        order=found.order,
    )


def _split(name: str) -> tuple[str, str | None]:
    """Return the file and the configuration that a text names."""
    before, colon, after = name.rpartition(":")
    if colon and not _is_there(name) and _is_there(before):
        return before, after
    return name, None


def _is_there(path: str) -> bool:
    try:
        return exists(path)
    except (OSError, ValueError):  # the text is too long for a name, or has a NUL
        return False


def _along_all(found: Configuration, sizes: tuple[Size, ...], other: Size) -> tuple[Size, ...]:
    """Return sizes along all axes of a volume; a network of slices has none along one of them."""
    given = dict(zip(found.axes, sizes, strict=True))
    return tuple(given.get(axis, other) for axis in range(max(3, len(sizes))))


def _layer(found: Configuration) -> tuple[dict[str, object], tuple[str, ...]]:
    """Return the normalizer and its ε, and a note if the layer is not named or not known."""
    said = found.norm or _USUAL_NORM
    notes = () if found.norm else (f"the plans do not name the normalization layer, which nnU-Net then has as {said}",)
    kinds = {"InstanceNorm": "instance", "BatchNorm": "batch", "LayerNorm": "layer", "GroupNorm": "group"}
    kind = next((kind for start, kind in kinds.items() if said.startswith(start)), None)
    groups = found.norm_arguments.get("num_groups")
    if kind is None or (kind == "group" and not isinstance(groups, int)):
        return {}, (f"the network normalizes with {said}, which is not known here; say it with `normalizer`",)
    epsilon = found.norm_arguments.get("eps")
    own = {"epsilon": float(epsilon)} if is_number(epsilon) else {}
    return {"normalizer": f"group:{groups}" if kind == "group" else kind, **own}, notes


def _intensity(found: Configuration, file: str) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return the steps on the intensities of each channel, and notes on channels whose scheme is not known."""
    notes: list[str] = []
    lists: list[str] = []
    for channel, scheme in enumerate(found.schemes):
        masked = channel < len(found.masked) and found.masked[channel]
        if scheme == _CT:
            steps = _ct(found.properties.get(str(channel)), channel, file)
        elif scheme in _STEPS:
            steps = _STEPS[scheme][masked]
        else:
            steps = "none"
            notes.append(
                f"channel {channel} is normalized by {scheme}, which is not known here, so its values stay as they "
                "are; say what it does with `intensity`"
            )
        lists.append(f"{channel}={steps}")
    return ({"intensity": ";".join(lists)} if lists else {}), tuple(notes)


def _ct(properties: object, channel: int, file: str) -> str:
    """Return the step of a CT channel, with the numbers of the fingerprint."""
    known = properties if isinstance(properties, Mapping) else {}
    numbers = [float(known[key]) for key in _CT_KEYS if is_number(known.get(key))]
    if len(numbers) < len(_CT_KEYS):
        raise InputError(
            file,
            f"its {PROPERTIES} has no {', '.join(_CT_KEYS)} for channel {channel}, which {_CT} needs; plan it again",
        )
    return f"ct:{','.join(map(repr, numbers))}"


def _of_slices(found: Configuration) -> tuple[str, ...]:
    if len(found.axes) > 2:
        return ()
    slices = next(axis for axis in range(3) if axis not in found.axes)
    return (f"{found.name} trains on slices, so a patch is 1 voxel along axis {slices} of the file",)


def _not_done(found: Configuration) -> tuple[str, ...]:
    """Return notes on what nnU-Net does and bnstat does not."""
    cropped = (
        "nnU-Net crops an image to its nonzero voxels before it normalizes, and changes patches at random; bnstat does "
        "neither, so an image with a border of zeros has other statistics"
    )
    second = f"{found.name} also gets the segmentation of an earlier network as channels, which are not read"
    return (cropped, *([second] if found.follows else []))
