"""Opening a checkpoint: what a file is, is told by its content and not by its name."""

from __future__ import annotations

import math
import os
from typing import BinaryIO

from bnstat.errors import InputError
from bnstat.networks.checkpoints import other_files
from bnstat.networks.checkpoints.finding import TooManyNumbersError, layers_in
from bnstat.networks.checkpoints.stored import Checkpoint, Contents
from bnstat.networks.checkpoints.zip_file import Archive
from bnstat.sources.neighbours import unopened
from bnstat.sources.regular import open_regular
from bnstat.sources.streams import unreadable
from bnstat.text import joined, plural, printable

_ZIP, _HDF5 = b"PK", b"\x89HDF\r\n\x1a\n"
_START = 512


def read_checkpoint(file: str) -> Checkpoint:
    """Read the normalization layers of a checkpoint, and no other of its tensors. Nothing in the file is run.

    Args:
        file: A file of PyTorch (also Lightning, nnU-Net, MONAI, TorchScript, `.pt2`), safetensors, numpy, Keras or
            ONNX.

    Raises:
        InputError: if it cannot be read, is no checkpoint, is damaged, or has no normalization layer.
    """
    try:
        if os.path.isdir(file):
            raise InputError(file, other_files.folder(file))
        with open_regular(file) as opened:
            return _checkpoint(file, _contents(file, opened))
    except (MemoryError, TooManyNumbersError) as error:
        raise InputError(
            file,
            "it describes more numbers than a network has or than fit into memory, so it is probably damaged; "
            "copy it again",
        ) from error
    except FileNotFoundError as error:
        raise unopened(file, error) from error
    except (OSError, ValueError) as error:
        raise unreadable(file, error) from error


def _checkpoint(file: str, contents: Contents) -> Checkpoint:
    layers = layers_in(contents)
    if not layers.found:
        raise InputError(file, _none_found(contents, layers.notes))
    sizes = {tensor.shared or tensor.name: math.prod(tensor.shape) for tensor in contents.tensors}
    return Checkpoint(
        file=file,
        format=contents.format,
        normalizations=layers.found,
        tensors=len(contents.tensors),
        parameters=sum(sizes.values()),
        other_names=layers.other_names,
        notes=(*contents.notes, *layers.notes),
    )


def _none_found(contents: Contents, notes: tuple[str, ...]) -> str:
    """Return the message on a file without normalization layers."""
    count = len(contents.tensors)
    if contents.absent is not None:
        return contents.absent
    if notes:
        return notes[0]
    if contents.bare:
        kinds = joined([plural(number, f"{printable(name)} layer") for name, number in contents.bare.items()])
        return (
            f"its {kinds} store no numbers (no running statistics, γ or β), so there is nothing to judge; "
            "`bnstat layers` measures them on samples"
        )
    if not count:
        return "it contains no tensors; give a file of weights, as torch.save(model.state_dict(), ...) writes it"
    return (
        f"none of its {plural(count, 'tensor')} belongs to a normalization layer (no running_mean and running_var, "
        "moving_mean and moving_variance, γ and β); give the checkpoint of a network with batch, instance, group or "
        "layer norm"
    )


def _contents(file: str, opened: BinaryIO) -> Contents:
    """Return the tensors of a file.

    Raises:
        InputError: if it is none that is read.
    """
    from bnstat.networks.checkpoints import safetensors_file, torch_legacy

    start = opened.read(_START)
    if start.startswith(_ZIP):
        return _of_archive(file, Archive(file, opened))
    if start.startswith(_HDF5):
        from bnstat.networks.checkpoints.hdf5_file import open_hdf5

        return open_hdf5(file, opened)
    if torch_legacy.MAGIC in start[: torch_legacy.LONGEST_START]:
        return torch_legacy.open_torch_legacy(file, opened)
    if start[8:9] == b"{" and int.from_bytes(start[:8], "little") <= safetensors_file.MOST_HEADER:
        return safetensors_file.open_safetensors(file, opened)
    told = other_files.told(start, opened)
    if told is not None:
        raise InputError(file, told)
    from bnstat.networks.checkpoints.onnx_file import open_onnx_weights

    return open_onnx_weights(file, opened)


def _of_archive(file: str, archive: Archive) -> Contents:
    """Return the tensors of a zip archive, whose members say what it is.

    Raises:
        InputError: if it is none that is read.
    """
    from bnstat.networks.checkpoints import exported_program, numpy_file, torch_archive

    last = {name.split("/")[-1] for name in archive.names if name.count("/") < 2}
    if exported_program.MARKS & {name.split("/", 1)[-1] for name in archive.names}:
        return exported_program.open_exported_program(file, archive)
    if torch_archive.DESCRIPTION in last:
        return torch_archive.open_torch_archive(file, archive)
    if "model.weights.h5" in archive:
        from bnstat.networks.checkpoints.hdf5_file import open_keras_archive

        return open_keras_archive(file, archive)
    if archive.names and all(name.endswith(numpy_file.ENDING) for name in archive.names):
        return numpy_file.open_numpy_archive(file, archive)
    raise InputError(file, other_files.archive(archive.names))
