"""What the screens of `inspect` and `check` claim beside their tables and findings."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from math import prod, sqrt
from typing import Any

from claims import Claim, Said, claim, equals

from bnstat.batch_size.fewest import FEWEST_SAMPLES
from bnstat.layers.frameworks import FRAMEWORKS

Match = Mapping[str, str]
Part = Mapping[str, Any]
_LAYER = "inspect|check|compare_layers"


# --- What was read -----------------------------------------------------------------------------------------------


def _samples(said: Said) -> list[Any]:
    return list(said.document["samples"])


def _files(said: Said) -> int:
    return len({one["source"] for one in _samples(said)})


def _volumes(said: Said) -> int:
    return len({(one["source"], one.get("index")) for one in _samples(said)})


def _shape(said: Said, match: Match) -> bool:
    """Return True if a shape is that of a sample or of a patch."""
    shape = tuple(int(size) for size in match["shape"].split(" × "))
    known = {tuple(one["shape"]) for one in _samples(said)}
    known |= {tuple(one["patch"]["size"]) for one in _samples(said) if one.get("patch")}
    return shape in known


def _patches_each(said: Said, _: Match) -> list[float]:
    return [_volumes(said), len(_samples(said)) / _volumes(said), said.settings["patches"]["seed"]]


# --- The layer ---------------------------------------------------------------------------------------------------


def _kind(said: Said) -> str:
    return str(said.settings["normalizer"]).partition(":")[0]


def _by_sample(said: Said) -> bool:
    return _kind(said) in ("instance", "layer", "group", "rms")


def _maker(said: Said, match: Match) -> bool:
    preset = FRAMEWORKS[said.settings["framework"]]
    known = (preset.title, FRAMEWORKS[preset.maker].title)
    if match["maker"] in known:
        return True
    # a layer of one of the maker's backends, as "Keras' instance norm, GroupNormalization(groups=-1) on JAX"
    numbers = re.findall(r"-?\d+", match["maker"].removeprefix(known[1]))
    return match["maker"].startswith(known[1]) and numbers in ([], ["-1"])


def _setting(name: str) -> Any:
    return lambda said, _: [said.settings[name]]


def _groups(said: Said, _: Match) -> list[int]:
    return [int(str(said.settings["normalizer"]).partition(":")[2])]


# --- The tensor --------------------------------------------------------------------------------------------------


def _batches(said: Said) -> list[Part]:
    return list(said.document["batches"] if "batches" in said.document else _first_layer(said)["batches"])


def _first_layer(said: Said) -> Part:
    first: Part = said.document[said.report.by][0]
    return first


def _parts(batch: Part) -> list[Part]:
    return list(batch.get("channels") or batch["groups"])


def _placed(said: Said) -> list[tuple[Part, Part]]:
    return [(batch, part) for batch in _batches(said) for part in _parts(batch)]


def _tensor(said: Said, match: Match) -> list[Any]:
    """Return the channels, the axes and the numbers of values of the batches of this shape."""
    shape = [int(size) for size in match["shape"].split(", ")]
    found = [batch for batch in _batches(said) if batch["input_shape"] == shape]
    assert len(found) == int(match["number"] or 1)
    batch = found[0]
    channels = shape[batch["axis"]]
    assert [int(axis) for axis in match["axes"].split(",")] == batch["reduction_axes"]
    per = {"channel": not _by_sample(said), "channel of a sample": _kind(said) == "instance"}
    assert per.get(match["per"], _kind(said) in ("layer", "group", "rms"))
    counts = [_size(one, part) for one in found for part in _parts(one)]
    values = sorted({min(counts), max(counts)})
    if match["kept"].startswith("keeps axis"):
        return [batch["axis"], channels, *values]
    if match["kept"].startswith("keeps axes"):
        return [0, batch["axis"], channels, *values]
    groups = _groups(said, match) if _kind(said) == "group" else []
    return [channels, batch["axis"], *groups, *values]


def _masked(said: Said, _: Match) -> list[float]:
    """Return how many values a mask keeps, of how many, and the share in percent, each as a range."""
    pairs = [(part["count"], _size(batch, part)) for batch, part in _placed(said)]
    columns = ([count for count, _ in pairs], [size for _, size in pairs], [100 * one / size for one, size in pairs])
    return [end for column in columns for end in sorted({min(column), max(column)})]


def _size(batch: Part, part: Part) -> int:
    """Return how many values the layer reduces there without a mask."""
    samples, *space = [int(size) for axis, size in enumerate(batch["input_shape"]) if axis != batch["axis"]]
    return prod(space) * (len(part["channels"]) if "channels" in part else samples)


def _more_shapes(said: Said, _: Match) -> list[int]:
    return [len({tuple(batch["input_shape"]) for batch in _batches(said)}) - 3]


def _framework(said: Said) -> str:
    return str(said.settings["framework"] if "framework" in said.settings else _first_layer(said)["framework"])


def _batch_weight(said: Said) -> float:
    """Return what the first batch weighs in the running statistics."""
    one = said.settings if "momentum" in said.settings else _first_layer(said)
    preset, momentum = FRAMEWORKS[_framework(said)], float(one["momentum"])
    return 1 - momentum if preset.momentum_weighs == "old" else momentum


def _running(said: Said, match: Match) -> Iterator[float]:
    """Yield the buffers of the first four channels after a batch."""
    batch = _batches(said)[int(match["batch"] or 0)]
    for one in batch["running"][:4]:
        yield from (
            one["channel"],
            *(one[name] for name in ("running_mean", "running_variance") if one[name] is not None),
        )
    if len(batch["running"]) > 4:
        yield len(batch["running"]) - 4


# --- Places in a sentence ----------------------------------------------------------------------------------------

_LIST = r"\d+(?:–\d+)?(?:, \d+(?:–\d+)?)*(?:, … \(\d+ more\))?"
_PLACE = re.compile(
    rf"(?P<kind>channels?|samples?|the groups? of channels) (?P<labels>{_LIST})"
    rf"(?: of (?:(?P<every>every) (?:batch|sample)|(?:batch(?:es)?|samples?) (?P<holders>{_LIST})))?"
)
PLACES = _PLACE.pattern.replace("?P<kind>", "?:").replace("?P<labels>", "?:").replace("?P<every>", "?:")
PLACES = PLACES.replace("?P<holders>", "?:")
PLACES = rf"(?:{PLACES})(?:(?:, | and )(?:{PLACES}))*(?:, … \(\d+ more\))?"


def _numbers(listed: str) -> set[int]:
    """Return the numbers of "0–2, 5"; of those that are only counted nothing is known."""
    found: set[int] = set()
    for first, last in re.findall(r"(\d+)(?:–(\d+))?(?! more)", listed):
        found |= set(range(int(first), int(last or first) + 1))
    return found


def _spans(listed: str) -> set[tuple[int, ...]]:
    """Return the groups of channels of "0–1, 2–3"."""
    return {
        tuple(range(int(first), int(last or first) + 1))
        for first, last in re.findall(r"(\d+)(?:–(\d+))?(?! more)", listed)
    }


def named_in(text: str, said: Said) -> set[tuple[int, int]]:
    """Return the parts that a text names, as batch and place in it."""
    found: set[tuple[int, int]] = set()
    for match in _PLACE.finditer(text):
        of_samples = match["kind"].startswith("sample")
        group = "groups" in match["kind"] or "group " in match["kind"]
        labels = _spans(match["labels"]) if group else {(one,) for one in _numbers(match["labels"])}
        holders = _numbers(match["holders"]) if match["holders"] else None
        for batch in _batches(said):
            for place, part in enumerate(_parts(batch)):
                holder = part.get("sample", batch["index"])
                label = tuple(part["channels"]) if "channels" in part else (part["channel"],)
                held = holder in _numbers(match["labels"]) if of_samples else label in labels
                if held and (holders is None or holder in holders):
                    found.add((batch["index"], place))
    return found


def _where(said: Said, wanted: Iterable[tuple[Part, Part]], text: str) -> bool:
    """Return True if a text names exactly these parts, or some of them if it says that there are more."""
    there = {(batch["index"], _parts(batch).index(part)) for batch, part in wanted}
    named = named_in(text, said)
    return named <= there and len(named) > 0 if " more)" in text else named == there


# --- The verdict -------------------------------------------------------------------------------------------------


def _divisor(said: Said, part: Part) -> float | None:
    """Return what ε is added to: the variance, or RMS norm's mean square."""
    if part["variance"] is None:
        return None
    variance: float = part["variance"]
    return variance + (part["mean"] ** 2 if _kind(said) == "rms" else 0.0)


