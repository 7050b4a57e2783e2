"""Measure what batch size 1 does inside trained networks, and write the tables of docs/concepts/inside-the-network.md.

`python -m networks.story FOLDER`, in `scripts/`, takes the networks and scans that `networks.training` has put there.
It asks `bnstat layers` as a user would, keeps the answers there, and switches layers by hand beside it, in about
ten minutes on an idle core.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import torch
from scipy.stats import spearmanr

from networks.acquisitions import simulate
from networks.evaluation import Dice, Patches, batch_norms, dice_of, own_statistics
from networks.training import HELD_OUT, PATCH, RUNS, Run, network, scaled

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "concepts" / "inside-the-network.md"
MARK = "<!-- the tables below are written by `python -m networks.story FOLDER` in scripts/ -->\n"

# How `bnstat layers` reads what the networks were trained on, in `scripts/`.
_AS_TRAINED = ("--patch", str(PATCH), "--patches", "3", "--intensity", "scale:0.001,0")


def main() -> None:
    """Write the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder.resolve()
    torch.set_num_threads(1)
    tested = Patches.of([scaled(scan) for scan in simulate()[HELD_OUT:]])
    text = PAGE.read_text(encoding="utf-8")
    head = text[: text.index(MARK) + len(MARK)]
    parts = [head, *_networks(folder, tested)]
    for run in RUNS:
        if run.norm == "batch" and run.batch_size == 1 and run.frozen_from is None:
            parts += _layers(folder, run, tested)
    PAGE.write_text("\n".join(parts) + "\n", encoding="utf-8")


def _networks(folder: Path, tested: Patches) -> Iterator[str]:
    """Yield a table with a row for each network."""
    yield "## Every network\n"
    yield (
        f"Dice of grey/white matter in {len(tested.images)} patches of {len(simulate()) - HELD_OUT} scans that no "
        "network was trained on.\n"
    )
    yield "| normalization | batch size | seed | stored statistics | each patch's own | population, layer by layer |"
    yield "|---|--:|--:|--:|--:|--:|"
    for run in RUNS:
        net = _trained(folder, run)
        title = f"{run.norm} norm" + (", frozen half-way" if run.frozen_from else "")
        stored = dice_of(net.eval(), tested)
        own = population = Dice(float("nan"), float("nan"))
        if batch_norms(net):
            own = dice_of(own_statistics(net, batch_norms(net)), tested)
            population = dice_of(_corrected(folder, run), tested)
            yield f"| {title} | {run.batch_size} | {run.seed} | {stored} | {own} | {population} |"
        else:
            yield f"| {title} | {run.batch_size} | {run.seed} | – | {stored} | – |"


def _layers(folder: Path, run: Run, tested: Patches) -> Iterator[str]:
    """Yield a table with a row for each layer of a network, and how well its columns tell which layers pay."""
    file = folder / f"{run.name}-layers.json"
    if not file.exists():
        _bnstat(folder, run, ["-b", "1", "--switch", "-o", str(file), "--format", "json"], _scans(folder)[HELD_OUT:])
    found = json.loads(file.read_text(encoding="utf-8"))
    net = _trained(folder, run).eval()
    before = dice_of(net, tested)
    gained = [dice_of(own_statistics(net, [name]), tested).both - before.both for name in batch_norms(net)]
    figures = [_figures(layer) for layer in found["layers"]]
    yield f"\n## {run.name}: every layer\n"
    yield (
        "ρ is the share of the variance that lies between patches, in evaluation mode; noise is that of the batch mean "
        "in training at batch size 1, in SD; the gap is |stored mean − mean of all patches| in SD. These are medians "
        "over channels. The change of Dice (grey + white) is that of a switch of this layer alone, made by hand.\n"
    )
    yield "| layer | ρ, evaluation | noise, training | gap | stored/true variance | output moved | change of Dice |"
    yield "|---|--:|--:|--:|--:|--:|--:|"
    for layer, row, change in zip(found["layers"], figures, gained, strict=True):
        cells = [f"{row[name]:.3f}" for name in ("rho", "noise", "gap", "ratio")]
        yield f"| {layer['layer']} | {' | '.join(cells)} | {100 * row['moved']:.1f} % | {change:+.3f} |"
    yield "\nRank correlation (Spearman) with the size of the change of Dice:\n"
    yield "| column | correlation |"
    yield "|---|--:|"
    for name, title in (("rho", "ρ, evaluation"), ("gap", "gap of the stored mean"), ("moved", "output moved")):
        yield f"| {title} | {spearmanr([row[name] for row in figures], [abs(one) for one in gained])[0]:.2f} |"


def _figures(layer: dict[str, Any]) -> dict[str, float]:
    """Return the medians over channels that the table shows."""

    def middle(values: Sequence[float | None]) -> float:
        known = [value for value in values if value is not None]
        return median(known) if known else float("nan")

    return {
        "rho": middle(layer["rho"]),
        "noise": middle(layer["batches"][0]["mean_noise"]),
        "gap": middle(layer["mean_gap"]),
        "ratio": middle(layer["variance_ratio"]),
        "moved": layer["output_moved"],
    }


def _corrected(folder: Path, run: Run) -> Any:
    """Return a network with population statistics of the scans that it was trained on, layer by layer."""
    file = folder / f"{run.name}-population.pt"
    if not file.exists():
        _bnstat(folder, run, ["--save-statistics", str(file), "-q"], _scans(folder)[:HELD_OUT])
    return _trained(folder, run, file).eval()


def _bnstat(folder: Path, run: Run, options: Sequence[str], volumes: Sequence[Path]) -> None:
    """Run `bnstat layers` on a network."""
    arguments = json.dumps({"norm": run.norm})
    model = ("networks.training:network", "--model-args", arguments, "--weights", str(folder / f"{run.name}.pt"))
    command = [sys.executable, "-m", "bnstat", "layers", *model, *map(str, volumes), *_AS_TRAINED, *options]
    subprocess.run(command, cwd=ROOT / "scripts", check=True, stdout=subprocess.DEVNULL)


def _scans(folder: Path) -> list[Path]:
    return sorted((folder / "images").glob("*.nii.gz"))


def _trained(folder: Path, run: Run, file: Path | None = None) -> Any:
    """Return the network of a run, with its own weights or those of a file."""
    net = network(run.norm)
    net.load_state_dict(torch.load(file or folder / f"{run.name}.pt", weights_only=True)["state_dict"])
    return net


if __name__ == "__main__":
    main()
