"""Files that are read beside the volumes: masks, labels, and those that intensity steps take their numbers from."""

from __future__ import annotations

from collections.abc import Iterable

from bnstat.preprocessing.regions import CASE, MaskFile
from bnstat.preprocessing.settings import Preparation
from bnstat.preprocessing.steps import Ct
from bnstat.sources.names import case_name


def named(pattern: str, name: str) -> str:
    """Return the file beside the case of this name, which `{case}` in the pattern stands for."""
    return pattern.replace(CASE, case_name(name))


def files_beside(preparation: Preparation, names: Iterable[str]) -> list[str]:
    """Return the files that the preprocessing reads beside the cases of these names."""
    region, patches = preparation.region, preparation.patches
    patterns = [region.path] if isinstance(region, MaskFile) else []
    if patches is not None and patches.labels is not None:
        patterns.append(patches.labels)
    found = [step.source for step in preparation.steps if isinstance(step, Ct) and step.source]
    return [*found, *(named(pattern, name) for name in names for pattern in patterns)]