def _zero(said: Said) -> list[tuple[Part, Part]]:
    return [one for one in _placed(said) if _divisor(said, one[1]) == 0]


def _unknown(said: Said) -> list[tuple[Part, Part]]:
    return [one for one in _placed(said) if _divisor(said, one[1]) is None]


def _others(said: Said) -> list[float]:
    return [value for _, part in _placed(said) if (value := _divisor(said, part))]


def _named_divisor(said: Said, match: Match) -> bool:
    return (match["what"] == "mean square") == (_kind(said) == "rms")


def _zero_here(said: Said, match: Match) -> bool:
    """Return True if the named parts are those whose variance is zero, and for the reason that is given."""
    why = match["why"]
    constant = not why.startswith("where the values differ too little")
    wanted = [one for one in _zero(said) if one[1]["constant"] == constant]
    values = {one[1]["min"] for one in wanted}
    if match["value"] is not None and not (len(values) == 1 and equals(match["value"], *values)):
        return False
    return _where(said, wanted, match["places"])


def _zero_everywhere(said: Said, match: Match) -> bool:
    found = _placed(said)
    values = {one[1]["min"] for one in found}
    if match["value"] is not None and not (len(values) == 1 and equals(match["value"], *values)):
        return False
    return len(_zero(said)) == len(found) and (match["every"] is not None) == (len(found) > 1) and _noun(said, match)


def _noun(said: Said, match: Match) -> bool:
    """Return True if what has statistics of its own is named as it should be."""
    nouns = {"instance": "channel of a sample", "group": "group of channels", "layer": "sample", "rms": "sample"}
    return match["noun"] is None or match["noun"] == nouns.get(_kind(said), "channel")


def _not_zero(said: Said, match: Match) -> bool:
    """Return True if nothing is zero, and the smallest one has this value and this place."""
    least = min(_others(said))
    wanted = [one for one in _placed(said) if _divisor(said, one[1]) == least]
    named = named_in(match["places"], said) if match["places"] else set()
    there = {(batch["index"], _parts(batch).index(part)) for batch, part in wanted}
    place = len(named) == 1 and named <= there if match["places"] else len(_placed(said)) == 1
    return not _zero(said) and equals(match["least"], least) and place and _noun(said, match)


