"""`bnstat check` as it is installed: rules, settings, the baseline, and its exit codes in a shell."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from patience import LONGEST

BNSTAT = [sys.executable, "-m", "bnstat"]
SAMPLES = Path(__file__).parents[2] / "sample_data"
FOUR, UNIT = SAMPLES / "mri_4channel.nii.gz", SAMPLES / "mri_unit_range.nii.gz"
shell = pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
rng = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    """Where no settings of this repository are found."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    for name in [name for name in os.environ if name.startswith(("BNSTAT_", "GITHUB_"))]:
        monkeypatch.delenv(name)


@pytest.fixture
def checked(bnstat_run):
    """The document that `check --format json` prints, after its exit code is as expected."""

    def call(code, *args):
        ran = bnstat_run("check", "--format", "json", *args)
        assert ran.code == code, ran
        return json.loads(ran.out)

    return call


@pytest.fixture
def codes(bnstat_run):
    """The codes of what is found, whatever the exit code."""

    def call(*args):
        ran = bnstat_run("check", "--format", "json", "--fail-on", "never", *args)
        assert ran.code == 0, ran
        return {one["rule"] for one in json.loads(ran.out)["findings"]}

    return call


def wave(*deviations, mean=0.0, size=1000):
    """A saved sample whose channels have exactly these deviations."""
    values = mean + np.tile([-1.0, 1.0], size // 2)[None, :, None] * np.array(deviations)
    np.save("x.npy", values)
    return "x.npy"


def changed(path, value, place=(0, 0, 0)):
    values = np.load(path)
    values[place] = value
    np.save(path, values)
    return path


def constant(value=7.0):
    np.save("x.npy", np.full((1, 500, 1), value))
    return "x.npy"


def far(mean):
    np.save("x.npy", rng.normal(mean, 1.0, (1, 100_000, 1)).astype("f4"))
    return "x.npy"


def of_shape(*shape):
    np.save("x.npy", rng.normal(0.0, 9.0, shape).astype("f4"))
    return "x.npy"


def series(repetition):
    image = nib.Nifti1Image(rng.normal(0, 9, (6, 5, 5, 3)).astype("f4"), np.eye(4))
    image.header.set_xyzt_units("mm", "sec")
    image.header.set_zooms((1, 1, 1, repetition))
    nib.save(image, "x.nii")
    return "x.nii"


def folder_of(*samples):
    """Volumes in a folder of this name."""
    Path("cohort").mkdir(exist_ok=True)
    for number, values in enumerate(samples):
        nib.save(nib.Nifti1Image(values.astype("f4"), np.eye(4)), f"cohort/{number:02}.nii")
    return "cohort"


def volumes(apart, count=10, size=8):
    """Volumes of deviation 40 whose means have this deviation."""
    means = 100.0 + apart * np.tile([-1.0, 1.0], count)[:count]
    return [rng.normal(mean, 40.0, (size, size, size)) for mean in means]


def blocks(side):
    """Four whole numbers in cubes of this side: labels in regions, or a pattern that fills the volume."""
    cubes = np.indices((32 // side, 32 // side, 32 // side)).sum(axis=0) % 4
    values = np.kron(cubes, np.ones((side, side, side))) * (1.0 if side > 1 else 1.5)
    nib.save(nib.Nifti1Image(values.astype("f4"), np.eye(4)), "x.nii")
    return "x.nii"


FIRES = {
    "BN101": (constant, lambda: changed(constant(), 8.0), []),
    "BN102": (lambda: wave(0.0316), lambda: wave(0.0317), []),
    "BN103": (lambda: wave(0.31), lambda: wave(0.32), []),
    "BN104": (lambda: changed(wave(1.0), np.nan), lambda: wave(1.0), []),
    "BN105": (lambda: changed(wave(1.0), -np.inf), lambda: changed(wave(1.0), -1e4), []),
    "BN106": (lambda: changed(wave(900.0), 65505.0), lambda: changed(wave(900.0), 65504.0), []),
    "BN109": (lambda: wave(100.0), lambda: wave(1.0), ["--intensity", "clip:-50,50"]),
    "BN110": (lambda: changed(wave(900.0), 2e19), lambda: changed(wave(900.0), 1.8e19), []),
    "BN201": (lambda: of_shape(1, 1, 1, 1, 2), lambda: of_shape(1, 1, 1, 2, 2), []),
    "BN202": (lambda: folder_of(*volumes(8.0)), lambda: folder_of(*volumes(3.0)), ["--batch-size", 2]),
    "BN203": (lambda: folder_of(*volumes(22.0)), lambda: folder_of(*volumes(8.0)), ["--batch-size", 2]),
    "BN204": (lambda: folder_of(*volumes(12.0)), lambda: folder_of(*volumes(2.0)), ["--batch-size", 2]),
    "BN205": (lambda: folder_of(*volumes(12.0)), lambda: folder_of(*volumes(2.0)), ["--batch-size", 2]),
    "BN301": (lambda: far(1e4), lambda: far(10.0), ["--framework", "keras-torch"]),
    "BN302": (lambda: far(1e4), lambda: far(10.0), ["--framework", "flax"]),
    "BN303": (lambda: far(150.0), lambda: far(10.0), ["--framework", "flax"]),
    "BN401": (lambda: series(2.0), lambda: series(0.0), []),
    "BN402": (lambda: of_shape(1, 4, 16, 16, 16), lambda: of_shape(1, 16, 16, 16, 4), []),
    "BN403": (
        lambda: folder_of(np.ones((4, 4, 4)), np.ones((4, 4, 5))),
        lambda: folder_of(np.ones((4, 4, 4)), np.ones((4, 4, 4))),
        ["--batch-size", 2],
    ),
    "BN404": (lambda: wave(1.0, 101.0), lambda: wave(1.0, 100.0), []),
    "BN406": (lambda: blocks(8), lambda: blocks(1), []),
}


@pytest.mark.parametrize("code", FIRES)
def test_a_rule_fires_on_a_volume_made_for_it_and_not_on_a_close_neighbour(codes, code):
    fires, silent, options = FIRES[code]
    assert code in codes(fires(), *options)
    assert code not in codes(silent(), *options)


def test_unsettled_statistics_need_steps_and_too_few_of_them(codes):
    path = wave(1.0)
    assert codes(path) == codes(path, "--steps", 459) == set()
    assert codes(path, "--steps", 458) == {"BN206"}
    assert codes(path, "--steps", 44, "--framework", "torch") == set()


def test_an_epsilon_of_0_is_refused_by_a_layer_and_not_by_data(codes):
    path = wave(1.0)
    assert codes(path, "--framework", "torch", "--epsilon", 0) == {"BN108"}
    assert codes(path, "--framework", "torch", "--epsilon", 1e-5) == codes(path, "--epsilon", 0) == set()


def test_a_momentum_of_the_other_convention_is_told_whatever_the_volume(codes):
    path = wave(1.0)
    assert codes(path, "--framework", "torch", "--momentum", 0.99) == {"BN209"}
    assert codes(path, "--framework", "torch", "--momentum", 0.1) == set()


def test_every_rule_has_its_volume():
    from bnstat.rules import RULES

    beside = {"BN107", "BN207", "BN208", "BN405"}  # need patches, a cohort or a reference: tests of their own
    assert {*FIRES, "BN108", "BN206", "BN209", *beside} == {rule.code for rule in RULES}


@pytest.mark.parametrize(
    ("make", "options", "spoken"),
    [
        (lambda: wave(0.001), [], "BN102"),
        (lambda: wave(0.001), ["--ignore", "BN102"], "BN103"),
        (lambda: wave(0.001), ["--select", "epsilon-effect"], "BN103"),
        (constant, ["--select", "BN102,BN103"], None),
        (lambda: far(1e4), ["--framework", "flax", "--ignore", "BN302"], "BN303"),
        (lambda: far(1e4), ["--framework", "keras-torch", "--ignore", "BN301"], "BN303"),
    ],
)
def test_of_a_family_only_the_first_selected_rule_that_holds_speaks(codes, make, options, spoken):
    assert codes(make(), *options) == ({spoken} if spoken else set())


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], {"BN102", "BN104"}),
        (["--select", "BN104"], {"BN104"}),
        (["--select", "nan-voxels"], {"BN104"}),
        (["--select", "bn10", "--ignore", "BN104,near-zero-variance"], {"BN103"}),
        (["--select", "BN2"], set()),
        (["--ignore", "BN1"], set()),
    ],
)
def test_rules_are_named_by_code_name_or_prefix(codes, options, expected):
    assert codes(changed(wave(0.001, 1.0), np.nan, (0, 0, 1)), *options) == expected


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--select", "zero-varaince"], "did you mean 'zero-variance'"),
        (["--ignore", "BN12"], "did you mean 'BN1"),
        (["--ignore", "B"], "no rule is left"),
        (["--select", "BN101", "--ignore", "BN101"], "no rule is left"),
        (["--fail-on", "fatal"], "fatal"),
        (["--limit", "nose=1"], "--limit: 'nose' is not known; did you mean 'noise'"),
        (["--limit", "noise"], "is not NAME=VALUE, as in noise=0.2; the names are epsilon-share, variance-error"),
        (["--limit", "noise=-1"], "--limit noise must be 0 or more, and is -1"),
        (["--limit", "noise=inf"], "0 or more"),
        (["--limit", "small-batch=2.5"], "whole number"),
        (["--steps", 0], "--steps must be at least 1, and is 0"),
        (["--steps", 10**400], "--steps must be at most 1e+18"),
        (["--update-baseline"], "name it with --baseline"),
        (["--batch-size", 2], "more samples"),
        (["--config", "missing.toml"], "missing.toml"),
    ],
)
def test_what_cannot_be_is_one_line_and_code_2(refused, options, words):
    assert words in refused(2, "check", wave(1.0), *options)


