"""DICOM against pydicom: series as volumes, stored in every usual way; damage, and what is no volume."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from damaged import damaged, read_damaged
from inspected import inspected

from bnstat.errors import InputError
from bnstat.sources.opening import open_volume

pydicom = pytest.importorskip("pydicom")

Dataset, FileMetaDataset = pydicom.dataset.Dataset, pydicom.dataset.FileMetaDataset
ExplicitVRLittleEndian, ExplicitVRBigEndian = pydicom.uid.ExplicitVRLittleEndian, pydicom.uid.ExplicitVRBigEndian
ImplicitVRLittleEndian, generate_uid = pydicom.uid.ImplicitVRLittleEndian, pydicom.uid.generate_uid
DeflatedExplicitVRLittleEndian = pydicom.uid.DeflatedExplicitVRLittleEndian

SYNTAXES = (ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian)
DATA = Path(pydicom.__file__).parent / "data" / "test_files"
SERIES, STUDY = generate_uid(entropy_srcs=["series"]), generate_uid(entropy_srcs=["study"])


def slice_of(array, place=0, *, syntax=ExplicitVRLittleEndian, **values):
    """Return a data set with one slice at a place along z."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    dataset.SeriesInstanceUID, dataset.StudyInstanceUID, dataset.Modality = SERIES, STUDY, "CT"
    dataset.ImagePositionPatient, dataset.ImageOrientationPatient = [0, 0, place], [1, 0, 0, 0, 1, 0]
    dataset.PixelSpacing, dataset.SliceThickness = [0.5, 0.25], 3
    dataset.Rows, dataset.Columns = array.shape[:2]
    dataset.SamplesPerPixel = array.shape[2] if array.ndim == 3 else 1
    dataset.PhotometricInterpretation = "RGB" if array.ndim == 3 else "MONOCHROME2"
    if array.ndim == 3:
        dataset.PlanarConfiguration = 0
    dataset.BitsAllocated = dataset.BitsStored = array.dtype.itemsize * 8
    dataset.HighBit, dataset.PixelRepresentation = dataset.BitsStored - 1, int(array.dtype.kind == "i")
    order = ">" if syntax == ExplicitVRBigEndian else "<"
    dataset.PixelData = array.astype(array.dtype.newbyteorder(order)).tobytes()
    dataset["PixelData"].VR = "OB" if array.dtype.itemsize == 1 else "OW"
    for name, value in values.items():
        setattr(dataset, name, value)
    return dataset


def save(dataset, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    implicit = dataset.file_meta.TransferSyntaxUID == ImplicitVRLittleEndian
    little = dataset.file_meta.TransferSyntaxUID != ExplicitVRBigEndian
    pydicom.dcmwrite(path, dataset, implicit_vr=implicit, little_endian=little, enforce_file_format=True)
    return path


def write_series(folder, volume, *, order=None, each=lambda _: {}, **values):
    """Write a volume (slices, rows, columns) into a folder: files are named in another order than slices lie."""
    places = range(len(volume))
    for name, place in enumerate(order or [*places][::-1]):
        save(slice_of(volume[place], place * 2.5, **values, **each(place)), folder / f"{name:03}.dcm")
    return folder


def message_of(source):
    report = inspected(source)
    assert report.batches == ()
    (failure,) = report.errors
    return failure.message


@pytest.fixture
def volume():
    return np.random.default_rng(5).integers(0, 120, (6, 4, 5)).astype(np.int16)


@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda one: one.name)
@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int16", "uint32", "int32"])
def test_a_series_is_one_volume_of_the_numbers_that_were_saved(tmp_path, same_as_numpy, volume, dtype, syntax):
    folder = write_series(tmp_path / "ct", volume.astype(dtype), syntax=syntax)
    report = same_as_numpy(folder, volume)
    assert report.samples[0].shape == (5, 4, 6)
    assert report.samples[0].dtype == dtype
    np.testing.assert_array_equal(open_volume(str(folder)).held(), volume.astype(dtype).ravel())


def test_pixels_compressed_by_run_lengths_are_read(tmp_path, volume):
    folder = tmp_path / "ct"
    for place, one in enumerate(volume):
        dataset = slice_of(one, place)
        dataset.compress(pydicom.uid.RLELossless)
        save(dataset, folder / f"{place}.dcm")
    np.testing.assert_array_equal(open_volume(str(folder)).held(), volume.ravel())


