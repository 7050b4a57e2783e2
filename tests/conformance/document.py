"""docs/conformance.md, written from the recordings: `python -m conformance.document > docs/conformance.md`."""

from __future__ import annotations

import json
import sys
from math import isfinite
from pathlib import Path

from arithmetic_cases import recorded, script, swept

from bnstat.layers.arithmetic.arithmetics import ARITHMETICS
from bnstat.layers.frameworks import FRAMEWORKS
from conformance.agreement import LIMITS, Comparison, comparisons
from conformance.cases import CASES, STEPS
from conformance.layers import ADAPTERS, Adapter
from conformance.predictions import WIDER, WIDEST, Summary, compared, summaries

RECORDINGS = Path(__file__).parent / "recordings"

COLUMNS = {
    "batch": ("batch",),
    "after 1 step": ("after_1",),
    f"after {STEPS} steps": (f"after_{STEPS}",),
    "outputs": ("training", "evaluation"),
}

# Presets without a layer of their own here, and where their values come from.
NOT_RUN = {
    "keras": "its conventions are those of the three backends, and the tests compare it with their recordings",
    "torch-cuda": "there is no GPU here; its values were measured on an NVIDIA H100 with PyTorch 2.11, and read in "
    "PyTorch's source",
    "torch-syncbn": "it refuses a CPU in a process group of 1 or of 2 (“{text}”). Without a group it hands over to "
    "batch norm. Its values were read in the source of PyTorch 2.13.0",
}

OPENING = """# bnstat compared with the real layers

`python scripts/conformance/run.py` writes this page. It runs each layer on {cases} cases and records the results in
`tests/conformance/recordings/`. The tests compare bnstat with these recordings and need no framework. Where PyTorch and
Keras on JAX are installed, the tests also run these layers again.

A case is ten batches (N, X, Y, Z, C) made from seeds, or cut out of nibabel's scans and `sample_data/`. There are 1 to
16 channels, batches of 1 to 3, one value a channel, a mean of 10,000 with a standard deviation of 1, a variance of
1e-8, constants, values in [0, 1], float16, one NaN and one Inf. Each case is run with the layer's defaults, and some
with a given ε and momentum.

## What was compared

The tests compare the layer's mean and variance of a batch, its buffers after 1 and after {steps} training steps, mean
and variance of its output in training and in evaluation mode, and the error message where it refuses to train. The
table has the largest deviations from bnstat's float64 numbers, relative to what float32 can resolve
(`tests/conformance/agreement.py` defines the scales). *Held* is the number of runs, out of all, that have to agree to
1e-6, because the layer's own sums are accurate there:

| arithmetic | held up to values | and condition number √(1 + mean²/variance) |
|---|---|---|
{limits}

Beyond these limits a deviation comes from the layer's float32 sums, and the last column shows it (∞: one of the two is
NaN or Inf). The layer's conventions are the same code there. *Refusals* are runs in which the layer raised an error,
all with the message that bnstat predicts.

{table}

The largest deviation of all held runs is {most}.

## Predictions of the layers' own arithmetic

This table compares the variance that `bnstat inspect` predicts for a layer's float32 sums with the variance that the
layer computed. The variances are those of the runs above, those of {seeded} hard cases made from seeds with 1 to
100,003 values a channel, and those of 348 cases with up to 5 million values (`tests/recordings/`, written by
`scripts/conformance/arithmetic.py`). The data are normal with means to 10⁶ and standard deviations from 10⁻³,
constants, a head in air, and one bright voxel. They are predicted *from moments* alone, as with `--no-emulate` (the
large cases always: their recordings hold moments). Where sums are sequential they are also predicted *from voxels*,
which are read again in the layer's order.

- *to the bit*: emulated variances that equal the layer's in every bit, out of all emulated ones;
- *in band*: variances between `predicted_variance_low` and `predicted_variance_high`, out of all;
- *deviation*: the largest deviation of a layer from the exact variance, relative to it;
- *widest*: the largest distance of a band's end from the exact variance, relative to it;
- *ratio*: the widest band over the deviation, which should be at most {widest}.

Data whose variance is 0 have no relative deviation. Their bands hold the layers' results too, and do not count in the
last three columns.

Layers that keep no statistics (instance, layer and group norm) do not report a variance. It was computed from the
variance of their outputs, v/(v̂ + ε), as far as float32 resolves it. On the large cases it was taken from the function
that computes it inside the layer, for the first sample. A float16 output resolves too little and was left out. So were
the buffers of `torch-instance-track` on float16, which are rounded to it. All batch norms have both float16 cases. RMS
norms have no prediction.

Three real scans as the channels of one volume, each enlarged to 2.4 million voxels, were run too. Mean and variance of
every layer with an emulation equal bnstat's in all bits ({stacked}).

{predictions}

{wider}

## Instruction sets

The recordings above are from a processor with AVX-512. `scripts/conformance/sweep.py` measured again on one with AVX2,
and held frameworks to older instruction sets too: PyTorch by `ATEN_CPU_CAPABILITY`, XLA by `--xla_cpu_max_isa`, oneDNN
by `ONEDNN_MAX_CPU_ISA`. The data are harder, in 1, 2, 3, 4 and 8 channels, each with values of its own:

- {kinds};
- 10 to 2·10⁶ values, densely around 3 to 5·10⁵, up to so many in a batch: 5·10⁶ for Keras on PyTorch, 2.5·10⁶ for Keras
  on JAX (`sse4.2`: 4·10⁵), 7·10⁵ for `torch`, 7·10⁴ for `tensorflow` and `keras2`, 4·10⁵ for all others. Layers that
  compile for each shape ran half of the shapes.

The columns:

- *in band*: channels whose variance lies in the band, of those that are recorded: the {kept} hardest of each kind, of
  few values and of {many} or more;
- *used*: the largest part of its band that a variance uses, and of which data; constants are not among them, since
  bnstat knows their very sums in PyTorch's cascades;
- *NaN*: of all channels, those whose variance is below −ε (ε = 0.001), so that the output is NaN, and bnstat says that
  it is possible; those of which it only says so; and those of which it does not say so.

{sets}

`default` and `avx2` differ in no bit for Keras on PyTorch. `torch-channels-last` differs: AVX2 and AVX-512 fuse
products and sums, and `default` does not. Its emulation is that of AVX2 and AVX-512, and JSON says so
(`predicted_on`). XLA hands these sums to YNNPACK, which chooses its instructions itself, whatever `--xla_cpu_max_isa`
says.

## Not run

| preset | why, and where its values come from |
|---|---|
{missing}

## Versions

{versions}
{processor}
- PyTorch and ONNX Runtime in one thread, Flax and Haiku without `jit`

## Where measurements differ from common belief

{differences}
"""

