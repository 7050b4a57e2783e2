"""Files that change while they are read, contradict themselves, promise too much, or are no files: a line for each."""

from __future__ import annotations

import gzip
import io
import json
import os
import resource
import shutil
import struct
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from inspected import inspected
from minc_files import save_minc
from patience import LONGEST

from bnstat.errors import InputError, UnfitError
from bnstat.preprocessing.settings import Patching, Preparation
from bnstat.preprocessing.tensors import prepared_samples
from bnstat.reading.settings import Reading
from bnstat.sources.case import Case
from bnstat.sources.file_state import FileState, require_unchanged
from bnstat.sources.opened import plan_case
from bnstat.sources.opening import open_volume
from bnstat.sources.volume import StreamedVoxels, Volume

linux = pytest.mark.skipif(sys.platform != "linux", reason="measures and limits memory as Linux does")
# What a line, a header or a refusal may take in all: 150 MB, in the kilobytes of Linux.
MOST_KB = 150 << 10
DRAWN = np.random.default_rng(3).normal(500, 20, (12, 11, 10)).astype(np.int16)


def bnstat_in(folder: Path, *args: object, before: str = "", under: str = "exec") -> tuple[int, str]:
    """Run the program in a process of its own; return its exit code and what it says on stderr."""
    given = [str(arg) for arg in args]
    ran = subprocess.run(
        ["sh", "-c", f'{before} {under} "$0" -P -m bnstat "$@"', sys.executable, *given],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=LONGEST,
        check=False,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert "Traceback" not in ran.stderr
    return ran.returncode, ran.stderr


def peak_kb(folder: Path, *args: object) -> tuple[int, str, int]:
    """Run the program; return its exit code, what it says, and the most memory that it took."""
    program = (
        "import resource, subprocess, sys\n"
        "ran = subprocess.run([sys.executable, '-P', '-m', 'bnstat', *sys.argv[1:]], capture_output=True, text=True)\n"
        "print(ran.returncode, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, ran.stderr)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program, *map(str, args)],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=LONGEST,
        check=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    code, kb, said = ran.stdout.split(" ", 2)
    return int(code), said.strip(), int(kb)


def saved(path: Path, values: Any = DRAWN) -> Path:
    nibabel.save(nibabel.Nifti1Image(values, np.eye(4)), path)
    return path


def with_fields(path: Path, *edits: tuple[int, str, Any]) -> Path:
    """Save an image whose header has other bytes in places."""
    content = bytearray(saved(path.with_name("good.nii")).read_bytes())
    for place, kind, value in edits:
        struct.pack_into(kind, content, place, value)
    path.write_bytes(gzip.compress(bytes(content)) if path.suffix == ".gz" else bytes(content))
    return path


# --- Fields that contradict each other ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["x.nii", "x.nii.gz"])
@pytest.mark.parametrize(
    ("edits", "word"),
    [
        ([(344, "4s", b"ni1\0"), (108, "<f", 0.0)], "magic text ni1"),
        ([(344, "4s", b"ni1\0")], "magic text ni1"),
        ([(70, "<h", 2), (72, "<h", 16)], "bitpix says 16"),
        ([(72, "<h", 8)], "bitpix says 8"),
        ([(108, "<f", 352.5)], "no whole number"),
        ([(44, "<h", -11)], "at least 1"),
        ([(40, "<h", 0)], "0 axes|0 voxels|at least 1"),
    ],
)
def test_a_header_that_contradicts_itself_is_refused(tmp_path, name, edits, word):
    with pytest.raises(InputError, match=word):
        open_volume(str(with_fields(tmp_path / name, *edits)))


@pytest.mark.parametrize("number", [-15, -1, 0, 8, 2**40])
@pytest.mark.parametrize(("order", "offset"), [("<", 544), (">", 544), (">", 0)])
@pytest.mark.parametrize("name", ["x.nii", "x.nii.gz", "x.hdr"])
def test_a_number_of_axes_that_no_image_has_is_refused_and_is_not_one_voxel(tmp_path, name, order, offset, number):
    header = nibabel.Nifti2Header(endianness=order)
    header.set_data_dtype(np.uint64)
    pair = name.endswith(".hdr")
    header["dim"], header["magic"] = [number, 2, 2, 1, 1, 1, 1, 1], b"ni2" if pair else b"n+2"
    header["vox_offset"] = 0 if pair else offset
    content = header.binaryblock + (b"" if pair else bytes(4 + 64))
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    (tmp_path / "x.img").write_bytes(bytes(64))
    with pytest.raises(InputError, match="axes" if order == ">" else "."):  # nibabel tries the other order as well
        open_volume(str(tmp_path / name))


@pytest.mark.parametrize("name", ["x.nii", "x.nii.gz"])
def test_a_header_without_bitpix_is_read_since_its_type_says_it_all(tmp_path, name):
    volume = open_volume(str(with_fields(tmp_path / name, (72, "<h", 0))))
    np.testing.assert_array_equal(volume.held(), DRAWN.ravel(order="F"))
    assert volume.notes == ()


@pytest.mark.parametrize("slope", [float("nan"), float("inf"), float("-inf")])
def test_a_scale_factor_that_is_no_number_is_noted_and_none_is_applied(tmp_path, slope):
    volume = open_volume(str(with_fields(tmp_path / "x.nii", (112, "<f", slope))))
    assert (volume.slope, volume.intercept) == (1.0, 0.0)
    assert "which is no number" in str(volume.notes[0])


def test_bytes_that_the_header_does_not_describe_are_noted(tmp_path):
    volume = open_volume(str(with_fields(tmp_path / "x.nii", (40, "<h", 2))))  # two of three axes
    assert "2,376 bytes more than the header describes" in str(volume.notes[-1])
    assert open_volume(str(saved(tmp_path / "y.nii"))).notes == ()


# --- Files that change --------------------------------------------------------------------------------------------


def overwritten(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-2] + b"\x01\x02")
    os.utime(path, ns=(1, 1))


def replaced(path: Path) -> None:
    other = path.with_name("other")
    other.write_bytes(path.read_bytes() + b"\0")
    other.replace(path)


CHANGES = {
    "overwritten": overwritten,
    "replaced": replaced,
    "shrunk": lambda path: os.truncate(path, 400),
    "removed": Path.unlink,
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("name", ["x.nii", "x.nii.gz"])
def test_a_file_that_changes_before_its_voxels_are_read_gives_no_number(tmp_path, name, change):
    path = saved(tmp_path / name)
    volume = open_volume(str(path))
    CHANGES[change](path)
    with pytest.raises(InputError, match="while it was read"):
        volume.held()


@pytest.mark.parametrize("change", ["overwritten", "shrunk", "removed"])
def test_a_file_that_changes_between_two_blocks_gives_no_number(tmp_path, change):
    path = saved(tmp_path / "x.nii")
    blocks = open_volume(str(path)).blocks(660)
    next(blocks)
    CHANGES[change](path)
    with pytest.raises(InputError, match="while it was read"):
        list(blocks)


def test_the_other_file_of_a_pair_may_not_change_either(tmp_path):
    nibabel.save(nibabel.Nifti1Pair(DRAWN, np.eye(4)), tmp_path / "x.img")
    volume = open_volume(str(tmp_path / "x.img"))
    overwritten(tmp_path / "x.hdr")
    with pytest.raises(InputError, match=r"x\.hdr was changed while it was read"):
        volume.held()


def test_a_moments_table_has_no_mixture(tmp_path, monkeypatch):
    """Here the file changes after the headers of all were read, as in a run of hours."""
    path = saved(tmp_path / "x.nii")
    planned = plan_case(Case.of(str(path)), -1, None)
    overwritten(path)
    monkeypatch.setattr("bnstat.reading.table.plan_case", lambda *_: planned)
    report = inspected(str(path))
    assert report.batches == ()
    assert "while it was read" in report.errors[0].message


@linux
def test_a_file_that_is_cut_while_patches_are_read_gives_a_line_and_no_signal(tmp_path):
    """A file that is mapped into memory ends the process with SIGBUS then."""
    program = (
        "import os, sys\n"
        "from bnstat.preprocessing.settings import Patching, Preparation\n"
        "from bnstat.preprocessing.tensors import prepared_samples\n"
        "from bnstat.sources.case import Case\n"
        "from bnstat.sources.opened import plan_case\n"
        "asked = Preparation(patches=Patching((8, 8, 8), number=40, foreground='none'))\n"
        "samples = prepared_samples(plan_case(Case.of(sys.argv[1]), -1, None), asked)\n"
        "next(samples)\n"
        "os.truncate(sys.argv[1], 1000)\n"
        "try:\n"
        "    list(samples)\n"
        "except Exception as error:\n"
        "    print(type(error).__name__, error)\n"
    )
    path = saved(tmp_path / "x.nii", np.zeros((64, 64, 64), np.int16))
    ran = subprocess.run(
        [sys.executable, "-c", program, path], capture_output=True, text=True, timeout=LONGEST, check=False
    )
    assert (ran.returncode, ran.stdout.split()[:1]) == (0, ["InputError"]), ran
    assert "while it was read" in ran.stdout


def test_patches_of_a_plain_file_are_those_of_a_compressed_one(tmp_path):
    """The former are read where they lie, some rows at a time; the latter are cut out of the whole."""
    values = np.random.default_rng(1).integers(0, 900, (23, 17, 13, 3)).astype(np.int16)
    paths = [saved(tmp_path / name, values) for name in ("a.nii", "a.nii.gz")]
    for asked in (Patching((9, 8, 7), number=5, foreground="none"), Patching((30, 8, 7), number=3, foreground="none")):
        plain, packed = (patches_of(path, asked) for path in paths)
        assert plain == packed
        assert len(plain) == asked.number


def patches_of(path: Path, asked: Patching) -> list[bytes]:
    planned = plan_case(Case.of(str(path)), -1, None)
    return [one.values.tobytes() for one in prepared_samples(planned, Preparation(patches=asked))]


def test_a_state_is_the_size_and_the_time_of_a_file(tmp_path):
    path = saved(tmp_path / "x.nii")
    state = FileState.of(str(path))
    require_unchanged("x.nii", [state])
    assert FileState.of(str(tmp_path / "gone.nii")) is None
    path.unlink()
    with pytest.raises(InputError, match="was removed"):
        require_unchanged("x.nii", [state])


# --- Read errors --------------------------------------------------------------------------------------------------


class Failing(io.BytesIO):
    """A file that cannot be read from a place on, as on a bad disk."""

    def readinto(self, buffer: Any, /) -> int:
        if self.tell() >= 1000:
            raise OSError(5, "Input/output error")
        return super().readinto(memoryview(buffer)[:100])


def test_a_read_error_half_way_is_an_error_of_the_file_and_no_number():
    volume = Volume("x", (1000,), np.dtype("<i2"), "int16", "C", StreamedVoxels(lambda: Failing(bytes(2000))))
    for read in (volume.held, lambda: list(volume.blocks(100)), lambda: list(volume.blocks(100, ahead=2))):
        with pytest.raises(InputError, match="failed while it was read"):
            read()


# --- Files that are not there, or are no files --------------------------------------------------------------------


def test_links_that_lead_nowhere_are_failures_and_never_skipped(tmp_path, bnstat_run):
    """So git-annex and DataLad leave what was not fetched."""
    for number in range(3):
        saved(tmp_path / f"a{number}.nii", DRAWN + number)
    for number in range(5):
        (tmp_path / f"b{number}.nii.gz").symlink_to(f".git/annex/objects/XX/MD5E-s{number}")
    ran = bnstat_run("check", tmp_path)
    assert ran.code == 3
    assert sum("not fetched yet" in line for line in ran.errors) == 5
    assert f"datalad get {tmp_path / 'b0.nii.gz'}" in ran.err


def test_links_of_other_names_that_lead_nowhere_do_not_matter(tmp_path, bnstat_run):
    saved(tmp_path / "a.nii")
    (tmp_path / "README").symlink_to("gone")
    assert bnstat_run("inspect", tmp_path).code == 0


def test_a_link_that_is_no_annex_says_where_it_leads(tmp_path):
    (tmp_path / "x.nii").symlink_to("/nowhere/x.nii")
    with pytest.raises(InputError, match=r"a link to /nowhere/x\.nii, which does not exist"):
        open_volume(str(tmp_path / "x.nii"))


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "git lfs pull"),
        (b"/annex/objects/MD5E-s1--0.nii.gz\n", "datalad get"),
    ],
)
@pytest.mark.parametrize("name", ["x.nii", "x.nii.gz", "x.npy", "x.mha"])
def test_a_pointer_to_a_file_that_was_not_fetched_says_how_to_fetch_it(tmp_path, name, content, word):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=word):
        open_volume(str(tmp_path / name))


