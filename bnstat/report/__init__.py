"""Everything a user can be told, as frozen values; a command is a file. Renderers and rules see this and nothing else.

What is undefined is None; zero never means unknown.
"""

from bnstat.frameworks import ARITHMETICS, NORMALIZERS, Framework
from bnstat.report.compare import (
    CompareSettings,
    Comparison,
    CurveChannel,
    CurvePoint,
    Kind,
    Observed,
    PopulationChannel,
    Recommendation,
    Renorm,
    Tolerances,
)
from bnstat.report.frameworks import Presets
from bnstat.report.inspect import (
    SEVERITIES,
    Batch,
    Channel,
    Correction,
    Failure,
    Finding,
    Finite,
    Group,
    Number,
    Report,
    RmsGroup,
    Running,
    Sample,
    Settings,
    Severity,
    Start,
    Statistics,
)
from bnstat.report.plan import Downsampling, Level, Plan

__all__ = [
    "ARITHMETICS",
    "NORMALIZERS",
    "SEVERITIES",
    "Batch",
    "Channel",
    "CompareSettings",
    "Comparison",
    "Correction",
    "CurveChannel",
    "CurvePoint",
    "Downsampling",
    "Failure",
    "Finding",
    "Finite",
    "Framework",
    "Group",
    "Kind",
    "Level",
    "Number",
    "Observed",
    "Plan",
    "PopulationChannel",
    "Presets",
    "Recommendation",
    "Renorm",
    "Report",
    "RmsGroup",
    "Running",
    "Sample",
    "Settings",
    "Severity",
    "Start",
    "Statistics",
    "Tolerances",
]
