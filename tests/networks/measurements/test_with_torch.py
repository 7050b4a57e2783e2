"""Measurements of real networks of PyTorch against plain PyTorch: loops, hooks and buffers, written by hand."""

from __future__ import annotations

import copy
import re
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from networks.fixture import samples as fixture_samples  # noqa: E402  # after torch is known to be there
from networks.fixture import trained  # noqa: E402
from torch import nn  # noqa: E402

from bnstat.batch_size import closed_form  # noqa: E402
from bnstat.networks.measurements.evaluation import evaluate  # noqa: E402
from bnstat.networks.measurements.measure import measure  # noqa: E402
from bnstat.networks.measurements.samples import HeldSamples  # noqa: E402
from bnstat.networks.measurements.statistics import corrected  # noqa: E402
from bnstat.networks.pytorch.module_network import ModuleNetwork  # noqa: E402
from bnstat.networks.settings import Measuring  # noqa: E402

BATCH_NORMS = ("1", "4", "7", "10")  # of the fixture


@pytest.fixture(scope="module")
def samples():
    return HeldSamples.of(fixture_samples(16))


@pytest.fixture(scope="module")
def measured(samples):
    return measure(ModuleNetwork(trained(), "fixture"), samples, Measuring((1, 4), draws=32, switch=True))


def plain_batches(module, samples, size, number):
    """Return for each batch norm the mean and biased variance of batches, shape (batches, 2, channels)."""
    random = np.random.default_rng(99)
    found = {name: [] for name in BATCH_NORMS}
    module = copy.deepcopy(module).train()
    for name in BATCH_NORMS:
        module.get_submodule(name).register_forward_hook(
            lambda _, args, __, name=name: found[name].append(
                torch.stack([args[0].mean((0, 2, 3, 4)), args[0].var((0, 2, 3, 4), correction=0)])
            )
        )
    with torch.no_grad():
        for _ in range(number):
            module(torch.from_numpy(np.stack([samples[one] for one in random.choice(len(samples), size, False)])))
    return {name: torch.stack(rows).double().numpy() for name, rows in found.items()}


@pytest.mark.parametrize(("size", "place"), [(1, 0), (4, 1)])
def test_noise_equals_a_plain_loop_within_sampling_error(measured, samples, size, place):
    number = 64
    for layer in measured.layers:
        rows = plain_batches(trained(), samples, size, number)[layer.layer]
        lost, within = rows[:, 0].var(0, ddof=1), rows[:, 1].mean(0)
        mine = layer.batches[place]
        ratio = np.array(mine.mean_noise) / np.sqrt(lost / (lost + within))
        # the error of a standard deviation from n batches is 1/√(2(n − 1)) of it; channels are not independent
        error = np.sqrt(1 / (2 * (mine.drawn - 1)) + 1 / (2 * (number - 1)))
        assert abs(np.log(np.median(ratio))) < 3 * error
        np.testing.assert_allclose(np.array(mine.shortfall), np.square(mine.mean_noise), rtol=1e-9)


def test_noise_differs_from_the_closed_form_of_evaluation_mode_below_a_batch_norm(measured, samples):
    cells = evaluate(ModuleNetwork(trained(), "fixture"), samples, (), switch=False).layers
    for layer in measured.layers:
        table = cells[layer.layer].cells
        form = closed_form.population(np.array([one.mean for one in table]), np.array([one.variance for one in table]))
        for mine in layer.batches:
            closed = np.median(form.expected(mine.batch_size).mean_noise)
            real = np.median(np.array(mine.mean_noise))
            if layer.layer == "1":  # nothing is above it
                assert real == pytest.approx(closed, rel=0.25)
            else:
                assert real < closed / 3


def test_the_documentation_has_the_figures_of_the_fixture():
    page = Path(__file__).parents[3] / "docs" / "layer-figures.md"
    rows = re.findall(
        r"^\| (?:first|second|third|fourth) \| (.*) \| (.*) \| (.*) \|$", page.read_text("utf-8"), re.MULTILINE
    )
    found = measure(ModuleNetwork(trained(), "fixture"), HeldSamples.of(fixture_samples(24)), Measuring((1,)))
    for row, layer in zip(rows, found.layers, strict=True):
        rho, noise = np.median(layer.rho), np.median(layer.batches[0].mean_noise)
        np.testing.assert_allclose([float(one) for one in row], [rho, np.sqrt(rho), noise], atol=0.0051)


