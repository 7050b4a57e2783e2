"""The reference of frameworks: the tables of `bnstat frameworks`, and each preset in full."""

from __future__ import annotations

import re

from documentation.in_process import printed

_INTRODUCTION = """# Frameworks

A *preset* holds the conventions of one layer of one framework: its ε (epsilon, the number that is added to the
variance), its momentum, which variance goes into the running statistics, and how the layer sums in float32.
`--framework NAME` chooses one. `bnstat frameworks` prints these tables, and `bnstat frameworks NAME` prints one preset.
Other names that people use (`pytorch`, `tf.keras`, `linen`, `syncbn`, …) are understood too.
How close each preset is to the real layer is measured: see [Conformance](../conformance.md).

Engines that run trained networks have no preset: TensorRT, OpenVINO, Core ML and ONNX' `BatchNormalization` with
`training_mode=0` normalize with the mean and the variance that the network stores, and compute none of a batch. They
add the ε of the exported layer (ONNX' default is 1e-05). `mlx` was measured on a CPU and not on Apple's GPUs; MLX'
instance, layer and group norm have no preset yet.
"""


def page() -> str:
    """Return the page of all presets."""
    tables = printed(["frameworks", "--format", "markdown"])
    tables = re.sub(r"^\*\*.*\*\*\n", "", tables, flags=re.MULTILINE).replace("### ", "## ")
    tables = re.sub(r"^## (.)", lambda found: f"## {found[1].upper()}", tables, flags=re.MULTILINE)
    names = re.findall(r"^\| ([a-z0-9-]+) \|", tables, re.MULTILINE)
    names = [name for name in names if name not in ("name", "---")]
    tables = re.sub(r"^\| ([a-z0-9-]+) \|", lambda found: f"| {_linked(found[1], names)} |", tables, flags=re.MULTILINE)
    tables = re.sub(r"\| (\d[\d.]*e-\d+) \|", r"| `\1` |", tables)  # code does not break at the hyphen
    every = "\n".join(_preset(name) for name in names)
    return f"{_INTRODUCTION}\n{tables.strip()}\n\n## Each preset\n\n{every}"


def _linked(name: str, names: list[str]) -> str:
    return f"[`{name}`](#{name})" if name in names else name


def _preset(name: str) -> str:
    text = printed(["frameworks", name, "--format", "markdown"])
    return f"### {name}\n\n{text.split(chr(10), 1)[1].strip()}\n"
