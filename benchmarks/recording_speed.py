"""Measure what recording adds to a training step of PyTorch on the CPU: `bnstat.torch.record` at every=1 and every=50.

One network is trained, step by step in turns with a recorder and without. The ratio of the medians counts. README.md
beside this file says what the numbers mean.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import torch
from torch import nn

from bnstat.networks.pytorch.recording import record

LIMITS = {1: 1.10, 50: 1.02}


def network(features: int, depth: int) -> nn.Module:
    """Return an encoder of two convolutions a level, each with a batch norm, and a decoder of one convolution."""
    layers: list[nn.Module] = []
    inside = 1
    for level in range(depth):
        wide = features * 2**level
        for place in range(2):
            stride = 2 if level and not place else 1
            layers += [nn.Conv3d(inside, wide, 3, stride, padding=1, bias=False), nn.BatchNorm3d(wide), nn.ReLU()]
            inside = wide
    layers += [nn.Upsample(scale_factor=2 ** (depth - 1)), nn.Conv3d(inside, 2, 1)]
    return nn.Sequential(*layers)


def training_step(model: nn.Module, batch: torch.Tensor, labels: torch.Tensor) -> Callable[[], None]:
    """Return a training step: forward pass, loss, backward pass and SGD."""
    optimizer = torch.optim.SGD(model.parameters(), 1e-3)
    loss = nn.CrossEntropyLoss()

    def step() -> None:
        optimizer.zero_grad()
        loss(model(batch), labels).backward()
        optimizer.step()

    return step


def seconds(step: Callable[[], None]) -> float:
    """Return the seconds of processor time that a training step takes."""
    start = time.process_time()
    step()
    return time.process_time() - start


def main() -> None:
    """Train with and without a recorder in turns, and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=60, help="steps of each (60)")
    parser.add_argument("--size", type=int, default=48, help="edge of the patches (48)")
    parser.add_argument("--batch-size", type=int, default=2, help="patches in a batch (2)")
    parser.add_argument("--features", type=int, default=16, help="channels of the first level (16)")
    parser.add_argument("--depth", type=int, default=3, help="levels (3)")
    parser.add_argument("--threads", type=int, default=1, help="threads of PyTorch (1)")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    model = network(options.features, options.depth)
    edge = (options.size,) * 3
    step = training_step(
        model, torch.randn(options.batch_size, 1, *edge), torch.randint(0, 2, (options.batch_size, *edge))
    )
    step()
    plain, recorded = [], []
    with tempfile.TemporaryDirectory() as folder:
        for turn in range(options.steps):
            with record(model, Path(folder) / f"{turn}.jsonl", every=1):
                recorded.append(seconds(step))
            plain.append(seconds(step))
    alone, beside = median(plain), median(recorded)
    ratios = sorted(one / other for one, other in zip(recorded, plain, strict=True))
    quarter = len(ratios) // 4
    print(f"training step {alone:.3f} s, recorded {beside:.3f} s")
    for every, limit in LIMITS.items():
        ratio = 1 + (beside / alone - 1) / every
        print(f"every={every}: ratio {ratio:.4f} (limit {limit}: {'within' if ratio < limit else 'over'})")
    print(f"every=1, middle half {ratios[quarter]:.3f} to {ratios[-1 - quarter]:.3f}")


if __name__ == "__main__":
    main()
