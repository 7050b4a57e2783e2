"""What the screens of `compare` over layers claim beside their tables."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from claims import Claim, Said, claim, equals
from compare_claims import mean_shown

from bnstat.layers.frameworks import FRAMEWORKS

Match = Mapping[str, str]
Entry = Mapping[str, Any]
Place = tuple[int, int]

_NUMBER = r"[\d.,e+−-]*\d"
# Outputs below it count as 0, and shares of the greater output above the other are notable.
_NOTHING, _NOTABLE = 1e-6, 0.01


def _by(said: Said) -> str:
    return str(said.report.by)


def _entries(said: Said) -> list[Entry]:
    return list(said.document[_by(said)])


def _kind(entry: Entry) -> str:
    return str(entry["normalizer"]).partition(":")[0]


def _parts(batch: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return list(batch.get("channels") or batch["groups"])


def _divisor(entry: Entry, part: Mapping[str, Any]) -> float | None:
    if part["variance"] is None:
        return None
    variance: float = part["variance"]
    return variance + (part["mean"] ** 2 if _kind(entry) == "rms" else 0.0)


def outputs(said: Said, entry: Entry) -> dict[Place, float | None]:
    """Return what is compared: the output of each channel or group, or of each channel between normalizers."""
    if _by(said) == "normalizers":
        return {
            (batch, place): value
            for batch, row in enumerate(entry["channel_outputs"])
            for place, value in enumerate(row)
        }
    name = "output_mean_square" if _kind(entry) == "rms" else "output_variance"
    return {
        (batch["index"], place): part[name] for batch in entry["batches"] for place, part in enumerate(_parts(batch))
    }


def changes(said: Said, first: Entry, other: Entry) -> dict[Place, tuple[float, float]]:
    """Return where the output of another layer differs notably from that of the first."""
    before, after = outputs(said, first), outputs(said, other)
    found = {}
    for place, one in before.items():
        two = after[place]
        if one is None or two is None or max(one, two) < _NOTHING:
            continue
        if abs(one - two) > _NOTABLE * max(one, two):
            found[place] = (one, two)
    return found


def _known(said: Said) -> list[Entry]:
    """Return the layers with a defined output."""
    return [entry for entry in _entries(said) if any(one is not None for one in outputs(said, entry).values())]


# --- Names -------------------------------------------------------------------------------------------------------


def _names(said: Said, entry: Entry) -> set[str]:
    """Return how an entry may be called."""
    if _by(said) == "epsilons":
        return {f"ε {entry['name']}"}
    if _by(said) == "intensities":
        return {str(entry["name"])}
    if _by(said) == "normalizers":
        kind, groups = _kind(entry), str(entry["normalizer"]).partition(":")[2]
        word = {"renorm": "batch renorm", "weight-init": "weight norm's data-dependent start", "rms": "RMS norm"}
        name = word.get(kind, f"{kind} norm")
        return {name + (f" with {groups} group{'' if groups == '1' else 's'}" if groups else "")}
    preset = FRAMEWORKS[entry["framework"]]
    return {preset.title, FRAMEWORKS[preset.maker].title}


def _named(said: Said, text: str) -> list[Entry]:
    """Return the entries that "Keras, Flax or PyTorch" are; a maker's name is that of all its presets."""
    found = []
    for name in re.split(r", | and | or ", text[:1].lower() + text[1:] if _by(said) == "normalizers" else text):
        exact = [entry for entry in _entries(said) if name in _own_name(said, entry)]
        own = exact or [
            entry for entry in _entries(said) if name.lower() in {one.lower() for one in _names(said, entry)}
        ]
        assert own, f"{name} is none of the layers"
        found += own
    return found


def _without_epsilon(said: Said, match: Match) -> bool:
    """Return True if these are the layers that have no ε; weight norm's start needs none."""
    lacking = [one for one in _entries(said) if one["epsilon"] is None and _kind(one) != "weight-init"]
    return {one["name"] for one in _named(said, match["names"])} == {one["name"] for one in lacking}


def _own_name(said: Said, entry: Entry) -> set[str]:
    return {FRAMEWORKS[entry["framework"]].title} if _by(said) == "frameworks" else _names(said, entry)


