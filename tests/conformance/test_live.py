"""bnstat beside PyTorch and Keras on JAX as they run here.

Keras has one backend in a process, so that on JAX has a process of its own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from conformance.agreement import TOLERANCE, comparisons
from conformance.cases import SCANS
from conformance.layers import ADAPTERS
from conformance.record import record

ROOT = Path(__file__).parents[2]
NEEDED = {"torch": ("torch",), "jax": ("keras", "jax")}
LIVE = [
    name
    for name, adapter in ADAPTERS.items()
    if not adapter.missing and (name.startswith("torch") or name == "keras-jax")
]
# Few enough for JAX to be quick.
FEW = (
    "channels-3",
    "channels-16",
    "batch-3",
    "one-value",
    "tiny-variance",
    "nan",
    "half",
    "sample-ct",
    "nibabel-anatomical",
)

pytestmark = pytest.mark.skipif(not SCANS.is_dir(), reason="this nibabel was installed without its test data")


def in_one_thread(adapter):
    """Small batches on more threads mostly wait, the more so where other tests run beside this one."""
    torch = pytest.importorskip("torch")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return record(adapter)
    finally:
        torch.set_num_threads(threads)


def recorded(name):
    """Return what the layer gives now."""
    adapter = ADAPTERS[name]
    if not adapter.backend:
        return in_one_thread(adapter)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "tests"), *sys.path])}
    command = [sys.executable, "-m", "conformance.record", name, "--cases", ",".join(FEW)]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


@pytest.mark.filterwarnings("ignore:Mismatch dtype between input and weight")
@pytest.mark.parametrize("name", LIVE)
def test_the_layer_that_runs_here_agrees_to_1e_6(name):
    for package in NEEDED[ADAPTERS[name].environment]:
        if find_spec(package) is None:  # it is not imported where it is there: Keras takes its backend when it is
            pytest.importorskip(package)
    found = comparisons(recorded(name))
    held = [run for run in found if run.held]
    assert len(held) >= 7
    assert {(run.case, run.setting): run.worst for run in held if not run.worst <= TOLERANCE} == {}
    assert [run for run in found if run.raised != run.predicted] == []
