"""What a message suggests if an option, a framework or a value is not quite right: something that can be typed."""

from __future__ import annotations

import json

import numpy as np
import pytest

import bnstat


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("--eps", "--epsilon"), ("--frame", "--framework"), ("--epsilom", "--epsilon"), ("--batchsize", "--batch-size")],
)
def test_an_option_that_does_not_exist_suggests_one(refused, small_image, typed, meant):
    said = refused(2, "inspect", small_image(), typed, "1")
    assert f"no such option {typed}; did you mean {meant}? (see" in said


def test_an_option_like_no_other_suggests_none(refused, small_image):
    assert "no such option --zzzzzz (see" in refused(2, "inspect", small_image(), "--zzzzzz", "1")


def test_several_frameworks_in_place_of_one_are_for_compare(refused, small_image):
    said = refused(2, "inspect", small_image(), "--framework", "keras,torch")
    assert "'keras,torch' is several; use bnstat compare with --frameworks" in said


@pytest.mark.parametrize("name", ["nnunet", "nnUNetv2"])
def test_nnunet_is_told_to_be_an_instance_norm(refused, small_image, name):
    assert "use --framework torch with --normalizer instance" in refused(
        2, "inspect", small_image(), "--framework", name
    )


def test_an_epsilon_of_several_is_refused_under_the_name_that_was_typed(refused, small_image):
    said = refused(2, "compare", small_image(), "--epsilons", "1e-3,-1")
    assert said.startswith("bnstat: error: --epsilons must all be 0 or more, and one is -1;")


def test_one_size_is_a_cube_for_plan_as_for_inspect(bnstat_run):
    one = bnstat_run("plan", "--patch", "128", "--levels", "3").out
    assert one == bnstat_run("plan", "--patch", "128x128x128", "--levels", "3").out
    flat = json.loads(bnstat_run("plan", "--patch", "64", "--strides", "2,2x1", "--format", "json").out)
    assert flat["levels"][2]["shape"] == [16, 32]
    assert bnstat.plan(16, levels=2).patch == (16, 16, 16)


def test_a_plan_in_two_dimensions_names_two_axes(bnstat_run, tmp_path):
    network = {"arch_kwargs": {"strides": [[1, 1], [2, 2]]}}
    plans = {"configurations": {"2d": {"patch_size": [64, 32], "batch_size": 2, "architecture": network}}}
    (tmp_path / "plans.json").write_text(json.dumps(plans))
    ran = bnstat_run("plan", tmp_path / "plans.json", "--configuration", "2d")
    assert "its sizes are shown in the order of an image file (x, y)" in ran.err
    assert "(x, y, z)" not in ran.err


def test_errors_in_json_name_options_as_those_on_stderr_do(bnstat_run, small_image, tmp_path):
    np.save(tmp_path / "small.npy", np.zeros((2, 4, 4, 4, 1)))
    asked = ("--patch", "64x64x64", "--pad", "none", "--format", "json")
    ran = bnstat_run("inspect", small_image(), tmp_path / "small.npy", *asked)
    messages = [error["message"] for error in json.loads(ran.out)["errors"]]
    assert messages
    assert all("--pad zero" in message and "`" not in message for message in messages)


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"batch_size": "2"}, "`batch_size` must be a whole number, and is '2', of type str"),
        ({"axis": 1.0}, "`axis` must be a whole number, and is 1.0, of type float"),
        ({"seed": None}, "`seed` must be a whole number"),
        ({"threads": "1"}, "`threads` must be a whole number"),
        ({"batch_axis": 1.5}, "`batch_axis` must be a whole number"),
        ({"epsilon": "small"}, "`epsilon` must be a number"),
        ({"momentum": [0.9]}, "`momentum` must be a number"),
        ({"framework": 3}, "`framework` must be a text"),
        ({"normalizer": 3}, "`normalizer` must be a text"),
    ],
)
def test_a_value_of_a_wrong_type_is_refused_under_its_name(given, named):
    with pytest.raises(TypeError, match=named.replace("(", "[(]")):
        bnstat.diagnose(np.zeros((2, 4, 4, 4, 1)), **given)


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: bnstat.compare(np.zeros((4, 4, 4, 4, 1)), batch_sizes=2), "batch_sizes"),
        (lambda: bnstat.compare(np.zeros((4, 4, 4, 4, 1)), tolerance_noise="a"), "tolerance_noise"),
        (lambda: bnstat.plan("128", levels=2), "patch"),
        (lambda: bnstat.plan((8, 8), strides=["2"]), "strides"),
        (lambda: bnstat.plan(8, levels="2"), "levels"),
        (lambda: bnstat.explain(3), "names"),
        (lambda: bnstat.Patching("64"), "size"),
        (lambda: bnstat.Reading(jobs="2"), "jobs"),
        (lambda: bnstat.Preparation(intensity=3), "intensity"),
        (lambda: bnstat.Preparation(mask=3), "mask"),
    ],
)
def test_so_do_the_other_functions(call, name):
    with pytest.raises(TypeError, match=f"`{name}` must be "):
        call()


def test_exit_zero_passes_findings_and_nothing_else(bnstat_run, tmp_path):
    np.save(tmp_path / "constant.npy", np.ones((1, 4, 4, 4, 1)))
    found = ("check", tmp_path / "constant.npy", "-q")
    assert bnstat_run(*found).code == 1
    passed = bnstat_run(*found, "--exit-zero")
    assert (passed.code, passed.out) == (0, bnstat_run(*found).out)
    assert bnstat_run(*found, tmp_path / "missing.nii", "--exit-zero").code == 3


def test_statistics_count_the_findings_of_each_rule_the_most_first(bnstat_run, refused, tmp_path):
    values = np.random.default_rng(0).normal(5, 1, (1, 4, 4, 4, 4))
    values[..., :2] = 1
    values[0, 0, 0, 0, 2] = np.nan
    np.save(tmp_path / "x.npy", values)
    ran = bnstat_run("check", tmp_path / "x.npy", "-q", "--statistics", "--select", "BN101,BN104")
    assert ran.out.splitlines() == [
        "2  BN101 zero-variance  error",
        "1  BN104 nan-voxels     error",
        "failed: 3 errors in 1 sample (fails on error)",
    ]
    assert ran.code == 1
    assert "--statistics" in refused(2, "check", tmp_path / "x.npy", "--statistics", "--format", "json")
