"""What the screens of `compare` over batch sizes, and of `plan`, claim beside their tables."""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import ceil, isclose, sqrt
from typing import Any

from claims import Addend, Claim, Said, claim, equals
from finding_claims import MOMENTUM_ELSEWHERE, momentum_elsewhere

import bnstat
from bnstat.layers.frameworks import FRAMEWORKS

Match = Mapping[str, str]
Point = Mapping[str, Any]

_NUMBER = r"[\d.,e+−-]*\d"


def _setting(*names: str) -> Any:
    return lambda said, _: [said.settings[name] for name in names]


def _samples(said: Said) -> list[Any]:
    return list(said.document["samples"])


def _volumes(said: Said) -> int:
    return len({(one["source"], one.get("index")) for one in _samples(said)})


def _patched(said: Said) -> bool:
    return said.settings["patches"] is not None


def _infinite(said: Said) -> bool:
    return bool(said.settings["population"] == "infinite")


def _counted(said: Said, match: Match) -> list[int]:
    """Return how many samples there are; where they are patches, of how many volumes."""
    assert _patched(said) == (match["patches"] is not None)
    return [len(_samples(said)), *([_volumes(said)] if _patched(said) else [])]


def _maker(said: Said, match: Match) -> bool:
    return match["maker"] == FRAMEWORKS[said.settings["framework"]].title


# --- The population ----------------------------------------------------------------------------------------------


def mean_shown(mean: float | None, variance: float | None) -> float | None:
    """Return a mean as it is shown: 0 where it is nothing but the rounding of its sum."""
    return 0.0 if mean is not None and variance is not None and abs(mean) < 1e-12 * sqrt(variance) else mean


def _split(said: Said, match: Match) -> list[Any]:
    """Return mean, variance, its parts, the samples and the share; the parts add up."""
    one = said.part
    assert abs(one["within"] + one["between"] - one["variance"]) <= 1e-9 * one["variance"]
    share = None if one["rho"] is None else one["rho"]
    alone = [one["samples"], *([one["volumes"]] if _patched(said) else []), one["merged_variance"]]
    first = [mean_shown(one["mean"], one["variance"]), one["variance"], *(alone if _infinite(said) else [])]
    first.append(Addend(one["within"]))
    if match["patches"] is None:
        return [*first, Addend(one["between"]), one["samples"], *([] if share is None else [_small(share)])]
    volumes, patches = one["between_volumes"], one["between_patches"]
    assert abs(volumes + patches - one["between"]) <= 1e-9 * one["between"] + 1e-300
    counts = [one["samples"], one["volumes"]]
    return [*first, Addend(volumes), Addend(patches), *counts, *([] if share is None else [_small(share)])]


def _small(value: float) -> float:
    """Return a share as it is shown: 0 where it is nothing but rounding."""
    return 0.0 if abs(value) < 1e-12 else value


def _one_sample(said: Said, _: Match) -> list[float]:
    assert said.part["samples"] == 1
    return [said.part["within"]]


def _one_volume(said: Said, _: Match) -> list[Any]:
    one = said.part
    assert one["volumes"] == 1
    return [one["variance"], Addend(one["within"]), Addend(one["between_patches"]), one["samples"], 1]


def _merged(said: Said, _: Match) -> list[Any]:
    one = said.part
    return [mean_shown(one["merged_mean"], one["merged_variance"]), one["merged_variance"]]


def _settled(said: Said, _: Match) -> list[Any]:
    """Return the smallest size whose running statistics are known, and where they settle."""
    known = [
        (point["batch_size"], point["channels"][said.part["channel"]])
        for point in said.document["batch_sizes"]
        if point["channels"][said.part["channel"]]["running_variance"] is not None
    ]
    size, one = min(known, key=lambda pair: pair[0])
    return [size, mean_shown(one["running_mean"], one["running_variance"]), one["running_variance"]]