@linux
@pytest.mark.parametrize(
    ("first", "pipe"), [("x.hdr", "x.img"), ("x.img", "x.hdr"), ("x.img", "x.img"), ("x.nii", "x.nii")]
)
def test_a_pipe_in_the_place_of_a_file_is_refused_and_not_waited_for(tmp_path, first, pipe):
    nibabel.save(nibabel.Nifti1Pair(DRAWN, np.eye(4)), tmp_path / "x.img")
    (tmp_path / pipe).unlink(missing_ok=True)
    os.mkfifo(tmp_path / pipe)
    code, said = bnstat_in(tmp_path, "inspect", first)
    assert (code, len(said.splitlines())) == (3, 1)
    assert "pipe" in said


@linux
def test_a_device_in_the_place_of_a_volume_is_refused(tmp_path):
    (tmp_path / "x.nii").symlink_to("/dev/zero")
    code, said = bnstat_in(tmp_path, "inspect", "x.nii")
    assert (code, len(said.splitlines())) == (3, 1)
    assert "device" in said


@linux
@pytest.mark.parametrize("limit", [16, 32])
def test_few_open_files_are_enough_or_give_a_line(tmp_path, limit):
    for number in range(40):
        saved(tmp_path / f"{number:02}.nii.gz", DRAWN + number)
    code, said = bnstat_in(tmp_path, "inspect", ".", before=f"ulimit -n {limit};")
    assert code in (0, 3), said
    assert not code or "open" in said


