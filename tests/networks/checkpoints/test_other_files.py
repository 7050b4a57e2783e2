"""Each file that is no checkpoint is one line that says what it is and what to do."""

from __future__ import annotations

import gzip
import io
import pickle
import tarfile
import zipfile

import nibabel
import numpy as np
import pytest
from torch_files import archive, batch_norm, mapping, pickled, state_dict, tensor

from bnstat.errors import InputError
from bnstat.networks.checkpoints.opening import read_checkpoint


def zipped(**members: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as opened:
        for name, held in members.items():
            opened.writestr(name.replace("__", "."), held)
    return file.getvalue()


def tarred() -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as opened:
        opened.addfile(tarfile.TarInfo("sys_info"))
    return file.getvalue()


NIFTI = nibabel.Nifti1Image(np.zeros((4, 4, 4), "f4"), np.eye(4)).to_bytes()
WHOLE = state_dict({f"bn.{part}": value for part, value in batch_norm().items()})
FILES = {
    "nothing": (b"", "the file is empty"),
    "NIfTI": (NIFTI, "it is a NIfTI image and no checkpoint; type: bnstat inspect"),
    "compressed NIfTI": (gzip.compress(NIFTI), "it is a gzip file"),
    "DICOM": (bytes(128) + b"DICM" + bytes(500), "it is a DICOM file"),
    "array": (b"\x93NUMPY\x01\0" + bytes(100), "it is a single array of numpy"),
    "pickle": (pickle.dumps({"a": 1}), "it is a pickle that torch.save did not write"),
    "old pickle": (pickle.dumps([1, 2], protocol=2), "it is a pickle that torch.save did not write"),
    "text": (b"learning rate: 0.1\n", "it is a text and no checkpoint"),
    "web page": (b"<!DOCTYPE html>\n<html>404</html>", "the download failed"),
    "pointer": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "type: git lfs pull"),
    "tar": (tarred(), "from before PyTorch 0.4"),
    "empty zip": (zipped(), "it is an empty zip archive"),
    "zip of checkpoints": (zipped(a__pth=b"x"), "unpack it, and give one of its checkpoints"),
    "zip of something": (zipped(a__docx=b"x"), "it is a zip archive, but of no framework"),
    "zeros": (bytes(4096), "it is no checkpoint in a format that is read"),
    "noise": (np.random.default_rng(0).bytes(4096), "it is no checkpoint in a format that is read"),
    "truncated": (WHOLE[: len(WHOLE) // 2], "the archive is damaged"),
    "no tensors": (archive(pickled(mapping({"epoch": b"K\x05"}))), "it contains no tensors"),
    "no normalization": (
        archive(pickled(mapping({"conv.weight": tensor("0", [2, 2])})), {"0": bytes(16)}),
        "none of its 1 tensor belongs to a normalization layer",
    ),
    "safetensors without an end": ((100).to_bytes(8, "little") + b'{"a": ', "the safetensors file is damaged"),
}


@pytest.mark.parametrize("kind", FILES)
def test_a_file_that_is_no_checkpoint_is_told_in_one_line(kind, tmp_path):
    held, said = FILES[kind]
    path = tmp_path / "file.pt"
    path.write_bytes(held)
    with pytest.raises(InputError, match=r".") as failed:
        read_checkpoint(str(path))
    assert said in failed.value.message
    assert "\n" not in failed.value.message
    assert failed.value.source == str(path)


def test_a_missing_file_and_a_folder_are_told(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read_checkpoint(str(tmp_path / "missing.pt"))
    with pytest.raises(InputError, match="it is a folder, and no checkpoint lies directly in it"):
        read_checkpoint(str(tmp_path))
    (tmp_path / "checkpoint_final.pth").write_bytes(b"")
    with pytest.raises(InputError, match=r"give one of its checkpoints: checkpoint_final\.pth"):
        read_checkpoint(str(tmp_path))
    with pytest.raises(InputError, match="null"):
        read_checkpoint("a\0b")