# --- The start of the running statistics -------------------------------------------------------------------------


def _forgotten(said: Said, match: Match) -> bool:
    """Return True if each framework is named with the step from which its start weighs 1 % or less."""
    rows = said.document["running"]["frameworks"]
    titles: dict[str, set[tuple[int | None, float | None]]] = {}
    for row in rows:
        weight, framework = row["batch_weight"], FRAMEWORKS[row["framework"]]
        steps = 1 if framework.debiased else None if weight is None else _first_step(weight)  # its start never weighs
        titles.setdefault(framework.title, set()).add((steps, weight))
    for told, names in re.findall(r"(never|[\d,]+ steps?) \(((?:[^()]|\([^()]*\))*)\)", match["each"]):
        steps = None if told == "never" else int(told.split()[0].replace(",", ""))
        for name in names.split(", "):
            title, at, momentum = re.sub(r" with a cumulative mean$", "", name).partition(" at ")
            weights = [weight for found, weight in titles.get(title, ()) if found == steps]
            if not weights or (at and not any(_weighs(title, float(momentum), weight) for weight in weights)):
                return False
    return True


def _weighs(title: str, momentum: float, weight: float | None) -> bool:
    """Return True if a batch weighs so much with this momentum in the layer of this title."""
    (framework,) = (one for one in FRAMEWORKS.values() if one.title == title)
    return weight is not None and isclose(framework.batch_weight(momentum), weight, abs_tol=1e-12)


def _first_step(weight: float) -> int | None:
    """Return the first step from which the start weighs 1 % or less."""
    if weight <= 0:
        return None
    steps = 1
    while (1 - weight) ** steps > 0.01 * (1 + 1e-12):
        steps += 1
    return steps


# --- The verdict -------------------------------------------------------------------------------------------------


def _advice(said: Said) -> Mapping[str, Any]:
    found: Mapping[str, Any] = said.document["recommendation"]
    return found


def _sizes(said: Said) -> list[int]:
    return sorted(point["batch_size"] for point in said.document["batch_sizes"])


def _points(said: Said) -> list[Point]:
    return sorted(said.document["batch_sizes"], key=lambda point: int(point["batch_size"]))


def _tolerances(said: Said) -> Mapping[str, float]:
    found: Mapping[str, float] = said.settings["tolerances"]
    return found


def _excess(said: Said, one: Mapping[str, Any]) -> float:
    """Return how many times larger a batch the figures of a channel ask for, about."""
    limits = _tolerances(said)
    noise, shortfall = one["mean_noise"] or 0.0, one["variance_shortfall"] or 0.0
    gap = one["train_eval_rms"] or 0.0
    return max((noise / limits["noise"]) ** 2, shortfall / limits["shortfall"], (gap / limits["gap"]) ** 2)


def _beyond(said: Said) -> bool:
    """Return True if a figure of the channel that is judged by is beyond its limit at the smallest size."""
    own, limits = _points(said)[0]["channels"][_advice(said)["channel"]], _tolerances(said)
    gap = _advice(said)["smallest"]["gap"]
    pairs = ((own["mean_noise"], "noise"), (own["variance_shortfall"], "shortfall"), (gap, "gap"))
    return any(value is not None and value > limits[name] for value, name in pairs)


def _headline(said: Said, match: Match) -> bool:
    """Return True if the smallest size is what it is said to be, and the size that would be enough is needed."""
    advice = _advice(said)
    if int(match["size"].replace(",", "")) != _sizes(said)[0] or _beyond(said) != (match["what"] == "is too small"):
        return False
    if match["what"] == "is enough":
        return bool(advice["batch_size"] == _sizes(said)[0])
    if match["enough"] is None:
        return match["what"] != "is too small" or advice["estimate"] is None
    most = None if match["most"] is None else int(match["most"].replace(",", ""))
    surely = advice["most"] if _infinite(said) else None
    return (
        int(match["enough"].replace(",", "")) == advice["estimate"] == _estimate(said)
        and most == surely
        and (match["about"] is not None) == _infinite(said)
        and (match["word"] is not None) == _patched(said)
    )


