"""The JSON file that describes a data set: its content, and its place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from bnstat.errors import InputError
from bnstat.sources import storage
from bnstat.sources.addresses import Access, is_remote, named_in
from bnstat.sources.case import Case
from bnstat.sources.datasets.refusals import Refusals
from bnstat.sources.regular import impossible


@dataclass(frozen=True)
class Description:
    """A description that was read.

    Attributes:
        path: its file.
        content: the parsed JSON.
        protocols: the names of protocols that the user allows beside the usual ones.
        refusals: the entries that are not taken.
    """

    path: str
    content: Any
    protocols: tuple[str, ...] = ()
    refusals: Refusals = field(default_factory=Refusals, compare=False)

    def refuse(self, error: InputError) -> None:
        """Add the error of an entry that is not taken."""
        self.refusals.add(error)

    @cached_property
    def folder(self) -> str:
        """The directory that its paths are relative to."""
        return storage.folder_of(self.path)

    def inside(self, name: str) -> str:
        """Return the path of a file that it names.

        Raises:
            InputError: if the name leads elsewhere than a description may.
        """
        if (why := impossible(name)) is not None:
            raise InputError(name, f"{self.path} lists this name, which contains {why}, as no file does; correct it")
        return named_in(self.path, self.folder, name, storage.inside(self.folder, name))

    def files(self, images: Sequence[str], label: object) -> tuple[tuple[str, ...], str | None] | None:
        """Return the paths of images and of a label map; None if one is refused, which is added to the refusals."""
        try:
            named = label if label and isinstance(label, str) else None
            return tuple(map(self.inside, images)), None if named is None else self.inside(named)
        except InputError as error:
            self.refuse(error)
            return None

    def files_in(self, folder: str) -> list[str]:
        """Return the names of the files in one of its directories."""
        return storage.files_in(folder, Access(self.protocols, stays=is_remote(self.path)))

    def case(self, name: str, files: Sequence[str], channels: Sequence[str] = (), labels: str | None = None) -> Case:
        """Return one of its cases."""
        return Case(name, tuple(files), tuple(channels), labels, self.path, self.protocols)

    def names(self, key: str) -> tuple[str, ...]:
        """Return the names of channels under a key: a list, or a table from numbers to names.

        Raises:
            InputError: if it is neither, or the numbers do not count from 0.
        """
        table = self.content.get(key)
        if isinstance(table, list):
            table = dict(enumerate(table))
        if (
            isinstance(table, Mapping)
            and table
            and {str(number) for number in table} == set(map(str, range(len(table))))
        ):
            return tuple(str(table[number]).strip() for number in sorted(table, key=int))
        raise InputError(self.path, f"its {key} must be a table of channels from 0, as {{'0': 'T1', '1': 'FLAIR'}}")

    def entries(self, key: str) -> Iterator[tuple[tuple[str, ...], str | None]]:
        """Yield images and label map of each entry of a list; an entry without an image is added to the refusals."""
        listed = self.content if isinstance(self.content, list) else self.content.get(key)
        for number, entry in enumerate(listed if isinstance(listed, list) else ()):
            fields = entry if isinstance(entry, Mapping) else {"image": entry}
            images = fields.get("image")
            images = [images] if isinstance(images, str) else images
            if not isinstance(images, list) or not images or not all(one and isinstance(one, str) for one in images):
                message = f"entry {number} of its {key} names no image; it must be as {{'image': 'a.nii.gz'}}"
                self.refuse(InputError(self.path, message))
                continue
            files = self.files(images, fields.get("label"))
            if files is not None:
                yield files
