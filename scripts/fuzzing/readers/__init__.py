"""The readers that are fuzzed, by name."""

from __future__ import annotations

from collections.abc import Mapping

from fuzzing.reader import Reader
from fuzzing.readers import arrays, checkpoints, data_sets, images, moments_files, text_headers, training_files

READERS: Mapping[str, Reader] = {
    one.name: one
    for one in (
        images.READER,
        arrays.READER,
        text_headers.READER,
        moments_files.READER,
        data_sets.READER,
        training_files.READER,
        checkpoints.READER,
    )
}