def _estimate(said: Said) -> int | None:
    """Return the size that mean, variance and gap need, together."""
    found = [one["estimate"] for one in (_advice(said)["mean_and_variance"], _advice(said)["gap"]) if one is not None]
    return None if None in found else max(found)


def _figures(said: Said, match: Match) -> bool:
    """Return True if the smallest size has the named channel's figures, and those beyond their limits are told."""
    point, limits, text = _points(said)[0], _tolerances(said), match["figures"]
    if int(match["size"].replace(",", "")) != point["batch_size"]:
        return False
    channel = int(match["channel"]) if match["channel"] else 0
    if (len(point["channels"]) > 1) != (match["channel"] is not None):
        return False
    own, told = point["channels"][channel], _advice(said)["smallest"]
    if not _about(told["gap"], own["train_eval_rms"]):
        return False
    limit = rf"limit ({_NUMBER})"
    noise = re.search(
        rf"the batch mean is off by ({_NUMBER}) SD \(standard deviations of the population, {limit}\)", text
    )
    shortfall = re.search(rf"the batch variance is ({_NUMBER}) % too low \({limit} %\)", text)
    gap = re.search(rf"the train/eval gap is ({_NUMBER}) \({limit}\)", text)
    figures = [
        (noise, own["mean_noise"], limits["noise"], 1),
        (shortfall, own["variance_shortfall"], limits["shortfall"], 100),
        (gap, told["gap"], limits["gap"], 1),
    ]
    every = not _beyond(said)
    for found, value, most, factor in figures:
        if (found is not None) != (value is not None and (every or value > most)):
            return False
        if found is not None and not (equals(found[1], factor * value) and equals(found[2], factor * most)):
            return False
    # of a larger set, the channel is the one whose size is said to be needed, which its figures here only follow about
    return channel == _advice(said)["channel"] and (_infinite(said) or _is_worst(said, channel))


def _about(gap: float | None, other: float | None) -> bool:
    """Return True if two gaps may be those of batches that are drawn of one channel alone, and of all together."""
    return gap is None or other is None or 0.5 * other - 0.01 <= gap <= 2 * other + 0.01


def _closest(said: Said, match: Match) -> bool:
    """Return True if the largest size is named, with those of its figures that are beyond their limits."""
    point, limits, channel = _points(said)[-1], _tolerances(said), _advice(said)["channel"]
    own, text = point["channels"][channel], match["figures"] or ""
    noise, shortfall, gap = (
        re.search(pattern, text)
        for pattern in (
            rf"batch mean off by ({_NUMBER}) SD",
            rf"batch variance ({_NUMBER}) % too low",
            rf"train/eval gap ({_NUMBER})",
        )
    )
    if int(match["size"].replace(",", "")) != point["batch_size"]:
        return False
    if gap is not None and not _about(float(gap[1].replace(",", "")), own["train_eval_rms"]):
        return False
    exact = ((noise, "mean_noise", "noise", 1), (shortfall, "variance_shortfall", "shortfall", 100))
    return all(
        (found is not None) == (own[name] > limits[limit]) and (found is None or equals(found[1], factor * own[name]))
        for found, name, limit, factor in exact
    )


def _is_worst(said: Said, channel: int) -> bool:
    """Return True if no channel that is judged asks for a much larger batch."""
    unjudged = {one["channel"] for one in _advice(said)["unjudged"]}
    known = [one for one in _points(said)[0]["channels"] if one["channel"] not in unjudged]
    own = next(one for one in known if one["channel"] == channel)
    return _excess(said, own) >= 0.4 * max(_excess(said, one) for one in known) - 1e-9


