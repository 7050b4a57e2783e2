"""The verdict of `compare` on batch sizes, for a reader who does not know batch norm."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from bnstat.batch_size.results import CurveChannel, CurvePoint, Recommendation
from bnstat.escapes import NO_BREAK_SPACE
from bnstat.reports.full.left_out import BROKEN, ODD
from bnstat.reports.full.verdict.answers import ON_BATCH_SIZE, Answers, Remark
from bnstat.reports.full.verdict.apart import apart_of, odd_volumes
from bnstat.text import capitalized, joined, plural, sentence

# The rules on values for which a comparison leaves a volume out.
_LEFT_OUT = ("BN104", "BN105")

# What does not depend on the batch size, explained where it is named first.
OTHER_LAYERS = (
    "use instance norm, which normalizes each volume by itself, or group norm, which does so with a few channels "
    "together: neither depends on the batch size"
)

# How a batch size fares: enough with the stated confidence, enough by the estimate alone, or too small; "whole" if it
# holds all samples and has no noise for that reason alone, and "unknown" if these data cannot tell.
Standing = Literal["enough", "perhaps", "too small", "whole", "unknown"]


def standing(answers: Answers, size: int | None = None) -> Standing:
    """Return how a batch size fares by the recommendation of `compare`; by default the one that was asked about."""
    found, size = recommended(answers), answers.size if size is None else size
    if found is None or found.channel is None or answers.labels.everywhere:
        return "unknown"
    point = point_of(answers, size)
    if found.confidence is None and point is not None and point.takes_all:
        return "whole"
    if found.most is not None and size >= found.most:
        return "enough"
    if _is_beyond(answers, found, point, size):
        return "too small"
    return "perhaps" if found.estimate is not None and size >= found.estimate else "too small"


def recommended(answers: Answers) -> Recommendation | None:
    """Return the recommendation of `compare`; None without a comparison."""
    return None if answers.comparison is None else answers.comparison.recommendation


def point_of(answers: Answers, size: int) -> CurvePoint | None:
    """Return the point of the curve for batches of a size; None if it was not compared."""
    points = () if answers.comparison is None else answers.comparison.batch_sizes
    every = [*points, *(one.synchronized for one in points if one.synchronized is not None)]
    return next((one for one in every if one.batch_size == size), None)


def _is_beyond(answers: Answers, found: Recommendation, point: CurvePoint | None, size: int) -> bool:
    """Return True if a figure of this size is known to be beyond its limit."""
    if size == answers.size and any(one.rule in ON_BATCH_SIZE for one in answers.check.findings):
        return True
    return point is not None and any(_beyond_limits(one, found) for one in point.channels)


def _beyond_limits(one: CurveChannel, found: Recommendation) -> bool:
    limits = found.limits
    figures = (
        (one.mean_noise, limits.noise),
        (one.variance_shortfall, limits.shortfall),
        (one.train_eval_rms, limits.gap),
    )
    return any(value is not None and value > limit for value, limit in figures)


# --- The answer ----------------------------------------------------------------------------------------------------


def on_batch_size(answers: Answers) -> tuple[Remark, ...]:
    """Return whether the batch size is enough, and which one is; the answer first."""
    if answers.labels.everywhere:
        return (Remark(sentence(answers.labels.sentence)),)
    return tuple(Remark(text) for text in _answer(answers) if text)


def _answer(answers: Answers) -> Iterator[str]:
    own = _own_kind(answers)
    found = recommended(answers)
    yield own
    if own and found is None:
        return
    if own:
        yield "What follows is about plain batch norm."
    if found is None:
        why = "the volumes cannot be compared" if answers.not_compared is None else answers.not_compared
        yield f"No batch size can be recommended for batch norm: {sentence(why).removesuffix('.')}."
        return
    if found.channel is None:
        yield from _unknown(answers, found)
        return
    if sizes_without(answers) is not None:
        yield from _both(answers, found, asked=not own)
        yield _only_there(found)
        return
    yield _lead(answers, found, asked=not own)
    yield _on_inputs(found)
    yield _asked_sizes(answers, found)
    yield more_than_there_are(answers, found)
    if answers.without is not None:
        yield f"Without {answers.names_left_out}, these sizes are the same."
    yield _with_suspects(answers)
    yield _only_there(found)


def _only_there(found: Recommendation) -> str:
    """Return that the answer is about the network's input; empty for the values of a layer inside."""
    if found.applies_to != "input":
        return ""
    return "This is about batch norm at the network's input. Layers deeper in a network get other values (see below)."


