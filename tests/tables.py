"""The cells of a rendered report against its JSON document: each is the value there, at the digits that are printed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from statistics import median
from typing import Any

from claims import equals
from compare_claims import mean_shown
from random_reports import RandomReport
from screen_lines import is_row

from bnstat.renderers.compare_layers.rows import differing
from bnstat.renderers.inspect.columns import columns_of

Value = float | int | None
Row = Mapping[str, Any]

# How a number is shown that there is none of.
_UNDEFINED = ("–", "NaN")


def faults_of_cells(report: RandomReport) -> Iterator[str]:
    """Yield the cells that are not what the document has."""
    yield from _TABLES[report.command](report)


def cells_of(report: RandomReport) -> int:
    """Return the number of cells with a number."""
    rows = [line for line in report.screen.splitlines() if is_row(report.command, line)]
    return sum(bool(re.search(r"\d", cell)) for row in rows for cell in _split(row))


def _split(line: str) -> list[str]:
    return re.split(r" {2,}", line.strip())


def is_shown(cell: str, value: Value) -> bool:
    """Return True if a cell shows this number: as such, or a share in percent."""
    text = cell.removesuffix(" !").removesuffix("*")
    if value is None:
        return text in _UNDEFINED
    if text == "<0.01%":
        return 0 < value < 1e-4
    if text.endswith("%"):
        return equals(text.removesuffix("%"), 100 * value)
    return bool(re.match(r"[−-]?[\d.]", text)) and equals(text, value)


def _compared(where: str, cells: Sequence[str], values: Sequence[Value]) -> Iterator[str]:
    if len(cells) != len(values):
        yield f"{where}: {len(cells)} cells and {len(values)} values: {cells}"
    for cell, value in zip(cells, values, strict=False):
        if not is_shown(cell, value):
            yield f"{where}: {cell!r} is {value!r}"


# --- inspect -----------------------------------------------------------------------------------------------------


def _field(name: str) -> Callable[[Row], Value]:
    return lambda part: part[name]


_FIELDS: Mapping[str, Callable[[Row], Value]] = {
    "mean": lambda part: mean_shown(part["mean"], part["variance"]),
    "variance": _field("variance"),
    "std": _field("std"),
    "min": _field("min"),
    "max": _field("max"),
    "output variance": _field("output_variance"),
    "output mean square": _field("output_mean_square"),
    "mean square": _field("mean_square"),
    "ε share": _field("epsilon_share"),
    "clipped": _field("clipped_share"),
    "running mean": lambda part: mean_shown(part["running_mean"], part["running_variance"]),
    "running variance": _field("running_variance"),
    "gain": _field("gain"),
    **{name: _field(name) for name in "rdgb"},
}
_OWN = "layer's own variance"


def _own_variance(cell: str, part: Row) -> bool:
    """Return True if it is the layer's own variance, or the ends between which rules judge it to lie."""
    if part["prediction"] == "emulated":
        return is_shown(cell, part["predicted_variance"])
    ends = cell.split(" … ")
    if len(ends) == 2:
        low = part["predicted_variance_low"]
        return low is None or float(ends[0].replace(",", "")) >= low * 0.999 or equals(ends[0], low)
    return cell in ("–", "as exact")


def _part_cells(where: str, cells: Sequence[str], titles: Sequence[str], part: Row) -> Iterator[str]:
    for cell, title in zip(cells, titles, strict=True):
        if title == _OWN:
            if not _own_variance(cell, part):
                yield f"{where}: own variance {cell!r} of {part}"
        elif not is_shown(cell, _FIELDS[title](part)):
            yield f"{where}: {title} {cell!r} is {_FIELDS[title](part)!r}"
        clipped = part.get(f"{title}_clipped")
        if (clipped is True) != cell.endswith(" !"):
            yield f"{where}: {title} {cell!r} is clipped: {clipped}"


def _inspect(report: RandomReport) -> Iterator[str]:
    titles = [column.title for column in columns_of(report.report)]
    lines = [line for line in report.screen.splitlines() if is_row("inspect", line)]
    rows = iter([_split(line) for line in lines if re.search(r"\d|–", line) and "n/(n" not in line])
    for batch in (*report.document["batches"], *report.document.get("synchronized", ())):
        for part in batch.get("channels") or batch["groups"]:
            where = f"batch {batch['index']}"
            cells = next(rows, [])[-len(titles) :]
            if len(cells) != len(titles):
                yield f"{where}: no row for {part}"
                return
            yield from _part_cells(where, cells, titles, part)
            if part.get("finite") and part["finite"]["count"]:
                found = next(rows)
                start = found.index("finite") + 1
                yield from _compared(
                    where, found[start : start + 2], [part["finite"][name] for name in ("mean", "variance")]
                )
    if list(rows):
        yield "more rows than parts"


