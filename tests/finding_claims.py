"""What the messages of rules claim about data, rule by rule."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from math import floor, inf, log, log10, sqrt
from typing import Any

import numpy as np
import two_kinds
from claims import NUMBER, Check, Claim, Said, SampleChannel, claim

from bnstat.batch_size.fewest import FEWEST_SAMPLES
from bnstat.layers.frameworks import FRAMEWORKS, layer_of

Match = Mapping[str, str]


def _part(*names: str) -> Check:
    """Return a check against fields of the channel or group that the finding is about."""
    return lambda said, _: [said.part[name] for name in names]


def _kind(said: Said) -> str:
    return str(said.settings["normalizer"]).partition(":")[0]


def _divisor(said: Said) -> float:
    """Return what ε is added to: the variance, or RMS norm's mean square."""
    variance: float = said.part["variance"]
    return variance + (said.part["mean"] ** 2 if _kind(said) == "rms" else 0.0)


def _limit(said: Said) -> float:
    return float(said.finding["threshold"])


def _clipped(said: Said) -> tuple[int, int]:
    """Return how many values are clipped to the lower end, and to the upper one."""
    return said.part["clipped_low"], said.part["clipped_high"]


def _epsilon_share(said: Said, _: Match) -> list[float]:
    epsilon, divisor = said.settings["epsilon"], _divisor(said)
    return [epsilon, 100 * epsilon / (divisor + epsilon), 100 * _limit(said)]


def _output(said: Said, _: Match) -> list[float]:
    return [_divisor(said) / (_divisor(said) + said.settings["epsilon"]), 1]


def _elsewhere(said: Said, match: Match) -> list[float]:
    """Return another framework's ε and the output that it would give."""
    kind = _kind(said) if _kind(said) != "renorm" else "batch"
    makers = [
        preset.name for preset in FRAMEWORKS.values() if preset.name == preset.maker == FRAMEWORKS[preset.maker].name
    ]
    (epsilon,) = (layer_of(maker, None, None, kind)[1] for maker in makers if FRAMEWORKS[maker].title == match["other"])
    assert epsilon is not None
    return [epsilon, _divisor(said) / (_divisor(said) + epsilon)]


def _harmless(said: Said, match: Match) -> bool:
    """Return True if the advised ε has at most the share that is allowed, and is the greatest of two digits."""
    share = float(match["share"]) / 100
    most = _divisor(said) * share / (1 - share)
    step = 10.0 ** (floor(log10(most)) - 1)
    return share == 0.01 and most - step * (1 + 1e-6) < float(match["epsilon"]) <= most * (1 + 1e-9)


def _factor_of_data(said: Said, match: Match) -> bool:
    """Return True if the share of ε is within its limit for data times this, and not for two digits less."""
    factor, epsilon = float(match["factor"].replace(",", "")), said.settings["epsilon"]
    step = 10.0 ** (floor(log10(factor)) - 1)
    share, before = (epsilon / (one**2 * _divisor(said) + epsilon) for one in (factor, factor - step))
    return bool(share <= 0.01 * (1 + 1e-9) and before > 0.01 * (1 - 1e-9))


def _near_mean(said: Said, match: Match) -> bool:
    """Return True if it is the mean in the fewest digits, four at least, that leave less than a standard deviation."""
    mean, deviation = float(said.part["mean"]), float(said.part["std"])
    near = (float(f"{mean:.{digits}g}") for digits in range(4, 18))
    return float(match["near"].replace(",", "")) == next((one for one in near if abs(mean - one) <= deviation), mean)


def _narrower(said: Said, match: Match) -> bool:
    """Return True if bounds are narrower than what they are now."""
    ends = (said.part["predicted_variance_low"], said.part["predicted_variance_high"])
    exact = float(said.part["variance"])
    now = None if None in ends else 100 * max(abs(float(end) - exact) for end in ends) / exact
    return bool(now is None or float(match["off"].replace(",", "")) < now)


def _fewer(said: Said, match: Match) -> bool:
    return int(match["fewer"].replace(",", "")) < int(said.part["count"])


