"""`bnstat.torch`: models are watched while other code runs them, and measured in Python."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from real_networks import batch_of, seeded

torch = pytest.importorskip("torch")

import bnstat.torch  # noqa: E402  (after the package that it needs)
from bnstat.errors import UsageError  # noqa: E402

nn, F = torch.nn, torch.nn.functional
BATCH = torch.from_numpy(batch_of(3, (1, 8, 8, 8)))


def small():
    seeded()
    return nn.Sequential(nn.Conv3d(1, 4, 3), nn.BatchNorm3d(4), nn.ReLU(), nn.Conv3d(4, 2, 3), nn.InstanceNorm3d(2))


class Checkpointed(nn.Module):
    """A network whose first half runs again in the backward pass."""

    def __init__(self, *, reentrant):
        super().__init__()
        self.first, self.last = nn.Sequential(nn.Conv3d(1, 4, 3), nn.BatchNorm3d(4), nn.ReLU()), nn.BatchNorm3d(4)
        self.reentrant = reentrant

    def forward(self, volume):
        return self.last(torch.utils.checkpoint.checkpoint(self.first, volume, use_reentrant=self.reentrant))


def test_a_watched_model_gives_a_table_of_its_layers():
    model = small()
    entered = []
    model[1].register_forward_hook(lambda _, got, __: entered.append(got[0].double().numpy()))
    with torch.no_grad(), bnstat.torch.watch(model.eval()) as watched:
        model(BATCH)
        assert [layer.layer for layer in watched.layers] == ["1", "4"]
        model(2.0 * BATCH[:2])
    batch, instance = watched.layers
    assert (batch.kind, batch.samples, batch.shape, batch.values) == ("batch", 5, (4, 6, 6, 6), 216)
    assert (instance.kind, instance.values, instance.stored) == ("instance", 64, False)
    values = np.concatenate(entered).swapaxes(0, 1).reshape(4, -1)
    np.testing.assert_allclose(batch.variance_ratio, 1.0 / values.var(axis=1), rtol=1e-9)
    np.testing.assert_allclose(batch.mean_gap, np.abs(values.mean(axis=1)) / values.std(axis=1), rtol=1e-9)
    rows = watched.to_rows()
    assert [(row["layer"], row["channel"]) for row in rows] == [
        ("1", 0),
        ("1", 1),
        ("1", 2),
        ("1", 3),
        ("4", 0),
        ("4", 1),
    ]
    assert rows[0]["mean_gap"] == batch.mean_gap[0]
    assert rows[4]["mean_gap"] is None
    lines = str(watched).splitlines()
    assert lines[0].split() == [
        "layer",
        "kind",
        "shape",
        "values",
        "samples",
        "ρ",
        "ε",
        "share",
        "dead",
        "mean",
        "gap",
        "variance",
        "ratio",
    ]
    assert [line.split()[:5] for line in lines[1:3]] == [
        ["1", "batch", "4x6x6x6", "216", "5"],
        ["4", "instance", "2x4x4x4", "64", "5"],
    ]
    assert max(map(len, lines)) <= 100


@pytest.mark.parametrize("reentrant", [True, False])
def test_layers_that_run_again_in_a_backward_pass_are_counted_once(reentrant):
    seeded()
    model = Checkpointed(reentrant=reentrant).train()
    batch = BATCH.clone().requires_grad_()
    with bnstat.torch.watch(model) as watched:
        for _ in range(2):
            model(batch).square().sum().backward()
    assert [(layer.layer, layer.samples) for layer in watched.layers] == [("first.1", 6), ("last", 6)]
    # PyTorch itself has run the first one again in each backward pass
    assert model.first[1].num_batches_tracked == 4
    assert not any(one._forward_pre_hooks or one._forward_hooks for one in model.modules())


def test_under_autocast_the_type_that_a_layer_saw_is_reported():
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16), bnstat.torch.watch(small()) as watched:
        watched.known.root(BATCH)
    assert [layer.dtype for layer in watched.layers] == ["bfloat16", "bfloat16"]


def test_watching_two_models_at_once_keeps_them_apart():
    one, other = small().eval(), nn.Sequential(nn.GroupNorm(1, 1))
    with torch.no_grad(), bnstat.torch.watch(one) as first, bnstat.torch.watch(other) as second:
        one(other(BATCH))
    assert [layer.layer for layer in first.layers] == ["1", "4"]
    assert [layer.layer for layer in second.layers] == ["0"]


def test_nothing_that_ran_is_said():
    with bnstat.torch.watch(nn.Sequential(nn.ReLU())) as watched:
        pass
    assert str(watched) == "no normalization ran"


def test_a_program_without_hooks_is_refused():
    with pytest.raises(UsageError, match="`model` is TorchScript"), bnstat.torch.watch(torch.jit.script(small())):
        pass


def batches(kind):
    parts = [BATCH, 3.0 * BATCH + 1.0]
    return {
        "tensors": parts,
        "arrays": [one.numpy() for one in parts],
        "pairs": [(one, torch.zeros(3)) for one in parts],
        "pairs of arrays": [(one.numpy(), np.zeros(3)) for one in parts],
        "dictionaries": [{"label": torch.zeros(3, 1), "image": one} for one in parts],
        "a loader": torch.utils.data.DataLoader([(one,) for part in parts for one in part], batch_size=2),
    }[kind]


@pytest.mark.parametrize("kind", ["tensors", "arrays", "pairs", "pairs of arrays", "dictionaries", "a loader"])
def test_a_model_is_measured_on_batches_as_a_training_has_them(kind):
    model = small().train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    report = bnstat.torch.layers(model, batches(kind), batch_sizes=(1, 2), draws=3, switch=True)
    assert len(report.samples) == 6
    assert [layer.layer for layer in report.layers] == ["1", "4"]
    assert [one.batch_size for one in report.layers[0].batches] == [1, 2]
    assert report.layers[0].output_moved > 0
    assert report.measured.model.source == "Sequential"
    assert report.verdict
    assert {finding.layer for finding in report.findings} <= {"1", "4"}
    assert model.training
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_layers_to_report_are_chosen_by_patterns():
    report = bnstat.torch.layers(small(), [BATCH], batch_sizes=(), layers="4")
    assert [layer.layer for layer in report.layers] == ["4"]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ([], "`batches` has no batch"),
        (BATCH, r"`batches` is one tensor; give a list of batches: \[batch\]"),
        (["case.nii"], "`batches` has a str without a tensor"),
        ([torch.zeros(3)], "`batches` has a batch with 1 axes"),
        ([torch.zeros(2, 3, 8, 8, 8)], r"Sequential cannot run a batch of shape 1 × 3 × 8 × 8 × 8"),
    ],
)
def test_batches_that_cannot_be_run_are_refused(given, words):
    with pytest.raises(UsageError, match=words):
        bnstat.torch.layers(small(), given)


def test_without_pytorch_the_way_to_install_it_is_said():
    code = "import sys; sys.modules['torch'] = None\nimport bnstat.torch"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ran.returncode == 1
    assert "ImportError: bnstat.torch needs PyTorch, which is not installed: pip install 'bnstat[torch]'" in ran.stderr