def _on_inputs(found: Recommendation) -> str:
    """Return what `compare` says first of label maps, or of entries of a few files; empty for other inputs."""
    return "" if found.headline.startswith("Batch size") else sentence(found.headline)


def _own_kind(answers: Answers) -> str:
    """Return what a layer that is no plain batch norm makes of the batch size; empty for batch norm."""
    layer = answers.layer
    if layer.by_sample:
        return (
            f"{capitalized(layer.layer)} does not depend on the batch size: it normalizes each {answers.word} by "
            "itself, so any batch size is enough for it."
        )
    if layer.kind == "renorm":
        return (
            "Batch renorm corrects the statistics of each batch towards averages that it keeps during training, so "
            "small batches harm it less."
        )
    if layer.kind == "weight-init":
        return "Weight norm's start uses the statistics of the first batch only."
    return ""


def _unknown(answers: Answers, found: Recommendation) -> Iterator[str]:
    """Yield that these data cannot tell, and what a batch of their size is."""
    equal = found.unjudged and all(one.samples > 1 for one in found.unjudged) and "equal" in found.headline
    if equal:
        yield sentence(found.headline)
        return
    yield f"These data cannot tell whether {_size(answers)} is enough for batch norm. {sentence(found.headline)}"
    counts = {one.count for volume in answers.volumes for one in volume.channels}
    varies = any(one.std for volume in answers.volumes for one in volume.channels)
    if answers.size == 1 and len(counts) == 1 and varies:
        values, one = plural(counts.pop(), "value"), "patch" if answers.patched else answers.word
        yield f"A batch size of 1 does not make the variance zero: each channel is averaged over {values} of the {one}."


def _size(answers: Answers) -> str:
    """Return the batch size that was asked about in words."""
    layer = answers.layer
    if layer.ranks == 1:
        return f"a batch size of {layer.batch_size:,}"
    return (
        f"a batch size of {layer.batch_size:,} on each of {layer.ranks:,} ranks (processes that train together and "
        f"merge their batch statistics; {answers.size:,} samples in all)"
    )


def _lead(answers: Answers, found: Recommendation, *, asked: bool) -> str:
    """Return the answer: whether the size that was asked about is enough, and which size is."""
    these = _these(answers, found)
    size = capitalized(_size(answers))
    batch_norm = "batch norm on" if asked else "plain batch norm on"
    match standing(answers):
        case "enough":
            return f"{size} is enough for {batch_norm} {these}{_with_confidence(found)}."
        case "perhaps":
            return (
                f"{size} may be enough for {batch_norm} {these}, but {answers.counted(found.samples)} are too few to "
                f"be sure. {_needed(answers, found)}"
            )
        case "whole":
            return f"{size} takes all of {these}, so its statistics have no noise, for that reason alone."
    return f"{size} is too small for {batch_norm} {these}. {_needed(answers, found)}"


def _these(answers: Answers, found: Recommendation) -> str:
    number = len(answers.volumes)
    if answers.others:
        return f"the other {answers.counted(number)}"
    exactly = "exactly " if found.population == "finite" else ""
    return f"{exactly}these {answers.counted(number)}" if number > 1 else f"exactly this {answers.word}"


def _with_confidence(found: Recommendation) -> str:
    return "" if found.confidence is None else f", with {percent_of(found)} confidence"


def percent_of(found: Recommendation) -> str:
    """Return the confidence in percent."""
    return f"{100 * (found.confidence or 0.0):g}{NO_BREAK_SPACE}%"


def _needed(answers: Answers, found: Recommendation) -> str:
    """Return the size that is needed, as in "Use about 34, or 71 to be 90 % sure."."""
    if found.estimate is None:
        return "No batch size is known to be enough."
    if found.confidence is None:
        return f"A batch of {answers.batched(found.estimate)} is enough."
    about = f"A batch of about {answers.batched(found.estimate)} is enough by the estimate"
    if found.most is None:
        return f"{about}, but no size is known to be enough with {percent_of(found)} confidence."
    if found.most == found.estimate:
        return f"{about}, and also with {percent_of(found)} confidence."
    return f"{about}, and a batch of {found.most:,} is enough with {percent_of(found)} confidence."


def more_than_there_are(answers: Answers, found: Recommendation) -> str:
    """Return that the size that is needed is larger than the number of volumes, and what follows; else empty."""
    number = len(answers.volumes)
    if answers.patched or standing(answers) != "too small" or found.estimate is None or found.estimate <= number:
        return ""
    return (
        f"A batch of {found.estimate:,} is more than the {answers.counted(number)} here: the size is for a training "
        f"set that these {answers.word}s are a part of. Where a batch cannot be so large, {OTHER_LAYERS}. Or bring the "
        f"{answers.word}s to one scale of intensities."
    )


