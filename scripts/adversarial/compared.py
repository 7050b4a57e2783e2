"""Families on `bnstat compare --batch-sizes`: the curve over batch sizes, groups, ranks and patches."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from reference import curve, layers, moments, preparation, values
from reference.balls import ONE
from reference.curve import Batches, Samples, Whole
from reference.layers import Fields, Preset
from reference.moments import Cell
from reference.nested import Volumes

from adversarial import files
from adversarial.inspected import BATCH_PRESETS, samples_of
from adversarial.judge import Judge
from adversarial.runs import Run

EPSILONS = (None, None, 0.0, 1e-8, 1e-3, 0.5)
POPULATIONS = ("finite", "infinite")


class Layer:
    """The layer of a comparison, and what its batches depend on."""

    def __init__(self, rng: random.Random, options: dict[str, Any]) -> None:
        self.framework = rng.choice(BATCH_PRESETS)
        self.preset: Preset = layers.PRESETS[self.framework]
        options["framework"] = self.framework
        epsilon = rng.choice(EPSILONS)
        self.epsilon = self.preset.added(epsilon)
        if epsilon is not None:
            options["epsilon"] = epsilon
        self.momentum: float | str | None = None
        if rng.random() < 0.4 and self.framework != "tensorflow":
            cumulative = self.framework.startswith("torch") and rng.random() < 0.3
            self.momentum = options["momentum"] = "none" if cumulative else rng.choice([0.5, 0.9, 0.1, 0.999])
        self.most = options["draws"] = rng.choice([1000, 200, 40])
        options["population"] = rng.choice(POPULATIONS)
        options["seed"] = rng.randrange(100)
        self.infinite = options["population"] == "infinite"


def _cohort(rng: random.Random, folder: Path, least: int = 1) -> tuple[list[Path], dict[str, Any]]:
    """Write files whose means differ, some with NaN or of one number."""
    kind = files.kind_of(rng, colours=False)
    kind = files.Kind(kind.ending, rng.choice("hHfdfdB"), kind.big, version=kind.version)
    shape = tuple(rng.randint(1, 4) for _ in range(rng.choice([3, 4])))
    one_shape = rng.random() < 0.7
    apart, deviation = (
        rng.choice([(0, 1), (1, 1), (100, 10), (3, 0.01), (1e5, 1), (1e6, 1e5)]),
        rng.choice([1.0, 0.1, 30.0, 1e-3]),
    )
    paths = []
    everywhere = rng.choice([0.1, 1000.3, 100.0, 7e-5]) if rng.random() < 0.05 else None
    for place in range(max(least, rng.choice([1, 2, 3, 4, 5, 6, 8]))):
        size = shape if one_shape else (*(rng.randint(1, 4) for _ in shape[:-1]), shape[-1])
        count = files.voxels(size, kind)
        middle = rng.gauss(100 if kind.code in "hHB" else apart[0], apart[1])
        numbers = [rng.gauss(middle, deviation) for _ in range(count)]
        if rng.random() < 0.05:
            numbers = [middle] * count
        if everywhere is not None:
            numbers = [everywhere] * count
        if kind.code in "hHB":
            numbers = [min(max(round(one), 0), 255 if kind.code == "B" else 30_000) for one in numbers]
        else:
            numbers = [files.stored(one, kind.code) for one in numbers]
            if rng.random() < 0.05:
                numbers[rng.randrange(count)] = rng.choice([float("nan"), float("inf")])
        path = folder / f"v{place}{kind.ending}"
        files.write(path, kind, size, numbers)
        paths.append(path)
    # an array whose shape may mean something else is refused without the axis
    return paths, {"axis": len(shape) - 1} if kind.ending == ".npy" else {}


def _via(rng: random.Random) -> str:
    return rng.choices(["python", "cli", "moments"], [85, 8, 7])[0]


def batch_sizes(rng: random.Random, folder: Path) -> tuple[Run, Judge]:
    """Check the curve of whole samples, with ranks, and what runs of several steps average to."""
    paths, options = _cohort(rng, folder)
    layer = Layer(rng, options)
    samples = samples_of(paths, -1, None)
    number = len(samples)
    if number == 1:  # one sample says nothing about a larger set
        options["population"], layer.infinite = "finite", False
    sizes = sorted({rng.randint(1, max(1, min(number, 6))) for _ in range(3)})
    options["batch-sizes"] = ",".join(map(str, sizes))
    ranks = rng.choice([1, 1, 2, 3])
    if ranks > 1:
        options["ranks"] = ranks
    steps = rng.choice([None, None, 1, 7])
    if steps is not None:
        options["steps"] = steps
    run, judge = Run("compare", paths, options, _via(rng)), Judge()
    document = run.document(folder)
    judge.same("population.samples", document["population"]["samples"], number)
    usable = [sum(not one.cells[channel].poisoned for one in samples) for channel in range(len(samples[0].cells))]
    for channel, found in enumerate(document["population"]["channels"]):
        cells = [one.cells[channel] for one in samples if not one.cells[channel].poisoned]
        _population(judge, f"population.channels[{channel}]", found, cells, layer)
        for at in document["batch_sizes"]:
            _point(judge, at, channel, cells, layer, 1, max(usable), steps)
            if ranks > 1 and at["synchronized"] is not None:
                judge.same("synchronized.batch_size", at["synchronized"]["batch_size"], ranks * at["batch_size"])
                _point(judge, at["synchronized"], channel, cells, layer, ranks, max(usable), steps)
    judge.same("batch_sizes[].batch_size", [at["batch_size"] for at in document["batch_sizes"]], sizes)
    return run, judge


def _samples(cells: Sequence[Cell], infinite: bool) -> Samples:
    return Samples([one.mean_ball() for one in cells], [one.variance_ball() for one in cells], infinite)


def _population(judge: Judge, place: str, found: dict[str, Any], cells: Sequence[Cell], layer: Layer) -> None:
    """Check how the variance of a channel splits, and the statistics of all values together."""
    if not cells:
        judge.fields(place, found, {"samples": 0, "mean": None, "variance": None, "within": None, "rho": None})
        return
    judge.fields(place, found, curve.population(_samples(cells, layer.infinite and len(cells) > 1)))
    _merged(judge, place, found, cells)


def _merged(judge: Judge, place: str, found: dict[str, Any], cells: Sequence[Cell]) -> None:
    whole = moments.merge(cells)
    expected: Fields = {"merged_count": whole.finite, "merged_mean": whole.mean_ball()}
    judge.fields(place, found, expected | {"merged_variance": whole.variance_ball()})


def _point(
    judge: Judge,
    at: dict[str, Any],
    channel: int,
    cells: Sequence[Cell],
    layer: Layer,
    ranks: int,
    number: int,
    steps: int | None,
) -> None:
    """Check one channel at one batch size."""
    size, found = at["batch_size"], at["channels"][channel]
    place = f"batch_sizes[{size}]{'.synchronized' if ranks > 1 else ''}.channels[{channel}]"
    few = len(cells) < 2 or (not layer.infinite and len(cells) < size)
    if few:
        alone = cells[0].variance_ball() if len(cells) == size == 1 else None
        judge.fields(place, found, {**dict.fromkeys(curve.POINT), "expected_variance": alone})
        return
    judge.same(f"{place}.takes_all", at["takes_all"], not layer.infinite and size == number)
    samples = _samples(cells, layer.infinite)
    state, made = samples.whole(size), samples.every(size, layer.most)
    counts = {one.count for one in cells}
    values_of_batch = size * counts.pop() if len(counts) == 1 else None
    _compare_point(judge, place, found, state, made, layer, values_of_batch)
    if len(cells) == number:  # as many as any channel has, so that its batches are those that are counted
        judge.same(f"{place}.complete", at["complete"], made is not None)
        if made is not None:
            judge.same(f"{place}.batches_drawn", at["batches_drawn"], len(made.means))
    if steps is not None and values_of_batch is not None and found["simulated"] is not None:
        _steps(judge, f"{place}.simulated", found["simulated"], state, layer, values_of_batch, steps)


def _compare_point(
    judge: Judge,
    place: str,
    found: dict[str, Any],
    state: Whole,
    made: Batches | None,
    layer: Layer,
    values_of_batch: int | None,
) -> None:
    fields, seen, renorm = curve.point(
        state, made, layer.preset, epsilon=layer.epsilon, momentum=layer.momentum, values=values_of_batch
    )
    judge.fields(place, found, fields)
    if seen is not None:
        judge.fields(f"{place}.observed", found["observed"] or {}, seen)
    if renorm is not None:
        judge.fields(f"{place}.renorm", found["renorm"] or {}, renorm)


def _steps(
    judge: Judge, place: str, found: dict[str, Any], state: Whole, layer: Layer, values_of_batch: int, steps: int
) -> None:
    """Check what the running statistics average to after some steps."""
    bessel = layers.bessel(values_of_batch) if layer.preset.unbiased else ONE
    expected: Fields = curve.after_steps(state, bessel, layer.preset, layer.momentum, steps)
    for order in ("shuffled", "independent"):
        if found[order] is not None:
            judge.fields(f"{place}.{order}", found[order], {"steps": steps, **expected})


def groups(rng: random.Random, folder: Path) -> tuple[Run, Judge]:
    """Check batches that come from one group each."""
    paths, options = _cohort(rng, folder, least=2)
    layer = Layer(rng, options)
    sites = ["a", "b", *(rng.choice("abc") for _ in paths[2:])]
    table = folder / "sites.csv"
    rows = [f"{path.name},{site}" for path, site in zip(paths, sites, strict=True)]
    table.write_text("\n".join(["file,site", *rows]) + "\n", encoding="utf-8")
    options["group-by"] = f"{table}:site"
    samples = samples_of(paths, -1, None)
    sizes = sorted({rng.randint(1, max(1, min(len(samples), 3))) for _ in range(2)})
    options["batch-sizes"] = ",".join(map(str, sizes))
    run, judge = Run("compare", paths, options, rng.choice(["python", "python", "cli"])), Judge()
    document = run.document(folder)
    counted = {one: sum(sites[sample.source] == one for sample in samples) for one in sorted(set(sites))}
    named = {group["name"]: group["samples"] for group in document["population"]["groups"]}
    judge.same("population.groups", named, counted)
    for channel in range(len(samples[0].cells)):
        members = []
        for site in counted:
            cells = [one.cells[channel] for one in samples if sites[one.source] == site]
            members.append([one for one in cells if not one.poisoned])
        _one_group(judge, document, channel, [one for one in members if one], layer)
    return run, judge


def _one_group(
    judge: Judge, document: dict[str, Any], channel: int, members: Sequence[Sequence[Cell]], layer: Layer
) -> None:
    """Check the closed forms of batches of one group, for a channel."""
    if not members:
        return
    found = document["population"]["channels"][channel]
    apart = curve.between_groups([_samples(one, layer.infinite) for one in members])
    judge.fields(f"population.channels[{channel}]", found, {"between_groups": apart})
    for at in document["batch_sizes"]:
        size, point = at["batch_size"], at["one_group"]
        large = [_samples(one, layer.infinite) for one in members if layer.infinite or len(one) >= size]
        if not large or point is None or (layer.infinite and apart is None):
            continue
        place = f"batch_sizes[{size}].one_group.channels[{channel}]"
        counts = {cell.count for one in members for cell in one}
        state = curve.groups(large, size)
        values_of_batch = size * counts.pop() if len(counts) == 1 else None
        _compare_point(judge, place, point["channels"][channel], state, None, layer, values_of_batch)


def patches(rng: random.Random, folder: Path) -> tuple[Run, Judge]:
    """Check the curve of patches: volumes are drawn first, and patches within them."""
    kind = files.Kind(rng.choice([".nii", ".nii.gz"]), rng.choice("hfd"))
    options: dict[str, Any] = {}
    layer = Layer(rng, options)
    size = tuple(rng.randint(1, 3) for _ in range(3))
    options |= {"patch": "x".join(map(str, size)), "patches": rng.choice([1, 2, 2, 3])}
    options["per-volume"] = rng.randint(1, options["patches"])
    paths, shapes = [], []
    for place in range(rng.choice([2, 2, 3, 4])):
        shape = tuple(rng.randint(3, 6) for _ in range(3))
        middle, deviation = rng.gauss(100, 20), rng.choice([1.0, 10.0])
        numbers = [rng.gauss(middle, deviation) for _ in range(files.voxels(shape, kind))]
        numbers = (
            [round(one) for one in numbers] if kind.code == "h" else [files.stored(one, kind.code) for one in numbers]
        )
        paths.append(folder / f"v{place}{kind.ending}")
        shapes.append(shape)
        files.write(paths[-1], kind, shape, numbers)
    ranks = rng.choice([1, 1, 2])
    if ranks > 1:
        options["ranks"] = ranks
    most = len(paths) * options["per-volume"]
    sizes = sorted({rng.randint(1, min(most, 4)) for _ in range(2)})
    options["batch-sizes"] = ",".join(map(str, sizes))
    run, judge = Run("compare", paths, options, rng.choice(["python", "python", "cli"])), Judge()
    document = run.document(folder)
    by_volume: list[list[Cell]] = [[] for _ in paths]
    names = [str(path) for path in paths]
    grids = [_grid(path) for path in paths]
    for sample in document["samples"]:
        source = names.index(sample["source"])
        taken = preparation.patch(grids[source], shapes[source], sample["patch"]["start"], size, "zero")
        by_volume[source].append(moments.cell_of_fractions([one for one in taken if not isinstance(one, float)]))
    volumes = Volumes(
        [[cell.mean_ball() for cell in cells] for cells in by_volume],
        [[cell.variance_ball() for cell in cells] for cells in by_volume],
        options["per-volume"],
        layer.infinite,
    )
    found = document["population"]["channels"][0]
    judge.fields("population.channels[0]", found, volumes.population())
    _merged(judge, "population.channels[0]", found, [cell for cells in by_volume for cell in cells])
    for at in document["batch_sizes"]:
        _patch_point(judge, at, volumes, layer, files.voxels(size, kind), 1)
        if at["synchronized"] is not None:
            _patch_point(judge, at["synchronized"], volumes, layer, files.voxels(size, kind), ranks)
    return run, judge


def _grid(path: Path) -> dict[tuple[int, int, int], preparation.Value]:
    stored = values.read(path)
    x, y, z = stored.shape
    places = [(i, j, k) for i in range(x) for j in range(y) for k in range(z)]
    order = values.tensor(stored).places[0][0]
    channel = preparation.channel_of([stored.numbers[one] for one in order], stored.slope, stored.intercept)
    return dict(zip(places, channel.values, strict=True))


def _patch_point(
    judge: Judge, at: dict[str, Any], volumes: Volumes, layer: Layer, patch_values: int, ranks: int
) -> None:
    size = at["batch_size"] // ranks
    place = f"batch_sizes[{size}]{'.synchronized' if ranks > 1 else ''}.channels[0]"
    needed = len(volumes.shares(size, ranks))
    if volumes.number < (2 if layer.infinite else needed):
        return
    state, made = volumes.whole(size, ranks), volumes.every(size, layer.most, ranks)
    judge.same(f"{place}.complete", at["complete"], made is not None)
    _compare_point(judge, place, at["channels"][0], state, made, layer, at["batch_size"] * patch_values)