def _predicted(said: Said, _: Match) -> list[float]:
    return [said.part["predicted_variance_low"], said.part["predicted_variance_high"]]


def _off(said: Said, _: Match) -> list[float]:
    """Return how far the worse end of the prediction is off in percent, and the limit in percent."""
    exact = said.part["variance"]
    ends = (said.part["predicted_variance_low"], said.part["predicted_variance_high"])
    return [100 * max(abs(end - exact) for end in ends) / exact, 100 * _limit(said)]


def _times_as_large(said: Said, _: Match) -> list[float]:
    return [said.part["predicted_variance_high"] / said.part["variance"]]


def _too_large(said: Said, _: Match) -> list[float]:
    epsilon = said.settings["epsilon"]
    return [sqrt((said.part["variance"] + epsilon) / epsilon)]


def _scales(said: Said, match: Match) -> list[float]:
    """Return the largest and the smallest standard deviation of the channels of the batch, and their ratio."""
    found = _deviations_of(said)
    large, small = found[int(match["large"])], found[int(match["small"])]
    assert (large, small) == (max(found.values()), min(found.values()))
    return [large, large / small, _limit(said), small]


def _deviations_of(said: Said) -> dict[int, float]:
    """Return the standard deviation of each channel of the batch that varies and is finite, merged here."""
    found = {}
    rows = [said.samples[place] for place in said.batch["samples"]]
    for channel in range(len(rows[0])):
        parts = [row[channel] for row in rows]
        if any(one.mean is None for one in parts) or min(p.minimum for p in parts) == max(p.maximum for p in parts):
            continue
        total = sum(one.count for one in parts)
        mean = sum(one.count * one.mean for one in parts) / total
        found[channel] = sqrt(sum(one.count * (one.variance + (one.mean - mean) ** 2) for one in parts) / total)
    return found


def _smallest(said: Said, match: Match) -> bool:
    found = _deviations_of(said)
    return found[int(match["small"])] == min(found.values())


def _group_of_both(said: Said, match: Match) -> bool:
    """Return True if the channels of the largest and of the smallest deviation are in this group."""
    each = len(said.samples[0]) // int(str(said.settings["normalizer"]).partition(":")[2])
    (group,) = set(_groups_of_extremes(said))
    return (int(match["first"]), int(match["last"] or match["first"])) == (group * each, (group + 1) * each - 1)


def _two_groups(said: Said, match: Match) -> bool:
    """Return True if these are the groups of the largest and of the smallest deviation, in their order."""
    each = len(said.samples[0]) // int(str(said.settings["normalizer"]).partition(":")[2])
    spans = [(group * each, (group + 1) * each - 1) for group in sorted(_groups_of_extremes(said))]
    named = [tuple(map(int, match[name].split("–"))) for name in ("one", "two")]
    return [(one[0], one[-1]) for one in named] == spans


