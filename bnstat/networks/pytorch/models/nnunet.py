"""Networks of nnU-Net from the plans of a results folder, without nnU-Net itself.

The classes are those of `dynamic_network_architectures`. What the plans name is data: only its classes and those of
`torch.nn` are taken. How plans become a network is read from nnU-Net 2.8.1: `get_network_from_plans.py`,
`plans_handler.py` (also for plans of version 2.3 and older) and `label_handling.py`.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import torch

from bnstat.errors import InputError, UsageError
from bnstat.networks.models.nnunet_folder import DATASET, PLANS, ResultsFolder
from bnstat.networks.models.user_code import raised
from bnstat.networks.pytorch.weights.files import content_of, split_weights
from bnstat.networks.pytorch.weights.fitting import Fit
from bnstat.networks.pytorch.weights.loading import fitting, put

_PACKAGE = "dynamic_network_architectures"
_KEY = "network_weights"
# What nnU-Net builds every normalization with.
_NORM = {"eps": 1e-5, "affine": True}
# The networks of plans without a description, and the argument that has their blocks.
_OLD = {"PlainConvUNet": "n_conv_per_stage", "ResidualEncoderUNet": "n_blocks_per_stage"}


@dataclass(frozen=True, eq=False)
class Opened:
    """A network of nnU-Net.

    Attributes:
        module: The network, with the weights of the checkpoint.
        weights: The file of the weights, and its key if the user gave one.
        origin: The same with the key that was found.
        channels: The number of channels that enter it.
        before: The number of these that are the segmentation of an earlier network.
        configuration: The name of its configuration.
    """

    module: torch.nn.Module
    weights: str
    origin: str
    channels: int
    before: int
    configuration: str


def open_nnunet(results: ResultsFolder, model: str, weights: str | None) -> Opened:
    """Build the network of a results folder and load its weights.

    Args:
        results: The folder.
        model: It, as the user named it.
        weights: Other weights than those of the folder, with an optional key; None for its own.

    Raises:
        InputError: if a file cannot be read, or does not have what nnU-Net writes.
        UsageError: if the package of its network classes is not installed, or its network is another one.
    """
    given = weights or results.checkpoint
    if given is None:
        raise InputError(
            model, "it has no checkpoint in fold_0 or another fold; give a trained folder, or a file with `weights`"
        )
    file, key = split_weights(given)
    content = content_of(file)
    written: Mapping[str, Any] = content if isinstance(content, Mapping) else {}
    said = written.get("init_args")
    name, values = results.configuration(said.get("configuration") if isinstance(said, Mapping) else None)
    heads, labels = _heads(results)
    before = labels if values.get("previous_stage") is not None else 0
    channels = _channels(results) + before
    wanted = key if key is not None or weights or _KEY not in written else _KEY
    module, fit = _fitted(results, values, channels, heads, content, file, wanted, model)
    put(module, fit)
    return Opened(module, given, f"{file}::{wanted}" if wanted else given, channels, before, name)


def _fitted(
    results: ResultsFolder,
    values: Mapping[str, Any],
    channels: int,
    heads: int,
    content: object,
    file: str,
    key: str | None,
    model: str,
) -> tuple[torch.nn.Module, Fit]:
    """Return the network that the weights are of: that of the plans, or the same with batch norm (nnUNetTrainerBN).

    Raises:
        InputError: if they are of neither.
    """
    plans = f"{results.folder}/{PLANS}"
    architecture = values.get("architecture") or _of_old_plans(values, plans)
    module = _built(architecture, plans, channels, heads)
    try:
        return module, fitting(module, content, file, key, model)
    except InputError as error:
        with_batch_norm = _with_batch_norm(architecture)
        if with_batch_norm is not None:
            try:
                module = _built(with_batch_norm, plans, channels, heads)
                return module, fitting(module, content, file, key, model)
            except InputError:
                pass
        trainer = content.get("trainer_name") if isinstance(content, Mapping) else None
        usual = trainer is None or str(trainer) == "nnUNetTrainer"
        own = (
            ""
            if usual
            else f"; {trainer} may build a network of its own: give it as module:factory with `weights={file}`"
        )
        raise InputError(
            file, f"{error.message.partition('. Give')[0]}{own or '; it is of another training'}"
        ) from error


def _built(architecture: object, plans: str, channels: int, heads: int) -> torch.nn.Module:
    """Return the network that plans describe, without deep supervision."""
    try:
        named: Any = architecture
        kind = _class_at(str(named["network_class_name"]), plans)
        arguments = dict(named["arch_kwargs"])
        for name in named["_kw_requires_import"]:
            if arguments.get(name) is not None:
                arguments[name] = _class_at(str(arguments[name]), plans)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(plans, f"its description of the network lacks {error}; plan the training again") from error
    try:
        module: torch.nn.Module = kind(
            input_channels=channels, num_classes=heads, **(arguments | {"deep_supervision": False})
        )
    except Exception as error:  # whatever a class says of arguments that it does not take
        raise InputError(
            plans, f"{kind.__name__} {raised(error)}; its plans are of another version of {_PACKAGE}"
        ) from error
    return module


def _class_at(name: str, plans: str) -> type[torch.nn.Module]:
    """Return a class of torch.nn or of nnU-Net's networks by its full name. Nothing else is imported for plans.

    Raises:
        InputError: if it is another class.
        UsageError: if the package is not installed.
    """
    module, _, last = name.rpartition(".")
    if name.startswith("torch.nn."):
        found = getattr(torch.nn, last, None)
    elif name.startswith(f"{_PACKAGE}."):
        found = _of_package(module, last, plans)
    else:
        found = None
    if not (isinstance(found, type) and issubclass(found, torch.nn.Module)):
        raise InputError(
            plans,
            f"its class {name} is none of torch.nn or {_PACKAGE}, and is not imported because a file names it; give "
            "the network as module:factory with `weights`",
        )
    return found


def _of_package(module: str, last: str, plans: str) -> object:
    """Return a class of the package, wherever its version has it."""
    try:
        architectures = importlib.import_module(f"{_PACKAGE}.architectures")
    except ImportError as error:
        raise UsageError(
            f"{plans} describes a network of nnU-Net, whose classes are not installed; pip install {_PACKAGE}"
        ) from error
    others = [found.name for found in pkgutil.iter_modules(architectures.__path__, f"{_PACKAGE}.architectures.")]
    # the named module first, then those that need few packages; plans of old versions name modules that have moved
    for place in (module, f"{_PACKAGE}.architectures.unet", *others):
        with suppress(Exception):  # of packages that other networks need
            found = getattr(importlib.import_module(place), last, None)
            if found is not None:
                return found
    return None


def _of_old_plans(values: Mapping[str, Any], plans: str) -> dict[str, Any]:
    """Return the description of the network of plans without one, which nnU-Net 2.3 and older wrote."""
    try:
        name = str(values["UNet_class_name"])
        stages = len(values["n_conv_per_stage_encoder"])
        base, most = int(values["UNet_base_num_features"]), int(values["unet_max_num_features"])
        axes = len(values["patch_size"])
        arguments = {
            "n_stages": stages,
            "features_per_stage": [min(base * 2**stage, most) for stage in range(stages)],
            "conv_op": f"torch.nn.Conv{axes}d",
            "kernel_sizes": values["conv_kernel_sizes"],
            "strides": values["pool_op_kernel_sizes"],
            _OLD[name]: values["n_conv_per_stage_encoder"],
            "n_conv_per_stage_decoder": values["n_conv_per_stage_decoder"],
            "conv_bias": True,
            "norm_op": f"torch.nn.InstanceNorm{axes}d",
            "norm_op_kwargs": _NORM,
            "dropout_op": None,
            "dropout_op_kwargs": None,
            "nonlin": "torch.nn.LeakyReLU",
            "nonlin_kwargs": {"inplace": True},
        }
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(plans, f"it does not describe the network (no {error}); plan the training again") from error
    return {
        "network_class_name": f"{_PACKAGE}.architectures.unet.{name}",
        "arch_kwargs": arguments,
        "_kw_requires_import": ["conv_op", "norm_op", "dropout_op", "nonlin"],
    }


def _with_batch_norm(architecture: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the description with batch norm in place of the plans' own layer, as nnUNetTrainerBN has it."""
    arguments = architecture["arch_kwargs"]
    axes = str(arguments.get("conv_op"))[-2:-1]
    if "norm_op" not in arguments or axes not in ("1", "2", "3"):
        return None
    norm = {"norm_op": f"torch.nn.BatchNorm{axes}d", "norm_op_kwargs": _NORM}
    return {**architecture, "arch_kwargs": {**arguments, **norm}}


def _channels(results: ResultsFolder) -> int:
    named = results.dataset.get("channel_names", results.dataset.get("modality"))
    if not isinstance(named, Mapping) or not named:
        raise InputError(f"{results.folder}/{DATASET}", "it has no channel_names; copy it from the training again")
    return len(named)


def _heads(results: ResultsFolder) -> tuple[int, int]:
    """Return the number of outputs, and the number of labels of the foreground."""
    file = f"{results.folder}/{DATASET}"
    labels = results.dataset.get("labels")
    if not isinstance(labels, Mapping) or not labels:
        raise InputError(file, "it has no labels; copy it from the training again")
    try:
        regions = {
            name: sorted({int(one) for one in (value if isinstance(value, list) else [value])})
            for name, value in labels.items()
            if name != "ignore"
        }
    except (TypeError, ValueError) as error:
        raise InputError(file, f"its labels are no whole numbers ({error}); copy it again") from error
    every = {one for values in regions.values() for one in values}
    if any(isinstance(value, list) and len(value) > 1 for value in labels.values()):
        return sum(values != [0] for values in regions.values()), len(every - {0})
    return len(every), len(every - {0})
