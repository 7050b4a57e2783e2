"""bnstat: what batch normalization computes on 3-D medical volumes."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bnstat.collection import collect
    from bnstat.comparison import compare
    from bnstat.diagnosis import diagnose
    from bnstat.errors import BnstatError, InputError, OutputError, UsageError
    from bnstat.layers import compare_layers
    from bnstat.moments import Moments
    from bnstat.report import Comparison, Patching, Preparation, Reading, Report

__version__ = "0.1.0"

__all__ = [
    "BnstatError",
    "Comparison",
    "InputError",
    "Moments",
    "OutputError",
    "Patching",
    "Preparation",
    "Reading",
    "Report",
    "UsageError",
    "__version__",
    "collect",
    "compare",
    "compare_layers",
    "diagnose",
]

# Each public name and the module it lives in. They are imported when first used, so that
# `bnstat --help` does not wait for numpy and nibabel.
_HOME = {
    "BnstatError": "errors",
    "Comparison": "report",
    "InputError": "errors",
    "Moments": "moments",
    "OutputError": "errors",
    "Patching": "report",
    "Preparation": "report",
    "Reading": "report",
    "Report": "report",
    "UsageError": "errors",
    "collect": "collection",
    "compare": "comparison",
    "compare_layers": "layers",
    "diagnose": "diagnosis",
}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'bnstat' has no attribute {name!r}")
    return getattr(importlib.import_module(f"bnstat.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
