"""Configurations whose few lines stand for more values than any memory holds, or lead round in a circle."""

from __future__ import annotations

import json

import pytest

from bnstat import InputError
from bnstat.sources.trainings import monai


def refused(file):
    with pytest.raises(InputError) as caught:
        monai.training_of(str(file))
    return caught.value.message


def test_references_that_stand_for_ten_times_as_many_at_each_step_are_refused(tmp_path):
    lines = {f"a{step}": [f"@a{step + 1}"] * 10 for step in range(20)}
    (tmp_path / "train.json").write_text(json.dumps({"transforms": "@a0", **lines, "a20": [1]}))
    assert "too many values" in refused(tmp_path / "train.json")


def test_references_that_lead_round_in_a_circle_are_refused(tmp_path):
    (tmp_path / "train.json").write_text(json.dumps({"transforms": "@a", "a": "@b", "b": "@a"}))
    assert "leads back to itself" in refused(tmp_path / "train.json")


def test_a_value_nested_beyond_any_configuration_is_refused(tmp_path):
    (tmp_path / "train.json").write_text('{"transforms": ' + "[" * 900 + "]" * 900 + "}")
    assert "too many values inside of each other" in refused(tmp_path / "train.json")


@pytest.mark.parametrize(
    "text",
    [
        "transforms: &a [*a]",
        "transforms: &a {b: *a}",
        "a: &a [1, 1]\n"
        + "\n".join(f"{chr(98 + step)}: &{chr(98 + step)} [*{chr(97 + step)}, *{chr(97 + step)}]" for step in range(24))
        + "\ntransforms: *y\n",
        "transforms: " + "[" * 3000,
        "batch_size: 0x" + "f" * 6000 + "\nnet: {_target_: UNet, norm: batch}\n",
        "batch_size: " + "1" * 6000,
        "batch_size: !!timestamp x",
        "batch_size: 2001-99-99",
        "? [a, b]\n: 1",
    ],
)
def test_aliases_and_numbers_of_yaml_are_an_answer_or_one_line(tmp_path, text):
    pytest.importorskip("yaml")
    (tmp_path / "train.yaml").write_text(text)
    try:
        monai.training_of(str(tmp_path / "train.yaml"))
    except InputError as error:
        found = error.message
    else:
        found = "an answer"
    assert "\n" not in found


def test_a_configuration_larger_than_any_in_use_is_refused(tmp_path):
    (tmp_path / "train.json").write_bytes(b" " * ((4 << 20) + 1))
    assert "larger than 4 MB" in refused(tmp_path / "train.json")
