"""Files that are left out of folders, patterns and lists: `--exclude` and `.bnstatignore`."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import bnstat
from bnstat.errors import InputError, UsageError
from bnstat.sources.exclusion import Exclusion

FILES = (
    "a.nii",
    "b_seg.nii",
    "sub-01/anat/a.nii",
    "sub-01/anat/a_seg.nii",
    "derivatives/sub-01/a.nii",
    "sub-02/derivatives/x.nii",
)
PATTERNS = (
    *(
        "*_seg.nii",
        "derivatives/",
        "/derivatives/",
        "derivatives",
        "sub-01/*",
        "sub-01/**",
        "sub-01/anat/*.nii",
        "**/anat/*_seg.nii",
    ),
    *(
        "a.nii",
        "/a.nii",
        "sub-0?/",
        "sub-0[!1]/",
        "[ab].nii",
        "**/derivatives/**",
        "*",
        "nothing",
        "anat/a.nii",
        "**/a.nii",
        "sub-*/anat",
    ),
)


def kept_by_git(folder, lines):
    """The files that git does not ignore."""
    (folder / ".gitignore").write_text("\n".join(lines))
    found = subprocess.run(
        ["git", "ls-files", "-o", "--exclude-standard"], cwd=folder, capture_output=True, text=True, check=True
    )
    return {name for name in found.stdout.split("\n") if name.endswith(".nii")}


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    folder = tmp_path_factory.mktemp("repository")
    for name in FILES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
    return folder


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_pattern_leaves_out_what_git_ignores(repository, pattern):
    exclusion = Exclusion((pattern,))
    assert {file for file in FILES if not exclusion.leaves_out(file)} == kept_by_git(repository, [pattern])


@pytest.mark.parametrize(
    "lines",
    [("*_seg.nii", "!b_seg.nii"), ("sub-01/", "!sub-01/anat/a.nii"), ("!a.nii", "a.nii"), ("*.nii", "!**/a.nii")],
)
def test_a_later_pattern_may_take_a_file_back_as_in_git(repository, lines):
    exclusion = Exclusion(lines)
    assert {file for file in FILES if not exclusion.leaves_out(file)} == kept_by_git(repository, lines)


@given(st.text(max_size=20), st.text(max_size=20))
def test_any_text_is_a_pattern_or_refused(pattern, path):
    try:
        exclusion = Exclusion((pattern,))
    except UsageError:
        return
    assert exclusion.leaves_out(path) in (True, False)


@pytest.mark.parametrize("pattern", ["", "/", "!", "!/", "./"])
def test_a_pattern_that_fits_nothing_is_refused(refused, small_image, pattern):
    assert "fits nothing; give a pattern of file names, as" in refused(
        2, "inspect", small_image(), "--exclude", pattern
    )


# --- Folders, patterns and lists -----------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path, small_image, monkeypatch):
    image = Path(small_image("original.nii"))
    for name in FILES:
        (tmp_path / "cohort" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(image, tmp_path / "cohort" / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "cohort"


def read(*paths, **given):
    report = bnstat.diagnose(paths, reading=bnstat.Reading(each=True, **given))
    return [sample.source for sample in report.samples], [note for note in report.notes if "exclude" in note]


@pytest.mark.usefixtures("folder")
def test_a_folder_without_what_is_excluded():
    sources, notes = read("cohort", exclude=("*_seg.nii", "derivatives/"))
    assert sources == ["cohort/a.nii", "cohort/sub-01/anat/a.nii"]
    (note,) = notes
    assert note.startswith("cohort: excluded 4 images by `exclude`, as cohort/")


def test_the_ignore_file_of_a_folder_is_heeded(folder):
    (folder / ".bnstatignore").write_text("# label maps\n\n*_seg.nii\n/derivatives/\n!b_seg.nii  \n")
    sources, notes = read("cohort")
    assert sources == [
        "cohort/a.nii",
        "cohort/b_seg.nii",
        "cohort/sub-01/anat/a.nii",
        "cohort/sub-02/derivatives/x.nii",
    ]
    assert notes[0].startswith("cohort: excluded 2 images by .bnstatignore, as cohort/")
    both = read("cohort", exclude=("sub-02/",))
    assert both[0] == sources[:-1]
    assert "3 images by " in both[1][0]


def test_a_dot_and_an_absolute_path_are_the_same_folder(folder, monkeypatch):
    named = read(str(folder), exclude=("/derivatives/",))[0]
    assert [Path(file).relative_to(folder).as_posix() for file in named] == [
        Path(file).relative_to("cohort").as_posix() for file in read("cohort/", exclude=("/derivatives/",))[0]
    ]
    monkeypatch.chdir(folder)
    assert len(read(".", exclude=("/derivatives/",))[0]) == len(named) == 5


def test_files_that_are_named_follow_the_option_and_no_ignore_file(folder):
    (folder / ".bnstatignore").write_text("*\n")
    assert read("cohort/*.nii", exclude=("*_seg*",)) == (
        ["cohort/a.nii"],
        ["excluded 1 image by `exclude`, as cohort/b_seg.nii"],
    )
    assert read("cohort/a.nii", "cohort/b_seg.nii", exclude=("b*",))[0] == ["cohort/a.nii"]


def test_a_list_of_files_follows_the_option(folder, bnstat_run):
    (folder / "list.txt").write_text("".join(f"cohort/{name}\n" for name in FILES))
    ran = bnstat_run(
        "inspect",
        "--files-from",
        "cohort/list.txt",
        "--exclude",
        "derivatives/",
        "--exclude",
        "*_seg.nii",
        "--format",
        "json",
    )
    assert [one["source"] for one in json.loads(ran.out)["samples"]] == ["cohort/a.nii", "cohort/sub-01/anat/a.nii"]
    assert "note: excluded 4 images by --exclude, as cohort/b_seg.nii" in ran.err


def test_if_nothing_is_left_it_is_an_error(folder, refused):
    assert "cohort: no image is left of it: excluded 6 images by --exclude" in refused(
        3, "inspect", "cohort", "--exclude", "*"
    )
    assert "nothing is left of the inputs: excluded 1 image" in refused(2, "inspect", "cohort/a.nii", "--exclude", "*")
    (folder / ".bnstatignore").write_text("*.nii")
    assert "excluded 6 images by .bnstatignore" in refused(3, "inspect", "cohort")


def test_an_ignore_file_that_cannot_be_read_is_a_line(folder, refused):
    (folder / ".bnstatignore").write_text("/\n")
    assert "cohort/.bnstatignore: '/' fits nothing" in refused(3, "inspect", "cohort")
    (folder / ".bnstatignore").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="bnstatignore"):
        bnstat.diagnose("cohort")


def test_cases_of_a_data_set_may_be_excluded(tmp_path, monkeypatch):
    from dataset_cases import nnunet_v2

    nnunet_v2(tmp_path / "ds")
    monkeypatch.chdir(tmp_path)
    report = bnstat.diagnose("ds", reading=bnstat.Reading(exclude=("case_002*",)))
    sources, notes = [sample.source for sample in report.samples], [note for note in report.notes if "excluded" in note]
    assert sources == ["ds/imagesTr/case_001", "ds/imagesTr/case_003"]
    assert notes[0].startswith("ds: excluded 3 images by `exclude`")


def test_a_folder_of_a_server_is_sieved_too(folder):
    pytest.importorskip("fsspec")
    (folder / ".bnstatignore").write_text("/derivatives/\n")
    sources, notes = read(f"file://{folder}", exclude=("*_seg.nii",))
    assert [source.removeprefix(f"file://{folder}/") for source in sources] == [
        "a.nii",
        "sub-01/anat/a.nii",
        "sub-02/derivatives/x.nii",
    ]
    assert (
        "excluded 3 images by .bnstatignore and `exclude`" in notes[0] or "by `exclude` and .bnstatignore" in notes[0]
    )


@pytest.mark.usefixtures("folder")
def test_a_moments_file_knows_what_was_excluded(bnstat_run):
    ran = bnstat_run("scan", "cohort", "--each", "--exclude", "*_seg.nii", "-o", "m.jsonl")
    assert ran.code == 0, ran.err
    lines = [json.loads(line) for line in Path("m.jsonl").read_text().splitlines()]
    assert [line["settings"]["selection"] for line in lines] == [{"each": True, "exclude": ["*_seg.nii"]}] * 4
    assert bnstat_run("inspect", "m.jsonl").code == 0
    other = bnstat_run("scan", "cohort", "--each", "-o", "m.jsonl", "--resume")
    assert (other.code, "--exclude *_seg.nii" in other.err) == (2, True)


@pytest.mark.usefixtures("folder")
def test_a_pattern_that_fits_no_image_is_noted():
    notes = read("cohort", exclude=("*_seg.nii", "derivativs/"))[1]
    assert [note for note in notes if "fits no image" in note] == [
        "`exclude`: 'derivativs/' fits no image of the inputs; a pattern is a name, or a path below the folder that "
        "was named, as '*_seg.nii.gz' or 'derivatives/'"
    ]
    # a path from the current folder on is the usual slip
    assert "'cohort/b_seg.nii' and 'x' fit no image" in read("cohort", exclude=("cohort/b_seg.nii", "x"))[1][0]
    # one that fits in one of several inputs, or in a folder that another one leaves out, fits
    assert not any("no image" in note for note in read("cohort", "cohort/a.nii", exclude=("b_seg*",))[1])
    assert not any("no image" in note for note in read("cohort", exclude=("derivatives/", "x.nii"))[1])
    assert not any("no image" in note for note in read("cohort/a.nii", exclude=("*_seg*",))[1])


@pytest.mark.usefixtures("folder")
def test_a_settings_file_has_patterns_and_the_command_line_others_in_their_place(bnstat_run):
    Path("bnstat.toml").write_text('exclude = ["*_seg.nii", "derivatives/"]\n')
    assert "excluded 4 images by --exclude" in bnstat_run("inspect", "cohort", "--each", "--list").err
    ran = bnstat_run("inspect", "cohort", "--each", "--exclude", "a.nii", "--list")
    assert "excluded 3 images by --exclude, as cohort/a.nii" in ran.err
    shown = bnstat_run("check", "--show-settings").out
    assert "*_seg.nii,derivatives/" in next(line for line in shown.splitlines() if line.startswith("exclude "))