# --- Places ------------------------------------------------------------------------------------------------------


def _place(said: Said, match: Match) -> Place:
    """Return the batch and the place in it that a sentence names."""
    first = _entries(said)[0]
    batch = int(match["batch"] or 0)
    if match.get("group") is None and match.get("sample") is None:
        return batch, int(match["channel"])
    for one in first["batches"]:
        for place, part in enumerate(_parts(one)):
            ends = {part["channels"][0], part["channels"][-1]}
            named = {int(text) for text in re.findall(r"\d+", match["channel"])}
            if part["sample"] == int(match["sample"]) and ends == named:
                return one["index"], place
    raise AssertionError(match)


_WHERE = (
    r"(?P<group>(?:the )?group of channels |the channel )?(?:channel )?(?P<channel>\d+(?:–\d+)?)"
    r"(?: of sample (?P<sample>\d+))?"
)


def _moves(said: Said, match: Match) -> bool:
    """Return True if the output changes as told, at the place where it changes most, in as many places as told."""
    known = _known(said)
    place = _place(said, match)
    several = len(known[0]["batches"]) > 1 and match["sample"] is None
    if several != (match["batch"] is not None):
        return False
    if known[0] not in _named(said, match["first"]):
        return False
    for entry in _named(said, match["others"]):
        found = changes(said, known[0], entry)
        if not found and _by(said) == "frameworks" and len(_named(said, match["others"])) > 1:
            continue  # two presets of one name, of which only one changes
        largest = max(abs(one - two) for one, two in found.values())
        one, two = found[place]
        told = int(match["places"]) if match["places"] else 1
        if len(found) != told or abs(one - two) < largest * (1 - 1e-9):
            return False
        if not (equals(match["before"], one) and equals(match["after"], two)):
            return False
        if not _reasons(said, known[0], entry, place, match["why"] or ""):
            return False
    return True


def _reasons(said: Said, first: Entry, entry: Entry, place: Place, why: str) -> bool:
    """Return True if the values of ε are those of the layers, and the channels those of a group of the second."""
    epsilons = re.search(r"ε (\S+?) → (\S+?)(?:;|$)", why)
    differ = _by(said) != "epsilons" and first["epsilon"] != entry["epsilon"]
    known = differ and first["epsilon"] is not None and entry["epsilon"] is not None
    if known != (epsilons is not None):
        return False
    if epsilons and not (equals(epsilons[1], first["epsilon"]) and equals(epsilons[2], entry["epsilon"])):
        return False
    group = re.search(r"channels (\d+)–(\d+) are normalized together", why)
    held = [
        part["channels"]
        for part in _parts(entry["batches"][place[0]])
        if len(part.get("channels", [])) > 1 and place[1] in part["channels"]
    ]
    if _by(said) != "normalizers":
        return group is None
    return bool(held) == (group is not None) and (
        group is None or [int(group[1]), int(group[2])] == [held[0][0], held[0][-1]]
    )


def _no_change(said: Said, match: Match) -> bool:
    """Return True if no output of these layers, or of any, differs notably from the first one's."""
    known = _known(said)
    others = known[1:] if match.get("others") is None else _named(said, match["others"])
    if match.get("others") is not None and _by(said) == "frameworks" and len(others) > 1:
        return any(not changes(said, known[0], entry) for entry in others)
    return all(not changes(said, known[0], entry) for entry in others)


def _none_defined(said: Said, _: Match) -> bool:
    return len(_known(said)) < 2


# --- Frameworks --------------------------------------------------------------------------------------------------


def _weights(said: Said, match: Match) -> bool:
    """Return True if each weight is that of the layers that it is told of."""
    for told in match["each"].split("; "):
        weight, _, names = told.partition(" with ")
        entries = [one for one in _named(said, names) if one["batch_weight"] is not None or weight == "unknown"]
        if not any(weight == "unknown" or equals(weight, one["batch_weight"]) for one in entries):
            return False
    return True


def _running_variances(said: Said, match: Match) -> bool:
    """Return True if two layers have these running variances there."""
    batch, place = _place(said, match)
    for name, told in (("first", "before"), ("second", "after")):
        own = [_parts(one["batches"][batch])[place]["running_variance"] for one in _named(said, match[name])]
        if not any(value is not None and equals(match[told], value) for value in own):
            return False
    return True


