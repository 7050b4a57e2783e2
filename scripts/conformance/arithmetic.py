"""Measure what real layers make of a variance, and write tests/recordings/arithmetic-*.json.

`run.py` runs every part in the environment that it needs. With all frameworks installed, this does as well:
``python scripts/conformance/arithmetic.py`` (``--only keras-jax`` measures one part, ``--scans FOLDER`` takes other
NIfTI files than the ones that nibabel tests itself with). Keras takes its backend from the environment, so each part
runs in a process of its own. A part whose framework is missing is left as it was recorded.
Cases are made from seeds; recordings hold the layers' results and, for the large ones, float64 moments of the data.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
# Takes a batch (samples, spatial…, channels) of float32; gives float64 mean and biased variance of each channel.
Layer = Callable[[Floats], Any]

RECORDINGS = Path(__file__).parents[2] / "tests" / "recordings"
FLAGS = ("sse4_1", "avx", "fma", "avx2", "avx512f", "avx512_bf16")
PACKAGES = (
    "numpy",
    "torch",
    "keras",
    "jax",
    "flax",
    "dm-haiku",
    "tensorflow-cpu",
    "tf_keras",
    "onnx",
    "onnxruntime",
    "mlx",
)

# (mean, standard deviation) of normal values
NORMAL = (
    *((0.0, 1.0), (0.0, 1e-3), (10.0, 1.0), (10.0, 1e-3), (1e3, 10.0), (1e3, 0.5), (1e4, 1.0)),
    *((1e6, 1e-3), (1e6, 1.0), (1e6, 1e3), (-1e3, 100.0), (0.0, 1e3)),
)
CONSTANTS = (3000.0, 1000.3, 0.1)
SHAPED = ("unit", "hounsfield", "head", "spike")
# Layers that refuse one value a channel.
REFUSING = ("torch float64", "torch-channels-last threads")
# Values of the largest case of norms of a sample.
MOST_OF_NORMS = 2_000_000
# samples, spatial axes, channels
SHAPES = (
    *((1, (1, 1, 1), 2), (1, (1, 1, 2), 1), (1, (1, 1, 7), 3), (3, (1, 1, 1), 4), (3, (2, 3, 4), 2)),
    *(
        (1, (5, 4, 5), 16),
        (1, (10, 10, 10), 4),
        (3, (10, 10, 10), 1),
        (1, (16, 16, 16), 1),
        (1, (25, 20, 20), 4),
        (3, (25, 20, 20), 1),
        (1, (100, 100, 100), 1),
    ),
    *((1, (100, 100, 100), 3), (3, (64, 64, 32), 5), (1, (32, 32, 32), 32), (1, (64, 64, 64), 16)),
    *((1, (180, 170, 165), 1), (2, (128, 128, 64), 2)),
)


@dataclass(frozen=True)
class Case:
    """Values to normalize: their kind, and the seed that makes them."""

    values: str
    samples: int
    spatial: tuple[int, ...]
    channels: int
    seed: int

    def make(self) -> Floats:
        """Return the batch, channels last."""
        shape = (self.samples, *self.spatial, self.channels)
        return make_values(self.values, shape, np.random.Generator(np.random.PCG64(self.seed))).astype(np.float32)


def cases() -> list[Case]:
    """Return every kind of values in every shape."""
    kinds = [*(f"normal {mean:g} {sd:g}" for mean, sd in NORMAL), *(f"constant {c:g}" for c in CONSTANTS), *SHAPED]
    return [
        Case(kind, *shape, seed=1000 * place + number)
        for place, shape in enumerate(SHAPES)
        for number, kind in enumerate(kinds)
    ]


def make_values(kind: str, shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.float64]:
    """Return values of one kind in the shape (samples, spatial…, channels)."""
    name, *numbers = kind.split()
    if name == "normal":
        mean, sd = map(float, numbers)
        return rng.standard_normal(shape) * sd + mean
    if name == "constant":
        return np.full(shape, float(numbers[0]))
    if name == "unit":  # an image scaled to [0, 1]
        return np.clip(rng.gamma(2.0, 0.05, shape), 0.0, 1.0)
    if name == "spike":  # one voxel of each channel that is not 0
        spiked = np.zeros(shape)
        spiked[0, 0, 0, -1] = 1e4
        return spiked
    inside = _ball(shape[1:-1])[None, ..., None]
    if name == "hounsfield":
        return np.where(inside, rng.integers(-100, 1500, shape), -1024).astype(np.float64)
    return np.where(inside, rng.gamma(9.0, 80.0, shape).round(), 0.0)


def _ball(spatial: tuple[int, ...]) -> NDArray[np.bool_]:
    grids = np.meshgrid(*(np.linspace(-1.0, 1.0, size) for size in spatial), indexing="ij")
    inside: NDArray[np.bool_] = np.sum([grid**2 for grid in grids], axis=0) < 0.7
    return inside


# --- The layers. Momentum is set so that the buffers are the batch's own statistics. ---


def torch_layers() -> dict[str, Layer]:
    """Return the layers of PyTorch on a CPU."""
    import torch

    def channels_first(x: Floats) -> Any:
        return torch.from_numpy(np.ascontiguousarray(np.moveaxis(x, -1, 1)))

    def batch(x: Floats) -> Any:
        count = x.size // x.shape[-1]
        layer: Any = torch.nn.BatchNorm3d(x.shape[-1], momentum=1.0)
        layer(channels_first(x))
        return layer.running_mean.numpy(), layer.running_var.numpy().astype(np.float64) * (count - 1) / count

    def group(x: Floats) -> Any:
        flat = channels_first(x[:1]).reshape(1, x.shape[-1], -1)
        _, mean, rstd = torch.native_group_norm(
            flat, None, None, 1, x.shape[-1], flat.shape[-1], group=x.shape[-1], eps=0.0
        )
        with np.errstate(divide="ignore"):
            return mean.numpy()[0], np.nan_to_num(1.0 / rstd.numpy()[0].astype(np.float64) ** 2, nan=0.0)

    def layer(x: Floats) -> Any:
        rows = torch.from_numpy(np.ascontiguousarray(np.moveaxis(x[0], -1, 0).reshape(x.shape[-1], -1)))
        _, mean, rstd = torch.native_layer_norm(rows, rows.shape[1:], None, None, 0.0)
        with np.errstate(divide="ignore"):
            return mean.numpy()[:, 0], 1.0 / rstd.numpy()[:, 0].astype(np.float64) ** 2

    return {"torch float64": batch, "torch-group welford first": group, "torch-layer welford first": layer}


def torch_cuda_layers() -> dict[str, Layer]:
    """Return the layers of PyTorch on a GPU."""
    import torch

    if not torch.cuda.is_available():
        raise ImportError("no GPU")

    def batch(x: Floats, last: bool) -> Any:
        tensor = torch.from_numpy(np.ascontiguousarray(np.moveaxis(x, -1, 1))).cuda()
        if last:
            tensor = tensor.to(memory_format=torch.channels_last_3d)
        count = x.size // x.shape[-1]
        layer: Any = torch.nn.BatchNorm3d(x.shape[-1], momentum=1.0).cuda()
        layer(tensor)
        return layer.running_mean.cpu().numpy(), layer.running_var.cpu().numpy().astype(np.float64) * (
            count - 1
        ) / count

    return {
        "torch-cuda welford": lambda x: batch(x, False),
        "torch-cuda-channels-last welford": lambda x: batch(x, True),
    }


def keras_layers(backend: str) -> dict[str, Layer]:
    """Return the layers of Keras 3, whose backend must be set before it is imported."""
    os.environ["KERAS_BACKEND"] = backend
    import keras

    def eager(x: Floats, axis: int = -1, **options: Any) -> Any:
        layer = keras.layers.BatchNormalization(axis=axis, momentum=0.0, **options)
        layer(x, training=True)
        return tuple(
            keras.ops.convert_to_numpy(stat).astype(np.float64) for stat in (layer.moving_mean, layer.moving_variance)
        )

    if backend == "torch":
        return {"keras-torch one-pass-cascade": eager}
    if backend == "tensorflow":
        first = lambda x: eager(np.ascontiguousarray(np.moveaxis(x, -1, 1)), axis=1)  # noqa: E731
        return {
            "keras-tensorflow sequential": eager,
            "keras-tensorflow-axis1 blocked": first,
            "keras-tensorflow-sync one-pass-plain": lambda x: eager(x, synchronized=True),
        }
    import jax

    def jitted(x: Floats) -> Any:
        layer = keras.layers.BatchNormalization(momentum=0.0)
        layer.build(x.shape)
        call = jax.jit(lambda ours, frozen, x: layer.stateless_call(ours, frozen, x, training=True)[1])
        state = call([v.value for v in layer.trainable_variables], [v.value for v in layer.non_trainable_variables], x)
        return tuple(np.asarray(stat, np.float64) for stat in state)

    return {"keras-jax tree": eager, "keras-jax-jit tree": jitted}


def flax_layers() -> dict[str, Layer]:
    """Return the layers of Flax linen, with each operation by itself and compiled."""
    import jax
    from flax import linen

    def layer(fast: bool, jit: bool) -> Layer:
        module = linen.BatchNorm(use_running_average=False, momentum=0.0, use_fast_variance=fast)

        def apply(x: Any) -> Any:
            variables = module.init(jax.random.PRNGKey(0), x[:1, :1, :1, :1])
            return module.apply(variables, x, mutable=["batch_stats"])[1]["batch_stats"]

        compiled = jax.jit(apply) if jit else apply

        def measured(x: Floats) -> Any:
            stats = compiled(x)
            return np.asarray(stats["mean"], np.float64), np.asarray(stats["var"], np.float64)

        return measured

    return {
        "flax one-pass-clamped": layer(True, False),
        "flax-jit one-pass-clamped": layer(True, True),
        "flax-two-pass tree": layer(False, False),
        "flax-two-pass-jit tree": layer(False, True),
    }


def haiku_layers() -> dict[str, Layer]:
    """Return the layers of Haiku, with each operation by itself and compiled."""
    import haiku
    import jax

    def normalize(x: Any) -> Any:
        return haiku.BatchNorm(create_scale=True, create_offset=True, decay_rate=0.0)(x, is_training=True)

    pure = haiku.transform_with_state(normalize)

    def apply(x: Any) -> Any:
        parameters, state = pure.init(None, x[:1, :1, :1, :1])
        return pure.apply(parameters, state, None, x)[1]

    def layer(compiled: Callable[[Any], Any]) -> Layer:
        def measured(x: Floats) -> Any:
            state = compiled(x)
            return tuple(
                np.asarray(state[f"batch_norm/~/{name}_ema"]["average"], np.float64).reshape(-1)
                for name in ("mean", "var")
            )

        return measured

    return {"haiku one-pass": layer(apply), "haiku-jit one-pass": layer(jax.jit(apply))}


# --- Norms of each sample. Their layers keep no statistics, so these are taken where the layer computes them. ---


class Caught:
    """A stand-in for a function that returns mean and variance, which remembers what it returned."""

    def __init__(self, real: Callable[..., Any]) -> None:
        self.real = real
        self.last: Any = None

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        """Call the real function, and keep what it returns."""
        self.last = self.real(*arguments, **options)
        return self.last

    def of(self, call: Callable[[Floats], Any], x: Floats) -> Any:
        """Return the mean and the variance of each group, computed while the layer ran."""
        call(x)
        return tuple(np.asarray(statistic, np.float64).reshape(-1) for statistic in self.last[:2])


def torch_norms() -> dict[str, Layer]:
    """Return PyTorch's instance norm. Its group and layer norm are among `torch_layers`."""
    import torch

    def instance(x: Floats) -> Any:
        count = x[0, ..., 0].size
        layer: Any = torch.nn.InstanceNorm3d(x.shape[-1], momentum=1.0, track_running_stats=True)
        layer(torch.from_numpy(np.ascontiguousarray(np.moveaxis(x, -1, 1))))
        return layer.running_mean.numpy(), layer.running_var.numpy().astype(np.float64) * (count - 1) / count

    return {"torch-instance instance": instance}


