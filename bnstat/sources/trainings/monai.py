"""The configuration of a MONAI bundle as the settings of a training.

The transforms, the batch size and the network are looked for under the names that bundles give them. What each means is
read from MONAI 1.6.1. What is not known, and what only running the file would tell, is named in a note.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from bnstat.errors import InputError
from bnstat.sources.json_numbers import is_number
from bnstat.sources.trainings.bundle import Bundle, Expression
from bnstat.sources.trainings.monai_transforms import (
    HARMLESS,
    INTENSITIES,
    OF_ALL_CHANNELS,
    Arguments,
    UnreadableError,
    numbers_of,
    steps_of,
)
from bnstat.sources.trainings.training import Training

# Where bundles keep the transforms of a training, its batch size and its network; the first that is there is taken.
_TRANSFORMS = (
    *("train#preprocessing", "train#dataset#transform", "train#transforms", "train_transforms", "transforms_train"),
    *("train_transform", "training_transforms", "preprocessing", "transforms", "transform"),
)
_PARTS = ("train#deterministic_transforms", "train#random_transforms")
_BATCH_SIZE = ("train#dataloader#batch_size", "train_dataloader#batch_size", "train_loader#batch_size", "batch_size")
_NETWORKS = ("network_def", "network", "net", "model")
# The layer of networks whose configuration does not name one: the defaults of their arguments.
_OWN_NORM = {
    **dict.fromkeys(("UNet", "DynUNet", "BasicUNet", "BasicUNetPlusPlus", "SwinUNETR", "UNETR"), "instance"),
    "SegResNet": ["group", {"num_groups": 8}],
    "SegResNetDS": "batch",
}
_NORMS = ("norm", "norm_name", "norm_type")
# Patches that are drawn from a volume if a batch takes fewer: as many as `bnstat` draws by default.
_FEWEST = 8
# Keys of a dictionary of transforms that hold labels, beside those that a crop names.
_LABEL_KEY = re.compile(r"label|seg|mask|pred|target|^gt", re.IGNORECASE)
_INTEGER_PAIR = 2
# The starts of steps whose numbers are fixed, and of those among them whose numbers are computed after all.
_FIXED, _COMPUTED = ("scale:", "clip:"), "clip:p"


@dataclass
class _Walk:
    """What the transforms come to, in the order in which they are taken."""

    steps: dict[str, list[str]] = field(default_factory=dict)
    joined: dict[str, list[str]] = field(default_factory=dict)
    values: dict[str, object] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    unknown: Counter[str] = field(default_factory=Counter)
    before: list[str] = field(default_factory=list)
    after: list[str] = field(default_factory=list)
    cropped: bool = False
    turned: bool = False
    unread: bool = False


def training_of(name: str) -> Training:
    """Return the settings of a training in the configuration of a bundle.

    Args:
        name: the path of the configuration.

    Raises:
        InputError: if the file cannot be read, or has neither transforms nor a network of a training.
    """
    bundle = Bundle.read(name)
    walk = _Walk()
    listed = _transforms(bundle)
    for transform, arguments in listed:
        _take(walk, transform, arguments)
    layer = _layer(bundle, walk)
    batch_size = _batch_size(bundle, walk)
    if not listed and not layer:
        raise InputError(
            name, "it has neither the transforms nor the network of a training; give the configs/train.json of a bundle"
        )
    # without a size there are no patches, which the other values would be about
    patches = walk.values if "size" in walk.values else {}
    intensity = _intensity(walk)
    values = {"framework": "torch", **layer, **batch_size, **patches, **intensity, **_per_patch(walk, intensity)}
    return Training(file=name, title=name, values=values, notes=(*dict.fromkeys(walk.notes), *_left_out(walk)))


def _transforms(bundle: Bundle) -> list[tuple[str, Arguments]]:
    """Return the names and arguments of the transforms of a training, in order."""
    for name in _TRANSFORMS:
        found = list(_flat(bundle.at(name)))
        if found:
            return found
    return [one for name in _PARTS for one in _flat(bundle.at(name))]


def _flat(value: object) -> Iterator[tuple[str, Arguments]]:
    """Yield the transforms in a list, or in a Compose, which may be nested."""
    if isinstance(value, list):
        for one in value:
            yield from _flat(one)
    elif isinstance(value, Mapping) and isinstance(value.get("_target_"), str) and value.get("_disabled_") is not True:
        name = value["_target_"].rpartition(".")[2]
        if name == "Compose":
            yield from _flat(value.get("transforms"))
        else:
            yield name, value
    elif isinstance(value, Expression):
        yield value.text, {}


def _take(walk: _Walk, name: str, arguments: Arguments) -> None:
    """Take one transform."""
    base = _BASES.get(name)
    if base in INTENSITIES:
        _take_intensity(walk, base, name, arguments)
    elif base in _TAKEN:
        try:
            _TAKEN[base](walk, arguments)
        except UnreadableError as error:
            walk.notes.append(f"{name} is not read, because {error}; say what it does with options")
    elif base is None and not _of_labels(arguments):
        walk.unknown[name] += 1


def _of_labels(arguments: Arguments) -> bool:
    """Return True if a transform has keys, and labels under all of them."""
    keys = _texts(arguments.get("keys"))
    return bool(keys) and all(_LABEL_KEY.search(key) for key in keys)


def _take_intensity(walk: _Walk, base: str, name: str, arguments: Arguments) -> None:
    """Take a transform of intensities: its steps belong to the keys that it names."""
    if _of_labels(arguments):
        return
    keys = [key for key in _texts(arguments.get("keys", "image")) if not _LABEL_KEY.search(key)]
    try:
        steps = steps_of(base, arguments)
        if not keys:
            raise UnreadableError("its keys are no names")
    except UnreadableError as error:
        walk.unread = True
        walk.notes.append(f"{name} is not read, because {error}; so no intensities are set: say them with `intensity`")
        return
    for key in keys:
        walk.steps.setdefault(key, []).append(steps)
    if not steps.startswith(_FIXED) or steps.startswith(_COMPUTED):
        (walk.after if walk.cropped else walk.before).append(name)
    if base in OF_ALL_CHANNELS and arguments.get("channel_wise") is not True:
        walk.notes.append(
            f"{name} has one set of numbers for all channels, and here each channel has its own, which is the same for "
            "a single channel"
        )


def _take_join(walk: _Walk, arguments: Arguments) -> None:
    name = arguments.get("name")
    if isinstance(name, str):
        walk.joined[name] = [key for key in _texts(arguments.get("keys")) if not _LABEL_KEY.search(key)]


def _take_balanced_crop(walk: _Walk, arguments: Arguments) -> None:
    positive, negative = numbers_of({"pos": 1.0, "neg": 1.0, **arguments}, "pos", "neg")
    if positive + negative <= 0:
        raise UnreadableError("its pos and neg are 0")
    walk.values["foreground"] = f"{positive / (positive + negative):.12g}"
    _take_size(walk, arguments, "spatial_size")


def _take_class_crop(walk: _Walk, arguments: Arguments) -> None:
    _take_size(walk, arguments, "spatial_size")
    walk.notes.append(
        "RandCropByLabelClassesd draws patches around each class in turn, and here they are drawn anywhere; "
        "`foreground` draws a share of them around any label"
    )


def _take_crop(walk: _Walk, arguments: Arguments) -> None:
    if arguments.get("random_size", False) is not False:
        raise UnreadableError("its size is random (random_size)")
    if arguments.get("random_center", True) is not True:
        raise UnreadableError("it is at the centre (random_center)")
    _take_size(walk, arguments, "roi_size")


def _take_size(walk: _Walk, arguments: Arguments, name: str) -> None:
    """Take the size of a crop, and how many of them a volume gives."""
    samples = arguments.get("num_samples", 1)
    if not isinstance(samples, int) or isinstance(samples, bool) or samples < 1:
        raise UnreadableError("its num_samples is no whole number")
    walk.values["size"] = _sizes(arguments.get(name), name)
    if samples > 1:
        # as many patches as are drawn anyway, in whole groups of those that a batch takes
        walk.values |= {"number": samples * -(-_FEWEST // samples), "per_volume": samples}
    walk.values.setdefault("pad", "none")
    walk.cropped = True


def _take_pad(walk: _Walk, arguments: Arguments) -> None:
    known = {"constant": "zero", "edge": "edge"}
    modes = arguments.get("mode", "constant")
    if isinstance(modes, list):  # one for each key
        keys = _texts(arguments.get("keys"))
        image = next((place for place, key in enumerate(keys) if not _LABEL_KEY.search(key)), 0)
        modes = modes[image] if image < len(modes) else None
    mode = str(modes).lower()
    if mode not in known or arguments.get("value", 0) != 0 or arguments.get("constant_values", 0) != 0:
        raise UnreadableError(f"it pads otherwise than with zeros or the edge ({mode})")
    walk.values["pad"] = known[mode]


def _take_turn(walk: _Walk, arguments: Arguments) -> None:
    del arguments
    walk.turned = True


def _sizes(value: object, name: str) -> tuple[int, ...]:
    sizes = value if isinstance(value, list) else [value]
    found = [size for size in sizes if isinstance(size, int) and not isinstance(size, bool) and size > 0]
    if not sizes or len(found) < len(sizes):
        said = value.text if isinstance(value, Expression) else value
        raise UnreadableError(f"its {name} is {said!r}, and not sizes above 0")
    return tuple(found)


def _texts(value: object) -> list[str]:
    return [value] if isinstance(value, str) else [one for one in _listed(value) if isinstance(one, str)]


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _intensity(walk: _Walk) -> dict[str, object]:
    """Return the steps of the image's channels."""
    if walk.unread or not walk.steps:
        return {}
    if walk.joined:
        name, keys = next(reversed(walk.joined.items()))
        own = [[*walk.steps.get(key, ()), *(walk.steps.get(name, ()) if name != key else ())] for key in keys]
        return {"intensity": ";".join(f"{place}={'|'.join(steps) or 'none'}" for place, steps in enumerate(own))}
    lists = {"|".join(steps) for steps in walk.steps.values()}
    if len(lists) > 1:
        walk.notes.append(
            f"the images {', '.join(walk.steps)} have different steps and are not joined to channels by ConcatItemsd, "
            "so no intensities are set: say them with `intensity`"
        )
        return {}
    return {"intensity": lists.pop()}


