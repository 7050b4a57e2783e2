"""What a report on the layers of a network claims, each against the JSON document, computed in another way."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from statistics import median
from typing import Any

from claims import Claim, Said, claim, equals

Document = Mapping[str, Any]
Layer = Mapping[str, Any]
Figured = Sequence[tuple[Layer, float]]

# A figure as it is printed: a share in percent may be too small to be printed.
_FIGURE = r"(?:less than )?\d[\d.,]*(?:e[+-]?\d+)?"
_LIMIT = {"moved": 0.05, "mean_gap": 0.25, "variance_ratio": 2.0, "epsilon_share": 0.01}


# --- Figures of the document ---------------------------------------------------------------------------------------


def middle(figures: Sequence[float | None]) -> float | None:
    known = [one for one in figures if one is not None]
    return median(known) if known else None


def _batch(layer: Layer, size: int) -> Any:
    return next((one for one in layer["batches"] if one["batch_size"] == size), None)


def _known(layers: Sequence[Layer], figure: Callable[[Layer], float | None]) -> Figured:
    return [(layer, value) for layer in layers if (value := figure(layer)) is not None]


def _rho(document: Document) -> Figured:
    return _known(document["layers"], lambda layer: middle(layer["rho"]))


def _lost(layer: Layer) -> float | None:
    """The share between samples in training at batch size 1."""
    found = _batch(layer, 1)
    return None if found is None else middle([one and max(one, 0.0) for one in found["shortfall"]])


def _noise(document: Document, size: int) -> Figured:
    def of(layer: Layer) -> float | None:
        found = _batch(layer, size)
        return None if found is None else middle(found["mean_noise"])

    return _known(_of_kind(document, "batch"), of)


def _of_kind(document: Document, kind: str) -> list[Layer]:
    return [layer for layer in document["layers"] if layer["kind"] == kind]


def _ran(document: Document) -> list[int]:
    """The batch sizes at which batches ran through all layers."""
    sizes = sorted({one["batch_size"] for layer in document["layers"] for one in layer["batches"]})
    found = {size: [_batch(layer, size) for layer in document["layers"]] for size in sizes}
    return [size for size in sizes if all(one["drawn"] > 0 and not one["raises"] for one in found[size] if one)]


def _fits(layer: Layer) -> bool:
    gap, ratio = middle(layer["mean_gap"]), middle(layer["variance_ratio"])
    return (gap is None or gap <= 0.25) and (ratio is None or 0.5 <= ratio <= 2)


def _known_stored(document: Document) -> list[Layer]:
    return [layer for layer in document["layers"] if layer["stored"] and not layer["never_updated"]]


def _switched(document: Document) -> Figured:
    return _known(document["layers"], lambda layer: layer["output_moved"])


def _paying(document: Document) -> Figured:
    return [one for one in _switched(document) if one[1] > _LIMIT["moved"]]


# --- Printed figures -----------------------------------------------------------------------------------------------


def is_share(printed: str, value: float | None) -> bool:
    """Return True if a share in percent is this value."""
    if value is None:
        return False
    if printed.startswith("less than"):
        return printed.rsplit(maxsplit=1)[-1] == "0.01" and 0 < value < 1e-4
    number = printed.removesuffix(" %").strip()
    return equals(number, 100 * value) and (value == 0 or float(number.replace(",", "")) != 0)


def is_number(printed: str, value: float | None) -> bool:
    if printed.startswith("less than"):
        return value is not None and printed.split()[2] == "0.0001" and 0 < value < 1e-4
    return equals(printed.removesuffix(" SD").strip(), value)


def _is_span(least: str, most: str | None, values: Sequence[float], alike: Callable[[str, float], bool]) -> bool:
    """Return True if a range, or a number alone, is that of values."""
    return bool(values) and alike(least, min(values)) and alike(most or least, max(values))


def _numbers(text: str) -> list[int]:
    return [int(one.replace(",", "")) for one in re.findall(r"\d[\d,]*\d|\d", text)]


# --- The other layers ----------------------------------------------------------------------------------------------


def _deeper(word: str, unit: str) -> str:
    """The pattern of what is said of all layers but the first."""
    return (
        rf"[aA]t (?:the other {word}, (?P<only>\S+), it is (?P<alone>{_FIGURE}) {unit}"
        rf"|each of the other (?P<many>[\d,]+) {word}s it is (?P<each>{_FIGURE}) {unit}"
        rf"|the other (?P<several>[\d,]+) {word}s it is (?P<least>{_FIGURE}) to (?P<most>{_FIGURE}) {unit})\."
    )


def _is_deeper(groups: Mapping[str, str], found: Figured, alike: Callable[[str, float], bool]) -> bool:
    """Return True if what is said of all layers but the first is so."""
    others = found[1:]
    values = [value for _, value in others]
    if groups["only"]:
        return len(others) == 1 and groups["only"] == others[0][0]["layer"] and alike(groups["alone"], values[0])
    if groups["many"]:
        return _numbers(groups["many"]) == [len(others)] and _is_span(groups["each"], None, values, alike)
    if groups["several"]:
        said = _is_span(groups["least"], groups["most"], values, alike)
        return _numbers(groups["several"]) == [len(others)] and said
    return not others


def _first(groups: Mapping[str, str], found: Figured, alike: Callable[[str, float], bool]) -> bool:
    return bool(found) and groups["first"] == found[0][0]["layer"] and alike(groups["there"], found[0][1])


# --- Claims of the verdict -----------------------------------------------------------------------------------------


def _no_layers(said: Said, groups: Mapping[str, str]) -> bool:
    return not said.document["layers"] and groups["source"] == said.document["model"]["source"]


def _not_finite(said: Said, groups: Mapping[str, str]) -> bool:
    found = [layer for layer in said.document["layers"] if layer["not_finite"]]
    first = found[0]
    every = len(first["not_finite"]) == first["channels"]
    counts = [] if every else [len(first["not_finite"]), first["channels"]]
    more = [len(found) - 1] if len(found) > 1 else []
    return (
        groups["name"] == first["layer"]
        and (groups["every"] is not None) == every
        and _numbers(groups["some"] or "") == counts
        and _numbers(groups["more"] or "") == more
    )


def _refuses(said: Said, groups: Mapping[str, str]) -> bool:
    """Return True if exactly these layers refuse at each of these sizes, and the reason is so."""
    layers, sizes = said.document["layers"], _numbers(groups["sizes"])
    refusing = [
        tuple(layer["layer"] for layer in layers if (one := _batch(layer, size)) and one["raises"]) for size in sizes
    ]
    named = re.split(r", | and ", groups["names"])
    cut = re.fullmatch(r"([\d,]+) more", named[-1])
    listed = named[:-1] if cut else named
    count = len(refusing[0])
    single = all(
        one["values"] == 1
        for layer in layers
        for size in sizes
        if (one := _batch(layer, size)) and one["raises"] and layer["layer"] in refusing[0]
    )
    return (
        len(set(refusing)) == 1
        and list(refusing[0][: len(listed)]) == listed
        and count == len(listed) + (_numbers(cut[1])[0] if cut else 0)
        and _numbers(groups["count"]) == [count]
        and _numbers(groups["all"]) == [len(layers)]
        and (groups["single"] is not None) == single
        and (groups["words"] is None or _first_words(layers, sizes, refusing[0]) == groups["words"])
    )


def _first_words(layers: Sequence[Layer], sizes: Sequence[int], refusing: Sequence[str]) -> str:
    """Return the framework's words of the first layer that refuses."""
    found = [one for layer in layers for size in sizes if (one := _batch(layer, size)) and layer["layer"] in refusing]
    return f' ("{found[0]["message"]}").'


