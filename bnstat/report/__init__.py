"""Everything a user can be told, as frozen values; a command is a file. Renderers and rules see this and nothing else.

What is undefined is None; zero never means unknown.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from bnstat.frameworks import ARITHMETICS, NORMALIZERS, Framework
from bnstat.report.inspect import (
    SEVERITIES,
    Batch,
    Channel,
    Correction,
    Failure,
    Finding,
    Finite,
    Group,
    InputType,
    Number,
    Patch,
    Prediction,
    Report,
    RmsGroup,
    Running,
    Sample,
    Settings,
    Severity,
    Start,
    Statistics,
)
from bnstat.report.limits import Limits
from bnstat.report.preparation import FILES_AS_THEY_ARE, UNPREPARED, Patching, Preparation, Reading

if TYPE_CHECKING:
    from bnstat.report.cells import Cell, Pool, Reference
    from bnstat.report.check import FAIL_ON, Check, CheckSettings, FailOn, RuleInfo, Stale
    from bnstat.report.compare import (
        CompareSettings,
        Comparison,
        CurveChannel,
        CurvePoint,
        Forgetting,
        Kind,
        Layer,
        LayerCurve,
        Observed,
        PopulationChannel,
        Recommendation,
        Renorm,
        Runs,
        SampleGroup,
        Simulated,
        Tolerances,
    )
    from bnstat.report.explain import Explanation, Explanations
    from bnstat.report.frameworks import Presets
    from bnstat.report.layers import By, Entry, LayerComparison
    from bnstat.report.plan import Downsampling, Level, Plan
    from bnstat.report.scan import Scan

__all__ = [
    "ARITHMETICS",
    "FAIL_ON",
    "FILES_AS_THEY_ARE",
    "NORMALIZERS",
    "SEVERITIES",
    "UNPREPARED",
    "Batch",
    "By",
    "Cell",
    "Channel",
    "Check",
    "CheckSettings",
    "CompareSettings",
    "Comparison",
    "Correction",
    "CurveChannel",
    "CurvePoint",
    "Downsampling",
    "Entry",
    "Explanation",
    "Explanations",
    "FailOn",
    "Failure",
    "Finding",
    "Finite",
    "Forgetting",
    "Framework",
    "Group",
    "InputType",
    "Kind",
    "Layer",
    "LayerComparison",
    "LayerCurve",
    "Level",
    "Limits",
    "Number",
    "Observed",
    "Patch",
    "Patching",
    "Plan",
    "Pool",
    "PopulationChannel",
    "Prediction",
    "Preparation",
    "Presets",
    "Reading",
    "Recommendation",
    "Reference",
    "Renorm",
    "Report",
    "RmsGroup",
    "RuleInfo",
    "Running",
    "Runs",
    "Sample",
    "SampleGroup",
    "Scan",
    "Settings",
    "Severity",
    "Simulated",
    "Stale",
    "Start",
    "Statistics",
    "Tolerances",
]

# What one command alone tells, and its file: imported when it is asked for, since a class takes half a millisecond.
_HOME = {
    **dict.fromkeys(
        (
            "CompareSettings",
            "Comparison",
            "CurveChannel",
            "CurvePoint",
            "Forgetting",
            "Kind",
            "Layer",
            "LayerCurve",
            "Observed",
            "PopulationChannel",
            "Recommendation",
            "Renorm",
            "Runs",
            "SampleGroup",
            "Simulated",
            "Tolerances",
        ),
        "compare",
    ),
    **dict.fromkeys(("Cell", "Pool", "Reference"), "cells"),
    **dict.fromkeys(("Downsampling", "Level", "Plan"), "plan"),
    **dict.fromkeys(("By", "Entry", "LayerComparison"), "layers"),
    **dict.fromkeys(("Explanation", "Explanations"), "explain"),
    **dict.fromkeys(("FAIL_ON", "Check", "CheckSettings", "FailOn", "RuleInfo", "Stale"), "check"),
    "Presets": "frameworks",
    "Scan": "scan",
}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'bnstat.report' has no attribute {name!r}")
    return getattr(importlib.import_module(f"bnstat.report.{_HOME[name]}"), name)
