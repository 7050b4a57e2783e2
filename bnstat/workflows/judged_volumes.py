"""The volumes of a check: read once, and judged by rules."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, replace

import numpy as np

from bnstat.batch_size import curve
from bnstat.batch_size.fewest import FEWEST_SAMPLES
from bnstat.batch_size.needed import Needs
from bnstat.batch_size.needed import needs as needs_of
from bnstat.batch_size.results import CurveChannel, CurvePoint
from bnstat.batch_size.settings import CompareSettings, Tolerances
from bnstat.batch_size.verdict import entries_of_files
from bnstat.layers.settings import Layer, Settings
from bnstat.reading.rows import Rows
from bnstat.reading.settings import Reading
from bnstat.reading.table import Table, read_table
from bnstat.reading.workers.job import Progress
from bnstat.reports.check import Check, CheckSettings, RuleInfo
from bnstat.reports.evidence import Evidence
from bnstat.reports.finding import Finding
from bnstat.reports.limits import Limits
from bnstat.rules import findings_of
from bnstat.rules.explanation import explained
from bnstat.rules.rule import Rule
from bnstat.rules.selection import codes_of, selected
from bnstat.sources.formats.memory import InMemory, Input
from bnstat.sources.opened import Planned
from bnstat.workflows.cohorts import telling_cohorts
from bnstat.workflows.evidence import distinct_of, pooled_channels_of, sample_channels_of
from bnstat.workflows.fingerprint import FingerprintReference
from bnstat.workflows.inspect import as_loaded, computed_report, require_admitted
from bnstat.workflows.notes import few_files
from bnstat.workflows.reference import ReferenceFile
from bnstat.workflows.silence import BESIDE_REFERENCE, BETWEEN_SAMPLES, ODD_VOLUME, independent, silences

_DRAWS = 1000

# Called with each finding; returns True for one that the settings leave out.
Drops = Callable[[Finding], bool]


@dataclass(frozen=True)
class JudgedVolumes:
    """What rules say of volumes, and what they say it of.

    Attributes:
        check: The verdict, without a baseline.
        codes: The codes of the rules that had something to judge.
        evidence: What they judged.
        silent: The codes of the rules that had nothing to judge, each with the reason.
    """

    check: Check
    codes: frozenset[str]
    evidence: Evidence
    silent: Mapping[str, str]


@dataclass(frozen=True)
class VolumeRules:
    """The rules that judge volumes, and the data that these are compared with.

    Attributes:
        rules: The rules.
        reference: The data of another day; None if there are none.
    """

    rules: tuple[Rule[Evidence], ...]
    reference: ReferenceFile | FingerprintReference | None

    @classmethod
    def of(cls, asked: CheckSettings) -> VolumeRules:
        """Return what these settings ask for.

        Raises:
            InputError: if the reference cannot be read.
        """
        return cls(tuple(selected(asked.select, asked.ignore)), _reference(asked.reference))

    def inputs(self, paths: Input | Iterable[Input | InMemory]) -> Input | Iterable[Input | InMemory]:
        """Return the paths as they can be read as often as the reference needs: twice, with one of nnU-Net."""
        return self.reference.files(paths) if isinstance(self.reference, FingerprintReference) else paths

    def admit(self, planned: Sequence[Planned], asked: CheckSettings, reading: Reading) -> None:
        """Refuse what the headers show to be impossible.

        Raises:
            UsageError: if the settings, or the reference, do not fit these volumes.
        """
        require_admitted(planned, [asked.layer], reading.preparation)
        if self.reference is not None:
            self.reference.require_fit(planned, reading)

    def judge(
        self,
        table: Table,
        asked: CheckSettings,
        drops: Drops,
        paths: Input | Iterable[Input | InMemory],
        reading: Reading,
        progress: Progress | None,
    ) -> JudgedVolumes:
        """Judge volumes that were read; their paths are read again where the reference needs it.

        Raises:
            UsageError: if the reference was made of other values.
        """
        if isinstance(self.reference, ReferenceFile):
            self.reference.require_preparation(table.preparation)
            self.reference.require_network(table.network)
        asked = replace(asked, layer=replace(asked.layer, preparation=table.preparation))
        codes = {rule.code for rule in self.rules}
        used = self.reference if codes & BESIDE_REFERENCE else None
        evidence, left = _beside_reference(_evidence(table, asked), used, paths, reading, progress)
        report = evidence.report
        result = Check(
            settings=asked,
            samples=report.samples,
            findings=findings_of(evidence, self.rules, drops),
            errors=report.errors,
            notes=(
                *report.notes,
                *_not_judged(evidence, asked.select, codes),
                *_apart(evidence),
                *_of_few_files(table, evidence, codes),
                *_beside(self.reference, left, codes),
            ),
            rules=tuple(map(_described, self.rules)),
            apart=len(evidence.shapes) > 1,
            needs=evidence.needs,
        )
        silent = {code: why for code, why in sorted(silences(evidence).items()) if code in codes}
        return JudgedVolumes(result, frozenset(codes - set(silent)), evidence, silent)


def _described(rule: Rule[Evidence]) -> RuleInfo:
    told = explained(rule)
    return RuleInfo(rule.code, rule.name, rule.severity, told.summary, told.why)


def judge_volumes(
    paths: Input | Iterable[Input | InMemory],
    asked: CheckSettings,
    reading: Reading,
    progress: Progress | None,
    drops: Drops,
) -> JudgedVolumes:
    """Read volumes, and judge them.

    Raises:
        UsageError: if the settings do not fit these data.
        InputError: if the reference cannot be read.
    """
    judging = VolumeRules.of(asked)
    paths = judging.inputs(paths)
    layer = asked.layer
    table = read_table(
        paths, layer.axis, layer.batch_axis, reading, progress, lambda planned: judging.admit(planned, asked, reading)
    )
    return judging.judge(table, asked, drops, paths, reading, progress)


def _evidence(table: Table, asked: CheckSettings) -> Evidence:
    """Gather what rules judge: the batches, or each sample by itself if shapes differ, and what the batch size does."""
    layer = asked.layer
    together = layer.batch_size * layer.ranks > 1
    shapes = tuple(dict.fromkeys(tensor.sample_shape for tensor in table.rows.tensors)) if together else ()
    apart = replace(layer, batch_size=1, ranks=1, drop_last=False) if len(shapes) > 1 else layer
    point, needs = _batches(table.rows, layer, asked.limits)
    loaded = as_loaded(table, apart).rows  # in the order of the report's samples
    channels = sample_channels_of(loaded)
    return Evidence(
        report=computed_report(table, apart),
        asked=layer,
        limits=asked.limits,
        shapes=shapes,
        curve=point,
        needs=needs,
        steps=asked.steps,
        sample_channels=channels,
        distinct=distinct_of(loaded.distinct),
        pooled_channels=pooled_channels_of(channels),
    )


def _batches(rows: Rows, layer: Settings, limits: Limits) -> tuple[CurvePoint | None, tuple[Needs, ...]]:
    """Return what the batch size does to these samples, and the sizes that channels need for which it is too small.

    None and nothing if the samples are too few, or share no batch statistics.
    """
    cohorts = telling_cohorts(rows, layer) if layer.kind in ("batch", "renorm") else None
    if cohorts is None:
        return None, ()
    size = layer.batch_size * layer.ranks
    settings = CompareSettings(
        layer=Layer(layer.framework, layer.epsilon, layer.momentum),
        others=(),
        axis=layer.axis,
        batch_axis=layer.batch_axis,
        batch_sizes=(size,),
        population="infinite",
        draws=_DRAWS,
        seed=layer.seed,
        tolerances=Tolerances(limits.noise, limits.shortfall, limits.gap),
    )
    point = curve.together(cohorts, size, layer.ranks, settings)
    beyond = {one.channel for one in point.channels if not _within(one, settings.tolerances)}
    loud = [cohort.only(np.flatnonzero([one in beyond for one in cohort.channels])) for cohort in cohorts]
    return point, tuple(one for cohort in loud if cohort.channels for one in needs_of(cohort, settings))


def _within(channel: CurveChannel, limits: Tolerances) -> bool:
    """Return True if no figure of a channel is known to be beyond its limit."""
    figures = (channel.mean_noise, channel.variance_shortfall, channel.train_eval_rms)
    return all((figure or 0.0) <= limit for figure, limit in zip(figures, astuple(limits), strict=True))


def _not_judged(evidence: Evidence, select: Sequence[str], codes: set[str]) -> tuple[str, ...]:
    """Return a note for each reason why rules had nothing to judge, where a user may take silence for a verdict.

    A check of batch norm is expected to judge differences between samples, and one of a cohort to judge odd volumes. Of
    other rules a verdict is expected if a token that selects rules selects none that had something to judge.
    """
    if not evidence.report.samples:
        return ()
    silent = silences(evidence)
    expected = [codes_of(token) & codes for token in select]
    told = {code for some in expected if some <= silent.keys() for code in some}
    if evidence.settings.kind == "batch" or select:
        told |= codes & BETWEEN_SAMPLES
    if independent(evidence.report.samples, evidence.settings) >= FEWEST_SAMPLES:
        told |= codes & ODD_VOLUME
    return tuple(dict.fromkeys(silent[code] for code in sorted(told & silent.keys())))


def _apart(evidence: Evidence) -> tuple[str, ...]:
    """Return a note if the samples have different shapes, so that each is a batch by itself."""
    if len(evidence.shapes) < 2:
        return ()
    size = evidence.settings.batch_size * evidence.settings.ranks
    return (
        f"the samples have different shapes and cannot share a batch of {size}, so rules that look at single batches "
        "judge each sample as a batch of 1",
    )


def _of_few_files(table: Table, evidence: Evidence, codes: set[str]) -> tuple[str, ...]:
    """Return a note if differences between entries of a few image files were judged, as no volumes differ."""
    files = few_files(evidence.report.samples)
    images = not all(plan.is_array for plan in table.planned)
    if evidence.curve is None or evidence.settings.kind != "batch" or files is None or not images:
        return ()
    said = entries_of_files(independent(evidence.report.samples, evidence.settings), files)
    return (said.removesuffix("."),) if codes & BETWEEN_SAMPLES else ()


def _reference(file: str | None) -> ReferenceFile | FingerprintReference | None:
    """Read what today's data are compared with."""
    return None if file is None else FingerprintReference.read(file) or ReferenceFile.read(file)


def _beside_reference(
    evidence: Evidence,
    reference: ReferenceFile | FingerprintReference | None,
    paths: Input | Iterable[Input | InMemory],
    reading: Reading,
    progress: Progress | None,
) -> tuple[Evidence, tuple[str, ...]]:
    """Return the evidence beside that of the reference, and notes on cases that are not compared."""
    if reference is None:
        return evidence, ()
    if isinstance(reference, ReferenceFile):
        return replace(evidence, reference=reference.statistics), ()
    today, left = reference.today(paths, evidence.settings, reading, progress)
    return replace(evidence, reference=reference.statistics, pooled_channels=today), left


def _beside(
    reference: ReferenceFile | FingerprintReference | None, left: tuple[str, ...], codes: set[str]
) -> tuple[str, ...]:
    """Return notes on the reference: what was skipped in it and beside it, and whether its rule does not judge."""
    if reference is None:
        return ()
    unused = f"{reference.file} is not used, because its rule, data-drift (BN208), is not selected"
    return (*reference.notes, *left, *(() if codes & BESIDE_REFERENCE else (unused,)))
