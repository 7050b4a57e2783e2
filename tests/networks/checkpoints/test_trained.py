"""Audits of networks of PyTorch that were trained, saved in the ways in which people save them."""

from __future__ import annotations

import numpy as np
import pytest

import bnstat

torch = pytest.importorskip("torch")
nn = torch.nn
STEPS, MASKED = 60, 4


def network(*, bias=True):
    return nn.Sequential(
        nn.Conv3d(1, 6, 3, padding=1, bias=bias),
        nn.BatchNorm3d(6),
        nn.ReLU(),
        nn.Conv3d(6, 6, 3, padding=1, bias=bias),
        nn.BatchNorm3d(6),
        nn.ReLU(),
        nn.Conv3d(6, 2, 1),
    )


def trained(model, steps=STEPS, mask=False, scale=1.0):
    """Train on random volumes; with a mask, one filter of the second convolution is 0 throughout."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    model.train()
    for _ in range(steps):
        if mask:
            with torch.no_grad():
                model[3].weight[MASKED] = 0.0
        entering = scale * torch.randn(2, 1, 6, 6, 6)
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(entering), (entering[:, 0] > 0.5).long()).backward()
        optimizer.step()
    return model


@pytest.fixture
def audited(tmp_path):
    """The report on an object that torch.save writes."""

    def call(saved, **settings):
        torch.save(saved, tmp_path / "model.pt")
        return bnstat.audit_checkpoint(str(tmp_path / "model.pt"), **settings)

    return call


def codes(report):
    return [(one.rule, one.layer) for one in report.findings]


def test_a_trained_network_is_in_order_and_its_figures_are_those_of_its_buffers(audited):
    model = trained(network())
    report = audited(model.state_dict())
    assert codes(report) == []
    for place, layer in zip((1, 4), report.to_dict()["layers"], strict=True):
        variance = model[place].running_var.double()
        gain = model[place].weight.detach().double() / torch.sqrt(variance + model[place].eps)
        assert layer["batches_tracked"] == STEPS
        assert layer["running_variance"]["max"] == variance.max().item()
        assert layer["gain"]["min"] == pytest.approx(gain.min().item(), rel=1e-12)
        np.testing.assert_allclose(layer["running_variance"]["median"], np.median(variance.numpy()), rtol=1e-12)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("momentum", [0.1, 0.01, 0.03])
def test_a_filter_of_zeros_is_named_from_the_buffers_alone(audited, bias, momentum):
    model = network(bias=bias)
    model[1].momentum = model[4].momentum = momentum
    report = audited(trained(model, mask=True).state_dict(), momentum=momentum)
    assert [layer["dead"] for layer in report.to_dict()["layers"]] == [[], [MASKED]]
    assert ("BN504", "4") in codes(report)
    if not bias:  # zeros tell the momentum too
        assert ("BN504", "4") in codes(audited(model.state_dict()))


@pytest.mark.parametrize(
    "wrapped",
    [
        lambda state: {"epoch": 7, "network_weights": state, "optimizer_state": None, "init_args": {"plans": "x"}},
        lambda state: {"state_dict": {f"model.{name}": value for name, value in state.items()}, "global_step": 9},
        lambda state: {f"module.{name}": value for name, value in state.items()},
        lambda state: {"model": state, "ema": {name: value.clone() for name, value in state.items()}},
    ],
)
def test_weights_are_found_wherever_they_are_saved(audited, wrapped):
    state = trained(network(), mask=True).state_dict()
    report = audited(wrapped(state))
    assert {one.rule for one in report.findings} == {"BN504"}
    assert all((one.layer.split(".")[-1], one.channel) == ("4", MASKED) for one in report.findings)


def test_a_network_before_training_and_after_few_steps(audited):
    assert codes(audited(network().state_dict())) == [("BN508", None)]
    assert codes(audited(trained(network(), 20).state_dict())) == [("BN509", None)]


def test_nan_that_entered_once_stays(audited):
    model = trained(network())
    model(torch.full((1, 1, 4, 4, 4), float("nan")))
    trained(model, 3)
    assert ("BN501", "1") in codes(audited(model.state_dict()))


def test_float16_loses_a_variance_that_float32_holds(audited):
    model = trained(network(), scale=3000.0)
    assert ("BN511", "1") in codes(audited(model.state_dict()))
    assert ("BN502", "1") in codes(audited(model.half().state_dict()))


def test_two_checkpoints_of_a_training_are_told_apart(tmp_path):
    model = trained(network())
    torch.save(model.state_dict(), tmp_path / "one.pt")
    before = model[4].running_mean.clone(), model[4].running_var.clone()
    trained(model, 30)
    torch.save({"state_dict": model.state_dict()}, tmp_path / "two.pt")
    (difference,) = bnstat.compare_checkpoints([str(tmp_path / "one.pt"), str(tmp_path / "two.pt")]).differences
    moved = difference.moved.layers[1]
    expected = (model[4].running_mean - before[0]).abs() / torch.sqrt(before[1] + 1e-5)
    np.testing.assert_allclose(moved.mean_moved, expected.double().numpy(), rtol=1e-5)
    np.testing.assert_allclose(moved.variance_ratio, (model[4].running_var / before[1]).double().numpy(), rtol=1e-6)
    assert (moved.name, moved.after.name) == ("4", "state_dict.4")