def _elsewhere(said: Said, match: Match) -> bool:
    found = _others(said)
    return bool(found) and (match["more"] is None) == (len(found) == 1) and equals(match["least"], min(found))


def _unknown_here(said: Said, match: Match) -> bool:
    """Return True if the named parts are those of this kind, and they hold what is said."""
    held = [(one, one[1]["nan"], one[1]["inf"]) for one in _unknown(said)]
    rms = _kind(said) == "rms"
    kinds: dict[str, list[tuple[Part, Part]]] = {"NaN": [], "infinite": [], "unknown": []}
    for one, nan, inf in held:
        kinds["NaN" if nan or (inf and not rms) else "infinite" if inf else "unknown"].append(one)
    some = kinds[match["kind"]]
    parts = [part for _, part in some]
    if not _where(said, some, match["places"]):
        return False
    numbers = [int(text.replace(",", "")) for text in re.findall(r"[\d,]*\d", match["held"] or "")]
    if numbers:
        (part,) = parts
        return numbers == [
            *([part["nan"]] if part["nan"] else []),
            *([part["inf"]] if part["inf"] else []),
            part["count"],
        ]
    any_of = (any(part["nan"] for part in parts), any(part["inf"] for part in parts))
    told = ("NaN" in (match["held"] or ""), "infinite" in (match["held"] or ""))
    each = " and " not in (match["held"] or "") or all(part["nan"] and part["inf"] for part in parts)
    return any_of == told and each


def _single_values(said: Said, match: Match) -> bool:
    return all(part["count"] == 1 for _, part in _placed(said)) and _noun(said, match)


_WRONG = {"a wrong variance": "BN303", "a negative variance": "BN301", "a variance of 0": "BN302"}


def _own_arithmetic(said: Said, match: Match) -> bool:
    """Return True if the named channels or groups are those that the rule finds."""
    found = [one for one in said.document["findings"] if one["rule"] == match["rule"]]
    there = {(one["batch"], one["channel"] if one.get("group") is None else one["group"]) for one in found}
    named = named_in(match["places"], said) if match["places"] else {(0, 0)}
    whole = match["places"] is not None or len(_placed(said)) == 1
    part = " more)" in (match["places"] or "")
    return whole and _WRONG[match["what"]] == match["rule"] and (named <= there if part else named == there)


# --- Label maps --------------------------------------------------------------------------------------------------


def _found_labels(said: Said) -> list[Part]:
    """Return the findings on label maps; those of the first of several layers."""
    document = said.document if "findings" in said.document else _first_layer(said)
    return [one for one in document["findings"] if one["rule"] == "BN406"]


def _is_whole(said: Said, one: Part) -> bool:
    """Return True if a finding is on a file that is nothing but labels."""
    if "population" in said.document:
        channels = len(said.document["population"]["channels"])
    else:
        parts = _parts(_batches(said)[0])
        channels = max(max(part.get("channels", [part.get("channel")])) for part in parts) + 1
    return one["channel"] is None or channels == 1


def _label_files(said: Said, match: Match) -> bool:
    """Return True if so many volumes of so many are nothing but labels."""
    found = {one["source"] for one in _found_labels(said) if _is_whole(said, one)}
    every = int((match["every"] or "1").replace(",", ""))
    return every == _files(said) and len(found) == int((match.get("some") or str(every)).replace(",", ""))


def _label_channels(said: Said, match: Match) -> bool:
    """Return True if these channels have labels, in so many volumes of so many."""
    found = [one for one in _found_labels(said) if not _is_whole(said, one)]
    some, every = (int(match[name] or 1) for name in ("some", "every"))
    named = {int(one) for one in re.findall(r"channel (\d+)", match["channels"].lower())}
    return named == {one["channel"] for one in found} and (len({one["source"] for one in found}), _files(said)) == (
        some,
        every,
    )


# --- The verdict on ε --------------------------------------------------------------------------------------------


def _outputs(said: Said) -> list[tuple[float, tuple[Part, Part]]]:
    """Return the output of each part that is known and not zero, by the formula."""
    epsilon = said.settings["epsilon"] or 0.0
    return [
        (divisor / (divisor + epsilon), (batch, part))
        for batch, part in _placed(said)
        if (divisor := _divisor(said, part)) and part["output_variance"] is not None
    ]


def _reshaped(said: Said, match: Match) -> bool:
    """Return True if the output is as small as told, where it is told, and as often below 0.99."""
    found = _outputs(said)
    least = min(found, key=lambda one: one[0])
    below = sum(1 - output > 0.01 for output, _ in found)
    places = match["places"]
    where = len(_placed(said)) == 1 if places is None else len(named_in(places, said)) == 1
    if places is not None:
        (named,) = named_in(places, said)
        batch = _batches(said)[named[0]]
        own = _divisor(said, _parts(batch)[named[1]])
        where = own is not None and own / (own + said.settings["epsilon"]) <= least[0] * (1 + 1e-9)
    count = int(match["count"].replace(",", "")) if match["count"] else 1
    limit = match["limit"] in (None, "0.99")
    return below == count and below >= 1 and limit and where and equals(match["least"], least[0])


def _harmless(said: Said, match: Match) -> bool:
    """Return True if no output is below 0.99, and the smallest one is as told."""
    found = [output for output, _ in _outputs(said)]
    ends = equals(match["least"], min(found))
    same = match["more"] is not None or equals(match["least"], max(found))
    whole = len(found) == len(_placed(said))
    every = (match["noun"] is None) == (whole and len(found) == 1)
    varying = (match["varying"] is None) == whole
    return ends and same and every and varying and 1 - min(found) <= 0.01 and _noun(said, match)


