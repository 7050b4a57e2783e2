"""What real layers do with an ε or a momentum that is 0, negative, huge or no number.

`python -m conformance.edges torch > torch.json` writes the recording of one adapter. Each run has one setting and one
batch: values that vary, a constant, and zeros. The layer is built, trained for one step and then evaluated.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import re
import sys
import warnings
from dataclasses import replace

import numpy as np

from conformance.cases import noise
from conformance.layers import ADAPTERS, Adapter, Setting
from conformance.record import output_statistics, pair, versions

EPSILONS = (0.0, -0.0, 1e-50, 1e-45, 1e-38, 1.2e-38, -1e-5, math.nan, math.inf, 1e38, 1e39)
MOMENTA = (0.0, 1.0, -0.1, 1.5, math.nan, math.inf)
# Channels fall into the two groups of group norm; variances are near 1, which is far above 1e-5, and near 1e-8.
SHAPE = (2, 3, 3, 2, 2)
DATA = {
    "varying": noise(30, 0, SHAPE).astype("f4"),
    "faint": (1e-4 * noise(31, 0, SHAPE)).astype("f4"),
    "constant": np.full(SHAPE, 3.0, "f4"),
    "zero": np.zeros(SHAPE, "f4"),
}


def settings_of(adapter: Adapter):
    """Yield each unusual ε and momentum that the layer takes, everything else as the adapter has it."""
    own = replace(adapter.settings[0], cases=None)
    for epsilon in EPSILONS:
        yield f"epsilon {epsilon!r}", replace(own, epsilon=epsilon)
    if any(setting.momentum is not None for setting in adapter.settings):
        for momentum in MOMENTA:
            yield f"momentum {momentum!r}", replace(own, momentum=momentum)


def outcome(adapter: Adapter, setting: Setting, batch):
    """Return what the layer gives in each mode, or the error that it raises there."""
    groups = adapter.groups_of(batch.shape[-1])
    found, layer = {}, None
    for mode in ("build", "training", "evaluation"):
        try:
            if mode == "build":
                layer = adapter.build(batch.shape, setting)
                continue
            output = layer.train(batch) if mode == "training" else layer.evaluate(batch)
            if output is None:
                continue
            found[mode] = output_statistics(output, groups)
            del found[mode]["dtype"]
            if mode == "training" and layer.buffers() is not None:
                found["buffers"] = pair(layer.buffers())
        except Exception as error:  # whatever a framework raises is what is recorded
            lines = [line for line in re.sub(r"/\S*/site-packages/", "", str(error)).strip().splitlines() if line]
            found[mode] = {"error": type(error).__name__, "text": lines[0] if lines else ""}
            if mode == "build":
                break
    return found


def record(adapter: Adapter):
    """Return all that one adapter gives."""
    with np.errstate(all="ignore"):
        runs = [
            {"setting": name, "data": kind, **outcome(adapter, setting, batch)}
            for name, setting in settings_of(adapter)
            for kind, batch in DATA.items()
        ]
    return {"adapter": adapter.name, "preset": adapter.preset, "versions": versions(adapter), "runs": runs}


def text_of(recording):
    """Return JSON with a line for each run."""
    head = {name: value for name, value in recording.items() if name != "runs"}
    lines = ",\n".join("  " + json.dumps(run, separators=(",", ":")) for run in recording["runs"])
    return json.dumps(head, indent=1)[:-2] + ',\n "runs": [\n' + lines + "\n ]\n}\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("adapter", choices=ADAPTERS)
    adapter = ADAPTERS[parser.parse_args().adapter]
    if adapter.backend:
        os.environ["KERAS_BACKEND"] = adapter.backend
    os.environ.update(OMP_NUM_THREADS="1", CUDA_VISIBLE_DEVICES="", JAX_PLATFORMS="cpu", TF_CPP_MIN_LOG_LEVEL="3")
    warnings.simplefilter("ignore")
    sys.stdout.write(text_of(record(adapter)))


if __name__ == "__main__":
    main()
