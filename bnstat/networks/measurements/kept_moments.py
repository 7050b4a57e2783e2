"""Moments of what enters each layer, kept in files that every other command reads."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike

from bnstat.networks.normalization import Seen


class KeptMoments:
    """A folder with a moments file for each layer, written while the network runs."""

    def __init__(self, folder: str | PathLike[str]) -> None:
        self.folder = folder

    def add(self, place: int, seen: Sequence[Seen]) -> None:
        """Write what entered each layer with one sample."""
        raise NotImplementedError
