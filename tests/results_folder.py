"""Results folders of nnU-Net as it writes them, with a small network."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

UNET = "dynamic_network_architectures.architectures.unet."
INSTANCE_NORM = "torch.nn.modules.instancenorm.InstanceNorm3d"
TWO_LABELS = {"channel_names": {"0": "T1", "1": "T2"}, "labels": {"background": 0, "a": 1, "b": 2}}
REGIONS = {
    "channel_names": {"0": "T1"},
    "labels": {"background": 0, "whole": [1, 2, 3], "core": [2, 3], "enhancing": 3, "ignore": 4},
    "regions_class_order": [1, 2, 3],
}


def arguments_of(blocks: str = "n_conv_per_stage", norm: str = INSTANCE_NORM) -> dict[str, Any]:
    """Return the arguments of a network, as plans have them."""
    return {
        "n_stages": 3,
        "features_per_stage": [4, 8, 8],
        "conv_op": "torch.nn.modules.conv.Conv3d",
        "kernel_sizes": [[1, 3, 3], [3, 3, 3], [3, 3, 3]],
        "strides": [[1, 1, 1], [2, 2, 2], [2, 2, 2]],
        blocks: [1, 2, 2],
        "n_conv_per_stage_decoder": [1, 1],
        "conv_bias": True,
        "norm_op": norm,
        "norm_op_kwargs": {"eps": 1e-05, "affine": True},
        "dropout_op": None,
        "dropout_op_kwargs": None,
        "nonlin": "torch.nn.LeakyReLU",
        "nonlin_kwargs": {"inplace": True},
    }


def described(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Return a configuration of plans since nnU-Net 2.4."""
    imported = ["conv_op", "norm_op", "dropout_op", "nonlin"]
    network = {"network_class_name": name, "arch_kwargs": arguments, "_kw_requires_import": imported}
    return {"patch_size": [16, 16, 16], "batch_size": 2, "spacing": [1.0, 1.0, 1.0], "architecture": network}


def old_description(name: str) -> dict[str, Any]:
    """Return the same configuration as nnU-Net 2.3 and older wrote it."""
    arguments = arguments_of()
    return {
        "patch_size": [16, 16, 16],
        "batch_size": 2,
        "UNet_class_name": name,
        "UNet_base_num_features": 4,
        "unet_max_num_features": 8,
        "n_conv_per_stage_encoder": [1, 2, 2],
        "n_conv_per_stage_decoder": [1, 1],
        "num_pool_per_axis": [2, 2, 2],
        "pool_op_kernel_sizes": arguments["strides"],
        "conv_kernel_sizes": arguments["kernel_sizes"],
    }


def network(kind: str, channels: int, heads: int, arguments: dict[str, Any]) -> Any:
    """Return the network as nnU-Net trains it: with deep supervision, and with the classes in place of their names."""
    import torch
    from dynamic_network_architectures.architectures import unet

    named = {key: getattr(torch.nn, arguments[key].rpartition(".")[2]) for key in ("conv_op", "norm_op", "nonlin")}
    given = {**arguments, **named, "deep_supervision": True}
    return getattr(unet, kind)(input_channels=channels, num_classes=heads, **given)


def write_folder(folder: Path, configurations: dict[str, Any], dataset: dict[str, Any]) -> Path:
    """Write the plans and the description of the data set."""
    folder.mkdir(parents=True)
    plans = {"plans_name": "nnUNetPlans", "transpose_forward": [0, 1, 2], "configurations": configurations}
    (folder / "plans.json").write_text(json.dumps(plans))
    (folder / "dataset.json").write_text(json.dumps(dataset))
    return folder


def write_checkpoint(file: Path, module: Any, configuration: str, trainer: str = "nnUNetTrainer") -> Path:
    """Write a checkpoint with everything that `nnUNetTrainer.save_checkpoint` of nnU-Net 2.8.1 puts into it."""
    import torch

    optimizer = torch.optim.SGD(module.parameters(), 0.01, momentum=0.99, nesterov=True)
    for parameter in module.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    file.parent.mkdir(parents=True, exist_ok=True)
    content = {
        "network_weights": module.state_dict(),
        "optimizer_state": optimizer.state_dict(),
        "grad_scaler_state": None,
        "logging": {"mean_fg_dice": [np.float64(0.5)], "train_losses": [np.float32(0.2)], "lrs": [0.01]},
        "_best_ema": np.float64(0.5),
        "current_epoch": 3,
        "init_args": {"plans": {}, "configuration": configuration, "fold": 0, "device": torch.device("cuda")},
        "trainer_name": trainer,
        "inference_allowed_mirroring_axes": (0, 1, 2),
    }
    torch.save(content, file)
    return file