def test_no_input_is_code_2(refused):
    assert "no input" in refused(2, "check")


@pytest.mark.parametrize(
    ("make", "failing"),
    [
        (constant, {"error", "warning", "note"}),
        (lambda: wave(0.1), {"warning", "note"}),
        (lambda: series(2.0), {"note"}),
        (lambda: wave(1.0), set()),
    ],
)
def test_a_finding_fails_from_its_severity_on(bnstat_run, make, failing):
    path = make()
    for severity in ("error", "warning", "note", "never"):
        assert bnstat_run("check", path, "--fail-on", severity).code == int(severity in failing)


def test_a_limit_moves_a_rule(codes):
    assert codes(wave(0.2)) == {"BN103"}
    assert codes("x.npy", "--limit", "epsilon-share=0.03") == set()
    assert codes(wave(1.0, 50.0), "--limit", "scale-ratio=49", "--limit", "noise=1") == {"BN404"}


# --- settings ---


@pytest.mark.parametrize("file", ["bnstat.toml", "pyproject.toml"])
def test_settings_are_found_in_a_file_upwards(codes, monkeypatch, file):
    table = "tool.bnstat." if file == "pyproject.toml" else ""
    head = "[tool.bnstat]\n" if file == "pyproject.toml" else ""
    Path(file).write_text(f"{head}epsilon = 0.5\nselect = ['BN103']\n[{table}limits]\nepsilon-share = 0.4\n")
    Path("inner").mkdir()
    monkeypatch.chdir("inner")
    assert codes(wave(0.9)) == set()
    assert codes(wave(0.8)) == {"BN103"}
    assert codes("x.npy", "--limit", "epsilon-share=0.45") == set()
    assert codes("x.npy", "--epsilon", 0.1) == set()