def torch_last_norms() -> dict[str, Layer]:
    """Return PyTorch's group norm with channels last in memory, in one thread."""
    import torch

    torch.set_num_threads(1)

    def group(x: Floats) -> Any:
        groups = groups_of(x.shape[-1])
        tensor = torch.from_numpy(x).permute(0, 4, 1, 2, 3)
        _, mean, scale = torch.native_group_norm(
            tensor, None, None, 1, x.shape[-1], x[0, ..., 0].size, group=groups, eps=0.0
        )
        with np.errstate(divide="ignore"):  # a variance of 0
            return mean.numpy()[0], np.nan_to_num(1.0 / scale.numpy()[0].astype(np.float64) ** 2)

    return {"torch-group-channels-last group": group}


def keras_norms(backend: str) -> dict[str, Layer]:
    """Return instance norm, group norm, and layer norm over channels and space, of Keras 3."""
    os.environ["KERAS_BACKEND"] = backend
    import keras
    from keras.src import ops

    caught: Any = Caught(ops.moments)
    ops.moments = ops.nn.moments = caught

    def instance(x: Floats) -> Any:
        return caught.of(keras.layers.GroupNormalization(-1), x)

    def group(x: Floats) -> Any:
        return caught.of(keras.layers.GroupNormalization(groups_of(x.shape[-1])), x)

    def layer(x: Floats) -> Any:
        return caught.of(keras.layers.LayerNormalization(axis=(1, 2, 3, 4)), x)

    def kernel(x: Floats) -> Any:
        """Call PyTorch's kernel, as the layer does there: it returns the statistics itself."""
        import torch

        _, mean, scale = torch.native_layer_norm(torch.from_numpy(x), x.shape[1:], None, None, 0.0)
        with np.errstate(divide="ignore"):
            return mean.numpy().reshape(-1), np.nan_to_num(1.0 / scale.numpy().reshape(-1).astype(np.float64) ** 2)

    return {
        f"keras-instance-{backend} instance": instance,
        f"keras-group-{backend} group": group,
        f"keras-layer-{backend} layer": kernel if backend == "torch" else layer,
    }


