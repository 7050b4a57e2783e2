"""The fingerprint of a data set as nnU-Net writes it: intensities of each channel in the foreground of all cases."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bnstat.errors import InputError
from bnstat.sources.datasets.nnunet_plans import PROPERTIES
from bnstat.sources.documents import read_json
from bnstat.sources.json_numbers import is_number

# A list in the fingerprint with an entry for each case, which the plans of the data set do not have.
_CASES = "shapes_after_crop"


@dataclass(frozen=True)
class Fingerprint:
    """A fingerprint.

    nnU-Net draws as many foreground voxels from each case, so that each case has equal weight.

    Attributes:
        cases: the number of cases.
        channels: the mean and the standard deviation of each channel's values in the foreground.
    """

    cases: int
    channels: tuple[tuple[float, float], ...]


def read_fingerprint(path: str) -> Fingerprint | None:
    """Read a fingerprint; None if the file is something else.

    Raises:
        InputError: if it is a fingerprint that lacks a number.
    """
    try:
        content = read_json(path, "give a dataset_fingerprint.json of nnU-Net")
    except InputError:
        return None
    if not isinstance(content, Mapping) or PROPERTIES not in content or not isinstance(content.get(_CASES), list):
        return None
    table = content[PROPERTIES]
    try:
        rows = [(table[str(channel)]["mean"], table[str(channel)]["std"]) for channel in range(len(table))]
    except (KeyError, TypeError):
        rows = []
    if not rows or not all(is_number(one) for row in rows for one in row):
        raise InputError(path, f"its {PROPERTIES} has no mean and std for each channel; extract the fingerprint again")
    return Fingerprint(len(content[_CASES]), tuple((float(mean), float(deviation)) for mean, deviation in rows))
