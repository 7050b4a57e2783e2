"""Write the schema of `bnstat report`: the documents of other commands inside, and values that only the page has.

The parts of the page are frozen values: their types, and what their docstrings say of each attribute, are the schema.
`python scripts/docs.py` writes it again after a change of these or of one of the schemas inside.
"""

from __future__ import annotations

import inspect
import json
import re
from dataclasses import fields, is_dataclass
from types import NoneType, UnionType
from typing import Any, Literal, Union, cast, get_args, get_origin, get_type_hints

import schemas

from bnstat.reading.voxels.results import Histogram, Plane, Slices
from bnstat.reports.check import RuleInfo
from bnstat.reports.full.curves import SizeFigures
from bnstat.reports.full.epsilon import Epsilons
from bnstat.reports.full.frameworks import FrameworksOnData
from bnstat.reports.full.kinds import KindsOfVolumes
from bnstat.reports.full.made import Made
from bnstat.reports.full.network import NetworkLayer
from bnstat.reports.full.verdict.page_verdict import PageVerdict
from bnstat.reports.full.volumes import ReportedVolume, VolumeChannel

NAME = "report"
# The commands whose documents are inside, and the field that has each.
_INSIDE = {"check": "check", "inspect": "inspect", "compare": "compare"}
_PLAIN = {int: "integer", float: "number", str: "string", bool: "boolean", NoneType: "null"}
_CODES = {"type": "array", "items": {"type": "string", "pattern": "^BN[0-9]{3}$"}}