def test_evaluation_mode_equals_plain_moments(measured, samples):
    module, entered = trained().eval(), {}
    for name in BATCH_NORMS:
        module.get_submodule(name).register_forward_hook(lambda _, args, __, n=name: entered.update({n: args[0]}))
    with torch.no_grad():
        module(torch.from_numpy(np.stack([samples[place] for place in range(16)])))
    for layer in measured.layers:
        own = trained().get_submodule(layer.layer)
        values = entered[layer.layer].double().transpose(0, 1).flatten(1)
        variance = values.var(1, correction=0)
        np.testing.assert_allclose(layer.variance_ratio, own.running_var.double() / variance, rtol=1e-4)
        np.testing.assert_allclose(
            layer.mean_gap, (own.running_mean.double() - values.mean(1)).abs() / variance.sqrt(), rtol=1e-3, atol=1e-6
        )
        output = (values - own.running_mean.double()[:, None]) / (own.running_var.double()[:, None] + own.eps).sqrt()
        np.testing.assert_allclose(layer.eval_output_variance, output.var(1, correction=0), rtol=1e-4)


def by_hand(module, samples, layers):
    """Return the classes of all samples, with some batch norms in training mode and no momentum."""
    module = copy.deepcopy(module).eval()
    for name in layers:
        own = module.get_submodule(name)
        own.train()
        own.momentum = 0.0
    with torch.no_grad():
        return torch.cat([module(torch.from_numpy(samples[one])[None]).argmax(1) for one in range(len(samples))])


def test_output_moved_equals_a_switch_by_hand(measured, samples):
    before = by_hand(trained(), samples, ())
    for layer in measured.layers:
        moved = (by_hand(trained(), samples, (layer.layer,)) != before).double().mean().item()
        assert layer.output_moved == pytest.approx(moved, abs=1e-12)
        assert moved > 0.05
    everywhere = (by_hand(trained(), samples, BATCH_NORMS) != before).double().mean().item()
    assert measured.output_moved == pytest.approx(everywhere, abs=1e-12)


def test_the_network_is_as_before(samples):
    module = trained().train()
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    measure(
        ModuleNetwork(module, "fixture"), HeldSamples.of(samples.arrays[:3]), Measuring((1, 2), draws=2, switch=True)
    )
    assert all(torch.equal(tensor, before[name]) for name, tensor in module.state_dict().items())
    assert all(part.training for part in module.modules())
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in module.modules())


@pytest.mark.parametrize("seed", range(3))
def test_a_filter_of_zeros_is_named_dead(seed):
    torch.manual_seed(seed)
    module = nn.Sequential(nn.Conv3d(1, 5, 3, bias=False), nn.BatchNorm3d(5), nn.ReLU(), nn.Conv3d(5, 4, 3))
    module.append(nn.BatchNorm3d(4))
    channel = int(torch.randint(4, ()))
    with torch.no_grad():
        module[3].weight[channel] = 0
    found = measure(ModuleNetwork(module, "random"), HeldSamples.of(fixture_samples(3)), Measuring((2,), draws=2))
    assert [layer.dead for layer in found.layers] == [(), (channel,)]
    assert found.layers[1].rho[channel] is None
    assert found.layers[1].batches[0].mean_noise[channel] is None


class Tokens(nn.Module):
    """Layer norms of tokens: with an axis of tokens, and with all tokens of a batch in a row."""

    def __init__(self):
        super().__init__()
        self.apart, self.flat, self.rms = nn.LayerNorm(6, eps=0.3), nn.LayerNorm(6, eps=0.3), nn.RMSNorm(6, eps=0.3)

    def forward(self, values):
        tokens = values.flatten(2).transpose(1, 2)
        return (
            self.apart(tokens).flatten(0, 1) + self.flat(tokens.flatten(0, 1)) + self.rms(tokens).flatten(0, 1)
        ).view(tokens.shape)


def test_tokens_are_normalized_one_by_one_however_they_lie():
    arrays = [np.random.default_rng(seed).normal(0, seed + 1, (6, 3, 3, 3)) for seed in range(5)]
    found = measure(ModuleNetwork(Tokens(), "tokens"), HeldSamples.of(arrays), Measuring(()))
    tokens = np.stack(arrays).astype(np.float32).astype(np.float64).reshape(5, 6, 27)
    for layer in found.layers:
        sizes = (tokens**2).mean(1) if layer.kind == "rms" else tokens.var(1)
        share = np.median(0.3 / (np.median(sizes, axis=1) + 0.3))
        np.testing.assert_allclose(layer.epsilon_share, [share] * 6, rtol=1e-9)
        assert (layer.values, layer.channels, layer.samples) == (6, 6, 5)