def shown(bnstat_run, *args):
    """The settings, as name to (value, origin)."""
    ran = bnstat_run("check", "--show-settings", *args)
    assert ran.code == 0, ran
    return {line.split()[0]: tuple(line.split()[1:3]) for line in ran.out.splitlines()}


def test_the_command_line_wins_over_the_environment_over_the_file_over_the_default(bnstat_run, monkeypatch):
    assert shown(bnstat_run)["batch-size"] == ("1", "default")
    Path("bnstat.toml").write_text("batch-size = 3\nmomentum = 1\n[limits]\nnoise = 0.2\ngap = 0.3\n")
    file = str(Path.cwd() / "bnstat.toml")
    assert shown(bnstat_run)["batch-size"] == ("3", file)
    assert shown(bnstat_run)["momentum"] == ("1.0", file)
    monkeypatch.setenv("BNSTAT_CHECK_BATCH_SIZE", "5")
    monkeypatch.setenv("BNSTAT_CHECK_LIMIT", "noise=0.4")
    found = shown(bnstat_run)
    assert found["batch-size"] == ("5", "environment")
    assert found["limits.noise"] == ("0.4", "environment")
    assert found["limits.gap"] == ("0.3", file)
    assert found["limits.shortfall"] == ("0.1", "default")
    found = shown(bnstat_run, "-b", 7, "--limit", "noise=0.5")
    assert found["batch-size"] == ("7", "command")
    assert found["limits.noise"] == ("0.5", "command")