DIFFERENCES = (
    "PyTorch's InstanceNorm3d with `track_running_stats=True` rounds its running statistics to float16 where its "
    "input is float16, though the buffers are float32. For a variance past 65,504 the buffer is Inf, and evaluation "
    "mode gives 0 everywhere. BatchNorm3d on the same input keeps them in float32.",
    "`momentum=None` in InstanceNorm3d is not the cumulative mean that it is in BatchNorm3d: the buffers stay at "
    "0 and 1.",
    "PyTorch's instance norm refuses one voxel whatever the batch size; batch norm trains on two samples of one voxel.",
    "PyTorch's GroupNorm refuses with a shape that the input does not have: samples × channels / groups, groups, "
    "space.",
    "PyTorch's SyncBatchNorm does not run on a CPU, in a process group of one either.",
    "A NaN stays in the running statistics of every layer here but one: TensorFlow's fused operation, whose "
    "default factor is 1, replaces it by the next batch.",
    "TensorFlow with axis 1 is accurate for a batch of 1, and for a single channel. Otherwise it adds one value after "
    "the other in float32, as it does with channels last, but in another order: all samples of a voxel, then those of "
    "the next. A constant channel of 1000.3 has the variance {axis1_constant} in a batch of 2 × 960 values, and "
    "{last_constant} with channels last; 0 is right.",
    "Keras' `LayerNormalization` and `GroupNormalization` round their output to float16 where the input is "
    "float16, and give it as float32; `BatchNormalization` and `RMSNormalization` do not round.",
    "`tf.nn.moments` rounds mean and variance to float16 for float16 input, so that a variance past 65,504 is "
    "Inf; the fused operation keeps both in float32.",
    "Keras 2 without fusing updates by old − (old − batch)·w: from the start at 1 a variance below 6e-8 is lost "
    "even at w = 1, where new = batch is expected.",
    "PyTorch's RMSNorm keeps the ε of float32, 2⁻²³, where the input is float16 and its own weight float32.",
)


