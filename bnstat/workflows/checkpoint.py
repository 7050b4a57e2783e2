"""The story of `checkpoint`: what a file of weights stores of its normalization layers, and how files differ."""

from __future__ import annotations

from collections.abc import Sequence

from bnstat.errors import InputError, UsageError, number, text, texts, whole
from bnstat.networks.checkpoints.audit import Audit, audit
from bnstat.networks.checkpoints.opening import read_checkpoint
from bnstat.networks.checkpoints.settings import AuditSettings
from bnstat.reports.checkpoint import CheckpointReport
from bnstat.reports.checkpoint_comparison import CheckpointComparison
from bnstat.reports.evidence import CheckpointEvidence
from bnstat.rules import judged
from bnstat.rules.checkpoint_rules import CHECKPOINT_RULES
from bnstat.text import joined, printable
from bnstat.workflows.failures import failures_of, require_some

# The weight of one batch above which its momentum is taken for a number of the other convention.
_MOST_WEIGHT = 0.5
# The parameters of what a file may not say.
_PARAMETERS = {"ε": "epsilon", "momentum": "momentum"}


def audit_checkpoint(
    file: str,
    *,
    framework: str | None = None,
    epsilon: float | None = None,
    momentum: float | str | None = None,
    steps: int | None = None,
) -> CheckpointReport:
    """Return what a checkpoint stores of its normalization layers, and what rules find in it.

    Neither the code of the model nor its framework is needed, and nothing in the file is run.

    Args:
        file: a file of PyTorch, safetensors, numpy, Keras or ONNX.
        framework: the framework whose defaults hold where the file says no ε or momentum, and in whose convention
            `momentum` is; None for Keras in files of Keras, and for PyTorch in all others.
        epsilon: ε, whatever the file says.
        momentum: momentum of the running statistics, likewise; "none" for a cumulative average.
        steps: training steps, where the file does not count batches, or to compare with its counts.

    Returns:
        The report. `to_dict()` is the document that `bnstat checkpoint --format json` writes.

    Raises:
        UsageError: if a setting is none that a layer can have.
        InputError: if the file cannot be read, is no checkpoint, or has no normalization layer.
    """
    return report_of(read(text("file", file), settings_of(framework, epsilon, momentum, steps)))


def settings_of(
    framework: str | None = None,
    epsilon: float | None = None,
    momentum: float | str | None = None,
    steps: int | None = None,
) -> AuditSettings:
    """Return what is known of the training beside the file; the arguments are those of `audit_checkpoint`.

    Raises:
        UsageError: if one of them is none that a layer can have.
    """
    return AuditSettings(
        None if framework is None else text("framework", framework),
        None if epsilon is None else number("epsilon", epsilon),
        momentum if momentum is None or isinstance(momentum, str) else number("momentum", momentum),
        None if steps is None else whole("steps", steps),
    )


def read(file: str, settings: AuditSettings) -> Audit:
    """Return the layers of a file.

    Raises:
        InputError: if the file cannot be read, is no checkpoint, or has no normalization layer.
    """
    return audit(read_checkpoint(file), settings)


def report_of(found: Audit) -> CheckpointReport:
    """Return the report on the layers of a file."""
    findings = judged(CheckpointEvidence(found), CHECKPOINT_RULES)
    return CheckpointReport(found, findings, (*found.checkpoint.notes, *assumed(found)))


def assumed(found: Audit) -> tuple[str, ...]:
    """Return notes on ε and momentum: what neither the file nor the user says, and a momentum of another convention."""
    settings, layers, told = found.settings, found.with_statistics, found.momentum_told
    layer = settings.layer_for(found.checkpoint.format)
    notes = []
    if told is not None:
        notes.append(
            f"{printable(found.file)} does not say the momentum, and channels into which only zeros have entered tell "
            f"{told:g}; if it is another, give `momentum`"
        )
    absent = {
        "ε": settings.epsilon is None and any(one.stored.epsilon is None for one in layers),
        "momentum": settings.momentum is None and told is None and any(one.stored.momentum is None for one in layers),
    }
    values = {"ε": layer.epsilon, "momentum": layer.momentum}
    taken = {name: values[name] for name, missing in absent.items() if missing and values[name] is not None}
    if taken:
        options = joined([f"`{_PARAMETERS[name]}`" for name in taken])
        notes.append(
            f"no {joined([*taken], 'or')} is stored, so {layer.framework.title}'s "
            f"{'default is' if len(taken) == 1 else 'defaults are'} taken: "
            f"{joined([f'{name} {value:g}' for name, value in taken.items()])}; if the network has "
            f"{'another' if len(taken) == 1 else 'others'}, give {options}"
        )
    weight = layer.batch_weight
    if settings.momentum is not None and weight is not None and _MOST_WEIGHT < weight < 1.0:
        notes.append(
            f"a momentum of {layer.momentum:g} gives the last batch a weight of {weight:g} in {layer.framework.title}; "
            f"if it is a number of the other convention, give `momentum={1.0 - weight:.12g}`"
        )
    return tuple(notes)


def compare_checkpoints(
    files: Sequence[str],
    *,
    framework: str | None = None,
    epsilon: float | None = None,
    momentum: float | str | None = None,
    steps: int | None = None,
) -> CheckpointComparison:
    """Return how the running statistics of checkpoints differ, each from the one before it.

    Args:
        files: at least two files, in the order of training.
        framework: as for `audit_checkpoint`, and so are the following.
        epsilon: ε.
        momentum: momentum of the running statistics.
        steps: training steps.

    Returns:
        The comparison, with a report on each file. Files that cannot be read are in its `errors`.

    Raises:
        UsageError: if a setting is wrong, or fewer than two files are given.
        InputError: if no file can be read.
    """
    named = texts("files", files)
    if len(named) < 2:
        raise UsageError("`files` must be at least two checkpoints; for one, use audit_checkpoint()")
    found = side_by_side(named, settings_of(framework, epsilon, momentum, steps))
    require_some(found.reports, found.errors)
    return found


def side_by_side(files: Sequence[str], settings: AuditSettings) -> CheckpointComparison:
    """Return the reports on files, and how each differs from the one before; those that cannot be read are named."""
    reports, errors = [], []
    for file in files:
        try:
            reports.append(report_of(read(file, settings)))
        except InputError as error:
            errors.append(error)
    notes = dict.fromkeys(note for report in reports for note in report.notes)
    return CheckpointComparison(tuple(reports), failures_of(errors), tuple(notes))
