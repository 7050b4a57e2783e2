"""Train the small network of `checkpoints/` on `cohort/`, and save it on the way.

`python sample_data/train.py` writes the files anew; it needs torch. The network tells bright tissue from the rest:

- `step_20.pt`, `step_100.pt` and `step_400.pt` are one training, saved after so many steps;
- `pruned.pt` is another one, in which filter 5 of the second convolution is masked with zeros from the start.
"""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils import prune

SAMPLES = Path(__file__).resolve().parent
FOLDER = SAMPLES / "checkpoints"
SAVED_AFTER = (20, 100, 400)
PRUNED = 5
PATCH, BATCH = 16, 2


class Block(nn.Sequential):
    """A convolution, a batch norm and a ReLU."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.conv = nn.Conv3d(before, after, 3, padding=1)
        self.norm = nn.BatchNorm3d(after)
        self.relu = nn.ReLU()


def network() -> nn.Sequential:
    """Return a network of two blocks and a classifier of voxels."""
    parts = nn.Sequential()
    parts.add_module("encoder", Block(1, 8))
    parts.add_module("decoder", Block(8, 8))
    parts.add_module("head", nn.Conv3d(8, 2, 1))
    return parts


def volumes() -> list[Tensor]:
    """Return the volumes of the cohort, each with a mean of 0 and a standard deviation of 1."""
    found = []
    for file in sorted((SAMPLES / "cohort").glob("*.nii.gz")):
        voxels = np.asarray(nibabel.load(file).dataobj, np.float32)  # type: ignore[attr-defined]
        found.append(torch.from_numpy((voxels - voxels.mean()) / voxels.std()))
    return found


def batch(of: list[Tensor], generator: torch.Generator) -> Tensor:
    """Return patches of randomly drawn volumes."""
    patches = []
    for _ in range(BATCH):
        volume = of[int(torch.randint(len(of), (), generator=generator))]
        corner = [int(torch.randint(size - PATCH + 1, (), generator=generator)) for size in volume.shape]
        patches.append(volume[tuple(slice(start, start + PATCH) for start in corner)])
    return torch.stack(patches)[:, None]


def train(model: nn.Module, steps: int, folder: Path | None = None) -> None:
    """Train the network, and save it after some of the steps if a folder is given."""
    generator, data = torch.Generator().manual_seed(1), volumes()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    model.train()
    for step in range(1, steps + 1):
        entering = batch(data, generator)
        bright = (entering[:, 0] > 1.0).long()
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(entering), bright).backward()
        optimizer.step()
        if folder is not None and step in SAVED_AFTER:
            torch.save(model.state_dict(), folder / f"step_{step}.pt")


def main() -> None:
    """Write all files."""
    torch.set_num_threads(1)
    FOLDER.mkdir(exist_ok=True)
    torch.manual_seed(0)
    train(network(), max(SAVED_AFTER), FOLDER)
    torch.manual_seed(0)
    model = network()
    second = model.get_submodule("decoder.conv")
    mask = torch.ones_like(second.get_parameter("weight"))
    mask[PRUNED] = 0.0
    prune.custom_from_mask(second, "weight", mask)
    train(model, 200)
    prune.remove(second, "weight")
    torch.save(model.state_dict(), FOLDER / "pruned.pt")


if __name__ == "__main__":
    main()