def test_the_environment_judges_as_the_command_line_does(codes, monkeypatch):
    path = wave(0.2)
    for name, value in (("IGNORE", "epsilon-effect"), ("LIMIT", "epsilon-share=0.5"), ("EPSILON", "1e-9")):
        with monkeypatch.context() as patch:
            patch.setenv(f"BNSTAT_CHECK_{name}", value)
            assert codes(path) == set()
    assert codes(path) == {"BN103"}


@pytest.mark.parametrize("text", ["[tool]\nbnstat = 3", "[tool.bnstat]\nlimits = 3", "[tool.bnstat]\noverrides = [3]"])
def test_settings_of_another_kind_are_one_line(refused, text):
    Path("pyproject.toml").write_text(text)
    assert "pyproject.toml" in refused(2, "check", wave(1.0))


def test_overrides_are_relative_to_their_file_however_a_file_is_named(codes, monkeypatch):
    Path("bnstat.toml").write_text("[[overrides]]\npaths = ['phantoms/*']\nignore = ['BN101']\n")
    Path("phantoms").mkdir()
    shutil.move(constant(), "phantoms/a.npy")
    shutil.copy("phantoms/a.npy", "b.npy")
    for name in ("phantoms/a.npy", "phantoms", "./phantoms/../phantoms/a.npy", Path("phantoms/a.npy").resolve()):
        assert codes(name) == set()
    assert codes("b.npy") == {"BN101"}
    monkeypatch.chdir("phantoms")
    assert codes("a.npy") == set()
    assert codes("../b.npy") == {"BN101"}


def test_an_override_makes_way_for_the_next_rule_of_a_family(codes):
    Path("bnstat.toml").write_text("[[overrides]]\npaths = ['*.npy']\nignore = ['near-zero-variance']\n")
    assert codes(wave(0.001)) == {"BN103"}


def test_an_override_of_an_unknown_rule_is_refused(refused):
    Path("bnstat.toml").write_text("[[overrides]]\npaths = ['*']\nignore = ['BN999']\n")
    assert "BN999" in refused(2, "check", wave(1.0))


@pytest.mark.parametrize(("pattern", "found"), [("x.npz", 0), ("x.npz[[]a]", 1), ("x.npz[a]", 1), ("*.npz", 0)])
def test_an_override_names_an_archive_or_an_array_of_it(checked, pattern, found):
    np.savez("x.npz", a=np.zeros((1, 50, 1)), b=np.zeros((1, 50, 1)))
    Path("bnstat.toml").write_text(f"[[overrides]]\npaths = ['{pattern}']\nignore = ['BN101']\n")
    assert len(checked(found, "x.npz[a]", "x.npz[b]")["findings"]) == found


def test_a_settings_file_may_begin_with_a_byte_order_mark(codes):
    Path("bnstat.toml").write_text("ignore = ['BN101']\n", encoding="utf-8-sig")
    assert codes(constant()) == set()


@pytest.mark.skipif(sys.platform == "win32", reason="it cannot be taken away there")
def test_a_working_directory_that_is_gone_has_no_settings_file(bnstat_run, monkeypatch):
    path = Path(constant()).resolve()
    Path("gone").mkdir()
    monkeypatch.chdir("gone")
    Path("../gone").rmdir()
    assert bnstat_run("check", path).code == 1


# --- the baseline ---


