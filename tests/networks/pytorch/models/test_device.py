"""A device or a precision that is not there is one line that says which are."""

from __future__ import annotations

import pytest

from bnstat.errors import UsageError

torch = pytest.importorskip("torch")

from bnstat.networks.opening import open_network  # noqa: E402  (after the package that it needs)


def refused(**keywords):
    with pytest.raises(UsageError) as caught:
        open_network("torch.nn:Identity", **keywords)
    line = str(caught.value)
    assert "\n" not in line
    return line


def test_names_that_are_no_device(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert refused(device="gpu").endswith("`device=gpu` is no device of PyTorch; use cpu")
    assert refused(device="meta").endswith("`device=meta` is not there; use cpu")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert refused(device="gpu").endswith("use one of cpu, cuda:0, cuda:1")


def test_devices_that_this_machine_does_not_have():
    if torch.cuda.is_available():
        assert "the first is cuda:0" in refused(device=f"cuda:{torch.cuda.device_count()}")
    else:
        assert "`device=cuda` is not there, since PyTorch" in refused(device="cuda")
        assert "use " in refused(device="cuda:1")
    if not torch.backends.mps.is_available():
        assert "`device=mps` is not there" in refused(device="mps")


def test_a_gpu_out_of_the_number_that_there_are(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert "`device=cuda:2` is not there: this machine has 2 GPUs, the first is cuda:0" in refused(device="cuda:2")


def test_precisions():
    assert "`amp` must be bfloat16 or float16, and is half" in refused(amp="half")
    assert open_network("torch.nn:Identity", amp="bfloat16").framework == "pytorch"