def _needed(said: Said, match: Match) -> bool:
    """Return True if the sizes are those that are needed; for mean and variance of whole samples, in closed form."""
    advice, parts = _advice(said), []
    for name in ("mean_and_variance", "gap"):
        one, told = advice[name], match[f"for_{name}"]
        if one is None or one["estimate"] is None:
            parts.append(told is None)
            continue
        surely = one["most"] if _infinite(said) else None
        text = f"{'about ' if _infinite(said) else ''}{one['estimate']:,}"
        text += "" if surely is None else f" ({surely:,} with 90 % confidence)"
        parts.append(told == text)
    if not all(parts) or not _infinite(said) or _patched(said) or match["for_mean_and_variance"] is None:
        return all(parts)
    limits, unjudged = _tolerances(said), {one["channel"] for one in advice["unjudged"]}
    shares = [one["rho"] for one in said.document["population"]["channels"] if one["channel"] not in unjudged]
    least = max(max(share / limits["noise"] ** 2, share / limits["shortfall"], 1.0) for share in shares)
    found = advice["mean_and_variance"]["estimate"]
    return bool(found in (ceil(least * (1 - 1e-9)), ceil(least * (1 + 1e-9))))


def _by_estimate(said: Said, match: Match) -> bool:
    """Return True if it is the least compared size of at least the estimate, and not of the upper end."""
    size, estimate, most = int(match["size"].replace(",", "")), _estimate(said), _most(said)
    assert estimate is not None
    least = min(one for one in _sizes(said) if one >= estimate)
    return size == least and (most is None or max(_sizes(said)) < most)


def _holds_all(said: Said, match: Match) -> bool:
    size = int(match["size"].replace(",", ""))
    whole = _patched(said) and size >= _volumes(said) * said.settings["patches"]["per_volume"]
    return whole or any(point["batch_size"] == size and point["takes_all"] for point in _points(said))


def _most(said: Said) -> int | None:
    """Return the size that is enough with the stated confidence."""
    advice = _advice(said)
    found = [one["most"] for one in (advice["mean_and_variance"], advice["gap"]) if one is not None]
    return None if None in found else max(found)


def _none_enough(said: Said, _: Match) -> bool:
    most = _most(said)
    if not _infinite(said):
        return _enough_of_these(said) is None
    return most is None or max(_sizes(said)) < most


def _enough_of_these(said: Said) -> int | None:
    """Return the least size of a part of the samples that is within the limits in all channels; gaps about."""
    unjudged = {one["channel"] for one in _advice(said)["unjudged"]}
    for point in _points(said):
        own = [one for one in point["channels"] if one["channel"] not in unjudged]
        known = all(one["mean_noise"] is not None for one in own)
        if known and not point["takes_all"] and all(_excess(said, one) <= 1.0 for one in own):
            return int(point["batch_size"])
    return None


def _smallest_enough(said: Said, match: Match) -> bool:
    """Return True if a size is enough, and the compared one before it is not."""
    size, most = int(match["size"].replace(",", "")), _most(said)
    if not _infinite(said):
        found = _enough_of_these(said)
        return size in _sizes(said) and (found == size or _near(said, size))
    assert most is not None
    return size == min(one for one in _sizes(said) if one >= most)


def _near(said: Said, size: int) -> bool:
    """Return True if a gap is so close to its limit that batches of one channel alone may be on the other side."""
    point = next(one for one in _points(said) if one["batch_size"] == size)
    return max(_excess(said, one) for one in point["channels"] if one["mean_noise"] is not None) <= 2.0


def _per_rank(said: Said, match: Match) -> bool:
    ranks, size = int(match["ranks"]), int(match["size"].replace(",", ""))
    most = _most(said)
    if ranks != said.settings["ranks"]:
        return False
    return not _infinite(said) or (most is not None and size == min(one for one in _sizes(said) if one * ranks >= most))