def test_files_without_an_ending_and_those_that_end_in_a_number_are_slices(tmp_path, volume):
    folder = write_series(tmp_path / "ct", volume)
    for number, path in enumerate(sorted(folder.iterdir())):
        path.rename(folder / (f"IM{number}" if number % 2 else f"1.2.840.{number}"))
    np.testing.assert_array_equal(open_volume(str(folder)).held(), volume.ravel())


class TestScale:
    def test_of_all_slices_is_applied_once(self, tmp_path, same_as_numpy, volume):
        folder = write_series(tmp_path / "ct", volume, RescaleSlope="-0.5", RescaleIntercept="-1024")
        same_as_numpy(folder, volume * -0.5 - 1024)
        assert open_volume(str(folder)).slope == -0.5

    def test_of_each_slice_is_applied_to_it(self, tmp_path, same_as_numpy, volume):
        def scale(place):
            return {"RescaleSlope": str(0.5 + place), "RescaleIntercept": str(10 - place)}

        folder = write_series(tmp_path / "pet", volume, each=scale)
        places = np.arange(len(volume))[:, np.newaxis, np.newaxis]
        report = same_as_numpy(folder, volume * (0.5 + places) + 10 - places)
        assert report.samples[0].dtype == "int16"

    def test_of_a_dose_is_applied(self, tmp_path, same_as_numpy, volume):
        path = save(slice_of(volume[0].astype("u2"), Modality="RTDOSE", DoseGridScaling="0.001"), tmp_path / "dose.dcm")
        same_as_numpy(path, volume[0] * 0.001)


class TestOrder:
    def test_is_that_of_places_along_the_normal(self, tmp_path, volume):
        turned = {"ImageOrientationPatient": [0, 1, 0, 0, 0, 1]}  # sagittal: the normal is x
        folder = tmp_path / "mr"
        for name, place in enumerate([3, 0, 5, 1, 4, 2]):
            values = {**turned, "ImagePositionPatient": [place, 7, 7], "InstanceNumber": 9 - name}
            save(slice_of(volume[place], **values), folder / f"{name}.dcm")
        np.testing.assert_array_equal(open_volume(str(folder)).held(), volume.ravel())

    def test_gives_the_spacing(self, tmp_path, volume):
        assert open_volume(str(write_series(tmp_path / "ct", volume))).spacing == (0.25, 0.5, 2.5)

    def test_is_that_of_numbers_where_slices_have_no_place_with_a_note(self, tmp_path, volume):
        def number(place):
            return {"InstanceNumber": place + 1, "ImagePositionPatient": None}

        found = open_volume(str(write_series(tmp_path / "ct", volume, each=number)))
        np.testing.assert_array_equal(found.held(), volume.ravel())
        assert "have no place in space" in found.notes[0]

    def test_of_missing_slices_is_noted(self, tmp_path, volume):
        folder = write_series(tmp_path / "ct", volume)
        (folder / "002.dcm").unlink()
        (note,) = open_volume(str(folder)).notes
        assert note.startswith("1 slice seems to be missing: slices are 2.5")

    def test_of_uneven_slices_is_noted(self, tmp_path, volume):
        def place(place):
            return {"ImagePositionPatient": [0, 0, place * 2.5 + 0.4 * (place == 3)]}

        (note,) = open_volume(str(write_series(tmp_path / "ct", volume, each=place))).notes
        assert "between 2.1 and 2.9" in note

    def test_of_two_slices_at_one_place_is_refused(self, tmp_path, volume):
        folder = write_series(tmp_path / "ct", volume)
        save(slice_of(volume[0], 0.0), folder / "again.dcm")
        assert "1 of its 7 slices is at the place of another one" in message_of(folder)

    def test_of_a_file_and_its_copy_takes_one_of_them_with_a_note(self, tmp_path, volume):
        folder = write_series(tmp_path / "ct", volume)
        (folder / "copy.dcm").write_bytes((folder / "000.dcm").read_bytes())
        found = open_volume(str(folder))
        assert found.shape == (5, 4, 6)
        assert "1 file left out, each a copy of another one" in found.notes

    def test_of_slices_that_are_not_parallel_is_refused(self, tmp_path, volume):
        folder = write_series(tmp_path / "ct", volume)
        save(slice_of(volume[0], ImageOrientationPatient=[0, 1, 0, 0, 0, 1]), folder / "other.dcm")
        assert "not parallel" in message_of(folder)