def flax_norms() -> dict[str, Layer]:
    """Return the norms of Flax linen, with each operation by itself."""
    import jax
    from flax import linen

    caught: Any = Caught(linen.normalization._compute_stats)
    linen.normalization._compute_stats = caught

    def layer(module: Any) -> Layer:
        return lambda x: caught.of(lambda x: module.init_with_output(jax.random.PRNGKey(0), x), x)

    return {
        "flax-instance instance": layer(linen.InstanceNorm()),
        "flax-group group": lambda x: layer(linen.GroupNorm(groups_of(x.shape[-1])))(x),
        "flax-layer layer": layer(linen.LayerNorm(reduction_axes=(1, 2, 3, 4))),
    }


def groups_of(channels: int) -> int:
    """Return in how many groups these channels are normalized."""
    return 1 if channels % 2 else 2


NORMS: dict[str, Callable[[], dict[str, Layer]]] = {
    "torch": torch_norms,
    "torch-channels-last": torch_last_norms,
    "keras-jax": lambda: keras_norms("jax"),
    "keras-torch": lambda: keras_norms("torch"),
    "keras-tensorflow": lambda: keras_norms("tensorflow"),
    "flax": flax_norms,
}


def measure_norms(part: str, most: int) -> dict[str, list[list[Any]]]:
    """Return for each layer and case the group of the first sample that is farthest from the truth."""
    layers = NORMS[part]()
    rows: dict[str, list[list[Any]]] = {name: [] for name in layers}
    for case in cases():
        x = case.make()[:1] if case.samples * prod(case.spatial) * case.channels <= most else np.zeros(0, np.float32)
        for name, layer in layers.items():
            kind = name.split()[1]
            groups = {"instance": case.channels, "group": groups_of(case.channels), "layer": 1}[kind]
            if x.size < 2 * groups:
                continue
            grouped = np.moveaxis(x.reshape(-1, groups, case.channels // groups), 1, -1)
            label = f"{case.values} | 1 x {case.spatial} x {case.channels}"
            rows[name].append([label, *_worst(grouped, *layer(x))])
    return rows


def torch_last_layers() -> dict[str, Layer]:
    """Return the layers of PyTorch with channels last in memory, in one thread."""
    import torch

    torch.set_num_threads(1)

    def batch(x: Floats) -> Any:
        count = x.size // x.shape[-1]
        layer: Any = torch.nn.BatchNorm3d(x.shape[-1], momentum=1.0)
        layer(torch.from_numpy(x).permute(0, 4, 1, 2, 3))
        return layer.running_mean.numpy(), layer.running_var.numpy().astype(np.float64) * (count - 1) / count

    return {"torch-channels-last threads": batch}


def tensorflow_layers() -> dict[str, Layer]:
    """Return TensorFlow's operations, and the layers of Keras 2.

    The fused ones sum plainly in one channel too, as "threads" does.
    """
    import tensorflow as tf
    import tf_keras

    def biased(variance: Any, x: Floats) -> Any:
        count = x.size // x.shape[-1]
        return np.asarray(variance, np.float64) * max(count - 1, 1) / count

    def fused(x: Floats) -> Any:
        _, mean, variance = _tensorflow_fused(tf, x, "NDHWC")
        return mean.numpy(), biased(variance, x)

    def keras2(x: Floats, *, fused: bool) -> Any:
        layer = tf_keras.layers.BatchNormalization(momentum=0.0, fused=fused)
        for _ in range(2):  # old − (old − batch) has the rounding of what it starts from
            layer(x, training=True)
        variance = layer.moving_variance.numpy().astype(np.float64)
        return layer.moving_mean.numpy(), biased(variance, x) if fused else variance

    return {
        "tensorflow sequential": lambda x: tuple(one.numpy() for one in tf.nn.moments(x, [0, 1, 2, 3])),
        "tensorflow-fused threads": fused,
        "keras2 threads": lambda x: keras2(x, fused=True),
        "keras2-nonfused sequential": lambda x: keras2(x, fused=False),
    }


def _tensorflow_fused(tf: Any, x: Floats, layout: str) -> Any:
    channels, empty = x.shape[-1], np.zeros(0, np.float32)
    given = {"scale": tf.ones(channels), "offset": tf.zeros(channels), "mean": empty, "variance": empty}
    return tf.raw_ops.FusedBatchNormV3(x=x, data_format=layout, is_training=True, **given)[:3]


def onnx_layers() -> dict[str, Layer]:
    """Return the layers of ONNX Runtime."""
    import onnx
    import onnxruntime

    def batch(x: Floats) -> Any:
        return _onnx_statistics(onnx, onnxruntime, _aligned(np.ascontiguousarray(np.moveaxis(x, -1, 1))))

    return {"onnx lanes": batch}


def mlx_layers() -> dict[str, Layer]:
    """Return MLX's layer on a CPU."""
    return {"mlx rows": _mlx_statistics}


def _mlx_statistics(x: Floats) -> Any:
    """Return the mean and the biased variance by which MLX normalizes: those of (N, X·Y·Z, C)."""
    import mlx.core as mx
    from mlx import nn

    mx.set_default_device(mx.cpu)
    layer: Any = nn.BatchNorm(x.shape[-1])
    rows = mx.array(np.ascontiguousarray(x)).reshape(x.shape[0], -1, x.shape[-1])
    return tuple(np.array(one) for one in layer._calc_stats(rows))


PARTS: dict[str, Callable[[], dict[str, Layer]]] = {
    "torch": torch_layers,
    "torch-channels-last": torch_last_layers,
    "tensorflow": tensorflow_layers,
    "onnx": onnx_layers,
    "torch-cuda": torch_cuda_layers,
    "keras-jax": lambda: keras_layers("jax"),
    "keras-torch": lambda: keras_layers("torch"),
    "keras-tensorflow": lambda: keras_layers("tensorflow"),
    "flax": flax_layers,
    "haiku": haiku_layers,
    "mlx": mlx_layers,
}


# --- Bands ---


def batches(scans: list[Path]) -> Iterator[tuple[str, Floats]]:
    """Yield all cases, and the scans as batches of one."""
    for case in cases():
        yield f"{case.values} | {case.samples} x {case.spatial} x {case.channels}", case.make()
    for path in scans:
        stored = _scan(path)
        if stored is not None:
            yield path.name, stored


def own_scans() -> list[Path]:
    """Yield the scans that nibabel is tested with."""
    import nibabel

    return sorted((Path(nibabel.__file__).parent / "tests" / "data").glob("*.nii*"))


def _scan(path: Path) -> Floats | None:
    import nibabel

    try:
        image: Any = nibabel.load(path)
        values = np.asarray(image.dataobj)
        if values.dtype.kind not in "iuf" or not 3 <= values.ndim <= 4:
            return None
    except Exception:  # some of nibabel's files are made to be damaged
        return None
    if not np.isfinite(values).all():
        return None
    values = values.astype(np.float64).astype(np.float32)
    return np.ascontiguousarray(values[None, ..., None] if values.ndim == 3 else values[None])


def measure_bands(part: str, scans: list[Path], most: int) -> dict[str, list[list[Any]]]:
    """Return for each layer and case the channel that is farthest from the truth: its moments, and the layer's."""
    layers = PARTS[part]()
    rows: dict[str, list[list[Any]]] = {name: [] for name in layers}
    for label, x in batches(scans):
        if x.size > most:
            continue
        for name, layer in layers.items():
            if name in REFUSING and x.size // x.shape[-1] < 2:
                continue
            first = x[:1] if "first" in name else x
            got = layer(first)
            rows[name].append([label, *_worst(first, *got)])
    return rows


def _worst(x: Floats, means: Any, variances: Any) -> list[Any]:
    exact = x.reshape(-1, x.shape[-1]).astype(np.float64)
    true_mean, true_variance = exact.mean(axis=0), exact.var(axis=0)
    with np.errstate(all="ignore"):
        scale = true_variance + 1e-7 * true_mean**2
        off = np.abs(np.asarray(variances, np.float64) - true_variance) / np.where(scale > 0, scale, 1.0)
    worst = int(np.argmax(np.where(np.isnan(off), np.inf, off)))
    moments = (true_mean, true_variance, exact.min(axis=0), exact.max(axis=0), means, variances)
    return [x.size // x.shape[-1], x.shape[-1], *(float(np.asarray(of)[worst]) for of in moments)]


# --- Emulation ---

# samples, rows of a sample, channels: odd sizes, fewer rows than threads, packets and what is left over
EMULATED_SHAPES = (
    *((1, 1001, 2), (1, 30011, 3), (3, 5003, 4), (3, 1, 2), (1, 5, 3), (2, 4003, 17), (2, 7, 3), (4, 333, 16)),
    *((5, 333, 12), (1, 1, 4), (1, 2, 4), (3, 1, 8), (1, 17, 8), (1, 64, 5), (1, 1000, 1), (1, 100003, 3)),
)
EMULATED_VALUES = ("normal 1000 10", "normal 10000 1", "constant 1000.3", "hounsfield", "head")
THREADS = (1, 2, 3, 7, 64)


def emulated_cases() -> list[Case]:
    """Return cases whose results are recorded to the bit, and which the tests make again from their seeds."""
    return [
        Case(values, samples, (rows, 1, 1), channels, seed=90_000 + 100 * place + number)
        for place, (samples, rows, channels) in enumerate(EMULATED_SHAPES)
        for number, values in enumerate(EMULATED_VALUES)
    ]


def bits(values: Any) -> list[int]:
    """Return the bits of float32 values as integers, which JSON keeps as they are."""
    found: list[int] = np.asarray(values, np.float32).view(np.uint32).tolist()
    return found


def measure_torch_threads() -> dict[str, list[list[Any]]]:
    """Measure mean and unbiased variance of PyTorch, channels last, with several numbers of threads."""
    import torch

    rows = []
    for case in emulated_cases():
        if case.channels == 1 or case.samples * prod(case.spatial) < 2:
            continue  # one channel is channels first as well, and takes that kernel
        x = torch.from_numpy(case.make()).permute(0, 4, 1, 2, 3)
        for threads in THREADS:
            torch.set_num_threads(threads)
            layer: Any = torch.nn.BatchNorm3d(case.channels, momentum=1.0)
            layer(x)
            rows.append([*key_of(case), threads, bits(layer.running_mean), bits(layer.running_var)])
    return {"torch-channels-last threads": rows}


def measure_tensorflow() -> dict[str, list[list[Any]]]:
    """Measure tf.nn.moments, and FusedBatchNormV3 with four and five axes, whose variance is unbiased."""
    threads = int(os.environ.get("TENSORFLOW_THREADS", "2"))
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    rows: dict[str, list[list[Any]]] = {"tf-moments sequential": [], "tf-fused-4d onednn": [], "tf-fused-5d eigen": []}
    for case in emulated_cases():
        x, key = case.make(), key_of(case)
        if case.channels > 1:
            mean, variance = tf.nn.moments(x, [0, 1, 2, 3])
            rows["tf-moments sequential"].append([*key, None, bits(mean), bits(variance)])
        for name, shape, format_ in (
            ("tf-fused-4d onednn", (-1, 1), "NHWC"),
            ("tf-fused-5d eigen", (-1, 1, 1), "NDHWC"),
        ):
            _, mean, variance = _tensorflow_fused(tf, x.reshape(case.samples, *shape, case.channels), format_)
            rows[name].append([*key, threads, bits(mean), bits(variance)])
    return rows


def measure_onnx() -> dict[str, list[list[Any]]]:
    """Measure mean and biased variance of ONNX Runtime."""
    import onnx
    import onnxruntime

    rows = []
    for case in emulated_cases():
        x = np.ascontiguousarray(np.moveaxis(case.make(), -1, 1))
        result = _onnx_statistics(onnx, onnxruntime, _aligned(x))
        rows.append([*key_of(case), None, *map(bits, result)])
    return {"onnx lanes": rows}


def _onnx_statistics(onnx: Any, onnxruntime: Any, x: Floats) -> Any:
    channels, number = x.shape[1], onnx.TensorProto.FLOAT
    names = ("scale", "bias", "mean", "variance")
    node = onnx.helper.make_node(
        "BatchNormalization", ["x", *names], ["y", "new_mean", "new_variance"], momentum=0.0, training_mode=1
    )
    inputs = [onnx.helper.make_tensor_value_info(name, number, [channels]) for name in names]
    inputs.insert(0, onnx.helper.make_tensor_value_info("x", number, list(x.shape)))
    outputs = [onnx.helper.make_tensor_value_info(name, number, None) for name in node.output]
    graph = onnx.helper.make_graph([node], "batch_norm", inputs, outputs)
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 15)], ir_version=9)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    ones, zeros = np.ones(channels, np.float32), np.zeros(channels, np.float32)
    feed = {"x": x, "scale": ones, "bias": zeros, "mean": zeros, "variance": ones}
    return session.run(["new_mean", "new_variance"], feed)


