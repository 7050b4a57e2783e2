"""Files that are read beside the volumes: masks, labels, and those that intensity steps take their numbers from."""

from __future__ import annotations

import os
from collections.abc import Iterable

from bnstat.preprocessing.regions import CASE, FOLDER, MaskFile
from bnstat.preprocessing.settings import Preparation
from bnstat.preprocessing.steps import Ct
from bnstat.sources.names import case_name
from bnstat.sources.storage import folder_of


def named(pattern: str, name: str) -> str:
    """Return the file beside the case of this name: in the pattern `{case}` is its name, and `{folder}` its folder."""
    return pattern.replace(CASE, case_name(name)).replace(FOLDER, folder_of(name) or os.curdir)


def files_beside(preparation: Preparation, names: Iterable[str]) -> list[str]:
    """Return the files that the preprocessing reads beside the cases of these names."""
    region, patches = preparation.region, preparation.patches
    patterns = [region.path] if isinstance(region, MaskFile) else []
    if patches is not None and patches.labels is not None:
        patterns.append(patches.labels)
    found = [step.source for step in preparation.steps if isinstance(step, Ct) and step.source]
    return [*found, *(named(pattern, name) for name in names for pattern in patterns)]
