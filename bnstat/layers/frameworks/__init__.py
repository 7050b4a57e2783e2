"""Presets: the conventions of real layers as data, each with its source.

A maker of frameworks is a file; the list is made by hand.
"""

from __future__ import annotations

import math

from bnstat.errors import UsageError, number, text
from bnstat.layers.arithmetic.float_limits import FLOAT32_MAX
from bnstat.layers.frameworks import keras
from bnstat.layers.frameworks.flax import FLAX
from bnstat.layers.frameworks.framework import NORMALIZERS, RUNNING_START, Framework, Normalizer
from bnstat.layers.frameworks.haiku import HAIKU
from bnstat.layers.frameworks.mlx import MLX
from bnstat.layers.frameworks.onnx import ONNX
from bnstat.layers.frameworks.pytorch import PYTORCH
from bnstat.layers.frameworks.tensorflow import TENSORFLOW
from bnstat.text import closest

__all__ = [
    "ALIASES",
    "BATCH_NORMS",
    "FRAMEWORKS",
    "NORMALIZERS",
    "RUNNING_START",
    "Framework",
    "Normalizer",
    "framework_named",
    "having",
    "layer_of",
    "preset_of",
    "require_epsilon",
    "unlike",
]

FRAMEWORKS = {row.name: row for row in (*keras.KERAS, *PYTORCH, *TENSORFLOW, *keras.KERAS2, *FLAX, *HAIKU, *ONNX, *MLX)}

# The presets that `--framework` names where no normalizer is given.
BATCH_NORMS = {name: row for name, row in FRAMEWORKS.items() if row.normalizer == "batch"}

# Other names in use. Case does not matter, and a hyphen may be an underscore.
ALIASES = {
    "pytorch": "torch",
    "pytorch-channels-last": "torch-channels-last",
    "torch-gpu": "torch-cuda",
    "pytorch-cuda": "torch-cuda",
    "cuda": "torch-cuda",
    "sync-bn": "torch-syncbn",
    "syncbn": "torch-syncbn",
    "syncbatchnorm": "torch-syncbn",
    "keras3": "keras",
    "keras-3": "keras",
    "keras-pytorch": "keras-torch",
    "keras-tf": "keras-tensorflow",
    "keras-2": "keras2",
    "tf-keras": "keras2",
    "tf.keras": "keras2",
    "tf": "tensorflow",
    "tf.nn.moments": "tensorflow",
    "tf-fused": "tensorflow-fused",
    "fusedbatchnorm": "tensorflow-fused",
    "fusedbatchnormv3": "tensorflow-fused",
    "linen": "flax",
    "nnx": "flax",
    "flax-linen": "flax",
    "flax-nnx": "flax",
    "dm-haiku": "haiku",
    "hk": "haiku",
    "onnxruntime": "onnx",
    "onnx-runtime": "onnx",
    "ort": "onnx",
    "mlx.nn": "mlx",
    "mlx-cpu": "mlx",
}

# Inference engines, which have no batch statistics: they fold the stored ones into a scale and a shift.
_ENGINES = ("tensorrt", "trt", "openvino", "coreml", "core-ml", "tflite", "onnx-inference", "ncnn")

# The layer that a maker has for another normalizer than batch norm, or that goes with one of its presets. PyTorch
# copies the input of layer and instance norm to channels first, so that these sum alike in any layout.
_LAYERS: dict[tuple[str, str], Framework] = {
    **{(row.maker, row.normalizer): row for row in FRAMEWORKS.values() if row.normalizer != "batch"},
    ("torch", "instance"): FRAMEWORKS["torch-instance"],  # and not the one that keeps running statistics
    ("torch", "group"): FRAMEWORKS["torch-group"],
    ("torch-channels-last", "group"): FRAMEWORKS["torch-group-channels-last"],
    ("keras", "instance"): keras.INSTANCE,
    **keras.ON_BACKENDS,
    ("keras2", "renorm"): keras.KERAS_2_NONFUSED,
}