class TestFrames:
    def test_of_an_enhanced_file_lie_at_their_places_with_their_scales(self, tmp_path, same_as_numpy, volume):
        order = [2, 0, 1, 5, 4, 3]
        dataset = slice_of(volume[order[0]], NumberOfFrames=6)
        dataset.PixelData = volume[order].tobytes()
        groups = []
        for place in order:
            group, position, scale = Dataset(), Dataset(), Dataset()
            position.ImagePositionPatient = [0, 0, place * 1.5]
            scale.RescaleSlope, scale.RescaleIntercept = str(1 + place), "-5"
            group.PlanePositionSequence, group.PixelValueTransformationSequence = [position], [scale]
            groups.append(group)
        dataset.PerFrameFunctionalGroupsSequence = groups
        shared, plane, measures = Dataset(), Dataset(), Dataset()
        plane.ImageOrientationPatient, measures.PixelSpacing = [1, 0, 0, 0, 1, 0], [2, 1]
        shared.PlaneOrientationSequence, shared.PixelMeasuresSequence = [plane], [measures]
        dataset.SharedFunctionalGroupsSequence = [shared]
        path = save(dataset, tmp_path / "enhanced.dcm")
        scaled = volume * (1.0 + np.arange(6)[:, np.newaxis, np.newaxis]) - 5
        same_as_numpy(path, scaled)
        found = open_volume(str(path))
        np.testing.assert_array_equal(found.held(), scaled.ravel())
        assert found.spacing == (1, 2, 1.5)

    def test_without_places_are_read_in_their_order(self, tmp_path, volume):
        dataset = slice_of(volume[0], NumberOfFrames=6, ImagePositionPatient=None)
        dataset.PixelData = volume.tobytes()
        found = open_volume(str(save(dataset, tmp_path / "x.dcm")))
        np.testing.assert_array_equal(found.held(), volume.ravel())


def test_red_green_and_blue_are_channels(tmp_path, same_as_numpy):
    array = np.random.default_rng(1).integers(0, 255, (4, 5, 3)).astype(np.uint8)
    same_as_numpy(save(slice_of(array), tmp_path / "x.dcm"), array, channels=True)


def test_inverted_gray_is_read_as_stored_with_a_note(tmp_path, same_as_numpy, volume):
    path = save(slice_of(volume[0], PhotometricInterpretation="MONOCHROME1"), tmp_path / "x.dcm")
    report = same_as_numpy(path, volume[0])
    assert any("MONOCHROME1" in note for note in report.notes)


def test_a_slice_that_has_others_beside_it_is_noted(tmp_path, volume):
    folder = write_series(tmp_path / "ct", volume)
    (note,) = open_volume(str(folder / "000.dcm")).notes
    assert f"give the folder {folder}" in note


class TestFolder:
    def test_below_another_one_is_a_case(self, tmp_path, volume):
        for number in range(3):
            study = {"StudyInstanceUID": f"1.2.{number}", "SeriesInstanceUID": f"1.3.{number}"}
            write_series(tmp_path / "data" / f"case{number}", volume + number, **study)
        report = inspected(tmp_path / "data")
        assert [sample.source for sample in report.samples] == [f"{tmp_path}/data/case{number}" for number in range(3)]
        assert [batch.channels[0].mean for batch in report.batches] == pytest.approx(
            [volume.mean() + i for i in range(3)]
        )

    def test_of_two_series_is_a_question(self, tmp_path, volume, refused, bnstat_run):
        write_series(tmp_path / "ct", volume, SeriesNumber=3, SeriesDescription="head")
        save(slice_of(volume[0] + 9, 99, SeriesInstanceUID="1.2.3", SeriesNumber=4), tmp_path / "ct" / "other.dcm")
        line = refused(3, "inspect", tmp_path / "ct")
        assert "contains 2 series" in line
        assert f"{tmp_path}/ct[3]' (CT head, 6 files), '{tmp_path}/ct[4]' (CT, 1 file)" in line
        assert bnstat_run("inspect", f"{tmp_path}/ct[4]").code == 0
        assert open_volume(f"{tmp_path}/ct[1.2.3]").shape == (5, 4, 1)
        assert "no series '5'" in message_of(f"{tmp_path}/ct[5]")

    def test_of_an_examination_with_several_series_is_never_pooled(self, tmp_path, volume, refused):
        for number in range(2):
            for kind in ("T1", "T2"):
                values = {"SeriesInstanceUID": f"1.{number}.{kind[1]}", "StudyInstanceUID": f"1.4.{number}"}
                folder = tmp_path / f"case{number}" / kind
                write_series(folder, volume, SeriesDescription=kind, Modality="MR", **values)
        line = refused(3, "inspect", tmp_path)
        assert f"MR T1 (2 folders, as {tmp_path}/case0/T1)" in line
        assert "MR T2 (2 folders" in line

    def test_of_label_maps_and_reports_is_left_out_with_a_note(self, tmp_path, volume):
        write_series(tmp_path / "ct", volume)
        save(slice_of(volume[0].astype("u1"), Modality="SEG", SeriesInstanceUID="1.2"), tmp_path / "seg" / "x.dcm")
        report = save(slice_of(volume[0], Modality="SR", SeriesInstanceUID="1.3"), tmp_path / "sr" / "x.dcm")
        dataset = pydicom.dcmread(report)
        del dataset.Rows, dataset.Columns, dataset.PixelData
        dataset.save_as(report)
        found = inspected(tmp_path)
        assert [sample.source for sample in found.samples] == [f"{tmp_path}/ct"]
        assert any("left out 2 DICOM folders" in note and "SEG: 1, SR: 1" in note for note in found.notes)

    def test_of_slices_of_two_sizes_is_refused(self, tmp_path, volume):
        folder = write_series(tmp_path / "ct", volume)
        save(slice_of(volume[0][:3], 50), folder / "small.dcm")
        assert "5 × 4 × 1 (6 files), 5 × 3 × 1 (1 file)" in message_of(folder)

    def test_with_a_damaged_header_is_a_line_and_the_others_are_read(self, tmp_path, volume):
        for number in range(2):
            study = {"StudyInstanceUID": f"1.2.{number}", "SeriesInstanceUID": f"1.3.{number}"}
            write_series(tmp_path / f"case{number}", volume, **study)
        good = (tmp_path / "case1" / "000.dcm").read_bytes()
        for copy in damaged(good, 60, start=132, end=len(good) - volume[0].nbytes):
            (tmp_path / "case1" / "000.dcm").write_bytes(copy)
            report = inspected(tmp_path)
            assert report.samples[:1] == () or report.samples[0].source == f"{tmp_path}/case0"


