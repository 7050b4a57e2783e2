"""bnstat: what batch normalization computes on 3-D medical volumes."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bnstat.errors import BnstatError, InputError, OutputError, UsageError
    from bnstat.moments.moments import Moments
    from bnstat.preprocessing.settings import Patching, Preparation
    from bnstat.reading.settings import Reading
    from bnstat.reading.workers.job import Progress
    from bnstat.renderers.report.page import ReportPage, report
    from bnstat.reports.check import Check
    from bnstat.reports.checkpoint import CheckpointReport
    from bnstat.reports.checkpoint_comparison import CheckpointComparison
    from bnstat.reports.compare_batch_sizes import Comparison
    from bnstat.reports.compare_layers import LayerComparison
    from bnstat.reports.explain import Explanations
    from bnstat.reports.inspect import Report
    from bnstat.reports.layers import Layers
    from bnstat.reports.limits import Limits
    from bnstat.reports.plan import Plan
    from bnstat.reports.scan import Scan
    from bnstat.rules.overrides import Override
    from bnstat.workflows.check import check
    from bnstat.workflows.checkpoint import audit_checkpoint, compare_checkpoints
    from bnstat.workflows.compare_batch_sizes import compare
    from bnstat.workflows.compare_layers import compare_layers
    from bnstat.workflows.explain import explain
    from bnstat.workflows.inspect import diagnose
    from bnstat.workflows.layers import measure_layers
    from bnstat.workflows.plan import plan
    from bnstat.workflows.scan import collect

from bnstat.version import __version__

__all__ = [
    "BnstatError",
    "Check",
    "CheckpointComparison",
    "CheckpointReport",
    "Comparison",
    "Explanations",
    "InputError",
    "LayerComparison",
    "Layers",
    "Limits",
    "Moments",
    "OutputError",
    "Override",
    "Patching",
    "Plan",
    "Preparation",
    "Progress",
    "Reading",
    "Report",
    "ReportPage",
    "Scan",
    "UsageError",
    "__version__",
    "audit_checkpoint",
    "check",
    "collect",
    "compare",
    "compare_checkpoints",
    "compare_layers",
    "diagnose",
    "explain",
    "measure_layers",
    "plan",
    "report",
]

# Each public name and the module it lives in. They are imported when first used, so that
# `bnstat --help` does not wait for numpy and nibabel.
_HOME = {
    "BnstatError": "errors",
    "Check": "reports.check",
    "CheckpointComparison": "reports.checkpoint_comparison",
    "CheckpointReport": "reports.checkpoint",
    "Comparison": "reports.compare_batch_sizes",
    "Explanations": "reports.explain",
    "InputError": "errors",
    "LayerComparison": "reports.compare_layers",
    "Layers": "reports.layers",
    "Limits": "reports.limits",
    "Moments": "moments.moments",
    "OutputError": "errors",
    "Override": "rules.overrides",
    "Patching": "preprocessing.settings",
    "Plan": "reports.plan",
    "Preparation": "preprocessing.settings",
    "Progress": "reading.workers.job",
    "Reading": "reading.settings",
    "Report": "reports.inspect",
    "ReportPage": "renderers.report.page",
    "Scan": "reports.scan",
    "UsageError": "errors",
    "audit_checkpoint": "workflows.checkpoint",
    "check": "workflows.check",
    "collect": "workflows.scan",
    "compare": "workflows.compare_batch_sizes",
    "compare_checkpoints": "workflows.checkpoint",
    "compare_layers": "workflows.compare_layers",
    "diagnose": "workflows.inspect",
    "explain": "workflows.explain",
    "measure_layers": "workflows.layers",
    "plan": "workflows.plan",
    "report": "renderers.report.page",
}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'bnstat' has no attribute {name!r}")
    return getattr(importlib.import_module(f"bnstat.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