def _aligned(x: Floats) -> Floats:
    """Return a copy that begins at an aligned address, which decides which values ONNX Runtime sums last."""
    room = np.empty(x.nbytes + 64, np.uint8)
    start = -room.ctypes.data % 64
    copy = room[start : start + x.nbytes].view(np.float32).reshape(x.shape)
    copy[...] = x
    return copy


def key_of(case: Case) -> list[Any]:
    """Return what a row of a recording says of a case, to make it again."""
    return [case.values, case.samples, case.spatial[0], case.channels, case.seed]


def measure_mlx() -> dict[str, list[list[Any]]]:
    """Measure mean and biased variance of MLX on a CPU."""
    return {"mlx rows": [[*key_of(case), None, *map(bits, _mlx_statistics(case.make()))] for case in emulated_cases()]}


EMULATED_PARTS: dict[str, Callable[[], dict[str, list[list[Any]]]]] = {
    "torch": measure_torch_threads,
    "tensorflow": measure_tensorflow,
    "onnx": measure_onnx,
    "mlx": measure_mlx,
}


# --- Three real scans as the channels of one volume ---

STACK_SHAPE = (128, 128, 144)
# Scans that nibabel is tested with; of a series its first volume.
STACKED = ("anatomical.nii", "functional.nii", "example4d.nii.gz")


