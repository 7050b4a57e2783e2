"""bnstat: what batch normalization computes on 3-D medical volumes."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bnstat.errors import BnstatError, InputError, OutputError, UsageError
    from bnstat.moments.moments import Moments
    from bnstat.preprocessing.settings import Patching, Preparation
    from bnstat.reading.settings import Reading
    from bnstat.report.compare_batch_sizes import Comparison
    from bnstat.report.inspect import Report
    from bnstat.workflows.compare_batch_sizes import compare
    from bnstat.workflows.compare_layers import compare_layers
    from bnstat.workflows.inspect import diagnose
    from bnstat.workflows.scan import collect

from bnstat.version import __version__

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
    "Comparison": "report.compare_batch_sizes",
    "InputError": "errors",
    "Moments": "moments.moments",
    "OutputError": "errors",
    "Patching": "preprocessing.settings",
    "Preparation": "preprocessing.settings",
    "Reading": "reading.settings",
    "Report": "report.inspect",
    "UsageError": "errors",
    "collect": "workflows.scan",
    "compare": "workflows.compare_batch_sizes",
    "compare_layers": "workflows.compare_layers",
    "diagnose": "workflows.inspect",
}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'bnstat' has no attribute {name!r}")
    return getattr(importlib.import_module(f"bnstat.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
