"""The JSON file that describes a data set: its content, and where it lies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bnstat.errors import InputError
from bnstat.sources import storage
from bnstat.sources.addresses import Access, is_remote, named_in
from bnstat.sources.case import Case, FoundCases
from bnstat.text import printable


@dataclass(frozen=True)
class Description:
    """A description that was read.

    Attributes:
        path: of the file.
        content: what is in it.
        protocols: names of protocols that a user allows beside the usual ones.
    """

    path: str
    content: Any
    protocols: tuple[str, ...] = ()

    @property
    def folder(self) -> str:
        """The folder that its paths are relative to."""
        return storage.folder_of(self.path)

    def inside(self, name: str) -> str:
        """Return the path of what it names.

        Raises:
            InputError: it leads elsewhere than a description may.
        """
        return named_in(self.path, self.folder, name, storage.inside(self.folder, name))

    def files(
        self, images: Sequence[str], label: object, found: FoundCases
    ) -> tuple[tuple[str, ...], str | None] | None:
        """Return the paths of images and of a label; None where one is refused, which joins what failed."""
        try:
            named = label if label and isinstance(label, str) else None
            return tuple(map(self.inside, images)), None if named is None else self.inside(named)
        except InputError as error:
            found.failures.append(error)
            return None

    def files_in(self, folder: str) -> list[str]:
        """Return the names of the files in a folder of it."""
        return storage.files_in(folder, Access(self.protocols, stays=is_remote(self.path)))

    def case(self, name: str, files: Sequence[str], channels: Sequence[str] = (), labels: str | None = None) -> Case:
        """Return one of its cases."""
        return Case(name, tuple(files), tuple(channels), labels, self.path, self.protocols)

    def names(self, key: str) -> tuple[str, ...]:
        """The names of channels under a key, a table of numbers from 0 to names, in the order of the numbers.

        Raises:
            InputError: it is none.
        """
        table = self.content.get(key)
        if isinstance(table, list):
            table = dict(enumerate(table))
        if (
            isinstance(table, Mapping)
            and table
            and {str(number) for number in table} == set(map(str, range(len(table))))
        ):
            return tuple(printable(table[number]) for number in sorted(table, key=int))
        raise InputError(self.path, f"its {key} is no table of channels from 0, as {{'0': 'T1', '1': 'FLAIR'}}")

    def entries(self, key: str, found: FoundCases) -> Iterator[tuple[tuple[str, ...], str | None]]:
        """The images and the labels of each entry of a list; entries without one join what failed."""
        listed = self.content if isinstance(self.content, list) else self.content.get(key)
        for number, entry in enumerate(listed if isinstance(listed, list) else ()):
            fields = entry if isinstance(entry, Mapping) else {"image": entry}
            images = fields.get("image")
            images = [images] if isinstance(images, str) else images
            if not isinstance(images, list) or not images or not all(one and isinstance(one, str) for one in images):
                message = f"entry {number} of its {key} names no image, as {{'image': 'a.nii.gz', 'label': 'b.nii.gz'}}"
                found.failures.append(InputError(self.path, message))
                continue
            files = self.files(images, fields.get("label"), found)
            if files is not None:
                yield files