def _larger_batches(said: Said, groups: Mapping[str, str]) -> bool:
    """Return True if a batch norm is among the layers that refuse a single value; only such ones if it is advised."""
    kinds = [
        {
            layer["kind"]
            for layer in said.document["layers"]
            if (one := _batch(layer, size)) and one["raises"] and one["values"] == 1
        }
        for size in {one["batch_size"] for layer in said.document["layers"] for one in layer["batches"]}
    ]
    if groups["help"]:
        return any(one - {"batch"} for one in kinds)
    return {"batch"} in kinds


def _no_batch_norm(said: Said, groups: Mapping[str, str]) -> bool:
    layers = said.document["layers"]
    counts: dict[str, int] = {}
    for layer in layers:
        counts[layer["kind"]] = counts.get(layer["kind"], 0) + 1
    printed = {kind.lower(): _numbers(count)[0] for count, kind in re.findall(r"([\d,]+) (\w+) norm", groups["kinds"])}
    stored = [layer["layer"] for layer in layers if layer["stored"]]
    return (
        not said.document["model"]["normalizers"].get("batch")
        and (groups["seen"] is not None) == bool(said.document["missed"])
        and (groups["nothing"] or groups["neither"]).endswith("in these") == bool(said.document["missed"])
        and printed == counts
        and (groups["stored"] is not None) == bool(stored)
        and (not stored or _names_are(groups["stored"], stored))
    )