# --- compare over batch sizes ------------------------------------------------------------------------------------


def _small(value: Value) -> Value:
    """Return a ratio as it is shown: 0 where it is nothing but rounding."""
    return 0.0 if value is not None and abs(value) < 1e-12 else value


def _curve(points: Sequence[Row], channel: int) -> Iterator[list[Value]]:
    for point in points:
        one = point["channels"][channel]
        drawn = point["batches_drawn"] if one["observed"] is not None else None
        names = ("variance_cv", "eval_output_variance", "train_eval_rms")
        others = [_small(one[name]) for name in names]
        yield [point["batch_size"], drawn, _small(one["mean_noise"]), one["variance_shortfall"], *others]


def _runs(point: Row, channel: int) -> Iterator[list[Value]]:
    """Yield the simulated runs of a batch size, and the closed form below them."""
    one = point["channels"][channel]
    runs = one.get("simulated")
    names = ("running_mean", "running_mean_sd", "running_variance", "running_variance_sd")
    for order in ("shuffled", "independent"):
        run = (runs or {}).get(order)
        if run is not None:
            yield [point["batch_size"], *(run[name] for name in names), _small(run["train_eval_rms"])]
    if runs:
        run = runs["independent"]
        expected = (run["expected_running_mean"], one["running_mean_sd"], run["expected_running_variance"])
        yield [point["batch_size"], *expected, one["running_variance_sd"], _small(one["train_eval_rms"])]


def _compare(report: RandomReport) -> Iterator[str]:
    expected: list[tuple[str, list[Value]]] = []
    points = report.document["batch_sizes"]
    for one in report.document["population"]["channels"]:
        if one["between"] is None:
            continue
        channel = one["channel"]
        for kind in ("", "one_group", "synchronized"):
            own = [point if not kind else point.get(kind) for point in points]
            expected += [(f"channel {channel} {kind}", row) for row in _curve([p for p in own if p], channel)]
        expected += [(f"channel {channel} runs", row) for point in points for row in _runs(point, channel)]
    lines = (line for line in report.screen.splitlines() if re.match(r" *\d+\*? {2,}(?:all |[\d,–]|[a-z])", line))
    found = [
        [cell for cell in _split(line) if not re.fullmatch("[█▏▎▍▌▋▊▉]+|shuffled|independent|closed form", cell)]
        for line in lines
    ]
    if len(found) != len(expected):
        yield f"{len(found)} rows and {len(expected)} expected"
    for cells, (where, values) in zip(found, expected, strict=False):
        yield from _compared(where, [cell.removeprefix("all ") for cell in cells], values)


# --- compare over layers -----------------------------------------------------------------------------------------


def _compare_layers(report: RandomReport) -> Iterator[str]:
    yield from (_normalizers(report) if report.report.by == "normalizers" else _blocks(report))


def _blocks(report: RandomReport) -> Iterator[str]:
    """Yield faults of blocks: a heading for each channel or group, and rows below it."""
    by, entries = report.report.by, report.document[report.report.by]
    titles = [column.title for column in differing(report.report)]
    where: tuple[int, int] | None = None
    for line in report.screen.splitlines():
        heading = re.match(
            r"(?:group of channels|channel) (\d+)(?:–(\d+))?(?: of (batch|sample) (\d+))?   (?:mean |\d)", line
        )
        if heading:
            where = _placed(entries[0], *heading.groups())
        elif where is not None and line.startswith("  ") and is_row("compare_layers", line):
            name, *cells = _split(line)
            entry = _entry_of(re.sub(r" \+\d+$", "", name), report)
            batch = entry["batches"][where[0]]
            part = (batch.get("channels") or batch["groups"])[where[1]]
            own = [cells.pop(0)] if by == "frameworks" else []
            if own and not is_shown(own[0], entry["epsilon"]):
                yield f"{name}: ε {own[0]} is {entry['epsilon']}"
            yield from _part_cells(f"{name} at {where}", cells, titles, part)
        elif not line.strip():
            where = None


