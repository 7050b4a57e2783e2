"""Why a rule of `check` had nothing to judge: silence is then no verdict."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bnstat.batch_size.fewest import FEWEST_SAMPLES
from bnstat.batch_size.kinds import FEWEST_VOLUMES
from bnstat.layers.batch_columns import any_clipped
from bnstat.layers.settings import Settings
from bnstat.reports.evidence import Evidence
from bnstat.rules.layout.missing_channel import FEWEST_OTHERS
from bnstat.sources.sample import Sample
from bnstat.text import plural

# Rules on how batch statistics differ between samples.
BETWEEN_SAMPLES = {"BN202", "BN203", "BN204", "BN205"}
ODD_VOLUME = {"BN207"}
BESIDE_REFERENCE = {"BN208"}
# Rules that compare a volume with others, and the fewest volumes that they need.
_OF_A_COHORT = {"BN207": ("odd-volume", FEWEST_VOLUMES), "BN405": ("missing-channel", FEWEST_OTHERS + 1)}


def silences(evidence: Evidence) -> dict[str, str]:
    """Return the rules that had nothing to judge, each with the reason as a note.

    An entry of the baseline is not stale because such a rule finds nothing.
    """
    return dict(_silences(evidence))


def independent(samples: Sequence[Sample], layer: Settings) -> int:
    """Return the number of samples, or of the volumes that they are patches of."""
    return len(samples) if layer.preparation.patches is None else len({sample.volume for sample in samples})


def _silences(evidence: Evidence) -> Iterator[tuple[str, str]]:
    between = _between_samples(evidence)
    if between:
        yield from ((code, between) for code in BETWEEN_SAMPLES)
    if evidence.steps is None:
        yield "BN206", "unsettled-running-statistics (BN206) was not judged: it needs `steps`, those of the training"
    elif not evidence.settings.keeps_running:
        yield "BN206", f"{evidence.settings.layer} has no running statistics, so BN206 was not judged"
    if evidence.reference is None:
        yield from ((code, f"data-drift ({code}) was not judged: it needs `reference`") for code in BESIDE_REFERENCE)
    if not evidence.report.patched:
        yield "BN107", "constant-patches (BN107) was not judged: it needs patches, as of `size=(96, 96, 96)`"
    if not any_clipped(evidence.report.batches):
        yield "BN109", 'clipped-voxels (BN109) was not judged: it needs a step that clips, as `intensity="clip:p1,p99"`'
    volumes = len({sample.volume for sample in evidence.report.samples})
    for code, (name, fewest) in _OF_A_COHORT.items():
        if volumes < fewest:
            there = "there is 1" if volumes == 1 else f"there are {volumes}"
            yield code, f"{name} ({code}) was not judged: it needs {fewest} volumes or more, and {there}"


def _between_samples(evidence: Evidence) -> str | None:
    """Return why nothing is known of how batch statistics differ between samples; None if it is."""
    settings, samples = evidence.settings, evidence.report.samples
    if settings.kind != "batch":
        why = "corrects for them" if settings.kind == "renorm" else "has no batch statistics"
        return f"{settings.layer} {why}, so BN202 to BN205 (differences of batch statistics) were not judged"
    if evidence.curve is not None:
        return None
    number = independent(samples, settings)
    if number < FEWEST_SAMPLES:
        word = "sample" if settings.preparation.patches is None else "volume"
        return (
            f"{plural(number, word)} cannot tell how batch statistics differ between {word}s; "
            f"rules on this need {FEWEST_SAMPLES} or more"
        )
    counts = sorted({len(channels) for channels in evidence.sample_channels})
    named = f"{', '.join(map(str, counts[:-1]))} and {counts[-1]}"
    return (
        f"the samples have {named} channels, so BN202 to BN205 (how batch statistics differ between samples) were not "
        "judged; check each kind of volume by itself"
    )