def read(name: str) -> dict:
    return json.loads((RECORDINGS / f"{name}.json").read_text(encoding="utf-8"))


def rounded(number: float) -> str:
    if not isfinite(number):
        return "∞"
    return "0" if number == 0 else f"{number:.1e}".replace("e-0", "e-").replace("e+0", "e+")


def largest(compared: list[Comparison], quantities: tuple[str, ...]) -> str:
    found = [run.deviations[name] for run in compared for name in quantities if name in run.deviations]
    return rounded(max(found)) if found else "–"


def refusals(compared: list[Comparison]) -> str:
    raised = [run for run in compared if run.raised or run.predicted]
    if not raised:
        return "–"
    return str(len(raised)) if all(run.raised == run.predicted for run in raised) else "differ"


def row(adapter: Adapter, compared: list[Comparison]) -> str:
    held = [run for run in compared if run.held]
    others = [run for run in compared if not run.held]
    layer = f"{adapter.layer} on {adapter.backend}" if adapter.backend else adapter.layer
    cells = (
        f"`{adapter.preset}`",
        layer,
        f"{len(held)} of {len(compared)}",
        *(largest(held, quantities) for quantities in COLUMNS.values()),
        refusals(compared),
        largest(others, tuple(name for quantities in COLUMNS.values() for name in quantities)),
    )
    return f"| {' | '.join(cells)} |"


def table(compared: dict[str, list[Comparison]]) -> str:
    heads = ("preset", "layer", "held", *COLUMNS, "refusals", "elsewhere")
    rows = [row(ADAPTERS[name], runs) for name, runs in compared.items() if not ADAPTERS[name].missing]
    return "\n".join([f"| {' | '.join(heads)} |", "|" + "---|" * len(heads), *rows])


HEADS = ("preset", "normalizer", "from", "variances", "accurate", "bounded", "emulated", "to the bit", "in band")
HEADS = (*HEADS, "deviation", "widest", "ratio")


def prediction_rows(preset: str, normalizer: str) -> list[str]:
    """Return a row for each way of predicting."""
    return [_prediction_row(preset, normalizer, one) for one in summaries(preset, normalizer)]


def _prediction_row(preset: str, normalizer: str, found: Summary) -> str:
    emulated = found.kinds["emulated"]
    ratio = "–" if found.ratio is None else f"{found.ratio:.1f}"
    noted = found.ratio is not None and found.ratio > WIDEST and (preset, normalizer) in WIDER
    cells = (
        f"`{preset}`",
        normalizer.split(":", maxsplit=1)[0],
        found.way,
        found.count,
        *(found.kinds[kind] or "–" for kind in ("accurate", "bounded", "emulated")),
        f"{found.equal} of {emulated}" if emulated else "–",
        "all" if found.held == found.count else f"{found.held} of {found.count}",
        rounded(found.deviation),
        "–" if found.width is None else rounded(found.width),
        f"{ratio} *" if noted else ratio,
    )
    return f"| {' | '.join(map(str, cells))} |"


def predictions() -> str:
    """Return the table of predictions."""
    rows = [row for pair in compared() for row in prediction_rows(*pair)]
    return "\n".join([f"| {' | '.join(HEADS)} |", "|" + "---|" * len(HEADS), *rows])