def _too_few(said: Said, match: Match) -> bool:
    """Return True if there are as many usable samples as told, and fewer than are needed."""
    number, least = int(match["number"]), int(match["least"])
    usable = {_usable(said, one) for one in said.document["population"]["channels"]}
    few = usable == {number} and number < least == (8 if _infinite(said) else 2)
    return few and ("volume" in match["word"]) == _patched(said)


def _usable(said: Said, channel: Mapping[str, Any]) -> int:
    return int(channel["volumes"] if _patched(said) and channel["samples"] else channel["samples"])


def _unjudged(said: Said, match: Match) -> bool:
    """Return True if each channel is named with its reason, and none is that is judged."""
    named: set[int] = set()
    for channels, reason in re.findall(r"((?:channel \d+(?:, )?)+) \(([^()]*)\)", match["each"]):
        for text in re.findall(r"\d+", channels):
            one = said.document["population"]["channels"][int(text)]
            usable = re.match(r"(\d+) usable (?:samples?|volumes?), of (\d+) that are needed", reason)
            if usable is None and not (reason == "all its values are equal" and one["variance"] == 0):
                return False
            if usable is not None and (int(usable[1]), int(usable[2])) != (
                _usable(said, one),
                8 if _infinite(said) else 2,
            ):
                return False
            named.add(int(text))
    least = 8 if _infinite(said) else 2
    wanted = {
        one["channel"]
        for one in said.document["population"]["channels"]
        if _usable(said, one) < least or not one["variance"]
    }
    return named == wanted


def _all_equal(said: Said, _: Match) -> bool:
    return all(one["variance"] == 0 for one in said.document["population"]["channels"])


def _takes_all(said: Said, match: Match) -> bool:
    return bool(_points(said)[0]["takes_all"]) and int(match["size"]) == _sizes(said)[0]


def _sure(said: Said, _: Match) -> list[float]:
    assert _infinite(said)
    return [90]


def _these(said: Said, match: Match) -> bool:
    return (match["these"] == "this cohort") == _infinite(said)


# --- Findings and runs -------------------------------------------------------------------------------------------


def _title(said: Said, match: Match) -> bool:
    return any(
        one["rule"] == match["rule"] and one["severity"] == match["severity"] for one in said.document["findings"]
    )


def _more_findings(said: Said, match: Match) -> bool:
    return any(
        sum(one["rule"] == rule for one in said.document["findings"]) - 1 == int(match["more"])
        for rule in {one["rule"] for one in said.document["findings"]}
    )


# --- The plan ----------------------------------------------------------------------------------------------------


def _levels(said: Said) -> list[Mapping[str, Any]]:
    return list(said.document["levels"])


def _deepest(said: Said, _: Match) -> list[int]:
    last = _levels(said)[-1]
    assert not any(level["raises"] for level in _levels(said))
    assert (said.document["head"] is not None) == ("of the encoder" in said.text)
    assert last["values_per_sample"] > 2
    return [last["values_per_batch"], last["values_per_sample"]]


def _stops(said: Said, match: Match) -> bool:
    """Return True if it is the first level with as few values, and the layers that refuse there are named."""
    levels = _levels(said)
    last = levels[-1]
    first = next(level for level in levels if level["values_per_sample"] == last["values_per_sample"])
    names = match["names"].split(", ") if match["names"] else []
    number = {"one value": 1, "2 values": 2}[match["number"]]
    each = match["each"] is not None
    return (
        first["level"] == int(match["level"])
        and (match["on"] is None) == (first is last)
        and number == last["values_per_sample"]
        and each == (last["values_per_sample"] != last["values_per_batch"])
        and names == first["raises"]
    )


def _of_batch(said: Said, match: Match) -> bool:
    number = int(match["number"].replace(",", ""))
    return number == _levels(said)[-1]["values_per_batch"] and (match["pair"] is None or number == 2)