@linux
def test_a_current_folder_that_is_gone_is_one_line(tmp_path):
    for path in (".", "x.nii", "*.nii"):
        (tmp_path / "gone").mkdir()
        code, said = bnstat_in(tmp_path, "inspect", path, before="cd gone; rmdir ../gone;")
        assert (code, len(said.splitlines())) == (3, 1), said
        assert "no longer exists" in said


@linux
@pytest.mark.parametrize("path", ["locked", "locked/x.nii", "locked/*.nii"])
def test_a_folder_without_permission_is_one_line(tmp_path, path):
    if os.geteuid() == 0 and shutil.which("setpriv") is None:
        pytest.skip("the superuser may read everything")
    saved((tmp_path / "locked").mkdir() or tmp_path / "locked" / "x.nii")
    (tmp_path / "locked").chmod(0)
    drop = "setpriv --bounding-set=-dac_override,-dac_read_search --inh-caps=-all" if os.geteuid() == 0 else ""
    try:
        code, said = bnstat_in(tmp_path, "inspect", path, under=drop or "exec")
    finally:
        (tmp_path / "locked").chmod(0o755)
    assert (code, len(said.splitlines())) == (3, 1), said
    assert "ermission denied" in said


@pytest.mark.parametrize("path", ["{}", "{}.nii", "{}/x.nii", "{}*.nii", "{}/*.nii", "{}.npz[a]", "{}.json"])
def test_a_name_that_is_too_long_is_one_line(tmp_path, refused, path):
    assert refused(3, "inspect", tmp_path / path.format("a" * 300))


