"""The group of each file: its directory, or the entry in a table, whichever way the table names files."""

import json
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bnstat.errors import InputError, UsageError
from bnstat.sources.groups import groups_by_source

WORDS = st.from_regex(r"[A-Za-z0-9]{1,6}", fullmatch=True)
FILES = ["a/one.nii.gz", "a/two.nii.gz", "b/three.nii.gz"]


@pytest.fixture
def table(tmp_path):
    def write(text, encoding="utf-8"):
        path = tmp_path / "sites.csv"
        path.write_bytes(text.encode(encoding))
        return f"{path}:site"

    return write


# --- Directories ------------------------------------------------------------------------------------------------


def test_a_group_is_named_by_the_directory_below_the_common_one():
    assert groups_by_source(["x/a/1.nii", "x/a/2.nii", "x/b/c/3.nii"], "directory") == {
        "x/a/1.nii": "a",
        "x/a/2.nii": "a",
        "x/b/c/3.nii": str(Path("b/c")),
    }


@given(st.lists(st.tuples(WORDS, WORDS), min_size=2, unique=True))
def test_files_are_in_one_group_exactly_if_they_are_in_one_directory(places):
    files = [f"{folder}/{name}.nii" for folder, name in places]
    if len({folder for folder, _ in places}) == 1:
        with pytest.raises(UsageError, match="one group"):
            groups_by_source(files, "directory")
        return
    groups = groups_by_source(files, "directory")
    for one, other in product(files, files):
        assert (groups[one] == groups[other]) == (Path(one).parent == Path(other).parent)


def test_files_of_the_common_directory_itself_are_a_group():
    assert groups_by_source(["x/1.nii", "x/a/2.nii"], "directory") == {"x/1.nii": ".", "x/a/2.nii": "a"}


# --- Tables -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "names",
    [
        FILES,
        ["one.nii.gz", "two.nii.gz", "three.nii.gz"],
        ["one", "two", "three"],
    ],
    ids=["paths", "names", "names without endings"],
)
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_table_may_name_files_in_any_of_these_ways(table, names, separator):
    rows = [("case", "site"), *zip(names, "AAB", strict=True)]
    text = "".join(separator.join(row) + "\n" for row in rows)
    assert groups_by_source(FILES, table(text)) == dict(zip(FILES, "AAB", strict=True))


def test_the_column_of_names_is_the_one_that_knows_most_files(table):
    text = "id,site,file\n1,A,one\n2,A,two\n3,B,three\n"
    assert list(groups_by_source(FILES, table(text)).values()) == ["A", "A", "B"]


def test_rows_of_other_files_and_spaces_are_ignored(table):
    text = "case , site\n one , A \ntwo,A\nthree,B\nfour,C\n"
    assert list(groups_by_source(FILES, table(text)).values()) == ["A", "A", "B"]


def test_a_byte_order_mark_is_no_part_of_a_column(table):
    assert list(groups_by_source(FILES[1:], table("\ufeffsite,case\nA,two\nB,three\n")).values()) == ["A", "B"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("case,centre\none,A\n", "no column 'site'; it has case, centre"),
        ("case,site\none,A\ntwo,A\n", "no site for b/three.nii.gz; add a row"),
        ("case,site\none,A\ntwo,\nthree,B\n", "no site for a/two.nii.gz; add a row"),
        ("case,site\none,A\ntwo,A\nthree,A\n", "puts all files into one group, 'A'"),
    ],
    ids=["column", "row", "entry", "one group"],
)
def test_a_table_that_does_not_tell_the_groups_is_wrong_usage(table, text, message):
    with pytest.raises(UsageError, match=message):
        groups_by_source(FILES, table(text))


def test_what_is_neither_directory_nor_a_column_is_wrong_usage():
    with pytest.raises(UsageError, match=r"'directory' or FILE\.csv:COLUMN"):
        groups_by_source(FILES, "sites")


@pytest.mark.parametrize(("text", "encoding"), [("case,site\n", "utf-8"), ("", "utf-8"), ("cäse,site\n", "latin-1")])
def test_a_table_without_rows_or_of_another_encoding_cannot_be_read(table, text, encoding):
    with pytest.raises(InputError, match="the table"):
        groups_by_source(FILES, table(text, encoding))


def test_a_table_with_an_entry_that_is_too_long_cannot_be_read(table):
    with pytest.raises(InputError, match="field larger than field limit"):
        groups_by_source(FILES, table(f"case,site\n{'x' * 200_000},A\n"))


