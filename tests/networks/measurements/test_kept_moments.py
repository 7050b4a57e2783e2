"""Moments files of layers: what every other command makes of them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from fake_network import FakeNetwork, batch_norm, mixed, rectified, samples_with_offsets

import bnstat
from bnstat.errors import InputError, OutputError, UsageError
from bnstat.networks.measurements.kept_moments import KeptMoments, file_names
from bnstat.networks.measurements.measure import measure
from bnstat.networks.measurements.samples import HeldSamples
from bnstat.networks.settings import Measuring
from bnstat.preprocessing.settings import Patching, Preparation
from bnstat.reading.moments_file import read_moments
from bnstat.sources.sample import Patch, Sample

LAYERS = [mixed(0, 3, 2), batch_norm("enc.norm", 3), rectified, mixed(1, 2, 3), batch_norm("dec/norm", 2)]


def named(number, **more):
    arrays = list(samples_with_offsets(number, **more))
    identities = [Sample(f"sub-{place}.nii.gz", None, (4, 4, 4), "int16") for place in range(number)]
    return HeldSamples(arrays, identities)


def kept(folder, samples, **more):
    measure(FakeNetwork(LAYERS, weights="ck.pt"), samples, Measuring((), **more), kept=KeptMoments(folder))
    return {path.name: path for path in Path(folder).iterdir()}


def test_a_file_for_each_layer_has_what_entered_it(tmp_path):
    samples = named(4)
    files = kept(tmp_path / "moments", samples)
    assert sorted(files) == ["dec_norm.jsonl", "enc.norm.jsonl"]
    found = read_moments(str(files["enc.norm.jsonl"]))
    entered = np.stack([LAYERS[0](samples[place][None])[0] for place in range(4)])
    cells = entered.astype(np.float64).reshape(4, 3, -1)
    for row, cell in zip(found.rows, cells, strict=True):
        np.testing.assert_allclose(row.moments.mean, cell.mean(1), rtol=1e-6)
        np.testing.assert_allclose(row.moments.variance, cell.var(1), rtol=1e-6)
        assert row.tensor.sample_shape == (4, 4, 4, 3)
    assert [row.sample.source for row in found.rows] == [f"sub-{place}.nii.gz" for place in range(4)]
    settings = json.loads(files["dec_norm.jsonl"].read_text().splitlines()[0])["settings"]["network"]
    assert settings == {
        "model": "fake:network",
        "weights": "ck.pt",
        "layer": "dec/norm",
        "mode": "evaluation",
        "batch_size": 1,
        "below_batch_norm": True,
    }


def test_every_command_takes_it_in_place_of_volumes(tmp_path):
    files = kept(tmp_path / "moments", named(6))
    path = str(files["enc.norm.jsonl"])
    compared = bnstat.compare(path, batch_sizes=(1, 2))
    (layer, _) = measure(FakeNetwork(LAYERS), named(6), Measuring(())).layers
    np.testing.assert_allclose([one.rho for one in compared.population], layer.rho, rtol=1e-9)
    assert compared.notes[0].startswith(
        f"{path} has what enters the layer enc.norm of fake:network with ck.pt in evaluation mode; no batch norm runs "
        "before it"
    )
    report = bnstat.diagnose(path)
    assert len(report.batches) == 6
    assert any("in evaluation mode" in note for note in report.notes)
    deep = bnstat.compare(str(files["dec_norm.jsonl"]))
    assert "training batches are no merge of these moments" in deep.notes[0]


def test_patches_of_one_volume_stay_patches_of_it(tmp_path):
    arrays = list(samples_with_offsets(6))
    identities = [
        Sample(f"v{place // 2}.nii", None, (9, 9, 9), "int16", patch=Patch((place % 2, 0, 0), (4, 4, 4)))
        for place in range(6)
    ]
    samples = HeldSamples(arrays, identities, Preparation(patches=Patching(size=(4, 4, 4), number=2)))
    files = kept(tmp_path / "moments", samples)
    compared = bnstat.compare(str(files["enc.norm.jsonl"]))
    assert compared.population[0].volumes == 3
    assert len(compared.samples) == 6


def test_only_layers_that_are_reported_are_kept(tmp_path):
    assert sorted(kept(tmp_path / "moments", named(2), layers=("enc*",))) == ["enc.norm.jsonl"]


def test_moments_of_two_layers_are_not_samples_of_one_thing(tmp_path):
    files = kept(tmp_path / "moments", named(2))
    one, other = str(files["enc.norm.jsonl"]), str(files["dec_norm.jsonl"])
    with pytest.raises(
        UsageError, match=r"the layer enc\.norm .* and what enters the layer dec/norm .*files of one layer"
    ):
        bnstat.compare([one, other])
    with pytest.raises(UsageError, match=r"voxels, and what enters the layer"):
        bnstat.compare([np.zeros((2, 3, 3, 3)), one])
    joined = tmp_path / "joined.jsonl"
    joined.write_text(Path(one).read_text() + Path(other).read_text().replace("sub-", "other-"))
    with pytest.raises(InputError, match="give each a file"):
        read_moments(str(joined))


def test_a_verdict_on_batch_sizes_says_what_it_holds_for(tmp_path):
    files = kept(tmp_path / "moments", named(8))
    first, deep = (bnstat.compare(str(files[name])).recommendation for name in ("enc.norm.jsonl", "dec_norm.jsonl"))
    assert first.reason.endswith("This holds for a batch-norm layer on what enters this layer of the network.")
    assert deep.applies_to == "below-batch-norm"
    assert deep.reason.endswith("and for no training batches: a batch norm runs before it.")


def test_a_reference_is_of_the_same_layer(tmp_path):
    files = kept(tmp_path / "moments", named(8))
    again = kept(tmp_path / "again", named(8))
    one = str(files["enc.norm.jsonl"])
    found = bnstat.check(str(again["enc.norm.jsonl"]), reference=one)
    assert "BN208" not in {one.rule for one in found.findings}
    network = FakeNetwork([batch_norm("other", 3)])
    measure(network, named(8, shape=(3, 4, 4, 4)), Measuring(()), kept=KeptMoments(tmp_path / "third"))
    with pytest.raises(UsageError, match=r"enc\.norm\.jsonl is no reference for these data: .* the layer other"):
        bnstat.check(str(tmp_path / "third" / "other.jsonl"), reference=one)
    with pytest.raises(
        UsageError, match=r"is no reference for these data: it has what enters .* and they are voxels; name"
    ):
        bnstat.check(np.zeros((8, 4, 4, 4, 3)), reference=one)


def test_a_scan_is_not_resumed_into_moments_of_a_layer(tmp_path, write_image, voxels):
    files = kept(tmp_path / "moments", named(2))
    image = write_image("a.nii", voxels.astype(np.int16))
    with pytest.raises(UsageError, match="what enters the layer"):
        bnstat.collect(image, files["enc.norm.jsonl"], resume=True)


def test_names_of_files_are_safe_and_different():
    names = file_names(["a/b", "a:b", "A_B", "a_b-2", "..", "aux.norm", "-x", "norm#2", "x" * 300])
    assert len({name.lower() for name in names.values()}) == 9
    assert names["a/b"] == "a_b.jsonl"
    assert names["norm#2"] == "norm#2.jsonl"
    assert names["aux.norm"] == "_aux.norm.jsonl"
    assert names["-x"] == "_-x.jsonl"
    assert names[".."] == "layer.jsonl"
    assert all(len(name) < 220 and "/" not in name for name in names.values())


def test_a_folder_with_moments_files_stays_as_it_is(tmp_path):
    (tmp_path / "old.jsonl").write_text("{}")
    with pytest.raises(UsageError, match="has moments files already"):
        KeptMoments(tmp_path)
    with pytest.raises(UsageError, match="is a file; name another one"):
        KeptMoments(tmp_path / "old.jsonl")


def test_an_interrupted_run_leaves_no_file_and_can_be_repeated(tmp_path):
    def interrupt(_, done, __):
        if done == 2:
            assert [path.name for path in tmp_path.iterdir()] == ["norm.jsonl.part"]
            raise KeyboardInterrupt

    network = FakeNetwork([batch_norm("norm", 2)])
    with pytest.raises(KeyboardInterrupt):
        measure(network, named(3), Measuring(()), interrupt, KeptMoments(tmp_path))
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "norm.jsonl.part").write_text("left over")
    measure(network, named(3), Measuring(()), kept=KeptMoments(tmp_path))
    assert len(read_moments(str(tmp_path / "norm.jsonl")).lines) == 3


def test_a_folder_that_cannot_be_made_is_one_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        kept(tmp_path / "file" / "moments", named(2))