# --- One file among others ----------------------------------------------------------------------------------------


def test_an_array_with_one_axis_does_not_keep_others_from_being_read(tmp_path, bnstat_run):
    np.save(tmp_path / "b.npy", np.zeros(400))
    for name in ("a.nii", "c.nii"):
        saved(tmp_path / name)
    inputs = [tmp_path / name for name in ("a.nii", "b.npy", "c.nii")]
    for command in (["inspect"], ["scan", "-o", tmp_path / "m.jsonl"]):
        ran = bnstat_run(*command, *inputs)
        assert ran.code == 3
        assert [line for line in ran.errors if "b.npy" in line and "batch axis" in line]
    lines = [json.loads(line) for line in (tmp_path / "m.jsonl").read_text().splitlines()]
    assert [line["schema"] for line in lines] == ["bnstat.moments/1", "bnstat.moments/1", "bnstat.moments-failure/1"]


def test_settings_that_fit_no_input_are_wrong_usage(tmp_path, refused):
    np.save(tmp_path / "b.npy", np.zeros(400))
    assert "batch axis" in refused(2, "inspect", tmp_path / "b.npy")
    assert "batch axis" in refused(2, "scan", tmp_path / "b.npy", "-o", tmp_path / "m.jsonl")


def test_what_does_not_fit_is_the_same_error_in_another_process():
    error = UnfitError("b.npy", "no axis")
    kind, arguments = error.__reduce__()
    assert (str(kind(*arguments)), error.of_input.source) == ("b.npy: no axis", "b.npy")


# --- Headers that promise too much --------------------------------------------------------------------------------