class Branches(nn.Module):
    """Two branches with batch norms, a sum, and an instance norm between batch norms."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv3d(1, 4, 3), nn.BatchNorm3d(4), nn.ReLU())
        self.left = nn.Sequential(nn.Conv3d(4, 4, 1), nn.BatchNorm3d(4), nn.ReLU(), nn.InstanceNorm3d(4))
        self.right = nn.Sequential(nn.Conv3d(4, 4, 3, padding=1), nn.BatchNorm3d(4, momentum=None))
        self.last = nn.Sequential(nn.Conv3d(4, 3, 1), nn.BatchNorm3d(3), nn.Dropout(0.5), nn.ReLU())

    def forward(self, values):
        stem = self.stem(values)
        return self.last(torch.relu(self.left(stem) + self.right(stem)))


def in_one_batch(module, batch):
    """Return the statistics of one training batch, from buffers with momentum 1 and Bessel's correction undone.

    In float64, where they are exact: in float32 a deep layer of few values is off by 1e-6 itself.
    """
    module = copy.deepcopy(module).train()
    values = {}
    for name, part in module.named_modules():
        if isinstance(part, nn.BatchNorm3d):
            part.momentum = 1.0
            part.register_forward_hook(lambda _, args, __, n=name: values.update({n: args[0][:, 0].numel()}))
        if isinstance(part, nn.Dropout):
            part.eval()
    with torch.no_grad():
        module(batch)
    return {
        name: (part.running_mean, part.running_var * (values[name] - 1) / values[name])
        for name, part in module.named_modules()
        if name in values
    }


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("make", [Branches, trained])
def test_statistics_layer_by_layer_equal_one_batch_of_all_samples(seed, make, tmp_path):
    torch.manual_seed(seed)
    module, samples = make(), HeldSamples.of(fixture_samples(5, first=seed * 10))
    network = ModuleNetwork(module, "random")
    batch = torch.from_numpy(np.stack([samples[place] for place in range(5)]))
    wanted = in_one_batch(copy.deepcopy(module).double(), batch.double())
    found = corrected(network, samples)
    assert {layer.layer for layer in found.layers} == set(wanted)
    for layer in found.layers:
        mean, variance = wanted[layer.layer]
        spread = np.sqrt(layer.variance)
        np.testing.assert_allclose((layer.mean - mean.numpy()) / spread, 0, atol=1e-6)
        np.testing.assert_allclose(layer.variance, variance.numpy(), rtol=1e-6)

    # what is saved does in evaluation mode what one training batch does
    network.save(str(tmp_path / "corrected.pt"))
    network.restore()
    again = make()
    again.load_state_dict(torch.load(tmp_path / "corrected.pt", weights_only=True))
    trains = copy.deepcopy(module).train()
    for part in trains.modules():
        if isinstance(part, nn.Dropout):
            part.eval()
    with torch.no_grad():
        torch.testing.assert_close(again.eval()(batch), trains(batch), rtol=1e-4, atol=1e-4)


def test_in_float64_the_same_statistics_agree_to_the_last_digits():
    torch.manual_seed(0)
    module, samples = Branches().double(), HeldSamples.of(fixture_samples(4))
    wanted = in_one_batch(module, torch.from_numpy(np.stack([samples[place] for place in range(4)])).double())
    for layer in corrected(ModuleNetwork(module, "random"), samples).layers:
        np.testing.assert_allclose(layer.variance, wanted[layer.layer][1].numpy(), rtol=1e-12)


def residual(block, channels):
    resnet = pytest.importorskip("monai.networks.nets.resnet")
    return resnet.ResNet(
        block, [2, 2, 2, 2], channels, spatial_dims=3, n_input_channels=1, conv1_t_stride=2, feed_forward=False
    )


def test_exactly_the_norms_of_a_residual_encoder_that_raise_are_named():
    torch.manual_seed(0)
    module = residual("basic", [2, 4, 4, 4])
    random = np.random.default_rng(0)
    samples = HeldSamples.of([random.normal(size=(1, 32, 32, 32)) for _ in range(3)])
    found = measure(ModuleNetwork(module, "resnet"), samples, Measuring((1, 2), draws=2))
    named = [layer.layer for layer in found.layers if layer.batches[0].raises]
    assert found.missed == ()
    assert named
    assert len(named) < len(found.layers)
    assert not any(layer.batches[1].raises for layer in found.layers)

    # the real network stops at one after the other, until all that are named are in evaluation mode
    module.train()
    batch = torch.from_numpy(np.array(samples[0]))[None].float()
    for name in named:
        with pytest.raises(ValueError, match="more than 1 value per channel"), torch.no_grad():
            module(batch)
        module.get_submodule(name).eval()
    with torch.no_grad():
        module(batch)
    first = next(layer.batches[0] for layer in found.layers if layer.batches[0].raises)
    assert "Expected more than 1 value per channel when training" in first.message