def instruction_sets() -> str:
    """Return the table of what layers computed on several instruction sets."""
    heads = ("layer", "instruction set", "channels", "in band", "used", "NaN said and found", "only said", "only found")
    lines = [f"| {' | '.join(heads)} |", "|" + "---|" * len(heads)]
    for content in swept().values():
        for layer, rows in content["rows"].items():
            sweep = script("sweep")
            bands = [(row, sweep.predicted(layer, row)) for row in rows]
            held = sum(band.low <= row[-1] <= band.high for row, band in bands)
            uses = [(sweep.used(layer, row), row[0].split(" | ")[0]) for row in rows if row[5] != row[6]]
            most, kind = max(uses)
            cells = (f"`{layer.split()[0]}`", content["instruction_set"], content["cases"][layer])
            cells = (*cells, "all" if held == len(rows) else f"{held} of {len(rows)}", f"{most:.2f} ({kind})")
            lines.append(f"| {' | '.join(map(str, (*cells, *content['nan'][layer])))} |")
    return "\n".join(lines)


def stacked() -> str:
    """Return the layers that were run on the stack of three scans."""
    threads = {name: [row[0] for row in rows if row[0]] for name, rows in sorted(recorded("stack").items())}
    return ", ".join(
        f"`{name}`" + (f" in {' and '.join(map(str, counts))} threads" if counts else "")
        for name, counts in threads.items()
    )


def wider() -> str:
    """Return why some bands are wider than they should be."""
    reasons = {why: [f"`{preset}`" for (preset, _), its in WIDER.items() if its == why] for why in WIDER.values()}
    return "\n".join(f"\\* {', '.join(presets)}: {why}." for why, presets in reasons.items())


def limits() -> str:
    words = {True: "any"}
    return "\n".join(
        f"| {ARITHMETICS[kind].title} | {words.get(values == float('inf'), f'{values:g}')} "
        f"| {words.get(condition == float('inf'), f'{condition:g}')} |"
        for kind, (values, condition) in LIMITS.items()
    )


def missing() -> str:
    text = read("torch-syncbn")["runs"][0]["error"]["text"]
    return "\n".join(f"| `{name}` | {why.format(text=text)} |" for name, why in NOT_RUN.items())


def versions(recordings: list[dict]) -> str:
    """Return each package once, with all the versions that were recorded."""
    found: dict[str, set[str]] = {}
    for recording in recordings:
        for package, version in recording["versions"].items():
            found.setdefault(package, set()).add(version)
    listed = (f"{package} {', '.join(sorted(numbers))}" for package, numbers in sorted(found.items()))
    return "- " + " · ".join(listed)


def processor(recordings: list[dict]) -> str:
    found = {f"{one['processor']['machine']} with {', '.join(one['processor']['features'])}" for one in recordings}
    return "- processor: " + "; ".join(sorted(found))


def constant_of(name: str) -> str:
    run = next(run for run in read(name)["runs"] if run["case"] == "constant")
    return rounded(float(run["batch"]["variance"][1]))


def differences() -> str:
    numbers = {
        "axis1_constant": constant_of("keras-tensorflow-axis1"),
        "last_constant": constant_of("keras-tensorflow"),
    }
    return "\n".join(f"- {text.format(**numbers)}" for text in DIFFERENCES)


def text(table_of_predictions: str | None = None) -> str:
    """Return the whole page; the table of predictions, which takes longest, may be given."""
    recordings = [read(name) for name in ADAPTERS]
    compared = {recording["adapter"]: comparisons(recording) for recording in recordings}
    worst = [run.worst for runs in compared.values() for run in runs if run.held and not run.raised]
    unknown = set(FRAMEWORKS) - {ADAPTERS[name].preset for name in compared} - set(NOT_RUN)
    assert not unknown, f"neither run nor said to be not run: {unknown}"
    return OPENING.format(
        cases=len(CASES),
        steps=STEPS,
        limits=limits(),
        table=table(compared),
        most=rounded(max(worst)),
        stacked=stacked(),
        seeded=len(script().emulated_cases()),
        widest=f"{WIDEST:g}",
        predictions=predictions() if table_of_predictions is None else table_of_predictions,
        wider=wider(),
        kinds=", ".join(script("sweep").KINDS),
        kept=script("sweep").KEPT,
        many=f"{script('sweep').MANY:,}",
        sets=instruction_sets(),
        missing=missing(),
        versions=versions(recordings),
        processor=processor(recordings),
        differences=differences(),
    )


if __name__ == "__main__":
    sys.stdout.write(text())
