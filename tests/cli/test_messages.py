"""Messages of the library on the command line: parameters are spelled as options."""

from __future__ import annotations

import numpy as np
import pytest

from bnstat.cli.messages import as_typed, spelled


@pytest.mark.parametrize(
    ("message", "line"),
    [
        ("`batch_size` must be at least 1", "--batch-size must be at least 1"),
        ("use `batch_size=1`, or see `bnstat compare`", "use --batch-size 1, or see `bnstat compare`"),
        ('read it with `batch_axis="none"`', "read it with --batch-axis none"),
        ("`size` is larger than the volume; `number=4`", "--patch is larger than the volume; --patches 4"),
        ("cut patches of `size=(96, 96, 96)`", "cut patches of --patch 96x96x96"),
        ("use `size=(96,)`", "use --patch 96"),
        ('a script needs `if __name__ == "__main__":`', 'a script needs `if __name__ == "__main__":`'),
    ],
)
def test_parameters_between_backticks_become_options_and_commands_stay(message, line):
    assert spelled(message) == line


@pytest.mark.parametrize(
    "message", ["framework '`seed`' is not known", "/data/`seed`/a.nii", "`seed`.nii has no axis 3"]
)
def test_names_that_users_gave_stay_as_they_are(message):
    assert spelled(message) == message


@pytest.mark.parametrize("name", ["a`seed`.nii", "`seed`.nii", "`axis=1`"])
def test_a_file_with_backticks_in_its_name_is_named_as_it_was_typed(tmp_path, refused, bnstat_run, name):
    missing = tmp_path / name
    assert refused(3, "inspect", missing).startswith(f"bnstat: error: {missing}: no such file")
    array = tmp_path / f"{name}.npy"
    np.save(array, np.ones((2, 3, 4)))
    ran = bnstat_run("inspect", array)
    assert f"{array} has shape (2, 3, 4)" in ran.err
    assert "--batch-axis none" in ran.err


@pytest.mark.parametrize("folder", ["bids", "'my data'", """'it'"'"'s'"""])
def test_a_command_to_paste_is_the_call_that_was_typed_with_the_option_that_answers(folder):
    message = f"take one, as in: bnstat inspect {folder} --suffix T1w; or as in: bnstat inspect {folder} --channels a,b"
    assert as_typed(message, ["scan", "my data", "-o", "m.jsonl"]) == (
        "take one, as in: bnstat scan 'my data' -o m.jsonl --suffix T1w; or as in: bnstat scan 'my data' -o m.jsonl "
        "--channels a,b"
    )


def test_a_command_to_paste_has_an_option_once():
    message = "take one, as in: bnstat inspect bids --suffix T1w --entity res=2"
    assert as_typed(message, ["check", "bids", "--suffix", "T1w"]) == (
        "take one, as in: bnstat check bids --suffix T1w --entity res=2"
    )