def _per_patch(walk: _Walk, intensity: Mapping[str, object]) -> dict[str, object]:
    """Return whether the training computes the numbers of its steps on each patch, which it has cut out before."""
    if not walk.after or not intensity:
        return {}
    if not walk.before:
        return {"intensity_per": "patch"}
    walk.notes.append(
        f"{', '.join(walk.after)} comes after the crop and {', '.join(walk.before)} before it; here the numbers of "
        "both are those of the whole volume"
    )
    return {}


def _batch_size(bundle: Bundle, walk: _Walk) -> dict[str, object]:
    """Return the patches of a batch: MONAI makes a batch of all patches of `batch_size` volumes."""
    name, volumes = next(((name, found) for name in _BATCH_SIZE if (found := bundle.at(name)) is not None), ("", None))
    if volumes is None:
        return {}
    if not isinstance(volumes, int) or isinstance(volumes, bool) or volumes < 1:
        said = volumes.text if isinstance(volumes, Expression) else repr(volumes)
        walk.notes.append(f"its {name} is {said}, which is not evaluated; say it with `batch_size`")
        return {}
    each = walk.values.get("per_volume", 1)
    assert isinstance(each, int)
    if each > 1:
        walk.notes.append(f"a batch has {each} patches from each of {volumes} volumes")
    return {"batch_size": volumes * each}