def _own_variance(said: Said, match: Match) -> bool:
    batch, place = _place(said, match)
    exact = _parts(_entries(said)[0]["batches"][batch])[place]["variance"]
    own = [
        _parts(one["batches"][batch])[place]["predicted_variance"]
        for one in _entries(said)
        if _parts(one["batches"][batch])[place]["prediction"] == "emulated"
    ]
    return equals(match["exact"], exact) and any(equals(match["own"], one) for one in own)


def _bessel(said: Said, match: Match) -> list[float]:
    """Return Bessel's correction in percent, and the least number of values."""
    counts = [part["count"] for batch in _entries(said)[0]["batches"] for part in _parts(batch)]
    unbiased = [one for one in _entries(said) if one["running_variance"] in ("unbiased", "item-unbiased")]
    assert unbiased
    assert any(one in _named(said, match["unbiased"]) for one in unbiased)
    return [100 / (min(counts) - 1), min(counts)]


def _refuses(said: Said, _: Match) -> bool:
    counts = [part["count"] for one in _entries(said) for batch in one["batches"] for part in _parts(batch)]
    return bool(min(counts) == 1)


# --- Normalizers -------------------------------------------------------------------------------------------------


def _constants(said: Said, match: Match) -> bool:
    """Return True if the first part without variance is named, and the others counted, as these layers have them."""
    for entry in _named(said, match["names"]):
        found = [(batch, part) for batch in entry["batches"] for part in _parts(batch) if part["constant"]]
        batch, part = found[0]
        own = {part["channels"][0], part["channels"][-1]} if "channels" in part else {part["channel"]}
        if {int(text) for text in re.findall(r"\d+", match["channels"])} != own:
            return False
        if match["holder"] is not None and int(match["holder"]) != part.get("sample", batch["index"]):
            return False
        if (int(match["more"].replace(",", "")) if match["more"] else 0) != len(found) - 1:
            return False
    return (match["are"] == "are") == (match["more"] is not None)


def _hides(said: Said, match: Match) -> bool:
    """Return True if a layer has no constant part, and takes the channel together with these."""
    (entry,) = _named(said, match["name"])
    parts = [part for batch in entry["batches"] for part in _parts(batch)]
    others = set()
    for first, last in re.findall(r"(\d+)(?:–(\d+))?", match["others"]):
        others |= set(range(int(first), int(last or first) + 1))
    channel = int(match["channel"])
    groups = {tuple(part["channels"]) for part in parts}
    return not any(part["constant"] for part in parts) and tuple(sorted({channel, *others})) in groups


def _no_zero(said: Said, match: Match) -> bool:
    (entry,) = _named(said, match["name"])
    return not any(part["constant"] for batch in entry["batches"] for part in _parts(batch))


def _without_output(said: Said, match: Match) -> bool:
    """Return True if these layers have no output there, and others have these, at as many places as told."""
    place = _place(said, match)
    lacking, known = _named(said, match["names"]), _known(said)
    if any(outputs(said, entry)[place] is not None for entry in lacking):
        return False
    for names, told in re.findall(rf"with ((?:(?! it is ).)*) it is ({_NUMBER})", match["given"]):
        values = [outputs(said, entry)[place] for entry in _named(said, names)]
        if not any(value is not None and equals(told, value) for value in values):
            return False
    others = [entry for entry in known if entry not in lacking]
    places = [
        one
        for one in outputs(said, known[0])
        if all(outputs(said, entry)[one] is None for entry in lacking)
        and any(outputs(said, entry)[one] is not None for entry in others)
    ]
    more = int(match["more"].replace(",", "")) if match["more"] else 0
    return more < len(places) and place in places


def _refuses_epsilon(said: Said, match: Match) -> bool:
    return any(entry["epsilon"] == float(match["epsilon"]) for entry in _entries(said))


def _part_at(said: Said, match: Match) -> Mapping[str, Any]:
    """Return the channel or group of a block in the first entry."""
    batch, place = _place(said, match)
    return _parts(_entries(said)[0]["batches"][batch])[place]