def stack() -> NDArray[np.int16]:
    """Return 2.4 million voxels of three channels. Each scan is enlarged by repeating every voxel."""
    import nibabel

    folder = Path(nibabel.__file__).parent / "tests" / "data"
    channels = []
    for name in STACKED:
        image: Any = nibabel.load(folder / name)
        scan = np.asarray(image.dataobj)
        scan = scan[..., 0] if scan.ndim == 4 else scan
        places = [np.arange(size) * old // size for size, old in zip(STACK_SHAPE, scan.shape, strict=True)]
        channels.append(scan[np.ix_(*places)].astype(np.int16))
    return np.stack(channels, axis=-1)


def measure_stack(part: str) -> dict[str, list[list[Any]]]:
    """Measure the mean and the variance that each layer leaves in its buffers, to the bit."""
    x = stack().astype(np.float32)[np.newaxis]
    if part == "torch":
        import torch

        return {"torch-channels-last": [[threads, *torch_last(torch, x, threads)] for threads in (1, 2)]}
    if part == "onnx":
        import onnx
        import onnxruntime

        first = _aligned(np.ascontiguousarray(np.moveaxis(x, -1, 1)))
        return {"onnx": [[None, *map(bits, _onnx_statistics(onnx, onnxruntime, first))]]}
    if part == "mlx":
        return {"mlx": [[None, *map(bits, _mlx_statistics(x))]]}
    if part == "tensorflow":
        return {name: [[None, *layer(x)]] for name, layer in _tensorflow_buffers().items()}
    os.environ["KERAS_BACKEND"] = "tensorflow"
    import keras

    layer = keras.layers.BatchNormalization(momentum=0.0)
    layer(x, training=True)
    return {"keras-tensorflow": [[None, bits(layer.moving_mean), bits(layer.moving_variance)]]}


def torch_last(torch: Any, x: Floats, threads: int) -> list[list[int]]:
    """Return the bits of mean and unbiased variance of PyTorch, channels last, with a number of threads."""
    torch.set_num_threads(threads)
    layer: Any = torch.nn.BatchNorm3d(x.shape[-1], momentum=1.0)
    layer(torch.from_numpy(x).permute(0, 4, 1, 2, 3))
    return [bits(layer.running_mean), bits(layer.running_var)]


def _tensorflow_buffers() -> dict[str, Callable[[Floats], list[list[int]]]]:
    import tensorflow as tf
    import tf_keras

    def keras2(x: Floats, *, fused: bool) -> list[list[int]]:
        layer = tf_keras.layers.BatchNormalization(momentum=0.0, fused=fused)
        for _ in range(2):
            layer(x, training=True)
        return [bits(layer.moving_mean), bits(layer.moving_variance)]

    return {
        "tensorflow": lambda x: [bits(one) for one in tf.nn.moments(x, [0, 1, 2, 3])],
        "keras2": lambda x: keras2(x, fused=True),
        "keras2-nonfused": lambda x: keras2(x, fused=False),
    }


STACK_PARTS = ("torch", "onnx", "tensorflow", "keras-tensorflow", "mlx")


# --- Where it was made ---


def environment() -> dict[str, Any]:
    """Return the versions of the packages and the features of the processor."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    info = Path("/proc/cpuinfo")
    words = info.read_text(encoding="utf-8").split() if info.exists() else []
    flags = [flag for flag in FLAGS if flag in words]
    best = next((name for name in ("avx512f", "avx2", "avx") if name in flags), platform.machine())
    return {"versions": found, "cpu_flags": flags, "instruction_set": best.removesuffix("f"), "cores": os.cpu_count()}


def write(name: str, content: dict[str, Any]) -> None:
    """Write a recording, a row a line."""
    RECORDINGS.mkdir(exist_ok=True)
    lines = [f' "{key}": {json.dumps(value)}' for key, value in content.items() if key != "rows"]
    rows = [
        f'  "{key}": [\n' + ",\n".join(f"   {json.dumps(row)}" for row in value) + "\n  ]"
        for key, value in content["rows"].items()
    ]
    lines.append(' "rows": {\n' + ",\n".join(rows) + "\n }")
    (RECORDINGS / f"arithmetic-{name}.json").write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


def environments() -> dict[str, str]:
    """Return each part with the environment that it needs: requirements-<environment>.txt."""
    of_name = {"flax": "jax", "haiku": "jax", "keras-jax": "jax", "keras-torch": "torch", "torch-cuda": "torch"}
    of_name |= {"torch-channels-last": "torch", "keras-tensorflow": "tensorflow"}
    kinds: dict[str, Iterable[str]] = {"": PARTS, "norms-": NORMS, "emulated-": EMULATED_PARTS, "stack-": STACK_PARTS}
    return {kind + name: of_name.get(name, name) for kind, names in kinds.items() for name in names}


def main() -> None:
    """Measure every part in a process of its own, or one part here."""
    parser = argparse.ArgumentParser(description=__doc__)
    parts = environments()
    parser.add_argument("--only", choices=parts)
    parser.add_argument("--scans", type=Path)
    parser.add_argument("--most", type=int, default=6_000_000, help="values of the largest case")
    parser.add_argument("--list", action="store_true", help="each part with the environment that it needs")
    options = parser.parse_args()
    if options.list:
        print(json.dumps(parts))
        return
    if options.only is None:
        for part in parts:
            subprocess.run([sys.executable, __file__, "--only", part, *sys.argv[1:]], check=False)
        return
    if options.only.startswith("emulated-"):
        rows = EMULATED_PARTS[options.only.removeprefix("emulated-")]()
        columns = ["values", "samples", "rows", "channels", "seed", "threads", "mean bits", "variance bits"]
        write(options.only, {**environment(), "columns": columns, "rows": rows})
        return
    if options.only.startswith("stack-"):
        rows = measure_stack(options.only.removeprefix("stack-"))
        write(options.only, {**environment(), "columns": ["threads", "mean bits", "variance bits"], "rows": rows})
        return
    columns = ["case", "count", "channels", "mean", "variance", "minimum", "maximum", "layer mean", "layer variance"]
    if options.only.startswith("norms-"):
        rows = measure_norms(options.only.removeprefix("norms-"), min(options.most, MOST_OF_NORMS))
        write(options.only, {**environment(), "columns": columns, "rows": rows})
        return
    scans = sorted(options.scans.glob("*.nii*")) if options.scans else own_scans()
    rows = measure_bands(options.only, scans, options.most)
    write(f"bands-{options.only}", {**environment(), "columns": columns, "rows": rows})
    print(options.only, {name: len(found) for name, found in rows.items()})


if __name__ == "__main__":
    main()