@pytest.fixture
def known(bnstat_run):
    """A folder with a baseline of one constant file."""
    Path("data").mkdir()
    shutil.move(constant(), "data/old.npy")
    ran = bnstat_run("check", "data", "--baseline", "known.json", "--update-baseline")
    assert ran.code == 0, ran
    return ["--baseline", "known.json"]


def test_what_is_known_passes_what_is_new_fails_and_what_is_gone_is_stale(checked, known):
    document = checked(0, "data", *known)
    assert (document["findings"], document["stale"]) == ([], [])
    assert [one["rule"] for one in document["known"]] == ["BN101"]
    shutil.copy("data/old.npy", "data/new.npy")
    document = checked(1, "data", *known)
    assert [one["source"] for one in document["findings"]] == [str(Path("data/new.npy"))]
    Path("data/new.npy").unlink()
    shutil.move(wave(1.0), "data/old.npy")
    document = checked(0, "data", *known)
    assert [(one["rule"], one["path"], one["channel"]) for one in document["stale"]] == [("BN101", "data/old.npy", 0)]


def test_a_known_finding_is_known_from_anywhere_by_any_name(checked, known, monkeypatch):
    top = Path.cwd()
    for name in ("data/old.npy", "./data/../data/old.npy", top / "data"):
        assert len(checked(0, name, *known)["known"]) == 1
    monkeypatch.chdir("data")
    assert len(checked(0, "old.npy", "--baseline", "../known.json")["known"]) == 1
    assert len(checked(0, ".", "--baseline", top / "known.json")["known"]) == 1


@pytest.mark.skipif(os.name != "posix", reason="needs links")
def test_a_link_on_the_way_makes_no_finding_new(checked, known, tmp_path, monkeypatch):
    (tmp_path / "link").symlink_to(Path.cwd(), target_is_directory=True)
    monkeypatch.chdir(tmp_path / "link")
    assert len(checked(0, tmp_path / "link" / "data", *known)["known"]) == 1
    assert len(checked(0, "data/old.npy", "--baseline", tmp_path / "link" / "known.json")["known"]) == 1