def framework_named(name: str) -> Framework:
    """Return the preset of a name or alias, whatever its case.

    Raises:
        UsageError: if there is none; the message names the nearest.
    """
    asked = text("framework", name).lower().replace("_", "-")
    if "," in asked:
        raise UsageError(f"`framework` is one name, and {name!r} is several; use bnstat compare with `frameworks`")
    key = ALIASES.get(asked, asked)
    if key in FRAMEWORKS:
        return FRAMEWORKS[key]
    near = closest(asked, [*FRAMEWORKS, *ALIASES])
    makers = ", ".join(dict.fromkeys(row.maker for row in FRAMEWORKS.values()))
    if asked.removesuffix("v2") == "nnunet":
        raise UsageError(
            f'framework {name!r} is not known: nnU-Net trains with PyTorch\'s instance norm; use `framework="torch"` '
            'with `normalizer="instance"`'
        )
    if asked in _ENGINES:
        raise UsageError(
            f"{name} only runs trained networks: it normalizes with the statistics that these store, and computes "
            'none of a batch; name the framework that the network is trained with, as in `framework="torch"`'
        )
    hint = f"did you mean {near[0]!r}?" if near else f"choose one of {makers}; `bnstat frameworks` lists all"
    raise UsageError(f"framework {name!r} is not known; {hint}")


def preset_of(name: str, normalizer: str = "batch") -> Framework:
    """Return the preset of a framework's layer for a normalizer: of "torch" and "layer", `torch-layer`.

    Args:
        name: name or alias of the framework.
        normalizer: "batch", "instance", "layer", "group", "rms", "renorm" or "weight-init". The last two are done by
            a batch-norm layer, or from the statistics that it computes, and give its preset.

    Raises:
        UsageError: if the name is not known, if there is no such preset, or if the name is that of another
            normalizer's layer.
    """
    named = framework_named(name)
    if normalizer not in (*NORMALIZERS, "renorm", "weight-init"):
        known = ", ".join((*NORMALIZERS, "renorm", "weight-init"))
        raise UsageError(f"normalizer {normalizer!r} is not known; choose one of {known}")
    if named.normalizer == normalizer:
        return named
    if named.normalizer != "batch":
        raise UsageError(
            f'`framework="{name}"` is {named.title}, which cannot do `normalizer="{normalizer}"`; '
            f'type `framework="{named.maker}"` and `normalizer="{named.normalizer}"`'
        )
    if normalizer == "weight-init" or (normalizer == "renorm" and named.renorm):
        return named
    for owner in (named.name, named.maker):
        if (owner, normalizer) in _LAYERS:
            return _LAYERS[owner, normalizer]
    kind = "batch renorm" if normalizer == "renorm" else f"{normalizer} norm"
    raise UsageError(f"{named.name} has no layer for {kind}; choose one of {_having(normalizer)}")


def having(normalizer: str) -> tuple[Framework, ...]:
    """Return the presets of the layers for a normalizer without its number of groups; none for weight norm's start."""
    if normalizer == "renorm":
        found = [preset_of(row.name, normalizer) for row in BATCH_NORMS.values() if row.renorm]
    else:
        found = [row for row in FRAMEWORKS.values() if row.normalizer == normalizer]
    return tuple({row.name: row for row in found}.values())


def _having(normalizer: str) -> str:
    """Return the makers that have a preset for a normalizer, by their names."""
    renorm = (row.maker for row in BATCH_NORMS.values() if normalizer == "renorm" and row.renorm)
    return ", ".join(dict.fromkeys((*renorm, *(maker for maker, kind in _LAYERS if kind == normalizer))))