def test_a_table_that_does_not_exist_cannot_be_read(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        groups_by_source(FILES, f"{tmp_path / 'none.csv'}:site")


# --- Participants, patients and cases in the paths of files -------------------------------------------------------


def bids(kinds=("T1w",), sessions=("",)):
    """Paths of three participants."""
    return [
        f"data/sub-0{number}/{session and f'{session}/'}anat/sub-0{number}_{session and f'{session}_'}{kind}.nii.gz"
        for number in (1, 2, 3)
        for session in sessions
        for kind in kinds
    ]


@pytest.mark.parametrize("entry", ["sub-0{}", "0{}"])
@pytest.mark.parametrize("more", ["age", "sex"])
def test_participants_are_found_in_the_paths_of_their_files(table, entry, more):
    rows = "".join(
        f"{entry.format(number)}\t{number + 20 if more == 'age' else 'F'}\t{'AAB'[number - 1]}\n"
        for number in (3, 1, 2)
    )
    groups = groups_by_source(bids(("T1w", "FLAIR")), table(f"participant_id\t{more}\tsite\n{rows}"))
    assert [groups[file] for file in bids(("T1w", "FLAIR"))] == list("AAAABB")


def test_a_table_of_sessions_tells_them_apart(table):
    rows = "".join(f"sub-0{number}\tses-{when}\t{'AB'[when - 1]}{number}\n" for number in (1, 2, 3) for when in (1, 2))
    files = bids(sessions=("ses-1", "ses-2"))
    groups = groups_by_source(files, table(f"participant_id\tsession_id\tsite\n{rows}"))
    assert list(groups.values()) == ["A1", "B1", "A2", "B2", "A3", "B3"]


@pytest.mark.parametrize(
    ("files", "entries"),
    [
        (["x/s0001/ct.nii.gz", "x/s0002/ct.nii.gz", "x/s0010/ct.nii.gz"], ["s0001", "s0002", "s0010"]),
        (["x/case_1_t1.nii", "x/case_2_t1.nii", "x/case_10_t1.nii"], ["case_1", "case_2", "case_10"]),
        (
            ["x/P1/BraTS-GLI-1-000", "x/P2/BraTS-GLI-2-000", "x/P3/BraTS-GLI-3-000"],
            ["BraTS-GLI-1-000", "BraTS-GLI-2-000", "BraTS-GLI-3-000"],
        ),
    ],
)
@pytest.mark.parametrize("key", ["case", "subject", "patient_id", "image_id"])
def test_a_table_may_name_folders_and_cases(table, files, entries, key):
    rows = "".join(f"{entry},{site}\n" for entry, site in zip(entries, "AAB", strict=True))
    assert list(groups_by_source(files, table(f"{key},site\n{rows}")).values()) == list("AAB")


def test_a_participant_without_a_row_is_named(table):
    with pytest.raises(UsageError, match=r"no site for data/sub-03/anat/sub-03_T1w\.nii\.gz"):
        groups_by_source(bids(), table("participant_id\tsite\nsub-01\tA\nsub-02\tB\n"))


def test_a_file_of_two_rows_is_in_neither(table):
    with pytest.raises(UsageError, match="has no site for"):
        groups_by_source(["a/b/1.nii", "c/2.nii"], table("case,site\na,A\nb,B\nc,A\n"))


def test_a_relative_table_is_found_in_the_folder_of_the_data(tmp_path, monkeypatch):
    (tmp_path / "data").mkdir()
    (tmp_path / "data/participants.tsv").write_text("participant_id\tsite\nsub-01\tA\nsub-02\tA\nsub-03\tB\n")
    monkeypatch.chdir(tmp_path)
    assert list(groups_by_source(bids(), "participants.tsv:site", ["data"]).values()) == list("AAB")
    assert list(groups_by_source(bids(), "participants.tsv:site").values()) == list("AAB")  # above all files
    (tmp_path / "participants.tsv").write_text("participant_id\tsite\nsub-01\tX\nsub-02\tY\nsub-03\tY\n")
    assert list(groups_by_source(bids(), "participants.tsv:site", ["data"]).values()) == list("XYY")
    with pytest.raises(InputError, match=r"none\.tsv"):
        groups_by_source(bids(), "none.tsv:site", ["data"])


def test_compare_groups_the_participants_of_a_folder(tmp_path, bnstat_run, write_image, voxels):
    for number, file in enumerate(bids()):
        (tmp_path / file).parent.mkdir(parents=True)
        Path(write_image("x.nii.gz", voxels + number)).rename(tmp_path / file)
    (tmp_path / "data/participants.tsv").write_text("participant_id\tsite\nsub-01\tA\nsub-02\tA\nsub-03\tB\n")
    ran = bnstat_run("compare", tmp_path / "data", "--group-by", "participants.tsv:site", "--format", "json")
    assert ran.code == 0, ran.err
    groups = json.loads(ran.out)["population"]["groups"]
    assert [(one["name"], one["samples"]) for one in groups] == [
        ("A", 2),
        ("B", 1),
    ]