def _layer(bundle: Bundle, walk: _Walk) -> dict[str, object]:
    """Return the normalizer of the network, and its ε if the file has one."""
    found = next((found for name in _NETWORKS if isinstance(found := bundle.at(name), Mapping)), None)
    target = str(found.get("_target_", "")).rpartition(".")[2] if found else ""
    if found is None or not target:
        return {}
    said = next((found[name] for name in _NORMS if name in found), None)
    norm = _OWN_NORM.get(target) if said is None else said
    kind, arguments = norm if isinstance(norm, list) and len(norm) == _INTEGER_PAIR else (norm, {})
    own = arguments if isinstance(arguments, Mapping) else {}
    named = str(kind).lower()
    if named == "group" and isinstance(own.get("num_groups"), int):
        named = f"group:{own['num_groups']}"
    elif named not in ("batch", "instance", "layer"):
        what = f"normalizes with {norm!r}" if norm is not None else "does not name its normalization"
        walk.notes.append(f"the network {target} {what}, which is not known here; say it with `normalizer`")
        return {}
    if said is None:
        walk.notes.append(f"the network {target} does not name its normalization, so it has {named} norm by default")
    epsilon = own.get("eps")
    return {"normalizer": named, **({"epsilon": float(epsilon)} if is_number(epsilon) else {})}


def _left_out(walk: _Walk) -> Iterator[str]:
    """Yield notes on transforms that are not done here."""
    size = walk.values.get("size")
    if walk.turned and isinstance(size, tuple) and len(set(size)) > 1:
        yield (
            "Orientationd turns images, and the patch is along the axes that it gives; if your files lie otherwise, "
            "give `size` in the order of their axes"
        )
    if walk.unknown:
        named = ", ".join(name if times == 1 else f"{name} ({times} times)" for name, times in walk.unknown.items())
        yield f"not known here, and not done: {named}"


_TAKEN: dict[str, Callable[[_Walk, Arguments], None]] = {
    "ConcatItems": _take_join,
    "RandCropByPosNegLabel": _take_balanced_crop,
    "RandCropByLabelClasses": _take_class_crop,
    "RandSpatialCrop": _take_crop,
    "RandSpatialCropSamples": _take_crop,
    "SpatialPad": _take_pad,
    "Orientation": _take_turn,
}


def _names(bases: Iterable[str]) -> dict[str, str]:
    """Return the name without the "d" of dictionaries for each name that MONAI has for a transform."""
    return {f"{base}{end}": base for base in bases for end in ("", "d", "D", "Dict")}


_BASES = _names([*INTENSITIES, *_TAKEN, *HARMLESS])