def _mixture(said: Said, groups: Mapping[str, str]) -> bool:
    count, every = len(_of_kind(said.document, "batch")), len(said.document["layers"])
    others = every - count
    return (
        [*_numbers(groups["count"]), *_numbers(groups["every"])] == [count, every]
        and (_numbers(groups["others"])[0] if groups["others"] else 1) == others
        and 0 < count < every
    )


def _one_sample(said: Said, groups: Mapping[str, str]) -> bool:
    return len(said.document["samples"]) == 1 and groups["enough"] == "8"


def _averages(said: Said, groups: Mapping[str, str]) -> bool:
    (size,) = _numbers(groups["size"])
    values = [one["values"] for layer in _of_kind(said.document, "batch") if (one := _batch(layer, size))]
    return (
        size == _ran(said.document)[0]
        and _numbers(groups["least"]) == [min(values)]
        and (_numbers(groups["most"]) if groups["most"] else [min(values)]) == [max(values)]
        and (groups["pair"] is not None) == (min(values) == 2)
        and (groups["alone"] is not None) == (min(values) == 1)
        and (groups["still"] is not None) == (size == 1 and min(values) > 1)
    )


def _single(said: Said, groups: Mapping[str, str]) -> bool:
    (size,) = _numbers(groups["size"])
    values = {one["values"] for layer in _of_kind(said.document, "batch") if (one := _batch(layer, size))}
    return size == _ran(said.document)[0] and values == {1}


def _removed(said: Said, groups: Mapping[str, str]) -> bool:
    found = _known(_of_kind(said.document, "batch"), _lost)
    much_less = all(value < found[0][1] / 2 for _, value in found[1:])
    return (
        _first(groups, found, is_share)
        and _is_deeper(groups, found, is_share)
        and (groups["removes"] is not None) == (found[0][1] >= 1e-4)
        and (groups["join"] != ":" or much_less)
    )


def _noisy(said: Said, groups: Mapping[str, str]) -> bool:
    found = _noise(said.document, _ran(said.document)[0])
    return _first(groups, found, is_number) and _is_deeper(groups, found, is_number)


def _evaluation(said: Said, groups: Mapping[str, str]) -> bool:
    found = _rho(said.document)
    stored = any(layer["stored"] for layer in said.document["layers"])
    return (
        _first(groups, found, is_share)
        and _is_deeper(groups, found, is_share)
        and (groups["stored"] is not None) == stored
    )


def _twice(said: Said, groups: Mapping[str, str]) -> bool:
    pairs = [
        (rho, lost, layer["layer"])
        for layer, rho in _rho(said.document)[1:]
        if layer["kind"] == "batch" and (lost := _lost(layer)) is not None
    ]
    more = sum(rho > 2 * lost for rho, lost, _ in pairs)
    if groups["other"]:
        return len(pairs) == more == 1 and groups["other"] == pairs[0][2]
    if groups["both"]:
        return _numbers(groups["all"] or "2") == [more] == [len(pairs)]
    return [*_numbers(groups["more"]), *_numbers(groups["of"])] == [more, len(pairs)] and 2 * more > len(pairs)


def _never_updated(said: Said, groups: Mapping[str, str]) -> bool:
    fresh = [layer["layer"] for layer in said.document["layers"] if layer["never_updated"]]
    stored = [layer for layer in said.document["layers"] if layer["stored"]]
    if groups["all"]:
        return _numbers(groups["all"]) == [len(fresh)] and len(fresh) == len(stored)
    return _names_are(groups["names"], fresh)


def _names_are(text: str, names: Sequence[str]) -> bool:
    """Return True if a text names these, the first ones of many."""
    said = re.split(r", | and ", text)
    more = re.fullmatch(r"([\d,]+) more", said[-1])
    listed = said[:-1] if more else said
    return listed == list(names[: len(listed)]) and len(names) == len(listed) + (_numbers(more[1])[0] if more else 0)


