"""Train small U-Nets at a batch size, with a normalization and a seed of choice.

`python -m networks.training FOLDER`, in `scripts/`, trains every network that docs/concepts/inside-the-network.md tells
of, which takes about half an hour on an idle core; a network that is there already is left as it is.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from networks import acquisitions
from networks.acquisitions import SCANS, Scan

# The patch is a cube of this many voxels a side; scans from HELD_OUT on are for testing.
PATCH, HELD_OUT = 32, 12
STEPS = 500
WIDTHS = (8, 8, 16, 32, 64, 8)


@dataclass(frozen=True)
class Run:
    """A training run.

    Attributes:
        norm: "batch", "instance" or "group".
        batch_size: samples in a batch.
        seed: the seed of the weights and of the patches.
        frozen_from: the step from which batch norms use their stored statistics and no longer change them; None for
            never.
    """

    norm: str
    batch_size: int
    seed: int
    frozen_from: int | None = None

    @property
    def name(self) -> str:
        """The name of its file."""
        frozen = "" if self.frozen_from is None else "-frozen"
        return f"{self.norm}-b{self.batch_size}{frozen}-seed{self.seed}"


RUNS = (
    Run("batch", 1, 0),
    Run("batch", 1, 1),
    Run("batch", 1, 0, frozen_from=STEPS // 2),
    Run("batch", 4, 0),
    Run("instance", 1, 0),
    Run("instance", 1, 1),
    Run("group", 1, 0),
)


def network(norm: str = "batch") -> Any:
    """Return a BasicUNet of MONAI for one input channel and three classes: 18 normalizations."""
    from monai.networks.nets.basic_unet import BasicUNet

    options: dict[str, object] = (
        {"num_groups": 4} if norm == "group" else {"affine": True} if norm == "instance" else {}
    )
    return BasicUNet(3, 1, 3, features=WIDTHS, norm=(norm, options))


def zscored(scan: Scan) -> Scan:
    """Return a scan with mean 0 and standard deviation 1, as `--intensity zscore` gives it."""
    image = scan.image.astype(np.float64)
    return Scan(((image - image.mean()) / image.std()).astype(np.float32), scan.labels, scan.scanner)


def scaled(scan: Scan) -> Scan:
    """Return a scan divided by 1000, as `--intensity scale:0.001,0` gives it: scans keep what differs between them."""
    return Scan(scan.image / np.float32(1000), scan.labels, scan.scanner)


def patch(scans: list[Scan], random: np.random.Generator) -> tuple[Any, Any]:
    """Return a patch of a scan drawn at random, shape (1, 32, 32, 32), and its labels, shape (32, 32, 32)."""
    import torch

    scan = scans[random.integers(len(scans))]
    start = [random.integers(0, length - PATCH + 1) for length in scan.image.shape]
    place = tuple(slice(one, one + PATCH) for one in start)
    return torch.from_numpy(scan.image[place].copy())[None], torch.from_numpy(scan.labels[place].astype(np.int64))


def train(run: Run, scans: list[Scan], steps: int = STEPS) -> Any:
    """Return a network after training with cross-entropy and Dice loss, AdamW and a cosine schedule."""
    import torch

    torch.manual_seed(run.seed)
    random = np.random.default_rng(run.seed)
    net = network(run.norm).train()
    optimizer = torch.optim.AdamW(net.parameters(), 2e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    started = time.monotonic()
    for step in range(steps):
        if step == run.frozen_from:
            for module in net.modules():
                if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
                    module.eval()
        drawn = [patch(scans, random) for _ in range(run.batch_size)]
        images, labels = (torch.stack(one) for one in zip(*drawn, strict=True))
        loss = _loss(net(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if step % 100 == 0 or step == steps - 1:
            print(f"{run.name}: step {step}, loss {loss.item():.3f}, {time.monotonic() - started:.0f} s", flush=True)
    return net


def _loss(outputs: Any, labels: Any) -> Any:
    import torch

    probability = outputs.softmax(1)
    truth = torch.nn.functional.one_hot(labels, 3).movedim(-1, 1).float()
    both, axes = (probability * truth).sum((0, 2, 3, 4)), (0, 2, 3, 4)
    dice = (2 * both + 1) / ((probability + truth).sum(axes) + 1)
    return torch.nn.functional.cross_entropy(outputs, labels) + 1 - dice.mean()


def main() -> None:
    """Train what is missing in a folder, and write the scans beside it."""
    import torch

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    torch.set_num_threads(1)
    scans = acquisitions.simulate()
    if not (folder / "images").exists():
        acquisitions.write(scans, folder)
    prepared = [scaled(scan) for scan in scans[:HELD_OUT]]
    for run in RUNS:
        file = folder / f"{run.name}.pt"
        if not file.exists():
            torch.save({"state_dict": train(run, prepared).state_dict(), "batch_size": run.batch_size}, file)
    print(f"{len(RUNS)} networks of {SCANS} scans are in {folder}")


if __name__ == "__main__":
    main()
