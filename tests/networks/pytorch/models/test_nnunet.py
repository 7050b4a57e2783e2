"""Networks of nnU-Net equal those that were trained: the same names, the same numbers, the same outputs."""

from __future__ import annotations

import json

import numpy as np
import pytest
from results_folder import (
    REGIONS,
    TWO_LABELS,
    UNET,
    arguments_of,
    described,
    network,
    old_description,
    write_checkpoint,
    write_folder,
)

from bnstat.errors import InputError, UsageError
from bnstat.networks.opening import open_network, training_of

torch = pytest.importorskip("torch")
pytest.importorskip("dynamic_network_architectures")

NAME = "nnUNetTrainer__nnUNetPlans__3d_fullres"
PLAIN, RESIDUAL = described(f"{UNET}PlainConvUNet", arguments_of()), "n_blocks_per_stage"


@pytest.fixture(scope="module")
def usual(tmp_path_factory):
    """Return a trained folder and its network."""
    folder = write_folder(
        tmp_path_factory.mktemp("results") / "Dataset001_A" / NAME, {"2d": {}, "3d_fullres": PLAIN}, TWO_LABELS
    )
    module = network("PlainConvUNet", 2, 3, arguments_of())
    write_checkpoint(folder / "fold_0" / "checkpoint_final.pth", module, "3d_fullres")
    return folder, module


def outputs(module, batch):
    module.eval()
    with torch.no_grad():
        found = module(torch.from_numpy(batch))
    return (found if isinstance(found, torch.Tensor) else found[0]).numpy()


def batch_of(channels):
    return np.random.default_rng(1).normal(size=(2, channels, 16, 16, 16)).astype(np.float32)


def refused(model, **keywords):
    with pytest.raises((InputError, UsageError)) as caught:
        open_network(str(model), **keywords)
    line = str(caught.value)
    assert "\n" not in line
    return line


def test_the_folder_gives_the_network_that_was_trained_without_deep_supervision(usual):
    folder, module = usual
    opened = open_network(str(folder))
    assert opened.weights == str(folder / "fold_0" / "checkpoint_final.pth")
    assert opened.parameters == sum(one.numel() for one in module.parameters())
    passed = opened.evaluate(batch_of(2))
    np.testing.assert_array_equal(passed.outputs, outputs(module, batch_of(2)))
    instance_norms = [name for name, one in module.named_modules() if isinstance(one, torch.nn.InstanceNorm3d)]
    found = {one.normalization.layer for one in passed.seen}
    assert len(found) == len(passed.seen) == 7 == len(set(map(id, map(module.get_submodule, instance_norms))))
    assert found <= set(instance_norms)


@pytest.mark.parametrize("part", ["", "plans.json", "fold_0", "fold_0/checkpoint_final.pth", ".."])
def test_a_part_of_the_folder_means_the_same(usual, part, monkeypatch):
    folder, _ = usual
    assert open_network(str(folder / part)).weights.endswith("fold_0/checkpoint_final.pth")
    if part:
        monkeypatch.chdir(folder)
        assert open_network(part).weights.endswith("fold_0/checkpoint_final.pth")
    monkeypatch.chdir(folder / "fold_0")
    assert open_network("checkpoint_final.pth").weights == "checkpoint_final.pth"


def test_the_plans_of_the_folder_are_what_plans_takes(usual, monkeypatch):
    folder, _ = usual
    assert training_of(str(folder / "fold_0")) == f"{folder / 'plans.json'}:3d_fullres"
    assert training_of("torch.nn:Identity") is None
    monkeypatch.chdir(folder.parents[1])
    assert training_of(f"Dataset001_A/{NAME}") == f"Dataset001_A/{NAME}/plans.json:3d_fullres"


@pytest.mark.parametrize(
    ("kind", "configuration", "trained"),
    [
        (
            "ResidualEncoderUNet",
            described(f"{UNET}ResidualEncoderUNet", arguments_of(RESIDUAL)),
            arguments_of(RESIDUAL),
        ),
        # the module that plans converted by nnU-Net name, and that the package does not have
        (
            "ResidualEncoderUNet",
            described(
                "dynamic_network_architectures.architectures.residual_unet.ResidualEncoderUNet", arguments_of(RESIDUAL)
            ),
            arguments_of(RESIDUAL),
        ),
        ("PlainConvUNet", old_description("PlainConvUNet"), arguments_of()),
        # nnUNetTrainerBN leaves the plans as they are
        ("PlainConvUNet", PLAIN, arguments_of(norm="torch.nn.BatchNorm3d")),
    ],
    ids=["residual", "moved", "old plans", "batch norm"],
)
def test_other_networks_and_older_plans_give_the_network_too(tmp_path, kind, configuration, trained):
    folder = write_folder(tmp_path / NAME, {"3d_fullres": configuration}, REGIONS)
    module = network(kind, 1, 3, trained)  # three regions, and neither the background nor the ignored label
    file = write_checkpoint(folder / "fold_all" / "checkpoint_best.pth", module, "3d_fullres")
    opened = open_network(str(folder))
    assert opened.weights == str(file)
    np.testing.assert_array_equal(opened.evaluate(batch_of(1)).outputs, outputs(module, batch_of(1)))


