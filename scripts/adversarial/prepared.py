"""Families on values that are changed or chosen first: `--intensity`, `--mask`, `--patch`."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Any

from reference import layers, moments, preparation, values
from reference.preparation import Channel, Value

from adversarial import files
from adversarial.inspected import EPSILONS, via_of
from adversarial.judge import Judge, lengths
from adversarial.runs import Refused, Run

PRESETS = ("keras", "torch", "flax", "onnx")
CODES = ("B", "h", "H", "i", "f", "f", "d", "d")


def _kind(rng: random.Random) -> files.Kind:
    kind = files.Kind(rng.choice([".nii", ".nii.gz"]), rng.choice(CODES), rng.random() < 0.2)
    if rng.random() < 0.3:
        slope, intercept = rng.choice([0.5, -2.0, 0.1]), rng.choice([0.0, -3.0, 10.0])
        return files.Kind(kind.ending, kind.code, kind.big, slope, intercept)
    return kind


def _numbers(rng: random.Random, code: str, count: int) -> list[float]:
    """Draw moderate numbers, with many zeros in some files, or one number only."""
    way = rng.randrange(6)
    if way == 0:
        numbers = [float(rng.choice([0, 1, 2, 3, 50]))] * count
    else:
        mean, deviation = rng.choice([(0, 1), (100, 30), (1000, 3), (5, 5), (0.5, 0.2)])
        numbers = [rng.gauss(mean, deviation) for _ in range(count)]
        if way < 3:
            share = rng.random()
            numbers = [0.0 if rng.random() < share else one for one in numbers]
    if code in files.INTEGERS:
        low = 0 if code.isupper() else -100
        return [min(max(round(one), low), 255 if code == "B" else 30_000) for one in numbers]
    numbers = [files.stored(one, code) for one in numbers]
    if rng.random() < 0.15:
        numbers[rng.randrange(count)] = rng.choice([float("nan"), float("inf"), float("-inf")])
    return numbers


def _steps(rng: random.Random) -> str:
    """Draw the steps of `--intensity`."""
    pool = [
        *("zscore", "minmax", "zscore-nonzero", f"minmax:{rng.choice([-1, 0, 3])},{rng.choice([1, 2, -5])}"),
        f"scale:{rng.choice([0.5, -2, 1e-3])},{rng.choice([0, 7, -0.1])}",
        f"clip:{rng.choice([-1, 0, 2, 80])},{rng.choice([90, 100, 1000])}",
        *("clip:0,", "clip:,50", "ct:-50,120,40,30", "ct:0,1,0.5,0", "none"),
        *("clip:p0.5,p99.5", "clip:p10,p75", "clip:p20,", "clip:0,p90", "clip:p5,p95,nonzero"),
        *("scale-percentile:1,99,0,1", "scale-percentile:5,80,1,-1", "scale-percentile:10,90,0,1,clip,nonzero"),
        *("zscore-nonzero-all", "zscore-nonzero-filled", "rescale_to_0_1", "noNorm"),
    ]
    steps = [rng.choice(pool) for _ in range(rng.choice([1, 1, 2, 3]))]
    return rng.choice(["|".join(steps), "|".join(steps), "zscore|clip:-3,3", "zscore|clip:0,|zscore-nonzero"])


def _by_channel(rng: random.Random, channels: int) -> str:
    """Draw steps for each channel, by its number or as the rest."""
    lists = [f"{channel}={_steps(rng)}" for channel in range(channels)]
    if rng.random() < 0.5:
        lists[-1] = rng.choice(["", "*="]) + _steps(rng)
    rng.shuffle(lists)
    return ";".join(lists)


def _mask(rng: random.Random) -> str:
    return rng.choice(["nonzero", "nonzero", ">0", ">=2", "<50", "<=0", ">99.5", ">-1"])


def _options(rng: random.Random, channels: int) -> dict[str, Any]:
    """Draw what is done to the voxels."""
    options: dict[str, Any] = {"framework": rng.choice(PRESETS)}
    if rng.random() < 0.75:
        options["intensity"] = _steps(rng)
    if rng.random() < 0.5 or "intensity" not in options:
        options["mask"] = _mask(rng)
    if channels > 1 and rng.random() < 0.4:
        options["batch-axis"] = 3
    elif "intensity" in options and rng.random() < 0.3:
        options["intensity"] = _by_channel(rng, channels)
    if "mask" in options and "intensity" in options and rng.random() < 0.3:
        step = rng.choice(["zscore:mask", "clip:p10,p90,mask", "scale-percentile:5,95,0,1,mask"])
        options["intensity"] = f"{rng.choice(['', 'clip:0,50|'])}{step}"
    return options


def steps_and_masks(rng: random.Random, folder: Path) -> tuple[Run, Judge]:
    """Check intensity steps and masks, of thresholds and of files."""
    kind, channels = _kind(rng), rng.choice([1, 1, 2])
    space = tuple(rng.randint(1, 7) for _ in range(3))
    shape = space if channels == 1 else (*space, channels)
    options = _options(rng, channels)
    paths, masks = [], {}
    by_file = rng.random() < 0.3
    (folder / "masks").mkdir()
    for place in range(rng.choice([1, 1, 3])):
        path = folder / f"v{place}{kind.ending}"
        files.write(path, kind, shape, _numbers(rng, kind.code, files.voxels(shape, kind)))
        paths.append(path)
        if by_file:
            marks = [rng.choice([0, 1, 1, 2]) for _ in range(files.voxels(space, kind))]
            files.write(folder / "masks" / f"v{place}.nii.gz", files.Kind(".nii.gz", "B"), space, marks)
            masks[path] = marks
    if by_file:
        options["mask"] = f"{folder}/masks/{{case}}.nii.gz"
    epsilon = rng.choice(EPSILONS)
    if epsilon is not None:
        options["epsilon"] = epsilon
    via = via_of(rng)  # an image in memory has no name by which its mask is found
    run, judge = Run("inspect", paths, options, "python" if by_file and via == "memory" else via), Judge()
    expected = [cells for path in paths for cells in _samples(path, options, masks.get(path))]
    empty = {place for place, cells in enumerate(expected) if any(not cell.count for cell in cells)}
    if empty:  # such a file is an error, and so the rest is not looked at here
        judge.tally.refused = 1
        try:
            document = run.document(folder)
        except Refused:
            return run, judge
        judge.same("errors (none)", bool(document["errors"]), True)
        return run, judge
    _compare(judge, run.document(folder), expected, options)
    return run, judge


def _samples(path: Path, options: dict[str, Any], marks: Sequence[float] | None) -> Iterator[list[moments.Cell]]:
    """Yield the cells of each sample of a file."""
    stored = values.read(path)
    steps, mask = options.get("intensity"), options.get("mask")
    tensor = values.tensor(stored, -1, options.get("batch-axis"))
    space = values.Stored(stored.shape[:3], stored.strides[:3], (), "B")
    order = values.tensor(space).places[0][0]  # of a volume, in the order of the reduced axes
    for sample in tensor.places:
        cells = []
        raw = [[stored.numbers[place] for place in places] for places in sample]
        filled = _filled(stored, raw)
        for number, places in enumerate(sample):
            numbers = [stored.numbers[place] for place in places]
            channel = preparation.channel_of(numbers, stored.slope, stored.intercept)
            if marks is None:
                chosen = preparation.inside(numbers, stored.slope, stored.intercept, mask)
            else:
                chosen = [marks[place] > 0 for place in order]
            exact = steps is None and stored.small_integers and not stored.scaled
            changed = preparation.prepared(channel, preparation.steps_of(steps, number), chosen, filled)
            cells.append(preparation.cell_inside(changed, chosen, exact=exact))
        yield cells


def _filled(stored: values.Stored, channels: Sequence[Sequence[float]]) -> list[bool]:
    """Return nnU-Net's mask of a sample from the stored numbers of its channels."""
    nonzero = [preparation.inside(numbers, stored.slope, stored.intercept, "nonzero") for numbers in channels]
    return preparation.filled_of(nonzero, stored.shape[:3])


