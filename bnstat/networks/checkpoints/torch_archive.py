"""Zip archives of PyTorch: `torch.save`, and TorchScript, which stores its modules in the same way."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from bnstat.errors import InputError
from bnstat.networks.checkpoints.pickled import NotAPickleError, Stream
from bnstat.networks.checkpoints.storages import values_of
from bnstat.networks.checkpoints.stored import Contents
from bnstat.networks.checkpoints.torch_objects import Found, View, found_in
from bnstat.networks.checkpoints.zip_file import Archive
from bnstat.text import plural

# The most bytes of a description: 1,000 tensors have 100 kB. The rest is for what people put beside their weights.
_MOST_DESCRIPTION = 256 << 20
DESCRIPTION = "data.pkl"
_CONSTANTS = "constants.pkl"


def open_torch_archive(source: str, archive: Archive) -> Contents:
    """Return the tensors of an archive.

    Raises:
        InputError: if it is damaged.
    """
    (name, *_) = [name for name in archive.names if name.split("/")[-1] == DESCRIPTION and name.count("/") < 2]
    root = name.removesuffix(DESCRIPTION)
    big = _is_big(source, archive, f"{root}byteorder")
    found = _found(source, archive, root, name, f"{root}data/", big)
    scripted = f"{root}{_CONSTANTS}" in archive
    constants = Found()
    if scripted:
        constants = _found(source, archive, root, f"{root}{_CONSTANTS}", f"{root}constants/", big)
    return Contents(
        format="torchscript" if scripted else "torch",
        tensors=[*found.tensors, *constants.tensors],
        said=found.said,
        bare=found.bare,
        notes=(*skipped_note(found.skipped), *_constants_note(len(constants.tensors))),
        absent=_frozen(len(constants.tensors)) if scripted and not found.tensors else None,
    )


def _is_big(source: str, archive: Archive, name: str) -> bool:
    if name not in archive:
        return False
    order = archive.read(name, 64).strip()
    if order not in {b"little", b"big"}:
        raise InputError(source, "the archive is damaged (its order of bytes is unknown); copy it again")
    return order == b"big"


def _found(source: str, archive: Archive, root: str, name: str, storages: str, big: bool) -> Found:
    """Return the tensors that one pickle of an archive describes.

    Raises:
        InputError: if it is damaged.
    """

    def read(view: View) -> NDArray[Any]:
        stored = storages + view.storage.key
        return values_of(source, view, lambda start, end: archive.part(stored, start, end), big=big)

    try:
        described = Stream(archive.read(name, _MOST_DESCRIPTION)).load()
    except NotAPickleError as error:
        raise InputError(
            source, f"its description {name.removeprefix(root)} is damaged ({error}); copy the file again"
        ) from error
    return found_in(described, read, "constants" if name.endswith(_CONSTANTS) else "")


def skipped_note(skipped: int) -> tuple[str, ...]:
    """Return the note on tensors that are not stored as plain numbers; none without one."""
    if not skipped:
        return ()
    be, were = ("is", "was") if skipped == 1 else ("are", "were")
    return (
        f"{plural(skipped, 'tensor')} that {be} sparse, quantized or without values {were} left out; "
        "normalization layers have none of these",
    )


def _constants_note(constants: int) -> tuple[str, ...]:
    if not constants:
        return ()
    return (
        f"the program has {plural(constants, 'constant')} without the name of a layer; statistics among them "
        "cannot be told from others",
    )


def _frozen(constants: int) -> str | None:
    if not constants:
        return None
    return (
        f"the program was frozen, which folds batch norm into convolutions and leaves {plural(constants, 'constant')} "
        "without names; give the TorchScript file from before torch.jit.freeze, or the checkpoint"
    )