def _stores_nothing(said: Said, groups: Mapping[str, str]) -> bool:
    found = [layer["layer"] for layer in _of_kind(said.document, "batch") if not layer["stored"]]
    return _names_are(groups["names"], found)


def _distance(said: Said, groups: Mapping[str, str]) -> bool:
    known = _known_stored(said.document)
    gaps = _known(known, lambda layer: middle(layer["mean_gap"]))
    ratios = [value for _, value in _known(known, lambda layer: middle(layer["variance_ratio"]))]
    largest = max(value for _, value in gaps)
    off = [layer for layer in known if not _fits(layer)]
    if groups["fit"]:
        how = not off
    elif groups["off"]:
        how = [*_numbers(groups["off"]), *_numbers(groups["of"])] == [len(off), len(known)]
    elif groups["all"]:
        how = _numbers(groups["all"]) == [len(off)] == [len(known)]
    else:
        how = len(known) == len(off) == 1
    return (
        how
        and is_number(groups["gap"], largest)
        and groups["name"] in {layer["layer"] for layer, value in gaps if value == largest}
        and _is_span(groups["least"], groups["most"], ratios, is_number)
    )


def _not_switched(said: Said, _groups: Mapping[str, str]) -> bool:
    document = said.document
    return bool(_known_stored(document)) and not _switched(document) and document["model"]["trains"]


def _whole(document: Document) -> float | None:
    """How much the output changes with all layers switched, or with the only one that was."""
    found = _switched(document)
    return found[0][1] if len(found) == 1 and not _asked(document) else document["output_moved"]


def _asked(document: Document) -> bool:
    return bool(document["settings"]["layers"])


def _depends_on(document: Document) -> bool:
    return bool(_paying(document)) or (document["output_moved"] or 0.0) > _LIMIT["moved"]


def _is_changed(said: Said, groups: Mapping[str, str]) -> bool:
    """Return True if so much of the output changes, in such words, with these layers switched."""
    document, whole = said.document, _whole(said.document)
    if groups["how"] is None:
        return whole is None
    only = _switched(document)
    if groups["only"] and (len(only) != 1 or groups["only"] != only[0][0]["layer"]):
        return False
    classes = document["output"] == "classes"
    if groups["none"] or groups["same"]:
        return whole == 0 and classes == bool(groups["none"])
    return is_share(groups["classes"] or groups["rms"], whole) and classes == bool(groups["classes"])


def _depends(said: Said, groups: Mapping[str, str]) -> bool:
    return _depends_on(said.document) and _is_changed(said, groups)


def _can_stay(said: Said, groups: Mapping[str, str]) -> bool:
    off = not all(_fits(layer) for layer in _known_stored(said.document))
    limit = groups["limit"] == ("5" if _whole(said.document) else None)
    return (groups["off"] is not None) == off and limit and not _depends_on(said.document) and _is_changed(said, groups)


def _changes_most(said: Said, groups: Mapping[str, str]) -> bool:
    paying = sorted(_paying(said.document), key=lambda one: -one[1])
    named = re.findall(rf"(\S+) \(({_FIGURE}) %\)", groups["named"])
    rest = paying[len(named) :]
    others = [share for _, share in _switched(said.document) if share <= _LIMIT["moved"]]
    if (groups["least"] is not None) != bool(others):
        return False
    if others and (_numbers(groups["count"])[0] if groups["count"] else 1) != len(others):
        return False
    return (
        all(
            any(layer["layer"] == name and is_share(printed, share) for layer, share in paying)
            for name, printed in named
        )
        and len(set(named)) == len(named) > 0
        and [share for _, share in paying[: len(named)]]
        == sorted((share for layer, share in paying if layer["layer"] in dict(named)), reverse=True)
        and (groups["rest"] is not None) == bool(rest)
        and (not rest or _numbers(groups["rest"]) == [len(rest)])
        and (not rest or _is_span(groups["low"], groups["high"], [share for _, share in rest], is_share))
        and (not others or _is_span(groups["least"], groups["most"], others, is_share))
    )


def _none_changes(said: Said, groups: Mapping[str, str]) -> bool:
    found = _switched(said.document)
    most = max(share for _, share in found)
    if _paying(said.document):
        return False
    if groups["anything"]:
        return most == 0
    largest = {layer["layer"] for layer, share in found if share == most}
    return is_share(groups["share"], most) and groups["name"] in largest


