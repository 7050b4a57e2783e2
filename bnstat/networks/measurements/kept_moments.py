"""Moments of what enters each layer, kept in files that every other command reads."""

from __future__ import annotations

from os import PathLike


class KeptMoments:
    """A folder with a moments file for each layer, written while the network runs."""

    def __init__(self, folder: str | PathLike[str]) -> None:
        self.folder = folder
