"""The real layers, one adapter each; a framework is a file in this folder and is imported when its layer is run.

An adapter's factory takes the shape of a batch (N, X, Y, Z, C) and a `Setting`, and gives an object with

- `train(batch)` → the output in training mode, channels last; its buffers are updated,
- `evaluate(batch)` → the output in evaluation mode, or None where the layer has no other mode,
- `buffers()` → running mean and running variance, or None where it keeps none,
- `WHOLE_BATCH` → the momentum at which the buffers hold the last batch alone, or None,
- `statistics()` → mean and variance of the last batch where the layer gives them itself; else it is missing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any, Literal

Reduction = Literal["batch", "instance", "layer", "group", "rms"]

CUMULATIVE = "cumulative"


@dataclass(frozen=True)
class Setting:
    """What a user sets in a layer; None is the layer's own default.

    Attributes:
        name: what recordings call it.
        epsilon: ε.
        momentum: in the layer's own convention; "cumulative" stands for PyTorch's momentum=None.
        cases: the cases that it is run on; None for all.
    """

    name: str = "default"
    epsilon: float | None = None
    momentum: float | str | None = None
    cases: tuple[str, ...] | None = None

    def arguments(self, **names: str) -> dict[str, Any]:
        """Keyword arguments of a layer, of what was given: `arguments(epsilon="eps")`."""
        given = {word: getattr(self, field) for field, word in names.items()}
        return {word: None if value == CUMULATIVE else value for word, value in given.items() if value is not None}


DEFAULT = Setting()
SMALL_EPSILON = Setting("epsilon 1e-8", epsilon=1e-8, cases=("channels-3", "tiny-variance", "unit-range"))
GIVEN = Setting("epsilon 0.25, momentum 0.3", epsilon=0.25, momentum=0.3, cases=("channels-3", "batch-3", "sample-ct"))
WITHOUT_BUFFERS = Setting("epsilon 0.25", epsilon=0.25, cases=("channels-3", "batch-3", "sample-ct"))
AVERAGE = Setting("momentum None", momentum=CUMULATIVE, cases=("channels-3", "batch-3", "one-value", "sample-cohort"))


@dataclass(frozen=True)
class Adapter:
    """A real layer that stands for a preset.

    Attributes:
        name: of its recording.
        preset: whose conventions it has.
        layer: the layer, as its users write it.
        factory: module in this folder, and class in it.
        environment: whose requirements it needs: scripts/conformance/requirements-<environment>.txt.
        packages: whose versions are recorded.
        backend: KERAS_BACKEND of its process.
        reduction: what is normalized together; "rms" as "layer", without subtracting a mean.
        groups: of group norm, where the number of channels is a multiple of it; else the case is left out.
        settings: that it is run under.
        keeps_half: whether statistics of float16 input are rounded to float16, somewhere on their way.
        missing: why the layer does not run on a CPU; its recording holds the error alone.
        replaces: whether a weight of 1 puts the batch in place of a NaN in the buffers, and not 0·NaN + batch.
    """

    name: str
    preset: str
    layer: str
    factory: str
    environment: str
    packages: tuple[str, ...]
    backend: str | None = None
    reduction: Reduction = "batch"
    groups: int = 2
    settings: tuple[Setting, ...] = (DEFAULT, GIVEN, SMALL_EPSILON)
    keeps_half: bool = False
    missing: str | None = None
    replaces: bool = False

    def build(self, shape: tuple[int, ...], setting: Setting) -> Any:
        """Build a new layer."""
        module, name = self.factory.split(":")
        return getattr(import_module(f"{__name__}.{module}"), name)(shape, setting, self.groups_of(shape[-1]))

    def groups_of(self, channels: int) -> int | None:
        """Return in how many groups the channels of a sample are normalized; None if whole batches are."""
        return {"batch": None, "instance": channels, "group": self.groups}.get(self.reduction, 1)

    @property
    def normalizer(self) -> str:
        """What bnstat calls it."""
        return f"group:{self.groups}" if self.reduction == "group" else self.reduction

    def takes(self, shape: tuple[int, ...]) -> bool:
        """Return True if the channels fall into groups."""
        return self.reduction != "group" or shape[-1] % self.groups == 0


_TORCH = {"environment": "torch", "packages": ("torch",)}
_FLAX = {"environment": "jax", "packages": ("flax", "jax", "jaxlib")}
_TF = {"environment": "tensorflow", "packages": ("tensorflow",)}
_KERAS2 = {"environment": "tensorflow", "packages": ("tf_keras", "tensorflow")}
_STATELESS = (DEFAULT, WITHOUT_BUFFERS, SMALL_EPSILON)


def _keras(backend: str) -> dict[str, Any]:
    packages = ("jax", "jaxlib") if backend == "jax" else (backend,)
    return {"environment": backend, "packages": ("keras", *packages), "backend": backend}


def _torch() -> list[Adapter]:
    batch = Adapter("torch", "torch", "torch.nn.BatchNorm3d", "pytorch:BatchNorm", **_TORCH)
    batch = replace(batch, settings=(*batch.settings, AVERAGE))
    instance = replace(batch, name="torch-instance", preset="torch-instance", reduction="instance")
    return [
        batch,
        replace(
            batch,
            name="torch-channels-last",
            preset="torch-channels-last",
            layer="torch.nn.BatchNorm3d, torch.channels_last_3d",
            factory="pytorch:BatchNormChannelsLast",
        ),
        replace(
            batch,
            name="torch-syncbn",
            preset="torch-syncbn",
            layer="torch.nn.SyncBatchNorm, gloo group of one process",
            factory="pytorch:SyncBatchNorm",
            settings=(Setting(cases=("channels-3",)),),
            missing="it refuses a CPU",
        ),
        replace(instance, layer="torch.nn.InstanceNorm3d", factory="pytorch:InstanceNorm", settings=_STATELESS),
        replace(
            instance,
            name="torch-instance-track",
            preset="torch-instance-track",
            layer="torch.nn.InstanceNorm3d(track_running_stats=True)",
            factory="pytorch:InstanceNormTracking",
            keeps_half=True,
        ),
        replace(
            instance,
            name="torch-layer",
            preset="torch-layer",
            layer="torch.nn.LayerNorm over channels and space",
            factory="pytorch:LayerNorm",
            reduction="layer",
            settings=_STATELESS,
        ),
        replace(
            instance,
            name="torch-group",
            preset="torch-group",
            layer="torch.nn.GroupNorm(2, C)",
            factory="pytorch:GroupNorm",
            reduction="group",
            settings=_STATELESS,
        ),
        replace(
            instance,
            name="torch-group-channels-last",
            preset="torch-group-channels-last",
            layer="torch.nn.GroupNorm(2, C), torch.channels_last_3d",
            factory="pytorch:GroupNormChannelsLast",
            reduction="group",
            settings=_STATELESS,
        ),
        replace(
            instance,
            name="torch-rms",
            preset="torch-rms",
            layer="torch.nn.RMSNorm over channels and space",
            factory="pytorch:RMSNorm",
            reduction="rms",
            settings=_STATELESS,
        ),
    ]


def _keras_on(backend: str) -> list[Adapter]:
    shared = _keras(backend)
    preset = f"keras-{backend}"
    batch = Adapter(preset, preset, "keras.layers.BatchNormalization", "keras3:BatchNorm", **shared)
    others = [
        Adapter(
            f"keras-group-{backend}",
            "keras-group",
            "keras.layers.GroupNormalization(2)",
            "keras3:GroupNorm",
            reduction="group",
            settings=_STATELESS,
            **shared,
        ),
        Adapter(
            f"keras-instance-{backend}",
            "keras-group",
            "keras.layers.GroupNormalization(-1)",
            "keras3:InstanceNorm",
            reduction="instance",
            settings=_STATELESS,
            **shared,
        ),
        Adapter(
            f"keras-layer-{backend}",
            "keras-layer",
            "keras.layers.LayerNormalization(axis=(1, 2, 3, 4))",
            "keras3:LayerNorm",
            reduction="layer",
            settings=_STATELESS,
            **shared,
        ),
        Adapter(
            f"keras-rms-{backend}",
            "keras-rms",
            "keras.layers.RMSNormalization(axis=(1, 2, 3, 4))",
            "keras3:RMSNorm",
            reduction="rms",
            settings=_STATELESS,
            **shared,
        ),
    ]
    return [batch, *others]


def _keras_tensorflow() -> list[Adapter]:
    batch, *others = _keras_on("tensorflow")
    return [
        batch,
        replace(
            batch,
            name="keras-tensorflow-axis1",
            preset="keras-tensorflow-axis1",
            layer="keras.layers.BatchNormalization(axis=1)",
            factory="keras3:BatchNormAxis1",
        ),
        replace(
            batch,
            name="keras-tensorflow-sync",
            preset="keras-tensorflow-sync",
            layer="keras.layers.BatchNormalization(synchronized=True), one replica",
            factory="keras3:BatchNormSynchronized",
        ),
        *others,
    ]


def _tensorflow() -> list[Adapter]:
    return [
        Adapter("keras2", "keras2", "tf_keras.layers.BatchNormalization", "keras2:BatchNorm", **_KERAS2),
        Adapter(
            "keras2-nonfused",
            "keras2-nonfused",
            "tf_keras.layers.BatchNormalization(fused=False)",
            "keras2:BatchNormNotFused",
            **_KERAS2,
        ),
        Adapter(
            "tensorflow-fused",
            "tensorflow-fused",
            "tf.compat.v1.nn.fused_batch_norm (FusedBatchNormV3)",
            "tensorflow:FusedBatchNorm",
            replaces=True,
            **_TF,
        ),
        Adapter(
            "tensorflow",
            "tensorflow",
            "tf.nn.moments, tf.nn.batch_normalization",
            "tensorflow:Moments",
            keeps_half=True,
            settings=(Setting("epsilon 0.001", epsilon=1e-3), WITHOUT_BUFFERS),
            **_TF,
        ),
    ]


def _flax() -> list[Adapter]:
    batch = Adapter("flax", "flax", "flax.linen.BatchNorm", "flax:BatchNorm", **_FLAX)
    two_pass = "use_fast_variance=False"
    return [
        batch,
        replace(batch, name="flax-nnx", layer="flax.nnx.BatchNorm", factory="flax:NnxBatchNorm"),
        replace(
            batch,
            name="flax-two-pass",
            preset="flax-two-pass",
            layer=f"flax.linen.BatchNorm({two_pass})",
            factory="flax:BatchNormTwoPass",
        ),
        replace(
            batch,
            name="flax-nnx-two-pass",
            preset="flax-two-pass",
            layer=f"flax.nnx.BatchNorm({two_pass})",
            factory="flax:NnxBatchNormTwoPass",
        ),
        replace(
            batch,
            name="flax-layer",
            preset="flax-layer",
            layer="flax.linen.LayerNorm(reduction_axes=(1, 2, 3, 4))",
            factory="flax:LayerNorm",
            reduction="layer",
            settings=_STATELESS,
        ),
        replace(
            batch,
            name="flax-group",
            preset="flax-group",
            layer="flax.linen.GroupNorm(2)",
            factory="flax:GroupNorm",
            reduction="group",
            settings=_STATELESS,
        ),
        replace(
            batch,
            name="flax-instance",
            preset="flax-instance",
            layer="flax.linen.InstanceNorm",
            factory="flax:InstanceNorm",
            reduction="instance",
            settings=_STATELESS,
        ),
        replace(
            batch,
            name="flax-rms",
            preset="flax-rms",
            layer="flax.linen.RMSNorm(reduction_axes=(1, 2, 3, 4))",
            factory="flax:RMSNorm",
            reduction="rms",
            settings=_STATELESS,
        ),
    ]


def _haiku() -> list[Adapter]:
    return [
        Adapter(
            "haiku",
            "haiku",
            "haiku.BatchNorm(decay_rate=0.9)",
            "haiku:BatchNorm",
            "jax",
            ("dm-haiku", "jax", "jaxlib"),
            settings=(Setting("decay 0.9", momentum=0.9), GIVEN),
            keeps_half=True,
        ),
    ]


def _onnx() -> list[Adapter]:
    return [
        Adapter(
            "onnx",
            "onnx",
            "ONNX Runtime, BatchNormalization-15 (training_mode=1)",
            "onnx:BatchNorm",
            "onnx",
            ("onnx", "onnxruntime"),
        )
    ]


def _mlx() -> list[Adapter]:
    layer = "mlx.nn.BatchNorm on a CPU, (N, X·Y·Z, C)"
    return [Adapter("mlx", "mlx", layer, "mlx:BatchNorm", "mlx", ("mlx",), keeps_half=True)]


ADAPTERS = {
    adapter.name: adapter
    for adapter in (
        *_torch(),
        *_keras_on("jax"),
        *_keras_on("torch"),
        *_keras_tensorflow(),
        *_tensorflow(),
        *_flax(),
        *_haiku(),
        *_onnx(),
        *_mlx(),
    )
}