def _compare(said: Said, groups: Mapping[str, str]) -> bool:
    if (groups["anew"] is not None) == all(_fits(layer) for layer in _known_stored(said.document)):
        return False
    return bool(_paying(said.document)) or (said.document["output_moved"] or 0.0) > _LIMIT["moved"]


def _export(said: Said, groups: Mapping[str, str]) -> bool:
    document = said.document
    off = not all(_fits(layer) for layer in _known_stored(document))
    return off and not document["model"]["trains"] and groups["source"] == document["model"]["source"]


def _unknown(said: Said, _groups: Mapping[str, str]) -> bool:
    document = said.document
    figures = [layer[name] for layer in document["layers"] for name in ("rho", "variance_ratio")]
    return len(document["verdict"]) == 1 and (len(document["samples"]) < 2 or not any(map(any, figures)))


_SIZES = r"(?P<sizes>\d[\d, and]*\d|\d)"
_FIRST = r"the first (?:of these )?"


def _how(output: str) -> str:
    """The pattern of how much the output changes, and with which layers switched."""
    return (
        r"(?P<how>if (?P<only>\S+) uses each sample's own|with each sample's own in their place"
        r"(?: in all norms of the network)?), "
        rf"(?:(?P<classes>{_FIGURE}) % of {output} gets another class|(?P<none>no place of {output} gets another class)"
        rf"|{output} changes by (?P<rms>{_FIGURE}) % \(relative RMS\)?|(?P<same>{output} stays the same))"
    )


