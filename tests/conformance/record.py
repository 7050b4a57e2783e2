"""Runs one adapter on the cases and writes what it gave, as JSON: `python -m conformance.record torch > torch.json`.

Numbers that a layer holds in float32 or float16 are written as the shortest decimal of that type, so that reading and
rounding gives back the same bits; statistics of outputs are taken in float64. NaN and Inf are texts.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import re
import sys
import warnings
from pathlib import Path

import numpy as np

from conformance.cases import CASES, digest
from conformance.layers import ADAPTERS, Adapter, Setting

FEATURES = ("avx", "avx2", "avx512f", "fma")


def numbers(values):
    """Return a list as JSON can hold it: floats in the shortest form that gives back the same bits."""
    array = np.asarray(values)
    flat = [float(text) if np.isfinite(float(text)) else text for text in map(str, array.ravel())]
    return np.array(flat, object).reshape(array.shape).tolist()


def pair(statistics):
    return None if statistics is None else {"mean": numbers(statistics[0]), "variance": numbers(statistics[1])}


def output_statistics(output, groups):
    """Mean and biased variance in float64 of each channel, or of each sample and group: what bnstat predicts."""
    if output is None:
        return None
    values = np.asarray(output).astype("f8")
    if groups is None:
        values = values.reshape(-1, values.shape[-1])[..., np.newaxis].transpose(1, 0, 2)
        values = values.reshape(values.shape[0], -1)
    else:
        samples, channels = values.shape[0], values.shape[-1]
        values = values.reshape(samples, -1, groups, channels // groups).transpose(0, 2, 1, 3)
        values = values.reshape(samples, groups, -1)
    with np.errstate(all="ignore"):
        return {**pair((values.mean(axis=-1), values.var(axis=-1))), "dtype": str(np.asarray(output).dtype)}


def batch_statistics(adapter: Adapter, setting: Setting, batch, layer):
    """Return the batch's own mean and variance: given by the layer, or left in buffers that remember nothing else.

    They are filled twice, since old − (old − batch) has the rounding of what it starts from.
    """
    if hasattr(layer, "statistics"):
        return layer.statistics()
    if layer.WHOLE_BATCH is None:
        return None
    forgetful = adapter.build(batch.shape, Setting(epsilon=setting.epsilon, momentum=layer.WHOLE_BATCH))
    for _ in range(2):
        forgetful.train(batch)
    return forgetful.buffers()


def steps(adapter: Adapter, setting: Setting, batches):
    """Run the layer over the batches."""
    layer = adapter.build(batches[0].shape, setting)
    groups = adapter.groups_of(batches[0].shape[-1])
    training = layer.train(batches[0])
    found = {
        "batch": pair(batch_statistics(adapter, setting, batches[0], layer)),
        "training": output_statistics(training, groups),
        "after_1": pair(layer.buffers()),
    }
    if layer.buffers() is None:
        return found
    for batch in batches[1:]:
        layer.train(batch)
    found[f"after_{len(batches)}"] = pair(layer.buffers())
    found["evaluation"] = output_statistics(layer.evaluate(batches[0]), groups)
    return found


def run(adapter: Adapter, setting: Setting, batches):
    """Return what the layer gave, or the error that it raised."""
    try:
        found = steps(adapter, setting, batches)
    except Exception as error:  # whatever a framework raises is what is recorded
        text = re.sub(r"/\S*/site-packages/", "", str(error)).strip().splitlines()[0]
        return {"error": {"type": type(error).__name__, "text": text}}
    return {name: value for name, value in found.items() if value is not None}


def processor():
    """Model of the processor, and which of the features are there that change a framework's sums."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return {"machine": platform.machine(), "features": []}
    flags = re.search(r"^flags\s*:\s*(.*)$", text, re.MULTILINE)
    return {
        "machine": platform.machine(),
        "features": [name for name in FEATURES if flags and name in flags.group(1).split()],
    }


def versions(adapter: Adapter):
    """Versions of what an adapter runs."""
    found = {name: importlib.metadata.version(name) for name in (*adapter.packages, "numpy")}
    return found | {"python": platform.python_version()}


def record(adapter: Adapter, names=None):
    """Everything that one adapter gives."""
    runs = []
    for setting in adapter.settings:
        for name in setting.cases or CASES:
            batches = CASES[name].batches() if names is None or name in names else []
            if batches and adapter.takes(batches[0].shape):
                runs.append({"case": name, "setting": setting.name, "digest": digest(batches)})
                runs[-1] |= run(adapter, setting, batches)
    return {
        "adapter": adapter.name,
        "preset": adapter.preset,
        "layer": adapter.layer,
        "versions": versions(adapter),
        "processor": processor(),
        "runs": runs,
    }


def text_of(recording):
    """JSON with a line for each run, so that a difference can be read."""
    head = {name: value for name, value in recording.items() if name != "runs"}
    lines = ",\n".join("  " + json.dumps(run, separators=(",", ":")) for run in recording["runs"])
    return json.dumps(head, indent=1)[:-2] + ',\n "runs": [\n' + lines + "\n ]\n}\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("adapter", choices=ADAPTERS, nargs="?")
    parser.add_argument("--list", action="store_true", help="each adapter with the environment that it needs")
    parser.add_argument("--cases", help="names, parted by commas; all when left out")
    chosen = parser.parse_args()
    if chosen.list:
        sys.stdout.write(json.dumps({name: adapter.environment for name, adapter in ADAPTERS.items()}))
        return
    adapter = ADAPTERS[chosen.adapter]
    if adapter.backend:
        os.environ["KERAS_BACKEND"] = adapter.backend
    os.environ.update(OMP_NUM_THREADS="1", CUDA_VISIBLE_DEVICES="", JAX_PLATFORMS="cpu", TF_CPP_MIN_LOG_LEVEL="3")
    warnings.simplefilter("ignore")
    sys.stdout.write(text_of(record(adapter, chosen.cases and chosen.cases.split(","))))


if __name__ == "__main__":
    main()