def _steps_of_row(said: Said, match: Match) -> bool:
    """Return True if the steps are those of an entry, which is not further down than the rows of a block."""
    names = [entry["name"] for entry in _entries(said)]
    return match["steps"] in names and 0 < int(match["number"]) <= names.index(match["steps"]) + 1


def _a_name(said: Said, match: Match) -> bool:
    return any(entry["name"] == match["steps"] for entry in _entries(said))


def _heading(said: Said, match: Match) -> list[Any]:
    """Return mean, variance and count of the block's channel or group."""
    part = _part_at(said, match)
    count = [part["count"]] if "channel" in part else []
    return [mean_shown(part["mean"], part["variance"]), part["variance"], *count]


def _groups(said: Said, _: Match) -> list[int]:
    return [int(_entries(said)[0]["normalizer"].partition(":")[2])]


def _counted(said: Said, _: Match) -> Iterator[int]:
    yield len(_entries(said))


def _more(said: Said, match: Match) -> bool:
    return 0 < int(match["more"]) < len(outputs(said, _entries(said)[0]))


def _rows_alike(said: Said, match: Match) -> bool:
    """Return True if these entries have the same outputs."""
    names = [match["name"], *match["others"].split(", ")]
    entries = [next(one for one in _entries(said) if one["name"] == name) for name in names]
    return all(outputs(said, one) == outputs(said, entries[0]) for one in entries)


def _group_norm(said: Said, match: Match) -> bool:
    return any(entry["normalizer"] == f"group:{match['groups']}" for entry in _entries(said))


def _an_epsilon(said: Said, match: Match) -> bool:
    return any(entry["name"] == match["epsilon"] for entry in _entries(said))


def _call(said: Said, match: Match) -> bool:
    """Return True if a call has the ε of the layer whose statistics it gives, and a momentum of the same weight."""
    found = [one for one in said.document["calls"] if one["call"] == match["call"]]
    if not found:
        return False
    like, own = (next(e for e in _entries(said) if e["name"] == found[0][key]) for key in ("statistics_of", "name"))
    epsilon = re.search(r"\beps(?:ilon)?=([\d.e-]+)", match["call"])
    momentum = re.search(r"\b(?:momentum|decay_rate)=([\d.e-]+)", match["call"])
    if momentum is not None and like["batch_weight"] is not None:
        old = FRAMEWORKS[own["framework"]].momentum_weighs == "old"
        weight = 1 - float(momentum[1]) if old else float(momentum[1])
        if abs(weight - like["batch_weight"]) > 1e-9:
            return False
    return epsilon is None or equals(epsilon[1], like["epsilon"])


