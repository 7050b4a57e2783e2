"""Several scans on one moments file, and files that are planted beside it: no sample is lost, and no file replaced."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from patience import LONGEST

import bnstat
from bnstat.errors import UsageError
from bnstat.workflows import scan as workflow
from bnstat.workflows import scan_target

pytest.importorskip("fcntl")

BNSTAT = [sys.executable, "-P", "-m", "bnstat"]


def written(path, seed):
    np.save(path, np.random.default_rng(seed).normal(size=(1, 3, 3, 3, 1)))
    return str(path)


@pytest.fixture
def volumes(tmp_path):
    return [written(tmp_path / f"{name}.npy", seed) for seed, name in enumerate("abc")]


def sources(file):
    return [row.source for row in bnstat.diagnose(str(file)).samples]


def scan(file, *paths, resume=True):
    return [*BNSTAT, "scan", *paths, "-o", str(file), *["--resume"] * resume]


@pytest.mark.parametrize("planted", ["m.jsonl.part", "m.jsonl.tmp"])
def test_a_link_beside_the_file_is_not_followed(volumes, tmp_path, planted):
    victim, file = tmp_path / "victim", tmp_path / "m.jsonl"
    victim.write_text("as it is")
    bnstat.collect(volumes, file)
    (tmp_path / planted).symlink_to(victim)
    written(volumes[0], 9)  # so that the file is written anew
    bnstat.collect(volumes, file, reading=bnstat.Reading(jobs=1), resume=True)
    assert victim.read_text() == "as it is"
    assert (tmp_path / planted).is_symlink()
    assert sources(file) == volumes
    assert {one.name for one in tmp_path.iterdir()} == {"victim", "m.jsonl", planted, "a.npy", "b.npy", "c.npy"}


def test_the_lock_holds_until_the_new_file_is_in_its_place(volumes, tmp_path, monkeypatch):
    file = tmp_path / "m.jsonl"
    bnstat.collect(volumes[:2], file)
    written(volumes[0], 9)
    replace, others = os.replace, []

    def slow(*paths):
        others.append(
            subprocess.run(scan(file, volumes[2]), capture_output=True, text=True, timeout=LONGEST, check=False)
        )
        replace(*paths)
        others.append(
            subprocess.run(scan(file, volumes[2]), capture_output=True, text=True, timeout=LONGEST, check=False)
        )

    monkeypatch.setattr(os, "replace", slow)
    bnstat.collect(volumes[:2], file, resume=True)
    assert [other.returncode for other in others] == [2] * len(others)
    assert all("another scan is writing" in other.stderr for other in others)
    assert len(others) == 4  # the changed sample is removed, and the order mended
    assert sorted(sources(file)) == volumes[:2]


def test_a_file_that_is_replaced_before_it_is_locked_is_opened_again(volumes, tmp_path, monkeypatch):
    file = tmp_path / "m.jsonl"
    bnstat.collect(volumes[:1], file)
    refuse, replaced = scan_target._refuse_second_writer, []

    def late(opened, name):
        if not replaced:
            replaced.append(name)
            (tmp_path / "new").write_bytes(file.read_bytes())
            (tmp_path / "new").replace(file)
        refuse(opened, name)

    monkeypatch.setattr(scan_target, "_refuse_second_writer", late)
    bnstat.collect(volumes, file, resume=True)
    assert sources(file) == volumes


def test_a_file_that_another_scan_wrote_meanwhile_is_not_emptied(volumes, tmp_path, monkeypatch):
    file = tmp_path / "m.jsonl"
    refuse = workflow._refuse_target

    def overtaken(*arguments, **settings):
        refuse(*arguments, **settings)
        monkeypatch.setattr(workflow, "_refuse_target", refuse)
        bnstat.collect(volumes[:1], file)

    monkeypatch.setattr(workflow, "_refuse_target", overtaken)
    with pytest.raises(UsageError, match="exists already"):
        bnstat.collect(volumes[1:], file)
    assert sources(file) == volumes[:1]


def test_several_scans_at_once_end_with_all_samples_or_a_refusal(volumes, tmp_path):
    file = tmp_path / "m.jsonl"
    left = [*volumes, volumes[:2]]
    while left:
        started = [
            (
                one,
                subprocess.Popen(
                    scan(file, *([one] if isinstance(one, str) else one)), stderr=subprocess.PIPE, text=True
                ),
            )
            for one in left
        ]
        said = [(one, process.communicate(timeout=LONGEST)[1], process.returncode) for one, process in started]
        assert {code for _, _, code in said} <= {0, 2}
        assert all("another scan is writing" in text for _, text, code in said if code == 2)
        assert any(code == 0 for *_, code in said)
        left = [one for one, _, code in said if code == 2]
    assert sorted(sources(file)) == volumes