def _compare(
    judge: Judge, document: dict[str, Any], expected: Sequence[Sequence[moments.Cell]], options: dict[str, Any]
) -> None:
    """Check batches of one sample each."""
    preset = layers.PRESETS[options["framework"]]
    epsilon = options.get("epsilon")
    if not lengths(judge, "batches", document["batches"], expected):
        return
    for place, (batch, cells) in enumerate(zip(document["batches"], expected, strict=True)):
        for channel, (found, cell) in enumerate(zip(batch["channels"], cells, strict=True)):
            fields = layers.statistics(cell, preset.added(epsilon))
            if cell.count >= preset.refuses:  # without a mask the layer would have more values and train
                fields |= layers.running(cell, preset, epsilon=epsilon)
            judge.fields(f"batches[{place}].channels[{channel}]", found, fields)


def patches(rng: random.Random, folder: Path) -> tuple[Run, Judge]:
    """Check patches: where they lie, what they hold, and which batch takes which."""
    kind, channels = _kind(rng), rng.choice([1, 1, 2])
    options: dict[str, Any] = {"framework": rng.choice(PRESETS), "pad": rng.choice(["zero", "edge"])}
    size = tuple(rng.randint(1, 5) for _ in range(3))
    options |= {"patch": "x".join(map(str, size)), "patches": rng.randint(1, 4)}
    options["per-volume"] = rng.randint(1, options["patches"])
    options["seed"] = rng.randrange(1000)
    if rng.random() < 0.4:
        options["intensity"] = _steps(rng)
        if "filled" not in options["intensity"] and rng.random() < 0.4:
            options["intensity-per"] = "patch"
    paths = []
    for place in range(rng.choice([1, 2, 3])):
        shape = tuple(rng.randint(1, 8) for _ in range(3))
        path = folder / f"v{place}{kind.ending}"
        shape = shape if channels == 1 else (*shape, channels)
        files.write(path, kind, shape, _numbers(rng, kind.code, files.voxels(shape, kind)))
        paths.append(path)
    total = options["patches"] * len(paths)
    options["batch-size"] = rng.choice([one for one in (1, 2, 3) if one <= total])
    run, judge = Run("inspect", paths, options, rng.choice(["python", "python", "cli"])), Judge()
    document = run.document(folder)
    by_patch = options.get("intensity-per") == "patch"
    volumes = [list(_channels(path, None if by_patch else options.get("intensity"))) for path in paths]
    shapes = [values.read(path).shape[:3] for path in paths]
    cells = []
    for place, sample in enumerate(document["samples"]):
        source = [str(path) for path in paths].index(sample["source"])
        start, shape = sample["patch"]["start"], shapes[source]
        judge.same(f"samples[{place}].patch.size", sample["patch"]["size"], list(size))
        _lies_inside(judge, f"samples[{place}].patch.start", start, shape, size)
        own = []
        for number, (whole, grid) in enumerate(volumes[source]):
            channel, taken = whole, tuple(preparation.patch(grid, shape, start, size, options["pad"]))
            if by_patch:
                steps = preparation.steps_of(options["intensity"], number)
                channel = preparation.prepared(Channel(taken, whole.noise), steps)
                taken = channel.values
            own.append(preparation.cell_of(taken, channel))
        cells.append((source, own))
    _in_turn(judge, document, [source for source, _ in cells], options, len(paths))
    preset = layers.PRESETS[options["framework"]]
    for place, batch in enumerate(document["batches"]):
        for number, found in enumerate(batch["channels"]):
            cell = moments.merge([cells[one][1][number] for one in batch["samples"]])
            fields = {**layers.statistics(cell, preset.epsilon), **layers.running(cell, preset)}
            judge.fields(f"batches[{place}].channels[{number}]", found, fields)
    return run, judge


