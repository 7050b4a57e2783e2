"""What is taken of a folder that holds several kinds of file: a request that validates itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from bnstat.errors import UsageError, text, texts
from bnstat.sources.exclusion import Exclusion
from bnstat.sources.names import is_image

if TYPE_CHECKING:  # data sets and their patterns take milliseconds that a file does without
    from bnstat.sources.datasets.pattern import Pattern

# What a pattern has, and a list of kinds has not; nor does it end as the name of a file.
_PATTERN = ("{", "}", "*", "/")


@dataclass(frozen=True)
class Selection:
    """The files that are taken of a folder, and how they make cases.

    Attributes:
        channels: a pattern with `{channel}` that joins files into cases, or the kinds of file that are the channels, as
            in "T1w,FLAIR"; None to leave it to the names of the files.
        suffix: the one kind of file that is read, as "T1w"; None for any.
        entity: entities of BIDS that the names of files have, as "task=rest"; of one key, any of its values.
        each: True if every file is a sample of its own.
        exclude: patterns of files that are left out, relative to the folder that was named.

    Raises:
        UsageError: if one of them is not valid, or two contradict each other.
    """

    channels: str | None = None
    suffix: str | None = None
    entity: tuple[str, ...] = ()
    each: bool = False
    exclude: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "entity", texts("entity", self.entity))
        object.__setattr__(self, "exclude", texts("exclude", self.exclude))
        _ = self.pattern, self.kinds, self.entities, self.exclusion  # parsed once, here
        if self.suffix is not None and not text("suffix", self.suffix).strip("_"):
            raise UsageError('`suffix` must be the end of names, as in `suffix="T1w"`')
        if self.channels is not None and self.each:
            raise UsageError("`each` makes every file a sample, and `channels` joins files; use one of them")
        if self.channels is not None and self.suffix is not None:
            raise UsageError("`suffix` takes one kind of file, and `channels` joins several; use one of them")

    @cached_property
    def pattern(self) -> Pattern | None:
        """The parsed `channels` if it is a pattern of names."""
        if self.channels is None:
            return None
        from bnstat.sources.datasets.pattern import Pattern

        given = text("channels", self.channels)
        return Pattern.of(given) if is_image(given) or any(sign in given for sign in _PATTERN) else None

    @cached_property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of file that `channels` lists, in the order of the channels; empty if it is a pattern."""
        if self.channels is None or self.pattern is not None:
            return ()
        listed = tuple(one.strip() for one in self.channels.split(","))
        if not all(listed) or len(set(listed)) < len(listed):
            raise UsageError(
                f"`channels=\"{self.channels}\"` must list different kinds of file, as in 'T1w,FLAIR', or be a pattern "
                "as '{case}_{channel}.nii.gz'"
            )
        return listed

    @cached_property
    def entities(self) -> Mapping[str, tuple[str, ...]]:
        """The values that each entity may have; an empty value stands for names without the entity."""
        found: dict[str, tuple[str, ...]] = {}
        for one in self.entity:
            key, equals, value = one.partition("=")
            if not equals or not key.isalnum():
                raise UsageError(f'`entity="{one}"` must be KEY=VALUE, as in `entity="task=rest"`')
            found[key] = (*found.get(key, ()), value.removeprefix(f"{key}-"))
        return found

    @cached_property
    def exclusion(self) -> Exclusion:
        """The parsed `exclude`."""
        return Exclusion(self.exclude)

    @property
    def asked(self) -> bool:
        """True if anything is asked for."""
        return self != ANY


ANY = Selection()
