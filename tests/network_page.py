"""The examples of docs/how-to/networks.md, run with PyTorch: `python tests/network_page.py` writes them anew."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
if __name__ == "__main__":
    sys.path[:0] = [str(ROOT), str(ROOT / "scripts"), str(ROOT / "tests")]

from documentation import folders  # noqa: E402  (of scripts/, found on the path that is set above)
from documentation.examples import written_anew  # noqa: E402

PAGE = ROOT / "docs" / "how-to" / "networks.md"
SHOWN = "<!-- not run: needs PyTorch; tests/docs/test_networks.py runs it -->"
RUN = "<!-- folder: networks -->"
# The network of the results, as nnU-Net writes it into its plans.
NETWORK = {
    "n_stages": 3,
    "features_per_stage": [4, 8, 8],
    "conv_op": "torch.nn.modules.conv.Conv3d",
    "kernel_sizes": [[3, 3, 3], [3, 3, 3], [3, 3, 3]],
    "strides": [[1, 1, 1], [2, 2, 2], [2, 2, 2]],
    "n_conv_per_stage": [2, 2, 2],
    "n_conv_per_stage_decoder": [2, 2],
    "conv_bias": True,
    "norm_op": "torch.nn.modules.instancenorm.InstanceNorm3d",
    "norm_op_kwargs": {"eps": 1e-05, "affine": True},
    "dropout_op": None,
    "dropout_op_kwargs": None,
    "nonlin": "torch.nn.LeakyReLU",
    "nonlin_kwargs": {"inplace": True},
}
IMPORTED = ["conv_op", "norm_op", "dropout_op", "nonlin"]


def page_anew(text: str, network: Callable[[], Any]) -> str:
    """Return the page with the outputs of today.

    Args:
        text: the page.
        network: returns the network of nnU-Net whose weights the results have.
    """
    folders._FOLDERS["networks"] = lambda top: _folders(top, network)
    os.environ["OMP_NUM_THREADS"] = "1"
    return written_anew(text.replace(SHOWN, RUN)).replace(RUN, SHOWN)


def _folders(top: Path, network: Callable[[], Any]) -> None:
    """Make the data set of nnU-Net, and results of a training of it."""
    import torch

    folders.make("nnunet", top)
    data = top / "nnUNet_raw" / "Dataset042_Brain"
    results = top / "nnUNet_results" / "Dataset042_Brain" / "nnUNetTrainer__nnUNetPlans__3d_fullres"
    (results / "fold_0").mkdir(parents=True)
    plans = json.loads((top / "nnUNet_preprocessed/Dataset042_Brain/nnUNetPlans.json").read_text(encoding="utf-8"))
    plans["configurations"]["3d_fullres"]["architecture"] = {
        "network_class_name": "dynamic_network_architectures.architectures.unet.PlainConvUNet",
        "arch_kwargs": NETWORK,
        "_kw_requires_import": IMPORTED,
    }
    (results / "plans.json").write_text(json.dumps(plans), encoding="utf-8")
    (results / "dataset.json").write_text((data / "dataset.json").read_text(encoding="utf-8"), encoding="utf-8")
    torch.manual_seed(0)
    said = {"configuration": "3d_fullres", "fold": 0}
    content = {"network_weights": network().state_dict(), "init_args": said, "trainer_name": "nnUNetTrainer"}
    torch.save(content, results / "fold_0" / "checkpoint_final.pth")


def plain_network() -> Any:
    """Return the network that the plans describe."""
    from pydoc import locate

    from real_networks import torchvision

    torchvision()  # which timm imports
    from dynamic_network_architectures.architectures.unet import PlainConvUNet

    known = {name: None if value is None or name not in IMPORTED else locate(value) for name, value in NETWORK.items()}
    arguments = {name: known[name] if name in IMPORTED else value for name, value in NETWORK.items()}
    return PlainConvUNet(input_channels=2, num_classes=2, deep_supervision=True, **arguments)


if __name__ == "__main__":
    import torch

    torch.set_num_threads(1)
    PAGE.write_text(page_anew(PAGE.read_text(encoding="utf-8"), plain_network), encoding="utf-8")
