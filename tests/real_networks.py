"""Small versions of real networks with random weights, and the shape of a sample for each. They need extras."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest


def seeded(seed: int = 0) -> Any:
    """Return torch, with one thread and a seed."""
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    return torch


def monai_nets() -> Any:
    pytest.importorskip("monai")
    from monai.networks import nets

    return nets


def torchvision() -> Any:
    """Return torchvision, whose operators are left out: the wheel of PyPI has them for another build of PyTorch."""
    seeded()
    name = "torchvision._meta_registrations"
    sys.modules.setdefault(name, types.ModuleType(name))
    return pytest.importorskip("torchvision")


def basic_unet(norm: str = "batch") -> Any:
    """MONAI's BasicUNet: 18 normalizations."""
    return monai_nets().BasicUNet(3, 1, 2, features=(4, 4, 8, 8, 8, 4), norm=norm, dropout=0.2)


def unet(norm: str = "batch") -> Any:
    """MONAI's UNet with residual units."""
    return monai_nets().UNet(3, 1, 2, (4, 8, 8), (2, 2), num_res_units=2, norm=norm, dropout=0.2)


def seg_res_net() -> Any:
    """MONAI's SegResNet: group norm."""
    return monai_nets().SegResNet(3, init_filters=8, in_channels=1, out_channels=2, dropout_prob=0.2)


def dyn_unet(norm: Any = ("INSTANCE", {"affine": True})) -> Any:
    """MONAI's DynUNet."""
    return monai_nets().DynUNet(3, 1, 2, [3] * 3, [1, 2, 2], [2, 2], filters=[4, 8, 8], norm_name=norm, dropout=0.2)


def swin_unetr() -> Any:
    """MONAI's SwinUNETR: 46 modules and 5 calls of `layer_norm`. It needs 64³ voxels."""
    return monai_nets().SwinUNETR(in_channels=1, out_channels=2, feature_size=12, spatial_dims=3, dropout_path_rate=0.3)


def nnunet(kind: str, norm: str, *, deep_supervision: bool = True) -> Any:
    """PlainConvUNet or ResidualEncoderUNet of nnU-Net."""
    torchvision()  # which timm imports
    unet = pytest.importorskip("dynamic_network_architectures.architectures.unet")
    nn = seeded().nn
    blocks = {"PlainConvUNet": "n_conv_per_stage", "ResidualEncoderUNet": "n_blocks_per_stage"}
    return getattr(unet, kind)(
        input_channels=1,
        n_stages=3,
        features_per_stage=[4, 8, 8],
        conv_op=nn.Conv3d,
        kernel_sizes=3,
        strides=[1, 2, 2],
        num_classes=2,
        n_conv_per_stage_decoder=[1, 1],
        conv_bias=True,
        norm_op={"instance": nn.InstanceNorm3d, "batch": nn.BatchNorm3d}[norm],
        norm_op_kwargs={"eps": 1e-5, "affine": True},
        nonlin=nn.LeakyReLU,
        nonlin_kwargs={"inplace": True},
        deep_supervision=deep_supervision,
        **{blocks[kind]: [1, 1, 1]},
    )


def r3d_18() -> Any:
    """torchvision's ResNet for video, at its own width."""
    torchvision()
    from torchvision.models.video import r3d_18 as network

    return network(weights=None, num_classes=3)


def resnet_18() -> Any:
    """MONAI's ResNet-18 in 3 dimensions, an encoder with batch norm, with few channels."""
    return monai_nets().ResNet("basic", [2, 2, 2, 2], [4, 4, 8, 8], n_input_channels=1, conv1_t_stride=2, num_classes=3)


# Networks with batch norm, and the shape of a sample.
WITH_BATCH_NORM: dict[str, tuple[Callable[[], Any], tuple[int, ...]]] = {
    "BasicUNet": (basic_unet, (1, 16, 16, 16)),
    "UNet": (unet, (1, 16, 16, 16)),
    "DynUNet": (lambda: dyn_unet("BATCH"), (1, 16, 16, 16)),
    "PlainConvUNet": (lambda: nnunet("PlainConvUNet", "batch"), (1, 16, 16, 16)),
    "ResidualEncoderUNet": (lambda: nnunet("ResidualEncoderUNet", "batch"), (1, 16, 16, 16)),
    "r3d_18": (r3d_18, (3, 4, 16, 16)),
    "ResNet-18": (resnet_18, (1, 32, 32, 32)),
}
# Networks that normalize each sample by itself.
WITHOUT_BATCH_NORM: dict[str, tuple[Callable[[], Any], tuple[int, ...]]] = {
    "BasicUNet": (lambda: basic_unet("instance"), (1, 32, 32, 32)),
    "SegResNet": (seg_res_net, (1, 16, 16, 16)),
    "DynUNet": (dyn_unet, (1, 16, 16, 16)),
    "SwinUNETR": (swin_unetr, (1, 64, 64, 64)),
    "PlainConvUNet": (lambda: nnunet("PlainConvUNet", "instance"), (1, 16, 16, 16)),
    "ResidualEncoderUNet": (lambda: nnunet("ResidualEncoderUNet", "instance"), (1, 16, 16, 16)),
}


def batch_of(samples: int, shape: tuple[int, ...], seed: int = 0) -> np.ndarray[Any, Any]:
    """Return random samples, each with a mean and a spread of its own."""
    random = np.random.default_rng(seed)
    own = (samples,) + (1,) * len(shape)
    mean, spread = random.normal(1.0, 2.0, own), random.uniform(0.5, 3.0, own)
    return (mean + spread * random.normal(0.0, 1.0, (samples, *shape))).astype(np.float32)