def layer_of(
    name: str, epsilon: float | None, momentum: float | str | None, normalizer: str = "batch"
) -> tuple[Framework, float | None, float | None]:
    """Return a preset with the ε and momentum of its layer: those given, or its defaults.

    Args:
        name: name or alias of the framework.
        epsilon: ε in place of the layer's; None for its default.
        momentum: momentum in place of the layer's, in its own convention; "none" for the cumulative mean, if the layer
            has it; None for its default.
        normalizer: as for `preset_of`. With "weight-init" there is no ε unless one is given.

    Returns:
        The preset, ε and momentum. ε is None if there is no default and none was given. The momentum is None then too,
        and if the mean is cumulative (`Framework.cumulative`), or no running statistics are kept.

    Raises:
        UsageError: as for `preset_of` and `require_epsilon`; or if the momentum is not from 0 to 1.
    """
    preset = preset_of(name, normalizer)
    own = None if normalizer == "weight-init" else preset.epsilon
    own = own if epsilon is None else number("epsilon", epsilon)
    require_epsilon(preset, own)
    return preset, own, _momentum(preset, momentum)


def require_epsilon(preset: Framework, epsilon: float | None, *, of: str | None = None) -> None:
    """Refuse an ε that no layer can train with, and say what this one would do with it.

    Args:
        preset: the layer.
        epsilon: its ε; None if it has none.
        of: the parameter that gives several values of ε, if this is one of them.

    Raises:
        UsageError: if ε is below 0, no finite number, or infinite in float32.
    """
    if epsilon is None or 0 <= epsilon <= FLOAT32_MAX:
        return
    if epsilon > 0:
        rule = f"at most {FLOAT32_MAX:.4g}, the largest number of float32"
        result = "the layer would divide by infinity, and its output would be the same for all data"
    elif epsilon < 0:
        rule = "0 or more"
        raised = preset.refusal_of(epsilon)
        negative = f"{preset.title} would return NaN wherever the variance is below {-epsilon:g}"
        result = f'{preset.title} raises "{raised}"' if raised else negative
    else:
        rule, result = "numbers" if of else "a number", "the output of every layer would be NaN"
    named = f"`{of}` must all be {rule}, and one" if of else f"`epsilon` must be {rule}, and"
    raise UsageError(f"{named} is {epsilon:g}; {result}")


def _momentum(preset: Framework, given: float | str | None) -> float | None:
    if given is None:
        return preset.momentum
    if not preset.keeps_running:
        raise UsageError(f"{preset.name} keeps no running statistics, so it has no momentum; leave `momentum` out")
    if isinstance(given, str):
        if given.lower() != "none":
            raise UsageError(f"`momentum` must be a number from 0 to 1, or none, and is {given!r}")
        if not preset.cumulative:
            raise UsageError(
                f'`momentum="none"` is the cumulative mean, which only PyTorch has, and {preset.name} does not; '
                "give a number from 0 to 1"
            )
        return None
    momentum = number("momentum", given)
    if not 0 <= momentum <= 1:
        raise UsageError(f"`momentum` must be a number from 0 to 1, and is {momentum:g}{_beyond(preset, momentum)}")
    return momentum


def _beyond(preset: Framework, momentum: float) -> str:
    """Say what a momentum that is not from 0 to 1 would do: every layer takes it."""
    if not math.isfinite(momentum):
        return f"; the running statistics of {preset.title} would be NaN"
    if preset.debiased:  # whose averages stay averages with a decay above 1
        return ""
    return f"; the running variance of {preset.title} could become negative, and its output in evaluation mode NaN"


def unlike(epsilon: float, normalizer: str = "batch") -> tuple[Framework, float]:
    """Return the framework whose layer's default ε differs most from this one, and that ε.

    Args:
        epsilon: the ε to differ from.
        normalizer: a kind of layer, as in `NORMALIZERS`; batch renorm is done by a batch norm.

    Returns:
        The preset that stands for all of its maker's, and the ε of its layer.
    """
    kind = normalizer if normalizer in NORMALIZERS else "batch"
    rows = BATCH_NORMS.values() if kind == "batch" else (row for (_, its), row in _LAYERS.items() if its == kind)
    known = [(FRAMEWORKS[row.maker], row.epsilon) for row in rows if row.epsilon is not None]
    return max(known, key=lambda one: abs(math.log(one[1] / max(epsilon, 1e-300))))
