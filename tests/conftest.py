"""Fixtures of all tests: writers of small files, nibabel's own data, and a comparison with numpy."""

from __future__ import annotations

import gc
import importlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest

import bnstat
from bnstat.cli import run

RELATIVE = 1e-12
IDENTITY = np.eye(4)

# Packages that no extra of pyproject.toml has: tests beside them are run by hand.
BY_HAND = ("nnunetv2", "fcntl")
# The file for the names of tests that a missing package skipped: CI runs these with all extras.
SKIPPED = os.environ.get("BNSTAT_WRITE_SKIPPED")
# If it is set, a package that an extra has and that cannot be imported is a failure and no reason to skip.
if os.environ.get("BNSTAT_ALL_EXTRAS"):
    skip_without = pytest.importorskip

    def imported(name: str, *arguments: Any, **keywords: Any) -> Any:
        if name.split(".", maxsplit=1)[0] in BY_HAND:
            return skip_without(name, *arguments, **keywords)
        return importlib.import_module(name)

    pytest.importorskip = imported


# A worker of xdist has one core: threads of PyTorch there would wait for each other, which takes twice the time.
if os.environ.get("PYTEST_XDIST_WORKER"):
    os.environ.setdefault("OMP_NUM_THREADS", "1")

# Thousands of tests are collected, and none of them is ever garbage: looking for it took a third of the collection, and
# some time of every test.
gc.disable()


def pytest_collection_finish() -> None:
    """Leave what was collected out of every later search for garbage."""
    gc.freeze()
    gc.enable()


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    _note_skipped(report)


def pytest_collectreport(report: pytest.CollectReport) -> None:
    _note_skipped(report)


def _note_skipped(report: pytest.TestReport | pytest.CollectReport) -> None:
    """Write down a test that a missing package skipped, once: in the process that gathers all reports."""
    if SKIPPED is None or not report.skipped or os.environ.get("PYTEST_XDIST_WORKER"):
        return
    reason = str(report.longrepr)
    if "could not import" in reason and not any(f"could not import '{name}" in reason for name in BY_HAND):
        with Path(SKIPPED).open("a", encoding="utf-8") as file:
            file.write(f"{report.nodeid}\n")


@dataclass(frozen=True)
class Ran:
    """The outcome of a command line."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.err.splitlines()

    @property
    def errors(self) -> list[str]:
        return [line for line in self.lines if line.startswith("bnstat: error: ")]


@pytest.fixture
def bnstat_run(capsys: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    """Run a command line in this process, and return its exit code, stdout and stderr."""

    def call(*args: object) -> Ran:
        capsys.readouterr()
        code = run([str(arg) for arg in args])
        captured = capsys.readouterr()
        assert "Traceback" not in captured.err
        return Ran(code, captured.out, captured.err)

    return call


@pytest.fixture
def refused(bnstat_run: Callable[..., Ran]) -> Callable[..., str]:
    """Run a command line that must fail with a code, no data and one line, and return that line."""

    def call(code: int, *args: object) -> str:
        ran = bnstat_run(*args)
        assert (ran.code, len(ran.lines), len(ran.errors)) == (code, 1, 1), ran
        assert ran.out.strip() == ""
        return ran.errors[0]

    return call


@pytest.fixture(scope="session")
def nibabel_data() -> Path:
    """Return the folder of the images in nibabel's own tests."""
    data = Path(nibabel.__file__).parent / "tests" / "data"
    if not data.is_dir():
        pytest.skip("this nibabel was installed without its test data")
    return data


@pytest.fixture(scope="session")
def voxels() -> np.ndarray[Any, Any]:
    """Return a small volume of whole numbers from 0 to 120, which every data type can hold."""
    drawn = np.random.default_rng(7).normal(60, 30, (7, 6, 5))
    return np.rint(drawn.clip(0, 120))


@pytest.fixture
def write_image(tmp_path: Path) -> Callable[..., str]:
    """Write an image with nibabel. A slope and an intercept go into its header and do not change the stored numbers."""

    def write(
        name: str,
        data: np.ndarray[Any, Any],
        kind: type[Any] = nibabel.Nifti1Image,
        *,
        endianness: str = "<",
        scale: tuple[float, float | None] | None = None,
        affine: Any = IDENTITY,
    ) -> str:
        header = kind.header_class() if kind is nibabel.MGHImage else kind.header_class(endianness=endianness)
        header.set_data_dtype(data.dtype)
        image = kind(data, affine, header)
        if scale is not None:
            image.header.set_slope_inter(*scale)
        path = tmp_path / name
        nibabel.save(image, path)
        return str(path)

    return write


@pytest.fixture
def small_image(write_image: Callable[..., str], voxels: np.ndarray[Any, Any]) -> Callable[..., str]:
    """Write a small int16 image under any name."""
    return lambda name="small.nii": write_image(name, voxels.astype(np.int16))


@pytest.fixture(scope="session")
def same_as_numpy() -> Callable[..., bnstat.Report]:
    """Compare mean, variance, min and max of one sample with numpy in float64. Channels are the last axis."""

    def check(path: str | Path, reference: Any, *, channels: bool = False, **settings: Any) -> bnstat.Report:
        report = bnstat.diagnose(path, **settings)
        assert report.errors == ()
        (batch,) = report.batches
        values = np.asarray(reference).astype(np.float64)
        columns = values.reshape(-1, values.shape[-1] if channels else 1)
        assert len(batch.channels) == columns.shape[1]
        for channel, column in zip(batch.channels, columns.T, strict=True):
            assert channel.count == column.size
            np.testing.assert_allclose(channel.mean, column.mean(), rtol=RELATIVE, atol=RELATIVE * column.std())
            np.testing.assert_allclose(channel.variance, column.var(), rtol=RELATIVE)
            np.testing.assert_allclose(channel.minimum, column.min(), rtol=RELATIVE)
            np.testing.assert_allclose(channel.maximum, column.max(), rtol=RELATIVE)
        return report

    return check