def npy(path: Path, shape: str, dtype: str = "'<f8'", content: bytes = bytes(8000)) -> Path:
    text = f"{{'descr': {dtype}, 'fortran_order': False, 'shape': {shape}}}".encode().ljust(117) + b"\n"
    path.write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + content)
    return path


@pytest.mark.parametrize(
    "shape",
    ["(True, True)", "(True, False)", "(-1, 4)", "(2.0, 4)", "[2, 4]", "'24'", "()" * 40, f"({10**30}, 4)", "(0, 4)"],
)
def test_the_shape_of_an_array_is_whole_numbers(tmp_path, shape):
    with pytest.raises(InputError):
        open_volume(str(npy(tmp_path / "x.npy", shape)))


def test_an_array_of_objects_is_never_unpickled(tmp_path):
    np.save(tmp_path / "x.npy", np.array([[Path()]], object), allow_pickle=True)
    with pytest.raises(InputError, match="never unpickled"):
        open_volume(str(tmp_path / "x.npy"))


@pytest.mark.parametrize("size", [2**61, 2**63 - 1, 2**63, 2**64])
@pytest.mark.parametrize("form", ["npz", "nrrd", "mha"])
def test_more_bytes_than_a_file_can_have_are_refused_whatever_is_asked(tmp_path, refused, form, size):
    path = tmp_path / f"x.{form}"
    if form == "npz":
        made = npy(tmp_path / "x.npy", f"(2, 3, {size}, 1)").read_bytes()
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("x.npy", made)
    elif form == "nrrd":
        header = f"NRRD0004\ntype: double\ndimension: 3\nsizes: 2 3 {size}\nencoding: gzip\nendian: little\n\n"
        path.write_bytes(header.encode() + gzip.compress(bytes(1000)))
    else:
        header = f"ObjectType = Image\nNDims = 3\nDimSize = 2 3 {size}\nElementType = MET_DOUBLE\n"
        path.write_bytes(
            f"{header}CompressedData = True\nElementDataFile = LOCAL\n".encode() + zlib.compress(bytes(1000))
        )
    for asked in ([], ["--patch", "1x1x1"]):
        assert f"{path.name}: " in refused(3, "inspect", path, *asked)


def many_channels(path: Path, channels: int = 2**29, there: int = 1 << 20) -> Path:
    header = nibabel.Nifti2Header()
    header.set_data_dtype(np.uint8)
    header["dim"], header["vox_offset"], header["magic"] = [4, 2, 1, 1, channels, 1, 1, 1], 544, b"n+2"
    path.write_bytes(gzip.compress(header.binaryblock + bytes(4 + there), 1))
    return path


def many_channels_that_are_there(path: Path) -> Path:
    """Save a file of 150 kB without an error in it, whose channels alone take gigabytes if they are counted."""
    return many_channels(path, 2**24 + 1, 2 * (2**24 + 1))


def terabytes_of_nifti(path: Path) -> Path:
    header = nibabel.Nifti1Header()
    header["dim"], header["vox_offset"], header["magic"] = [3, 32000, 32000, 32000, 1, 1, 1, 1], 352, b"n+1"
    content = header.binaryblock + bytes(4000)
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


def terabytes_of_mgh(path: Path) -> Path:
    path.write_bytes(struct.pack(">7i", 1, 32000, 32000, 32000, 1, 3, 0) + bytes(1000))
    return path


def terabytes_of_nrrd(path: Path) -> Path:
    header = "NRRD0004\ntype: double\ndimension: 3\nsizes: 100000 100000 100000\nencoding: gzip\nendian: little\n\n"
    path.write_bytes(header.encode() + gzip.compress(bytes(1000)))
    return path


def terabytes_of_metaimage(path: Path) -> Path:
    header = "ObjectType = Image\nNDims = 3\nDimSize = 100000 100000 100000\nElementType = MET_DOUBLE\n"
    path.write_bytes(f"{header}ElementDataFile = LOCAL\n".encode() + bytes(100))
    return path


def terabytes_of_hdf5(path: Path) -> Path:
    h5py = pytest.importorskip("h5py")
    with h5py.File(path, "w") as file:
        file.create_dataset("a", (10**6, 10**6, 1), "f8", chunks=(1000, 1000, 1))
    return path


def terabytes_of_zarr(path: Path) -> Path:
    zarr = pytest.importorskip("zarr")
    zarr.create_array(str(path), shape=(10**12, 1), chunks=(10, 1), dtype="f8")
    return path