def _alone(said: Said, match: Match) -> bool:
    return not _outputs(said) and bool(_zero(said)) and equals(match["root"], sqrt(said.settings["epsilon"]))


def _no_epsilon(said: Said, _: Match) -> bool:
    return said.settings["epsilon"] is None


def _added_nothing(said: Said, match: Match) -> bool:
    """Return True if ε is 0, or below what the layer's numbers can hold."""
    given = said.settings["epsilon"]
    if match["epsilon"] is None:
        return bool(given == 0)
    return equals(match["epsilon"], given) and given < 2.0**-126 * (1 + 1e-6)


# --- The answer --------------------------------------------------------------------------------------------------


def _counts(said: Said, _: Match) -> list[int]:
    """Return the least and the greatest number of values that are reduced together, or the only one."""
    counts = [part["count"] for _, part in _placed(said)]
    return sorted({min(counts), max(counts)})


def _whole(said: Said, match: Match) -> bool:
    """Return True if "all voxels of a volume" are all that there are."""
    counts = {part["count"] for _, part in _placed(said)}
    shapes = {tuple(batch["input_shape"][1:-1]) for batch in _batches(said)}
    sizes = {a * b * c for a, b, c in shapes}
    one = (match["article"] == "the") == (len(_samples(said)) == 1)
    patched = (match["piece"] == "patch") == (said.settings["patches"] is not None)
    return one and patched and (match["all"] is None or counts == sizes)


def _spread(batches: Iterable[Part]) -> tuple[float, float, int] | None:
    """Return how far batch means lie apart, in standard deviations of all values, where they do most."""
    found = []
    for channels in zip(*(batch["channels"] for batch in batches), strict=False):
        if len(channels) < 2 or any(one["mean"] is None or one["variance"] is None for one in channels):
            continue
        count = sum(one["count"] for one in channels)
        mean = sum(one["count"] * one["mean"] for one in channels) / count
        variance = sum(one["count"] * (one["variance"] + (one["mean"] - mean) ** 2) for one in channels) / count
        middle = sum(one["mean"] for one in channels) / len(channels)
        deviation = sqrt(sum((one["mean"] - middle) ** 2 for one in channels) / (len(channels) - 1))
        if variance:
            found.append((deviation / sqrt(variance), deviation, channels[0]["channel"]))
    return max(found, default=None)


def _apart(said: Said, match: Match) -> list[float]:
    """Return the spread of batch means, how many batches it is of, and their standard deviation."""
    whole = [one for one in _batches(said) if len(one["samples"]) == said.settings["batch_size"]]
    most = _spread(whole)
    own = _spread([{**one, "channels": [one["channels"][int(match["channel"])]]} for one in whole])
    assert most is not None
    assert own is not None
    assert own[0] >= most[0] * (1 - 1e-9)  # channels that are constant in each batch lie equally far apart
    return [len(whole), own[0], len(whole), own[1]]


def _equal_means(said: Said, _: Match) -> list[int]:
    whole = [one for one in _batches(said) if len(one["samples"]) == said.settings["batch_size"]]
    found = _spread(whole)
    assert found is not None
    assert found[1] == 0
    return [len(whole)]


def _one_batch(said: Said, _: Match) -> bool:
    size: int = said.settings["batch_size"]
    return sum(len(one["samples"]) == size for one in _batches(said)) < 2


def _synchronized(said: Said, _: Match) -> list[int]:
    """Return ranks, the batch size of all together, and the numbers of values."""
    together = said.document["synchronized"]
    counts = [part["count"] for batch in together for part in _parts(batch)]
    ranks = said.settings["ranks"]
    return [ranks, ranks * said.settings["batch_size"], *sorted({min(counts), max(counts)})]


