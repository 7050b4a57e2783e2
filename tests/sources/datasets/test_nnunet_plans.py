from __future__ import annotations

import json

import pytest

from bnstat.errors import InputError, UsageError
from bnstat.sources.datasets.nnunet_plans import read_plans

NEW = {
    "batch_size": 2,
    "patch_size": [28, 256, 224],
    "architecture": {
        "network_class_name": "PlainConvUNet",
        "arch_kwargs": {
            "n_stages": 4,
            "strides": [[1, 1, 1], [1, 2, 2], [2, 2, 2], [2, 2, 2]],
            "norm_op": "torch.nn.modules.instancenorm.InstanceNorm3d",
        },
    },
}
OLD = {"batch_size": 3, "patch_size": [64, 96, 80], "pool_op_kernel_sizes": [[1, 1, 1], [2, 2, 2], [1, 2, 2]]}


@pytest.fixture
def plans(tmp_path):
    path = tmp_path / "nnUNetPlans.json"
    child = {"inherits_from": "3d_fullres", "batch_size": 5}
    configurations = {"2d": {**OLD, "patch_size": [64, 96]}, "3d_fullres": NEW, "old": OLD, "child": child}
    path.write_text(json.dumps({"dataset_name": "x", "configurations": configurations}))
    return path


def test_sizes_are_turned_round_to_file_order(plans):
    found = read_plans(str(plans))
    assert (found.name, found.patch, found.batch_size, found.norm) == (
        "3d_fullres",
        (224, 256, 28),
        2,
        "InstanceNorm3d",
    )
    assert found.strides == ((2, 2, 1), (2, 2, 2), (2, 2, 2))


def test_the_older_keys_are_read_too(plans):
    found = read_plans(str(plans), "old")
    assert (found.patch, found.strides, found.norm) == ((80, 96, 64), ((2, 2, 2), (2, 2, 1)), None)


def test_a_configuration_inherits_what_it_does_not_say(plans):
    found = read_plans(str(plans), "child")
    assert (found.patch, found.batch_size) == ((224, 256, 28), 5)


def test_a_configuration_that_is_not_there_is_refused_with_those_that_are(plans):
    with pytest.raises(UsageError, match="it has 2d, 3d_fullres, old, child"):
        read_plans(str(plans), "3d_lowres")


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        '{"configurations": 3}',
        '{"configurations": {"a": {"inherits_from": "a"}}}',
        '{"configurations": [7]}',
    ],
)
def test_another_file_is_not_a_plans_file(tmp_path, content):
    path = tmp_path / "x.json"
    path.write_text(content)
    with pytest.raises(InputError, match="not a plans file"):
        read_plans(str(path))


def test_a_file_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read_plans(str(tmp_path / "none.json"))


def test_a_configuration_without_strides_is_an_error(tmp_path):
    path = tmp_path / "x.json"
    path.write_text(json.dumps({"configurations": {"3d_fullres": {"patch_size": [4, 4, 4], "batch_size": 2}}}))
    with pytest.raises(InputError, match="lacks"):
        read_plans(str(path))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"architecture": None}, "lacks"),
        ({"architecture": {"arch_kwargs": "x"}}, "lacks"),
        ({"batch_size": float("inf")}, "lacks"),
        ({"batch_size": 0}, "below 1"),
        ({"patch_size": [4, -4, 4]}, "below 1"),
        ({"pool_op_kernel_sizes": [[1, 1, 1], [2, 0, 2]]}, "below 1"),
    ],
)
def test_a_configuration_with_values_that_no_network_has_is_an_error_that_names_the_file(tmp_path, wrong, said):
    path = tmp_path / "x.json"
    path.write_text(json.dumps({"configurations": {"3d_fullres": {**OLD, **wrong}}}))
    with pytest.raises(InputError, match=f"x.json: its configuration '3d_fullres' .*{said}"):
        read_plans(str(path))