CLAIMS = {
    "x.nii": terabytes_of_nifti,
    "x.nii.gz": terabytes_of_nifti,
    "many.nii.gz": many_channels,
    "all there.nii.gz": many_channels_that_are_there,
    "x.npy": lambda path: npy(path, f"({10**13}, 1, 1)"),
    "x.mgh": terabytes_of_mgh,
    "x.nrrd": terabytes_of_nrrd,
    "x.mha": terabytes_of_metaimage,
    "x.h5": terabytes_of_hdf5,
    "x.zarr": terabytes_of_zarr,
}


@linux
@pytest.mark.parametrize("name", CLAIMS)
def test_a_header_that_promises_terabytes_is_refused_in_flat_memory(tmp_path, name):
    CLAIMS[name](tmp_path / name)
    code, said, kb = peak_kb(tmp_path, "inspect", name)
    assert (code, len(said.splitlines())) == (3, 1), said
    assert kb < MOST_KB


@linux
@pytest.mark.parametrize(("gigabytes", "asked"), [(10, ["--no-emulate"]), (1, ["--patch", "16x16x16"])])
def test_a_bomb_is_read_in_flat_memory(tmp_path, gigabytes, asked):
    """Zeros that take a thousandth of their size on the disk, as members of gzip that follow each other."""
    header = nibabel.Nifti1Header()
    header.set_data_dtype(np.uint8)
    header["dim"], header["vox_offset"], header["magic"] = [3, 1000, 1000, 1000 * gigabytes, 1, 1, 1, 1], 352, b"n+1"
    zeros = gzip.compress(bytes(10**7), 9)
    with (tmp_path / "x.nii.gz").open("wb") as file:
        file.write(gzip.compress(header.binaryblock + bytes(4)))
        for _ in range(100 * gigabytes):
            file.write(zeros)
    assert (tmp_path / "x.nii.gz").stat().st_size < gigabytes * 1.1e6
    code, said, kb = peak_kb(tmp_path, "inspect", *asked, "x.nii.gz")
    assert (code, kb < MOST_KB) == (0, True), (said, kb)


def minc(path: Path, planes: int) -> Path:
    """Save a MINC-1 volume of so many planes of 512 × 512 in two bytes."""
    return save_minc(path, np.arange(planes * 512 * 512, dtype=np.int64).reshape(planes, 512, 512) % 1000)


def test_minc_is_read_as_nibabel_reads_it(tmp_path):
    path = minc(tmp_path / "x.mnc", 2)
    volume = open_volume(str(path))
    read = volume.held().reshape(volume.shape)
    np.testing.assert_array_equal(read, np.asarray(nibabel.load(path).dataobj))


@linux
def test_the_memory_for_minc_does_not_grow_with_the_volume(tmp_path):
    """nibabel reads all of it before it gives the first slice."""
    each = []
    for planes in (4, 128):
        code, said, kb = peak_kb(tmp_path, "inspect", "--no-emulate", minc(tmp_path / f"{planes}.mnc", planes))
        assert code == 0, said
        each.append(kb)
    assert each[1] - each[0] < 32 << 10, each  # the volume has 64 MB


@linux
def test_a_large_volume_is_read_within_a_limit_of_memory(tmp_path):
    """The file has 2 GB, most of them a hole."""
    header = nibabel.Nifti1Header()
    header.set_data_dtype(np.int16)
    header["dim"], header["vox_offset"], header["magic"] = [3, 1024, 1024, 1024, 1, 1, 1, 1], 352, b"n+1"
    with (tmp_path / "x.nii").open("wb") as file:
        file.write(header.binaryblock + bytes(4))
        file.truncate(352 + 2 * 1024**3)
    code, said = bnstat_in(tmp_path, "inspect", "--no-emulate", "x.nii", before="ulimit -v 524288;")
    assert code == 0, said


def test_the_limits_of_this_process_stay_as_they_were():
    """The tests above set them in other processes."""
    assert resource.getrlimit(resource.RLIMIT_AS)[1] == resource.RLIM_INFINITY


def test_a_table_reads_what_the_settings_fit(tmp_path):
    np.save(tmp_path / "b.npy", np.zeros(400))
    report = inspected([str(saved(tmp_path / "a.nii")), str(tmp_path / "b.npy")], reading=Reading())
    assert (len(report.batches), len(report.errors)) == (1, 1)
