"""`bnstat layers` and `bnstat check --model`: what enters a network, what is measured, and what is refused."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import dataset_cases
import nibabel
import numpy as np
import pytest
from fake_network import FakeNetwork, batch_norm, mixed, rectified
from jsonschema import Draft202012Validator

import bnstat
from bnstat.errors import UsageError
from bnstat.networks.measurements.measure import measure
from bnstat.networks.measurements.samples import HeldSamples
from bnstat.networks.network import LayerRefusesError
from bnstat.networks.settings import Measuring
from bnstat.workflows import layers as story

SCHEMAS = Path(__file__).parents[2] / "docs" / "schema"
SHAPE = (8, 10, 6)


@pytest.fixture(autouse=True)
def cohort(tmp_path, monkeypatch):
    """Four volumes that differ in offset and scale."""
    monkeypatch.chdir(tmp_path)
    for case in range(4):
        values = np.random.default_rng(case).normal(100 + 40 * case, 20 + 5 * case, SHAPE)
        dataset_cases.save(tmp_path / "cohort" / f"case_{case}.nii.gz", np.rint(values).clip(0).astype(np.int16))
    return tmp_path / "cohort"


def volumes(cohort):
    return [np.asanyarray(nibabel.load(file).dataobj).astype(np.float64) for file in sorted(cohort.iterdir())]


def made(channels=1):
    """Two batch norms, the first of which has statistics of other data."""
    stored = batch_norm("first", 3, [0.5, -0.5, 0.0], [2.0, 1.0, 0.5])
    return FakeNetwork([mixed(1, 3, channels), stored, rectified, mixed(2, 2, 3), batch_norm("second", 2)])


@pytest.fixture
def network(monkeypatch):
    """A network of numpy in place of what the model names, and how it was opened."""
    opened = made()
    opened.asked = {}

    def open_network(model, **asked):
        opened.asked = asked
        opened.source, opened.weights = model, asked["weights"]
        return opened

    monkeypatch.setattr(story, "open_network", open_network)
    return opened


@pytest.fixture
def answer(bnstat_run):
    def call(*arguments, code=0):
        ran = bnstat_run(*arguments, "--format", "json")
        assert ran.code == code, ran
        return json.loads(ran.out)

    return call


def valid(document, name):
    schema = json.loads((SCHEMAS / f"bnstat.{name}-1.schema.json").read_text(encoding="utf-8"))
    Draft202012Validator(schema).validate(document)
    return document


class TestRightUse:
    def test_the_network_gets_what_training_would_give_it(self, network, answer, cohort):
        document = valid(answer("layers", "net:make", cohort, "--intensity", "zscore", "-b", "1,2"), "layers")
        fed = [((one - one.mean()) / one.std())[np.newaxis] for one in volumes(cohort)]
        expected = measure(made(), HeldSamples.of(fed), Measuring((1, 2)))
        for layer, other in zip(document["layers"], expected.layers, strict=True):
            for figure in ("rho", "mean_gap", "variance_ratio"):
                np.testing.assert_allclose(layer[figure], getattr(other, figure), rtol=1e-5, atol=1e-8)
        assert network.asked["channels"] == 1
        assert network.asked["patch"] == SHAPE
        assert [sample["source"] for sample in document["samples"]] == [str(file) for file in sorted(cohort.iterdir())]

    def test_options_reach_the_model_and_the_measurement(self, network, answer, cohort):
        given = ("--model-args", '{"features": 4}', "--weights", "w.pt::state", "--device", "cpu", "--amp", "bfloat16")
        asked = ("--draws", 3, "--switch", "--layer", "sec*", "--seed", 5, "-b", "2,4", "--patch", "4")
        document = answer("layers", "net:make", cohort, *given, *asked)
        names = ("model_args", "arguments")
        arguments = next(network.asked[name] for name in names if name in network.asked)
        assert arguments == {"features": 4}
        assert {name: network.asked[name] for name in ("weights", "device", "amp")} == {
            "weights": "w.pt::state",
            "device": "cpu",
            "amp": "bfloat16",
        }
        settings = document["settings"]
        assert (settings["batch_sizes"], settings["draws"], settings["seed"]) == ([2, 4], 3, 5)
        assert [layer["layer"] for layer in document["layers"]] == ["second"]
        assert document["layers"][0]["output_moved"] is not None
        assert len(document["samples"]) == 32

    @pytest.mark.parametrize("form", ["table", "csv", "markdown", "html"])
    def test_every_format_names_the_layers(self, network, bnstat_run, cohort, form):
        ran = bnstat_run("layers", "net:make", cohort, "--format", form)
        assert ran.code == 0
        assert "first" in ran.out
        assert "second" in ran.out
        assert network.passes

    def test_notes_say_how_it_was_fed_and_quiet_hides_them(self, network, bnstat_run, cohort):
        said = bnstat_run("layers", "net:make", cohort)
        assert "the network gets each sample as 1 × 8 × 10 × 6 (channels, x, y, z)" in said.err
        assert bnstat_run("layers", "net:make", cohort, "-q").err == ""
        assert network.passes

    def test_axes_come_in_the_order_that_is_asked_for(self, network, answer, cohort):
        document = answer("layers", "net:make", cohort, "--order", "zyx")
        assert document["layers"][0]["shape"] == [3, 6, 10, 8]
        assert network.asked["patch"] == (6, 10, 8)

    def test_plans_give_patches_intensities_batch_size_and_the_order_of_axes(self, network, bnstat_run, cohort):
        ran = bnstat_run("layers", "net:make", cohort, "--plans", plans(), "--foreground", "none", "--format", "json")
        document = json.loads(ran.out)
        assert document["layers"][0]["shape"] == [3, 2, 3, 4]  # as in the plans: z, y, x
        assert document["settings"]["batch_sizes"] == [3]
        assert document["settings"]["intensity"] == "0=zscore"
        assert "--batch-size 3, --patch 4x3x2" in ran.err
        assert network.passes

    def test_results_of_nnunet_imply_their_plans_and_what_is_typed_is_stronger(self, network, bnstat_run, cohort):
        folder = Path("nnUNetTrainer__nnUNetPlans__3d_fullres")
        folder.mkdir()
        Path(plans()).rename(folder / "plans.json")
        ran = bnstat_run("layers", folder, cohort, "--foreground", "none", "--patch", "6x4x2", "--format", "json")
        document = json.loads(ran.out)
        assert document["layers"][0]["shape"] == [3, 2, 4, 6]
        assert document["settings"]["intensity"] == "0=zscore"
        assert "you override --patch 4x3x2" in ran.err
        assert network.passes

    def test_a_layer_that_refuses_a_batch_of_one_is_named(self, network, answer, cohort, monkeypatch):
        def refuses(batch):
            if len(batch) == 1:
                raise LayerRefusesError("second", "Expected more than 1 value per channel", ())
            return network.evaluate(batch)

        monkeypatch.setattr(network, "train", refuses)
        document = answer("layers", "net:make", cohort, "-b", "1,2")
        assert {one["layer"]: one["batches"][0]["raises"] for one in document["layers"]}["second"] is True
        assert [one["rule"] for one in document["findings"] if one["layer"] == "second"].count("BN606") == 1

    def test_python_gives_the_same(self, network, answer, cohort):
        document = answer("layers", "net:make", cohort, "--intensity", "zscore", "-b", "1,2", "--draws", "4")
        reading = bnstat.Reading(preparation=bnstat.Preparation(intensity="zscore"))
        report = bnstat.measure_layers("net:make", cohort, batch_sizes=(1, 2), draws=4, reading=reading)
        assert isinstance(report, bnstat.Layers)
        assert report.to_dict() == document
        assert network.passes

    def test_arrays_and_images_in_memory_feed_a_network(self, network):
        arrays = np.random.default_rng(0).normal(size=(3, 6, 6, 6, 1))
        report = bnstat.measure_layers("net:make", arrays, batch_sizes=(3,))
        assert (report.measured.samples, network.asked["channels"]) == (3, 1)


def plans(file="plans.json"):
    """Write plans of nnU-Net with sizes along z, y and x."""
    network = {"strides": [[1, 1, 1], [2, 2, 2]], "norm_op": "torch.nn.modules.batchnorm.BatchNorm3d"}
    values = {
        "patch_size": [2, 3, 4],
        "batch_size": 3,
        "normalization_schemes": ["ZScoreNormalization"],
        "use_mask_for_norm": [False],
        "architecture": {"arch_kwargs": network},
    }
    content = {"configurations": {"3d_fullres": values}, "transpose_forward": [0, 1, 2]}
    Path(file).write_text(json.dumps(content), encoding="utf-8")
    return file


class TestFiles:
    def test_moments_of_each_layer_are_read_by_other_commands(self, network, answer, cohort):
        document = answer("layers", "net:make", cohort, "--save-moments", "kept")
        assert sorted(file.name for file in Path("kept").iterdir()) == ["first.jsonl", "second.jsonl"]
        inspected = answer("inspect", "kept/first.jsonl")
        assert len(inspected["samples"]) == len(document["samples"]) == 4
        expected = [seen.moments.mean[0] for seen in (network.evaluate(b).seen[0] for b in batches(cohort))]
        found = [[channel["mean"] for channel in batch["channels"]] for batch in inspected["batches"]]
        np.testing.assert_allclose(found, expected, rtol=1e-6)

    def test_moments_of_layers_remember_what_could_not_be_read(self, network, bnstat_run, cohort):
        del network  # which is there while the test runs
        (cohort / "case_9.nii.gz").write_bytes(b"no image")
        assert bnstat_run("layers", "net:make", cohort, "--save-moments", "kept", "-q").code == 3
        ran = bnstat_run("check", "kept/first.jsonl", "--format", "json", "-q")
        assert ran.code == 3
        assert [Path(error["source"]).name for error in json.loads(ran.out)["errors"]] == ["case_9.nii.gz"]

    def test_statistics_are_saved_once_and_the_network_is_as_before(self, network, bnstat_run, cohort):
        ran = bnstat_run("layers", "net:make", cohort, "--save-statistics", "fixed.pt")
        assert ran.code == 0
        trial, saved = network.saved  # it is tried before anything is measured
        assert saved == "fixed.pt"
        assert (Path(trial).name, Path(trial).parent.exists()) == ("fixed.pt", False)
        assert network.loaded == {}
        assert "saved fixed.pt: the weights with the statistics of 4 samples in 2 layers" in ran.err

    def test_a_network_that_cannot_be_written_is_refused_before_it_is_measured(
        self, network, refused, cohort, monkeypatch
    ):
        def save(path):
            raise UsageError(f"{path}: a Keras model is saved as .keras; end the name so")

        monkeypatch.setattr(network, "save", save)
        said = refused(2, "layers", "net:make", cohort, "--save-statistics", "fixed.pt")
        assert "error: fixed.pt: a Keras model is saved as .keras" in said
        assert len(network.passes) == 1
        said = refused(3, "layers", "net:make", cohort, "--save-statistics", "nowhere/fixed.pt")
        assert "nowhere/fixed.pt cannot be written: there is no folder nowhere" in said
        assert len(network.passes) == 1

    @pytest.mark.parametrize(
        ("option", "file", "said"),
        [
            ("--save-statistics", "there.pt", "there.pt exists already and may be the weights of a training"),
            ("--save-moments", "full", "full has moments files already"),
            ("--plot", "layers.txt", "a plot is one of .png, .svg, .pdf"),
        ],
    )
    def test_what_cannot_be_written_is_refused_before_the_network_is_opened(
        self, network, refused, cohort, option, file, said
    ):
        Path("there.pt").write_bytes(b"weights")
        Path("full").mkdir()
        Path("full", "a.jsonl").write_text("")
        assert said in refused(2, "layers", "net:make", cohort, option, file)
        assert network.passes == []
        assert Path("there.pt").read_bytes() == b"weights"

    def test_a_missing_folder_is_told_before_the_network_runs(self, network, refused, cohort):
        said = refused(3, "layers", "net:make", cohort, "--save-statistics", "nowhere/fixed.pt")
        assert "nowhere/fixed.pt cannot be written: there is no folder nowhere; give a file in a folder" in said
        assert network.passes == []

    @pytest.mark.parametrize("option", ["-o", "--plot"])
    def test_no_output_replaces_the_weights(self, network, bnstat_run, cohort, option):
        if option == "--plot":
            pytest.importorskip("matplotlib")
        Path("w.svg").write_bytes(b"weights")
        form = ("--format", "csv") if option == "-o" else ()
        ran = bnstat_run("layers", "net:make", cohort, "--weights", "w.svg::state", option, "w.svg", *form)
        assert (ran.code, Path("w.svg").read_bytes()) == (2, b"weights")
        assert "is one of the inputs and stays as it is" in ran.errors[0]
        assert network.passes

    def test_a_picture_is_drawn(self, network, bnstat_run, cohort):
        pytest.importorskip("matplotlib")
        assert bnstat_run("layers", "net:make", cohort, "--plot", "layers.svg").code == 0
        assert Path("layers.svg").read_bytes().startswith(b"<?xml")
        assert network.passes


def batches(cohort):
    return [one[np.newaxis, np.newaxis] for one in volumes(cohort)]


class TestWrongUse:
    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            ((), "no model: give a MODEL and a PATH, as in bnstat layers mynet:build volume.nii.gz"),
            (("cohort",), "no model: give a MODEL and a PATH, as in bnstat layers mynet:build cohort"),
            (("net:make",), "no input: give a PATH after the model, as in bnstat layers net:make volume.nii.gz"),
            (("cohort", "net:make"), "the model comes before the paths, as in: bnstat layers net:make cohort"),
            (("net:make", "cohort", "-b", "0"), "--batch-sizes must be at least 1, but one is 0"),
            (("net:make", "cohort", "-b", "1,x"), "'1,x' is not a list of whole numbers as in 1,2,4"),
            (("net:make", "cohort", "--draws", "1"), "--draws must be at least 2"),
            (("net:make", "cohort", "--order", "zz"), "--order must name axes of the files once each"),
            (("net:make", "cohort", "--order", "yx"), "has 6 voxels along axis z, which --order yx leaves out"),
            (("net:make", "cohort", "--layer", "third"), "no normalization of the network matches --layer third"),
            (("net:make", "cohort", "--model-args", "{"), "--model-args: '{' is not JSON"),
            (("net:make", "cohort", "--model-args", "3"), "--model-args: '3' names no argument"),
            (("net:make", "cohort", "--amp", "int8"), "--amp: 'int8' is not one of"),
            (
                ("net:make", "cohort", "--mask", ">5"),
                "--mask >5 chooses the voxels that are counted, and a network gets",
            ),
            (("net:make", "cohort", "--dask", "tcp://a:1"), "--dask reads moments on a cluster"),
            (("net:make", "cohort", "--patches", "3"), "--patches is about patches and needs their size"),
            (("net:make", "nowhere.nii"), "nowhere.nii"),
        ],
    )
    def test_it_is_one_line_that_says_what_to_type(self, network, refused, arguments, said):
        code = 3 if "nowhere.nii" in arguments else 2
        assert said in refused(code, "layers", *arguments)
        assert network.passes == [] or "third" in arguments

    def test_moments_have_no_voxels(self, network, refused, bnstat_run, cohort):
        assert bnstat_run("scan", cohort, "-o", "m.jsonl").code == 0
        said = refused(2, "layers", "net:make", "m.jsonl")
        assert "m.jsonl keeps the moments of samples, and a network needs their voxels" in said
        assert network.passes == []

    def test_an_array_that_does_not_tell_where_its_channels_are_is_asked_about(self, network, refused, answer):
        np.save("x.npy", np.random.default_rng(0).normal(size=(3, 1, 6, 6, 6)))
        said = refused(2, "layers", "net:make", "x.npy")
        assert "the tensor (3, 1, 6, 6, 6) does not tell whether its channels are; type --axis 1 if they are" in said
        assert network.passes == []
        assert answer("layers", "net:make", "x.npy", "--axis", "1")["layers"][0]["shape"] == [3, 6, 6, 6]

    def test_a_damaged_volume_is_told_and_the_others_are_measured(self, network, bnstat_run, cohort):
        damage(cohort / "case_1.nii.gz")
        ran = bnstat_run("layers", "net:make", cohort, "--format", "json")
        document = valid(json.loads(ran.out), "layers")
        assert (ran.code, len(document["samples"]), len(document["errors"])) == (3, 3, 1)
        assert [line for line in ran.errors if "case_1.nii.gz" in line] == ran.errors
        assert network.passes

    def test_nothing_but_damaged_volumes_is_one_line(self, network, bnstat_run, cohort):
        for file in cohort.iterdir():
            damage(file)
        ran = bnstat_run("layers", "net:make", cohort)
        assert (ran.code, ran.out, len(ran.errors)) == (3, "", 1)
        assert "3 other inputs cannot be read either" in ran.errors[0]
        assert network.passes == []

    def test_samples_of_different_shapes_have_no_larger_batches_and_that_is_said(self, network, bnstat_run, cohort):
        dataset_cases.save(cohort / "case_9.nii.gz", np.arange(8 * 8 * 8, dtype=np.int16).reshape(8, 8, 8))
        ran = bnstat_run("layers", "net:make", cohort, "-b", "1,2")
        assert ran.code == 0
        assert "skipped training batches of 2: the samples have 2 different shapes" in ran.err
        assert "as 1 × 8 × 10 × 6 (channels, x, y, z), and in 1 other shape" in ran.err
        assert not any(one == "train 2" for one in network.passes)


def damage(file):
    """Cut the end of a compressed file off, header left."""
    content = file.read_bytes()
    file.write_bytes(content[: len(content) - 30])


class TestInterrupted:
    def test_nothing_is_left_in_the_temporary_folder(self, network, bnstat_run, cohort, tmp_path, monkeypatch):
        place = tmp_path / "temporary"
        place.mkdir()
        monkeypatch.setattr(tempfile, "tempdir", str(place))
        monkeypatch.setattr("bnstat.reading.sample_store.HELD_BYTES", 0)

        def interrupted(_):
            raise KeyboardInterrupt

        monkeypatch.setattr(network, "evaluate", interrupted)
        ran = bnstat_run("layers", "net:make", cohort)
        assert (ran.code, ran.out, ran.err) == (130, "", "bnstat: error: interrupted\n")
        assert list(place.iterdir()) == []

    @pytest.mark.skipif(sys.platform == "win32", reason="a process cannot be sent SIGINT")
    def test_a_network_that_runs_is_interrupted_by_ctrl_c(self, cohort, tmp_path):
        pytest.importorskip("torch")
        slow = "import time\nfrom torch import nn\nclass Slow(nn.Module):\n    def __init__(self):\n"
        slow += "        super().__init__()\n        self.norm = nn.BatchNorm3d(1)\n    def forward(self, x):\n"
        slow += "        open('running', 'w').close()\n        time.sleep(30)\n        return self.norm(x)\n"
        (tmp_path / "slow.py").write_text(slow, encoding="utf-8")
        command = [sys.executable, "-m", "bnstat", "layers", "slow.py:Slow", str(cohort), "--save-statistics", "s.pt"]
        ignored = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell in the background ignores it
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        signal.signal(signal.SIGINT, ignored)
        while not Path("running").exists():
            assert process.poll() is None, process.communicate()
            time.sleep(0.05)
        time.sleep(1)  # so that the network sleeps, and no finalizer swallows the interrupt
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
        assert (process.returncode, out, err.splitlines()[-1]) == (130, "", "bnstat: error: interrupted")
        assert not Path("s.pt").exists()


class TestSettings:
    def test_a_settings_file_gives_defaults_and_no_model(self, network, bnstat_run, refused, cohort):
        Path("bnstat.toml").write_text('batch-size = 2\n[layers]\ndraws = 5\norder = "zyx"\n', encoding="utf-8")
        shown = bnstat_run("layers", "net:make", cohort, "--show-settings").out
        rows = {line.split()[0]: line.split()[1] for line in shown.splitlines()}
        assert (rows["draws"], rows["order"]) == ("5", "zyx")
        document = json.loads(bnstat_run("layers", "net:make", cohort, "--format", "json").out)
        assert document["settings"]["draws"] == 5
        Path("bnstat.toml").write_text('[check]\nmodel = "evil:run"\n', encoding="utf-8")
        assert "model" in refused(2, "check", cohort)
        assert network.passes


class TestCheck:
    @pytest.fixture
    def judged(self, network, bnstat_run, cohort):
        def call(*options):
            ran = bnstat_run("check", cohort, "--model", "net:make", *options)
            assert network.passes
            return ran

        return call

    def test_the_rules_of_networks_judge(self, judged):
        ran = judged("--format", "json", "--fail-on", "warning")
        document = valid(json.loads(ran.out), "check")
        assert ran.code == 1
        assert document["subject"] == {"source": "net:make", "layers": 2}
        assert {one["layer"] for one in document["findings"]} <= {"first", "second"}
        assert all(one["rule"].startswith("BN6") for one in document["findings"])
        assert "BN603" in {one["rule"] for one in document["findings"]}

    @pytest.mark.parametrize(
        "form", ["table", "jsonl", "csv", "markdown", "html", "junit", "github", "gitlab", "sarif"]
    )
    def test_every_format_has_the_findings(self, judged, form):
        ran = judged("--format", form)
        assert ran.code == 0
        assert "BN603" in ran.out
        assert "first" in ran.out

    def test_the_verdict_names_the_network_and_its_layers(self, judged):
        out = judged().out
        assert "the layers of net:make, run on 4 samples" in out
        assert out.rstrip().endswith("in 2 layers (fails on error)")

    def test_limits_selection_and_overrides_hold(self, judged):
        Path("bnstat.toml").write_text('[[check.overrides]]\npaths = ["net:make"]\nignore = ["BN605"]\n')
        assert "BN605" not in judged().out
        wide = ("--limit", "mean-gap=1e9", "--limit", "variance-ratio=1e9")
        assert "BN603" not in judged(*wide).out
        assert judged("--select", "BN605").out.startswith("passed: no findings in 2 layers (net:make;")

    def test_a_baseline_knows_findings_by_their_layer(self, judged):
        update = judged("--baseline", "b.json", "--update-baseline", "--fail-on", "note")
        assert update.code == 0
        known = json.loads(Path("b.json").read_text())["findings"]
        assert {one["layer"] for one in known} == {"first", "second"}
        assert judged("--baseline", "b.json", "--fail-on", "note").code == 0
        left = [one for one in known if one["layer"] == "first"]
        Path("b.json").write_text(json.dumps({"schema": "bnstat.baseline/1", "findings": left}))
        again = judged("--baseline", "b.json", "--fail-on", "note", "--format", "json")
        assert again.code == 1
        assert {one["layer"] for one in json.loads(again.out)["findings"]} == {"second"}
        Path("b.json").write_text(
            json.dumps({"schema": "bnstat.baseline/1", "findings": [*known, {**known[0], "layer": "gone"}]})
        )
        stale = valid(json.loads(judged("--baseline", "b.json", "--format", "json").out), "check")["stale"]
        assert [one["layer"] for one in stale] == ["gone"]

    @pytest.mark.parametrize(
        ("options", "said"),
        [
            (("--weights", "w.pt"), "--weights is about a network; name it with --model"),
            (("--switch",), "--switch is about a network"),
            (("--model", "net:make", "--epsilon", "1"), "--epsilon has no effect with --model, whose layers have"),
            (("--model", "net:make", "--steps", "9"), "--steps has no effect with --model, where volumes are not"),
            (("--model", "net:make", "--select", "BN101"), "rules of volumes, and the layers of networks are judged"),
        ],
    )
    def test_options_that_mean_nothing_are_refused(self, network, refused, cohort, options, said):
        assert said in refused(2, "check", cohort, *options)
        assert network.passes == []