def _groups_of_extremes(said: Said) -> list[int]:
    """Return the groups of group norm in which the largest and the smallest channel are."""
    found = _deviations_of(said)
    each = len(said.samples[0]) // int(str(said.settings["normalizer"]).partition(":")[2])
    return [key(found, key=lambda channel: found[channel]) // each for key in (max, min)]


def _weight_left(said: Said, _: Match) -> list[float]:
    """Return the steps, the start of the running statistics, the share that is left of it and the limit in percent."""
    framework = FRAMEWORKS[said.settings["framework"]]
    steps = said.document["settings"]["steps"]
    return [steps, *framework.running_start, 100 * (1 - _batch_weight(said)) ** steps, 100 * _limit(said)]


def _batch_weight(said: Said) -> float:
    momentum: float = said.settings["momentum"]
    return 1 - momentum if FRAMEWORKS[said.settings["framework"]].momentum_weighs == "old" else momentum


MOMENTUM_ELSEWHERE = (
    r"a momentum of # is the weight of the (?P<weighed>old value|batch) in .* makes up # % .* \(limit # %\).*"
    r" If # is a number of .* is #: --momentum #\."
)


def momentum_elsewhere(said: Said, match: Match) -> list[float]:
    """Return the momentum, the percentages of one batch and of the limit, and the number in the other convention."""
    momentum: float = said.settings["momentum"]
    assert (match["weighed"] == "batch") == (FRAMEWORKS[said.settings["framework"]].momentum_weighs == "batch")
    return [momentum, 100 * _batch_weight(said), 100 * _limit(said), momentum, 1 - momentum, 1 - momentum]


def _settled(said: Said, match: Match) -> bool:
    """Return True if the start has its limit from this step on, and not one step before."""
    steps, weight, limit = int(match["steps"].replace(",", "")), _batch_weight(said), _limit(said)
    return (1 - weight) ** steps <= limit * (1 + 1e-9) and (1 - weight) ** (steps - 1) > limit * (1 - 1e-9)


def _enough_momentum(said: Said, match: Match) -> bool:
    """Return True if the start is forgotten in time with this momentum, which is named in two conventions."""
    own, other = float(match["own"]), float(match["other"])
    weight = 1 - own if FRAMEWORKS[said.settings["framework"]].momentum_weighs == "old" else own
    left = (1 - weight) ** said.document["settings"]["steps"]
    return abs(own + other - 1) < 1e-9 and left <= _limit(said) * (1 + 1e-9)


def _constant(said: Said, _: Match) -> list[float]:
    return [said.part["count"], said.part["min"]]


def _places(said: Said) -> list[Mapping[str, Any]]:
    """Return the channel, or the group of channels, of the finding in every batch of the report."""
    channels = [int(text) for text in re.findall(r"\d+", said.text.partition(" is constant")[0])]
    parts = [one for batch in said.inspected["batches"] for one in batch.get("channels") or batch["groups"]]
    own = [one.get("channels", [one.get("channel")]) for one in parts]
    return [part for part, held in zip(parts, own, strict=True) if sorted({held[0], held[-1]}) == channels]


def _pieces(said: Said, match: Match) -> list[int]:
    found = _places(said)
    assert all(one["constant"] for one in found)
    assert ("sample" in found[0]) == (match["what"] == "patches")
    return [len(found)]


def _only_piece(said: Said, match: Match) -> bool:
    found = _places(said)
    return len(found) == 1 and found[0]["constant"] and ("sample" in found[0]) == (match["what"] == "patch")


def _same_everywhere(said: Said, _: Match) -> list[float]:
    (value,) = {one["min"] for one in _places(said)}
    return [value]


def _least_and_greatest(said: Said, _: Match) -> list[float]:
    values = [one["min"] for one in _places(said)]
    return [min(values), max(values)]


def _float32_rounding(said: Said, _: Match) -> list[float]:
    part = said.part or _places(said)[0]
    return [abs(part["min"]) / sqrt(said.settings["epsilon"]) * 2.0**-23]


def _empty_patches(said: Said, _: Match) -> list[float]:
    """Return the patches in which the channel is constant, all patches, the share and the limit in percent."""
    column = [one[said.finding["channel"]] for one in said.samples]
    empty = sum(one.constant and one.count > 1 for one in column)
    return [empty, len(column), 100 * empty / len(column), 100 * _limit(said)]


def _default_epsilon(said: Said) -> float | None:
    return FRAMEWORKS[said.settings["framework"]].epsilon


def _named(said: Said, match: Match) -> bool:
    """Return True if a text names the channel, or the group of channels, that the finding is about."""
    channels = [int(text) for text in (match["first"], match["last"]) if text is not None]
    own = said.part.get("channels", [said.finding["channel"]])
    sample = match["sample"]
    where = sample is None or int(sample) == said.part.get("sample", int(sample))
    return where and channels == sorted({own[0], own[-1]}) if len(channels) == 2 else where and channels == [own[0]]


def _curve(name: str, factor: float = 1.0) -> Check:
    """Return a check against a figure of `compare` for the larger set, and the limit of the finding."""
    return lambda said, _: [factor * said.curve[name], factor * _limit(said)]


def _step(said: Said, _: Match) -> list[int]:
    return [said.settings["batch_size"] * said.settings["ranks"]]


def _needed(said: Said, match: Match) -> bool:
    """Return True if the advised sizes are those that `compare` gives a cohort of this one channel, of all ranks."""
    size, most = (None if match[name] is None else int(match[name].replace(",", "")) for name in ("size", "most"))
    if said.need is None:
        return True
    alike = size == said.need[0] and said.need[1] in (None, most)  # an upper end that takes too many draws is unknown
    return alike and size is not None and size > _step(said, match)[0]


def _no_need(said: Said, match: Match) -> bool:
    """Return True if no size is known, or none that is larger."""
    size = None if said.need is None else said.need[0]
    return size is None or size <= _step(said, match)[0]


def _least_size(said: Said, match: Match) -> bool:
    """Return True if no smaller size than the advised one brings a figure of whole samples within its limit."""
    size, power = int(match["size"].replace(",", "")), 1 if said.kind == "BN203" else 2
    now, most = _step(said, match)[0], _limit(said)
    if said.kind == "BN204" or said.settings["patches"] is not None:  # which have no such form
        return True
    figure = float(said.finding["value"])
    at, before = (figure * (now / one) ** (1 / power) for one in (size, size - 1) if one)
    return bool(at <= most * (1 + 1e-6) and before > most * (1 - 1e-6))


def _missing(said: Said, _: Match) -> list[float]:
    """Return the values of the sample that lacks the channel, and in how many of the others the channel varies."""
    channel = said.finding["channel"]
    (here,) = [one[channel] for one in said.volumes if one.source == said.finding["source"]]
    others = [one[channel] for one in said.volumes if one.source != said.finding["source"] and channel < len(one)]
    assert here.constant
    own = sum(one["source"] == said.finding["source"] for one in said.document["samples"])
    patches = [] if said.settings["patches"] is None else [own]
    return [here.count, *patches, here.minimum, sum(one.varies for one in others), len(others)]


# The figures that a small batch is judged by: the words, the field of `compare` and the limit.
_FIGURES = {
    "noise of the batch mean": ("mean_noise", "noise"),
    "shortfall of the batch variance": ("variance_shortfall", "shortfall"),
    "train/eval gap": ("train_eval_rms", "gap"),
}


def _worst(said: Said, match: Match) -> list[float]:
    """Return the worst figure of all channels, the channel that has it, and the limit."""
    name, limit = _FIGURES[match["figure"]]
    known = [channel for channel in said.curve if said.usable(channel["channel"]) >= FEWEST_SAMPLES]
    worst = max(known, key=lambda channel: channel[name] or 0.0)
    return [worst[name], worst["channel"], said.limits[limit]]


def _known(said: Said) -> list[SampleChannel]:
    """Return the channel of the finding in each volume in which it varies."""
    channel = said.finding["channel"]
    return [
        one[channel] for one in said.volumes if channel < len(one) and one[channel].varies and one[channel].variance
    ]


def _own(said: Said) -> SampleChannel:
    """Return the channel of the finding in its own volume."""
    own: SampleChannel
    (own,) = [one[said.finding["channel"]] for one in said.volumes if one.source == said.finding["source"]]
    return own


def _scores(values: Sequence[float], least: float) -> list[float]:
    """Return the distance of each value from the median in robust standard deviations."""
    found = np.asarray(values)
    distances = np.abs(found - np.median(found))
    deviation = max(1.4826 * float(np.median(distances)), least)
    return [float(one) / deviation if deviation else (inf if one else 0.0) for one in distances]


def _odd(said: Said, match: Match) -> list[float]:
    """Return the figure of the volume, the middle half of the cohort, its score, the limit and the next score."""
    known, own = _known(said), _own(said)
    name = {"mean": "mean", "standard deviation": "deviation"}[match["figure"]]
    values = [getattr(one, name) for one in known]
    typical = float(np.median([one.deviation for one in known]))
    unit = abs(float(np.median(values))) if match["log"] else 1.0
    least = 0.05 * typical / unit if name == "mean" else 0.05
    scores = _scores([log(abs(one)) for one in values] if match["log"] else values, least)
    plain = _scores(values, 0.05 * typical)
    both = min(values) > 0 or max(values) < 0
    scores = [min(pair) for pair in zip(scores, plain, strict=True)] if name == "mean" and both else scores
    place = known.index(own)
    side = 1 if values[place] > np.median(values) else -1
    limit = _limit(said)
    there = [score for score, value in zip(scores, values, strict=True) if side * (value - np.median(values)) > 0]
    ordered = [*sorted(there, reverse=True), 0.0]
    following = [nearer for score, nearer in pairwise(ordered) if score > limit and score >= 3 * nearer][-1]
    low, high = np.quantile(values, (0.25, 0.75))
    return [getattr(own, name), low, high, scores[place], limit, *([following] if following else [])]


def _odd_beside_kinds(said: Said, match: Match) -> list[float]:
    """Return the figure of the volume, the medians of both kinds, the score, the limit and the next score."""
    known, own, limit = _known(said), _own(said), _limit(said)
    name = {"mean": "mean", "standard deviation": "deviation"}[match["figure"]]
    values = np.array([getattr(one, name) for one in known])
    least = 0.05 * float(np.median([one.deviation for one in known]))
    scales = [(values, least)] if name == "mean" else []
    if name == "deviation" or min(values) > 0 or max(values) < 0:
        unit = least / abs(float(np.median(values))) if name == "mean" else 0.05
        scales.append((np.log(np.abs(values)), unit))
    scores = np.min([found for one in scales if (found := two_kinds.scores(*one)) is not None], axis=0)
    upper = two_kinds.split(*scales[0])
    assert upper is not None
    above = values > np.median(values)
    side = above == above[known.index(own)]
    ordered = [*sorted(scores[side], reverse=True), 0.0]
    following = [nearer for score, nearer in pairwise(ordered) if score > limit and score >= 3 * nearer][-1]
    kept = (scores <= following) | (above != above[known.index(own)])
    kept &= ~_out_on_the_other_side(scores, above != above[known.index(own)], limit)
    medians = [float(np.median(values[kept & some])) for some in (~upper, upper)]
    return [getattr(own, name), *medians, scores[known.index(own)], limit, *([following] if following else [])]


def _out_on_the_other_side(scores: np.ndarray, side: np.ndarray, limit: float) -> np.ndarray:
    """Return which volumes of a side of the median are far out."""
    ordered = [*sorted(scores[side], reverse=True), 0.0]
    far = [score for score, nearer in pairwise(ordered) if score > limit and score >= 3 * nearer]
    return side & (scores >= far[-1]) if far else np.zeros(len(scores), bool)


def _factor(said: Said, match: Match) -> list[float]:
    """Return how many times the deviation of the volume is larger or smaller than the median one."""
    times = _own(said).deviation / float(np.median([one.deviation for one in _known(said)]))
    assert (times > 1) == (match["kind"] == "larger")
    return [float(f"{max(times, 1 / times):.2g}")]


def _factor_of_a_kind(said: Said, match: Match) -> bool:
    """Return True if the deviation of the volume is about so many times that of the kind."""
    deviations, own = np.array([one.deviation for one in _known(said)]), _own(said).deviation
    upper = two_kinds.split(np.log(deviations), 0.05)
    assert upper is not None
    kind = deviations[(upper if match["which"] == "upper" else ~upper) & (deviations != own)]
    times = own / float(np.median(kind))
    told = float(match["times"].replace(",", ""))
    return bool((times > 1) == (match["kind"] == "larger") and told == float(f"{max(times, 1 / times):.2g}"))


def _many_odd(said: Said, match: Match) -> bool:
    """Return True if it is a tenth of the volumes or more, of those that vary."""
    odd, volumes = (int(match[name].replace(",", "")) for name in ("odd", "volumes"))
    return volumes == len(_known(said)) and odd > max(3, 0.1 * volumes)


def _refused(said: Said, match: Match) -> list[int]:
    """Return PyTorch's least number of values; the shape in its message is that of the batch, channels first."""
    shape = [int(size) for size in re.findall(r"\d+", match["shape"])]
    assert sorted(shape) == sorted(said.batch["input_shape"]) or _kind(said) == "group"
    return [1]


def _size(said: Said, _: Match) -> list[int]:
    return [said.settings["batch_size"]]


def _sign(said: Said) -> float:
    """Return what RMS norm makes of a constant."""
    mean: float = said.part["mean"]
    return mean / sqrt(mean**2 + said.settings["epsilon"])


def _labels(said: Said, match: Match) -> bool:
    """Return True if the number of distinct values is the one that was judged, and the ends are those of the file."""
    count, least, most = (float(match[name].replace(",", "")) for name in ("count", "least", "most"))
    image = said.inputs[int(re.findall(r"^image (\d+)", said.finding["source"])[0]) - 1]
    values = np.asarray(image.dataobj)
    if said.finding["channel"] is not None and values.ndim > 3:
        values = values[..., said.finding["channel"]]
    stored = np.unique(values[np.isfinite(values)]).tolist()
    if said.settings.get("patches"):  # which need not show all
        return count == said.finding["value"] and {least, most} <= set(stored) and most >= least + count - 1
    return (count, count, least, most) == (said.finding["value"], len(stored), stored[0], stored[-1])


CLAIMS: tuple[Claim, ...] = (
    claim(
        "(?:compare )?BN406",
        r"(?P<count>[\d,]+) distinct whole numbers [(](?P<least>-?[\d,]+) to (?P<most>-?[\d,]+)[)]",
        _labels,
    ),
    claim("(?:compare )?BN406", r"the values of channel #", lambda said, _: [said.finding["channel"]]),
    claim(
        "BN(?!404|205|201).*",
        r"^(?:channel|group of channels) (?P<first>\d+)(?:–(?P<last>\d+))?(?: of sample (?P<sample>\d+))?",
        _named,
    ),
    claim("BN.*", r"bias, # at first", lambda *_: [0]),
    claim("BN.*", r"its (?:variance|standard deviation σ) is #(?=[.,]| there)", lambda *_: [0]),
    claim("BN101", "inside the mask", lambda said, _: said.settings["mask"] is not None),
    claim("BN105", "so the output is #", lambda *_: [0]),
    claim("BN404", "little is left of channel (?P<small>\\d+)", _smallest),
    claim("BN404", "in the group of channels (?P<first>\\d+)(?:–(?P<last>\\d+))?", _group_of_both),
    claim("BN404", "in the groups of channels (?P<one>[\\d–]+) and (?P<two>[\\d–]+)", _two_groups),
    claim("BN404", "in groups # and #", lambda said, _: sorted(_groups_of_extremes(said))),
    claim("BN404", "both together, in group #", lambda said, _: set(_groups_of_extremes(said))),
    claim("BN(?:101|107|201)", "the constant #(?=[.,]| [(])", lambda *_: [0]),
    claim("BN101", "(?:ε above|divides) #", lambda *_: [0]),
    claim("BN101", "g = #/[σ√]", lambda *_: [1]),
    claim("BN10[45]", r"volume, nan=#", lambda *_: [0]),
    claim(
        "BN202",
        "mean varies by # SD .standard deviations of (?:all values|the population), limit #.",
        _curve("mean_noise"),
    ),
    claim(
        "BN203",
        "is on average # % below that of (?:all values|the population) .limit # %.",
        _curve("variance_shortfall", 100),
    ),
    claim("BN204", "evaluation mode differ by # .root mean square, limit #", _curve("train_eval_rms")),
    claim("BN204", "# is the standard deviation of the output", lambda *_: [1]),
    claim("BN20[24]", "at batch size #", _step),
    claim("BN203", "variance of a batch of #", _step),
    claim("BN20[234]", "as #/√?B", lambda *_: [1]),
    claim(
        "BN205",
        "(?P<figure>noise of the batch mean|shortfall of the batch variance|train/eval gap) # in channel # .limit #.",
        _worst,
    ),
    claim("BN205", "^batch size #", _step),
    claim("BN201", "has a single value, so its", lambda said, _: all(one["count"] == 1 for one in said.parts)),
    claim(
        "BN201",
        "Expected more than # (?:value per channel|spatial element) when training, "
        "got input size torch.Size[(](?P<shape>[^)]*)[)]",
        _refused,
    ),
    claim("BN201", "unless its # ranks are synchronized", lambda said, _: [said.settings["ranks"]]),
    claim("BN201", "a larger batch .--batch-size #.", lambda said, _: [said.settings["batch_size"] + 1]),
    claim(
        "BN(?:207|405)",
        "(?:missing in|of) (?P<source>.*?)(?=: all| is far)",
        lambda said, match: match["source"] == said.finding["source"],
    ),
    claim("BN405", "all of its # values?(?: in # patch(?:es)?)? are #, and it varies in # of # other cases", _missing),
    claim(
        "BN207",
        "its (?P<figure>mean|standard deviation) is #, and the middle half of the cohort is between # and # "
        "[(]# robust standard deviations from the median(?P<log> on a log scale)?, limit #"
        "(?:; the next volume there is at #)?[)]",
        _odd,
    ),
    claim(
        "BN207",
        "its (?P<figure>mean|standard deviation) is #, and the cohort has two kinds of volumes, about # and # "
        "[(]# robust standard deviations from the nearer kind(?: on a log scale)?, limit #"
        "(?:; the next volume there is at #)?[)]",
        _odd_beside_kinds,
    ),
    claim(
        "BN207",
        "deviation are about # times (?P<kind>larger|smaller) than in the middle",
        _factor,
    ),
    claim(
        "BN207",
        f"deviation are about (?P<times>{NUMBER}) times (?P<kind>larger|smaller) than in the (?P<which>\\w+) kind",
        _factor_of_a_kind,
    ),
    claim("BN207", "in (?P<odd>[\\d,]+) of (?P<volumes>[\\d,]+) volumes", _many_odd),
    claim(
        "BN20[234]",
        "batch size of about (?P<size>[\\d,]*\\d)(?:, or (?P<most>[\\d,]*\\d) for 90 % confidence)?",
        _needed,
    ),
    claim("BN20[23]", "batch size of about (?P<size>[\\d,]*\\d)", _least_size),
    claim("BN20[234]", "for # % confidence", lambda *_: [90]),
    claim("BN20[234]", "Use a larger batch [(]", _no_need),
    claim(
        "BN1(?:06|10)",
        "has values up to # in magnitude",
        lambda said, _: [max(abs(said.part["min"]), abs(said.part["max"]))],
    ),
    claim("BN106", "float16,? (?:which )?ends at #", lambda *_: [65504]),
    claim("BN106", "has a variance of #", _part("variance")),
    claim("BN1(?:0[1456]|10)", "float16|bfloat16|float32", lambda *_: True),
    claim("BN101", "is constant(?: inside the mask)?: all # values? are #", _constant),
    claim("BN101", "in all # (?P<what>batches of patches|patches):", _pieces),
    claim("BN101", "in the only (?P<what>batch of patches|patch):", _only_piece),
    claim("BN101", "patch(?:es)?: all values are #", _same_everywhere),
    claim("BN101", "each has a single value, from # to #", _least_and_greatest),
    claim("BN101", "give or take #,", _float32_rounding),
    claim(
        "BN109",
        "loses # % of its values to clipping [(]limit # %[)]",
        lambda said, _: [100 * sum(_clipped(said)) / said.part["count"], 100 * _limit(said)],
    ),
    claim(
        "BN109",
        "# % become the lower end of the range and # % the upper",
        lambda said, _: [100 * end / said.part["count"] for end in _clipped(said)],
    ),
    claim(
        "BN109",
        "all of them become the (?P<end>lower|upper) end",
        lambda said, match: not _clipped(said)[match["end"] == "lower"],
    ),
    claim("BN109", "--intensity clip:p#,p#", lambda *_: [0.5, 99.5]),
    claim("BN107", "is constant in # of # patch(?:es)? [(]# %, limit # %[)]", _empty_patches),
    claim(
        "BN107", "[(]--foreground #", lambda said, _: [0.33] if said.settings["patches"]["foreground"] is None else []
    ),
    claim("BN30[123]", "or use a batch size of #", lambda said, _: [1] if _step(said, {})[0] > 1 else []),
    claim("BN107", "now --foreground #", lambda said, _: [said.settings["patches"]["foreground"]]),
    claim("BN107", "at batch size #", lambda said, _: [said.settings["batch_size"] * said.settings["ranks"]]),
    claim("BN108", "refuses to train with ε .epsilon. #", lambda said, _: [said.settings["epsilon"]]),
    claim("BN108", "above #, for example its default: --epsilon #", lambda said, _: [0, _default_epsilon(said)]),
    claim("BN108", "above #[.]", lambda said, _: [0] if _default_epsilon(said) is None else []),
    claim("BN108", '(?<=: )"[^"]*"', lambda *_: True),
    claim("BN101", "g = 1/√ε, which is #", lambda said, _: [1 / sqrt(said.settings["epsilon"])]),
    claim(
        "BN101",
        r"sign of the value \(here #\)",
        lambda said, _: True if not said.part else [_sign(said)],
    ),
    claim(
        "BN10[23]",
        "the (?:variance|mean square) # is below ε .epsilon. #",
        lambda said, _: [_divisor(said), said.settings["epsilon"]],
    ),
    claim("BN103", r"ε \(epsilon\) # is # % of (?:variance|mean square) \+ ε \(limit # %\)", _epsilon_share),
    claim("BN10[23]", "(?:correction)? has (?:variance|mean square) # instead of #", _output),
    claim("BN10[23]", "; (?P<other>[A-Z][A-Za-z]+)'s ε # would give #", _elsewhere),
    claim("BN10[23]", r"Use ε ≤ (?P<epsilon>[\d.e-]+) \(a share of (?P<share>[\d.]+) %\)", _harmless),
    claim("BN104", "contains # NaN among # values?", _part("nan", "count")),
    claim("BN105", "contains # infinite values? among #", _part("inf", "count")),
    claim("BN303", "may compute a variance between # and #", _predicted),
    claim("BN303", "computes a variance of #", _part("predicted_variance")),
    claim("BN30[123]", "the exact variance is #", _part("variance")),
    claim("BN30[12]", "and the mean #", _part("mean")),
    claim("BN303", r"\((?:up to )?# % off, limit # %\)", _off),
    claim("BN303", r"\((?:up to )?# times as large\)", _times_as_large),
    claim("BN303", r"limit ε = #", lambda said, _: [said.settings["epsilon"]]),
    claim("BN301", r"negative variance \((?:down to )?#\)", _part("predicted_variance_low")),
    claim("BN302", "(?:would be|is) # times as large as it should be", _too_large),
    claim("BN302", r"variance of #", lambda *_: [0]),
    claim("BN30[123]", r"constant near the mean \((?P<near>[\d.,e+−-]*\d)\)", _near_mean),
    claim("BN30[123]", r"which narrows this to (?P<off>[\d.,e+−-]*\d) %", _narrower),
    claim("BN30[123]", r"number of values \(#\)", _part("count")),
    claim("BN30[123]", r"normalize at most (?P<fewer>[\d,]*\d) values", _fewer),
    claim("BN302", r"layer (?:then|would then) divides? by #", lambda *_: [0]),
    claim("BN10[23]", r"multiply the data by (?P<factor>[\d.,e+-]*\d) or more", _factor_of_data),
    claim(
        "BN404",
        r"deviation of channel (?P<large>\d+) \(#\) is # times \(limit # times\) that of channel (?P<small>\d+) \(#\)",
        _scales,
    ),
    claim(
        "BN206",
        r"after # training steps? the initial values \(mean #, variance #\) still make up # % .* \(limit # %\)",
        _weight_left,
    ),
    claim("BN209", MOMENTUM_ELSEWHERE, momentum_elsewhere),
    claim("BN206", r"within the limit from (?P<steps>[\d,]+) steps on", _settled),
    claim(
        "BN206",
        r"momentum of (?P<own>[\d.e-]+) or (?:less|more) \((?P<other>[\d.e-]+) or (?:less|more) in",
        _enough_momentum,
    ),
)