@pytest.mark.skipif(os.name != "posix", reason="needs links")
def test_data_that_are_linked_into_the_folder_are_known_by_their_place_in_it(bnstat_run, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    shutil.move(constant(), tmp_path / "elsewhere" / "x.npy")
    Path("data").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    assert bnstat_run("check", "data", "--baseline", "known.json", "--update-baseline").code == 0
    assert '"path": "data/x.npy"' in Path("known.json").read_text()


def test_a_baseline_in_the_settings_is_relative_to_their_file(checked, known, monkeypatch):
    Path("bnstat.toml").write_text(f"baseline = '{known[1]}'\n")
    monkeypatch.chdir("data")
    assert len(checked(0, "old.npy")["known"]) == 1


def test_an_update_drops_what_is_stale_and_is_the_same_again(bnstat_run, known):
    shutil.move(wave(1.0), "data/old.npy")
    assert bnstat_run("check", "data", *known, "--update-baseline").code == 0
    assert json.loads(Path("known.json").read_text())["findings"] == []
    shutil.copy(constant(), "data/old.npy")
    assert bnstat_run("check", "data", *known, "--update-baseline").code == 0
    once = Path("known.json").read_text()
    assert bnstat_run("check", "data", *known, "--update-baseline").code == 0
    assert Path("known.json").read_text() == once


def test_an_update_with_an_unreadable_file_is_written_and_is_code_3(bnstat_run, known):
    Path("data/broken.npy").write_bytes(b"no array")
    shutil.copy("data/old.npy", "data/new.npy")
    assert bnstat_run("check", "data", *known, "--update-baseline").code == 3
    assert len(json.loads(Path("known.json").read_text())["findings"]) == 2


def test_what_only_many_samples_show_is_not_stale_where_few_are_checked(checked, bnstat_run):
    cohort = folder_of(*volumes(30.0))
    options = ["--baseline", "known.json", "--batch-size", 2]
    assert bnstat_run("check", cohort, *options, "--update-baseline").code == 0
    written = Path("known.json").read_text()
    assert "BN202" in written
    assert checked(0, "cohort/00.nii", "cohort/01.nii", *options)["stale"] == []
    assert bnstat_run("check", "cohort/00.nii", "cohort/01.nii", *options, "--update-baseline").code == 0
    assert Path("known.json").read_text() == written


def test_a_baseline_that_is_no_file_of_ours_is_code_3(refused):
    path = wave(1.0)
    for text in ("{", "[]", '{"schema": "bnstat.baseline/1", "findings": null}'):
        Path("known.json").write_text(text)
        assert "known.json" in refused(3, "check", path, "--baseline", "known.json")
    assert "x.npy" in refused(3, "check", path, "--baseline", path, "--update-baseline")
    assert np.load(path).size


def test_the_output_goes_over_no_input_and_not_over_the_baseline(refused, known):
    before = Path("known.json").read_text()
    Path("bnstat.toml").write_text("steps = 1000\n")
    for name in ("bnstat.toml", "known.json", "./data/../known.json", "data/old.npy"):
        assert "stays as it is" in refused(2, "check", "data", "-q", *known, "-o", name)
    assert Path("known.json").read_text() == before


# --- shapes and sizes ---


def test_mixed_shapes_are_a_finding_and_everything_else_is_judged(checked):
    samples = [*volumes(30.0), rng.normal(100.0, 40.0, (8, 8, 9)), np.zeros((7, 8, 8))]
    document = checked(1, folder_of(*samples), "--batch-size", 2)
    found = {(one["rule"], one["source"]) for one in document["findings"]}
    assert {code for code, _ in found} >= {"BN405", "BN202", "BN203", "BN403"}
    assert ("BN403", None) in found
    assert ("BN405", str(Path("cohort/11.nii"))) in found
    alone = checked(1, "cohort")
    assert "BN403" not in {one["rule"] for one in alone["findings"]}
    assert "BN405" in {one["rule"] for one in alone["findings"]}


@pytest.mark.parametrize(("count", "speaks"), [(7, False), (8, True)])
def test_under_eight_samples_one_note_stands_for_the_rules_between_samples(bnstat_run, count, speaks):
    ran = bnstat_run("check", folder_of(*volumes(30.0, count)), "-b", 2, "--fail-on", "never", "--format", "csv")
    assert ("BN202" in ran.out) == speaks
    assert ("BN205" in ran.out) == speaks
    notes = [line for line in ran.lines if "between samples" in line]
    assert len(notes) == int(not speaks)


def test_volumes_of_five_dimensions_and_one_sample_arrays_are_judged(checked):
    values = rng.normal(0, 9, (5, 5, 5, 1, 3))
    values[..., 2] = 4.0
    nib.save(nib.Nifti1Image(values.astype("f4"), np.eye(4)), "v.nii")
    (finding,) = checked(1, "v.nii")["findings"]
    assert (finding["rule"], finding["channel"]) == ("BN101", 2)
    np.save("a.npy", np.zeros((5, 6, 7)))
    assert len(checked(1, "a.npy")["findings"]) == 35
    assert len(checked(1, "a.npy", "--batch-axis", "none")["findings"]) == 1


def test_an_array_of_an_archive_and_a_name_that_is_no_unicode_are_known_by_name(checked, bnstat_run):
    np.savez("x.npz", a=np.zeros((1, 50, 1)), b=rng.normal(size=(1, 50, 1)))
    name = os.fsdecode(b"caf\xe9.npy") if os.name == "posix" and sys.platform != "darwin" else "café.npy"
    shutil.copy(constant(), name)
    options = ["x.npz[a]", name, "--baseline", "known.json"]
    assert bnstat_run("check", *options, "--update-baseline").code == 0
    assert len(checked(0, *options)["known"]) == 2
    assert len(checked(1, "x.npz[a]", "x.npz[b]", name, "x.npz[a]")["findings"]) == 3


@pytest.mark.parametrize("form", ["table", "json", "jsonl", "csv", "markdown", "junit", "github", "gitlab", "sarif"])
def test_every_format_tells_nothing_found_and_only_errors(bnstat_run, form):
    Path("broken.npy").write_bytes(b"no array")
    clean = bnstat_run("check", wave(1.0), "--format", form)
    assert (clean.code, clean.errors) == (0, [])
    broken = bnstat_run("check", "broken.npy", "--format", form)
    assert (broken.code, len(broken.errors)) == (3, 1)


def test_a_summary_that_cannot_be_written_leaves_the_annotations(bnstat_run, monkeypatch):
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(Path.cwd() / "none" / "summary.md"))
    ran = bnstat_run("check", constant(), "--format", "github")
    assert (ran.code, len(ran.errors)) == (3, 1)
    assert ran.out.startswith("::error file=")