_CLAIMS: tuple[tuple[str, Any], ...] = (
    (r"(?P<source>\S+) runs no normalization\.", _no_layers),
    (
        r"NaN or Inf enters (?P<name>\S+) in (?:(?P<some>[\d,]+ of [\d,]+ channels)|(?P<every>every channel))"
        r"(?:, and later (?P<more>[\d,]+) more norms?)?\. Such a channel has no statistics\.",
        _not_finite,
    ),
    (
        rf"At batch sizes? {_SIZES}, (?P<count>[\d,]+) of (?P<all>[\d,]+) norms? refuses? to train: (?P<names>.+?)"
        r"(?:(?P<single>, where a channel has a single value\.)|(?P<words> \(\".*?\"\)\.)|\.(?= |$))",
        _refuses,
    ),
    (
        rf"The network trains at batch sizes? {_SIZES}\.",
        lambda said, groups: _numbers(groups["sizes"]) == _ran(said.document),
    ),
    (
        r"(?:Use larger batches, a larger patch|(?P<help>A larger batch does not help) where each sample is taken)",
        _larger_batches,
    ),
    (
        r"No batch norm(?P<seen> can be seen)?, but (?P<kinds>[^:]+): (?:each sample is normalized by itself\. So "
        r"(?P<nothing>.+), and evaluation mode normalizes as training does\.|in training each sample is normalized by "
        r"itself, so (?P<neither>.+)\. In evaluation mode (?P<stored>.+) uses? stored statistics instead\.)",
        _no_batch_norm,
    ),
    (
        r"(?P<count>[\d,]+) of (?P<every>[\d,]+) norms (?:is a batch norm|are batch norms); the other "
        r"(?:one takes|(?P<others>[\d,]+) take) each sample by itself(?: in training)?\.",
        _mixture,
    ),
    (
        r"(?P<source>\S+) has no training mode, so what batches do",
        lambda said, groups: (
            groups["source"] == said.document["model"]["source"] and not said.document["model"]["trains"]
        ),
    ),
    (r"One sample cannot show how samples differ.*Give at least (?P<enough>\d+) samples\.", _one_sample),
    (
        r"At batch size (?P<size>[\d,]+) a batch norm(?P<still> still)? averages each channel over (?P<least>[\d,]+)"
        r"(?: to (?P<most>[\d,]+))? values(?:(?P<pair> \(2 values always become about −1 and 1\))|"
        r"(?P<alone> \(the variance of a single value is 0\)))?\.",
        _averages,
    ),
    (
        r"At batch size (?P<size>[\d,]+) a batch norm has a single value of each channel, whose variance is "
        r"(?P<zero>0)\.",
        _single,
    ),
    (
        rf"In training, (?P<there>{_FIGURE}) % of the variance that enters {_FIRST}batch norms? \((?P<first>\S+)\) "
        r"lies between samples(?P<removes>, and this norm removes it)?"
        rf"(?P<join>[:.])(?: {_deeper('batch norm', '%')})?",
        _removed,
    ),
    (
        rf"In training the mean of a batch varies from batch to batch: at {_FIRST}batch norms? \((?P<first>\S+)\) by "
        rf"(?P<there>{_FIGURE}) SD \(standard deviations of all values there\)\."
        rf"(?: {_deeper('batch norm', 'SD')})?",
        _noisy,
    ),
    (
        r"In evaluation mode(?P<stored>, with stored statistics,)? the share of the variance that lies between samples "
        rf"\(ρ\) is (?P<there>{_FIGURE}) % at {_FIRST}norms? \((?P<first>\S+)\)\.(?: {_deeper('norm', '%')})?",
        _evaluation,
    ),
    (
        r"At (?:(?P<both>both|all (?P<all>[\d,]+)) deeper batch norms|(?P<more>[\d,]+) of (?P<of>[\d,]+) deeper batch "
        r"norms|(?P<other>\S+)) this is more than twice the share in training at batch size (?P<one>1)\.",
        _twice,
    ),
    (
        r"The stored statistics of (?:all (?P<all>[\d,]+) norms that store any|(?P<names>\S+(?:, \S+)*(?: and .+?)?)) "
        r"are mean (?P<zero>0) and variance (?P<one>1), with which training starts",
        _never_updated,
    ),
    (r"(?P<names>.+?) stores? no statistics: in evaluation mode", _stores_nothing),
    (
        r"The stored statistics (?:(?P<fit>fit these samples)|(?:of (?:(?P<off>[\d,]+) of (?P<of>[\d,]+) norms|all "
        r"(?P<all>[\d,]+) norms that have some) )?are not those of these samples): the means are off by "
        rf"(?P<gap>{_FIGURE}) SD at most \((?P<name>\S+); standard deviations of what enters\), and the ratio of "
        rf"stored variances to theirs is (?P<least>{_FIGURE}?)(?: to (?P<most>{_FIGURE}?))?\.(?= Neither|$)",
        _distance,
    ),
    (
        r"Neither this distance nor ρ \(the share .+?\) tells which norms change the output\. Add --switch",
        _not_switched,
    ),
    (
        rf"The output depends on the stored statistics(?:: {_how('it')})?\.",
        _depends,
    ),
    (
        r"The stored statistics (?P<off>are off, but )?can stay"
        rf"(?:: {_how('the output')}(?:(?: \(|; )limit (?P<limit>\d+) %\))?)?\.",
        _can_stay,
    ),
    (
        rf"If a norm alone uses them, it changes most at (?P<named>\S+ \({_FIGURE} %\)(?:(?:, | and )\S+ "
        rf"\({_FIGURE} %\))*)(?: and (?P<rest>[\d,]+) more \((?P<low>{_FIGURE})(?: to (?P<high>{_FIGURE}))? %\))?"
        rf"(?:; at (?:the other one|each of the other (?P<count>[\d,]+)) by (?P<least>{_FIGURE})"
        rf"(?: to (?P<most>{_FIGURE}))? %)?\.",
        _changes_most,
    ),
    (
        rf"(?:No norm alone changes (?P<anything>anything)|A norm alone changes (?P<share>{_FIGURE}) % or less "
        r"\(most: (?P<name>\S+); limit (?P<most>5) %\))\.",
        _none_changes,
    ),
    (
        r"No channel that enters a norm varies over these samples",
        lambda said, _: all(len(layer["dead"]) == layer["channels"] for layer in said.document["layers"]),
    ),
    (r"Nothing is known of what the norms do with these samples", _unknown),
    (
        r"What to do: compare the network on labelled cases with its stored statistics(?: and with|, with) each "
        r"sample's own(?: \(set running_mean .+ at a time\))?(?P<anew>, and with those of these samples)?",
        _compare,
    ),
    (r"What to do: compute the statistics anew with the code that (?P<source>\S+) was exported from", _export),
)

CLAIMS: tuple[Claim, ...] = tuple(claim("verdict", pattern, holds) for pattern, holds in _CLAIMS)


def verdict_of(report: Any) -> Iterator[Said]:
    """Yield the texts of a verdict, each with the document that it is about."""
    document = report.to_dict()
    for text in document["verdict"]:
        yield Said("verdict", text, {}, {}, {}, document["settings"], document, {}, report=report)