def _channels(path: Path, steps: str | None) -> Iterator[tuple[Channel, dict[tuple[int, int, int], Value]]]:
    """Yield the prepared values of each channel, and where they lie in space."""
    stored = values.read(path)
    raw = [[stored.numbers[place] for place in places] for places in values.tensor(stored).places[0]]
    filled = _filled(stored, raw)
    for number, numbers in enumerate(raw):
        plain = preparation.channel_of(numbers, stored.slope, stored.intercept)
        channel = preparation.prepared(plain, preparation.steps_of(steps, number), filled=filled)
        x, y, z = (range(length) for length in stored.shape[:3])
        yield channel, dict(zip(product(x, y, z), channel.values, strict=True))


def _lies_inside(judge: Judge, place: str, start: Sequence[int], shape: Sequence[int], size: Sequence[int]) -> None:
    """Check that a patch lies in its volume, or has the smaller half of the padding in front."""
    for axis, (first, length, width) in enumerate(zip(start, shape, size, strict=True)):
        only = preparation.start_of(length, width)
        if only is not None:
            judge.same(f"{place}[{axis}]", first, only)
        else:
            judge.same(f"{place}[{axis}] (inside)", 0 <= first <= length - width, True)


def _in_turn(
    judge: Judge, document: dict[str, Any], sources: Sequence[int], options: dict[str, Any], volumes: int
) -> None:
    """Check that volumes give their patches in turn: so many of the first, of the second, and then again."""
    number, each = options["patches"], options["per-volume"]
    expected = [
        volume for done in range(0, number, each) for volume in range(volumes) for _ in range(min(each, number - done))
    ]
    taken = [one for batch in document["batches"] for one in batch["samples"]]
    judge.same("batches[].samples (volumes in turn)", [sources[one] for one in taken], expected)
    judge.same("batches[].samples (each once)", sorted(taken), list(range(len(expected))))