def made() -> str:
    """Return the text of the schema."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"bnstat.{NAME}/1",
        "description": "The output of `bnstat report --format json`: the documents of check, inspect and compare on "
        "the same volumes, and what the page shows beside them. Undefined values are null, never 0.",
        **_object(
            {
                "schema": {"const": f"bnstat.{NAME}/1"},
                "version": {"type": "string"},
                "title": {"type": "string", "description": "the title of the page"},
                **_verdict(),
                "judged": {**_CODES, "description": "the rules that had something to judge"},
                "found_nothing": {**_CODES, "description": "those of them that found nothing"},
                "not_judged": {**_CODES, "description": "the rules that had nothing to judge"},
                "rules": _several({**_value(RuleInfo), "not_judged": _text("why it had nothing to judge", none=True)}),
                **_documents(),
                "not_compared": _text("why there is no comparison of batch sizes; null if there is one", none=True),
                "compare_without_odd": {
                    "oneOf": [{"$ref": "#/$defs/compare"}, {"type": "null"}],
                    "description": "what bnstat compare says without the volumes in left_out, bnstat.compare/1; null "
                    "if none is odd or broken, or the others are too few",
                },
                "left_out": {
                    "type": "array",
                    "items": {"type": "integer"},
                    "description": "the places in `volumes` of those that compare_without_odd leaves out",
                },
                "kinds": _or_null(
                    _object({**_value(KindsOfVolumes), "groups": _groups()}),
                    "the two kinds that the volumes are of, as of two scanners, without those in left_out",
                ),
                "drawn": {**_several(_value(SizeFigures)), "description": "the batches that compare drew, as shares"},
                "continued": {**_several(_value(SizeFigures)), "description": "the curve beyond the compared sizes"},
                "continued_without_odd": {
                    **_several(_value(SizeFigures)),
                    "description": "that of compare_without_odd beyond its sizes",
                },
                "epsilon": _or_null(_object(_value(Epsilons)), "what epsilon does to the checked batches"),
                "frameworks": _or_null(_object(_value(FrameworksOnData)), "what each framework makes of them"),
                "volumes": _several(_volume()),
                "histograms": {
                    **_several(_value(Histogram)),
                    "description": "one for each channel; none without voxels",
                },
                "slices": {**_several(_slices()), "description": "which slices the page shows, without the pictures"},
                "typical": {
                    "type": ["integer", "null"],
                    "description": "the place in `volumes` of the one that is shown as a typical one",
                },
                "no_voxels": _text("why there are no histograms and no slices; null if there are", none=True),
                "layers": {
                    "type": ["object", "null"],
                    "description": "the document of bnstat layers (bnstat.layers/1) that --layers named, as it is",
                },
                "by_layer": {
                    **_several(_value(NetworkLayer)),
                    "description": "a summary of each layer of that network",
                },
                "made": _object(_value(Made)),
                "notes": {"type": "array", "items": {"type": "string"}},
            }
        ),
        "$defs": {name: _embedded(command, name) for name, command in _INSIDE.items()},
    }
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


# --- Documents of other commands ---------------------------------------------------------------------------------


def _documents() -> dict[str, Any]:
    """Return the fields with documents of other commands; a comparison may be missing."""
    found: dict[str, Any] = {name: {"$ref": f"#/$defs/{name}"} for name in _INSIDE}
    described = {name: f"the document of bnstat {command}, bnstat.{command}/1" for name, command in _INSIDE.items()}
    return {
        name: (
            {"oneOf": [reference, {"type": "null"}], "description": f"{described[name]}; null if there is none"}
            if name == "compare"
            else {**reference, "description": described[name]}
        )
        for name, reference in found.items()
    }


def _embedded(command: str, name: str) -> dict[str, Any]:
    """Return the schema of a command to put inside, with its references to its own parts."""
    text = schemas.path_of(command).read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(text.replace('"$ref": "#/', f'"$ref": "#/$defs/{name}/'))
    schema.pop("$schema")
    return schema


# --- Values ------------------------------------------------------------------------------------------------------


def _verdict() -> dict[str, Any]:
    """Return the fields of the verdict in words."""
    said = {
        "verdict": "the answer, and why, in sentences",
        "next_steps": "what to do",
        "read": "what was read, in sentences",
        "not_said": "what the verdict does not say",
    }
    written = re.findall(r'^            "(\w+)": ', inspect.getsource(PageVerdict.to_fields), re.MULTILINE)
    return {
        name: {"type": "array", "items": {"type": "string"}, "description": said.get(name, name.replace("_", " "))}
        for name in written
    }


def _volume() -> dict[str, Any]:
    """Return the fields of a volume: its sample is written as its own fields."""
    own = _value(ReportedVolume)
    sample: dict[str, Any] = {
        "source": {"type": "string", "description": "the file or the case, as it was named"},
        "index": {"type": ["integer", "null"], "description": "its entry on the batch axis of the file"},
    }
    shape: dict[str, Any] = {
        "shape": {"type": "array", "items": {"type": "integer"}, "description": "that of the file"},
        "dtype": {"type": "string", "description": "the stored type"},
    }
    about = {**own["findings"], "description": "the places in `check.findings` of those about it"}
    channels = _several(_value(VolumeChannel))
    return {
        **sample,
        "samples": own["samples"],
        **shape,
        "group": own["group"],
        "findings": about,
        "channels": channels,
    }


def _groups() -> dict[str, Any]:
    return {
        "type": ["array", "null"],
        "items": {"type": "string"},
        "description": "the names of the groups that the lower and the upper kind are; null if no two groups are them",
    }


def _slices() -> dict[str, Any]:
    planes = _value(Plane)
    return {**_value(Slices), "planes": _several({name: planes[name] for name in ("axis", "index")})}


def _value(kind: type) -> dict[str, Any]:
    """Return the schema of each field of a frozen value."""
    said, types = _attributes(kind), get_type_hints(kind)
    return {
        one.name: {**_type(types[one.name]), **({"description": said[one.name]} if one.name in said else {})}
        for one in fields(cast(Any, kind))
    }


def _attributes(kind: type) -> dict[str, str]:
    """Return what the docstring says of each attribute, in one line."""
    text = inspect.getdoc(kind) or ""
    listed = text.partition("Attributes:\n")[2].partition("\n\n")[0]
    found = re.findall(r"^    (\w+): (.*(?:\n        .*)*)", listed, re.MULTILINE)
    return {name: _said(re.sub(r"\s+", " ", about).rstrip(".")) for name, about in found}


def _said(sentence: str) -> str:
    """Return a sentence as the schemas say it: in JSON, and with a small letter unless it begins with a symbol."""
    said = re.sub(r"\bNone\b", "null", sentence)
    return said if said[1:2].isupper() or said[1:2] == "/" else said[:1].lower() + said[1:]


def _type(kind: object) -> dict[str, Any]:
    """Return the schema of a type."""
    origin, inside = get_origin(kind), get_args(kind)
    if origin is Literal:
        return {"enum": list(inside)}
    if origin in (Union, UnionType):
        options = [_type(one) for one in inside]
        if all(set(one) == {"type"} for one in options):
            names = list(dict.fromkeys(one["type"] for one in options))
            return {"type": [name for name in names if name != "integer" or "number" not in names]}
        if all("enum" in one or one == {"type": "null"} for one in options):
            return {"enum": [value for one in options for value in one.get("enum", [None])]}
        return {"oneOf": options}
    if origin is tuple:
        if inside[-1] is Ellipsis:
            return {"type": "array", "items": _type(inside[0])}
        return {"type": "array", "prefixItems": [_type(one) for one in inside], "items": False}
    if isinstance(kind, type) and is_dataclass(kind):
        return _object(_value(kind))
    return {"type": _PLAIN[kind]} if isinstance(kind, type) and kind in _PLAIN else {}


def _text(about: str, *, none: bool = False) -> dict[str, Any]:
    return {"type": ["string", "null"] if none else "string", "description": about}


def _or_null(schema: dict[str, Any], about: str) -> dict[str, Any]:
    return {"oneOf": [schema, {"type": "null"}], "description": about}


def _several(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": _object(properties)}


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": [*properties], "additionalProperties": False}