class TestRefusals:
    def test_of_what_is_no_image_name_what_it_is(self):
        assert "RT Structure Set Storage" in message_of(DATA / "rtstruct.dcm")

    def test_of_a_palette(self):
        assert "palette" in message_of(DATA / "examples_palette.dcm")

    def test_of_a_compression_name_what_to_install(self, tmp_path, monkeypatch, volume):
        from bnstat.sources.formats.dicom import pixels

        path = save(slice_of(volume[0]), tmp_path / "x.dcm")
        monkeypatch.setattr(pixels, "get_decoder", lambda _: type("Decoder", (), {"is_available": False}))
        assert "Explicit VR Little Endian; to read them, type: pip install pylibjpeg" in message_of(path)

    def test_without_pydicom_name_the_extra(self, tmp_path, volume, monkeypatch, refused):
        folder = write_series(tmp_path / "ct", volume)
        for name in [one for one in sys.modules if one.startswith("bnstat.sources.formats.dicom")]:
            monkeypatch.delitem(sys.modules, name)
        monkeypatch.setitem(sys.modules, "pydicom", None)
        assert "pip install 'bnstat[dicom]'" in refused(3, "inspect", folder)


@pytest.mark.parametrize(
    "name", ["CT_small.dcm", "MR_small_bigendian.dcm", "MR_small_RLE.dcm", "SC_rgb_rle_16bit_2frame.dcm"]
)
def test_files_that_pydicom_ships_give_the_numbers_of_pydicom(name):
    from pydicom.pixels.utils import pixel_array

    volume = open_volume(str(DATA / name))
    np.testing.assert_array_equal(volume.held(), pixel_array(DATA / name).ravel())


class TestDamage:
    """The format has no checksum, so only what it can tell is tried."""

    def test_a_thousand_files_that_are_cut_off_give_a_line(self, tmp_path, volume):
        good = save(slice_of(np.tile(volume[0], (9, 9))), tmp_path / "good.dcm").read_bytes()
        (tmp_path / "good.dcm").unlink()
        copies = (good[:length] for length in np.linspace(0, len(good) - 1, 1000).astype(int))
        lines, _ = read_damaged(tmp_path / "x.dcm", copies, (45, 36, 1), np.tile(volume[0], (9, 9)).ravel())
        assert lines == 1000

    @pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian], ids=["explicit", "implicit"])
    def test_a_damaged_header_never_ends_in_a_traceback(self, tmp_path, volume, syntax):
        good = save(slice_of(volume[0], syntax=syntax), tmp_path / "good.dcm").read_bytes()
        lines = 0
        for copy in damaged(good, 300, end=len(good) - volume[0].nbytes):
            (tmp_path / "x.dcm").write_bytes(copy)
            try:
                open_volume(str(tmp_path / "x.dcm")).held()
            except InputError:
                lines += 1
        assert lines > 100