def _synchronized_line(said: Said, _: Match) -> list[int]:
    ranks, batch = said.settings["ranks"], said.document["synchronized"][0]
    counts = [part["count"] for part in _parts(batch)]
    if said.settings.get("mask") is not None:  # headings have the values of the tensor, as the layer reduces them
        counts = [prod(batch["input_shape"]) // batch["input_shape"][batch["axis"]]]
    return [ranks, ranks * said.settings["batch_size"], *sorted({min(counts), max(counts)})]


def _together(said: Said, match: Match) -> list[float]:
    size = said.settings["ranks"] * said.settings["batch_size"]
    found = _spread([one for one in said.document["synchronized"] if len(one["samples"]) == size])
    assert found is not None
    assert found[2] == int(match["channel"])
    return [found[0]]


def _starts(said: Said, match: Match) -> list[float]:
    """Return the least and the greatest scale g of the channel in which they differ most."""
    ratios = {}
    for channels in zip(*(batch["channels"] for batch in _batches(said)), strict=False):
        found = [one["g"] for one in channels if one["g"] is not None]
        if len(found) > 1:
            ratios[channels[0]["channel"]] = (max(found) / min(found), min(found), max(found))
    ratio, least, most = ratios[int(match["channel"])]
    assert ratio == max(ratios.values())[0]
    return [len(_batches(said)), least, most]


def _corrections(said: Said, name: str) -> list[float]:
    return [part[name] for _, part in _placed(said) if part.get(name) is not None]


def _r_between(said: Said, _: Match) -> list[float]:
    found = _corrections(said, "r")
    return [min(found), max(found)]


def _r_is(said: Said, match: Match) -> bool:
    found = _corrections(said, "r")
    return equals(match["r"], min(found)) and equals(match["r"], max(found))


def _clipped(said: Said, _: Match) -> list[int]:
    """Return how many corrections are outside of the paper's limits, and how many there are."""
    pairs = [(part["r"], part["d"]) for _, part in _placed(said) if part.get("r") is not None]
    return [sum(not 1 / 3 <= r <= 3 or abs(d) > 5 for r, d in pairs), len(pairs)]


# --- What is found -----------------------------------------------------------------------------------------------


def _title(said: Said, match: Match) -> bool:
    """Return True if there is a finding of this rule with this severity at this place."""
    found = [one for one in _findings(said) if one["rule"] == match["rule"] and one["severity"] == match["severity"]]
    places = match["places"].strip()
    if said.kind == "compare_layers":
        return bool(found) and _of_layers(said, match["rule"], places.removeprefix("with "))
    if said.kind == "check":
        found = [one for one in found if one["source"] == said.part["source"]] if _files(said) > 1 else found
    of = re.search(r"(?:^|of )batch(?:es)? ([\d–, ]*\d)", places)
    channel, group = re.search(r"^channels? ([\d–, ]*\d)", places), re.search(r"^groups? ([\d–, ]*\d)", places)
    source = re.search(r", (image \d+)$", places)
    return any(
        (not channel or one["channel"] in _numbers(channel[1]))
        and (not group or one["group"] in _numbers(group[1]))
        and (not of or one["batch"] in _numbers(of[1]))
        and (not source or one["source"] == source[1])
        for one in found
    )


def _of_layers(said: Said, rule: str, layers: str) -> bool:
    """Return True if these layers have findings of the rule, at as many places as told if that is told."""
    counts = {
        entry["name"]: sum(one["rule"] == rule for one in entry["findings"]) for entry in said.document[said.report.by]
    }
    messages = [one["message"] for one in _findings(said) if one["rule"] == rule]
    alike = len({re.sub(r"[\d.,e+−-]+", "", message) for message in messages}) == 1  # else each is counted by itself
    everyone = re.fullmatch(r"all (?:layers|intensities)(?:, in ([\d,]+) places each)?", layers)
    if everyone:
        told = dict.fromkeys(counts, everyone[1])
    else:
        told = dict(re.findall(r"(\S+?)(?: \(([\d,]+) places\))?(?:, | and \d+ more$|$)", layers))
    return bool(told) and all(
        name in counts and _is_count(int((number or "1").replace(",", "")), counts[name], alike=alike)
        for name, number in told.items()
    )


def _is_count(number: int, count: int, *, alike: bool) -> bool:
    return number == count if alike else 0 < number <= count


def _findings(said: Said) -> list[Part]:
    if "findings" in said.document:
        return list(said.document["findings"])
    return [finding for entry in said.document[said.report.by] for finding in entry["findings"]]


def _also(said: Said, match: Match) -> bool:
    """Return True if the places are those of all other findings of the rule, or of the first twelve."""
    others = [one for one in _findings(said) if one["rule"] == said.finding["rule"]][1:]
    listed, _, more = match["places"].partition(", … (")
    named = [[int(text) for text in re.findall(r"\d+", place)] for place in listed.split(", ")]
    wanted = [_digits(said, one) for one in others]
    rest = len(wanted) - len(named)
    return (
        named == wanted[: len(named)]
        and more == (f"{rest} more)" if rest else "")
        and len(named) == min(len(wanted), 12)
    )


def _digits(said: Said, finding: Part) -> list[int]:
    """Return the numbers with which a sentence names the place of a finding."""
    batches = _batches(said)
    if finding.get("group") is not None:
        group = batches[finding["batch"]]["groups"][finding["group"]]
        channels = sorted({group["channels"][0], group["channels"][-1]})
        return [*channels, group["sample"]]
    channel = [] if finding["channel"] is None else [finding["channel"]]
    several = finding["batch"] is not None and (len(batches) > 1 or not channel)
    return [*channel, *([finding["batch"]] if several else [])]


def _first_source(said: Said, match: Match) -> bool:
    """Return True if the file, or the first and the last one, is that of the samples."""
    ends = (_samples(said)[0]["source"], _samples(said)[-1]["source"])
    return bool(match["first"] == ends[0] and (match["last"] or ends[1]) == ends[1])


def _noise(said: Said, _: Match) -> list[float]:
    """Return the batch size, the channel whose batch mean varies most, how much, and the limit."""
    size = said.settings["batch_size"]
    known = [one for one in said.curve if one["mean_noise"] is not None]
    enough = [one for one in known if said.usable(one["channel"]) >= FEWEST_SAMPLES] or known
    told = re.search(r"the batch mean of channel (\d+)", said.text)
    named = [one for one in enough if told is None or one["channel"] == int(told[1])]
    worst = max(named or enough, key=lambda one: float(one["mean_noise"]))
    assert not said.samples or worst["mean_noise"] == max(one["mean_noise"] for one in enough)
    channel = [worst["channel"]] if _batches(said)[0]["input_shape"][_batches(said)[0]["axis"]] > 1 else []
    return [size, *channel, worst["mean_noise"], 0.1]


def _hidden(said: Said, match: Match) -> bool:
    """Return True if these are the channels that are constant in a batch and merged with others that vary."""
    groups = [group for batch in _batches(said) for group in batch["groups"] if group["variance"]]
    merged, constant = {one for group in groups for one in group["channels"]}, []
    for batch in _batches(said):
        rows = [said.samples[place] for place in batch["samples"]]
        ends = [
            (min(row[one].minimum for row in rows), max(row[one].maximum for row in rows)) for one in sorted(merged)
        ]
        usable = [all(row[one].mean is not None for row in rows) for one in sorted(merged)]
        pairs = zip(sorted(merged), ends, usable, strict=True)
        constant.append({one for one, (low, high), known in pairs if known and low == high})
    found = set().union(*constant)
    everywhere = all(one == found for one in constant)
    return _numbers(match["channels"]) == found and (match["some"] is None) == everywhere


def _of_figures(said: Said) -> list[Part]:
    return [one for one in _findings(said) if one["rule"] in ("BN202", "BN203", "BN204")]


def _too_small(said: Said, match: Match) -> list[int]:
    assert _numbers(match["places"]) == {one["channel"] for one in _of_figures(said)}
    return [said.settings["batch_size"] * said.settings["ranks"]]


def _advised(said: Said, match: Match) -> bool:
    """Return True if the sizes are the largest that a channel with a finding needs for all three figures.

    They are no less than those of the findings, each of which is about one figure.
    """
    channels = {one["channel"] for one in _of_figures(said)}
    needed = [one.all for one in said.report.needs if one.channel in channels]
    ends = [one.most for one in needed]
    size, told = (None if match[name] is None else int(match[name].replace(",", "")) for name in ("size", "most"))
    found = [re.search(r"about ([\d,]*\d)(?:, or ([\d,]*\d) for)?", one["message"]) for one in _of_figures(said)]
    least = max(int(one[1].replace(",", "")) for one in found if one)
    if size is None or size != max(one.estimate for one in needed) or size < least:
        return False
    return told == (None if None in ends else max(ends))


def _small(said: Said, _: Match) -> list[float]:
    return next([one["value"], one["threshold"]] for one in _findings(said) if one["rule"] == "BN205")


def _counted(said: Said, match: Match) -> bool:
    """Return True if the findings of each severity are as many as told."""
    told = {
        word: int(number.replace(",", "")) for number, word in re.findall(r"([\d,]+) (\w+?)s?(?:,|$)", match["counts"])
    }
    counts = said.document["counts"]
    return told == {word: counts[word] for word in ("error", "warning", "note") if counts[word]}


def _sample_words(said: Said, match: Match) -> list[int]:
    """Return how many samples there are; where they are patches, of how many volumes."""
    patched = said.settings["patches"] is not None
    assert patched == (match["patches"] is not None)
    return [len(_samples(said)), *([_volumes(said)] if patched else [])]


def _outcome(said: Said, match: Match) -> bool:
    failed = {"failed": True, "passed": False, "incomplete": False}[match["outcome"]]
    return failed == bool(said.document["counts"]["error"]) and said.settings["fail_on"] == "error"


NAMES: tuple[Claim, ...] = (
    claim(".*", r"axis=(?P<axis>1)", lambda *_: True),
    claim(".*", r"groups=(?P<every>-1)", lambda *_: True),
    claim(".*", r"Keras (?P<version>2)", lambda *_: True),
    claim(".*", r"image (?P<number>\d+)", lambda _, match: 1 <= int(match["number"]) <= 12),
    claim(".*", "float(?:16|32|64)", lambda *_: True),
)

CLAIMS: tuple[Claim, ...] = (
    *NAMES,
    claim(_LAYER, r"^# samples? from # files?,", lambda said, _: [len(_samples(said)), _files(said)]),
    claim(_LAYER, r"(?P<shape>(?<!\d)\d+(?: × \d+)+)", _shape),
    claim(_LAYER, r"^# patch(?:es)? of", lambda said, _: [len(_samples(said))]),
    claim(_LAYER, r"from # volumes [(]# from each, seed #[)]", _patches_each),
    claim(_LAYER, r"; seed #[)]", lambda said, _: [said.settings["patches"]["seed"]]),
    claim(_LAYER, r" as in (?P<maker>.+?) \((?:epsilon|no )", _maker),
    claim(_LAYER, r"(?<!no )epsilon ε = #", _setting("epsilon")),
    claim(_LAYER, r"no default epsilon|no epsilon", _no_epsilon),
    claim(_LAYER, r", momentum #", _setting("momentum")),
    claim(_LAYER, r"^(?!synchronized).*batch size #(?=$| on each|;|:)", _setting("batch_size")),
    claim(_LAYER, r"on each of # ranks", _setting("ranks")),
    claim(_LAYER, r"norm \(# groups?\) as in", _groups),
    claim(_LAYER, "scale g = #/σ", lambda *_: [1]),
    claim(
        _LAYER,
        r"values after (?P<steps>.*), each volume by itself",
        lambda said, match: match["steps"] == said.settings["intensity"],
    ),
    claim(_LAYER, r"inside the mask nonzero", lambda said, _: said.settings["mask"] == "nonzero"),
    claim(
        "inspect|compare_layers",
        r"^(?:(?P<number>\d+) batches, each )?input \((?P<shape>[\d, ]+)\): "
        r"(?P<kept>keeps axis # \(# channels?\)|keeps axes # and # \(# channels? of each sample\)|"
        r"each sample by itself, # channels? on axis #(?: in # groups?)?), "
        r"reduces axes (?P<axes>[\d,]+): #(?: to #)? values? per (?P<per>channel of a sample|channel|group)",
        _tensor,
    ),
    claim("inspect|compare_layers", r"^… and # more shapes", _more_shapes),
    claim("inspect|compare_layers", r"^mask nonzero keeps all #(?: to #)? values? per", _counts),
    claim(
        "inspect|compare_layers",
        r"^mask nonzero keeps (?:#(?: to #)?|0) of #(?: to #)? values? per [^(]*\(#(?: to #)? %\)",
        _masked,
    ),
    claim("inspect", r"best$|(?<=normalization, )# at best", lambda *_: [1]),
    claim("inspect", r"r in \[#/#, #\], \|d\| ≤ #", lambda *_: [1, 3, 3, 5]),
    claim(
        "inspect",
        r"^running mean and variance after (?:batch (?P<batch>\d+)|one training step): "
        r"channel # (?:#, #|–, –)(?:; channel # (?:#, #|–, –))?(?:; channel # (?:#, #|–, –))?"
        r"(?:; channel # (?:#, #|–, –))?(?:; … \(# more\))?",
        _running,
    ),
    claim("inspect", r"^… and # more batch(?:es)?", lambda said, _: [len(_batches(said)) - 4]),
    claim(
        "inspect", r"^synchronized over # ranks \(SyncBN\), batch size #: #(?: to #)? values? per", _synchronized_line
    ),
    # label maps
    claim(
        "inspect|compare.*", r"^(?P<some>[\d,]+) of (?P<every>[\d,]+) volumes? looks? like (?:a )?label", _label_files
    ),
    claim("inspect|compare.*", r"^(?:This looks like a|All (?P<every>[\d,]+) volumes look like) label", _label_files),
    claim(
        "inspect|compare.*",
        r"(?P<channels>[Cc]hannel \d+(?:,? (?:and )?channel \d+)*) looks? like labels"
        r"(?: in (?P<some>\d+) of (?P<every>\d+) volumes)? \(BN406\)",
        _label_channels,
    ),
    # the verdict
    claim("inspect", r"^The (?P<what>variance|mean square) is", _named_divisor),
    claim(
        "inspect",
        rf"zero in (?P<places>{PLACES}), (?P<why>where all values are (?:equal|(?P<value>[\d.,e+−-]*\d))|"
        r"where the values differ too little for float64)",
        _zero_here,
    ),
    claim(
        "inspect",
        r"is zero(?P<every> in every (?P<noun>channel of a sample|channel|group of channels|sample))?: "
        r"all values are (?:equal|(?P<value>[\d.,e+−-]*\d))",
        _zero_everywhere,
    ),
    claim(
        "inspect",
        r"not zero(?: in any (?P<noun>channel of a sample|channel|group of channels|sample))?: "
        rf"(?:it|the smallest) is (?P<least>[\d.,e+−-]*\d)(?: \((?P<places>{PLACES})\))?",
        _not_zero,
    ),
    claim("inspect", r"elsewhere it is (?P<least>[\d.,e+−-]*\d)(?P<more> or more)?", _elsewhere),
    claim(
        "inspect",
        rf"(?P<kind>NaN|infinite|unknown) in (?P<places>{PLACES}), (?:which contains? (?P<held>[^.;]*)|because)",
        _unknown_here,
    ),
    claim(
        "inspect|compare_layers",
        r"after one training step from mean # and variance #, in which the batch weighs #",
        lambda said, _: [*FRAMEWORKS[_framework(said)].running_start, _batch_weight(said)],
    ),
    claim(
        "inspect|compare_layers",
        r"up to this batch, from mean # and variance #",
        lambda said, _: list(FRAMEWORKS[_framework(said)].running_start),
    ),
    claim(
        "inspect",
        r"because each (?P<noun>channel of a sample|channel|group of channels|sample) has a single value",
        _single_values,
    ),
    claim(
        "inspect",
        rf"In its own arithmetic the layer (?:may compute|computes) (?P<what>a wrong variance|a negative variance|"
        rf"a variance of 0)(?: in (?P<places>{PLACES}))? \((?P<rule>BN\d+)\)",
        _own_arithmetic,
    ),
    claim("inspect", r"at ε = #", _setting("epsilon")),
    claim(
        "inspect",
        rf"output (?:variance|mean square)(?: before the correction by r and d)?(?: of (?P<places>{PLACES}))? "
        r"is (?P<least>[\d.,e+−-]*\d), not 1(?: \(the smallest of (?P<count>[\d,]+) below (?P<limit>[\d.]*\d)\))?",
        _reshaped,
    ),
    claim("inspect", r"not #(?= \(|\.)", lambda *_: [1]),
    claim(
        "inspect",
        r"matters little: .*output (?:variance|mean square)(?: before the correction by r and d)? "
        r"is (?P<least>[\d.,e+−-]*\d)(?P<more> or more)?"
        r"(?: in every (?P<noun>channel of a sample|channel|group of channels|sample))?"
        r"(?P<varying> whose values vary| that is not zero)?",
        _harmless,
    ),
    claim("inspect", r"divides by √ε = (?P<root>[\d.,e+−-]*\d)", _alone),
    claim(
        "inspect",
        r"weight norm's start adds none",
        lambda said, _: _kind(said) == "weight-init" and _no_epsilon(said, {}),
    ),
    claim("inspect", r"has no default ε", _no_epsilon),
    claim("inspect", r"^ε (?:is 0|= (?P<epsilon>[\d.e-]+) is 0 in the layer's numbers)", _added_nothing),
    claim("inspect", r"ε (?:= \S+ )?is #", lambda *_: [0]),
    claim("inspect", r"divides # by #", lambda *_: [0, 0]),
    # the answer
    claim("inspect", r"[Ee]ach channel is averaged over (?:all )?#(?: to #)? (?:voxel|value)s?", _counts),
    claim("inspect", r"it normalizes .* over #(?: to #)? values?\.", _counts),
    claim(
        "inspect",
        r"(?P<all>all )?[\d,]+ voxels? of (?P<article>the|a) (?P<piece>volume|patch|sample)",
        _whole,
    ),
    claim("inspect", r"(?:In a batch of|A batch size of) #", _setting("batch_size")),
    claim(
        "inspect", "A batch size of 1 does not make", lambda said, _: any(part["variance"] for _, part in _placed(said))
    ),
    claim(
        "inspect",
        r"From batch to batch, as these # lie, the mean varies by # SD\. SD is the standard deviation "
        r"of all values of channel (?P<channel>\d+); the means of these # batches have a standard deviation of #",
        _apart,
    ),
    claim("inspect", r"The means of these # batches are equal", _equal_means),
    claim("inspect", r"give at least # (?:different )?volumes", lambda *_: [8]),
    claim("inspect", r"To learn whether the batch is too small", _one_batch),
    claim(
        "inspect",
        r"Synchronized over # ranks, a batch of # averages each channel over #(?: to #)? values?",
        _synchronized,
    ),
    claim("inspect", r"the mean of channel (?P<channel>\d+) then varies by # SD", _together),
    claim("inspect", r"gets mean # and(?: up to ε,|, up to ε,)? variance #", lambda *_: [0, 1]),
    claim("inspect", r"whichever of these # batches", lambda said, _: [len(_batches(said))]),
    claim(
        "inspect", r"which of these # batches comes first, g of channel (?P<channel>\d+) is between # and #", _starts
    ),
    claim("inspect", r"Here r is between # and #", _r_between),
    claim("inspect", r"Here r is (?P<r>[\d.,e+−-]*\d)", _r_is),
    claim("inspect", r"\|d\| is at most #", lambda said, _: [max(map(abs, _corrections(said, "d")))]),
    claim("inspect", r"would clip # of # corrections?", _clipped),
    claim(
        "inspect",
        r"running statistics start at mean # and variance #",
        lambda said, _: list(FRAMEWORKS[said.settings["framework"]].running_start),
    ),
    claim("inspect", r"each of the # groups of channels", _groups),
    claim(
        "inspect",
        r"all of its channels together",
        lambda said, _: _kind(said) in ("layer", "rms") or said.settings["normalizer"] == "group:1",
    ),
    claim(_LAYER, r"(?P<first>image \d+) … (?P<last>image \d+)$", _first_source),
    claim(_LAYER, r"(?:^|from )(?P<first>image \d+)(?=   | \()(?P<last>)?", _first_source),
    claim(
        "inspect",
        r"^Batch size # is (?:too small|enough for the mean): the batch mean(?: of channel #)? varies by # SD "
        r"\(standard deviations of the population, limit #\)",
        _noise,
    ),
    claim(
        "inspect",
        r"^Batch size \d+ is (?P<what>too small|enough)",
        lambda said, match: (match["what"] == "too small") == ((_noise(said, match)[-2] or 0.0) > 0.1),
    ),
    claim(
        "inspect",
        r"^Channels? (?P<channels>[\d–, ]*\d) by (?:itself has|themselves have) a variance of zero"
        r"(?P<some> in some batches)?;",
        _hidden,
    ),
    # the line that check opens with
    claim("check", r"^(?P<counts>\d.*?(?:error|warning|note)s?): ", _counted),
    claim("check", r"batch size # is too small for (?P<places>channels? [\d–, ]*\d)", _too_small),
    claim(
        "check", r"use about (?P<size>[\d,]*\d)(?: \((?P<most>[\d,]*\d) with (?P<sure>90) % confidence\))?", _advised
    ),
    claim("check", r"batch size # is small: in published results with # samples or less", _small),
    # findings
    claim("check", r"^(?P<source>image \d+)$", lambda said, match: said.part["source"] == match["source"]),
    claim("check", r"; # inputs? cannot be read", lambda said, _: [len(said.document["errors"])]),
    claim(
        "inspect|check|compare_layers",
        r"^(?P<severity>error|warning|note) (?P<rule>BN\d+) [\w-]+(?P<places>.*)$",
        _title,
    ),
    claim("inspect also|check also", r"^Also found in (?P<places>.*)\.$", _also),
    # check
    claim("check", r"judged as a batch of #", lambda said, _: [said.document["judged_batch_size"]]),
    claim("check", r"shapes differ", lambda said, _: len({tuple(one["shape"]) for one in _samples(said)}) > 1),
    claim("check", r"(?:whole cohort \(| in )# (?:samples?|(?P<patches>patch(?:es)?) of # volumes?)", _sample_words),
    claim("check", r"^(?:failed|passed|incomplete): (?P<counts>\d.*?) in ", _counted),
    claim("check", r"no findings in", lambda said, _: not said.document["findings"]),
    claim("check", r"^(?P<outcome>failed|passed|incomplete): ", _outcome),
)
