"""What to do about the batch size, for a reader who does not know batch norm."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bnstat.batch_size.confidence import fewest_of
from bnstat.batch_size.results import Recommendation
from bnstat.reports.full.verdict.answers import Answers
from bnstat.reports.full.verdict.on_batch_size import (
    OTHER_LAYERS,
    continued,
    more_than_there_are,
    percent_of,
    recommended,
    sizes_without,
    standing,
)


def steps_on_batch_size(answers: Answers) -> Sequence[str]:
    """Return what to do about the batch size, a step each; without the volumes that are odd or broken, if any."""
    others = sizes_without(answers)
    if others is None:
        return _steps(answers)
    first, *more = _steps(others) or ("",)
    return (f"Without {answers.left_out_in_short}, {continued(first)}", *more) if first else ()


def _steps(answers: Answers) -> Sequence[str]:
    layer, found = answers.layer, recommended(answers)
    if answers.labels.everywhere:
        return ()
    if layer.by_sample:
        return (f"Choose the batch size by memory and speed: {layer.layer} does not depend on it.",)
    if found is None and layer.kind != "batch":
        return ()
    if found is None:
        return ("Make a page of each kind of volume by itself, so that batch sizes can be compared.",)
    match standing(answers):
        case "enough":
            return (f"Keep {_plain_size(answers)}.",)
        case "unknown":
            few = found.samples == 0 and not any("equal" in one.reason for one in found.unjudged)
            enough = len(answers.volumes) >= fewest_of(found.population)
            to_do = "Repair the volumes whose values cannot be used" if enough else "Give more volumes of the same kind"
            return (f"{to_do}, so that batch sizes can be judged.",) if few else ()
        case "perhaps":
            surely = "" if found.most is None else f"use {found.most:,}, or "
            return (f"Keep {_plain_size(answers)}; to be sure, {surely}make this page from more {answers.word}s.",)
        case "whole":
            return (f"Do not count on {_plain_size(answers)}: with other {answers.word}s it has noise.",)
    return tuple(_larger(answers, found))


def _plain_size(answers: Answers) -> str:
    ranks = answers.layer.ranks
    return f"the batch size of {answers.layer.batch_size:,}" + (f" on each of {ranks:,} ranks" if ranks > 1 else "")


def _larger(answers: Answers, found: Recommendation) -> Iterator[str]:
    """Yield what to do if the batch is too small."""
    if found.estimate is None:
        yield f"Do not rely on a larger batch: {OTHER_LAYERS}."
    else:
        surely = "" if found.most in (None, found.estimate) else f", or {found.most:,} to be {percent_of(found)} sure"
        about = "" if found.confidence is None else "about "
        together = " on all ranks together" if answers.layer.ranks > 1 else ""
        other = "use instance norm or group norm" if more_than_there_are(answers, found) else OTHER_LAYERS
        train = "Train" if answers.layer.kind == "batch" else "With plain batch norm, train"
        yield (
            f"{train} with a batch size of {about}{found.estimate:,}{together}{surely}. If so many {_units(answers)} "
            f"do not fit into memory, {other}; or use synchronized batch norm, which merges the batches of "
            "several graphics cards into one."
        )
    if answers.layer.preparation.intensity is None and found.applies_to == "input":
        yield _instead(answers)


def _instead(answers: Answers) -> str:
    """Return what z-scores change, as another way than a larger batch."""
    masked = answers.layer.preparation.mask is not None
    step = "zscore:mask" if masked else "zscore"
    how = (
        "Instead of a larger batch: for images whose scale of intensities is arbitrary, as of MRI, scale each "
        f"{answers.word} by itself before the network with z-scores (subtract its mean, and divide by its standard "
        "deviation)."
    )
    values = [channel for volume in answers.volumes for channel in volume.channels]
    if not answers.patched and all(one.std and not one.nan and not one.inf for one in values):
        inside = ", inside of the mask," if masked else ""
        how += (
            f" After that each {answers.word}{inside} has mean 0 and SD 1, so {answers.word}s no longer differ in them "
            "at the network's input, where a batch size of 1 is then enough."
        )
    else:
        how += f" Then {answers.word}s differ less at its input."
    return f"{how} To see what that changes, add `--intensity {step}` to the command of this page."


def _units(answers: Answers) -> str:
    return "patches" if answers.patched else f"{answers.word}s"