@pytest.mark.parametrize("value", [1e300, 3.5e38, 65505.0])
@pytest.mark.parametrize("framework", ["keras", "torch", "flax", "keras-tensorflow"])
def test_a_constant_of_any_size_is_judged(codes, value, framework):
    assert {"BN101", "BN106"} <= codes(constant(value), "--framework", framework)


# --- exit codes, as a shell sees them ---


def in_shell(command, **environment):
    """Run a line in bash, where `bnstat` is this one and the files are made."""
    program = f'set -o pipefail; bnstat() {{ "{sys.executable}" -m bnstat "$@"; }}; {command}'
    ran = subprocess.run(
        ["bash", "-c", program],
        capture_output=True,
        text=True,
        timeout=LONGEST,
        check=False,
        env={**os.environ, **environment},
    )
    assert "Traceback" not in ran.stderr
    return ran


@pytest.fixture
def files():
    wave(1.0)
    shutil.move("x.npy", "clean.npy")
    shutil.move(constant(), "constant.npy")
    shutil.move(changed(wave(1.0), np.nan), "nan.npy")
    Path("broken.npy").write_bytes(b"no array")


@shell
@pytest.mark.usefixtures("files")
@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("bnstat check clean.npy", 0),
        ("bnstat check constant.npy clean.npy", 1),
        ("bnstat check nan.npy | cat", 1),
        ("bnstat check clean.npy --selct BN1", 2),
        ("bnstat check broken.npy constant.npy", 3),
        ("bnstat check broken.npy constant.npy --fail-on never | cat", 3),
        ("bnstat check missing.npy || exit $((10 + $?))", 13),
        ("bnstat check constant.npy -q >/dev/null || exit $((10 + $?))", 11),
        ("bnstat check clean.npy -b 9 2>/dev/null || exit $((10 + $?))", 12),
        ("if bnstat check clean.npy; then exit 20; fi", 20),
        ("bnstat check constant.npy -o none/report.txt", 3),
        ("bnstat check --all nan.npy --format json | true; exit ${PIPESTATUS[1]}", 0),
    ],
)
def test_exit_codes_of_a_shell(command, code):
    ran = in_shell(command)
    assert ran.returncode == code, ran


@shell
def test_a_closed_pipe_is_141_and_silent():
    np.save("many.npy", np.zeros((1, 5, 20_000)))
    ran = in_shell("bnstat check many.npy -q --format csv | head -1 >/dev/null; exit ${PIPESTATUS[0]}")
    assert (ran.returncode, ran.stderr) == (141, "")


FOR_PROGRAMS = ("json", "jsonl", "csv", "junit", "gitlab", "sarif")


@pytest.mark.parametrize("form", FOR_PROGRAMS)
def test_the_outcome_is_on_stderr_where_the_output_is_for_a_program(bnstat_run, form):
    failed = bnstat_run("check", FOUR, UNIT, "--format", form)
    assert failed.err.splitlines()[-1] == "bnstat: failed: 1 error, 1 warning in 2 samples (fails on error)"
    passed = bnstat_run("check", UNIT, "--format", form)
    assert passed.err.splitlines()[-1] == "bnstat: passed: 1 warning in 1 sample (fails on error)"
    assert "failed: 1 error" not in failed.out
    assert "bnstat: " not in bnstat_run("check", UNIT, "--format", form, "-q").err


@pytest.mark.parametrize("form", ["table", "markdown", "github", "json"])
def test_the_outcome_is_on_stderr_where_the_output_is_in_a_file(bnstat_run, tmp_path, form):
    ran = bnstat_run("check", FOUR, "--format", form, "-o", tmp_path / "out", "--fail-on", "warning")
    assert ran.err.splitlines()[-1] == "bnstat: failed: 1 error in 1 sample (fails on warning or worse)"