def _entry_of(name: str, report: RandomReport) -> Row:
    """Return the entry of a row; "steps 2" stands for the name that is below the table."""
    text = " ".join(report.screen.split())
    entries: list[Row] = report.document[report.report.by]
    return next(one for one in entries if one["name"] == name or f"{name}: {one['name']}" in text)


def _placed(entry: Row, first: str, last: str | None, kind: str | None, holder: str | None) -> tuple[int, int]:
    for batch in entry["batches"]:
        for place, part in enumerate(batch.get("channels") or batch["groups"]):
            channels = part["channels"] if "channels" in part else [part["channel"]]
            if (channels[0], channels[-1]) != (int(first), int(last or first)):
                continue
            if kind is None or part.get("sample", batch["index"]) == int(holder or 0):
                return batch["index"], place
    raise AssertionError(first)


def _normalizers(report: RandomReport) -> Iterator[str]:
    entries = report.document["normalizers"]
    parts = [[part for batch in one["batches"] for part in batch.get("channels") or batch["groups"]] for one in entries]
    known = [
        [[part[name] for part in own if part[name] is not None] for own in parts]
        for name in ("variance", "output_variance")
    ]
    expected: dict[tuple[str, int], list[Value]] = {
        ("epsilon ε", 0): [one["epsilon"] for one in entries],
        ("normalized groups", 0): [len(own) for own in parts],
        ("with zero variance", 0): [sum(part["constant"] for part in own) for own in parts],
        ("variance, least", 0): [min(own, default=None) for own in known[0]],
        ("output variance, least", 0): [min(own, default=None) for own in known[1]],
        **{("median", place): [median(own) if own else None for own in known[place]] for place in (0, 1)},
        **{("greatest", place): [max(own, default=None) for own in known[place]] for place in (0, 1)},
    }
    seen: dict[str, int] = {}
    for line in report.screen.splitlines():
        if not is_row("compare_layers", line):
            continue
        label, *cells = _split(line)
        channel = re.fullmatch(r"channel (\d+)(?: of batch (\d+))?", label)
        key = (label, seen.get(label, 0))
        if channel:
            place = int(channel[2] or 0), int(channel[1])
            yield from _compared(label, cells, [_outputs(one)[place] for one in entries])
        elif key in expected:
            seen[label] = key[1] + 1
            yield from _compared(label, cells, expected.pop(key))
    yield from (f"no row {key}" for key in expected)


def _outputs(entry: Row) -> dict[tuple[int, int], float | None]:
    """Return the variance of each channel after a normalizer."""
    return {
        (batch, place): value for batch, row in enumerate(entry["channel_outputs"]) for place, value in enumerate(row)
    }


# --- plan, and check, which has no table -------------------------------------------------------------------------


def _plan(report: RandomReport) -> Iterator[str]:
    rows = [_split(line) for line in report.screen.splitlines() if re.match(r" *(?:\d+ {2,}\d|head )", line)]
    head = report.document["head"]
    if head is not None:
        _, text, *numbers, raises = rows.pop()
        bessel = head["values_per_batch"] / (head["values_per_batch"] - 1) if head["values_per_batch"] > 1 else None
        yield from _compared("plan", numbers, [1, head["values_per_batch"], bessel])
        if text != report.document["settings"]["head"] or raises != (", ".join(head["raises"]) or "nothing"):
            yield f"plan: the head is {text}, which refuses {raises}"
    for cells, level in zip(rows, report.document["levels"], strict=True):
        number, shape, per_sample, per_batch, bessel, raises = cells
        yield from _compared(
            "plan",
            [number, per_sample, per_batch, bessel],
            [level[name] for name in ("level", "values_per_sample", "values_per_batch", "bessel")],
        )
        if [int(size) for size in shape.split(" × ")] != level["shape"]:
            yield f"plan: shape {shape}"
        if raises != (", ".join(level["raises"]) or "nothing"):
            yield f"plan: {raises} is {level['raises']}"


_TABLES: Mapping[str, Callable[[RandomReport], Iterator[str]]] = {
    "inspect": _inspect,
    "check": lambda _: iter(()),
    "compare": _compare,
    "compare_layers": _compare_layers,
    "plan": _plan,
}
