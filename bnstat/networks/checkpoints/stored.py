"""What a checkpoint file stores, in any format."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from bnstat.moments.moments import Doubles
from bnstat.networks.normalization import Kind


@dataclass(frozen=True, eq=False)
class StoredTensor:
    """A tensor of a file, which is read only if it is asked for.

    Attributes:
        name: Its path in the file, as "network_weights.encoder.0.norm.running_var".
        shape: Its shape.
        dtype: Its stored type, as "float32" or "bfloat16".
        read: Returns its values; bfloat16 as float32, which holds all of them.
        shared: What two names have in common if they stand for the same numbers; None if that is not known.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    read: Callable[[], NDArray[Any]]
    shared: object = None


@dataclass(frozen=True)
class Said:
    """What a file says of a layer beside its tensors, which only some formats do.

    Attributes:
        kind: What the layer normalizes over; None if the file does not say it.
        epsilon: ε, likewise.
        momentum: As the share of a new batch, likewise.
    """

    kind: Kind | None = None
    epsilon: float | None = None
    momentum: float | None = None


@dataclass(frozen=True, eq=False)
class Contents:
    """The tensors of a file that is open, before normalization layers are looked for among them.

    Attributes:
        format: As in `Checkpoint`.
        tensors: The tensors, in the order of the file.
        said: What the file says of layers, by their paths.
        bare: The number of layers of a normalization that store no tensor, by the name of their class.
        notes: Sentences on what was left out.
        absent: What it means that the file has no normalization layer, and what to do; None if the format has no
            explanation of its own.
    """

    format: str
    tensors: Sequence[StoredTensor]
    said: Mapping[str, Said] = field(default_factory=dict)
    bare: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    absent: str | None = None


@dataclass(frozen=True, eq=False)
class StoredNormalization:
    """A normalization layer that is found by its tensors.

    Attributes:
        layer: The path of the layer, as "network_weights.encoder.0.norm".
        kind: What it normalizes over, as far as its tensors tell: "batch" with running statistics. "affine" for a γ
            and β (or γ alone) of one axis without running statistics, which may be instance, group or layer norm.
        dtype: The stored type of the running statistics, or of γ.
        running_mean: Shape (channels,); None without running statistics. float64, exactly the stored numbers.
        running_variance: Likewise.
        batches_tracked: The number of training batches that entered the running statistics; None if not stored.
        scale: γ; None without it.
        shift: β; None without it.
        epsilon: ε, if the file says it (ONNX, Keras); else None.
        momentum: As the share of a new batch, as PyTorch has it, if the file says it; else None.
    """

    layer: str
    kind: Kind | str
    dtype: str
    running_mean: Doubles | None = None
    running_variance: Doubles | None = None
    batches_tracked: int | None = None
    scale: Doubles | None = None
    shift: Doubles | None = None
    epsilon: float | None = None
    momentum: float | None = None


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint file.

    Attributes:
        file: The file, as the user named it.
        format: "torch", "torch-legacy", "torchscript", "pt2", "safetensors", "npz", "keras", "h5" or "onnx".
        normalizations: Its normalization layers, in the order of the file; each set of numbers once.
        tensors: The number of tensors in the file.
        parameters: The number of values in them.
        other_names: For a layer whose numbers several names share, the further names.
        notes: Sentences on what was left out.
    """

    file: str
    format: str
    normalizations: tuple[StoredNormalization, ...] = ()
    tensors: int = 0
    parameters: int = 0
    other_names: dict[str, tuple[str, ...]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
