"""The small network that tests of measurements run: trained at batch size 1 on samples of two scanners.

`python -m networks.fixture`, in `scripts/`, trains it in about half a minute and writes its weights to
tests/networks/measurements/trained_at_one.npz. Samples are made from seeds and are not stored.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

WEIGHTS = Path(__file__).parents[2] / "tests" / "networks" / "measurements" / "trained_at_one.npz"
SIDE, SAMPLES, STEPS = 12, 24, 400
WIDTHS = (1, 6, 6, 8, 8)
# The scanners add and multiply: what batch norm at the input takes out in training mode, sample by sample.
OFFSETS, GAINS = (0.0, 2.0), (1.0, 1.6)

Floats = NDArray[np.float32]


def sample(seed: int) -> tuple[Floats, NDArray[np.int64]]:
    """Return a sample, shape (1, 12, 12, 12), and its labels: a ball is brighter than what lies around it."""
    random = np.random.default_rng(seed)
    centre, radius = random.uniform(3, SIDE - 4, 3), random.uniform(2, 4)
    grid = np.stack(np.meshgrid(*[np.arange(SIDE)] * 3, indexing="ij"), axis=-1)
    inside = ((grid - centre) ** 2).sum(axis=-1) < radius**2
    scanner = seed % 2
    values = random.normal(0, 0.5, inside.shape) + inside * random.uniform(0.8, 1.2)
    values = values * GAINS[scanner] + OFFSETS[scanner] + random.normal(0, 0.3)
    return values[np.newaxis].astype(np.float32), inside.astype(np.int64)


def samples(number: int = SAMPLES, first: int = 1000) -> list[Floats]:
    """Return samples that the network was not trained on."""
    return [sample(first + place)[0] for place in range(number)]


def network() -> Any:
    """Return the network with random weights: four batch norms, and two output channels."""
    from torch import nn

    layers: list[Any] = []
    for before, after in pairwise(WIDTHS):
        layers += [nn.Conv3d(before, after, 3, padding=1, bias=False), nn.BatchNorm3d(after), nn.ReLU()]
    return nn.Sequential(*layers, nn.Conv3d(WIDTHS[-1], 2, 1))


def trained() -> Any:
    """Return the network with the weights of the file."""
    import torch

    module = network()
    with np.load(WEIGHTS) as stored:
        module.load_state_dict({name: torch.from_numpy(stored[name]) for name in stored.files})
    return module


def main() -> None:
    """Train the network and write its weights."""
    import torch

    torch.manual_seed(0)
    torch.set_num_threads(1)
    module = network()
    optimizer = torch.optim.Adam(module.parameters(), 1e-2)
    loss_of = torch.nn.CrossEntropyLoss(weight=torch.tensor([0.2, 0.8]))
    for step in range(STEPS):
        values, labels = sample(step % 64)
        loss = loss_of(module(torch.from_numpy(values)[None]), torch.from_numpy(labels)[None])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    np.savez_compressed(WEIGHTS, **{name: tensor.numpy() for name, tensor in module.state_dict().items()})
    print(f"{WEIGHTS}: loss {loss.item():.3f}")


if __name__ == "__main__":
    main()