def _trains_from(said: Said, match: Match) -> bool:
    size, per_sample = int(match["size"]), min(level["values_per_sample"] for level in _levels(said))
    return size * per_sample >= 2 and (size == 1 or (size - 1) * per_sample < 2)


def _leaves_more(said: Said, **asked: Any) -> bool:
    """Return True if a plan leaves more than two values at every level."""
    ways = [level["downsample"] for level in _levels(said)[1:]] or ["conv"]
    given: dict[str, Any] = {**{name: said.settings[name] for name in ("patch", "strides")}, **asked}
    plan = bnstat.plan(**given, downsample=ways[: len(given["strides"])] or "conv")
    return all(level.values_per_sample > 2 for level in plan.levels)


def _fewer_levels(said: Said, match: Match) -> bool:
    """Return True if so many levels leave more than two values, and one more does not."""
    number = int(match["number"])
    strides = said.settings["strides"]
    fits, more = (_leaves_more(said, strides=strides[: levels - 1]) for levels in (number, number + 1))
    return fits and not more and (match["fewer"] is None) == (number == 1)


def _larger_patch(said: Said, match: Match) -> bool:
    patch = [int(size) for size in match["patch"].split("x")]
    return _leaves_more(said, patch=patch) and not _leaves_more(said, patch=[size // 2 for size in patch])


def _ways(said: Said, match: Match) -> bool:
    return match["ways"].split(", ") == [level["downsample"] for level in _levels(said)[1:]]


def _of_head(said: Said, match: Match) -> bool:
    """Return True if a feature behind the encoder has so many values, and the layers that refuse are named."""
    head = said.document["head"]
    kind = {"global average pooling": "global-pool", "flattening": "flatten"}[match["kind"]]
    number = 1 if match["number"] == "one" else int(match["number"].replace(",", ""))
    names = match["names"].split(", ") if match["names"] else []
    return bool(kind == head["kind"] and number == head["values_per_batch"] and names == head["raises"])


def _shape_at_head(said: Said, match: Match) -> bool:
    """Return True if these are PyTorch's words for the shape that the head has."""
    features = said.document["head"]["features"]
    return [match["batch"], match["features"]] == [str(said.settings["batch_size"]), str(features or "C")]


def _patch(said: Said, match: Match) -> bool:
    return [int(size) for size in match["shape"].split(" × ")] == list(said.settings["patch"])


def _skipped(said: Said, match: Match) -> bool:
    """Return True if a sample of this source, or all of its patches together, have so many such values."""
    source = match["source"].partition("[")[0]
    own = [one for one in said.samples if one.source == source]
    name = "nan" if match["what"] == "NaN" else "inf"
    number = int(match["number"].replace(",", ""))
    counts = [getattr(one, name)[int(match["channel"])] for one in own]
    if match["of"] is not None:
        affected, patches = map(int, re.findall(r"of (\d+) of its (\d+)", match["of"])[0])
        there = (sum(counts), sum(map(bool, counts)), len(counts)) == (number, affected, patches)
    else:
        there = number in counts
    return (
        there
        and source == said.finding["source"].partition("[")[0]
        and int(match["channel"]) == said.finding["channel"]
    )


CLAIMS: tuple[Claim, ...] = (
    claim("compare", r"axis=(?P<axis>1)", lambda *_: True),
    claim("compare", r"Keras (?P<version>2)", lambda *_: True),
    # the title
    claim("compare", r"^# (?:samples?|(?P<patches>patch(?:es)?) of # volumes?), taken as", _counted),
    claim("compare", r"taken as the whole population", lambda said, _: not _infinite(said)),
    claim("compare", r"a random part of a larger population", lambda said, _: _infinite(said)),
    claim(
        "compare", r"; # patch(?:es)? of a volume in a batch", lambda said, _: [said.settings["patches"]["per_volume"]]
    ),
    claim("compare", r"batch norm as in (?P<maker>.+?) \((?:epsilon|no epsilon)", _maker),
    claim("compare", r"epsilon ε = #", _setting("epsilon")),
    claim("compare", r"no epsilon", lambda said, _: said.settings["epsilon"] is None),
    claim(
        "compare", r"values after (?P<steps>.*), each", lambda said, match: match["steps"] == said.settings["intensity"]
    ),
    claim("compare", r"inside the mask nonzero", lambda said, _: said.settings["mask"] == "nonzero"),
    # the population
    claim("compare", r"^channel (?P<channel>\d+): ", lambda said, match: said.part["channel"] == int(match["channel"])),
    claim(
        "compare",
        r"mean #, variance #(?: \(estimate for the larger population; "
        r"these # (?:samples?|patch(?:es)? of # volumes?) alone: #\))? = # within \+ # between "
        r"(?:volumes \+ # between patches of a volume; "
        r"# (?P<patches>patch(?:es)?) of # volumes?|# samples?) \(share between (?:samples|them) ρ = (?:#|–)\)",
        _split,
    ),
    claim("compare", r"variance # within its one sample", _one_sample),
    claim("compare", r"small batch misses; give at least #", lambda said, _: [8 if _infinite(said) else 2]),
    claim("compare", r"variance # = # within \+ # between # patch(?:es)? of # volume\.", _one_volume),
    claim("compare", r"every sample has NaN or Inf", lambda said, _: said.part["samples"] == 0),
    claim("compare", r'whole data set"?\): mean #, variance #', _merged),
    claim("compare", r"running statistics at batch size # converge to mean #, variance #", _settled),
    claim("compare", r"^# synchronized ranks", _setting("ranks")),
    claim("compare", r"after # simulated training steps? ", _setting("steps")),
    claim("compare", r"momentum #", _setting("momentum")),
    claim("compare", r"# at best", lambda *_: [1]),
    claim("compare", r"weigh # % or less: (?P<each>.*)\.$", lambda *_: [1]),
    claim("compare", r"weigh (?P<limit>1) % or less: (?P<each>.*)\.$", _forgotten),
    # the verdict
    claim("compare", r"(?:^|(?<=\. ))Batch size .* for (?P<these>this cohort|exactly these)", _these),
    claim(
        "compare",
        r"(?:^|(?<=\. ))Batch size (?P<size>[\d,]*\d) (?P<what>is too small|is enough|may be enough) for "
        r"(?:this cohort|exactly these (?:samples|volumes))(?:, but \d+ (?:samples?|volumes?) are too few to say so)?"
        r"(?: with \d+ % confidence)?(?:; (?P<about>about )?(?P<enough>[\d,]*\d)"
        r"(?P<word> patch(?:es)?)? would be enough"
        r"(?: \((?P<most>[\d,]*\d) with \d+ % confidence\))?)?\.(?= |$)",
        _headline,
    ),
    claim(
        "compare",
        r"(?:^|(?<=\. ))At batch size (?P<size>[\d,]*\d) (?:in channel (?P<channel>\d+) )?"
        r"(?P<figures>the .*?)\.(?= [A-Z])",
        _figures,
    ),
    claim(
        "compare", r", but # (?:samples?|volumes?) are too few to say so", lambda said, _: [_advice(said)["samples"]]
    ),
    claim("compare", r"(?:^|(?<=\. ))Batch size (?P<size>\d+) takes all of these (?:samples|volumes)", _takes_all),
    claim(
        "compare",
        r"(?:Mean and variance need (?P<for_mean_and_variance>(?:about )?[\d,]*\d(?: \([^)]*\))?))?"
        r"(?:, and )?[Tt]he train/eval gap needs (?P<for_gap>(?:about )?[\d,]*\d(?: \([^)]*\))?)",
        _needed,
    ),
    claim("compare", r"(?P<size>[\d,]*\d) is enough by the estimate", _by_estimate),
    claim("compare", r"(?P<size>[\d,]*\d) is within the limits, but only because it holds every", _holds_all),
    claim("compare", r"; (?P<size>[\d,]*\d) comes closest(?: \((?P<figures>.*?)\))?(?=\.)", _closest),
    claim("compare", r"with # % confidence", _sure),
    claim("compare", r"No compared size is enough", _none_enough),
    claim("compare", r"Of the compared sizes, (?P<size>[\d,]*\d) is the smallest", _smallest_enough),
    claim("compare", r"With (?P<ranks>\d+) synchronized ranks, (?P<size>[\d,]*\d) per rank is enough", _per_rank),
    claim(
        "compare",
        r"(?P<number>\d+) usable (?P<word>samples?|volumes?) (?:is|are) too few to tell .*; "
        r"give at least (?P<least>\d+)",
        _too_few,
    ),
    claim("compare", r"Nothing is said of (?P<each>channel .*?\))(?:\.|$)", _unjudged),
    claim("compare", r"In every channel all values are equal", _all_equal),
    claim("compare", r"too few samples for a batch of #", lambda said, _: [_sizes(said)[0]]),
    # findings
    claim("compare", r"^(?P<severity>error|warning|note) (?P<rule>BN\d+) [\w-]+$", _title),
    claim("compare also", r"There are (?P<more>\d+) more such findings", _more_findings),
    claim("compare BN209", MOMENTUM_ELSEWHERE, momentum_elsewhere),
    claim(
        "compare BN.*",
        r"^(?P<source>.*?): channel (?P<channel>\d+)(?P<of> of # of its # patches, \[.*?\] first,)? "
        r"contains (?P<number>[\d,]*\d) (?P<what>NaN|infinite) values?, so th(?:is|ese)",
        _skipped,
    ),
    # the plan
    claim(
        "plan",
        r", # levels?, batch size #, rounding",
        lambda said, _: [len(_levels(said)), said.settings["batch_size"]],
    ),
    claim("plan", r"batch norm has # values per channel, and instance norm #", _deepest),
    claim(
        "plan",
        r"(?:F|f|A|a)(?:rom|t) level (?P<level>\d+)(?P<on> on)? a channel has (?P<number>one value|2 values)"
        r"(?P<each> in each sample)?(?:.*?refuses? to train \((?P<names>[^)]*)\))?",
        _stops,
    ),
    claim("plan", r"Batch norm has (?P<number>[\d,]*\d) values there(?P<pair>, which always)?", _of_batch),
    claim(
        "plan",
        r"After (?P<kind>.*?) a feature has (?P<number>one|[\d,]*\d) values?(?: in a batch of (?P<size>1))?"
        r"(?:.*?refuses? to train \((?P<names>[^)]*)\))?",
        _of_head,
    ),
    claim("plan", r"torch\.Size\(\[(?P<batch>\d+), (?P<features>\d+|C)\]\)", _shape_at_head),
    claim("plan", r"Expected more than # value per channel", lambda *_: [1]),
    claim("plan", r"rounding as (?P<ways>.*) do", _ways),
    claim("plan", r"about # and #", lambda *_: [-1, 1]),
    claim("plan", r"but # different values", lambda *_: [2]),
    claim("plan", r"learned bias, # at first", lambda *_: [0]),
    claim("plan", r"From batch size (?P<size>\d+) on", _trains_from),
    claim("plan", r"Use (?P<number>\d+) levels?(?P<fewer> or fewer)?(?=,)", _fewer_levels),
    claim("plan", r"such as (?P<patch>\d+(?:x\d+)*)", _larger_patch),
    claim("plan", r"^patch (?P<shape>\d+(?: × \d+)*),", _patch),
    claim("plan", r"rounding up", lambda said, _: said.settings["downsample"] == "conv"),
    claim("plan", r"rounding down", lambda said, _: said.settings["downsample"] == "pool"),
    claim("plan", r"n/\(n−#\)", lambda *_: [1]),
)