def test_the_first_fold_and_its_final_checkpoint_are_used(tmp_path):
    folder = write_folder(tmp_path / NAME, {"3d_fullres": PLAIN}, TWO_LABELS)
    module = network("PlainConvUNet", 2, 3, arguments_of())
    for name in ("fold_all/checkpoint_final", "fold_10/checkpoint_final", "fold_2/checkpoint_best"):
        write_checkpoint(folder / f"{name}.pth", module, "3d_fullres")
    assert open_network(str(folder)).weights.endswith("fold_2/checkpoint_best.pth")
    write_checkpoint(folder / "fold_2" / "checkpoint_final.pth", module, "3d_fullres")
    assert open_network(str(folder)).weights.endswith("fold_2/checkpoint_final.pth")
    assert open_network(str(folder / "fold_all")).weights.endswith("fold_all/checkpoint_final.pth")


def test_the_configuration_is_that_of_the_checkpoint_also_in_a_renamed_folder(tmp_path):
    wide = described(f"{UNET}PlainConvUNet", {**arguments_of(), "features_per_stage": [6, 6, 6]})
    inherits = {"inherits_from": "3d_fullres", "batch_size": 4}
    folder = write_folder(tmp_path / "renamed", {"3d_lowres": wide, "3d_fullres": PLAIN, "mine": inherits}, TWO_LABELS)
    write_checkpoint(folder / "fold_0" / "checkpoint_final.pth", network("PlainConvUNet", 2, 3, arguments_of()), "mine")
    assert len(open_network(str(folder)).evaluate(batch_of(2)).seen) == 7
    assert training_of(str(folder)) is None


def test_a_cascade_says_that_it_needs_the_segmentation_of_the_network_before(tmp_path):
    cascade = {"inherits_from": "3d_fullres", "previous_stage": "3d_lowres"}
    folder = write_folder(tmp_path / NAME, {"3d_fullres": PLAIN, "3d_cascade_fullres": cascade}, TWO_LABELS)
    module = network("PlainConvUNet", 4, 3, arguments_of())  # two modalities, and two labels of the foreground
    write_checkpoint(folder / "fold_0" / "checkpoint_final.pth", module, "3d_cascade_fullres")
    assert open_network(str(folder)).evaluate(batch_of(4)).outputs.shape == (2, 3, 16, 16, 16)
    assert "takes 4 channels and the samples have 2; 2 of them are the segmentation" in refused(folder, channels=2)


def test_other_weights_may_be_given(usual, tmp_path):
    folder, module = usual
    torch.save(
        {"state_dict": {f"module.{name}": value for name, value in module.state_dict().items()}}, tmp_path / "w.pt"
    )
    opened = open_network(str(folder), weights=f"{tmp_path / 'w.pt'}::state_dict")
    np.testing.assert_array_equal(opened.evaluate(batch_of(2)).outputs, outputs(module, batch_of(2)))


def test_plans_cannot_have_anything_imported(tmp_path):
    for number, configuration in enumerate(
        (
            described("subprocess.Popen", {"args": ["touch", str(tmp_path / "trace")]}),
            described(f"{UNET}PlainConvUNet", arguments_of(norm="os.system")),
            described(f"{UNET}PlainConvUNet", arguments_of(norm=f"{UNET}torch")),
            described("torch.nn.Module.load_state_dict", {}),
        )
    ):
        folder = write_folder(tmp_path / str(number) / NAME, {"3d_fullres": configuration}, TWO_LABELS)
        module = network("PlainConvUNet", 2, 3, arguments_of())
        write_checkpoint(folder / "fold_0" / "checkpoint_final.pth", module, "3d_fullres")
        assert "is not imported because a file names it" in refused(folder)
    assert not (tmp_path / "trace").exists()


def test_what_is_wrong_with_a_folder_is_one_line(tmp_path):
    folder = write_folder(tmp_path / "Dataset002_B" / NAME, {"3d_fullres": PLAIN}, TWO_LABELS)
    assert "it has no checkpoint in fold_0 or another fold" in refused(folder)
    narrow = network("PlainConvUNet", 2, 3, {**arguments_of(), "features_per_stage": [4, 4, 4]})
    file = write_checkpoint(folder / "fold_0" / "checkpoint_final.pth", narrow, "3d_fullres", "MyTrainer")
    line = refused(folder)
    assert "of another shape" in line
    assert f"MyTrainer may build a network of its own: give it as module:factory with `weights={file}`" in line
    write_checkpoint(file, network("PlainConvUNet", 2, 3, arguments_of()), "3d_other")
    assert "plans.json: it has no configuration '3d_other'" in refused(folder)
    write_checkpoint(file, network("PlainConvUNet", 2, 3, arguments_of()), "3d_fullres")
    assert "has nothing at the key 'nets'; its keys with tensors are network_weights" in refused(
        folder, weights=f"{file}::nets"
    )
    assert "takes 2 channels and the samples have 1; give all modalities" in refused(folder, channels=1)
    assert "is no factory, so `model_args` has no use" in refused(folder, arguments={"a": 1})
    unknown = {**PLAIN, "architecture": {**PLAIN["architecture"], "arch_kwargs": {**arguments_of(), "depth": 3}}}
    (folder / "plans.json").write_text(json.dumps({"configurations": {"3d_fullres": unknown}}))
    assert "got an unexpected keyword argument 'depth'" in refused(folder)
    (folder / "dataset.json").unlink()
    assert "dataset.json: no such file; nnU-Net writes it beside the folds" in refused(folder)
    (folder / "plans.json").write_text("{")
    assert "plans.json: the file is not valid JSON" in refused(folder)
    (folder.parent / NAME.replace("Plans", "ResEncUNetMPlans")).mkdir()
    (folder.parent / NAME.replace("Plans", "ResEncUNetMPlans") / "plans.json").write_text("{}")
    assert "has 2 trainings (" in refused(folder.parent)
