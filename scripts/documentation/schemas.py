"""The reference of the JSON output, written from the schemas in docs/schema/."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

_Schema = Mapping[str, Any]

_INTRODUCTION = """# JSON

`--format json` prints one document, which a program can read. The field `schema` names its kind and version. Within a
version fields may be added, and none is renamed or removed. Undefined and unknown values are `null`, never 0, and never
NaN, which JSON does not have. Numbers have all their digits: reading them gives the same bits.

Each kind has a [JSON Schema](https://json-schema.org/), which a validator or a code generator can read.

"""

# The documents in the order of the commands, each with the command that prints it.
_PRINTED_BY = {
    "inspect": "bnstat inspect --format json",
    "compare": "bnstat compare --batch-sizes … --format json",
    "compare-frameworks": "bnstat compare --frameworks … --format json",
    "compare-normalizers": "bnstat compare --normalizers … --format json",
    "compare-epsilons": "bnstat compare --epsilons … --format json",
    "compare-intensities": "bnstat compare --intensities … --format json",
    "check": "bnstat check --format json",
    "report": "bnstat report --format json",
    "layers": "bnstat layers MODEL … --format json",
    "checkpoint": "bnstat checkpoint FILE --format json",
    "checkpoint-compare": "bnstat checkpoint FILE FILE … --format json",
    "list": "bnstat inspect FOLDER --list --format json",
    "explain": "bnstat explain --format json",
    "plan": "bnstat plan --format json",
    "moments": "bnstat scan -o moments.jsonl",
    "moments-failure": "bnstat scan -o moments.jsonl",
    "frameworks": "bnstat frameworks --format json",
    "training": 'bnstat.torch.record(model, "run.jsonl")',
    "recording": "bnstat layers run.jsonl --format json",
}


def page(folder: Path) -> str:
    """Return the page of all kinds of documents.

    Args:
        folder: The folder of the schemas.
    """
    files = {file.name.removeprefix("bnstat.").removesuffix("-1.schema.json"): file for file in folder.glob("*.json")}
    order = [name for name in _PRINTED_BY if name in files] + sorted(set(files) - set(_PRINTED_BY))
    return _INTRODUCTION + "\n".join(_document(name, files[name]) for name in order)


def _document(name: str, file: Path) -> str:
    schema: _Schema = json.loads(file.read_text(encoding="utf-8"))
    by = f"Printed by `{_PRINTED_BY[name]}`" if name in _PRINTED_BY else "A document"
    lines = [
        f"## {schema['title']}",
        "",
        f"{by}. Schema: [{file.name}](../schema/{file.name}).",
        "",
        *dict.fromkeys(_line(*field) for part in (schema, *_options(schema)) for field in _fields(part, "", schema)),
    ]
    return "\n".join(lines) + "\n"


def _line(path: str, kind: str, about: str) -> str:
    return f"- `{path}`, *{kind}*" + (f": {about}" if about else "")


def _fields(schema: _Schema, path: str, root: _Schema) -> Iterator[tuple[str, str, str]]:
    """Yield the path, the type and the meaning of every field, outer ones first."""
    required = set(schema.get("required", ()))
    for name, given in schema.get("properties", {}).items():
        one = _resolved(given, root)
        here = f"{path}{name}"
        about = one.get("description", "")
        if name not in required:
            about = f"{about} (not always there)" if about else "not always there"
        yield here, _kind(one, root), re.sub(r"([<>*_|])", r"\\\1", about.replace("\n", " "))
        yield from _within(one, here, root)


def _within(one: _Schema, here: str, root: _Schema) -> Iterator[tuple[str, str, str]]:
    if _is_document(one) or any(_is_document(_resolved(option, root)) for option in _options(one)):
        return  # which has a part of the page of its own
    for inner, mark in ((one, "."), (_resolved(one.get("items") or {}, root), "[].")):
        for part in (inner, *(_resolved(option, root) for option in _options(inner))):
            if "properties" in part:
                yield from _fields(part, here + mark, root)


def _is_document(schema: _Schema) -> bool:
    """Return True for the schema of a whole document, which only they have a title of."""
    return str(schema.get("title", "")).startswith("bnstat.")


def _options(schema: _Schema) -> list[_Schema]:
    return [*schema.get("oneOf", ()), *schema.get("anyOf", ())]


def _resolved(schema: _Schema, root: _Schema) -> _Schema:
    """Return a schema in which a reference to a definition is replaced by it."""
    if "$ref" not in schema:
        return schema
    found: Any = root
    for step in schema["$ref"].removeprefix("#/").split("/"):
        found = found[step]
    return {**_resolved(found, root), **{key: value for key, value in schema.items() if key != "$ref"}}


def _kind(schema: _Schema, root: _Schema) -> str:
    """Return the type in words."""
    if "const" in schema:
        return f"{json.dumps(schema['const'])}"
    if "enum" in schema:
        values = [json.dumps(value, ensure_ascii=False) for value in schema["enum"]]
        return "one of " + ", ".join(values[:6]) + (", …" if len(values) > 6 else "")
    if _options(schema):
        return " or ".join(dict.fromkeys(_kind(_resolved(option, root), root) for option in _options(schema)))
    kinds = schema.get("type", "object" if "properties" in schema else "any")
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if "array" in kinds and isinstance(schema.get("items"), dict):
        inner = _kind(_resolved(schema["items"], root), root)
        kinds = [f"array of {inner}" if kind == "array" else kind for kind in kinds]
    return " or ".join(kinds)
