"""Measure what watching normalizations adds to a forward pass of PyTorch on the CPU: time and peak memory.

Plain and watched passes of a network run in turns, and so does a training step. The ratio of the medians counts. Peaks
are those of processes of their own. README.md beside this file says what the numbers mean.
"""

from __future__ import annotations

import argparse
import importlib
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from torch import nn

from bnstat.networks.pytorch.module_network import ModuleNetwork

TIME_LIMIT, MEMORY_LIMIT = 1.5, 1.05

nets: Any = importlib.import_module("monai.networks.nets")  # it has types, and does not say what it exports

# Networks with half of their usual number of channels.
NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "BasicUNet": lambda: nets.BasicUNet(3, 1, 2, features=(16, 16, 32, 64, 128, 16), norm="batch"),
    "DynUNet": lambda: nets.DynUNet(3, 1, 2, [3] * 4, [1, 2, 2, 2], [2, 2, 2], filters=[16, 32, 64, 128]),
    "SegResNet": lambda: nets.SegResNet(3, init_filters=8, in_channels=1, out_channels=2),
    "SwinUNETR": lambda: nets.SwinUNETR(in_channels=1, out_channels=2, feature_size=24, spatial_dims=3),
}
# Kilobytes and not bytes are what Linux reports.
_RSS_UNIT = 1 if sys.platform == "darwin" else 1024


def made(name: str, size: int, samples: int) -> tuple[nn.Module, np.ndarray[tuple[int, ...], np.dtype[np.float32]]]:
    """Return a network with random weights, and a batch of noise."""
    torch.manual_seed(0)
    batch = np.random.default_rng(0).normal(0, 1, (samples, 1, size, size, size)).astype(np.float32)
    return NETWORKS[name]().eval(), batch


def seconds(call: Callable[[], object]) -> float:
    """Return the seconds of processor time that a call takes."""
    start = time.process_time()
    call()
    return time.process_time() - start


def training_step(module: nn.Module, batch: torch.Tensor) -> Callable[[], None]:
    """Return a training step: forward pass, loss, backward pass and SGD."""
    optimizer = torch.optim.SGD(module.parameters(), 1e-6)

    def step() -> None:
        module.train()
        optimizer.zero_grad()
        outputs = module(batch)
        (outputs[0] if isinstance(outputs, (list, tuple)) else outputs).square().mean().backward()
        optimizer.step()
        module.eval()

    return step


def peak(name: str, size: int, samples: int, *, watched: bool) -> int:
    """Return by how many bytes a forward pass raises the peak of its process above what a small one has left."""
    command = [sys.executable, __file__, "--peak", "watched" if watched else "plain", "--only", name]
    sizes = ["--size", str(size), "--samples", str(samples)]
    # glibc then gives memory back as soon as a tensor is freed; otherwise what it keeps differs from run to run
    environment = os.environ | {"MALLOC_MMAP_THRESHOLD_": "65536"}
    ran = subprocess.run([*command, *sizes], check=True, capture_output=True, text=True, env=environment)
    return int(ran.stdout)


def measured_peak(name: str, size: int, samples: int, *, watched: bool) -> int:
    """Run two passes in this process, and return the rise of its peak in bytes."""
    module, batch = made(name, size, samples)
    network = ModuleNetwork(module, name)
    small = batch[:, :, :32, :32, :32] if name != "SwinUNETR" else batch
    with torch.no_grad():
        module(torch.from_numpy(small))
    network.evaluate(small)  # what PyTorch and bnstat set up once, in both cases
    before = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * resource.getpagesize()
    for _ in range(2):
        if watched:
            network.evaluate(batch)
        else:
            with torch.no_grad():
                module(torch.tensor(batch)).numpy()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _RSS_UNIT - before


def said(ratio: float, limit: float) -> str:
    """Return a ratio beside its limit."""
    return f"{ratio:.3f} (limit {limit}: {'within' if ratio <= limit else 'over'})"


def main() -> None:
    """Run everything in turns, and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5, help="turns of each (5)")
    parser.add_argument("--size", type=int, default=64, help="edge of the patches (64)")
    parser.add_argument("--samples", type=int, default=1, help="patches in a batch (1)")
    parser.add_argument("--only", nargs="*", default=list(NETWORKS), choices=list(NETWORKS), help="networks")
    parser.add_argument("--threads", type=int, default=1, help="threads of PyTorch (1)")
    parser.add_argument("--peak", choices=("plain", "watched"), help="only print the peak of one pass, in bytes")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    size, samples = options.size, options.samples
    if options.peak:
        print(measured_peak(options.only[0], size, samples, watched=options.peak == "watched"))
        return
    for name in options.only:
        module, batch = made(name, size, samples)
        network, tensor = ModuleNetwork(module, name), torch.from_numpy(batch)
        step = training_step(module, tensor)

        def plain(module: nn.Module = module, tensor: torch.Tensor = tensor) -> None:
            with torch.no_grad():
                module(tensor)

        def watched_pass(network: ModuleNetwork = network, batch: np.ndarray[Any, Any] = batch) -> None:
            network.evaluate(batch)

        plain()
        layers = len(network.evaluate(batch).seen)
        calls: tuple[Callable[[], object], ...] = (plain, watched_pass, step)
        taken = [[seconds(call) for call in calls] for _ in range(options.runs)]
        alone, watched, trained = (median(column) for column in zip(*taken, strict=True))
        print(f"{name}, {samples} × {size}³, {layers} normalizations: forward pass {alone:.2f} s")
        print(f"  watched / forward pass {said(watched / alone, TIME_LIMIT)}")
        print(f"  watching alone / training step {(watched - alone) / trained:.3f} (no limit)")
        peaks = [peak(name, size, samples, watched=watched) for watched in (False, True)]
        print(f"  peak {peaks[1] / 2**20:.0f} MiB, {said(peaks[1] / peaks[0], MEMORY_LIMIT)}", flush=True)


if __name__ == "__main__":
    main()