@pytest.mark.parametrize("form", ["table", "markdown", "github"])
def test_the_outcome_is_in_what_a_person_reads_and_said_once(bnstat_run, form):
    ran = bnstat_run("check", FOUR, "--format", form)
    assert " ".join((ran.out + ran.err).split()).count("1 error in 1 sample (fails on error)") == 1
    assert "passed" in bnstat_run("check", UNIT, "--format", form).out


def test_a_table_ends_with_the_outcome(bnstat_run):
    assert bnstat_run("check", FOUR, UNIT).out.endswith("failed: 1 error, 1 warning in 2 samples (fails on error)\n")
    assert bnstat_run("check", FOUR, "--fail-on", "never").out.endswith("passed: 1 error in 1 sample (never fails)\n")


def test_updating_a_baseline_says_what_was_written(bnstat_run, tmp_path):
    file = tmp_path / "baseline.json"
    ran = bnstat_run("check", FOUR, UNIT, "--baseline", file, "--update-baseline")
    assert f"bnstat: note: wrote 2 findings into {file}, which later checks pass" in ran.err
    assert len(json.loads(file.read_text(encoding="utf-8"))["findings"]) == 2
    assert "wrote" not in bnstat_run("check", FOUR, "--baseline", file).err
    assert bnstat_run("check", FOUR, "--baseline", file, "--update-baseline", "-q").err == ""


def test_a_single_file_is_no_cohort(bnstat_run, monkeypatch):
    monkeypatch.chdir(SAMPLES)  # the name of a file, as it was typed, is in the seed of its patches
    out = bnstat_run("check", FOUR.name, "--patch", "8x8x8", "--patches", "4").out
    assert "whole cohort" not in out
    assert f"{FOUR.name}\n  error BN101" in out


def test_the_table_opens_with_what_the_findings_come_to_and_says_a_shared_remedy_once(bnstat_run):
    found = bnstat_run("check", SAMPLES / "cohort", "-b", "2").out
    said = " ".join(found.split())
    assert said.startswith(
        "3 warnings, 1 note: batch size 2 is too small for channel 0; use about 34 (71 with 90 % confidence), or "
        "instance or group norm."
    )
    assert found.splitlines()[-1].startswith("passed: 3 warnings, 1 note in 12 samples")
    assert said.count("synchronize the batch statistics") == 1
    assert "BN202, BN203, BN204: or synchronize the batch statistics" in said
    small = said.partition("note BN205 small-batch")[2]
    assert small.startswith(" batch size 2 is small: in published results with 8 samples or less the errors rise.")
    assert said.count("channel 0") == 4  # in the first line, and once in each of three findings
    document = json.loads(bnstat_run("check", SAMPLES / "cohort", "-b", "2", "--format", "json").out)
    messages = [one["message"] for one in document["findings"]]
    assert sum("Or synchronize the batch statistics" in message for message in messages) == 3


def test_a_finding_of_its_own_is_told_whole(bnstat_run):
    said = " ".join(bnstat_run("check", SAMPLES / "cohort", "-b", "2", "--select", "BN202").out.split())
    assert said.startswith("1 warning: batch size 2 is too small for channel 0; use about")
    assert "(the noise falls as 1/√B, where B is the batch size). Or synchronize the batch statistics" in said
    small = " ".join(bnstat_run("check", SAMPLES / "cohort", "-b", "2", "--select", "BN205").out.split())
    assert small.startswith("1 note: BN205 small-batch.")
    assert "noise of the batch mean 0.385 in channel 0" in small


def test_entries_of_one_image_file_are_judged_with_a_note(bnstat_run):
    words = (
        "all 20 samples come from one file. They show how its entries differ, not how volumes differ; give at least 8"
    )
    assert words in bnstat_run("check", SAMPLES / "time_series.nii.gz", "--batch-axis", "3").err
    assert (
        "come from"
        not in bnstat_run("check", SAMPLES / "time_series.nii.gz", "--batch-axis", "3", "--ignore", "BN2").err
    )
    assert "come from" not in bnstat_run("check", SAMPLES / "cohort", "-b", "2").err
