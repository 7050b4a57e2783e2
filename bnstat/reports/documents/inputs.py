"""The fields of inputs: samples, inputs that could not be read, and preprocessing."""

from __future__ import annotations

from dataclasses import asdict

from bnstat.preprocessing.settings import Preparation
from bnstat.reports.documents.document import Fields
from bnstat.reports.finding import Failure
from bnstat.sources.sample import Sample


def sample_fields(sample: Sample) -> Fields:
    """Return the fields of a sample; `files`, `channels` and `patch` only where it has them."""
    fields: Fields = {
        "source": sample.source,
        "index": sample.index,
        "shape": list(sample.shape),
        "dtype": sample.dtype,
    }
    if sample.files:
        fields["files"] = list(sample.files)
    if sample.channels:
        fields["channels"] = list(sample.channels)
    if sample.patch is not None:
        patch = sample.patch
        fields["patch"] = {"start": list(patch.start), "size": list(patch.size), "foreground": patch.foreground}
    return fields


def failure_fields(failure: Failure) -> Fields:
    """Return the fields of an input that could not be read; `missing` only where channels are missing."""
    fields: Fields = {"source": failure.source, "message": failure.message}
    return {**fields, "missing": list(failure.missing)} if failure.missing else fields


def preparation_fields(preparation: Preparation) -> Fields:
    """Return the settings of the preprocessing; `intensity_per` only where steps are taken on patches."""
    patches = preparation.patches
    fields: Fields = {
        "intensity": preparation.intensity,
        "mask": preparation.mask,
        "patches": None if patches is None else {**asdict(patches), "size": list(patches.size)},
    }
    if patches is not None and preparation.intensity is not None:
        fields["intensity_per"] = preparation.intensity_per
    return fields