CLAIMS: tuple[Claim, ...] = (
    claim("compare_layers", r"by more than # %", lambda *_: [1]),
    claim("compare_layers", r"changes above # %", lambda *_: [1]),
    claim(
        "compare_layers",
        r"^(?:No \w+'s output (?:variance|mean square) differs by more than)(?P<others>)?",
        lambda said, _: _no_change(said, {}),
    ),
    claim("compare_layers", r"^With (?P<others>.*?) no \w+'s output .* from that with (?P<first>.*)\.$", _no_change),
    claim("compare_layers", r"^Fewer than two of these layers have a defined output", _none_defined),
    claim(
        "compare_layers",
        rf"^Moving from (?P<first>.*?) to (?P<others>.*?) changes {_WHERE}'s output (?:variance|mean square)"
        rf"(?: in batch (?P<batch>\d+))? from (?P<before>{_NUMBER}) to (?P<after>{_NUMBER})(?: \((?P<why>.*?)\))?"
        r"(?:, the largest of (?P<places>\d+) changes above 1 %)?\.$",
        _moves,
    ),
    claim(
        "compare_layers", r"[Tt]he weight of a batch in (?:them|the running statistics) is (?P<each>.*)\.$", _weights
    ),
    claim(
        "compare_layers",
        rf"^After one training step, channel (?P<channel>\d+)'s running variance(?: in batch (?P<batch>\d+))? is "
        rf"(?P<before>{_NUMBER}) with (?P<first>.*) and (?P<after>{_NUMBER}) with (?P<second>.*)\.$",
        _running_variances,
    ),
    claim(
        "compare_layers",
        rf"computes? (?P<own>{_NUMBER}) for {_WHERE}'s variance(?: in batch (?P<batch>\d+))?, "
        rf"which is (?P<exact>{_NUMBER}):",
        _own_variance,
    ),
    claim("compare_layers", r"(?<=the sums in )float32", lambda *_: True),
    claim(
        "compare_layers",
        r"and that of (?P<unbiased>.*?) is n/\(n − (?P<one>1)\) times as large, .*: # % larger for # values?",
        _bessel,
    ),
    claim("compare_layers", r"to train on a single value", _refuses),
    claim(
        "compare_layers",
        r"^(?:The )?(?:[Gg]roup of channels|[Cc]hannel) (?P<channels>\d+(?:–\d+)?)"
        r"(?: of (?:batch|sample) (?P<holder>\d+))?(?: and (?P<more>[\d,]*\d) more)? (?P<are>is|are) constant: "
        r"with (?P<names>.*) (?:its|their) variance is zero\.$",
        _constants,
    ),
    claim(
        "compare_layers",
        r"^(?P<name>.*) hides that: channel (?P<channel>\d+) shares a group with channels? (?P<others>[\d–, ]*\d)\.$",
        _hides,
    ),
    claim("compare_layers", r"^With (?P<name>.*) no variance is zero, because other", _no_zero),
    claim(
        "compare_layers",
        rf"^With (?P<names>.*?) the output of {_WHERE}(?: in batch (?P<batch>\d+))?(?: and (?P<more>[\d,]*\d) more)? "
        r"is (?:NaN|undefined)[^;]*; (?P<given>.*)\.$",
        _without_output,
    ),
    claim("compare_layers", r"^The output of (?P<names>.*) is undefined without ε", _without_epsilon),
    claim("compare_layers", r"to train with ε (?P<epsilon>[\d.e-]*\d)", _refuses_epsilon),
    claim("compare_layers", r"group norm with (?P<groups>\d+) groups?", _group_norm),
    claim("compare_layers", r"^(?P<call>[\w.]+\(.*\))$", _call),
    claim("compare_layers", r"ε (?P<epsilon>[\d.e+-]*\d)(?=,| and| or| refuse)", _an_epsilon),
    # headings
    claim(
        "compare_layers",
        rf"^{_WHERE}(?: of batch (?P<batch>\d+))?   mean (?:#|–)   variance (?:#|–)(?:   # values?)?$",
        lambda said, match: [one for one in _heading(said, match) if one is not None],
    ),
    claim(
        "compare_layers",
        rf"^{_WHERE}(?: of batch (?P<batch>\d+))?   # values?$",
        lambda said, match: [_part_at(said, match)["count"]],
    ),
    claim(
        "compare_layers",
        r"^# normalizers? as in|: # frameworks?$|: # values? of epsilon|: # ways? to prepare intensities$",
        _counted,
    ),
    claim("compare_layers", r"^steps (?P<number>\d+): (?P<steps>\S+)$", _steps_of_row),
    claim("compare_layers", r"(?P<steps>(?:\d=)?(?:clip|scale):[^ ]*[^ ,.]) changes", _a_name),
    claim(
        "compare_layers",
        r"(?:from|than|or|and|with|With|between|,) (?P<steps>(?:\d=)?(?:clip|scale):[^ ]*[^ ,.;])",
        _a_name,
    ),
    claim(
        "compare_layers",
        r"; # channels? on axis #",
        lambda said, _: [
            _entries(said)[0]["batches"][0]["input_shape"][_entries(said)[0]["batches"][0]["axis"]],
            _entries(said)[0]["batches"][0]["axis"],
        ],
    ),
    claim("compare_layers", r"norm \(# groups?\)", _groups),
    claim("compare_layers", r"^(?P<more>\d+) more (?:channel|group)s? with smaller", _more),
    claim("compare_layers", r"^same numbers as (?P<name>\S+): (?P<others>.*)$", _rows_alike),
    claim("compare_layers", r"(?<=normalization, )# at best", lambda *_: [1]),
    claim("compare_layers", r"#/√", lambda *_: [1]),
    claim("compare_layers", r"r in \[#/#, #\], \|d\| ≤ #", lambda *_: [1, 3, 3, 5]),
)
