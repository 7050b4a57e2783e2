"""What was read and how, and what the verdict cannot say."""

from __future__ import annotations

from collections.abc import Iterator

from bnstat.batch_size.verdict import APPLIED
from bnstat.reports.full.left_out import ODD
from bnstat.reports.full.verdict.answers import Answers, first_names
from bnstat.reports.full.verdict.on_batch_size import recommended
from bnstat.text import by, capitalized, channel_title, joined, plural, printable, sentence

# The channels, shapes and types that a sentence names before it counts the rest.
_MOST = 6


def on_reading(answers: Answers) -> Iterator[str]:
    """Yield what was read, what was done to the values, and which layer was asked about."""
    yield _volumes(answers)
    yield _preparation(answers)
    yield _layer(answers)


def _volumes(answers: Answers) -> str:
    """Return how many volumes were read, with their channels, shapes and types."""
    if not answers.volumes:
        return "Nothing could be read."
    number = len(answers.volumes)
    patches = f", and {plural(len(answers.check.samples), 'patch', 'patches')} cut from them" if answers.patched else ""
    were = "was" if number == 1 else "were"
    counts = sorted({len(one.channels) for one in answers.volumes})
    channels = plural(counts[0], "channel") if len(counts) == 1 else f"{joined([str(one) for one in counts])} channels"
    named = [printable(name) for name in answers.names]
    kind = "kind of image" if counts == [1] else "kinds of image"
    names = f" ({kind}: {first_names(named, _MOST)})" if named else f" ({kind})"
    shapes = list(dict.fromkeys(by(one.sample.shape) for one in answers.volumes))
    types = list(dict.fromkeys(one.sample.dtype for one in answers.volumes))
    sized = (
        f"shape {shapes[0]}"
        if len(shapes) == 1
        else f"{plural(len(shapes), 'different shape')}: {first_names(shapes, _MOST)}"
    )
    return (
        f"{answers.counted(number)} {were} read{patches}: {channels}{names}, {sized}, stored as "
        f"{first_names([printable(one) for one in types], _MOST)}."
    )


def _preparation(answers: Answers) -> str:
    """Return what was done to the values before the layer gets them."""
    how = answers.layer.preparation
    if how.intensity is None:
        said = ["The values are those of the files, without intensity normalization"]
    else:
        said = [f"The values are those after {printable(how.intensity)}, each {how.intensity_per} by itself"]
    if how.mask is not None:
        said.append(f"the statistics are taken inside of the mask {printable(how.mask)}")
    if how.patches is not None:
        seen = how.patches.foreground
        around = "" if seen is None else f", the share {printable(seen)} of them around labelled voxels"
        said.append(
            f"{plural(how.patches.number, 'patch', 'patches')} of {by(how.patches.size)} voxels are cut from each "
            f"volume{around}, and a batch takes {plural(how.patches.per_volume, 'patch', 'patches')} of a volume"
        )
    elif how.mask is None:
        said.append("whole volumes, without a mask" if answers.word == "volume" else "without a mask")
    return f"{'; '.join(said)}."


def _layer(answers: Answers) -> str:
    """Return which layer it is, with ε explained."""
    layer = answers.layer
    epsilon = (
        "it has no default ε (epsilon, a small constant that is added to the variance)"
        if layer.epsilon is None
        else f"its ε (epsilon, a small constant that is added to the variance) is {layer.epsilon:g}"
    )
    ranks = f" on each of {layer.ranks:,} ranks" if layer.ranks > 1 else ""
    return (
        f"The layer is {layer.layer} as in {layer.maker}; {epsilon}, and the batch size is {layer.batch_size:,}{ranks}."
    )


# --- What it cannot say --------------------------------------------------------------------------------------------


def beyond_this(answers: Answers) -> Iterator[str]:
    """Yield what the verdict does not hold for."""
    found = recommended(answers)
    where = "at the network's input" if found is None else APPLIED[found.applies_to]
    inside = (
        "The section Inside the network has the layers that were measured."
        if answers.inside
        else "To measure them, type `bnstat layers MODEL PATH --format json > layers.json`, and add "
        "`--layers layers.json` to the command of this page."
    )
    layer = answers.layer.layer
    yield f"All of this is about {layer} {where}. Layers deeper in a network get other values. {inside}"
    if answers.labels.everywhere:
        return
    if found is not None and found.population == "infinite" and found.channel is not None:
        yield (
            f"The batch sizes take these {answers.word}s for a random part of all {answers.word}s of the training. "
            f"If the others are of another kind, as from another scanner, they do not hold."
        )
    if answers.comparison is not None and answers.comparison.settings.group_by is not None:
        yield "The batch sizes are for batches that mix all groups."
    if found is not None and found.channel is not None:
        yield from _unjudged(answers)
    if ODD in answers.silent:
        yield f"{capitalized(sentence(answers.silent[ODD]))}."


def _unjudged(answers: Answers) -> Iterator[str]:
    """Yield the channels that the batch sizes do not speak of, with the reasons."""
    found = recommended(answers)
    reasons: dict[str, list[str]] = {}
    for one in () if found is None else found.unjudged:
        reasons.setdefault(one.reason, []).append(printable(channel_title(one.channel, answers.names)))
    for reason, channels in reasons.items():
        yield f"The batch sizes say nothing of {first_names(channels, _MOST)} ({reason})."