def _with_suspects(answers: Answers) -> str:
    """Return that volumes which are to be looked at first are in the figures; empty without such volumes."""
    places = [] if answers.without is not None else suspects(answers)
    if not places or len(places) == len(answers.volumes):
        return ""
    it = "it" if len(places) == 1 else "them"
    return (
        f"These sizes count {answers.named(places)} in. Look at {it} first (see below). If you correct {it}, make this "
        "page again, because the sizes change."
    )


def suspects(answers: Answers) -> tuple[int, ...]:
    """Return the places of the volumes that are to be looked at first: broken, odd, or apart from the others."""
    errors = [one for one in answers.check.findings if one.severity == "error" and one.rule not in _LEFT_OUT]
    broken = [volume.place for one in errors for volume in answers.about(one)]
    apart = apart_of(answers)
    return tuple(dict.fromkeys([*broken, *odd_volumes(answers), *([] if apart is None else [apart.place])]))


def _asked_sizes(answers: Answers, found: Recommendation) -> str:
    """Return which of the compared sizes is enough."""
    comparison = answers.comparison
    sizes = [] if comparison is None else sorted(point.batch_size for point in comparison.batch_sizes)
    if len(sizes) < 2:
        return ""
    compared = f"Of the sizes that were compared ({joined([f'{size:,}' for size in sizes])})"
    if found.batch_size is not None:
        return f"{compared}, {found.batch_size:,} is the smallest that is enough{_with_confidence(found)}."
    by_estimate = next((one for one in sizes if standing(answers, one) == "perhaps"), None)
    if by_estimate is not None:
        return f"{compared}, {by_estimate:,} is enough by the estimate, and none{_with_confidence(found)[1:]}."
    return f"{compared}, none is enough."


# --- With and without volumes that are odd or broken ---------------------------------------------------------------


def sizes_without(answers: Answers) -> Answers | None:
    """Return the answers without the volumes that are odd or broken, if other sizes are enough then; else None."""
    others = answers.without
    if others is None or _found(others) is None or _found(others) == _found(answers):
        return None
    return others


def _found(answers: Answers) -> tuple[Standing, int | None, int | None] | None:
    """Return how the batch size fares, and the sizes that are enough; None if no channel is judged."""
    found = recommended(answers)
    return None if found is None or found.channel is None else (standing(answers), found.estimate, found.most)


def _both(answers: Answers, found: Recommendation, *, asked: bool) -> Iterator[str]:
    """Yield the answer without the volumes that are odd or broken, then the answer with them."""
    others = sizes_without(answers)
    best = None if others is None else recommended(others)
    if others is None or best is None:
        return
    one = len(answers.left_out) == 1
    it, names = "it" if one else "them", answers.left_out_in_short
    without = f"{'Even without' if standing(others) == 'too small' else 'Without'} {it}"
    yield f"{_what_is_wrong(answers)} {without}, {continued(_lead(others, best, asked=asked))}"
    yield _on_inputs(best)
    if compared := _asked_sizes(others, best):
        yield f"{'Even without' if best.batch_size is None else 'Without'} {it}, {continued(compared)}"
    yield more_than_there_are(others, best)
    yield f"With {names}, {continued(_lead(answers, found, asked=asked))}"
    yield (
        f"Look at {names} first (see below). If you leave {it} out of the training, the sizes without {it} hold. If "
        f"you correct {it}, make this page again, because the sizes change."
    )


def continued(text: str) -> str:
    """Return a text that goes on after a comma."""
    return text[:1].lower() + text[1:]


def _what_is_wrong(answers: Answers) -> str:
    """Return which volumes are left out, and why, as in "a.nii.gz does not fit the other volumes."."""
    rules = {answers.check.findings[at].rule for place in answers.left_out for at in answers.volumes[place].findings}
    one = len(answers.left_out) == 1
    kinds = (
        (rules & {ODD}, f"{'does' if one else 'do'} not fit the other {answers.word}s"),
        (rules & {*BROKEN} - {"BN406"}, "is broken" if one else "are broken"),
        (rules & {"BN406"}, "looks like a label map" if one else "look like label maps"),
    )
    how = "and" if one else "or"
    return f"{answers.names_left_out} {joined([words for found, words in kinds if found], how)}."
