"""Write the schemas of `bnstat compare` by frameworks, normalizers, epsilons and intensities, and of checkpoints.

`python scripts/schemas.py` after a change of bnstat.inspect-1.schema.json or bnstat.checkpoint-1.schema.json in
docs/schema/; a test holds them together.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

SCHEMAS = Path(__file__).parents[1] / "docs" / "schema"

# The settings that belong to each layer and not to all of them.
OWN = {
    "frameworks": ("framework", "epsilon", "momentum"),
    "normalizers": ("normalizer", "epsilon", "momentum"),
    "epsilons": ("epsilon",),
    "intensities": ("intensity",),
}
NAMED = {
    "frameworks": "the preset",
    "normalizers": "the normalizer, as in group:2",
    "epsilons": "epsilon as a text",
    "intensities": "the steps, as in clip:-1000,1000|zscore",
}

# The layers to type: present in comparisons of frameworks only.
_CALLS = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {
            "name": {"type": "string", "description": "the preset whose layer it is"},
            "statistics_of": {"type": "string", "description": "the preset whose epsilon and momentum it has"},
            "call": {"type": "string", "description": "what to type"},
        },
        "required": ["name", "statistics_of", "call"],
        "additionalProperties": False,
    },
    "description": "for each other framework the layer that gives the statistics of the first; of two also the reverse",
}

# The schema of several checkpoints, and the figures of a layer in two of them: lists in channel order.
CHECKPOINTS = "checkpoint-compare"
_FIGURES = {"type": "array", "items": {"type": ["number", "null"]}}
_COUNT = {"type": ["integer", "null"], "description": "the training batches that the file counts"}
_LAYER_MOVED = {
    "layer": {"type": "string", "description": "its path in the file before"},
    "layer_after": {"type": "string", "description": "its path in the other file"},
    "same": {"type": "boolean", "description": "true if both files store the same numbers"},
    "batches_before": _COUNT,
    "batches_after": _COUNT,
    "mean_moved": {
        **_FIGURES,
        "description": "|mean after − mean before|/√(variance before + ε) of each channel; empty without statistics",
    },
    "variance_ratio": {**_FIGURES, "description": "running variance after / before of each channel; empty likewise"},
    "scale_moved": {**_FIGURES, "description": "γ after − γ before of each channel; empty without γ"},
}


def path_of(name: str) -> Path:
    """Return the file of a schema."""
    return SCHEMAS / f"bnstat.{name}-1.schema.json"


def made(by: str) -> str:
    """Return the text of the schema of one kind of comparison."""
    inspect = json.loads(path_of("inspect").read_text(encoding="utf-8"))
    parts = inspect["properties"]
    schema = {
        "$schema": inspect["$schema"],
        "title": f"bnstat.compare-{by}/1",
        "description": f"The output of `bnstat compare --{by} … --format json`. Undefined values are null, never 0. "
        "Batches and findings are those of bnstat.inspect/1.",
        **_object(
            {
                "schema": {"const": f"bnstat.compare-{by}/1"},
                "version": parts["version"],
                "settings": _settings(parts["settings"], by),
                "samples": parts["samples"],
                by: {"type": "array", "minItems": 1, "items": _entry(parts, by)},
                "differences": {
                    "type": "array",
                    "items": {"type": "string"},
                    "description": "sentences on what differs from the first layer, and for which channel it matters",
                },
                **({"calls": _CALLS} if by == "frameworks" else {}),
                "errors": parts["errors"],
                "notes": parts["notes"],
            }
        ),
        "$defs": inspect["$defs"],
    }
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def of_checkpoints() -> str:
    """Return the text of the schema of several checkpoints, which has that of a single one inside."""
    checkpoint = json.loads(path_of("checkpoint").read_text(encoding="utf-8"))
    parts = checkpoint["properties"]
    own = {name: value for name, value in parts.items() if name not in ("schema", "version", "notes")}
    texts = {"type": "array", "items": {"type": "string"}}
    schema = {
        "$schema": checkpoint["$schema"],
        "title": f"bnstat.{CHECKPOINTS}/1",
        "description": "The output of `bnstat checkpoint FILE FILE … --format json`. Undefined values are null, never "
        "0. Files are those of bnstat.checkpoint/1.",
        **_object(
            {
                "schema": {"const": f"bnstat.{CHECKPOINTS}/1"},
                "version": parts["version"],
                "files": {"type": "array", "items": _object(own)},
                "differences": {
                    "type": "array",
                    "items": _object(
                        {
                            "before": {"type": "string", "description": "the file before"},
                            "after": {"type": "string", "description": "the file that is compared with it"},
                            "sentences": {**texts, "description": "what has moved most"},
                            "layers": {"type": "array", "items": _object(_LAYER_MOVED)},
                            "only_before": texts,
                            "only_after": texts,
                            "reshaped": {**texts, "description": "layers of another size in each file"},
                        }
                    ),
                    "description": "each file beside the one before it",
                },
                "errors": json.loads(path_of("inspect").read_text(encoding="utf-8"))["properties"]["errors"],
                "notes": parts["notes"],
            }
        ),
        "$defs": checkpoint["$defs"],
    }
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _object(properties: dict[str, Any], optional: tuple[str, ...] = ()) -> dict[str, Any]:
    required = [name for name in properties if name not in optional]
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _settings(settings: dict[str, Any], by: str) -> dict[str, Any]:
    """Return the settings that hold for every layer."""
    shared = {name: value for name, value in settings["properties"].items() if name not in OWN[by]}
    required = settings.get("required", ())
    return _object(shared, tuple(name for name in shared if name not in required))


def _entry(parts: dict[str, Any], by: str) -> dict[str, Any]:
    """Return the schema of one layer: its settings, and its report."""
    settings = parts["settings"]["properties"]
    batches = {"type": "array", "items": {"$ref": "#/$defs/batch"}}
    fields: dict[str, Any] = {
        "name": {"type": "string", "description": NAMED[by]},
        **{name: settings[name] for name in ("framework", "normalizer", "epsilon", "momentum")},
        **({"intensity": settings["intensity"]} if by == "intensities" else {}),
        "batch_weight": {
            "type": ["number", "null"],
            "description": "the weight of the first batch in the running statistics; null if it is unknown or none "
            "are kept",
        },
        "running_variance": {
            "enum": ["biased", "unbiased", "item-unbiased", None],
            "description": "null if the layer keeps no running variance",
        },
        "batches": batches,
        "synchronized": parts["synchronized"],
    }
    if by == "normalizers":
        fields["channel_outputs"] = {
            "type": "array",
            "items": {"type": "array", "items": {"type": ["number", "null"], "minimum": 0}},
            "description": "for each batch the variance of the values of each channel after the layer, whatever the "
            "channel was normalized together with; `differences` compares these",
        }
    return _object({**fields, "findings": parts["findings"]}, ("synchronized",))


if __name__ == "__main__":
    for kind in OWN:
        path_of(f"compare-{kind}").write_text(made(kind), encoding="utf-8")
    path_of(CHECKPOINTS).write_text(of_checkpoints(), encoding="utf-8")
