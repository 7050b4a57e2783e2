"""A file looks like a label map, and not like an image.

What it does: reports a file, or a channel of it, whose values are those of labels: few distinct whole numbers, or whole
numbers that lie in regions. A header that says so (NIfTI's intent code 1002) is believed if the values are whole.

Why it matters: a folder of a data set often holds segmentations, masks or atlases beside the images, and a glob takes
them all. The mean and the variance of label numbers say nothing about an image. Pooled with images, they make the
statistics of a cohort meaningless: a mask of zeros and ones beside a CT looks like an odd volume, or like a reason for
a large batch.

Example:
    >>> import nibabel as nib
    >>> import numpy as np
    >>> labels = np.zeros((32, 32, 16), np.float32)
    >>> labels[8:20, 8:20, 4:9], labels[10:14, 10:14, 5:7] = 2, 4
    >>> labels[20:24, 9:15, 5:8] = 1
    >>> nib.save(nib.Nifti1Image(labels, np.eye(4)), "case_seg.nii.gz")
    $ bnstat inspect case_seg.nii.gz
    warning BN406 label-map-suspected
      its values look like labels and not like an image: 4 distinct whole
      numbers (0 to 4), and its name is that of a label map. The mean and the
      variance of label numbers say nothing about an image. Give the image
      instead, or give it beside its image as what it is: --mask, or
      --foreground with --labels. If the network is meant to get labels,
      ignore this rule (bnstat check --ignore BN406).

What to do: leave the file out (`--exclude '*_seg.nii.gz'`), name the images that are meant (`--channels t1,flair`), or
give the file as what it is: `--foreground 0.33 --labels '{case}_seg.nii.gz'` cuts patches around labels,
`--mask '{case}_mask.nii.gz'` takes statistics inside of a mask. If the network is meant to get labels as a channel,
ignore the rule for these files (`--ignore BN406`, `[[tool.bnstat.overrides]]`).

Threshold: all finite values are whole numbers after the scale factors of the header, in whatever type they are stored,
and none is below −1 (of two values none below 0) unless the name is that of a label map. Then one of three things has
to hold. First: there are 2 to 8 distinct values, in 16 times as many voxels (twice as many with such a name). Second:
the values lie in regions. Of neighbours along the fastest axis that are not background, half or more are equal, both
over all of them and for the middle one of the distinct values; and of neighbours that differ, at most half are next to
each other among the distinct values, as the grey values of a smooth scan are, and of up to 16 distinct values 20
percentage points fewer than are equal. Of more, 35 % equal and 20 % next to each other are enough, as on a coarse grid.
Third: the name is that of a label map (`seg`, `dseg`, `aparc`, `labels`, …), and the image is not smooth: neighbours
that differ do so by 0.9 standard deviations on average. There are then at most 2,048 distinct values, in 4 times as
many voxels; at most 16 if only the name of the folder says so. So values decide and not names: a scan that is named
`mask_applied_T1w.nii.gz` is none, nor is a probability map in percent that is named an atlas. One value alone is none:
zero-variance speaks of it. Channels of a file are judged apart up to 8 channels, and together beyond. Distinct values
are counted while the file is read: exactly, as long as they may be those of labels. docs/label-maps.md has right and
wrong calls on atlases, masks, probability maps and scans.

Sources: the NIfTI-1 standard, `intent_code` 1002 (NIFTI_INTENT_LABEL); BIDS derivatives on the names of segmentations.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bnstat.moments.few_values import FEW_VALUES, SOME_VALUES, Distinct
from bnstat.reports.evidence import Evidence
from bnstat.reports.finding import Finding
from bnstat.reports.label_maps import left_out
from bnstat.rules.rule import Rule
from bnstat.sources.label_names import is_label_folder, names_labels
from bnstat.sources.sample import Sample
from bnstat.text import channel_title, joined, printable

# The fewest voxels for each distinct value: without such a name, with one, and with one where the values lie anyhow.
VOXELS_EACH, VOXELS_EACH_NAMED, VOXELS_EACH_APART = 16, 2, 4
# The least share of equal neighbours of labels, and the largest share of steps to the next distinct value. Atlases have
# 0.74 or more and 0.34 or less; scans 0.23 or less, and quantised ones with more equal neighbours 0.63 steps or more.
LEAST_ALIKE, MOST_STEPS = 0.5, 0.5
# How much the one is above the other at least with few values: a T1-weighted image of nine grey values has 0.09.
LEAST_ABOVE = 0.2
# The same of many values on a coarse grid, as an atlas with voxels of 8 mm, on which fewer neighbours are equal.
COARSE_ALIKE, COARSE_STEPS = 0.35, 0.2
# The least mean difference of neighbours that differ, in standard deviations: 1.15 if values lie anyhow, 0.6 in scans.
LEAST_JUMPS = 0.9
# The most distinct values that lie anyhow, where the name of the file or of its folder says that they are labels.
MOST_NAMED, MOST_IN_FOLDER = 2048, SOME_VALUES


# What to do with a file or a case of which a channel has labels: cases are joined of files, by the names of channels.
FILE_OF_CHANNELS = (
    "Save the images without it, and labels as a file of their own (--mask, or --foreground with --labels)."
)
CASE = (
    "Name only the channels that are images, and give labels as what they are: --mask, or --foreground with --labels."
)


@dataclass(frozen=True)
class LabelMap:
    """A channel whose values look like labels.

    Attributes:
        channel: The index of the channel.
        distinct: Its distinct values.
        named: What has the name of label maps: "name" for its file, "folder" for the folder of that, "" for neither.
    """

    channel: int
    distinct: Distinct
    named: str


def label_maps(sample: Sample, distinct: Sequence[Distinct | None]) -> list[LabelMap]:
    """Return the channels of a sample whose values look like labels."""
    found = []
    for channel, one in enumerate(distinct):
        file = _file_of(sample, channel, len(distinct))
        folder = posixpath.basename(posixpath.dirname(file.replace(os.sep, "/")))
        in_name, in_folder = names_labels(file), is_label_folder(folder)
        if one is not None and is_label_map(one, in_name=in_name, in_folder=in_folder):
            found.append(LabelMap(channel, one, "name" if in_name else "folder" if in_folder else ""))
    return found


def is_label_map(one: Distinct, *, in_name: bool, in_folder: bool = False) -> bool:
    """Return True if whole values look like labels.

    Args:
        one: The distinct values.
        in_name: True if the name of the file is that of a label map.
        in_folder: True if the name of its folder is.
    """
    if one.declared:
        return True
    if one.count < 2 or (not (in_name or in_folder) and _is_signed(one)):
        return False
    if one.count <= FEW_VALUES:
        return one.values >= (VOXELS_EACH_NAMED if in_name else VOXELS_EACH) * one.count
    if _lies_in_regions(one):
        return True
    most = MOST_NAMED if in_name else MOST_IN_FOLDER if in_folder else 0
    few = one.count <= most and one.values >= VOXELS_EACH_APART * one.count
    return few and one.jumps is not None and one.jumps >= LEAST_JUMPS


def _lies_in_regions(one: Distinct) -> bool:
    """Return True if equal values lie side by side, and values that follow each other do not."""
    if one.alike is None or one.steps is None:
        return False
    if one.count > SOME_VALUES:
        coarse = one.alike >= COARSE_ALIKE and one.steps <= COARSE_STEPS
        return coarse or (one.alike >= LEAST_ALIKE and one.steps <= MOST_STEPS)
    return one.alike >= LEAST_ALIKE and one.steps <= min(MOST_STEPS, one.alike - LEAST_ABOVE)


def _is_signed(one: Distinct) -> bool:
    """Return True if values are on both sides of 0 as labels are not, of which −1 may be one beside two others."""
    return one.least < -1 or (one.least < 0 and one.count < 3)


def _file_of(sample: Sample, channel: int, channels: int) -> str:
    """Return the file of a channel; the name of the case if it is not known which of several files it is."""
    if len(sample.paths) == 1:
        return sample.paths[0]
    return sample.paths[channel] if len(sample.paths) == channels else sample.source


def findings_of_files(
    rule: Rule[Evidence],
    samples: Sequence[Sample],
    distinct: Sequence[Sequence[Distinct | None]],
    batches: Sequence[int | None] = (),
) -> Iterator[Finding]:
    """Yield a finding for each channel that looks like labels, or one for a file that is nothing else.

    Args:
        rule: The rule that reports.
        samples: The samples; those of one file follow each other or not.
        distinct: For each sample the distinct values of its channels; empty if they are not known.
        batches: For each sample its batch; empty if there is none.
    """
    places: dict[str, list[int]] = {}
    for place, sample in enumerate(samples):
        places.setdefault(sample.source, []).append(place)
    found = {source: label_maps(samples[own[0]], distinct[own[0]]) for source, own in places.items()}
    files = [source for source, maps in found.items() if maps and len(maps) == len(distinct[places[source][0]])]
    advice = _on_files(files, list(places))
    for source, maps in found.items():
        own, known = places[source], distinct[places[source][0]]
        within = {batches[place] for place in own} if batches else {None}
        batch = next(iter(within)) if len(within) == 1 else None
        alone = len(maps) == len(known) and len({(one.distinct.count, one.distinct.greatest) for one in maps}) == 1
        for one in maps[:1] if alone else maps:
            only = None if alone and len(known) > 1 else one.channel
            message = f"{_what(one, samples[own[0]], len(known), only)} {_advice(advice, samples[own[0]], known, maps)}"
            yield rule.of_source(source, message, only, batch, float(one.distinct.count))


def _on_files(files: Sequence[str], every: Sequence[str]) -> str:
    """Return what to do with files that are nothing but labels."""
    beside = "give it beside its image as what it is: --mask, or --foreground with --labels."
    if len(files) == len(every):
        return f"Give the image instead, or {beside}"
    return f"{left_out(files, every, one=True)}, or {beside}"


def _advice(on_files: str, sample: Sample, known: Sequence[Distinct | None], maps: Sequence[LabelMap]) -> str:
    """Return what to do: leave out the file, or the channels."""
    if len(known) == 1 or len(maps) == len(known):
        advice = on_files
    elif len(sample.paths) == 1:
        advice = FILE_OF_CHANNELS
    else:
        labels = {one.channel for one in maps}
        images = [name for channel, name in enumerate(sample.channels) if channel not in labels]
        advice = f"{CASE[:-1]}; the images here are {joined(list(map(printable, images)))}." if images else CASE
    return f"{advice} If the network is meant to get labels, ignore this rule (bnstat check --ignore BN406)."


def _what(one: LabelMap, sample: Sample, channels: int, channel: int | None) -> str:
    """Return what was seen, and what it means."""
    distinct = one.distinct
    whole = channel is None or channels == 1
    what = "its values" if whole else f"the values of {channel_title(one.channel, sample.channels)}"
    numbers = "1 whole number" if distinct.count == 1 else f"{distinct.count:,} distinct whole numbers"
    ends = f"{distinct.least:,.15g}" + ("" if distinct.count == 1 else f" to {distinct.greatest:,.15g}")
    says = []
    if distinct.declared:
        says.append("its header says that these are labels")
    if one.named:
        says.append("its name is that of a label map" if one.named == "name" else "its folder is one of label maps")
    also = f", and {' and '.join(says)}" if says else ""
    return (
        f"{what} look like labels and not like an image: {numbers} ({ends}){also}. The mean and the variance of label "
        "numbers say nothing about an image."
    )


def _check(rule: Rule[Evidence], evidence: Evidence) -> Iterator[Finding]:
    if not any(map(any, evidence.distinct)):
        return
    report = evidence.report
    from bnstat.layers.batch_columns import batches_of_samples  # noqa: PLC0415  (numpy, not for explaining a rule)

    batch_of = {} if report.patched else batches_of_samples(report.batches)
    batches = [batch_of.get(place) for place in range(len(report.samples))]
    yield from findings_of_files(rule, report.samples, evidence.distinct, batches)


RULE = Rule("BN406", "label-map-suspected", "warning", _check)
