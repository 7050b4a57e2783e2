"""MetaImage and NRRD against SimpleITK: on files that it wrote, and on files that were written by hand."""

from __future__ import annotations

import numpy as np
import pytest
from text_headers import NUMBERS, PACKED, in_memory, save_metaimage, save_nrrd

from bnstat.preprocessing.stored_voxels import stored_voxels
from bnstat.sources.opening import open_volume

sitk = pytest.importorskip("SimpleITK")

SHAPES = [((6, 5), 1), ((7, 6, 5), 1), ((4, 3, 3, 2), 1), ((6, 5), 3), ((5, 4, 3), 2)]


def drawn(dtype, shape, components):
    sizes = (*shape, components) if components > 1 else shape
    return (np.random.default_rng(len(sizes)).normal(60, 30, sizes).clip(0, 120)).astype(dtype)


def array_of(image):
    """Return the array of an image with the axes x, y, z and, of a vector image, its components."""
    array = sitk.GetArrayFromImage(image)
    axes = image.GetDimension()
    return array.transpose(*reversed(range(axes)), *range(axes, array.ndim))


def image_of(values, components):
    axes = values.ndim - (components > 1)
    return sitk.GetImageFromArray(
        values.transpose(*reversed(range(axes)), *range(axes, values.ndim)), isVector=components > 1
    )


def require_same(path, image, same_as_numpy):
    """Compare the values, the spacing, and the statistics of each channel."""
    volume, array = open_volume(str(path)), array_of(image)
    assert volume.dtype.newbyteorder("=") == array.dtype
    np.testing.assert_array_equal(stored_voxels(volume), array)
    components = image.GetNumberOfComponentsPerPixel()
    same_as_numpy(path, array, channels=components > 1 or image.GetDimension() > 3)
    if volume.spacing is not None:
        np.testing.assert_allclose(volume.spacing, image.GetSpacing()[:3], rtol=1e-12)


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("name", ["x.mha", "x.mhd", "x.nrrd", "x.nhdr"])
@pytest.mark.parametrize(("shape", "components"), SHAPES)
@pytest.mark.parametrize("dtype", NUMBERS)
def test_files_of_simpleitk_have_its_arrays(tmp_path, same_as_numpy, dtype, shape, components, name, compressed):
    image = image_of(drawn(dtype, shape, components), components)
    image.SetSpacing([1.25 + axis / 3 for axis in range(len(shape))])
    sitk.WriteImage(image, str(tmp_path / name), useCompression=compressed)
    assert open_volume(str(tmp_path / name)).spacing is not None
    require_same(tmp_path / name, image, same_as_numpy)


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("endianness", ["<", ">"])
@pytest.mark.parametrize("components", [1, 3])
@pytest.mark.parametrize("dtype", NUMBERS)
def test_simpleitk_reads_the_same_from_a_metaimage(tmp_path, same_as_numpy, dtype, components, endianness, compressed):
    values = drawn(dtype, (5, 4, 3), components)
    channels = components > 1
    data = PACKED["zlib" if compressed else "raw"](in_memory(values, endianness, channels=channels))
    path = save_metaimage(
        tmp_path / "x.mha",
        values,
        endianness=endianness,
        compressed=compressed,
        channels=channels,
        data=data,
        CompressedDataSize=len(data) if compressed else None,  # without it SimpleITK reads garbage
    )
    require_same(path, sitk.ReadImage(path), same_as_numpy)


@pytest.mark.parametrize("encoding", ["raw", "gzip", "text", "hex"])
@pytest.mark.parametrize("endianness", ["<", ">"])
@pytest.mark.parametrize("components", [1, 3])
@pytest.mark.parametrize("dtype", NUMBERS)
def test_simpleitk_reads_the_same_from_an_nrrd_file(tmp_path, same_as_numpy, dtype, components, endianness, encoding):
    values = drawn(dtype, (5, 4, 3), components)
    path = save_nrrd(tmp_path / "x.nrrd", values, endianness=endianness, encoding=encoding, channels=components > 1)
    require_same(path, sitk.ReadImage(path), same_as_numpy)


@pytest.mark.parametrize("place", [0, 1, 2, 3])
def test_a_list_of_volumes_has_the_components_of_simpleitk_wherever_it_is(tmp_path, same_as_numpy, place):
    kinds = ["domain"] * 3
    kinds.insert(place, "list")
    path = save_nrrd(tmp_path / "x.nrrd", drawn("int16", (4, 3, 5, 2), 1), kinds=" ".join(kinds))
    require_same(path, sitk.ReadImage(path), same_as_numpy)


def test_files_of_slices_are_put_together_as_in_simpleitk(tmp_path, same_as_numpy):
    values = drawn("uint16", (5, 4, 3), 1)
    for number in range(3):
        (tmp_path / f"{number}.raw").write_bytes(in_memory(values[:, :, number]))
    listed = "LIST\n0.raw\n1.raw\n2.raw"
    for path in (
        save_metaimage(tmp_path / "a.mhd", values, ElementDataFile=listed),
        save_metaimage(tmp_path / "b.mhd", values, ElementDataFile="%d.raw 0 2 1"),
        save_nrrd(tmp_path / "c.nhdr", values, **{"data file": listed}),
        save_nrrd(tmp_path / "d.nhdr", values, **{"data file": "%d.raw 0 2 1"}),
    ):
        require_same(path, sitk.ReadImage(path), same_as_numpy)
