"""The ways in which layers compute a variance, a row each: what it is, its bound, its emulation, what to do about it.

A new arithmetic is a new row here, and a band in `bands` where no other one holds. An emulation of its own is a way of
summing in `emulation`. docs/arithmetic.md says how each row was measured.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

# The ways of summing that `emulation` does again, and `grouped` that of groups.
SumOrder = Literal["threads", "sequential", "eigen", "onednn", "lanes", "groups", "rows"]

# The bounds, which `bands` has.
BandName = Literal[
    "float64",
    "threads",
    "welford",
    "tree",
    "one_pass",
    "one_pass_cascade",
    "one_pass_clamped",
    "sequential",
    "one_pass_plain",
    "blocked",
    "lanes",
    "chunks",
    "chunks_or_welford",
    "any_backend",
    "any_backend_of_layer_norm",
]


@dataclass(frozen=True)
class Instead:
    """What a user can do, as a clause that begins with a verb, and the arithmetic that the layer has then."""

    advice: str
    arithmetic: Arithmetic


@dataclass(frozen=True, kw_only=True)
class Arithmetic:
    """One way in which a layer gets from float32 values to their variance.

    Attributes:
        name: its name in JSON, in docs and in recordings.
        title: what the layer does, in a few words.
        band: the name of its bound in `bands`, which is from a channel's values to the least and the greatest variance
            that the layer may compute. A name, so that a list of presets needs no numpy.
        half_band: that where the layer's input is float16 or bfloat16; None for the same.
        source: the layers whose results were held against the bound, or where it was read.
        negative: "never" if the variance cannot be below 0, as in two passes; "clamped" if the layer takes 0 then;
            "possible" if it does not.
        instead: what a user can do to get another arithmetic, as clauses that begin with a verb. Whether it helps
            depends on the data: their bounds tell.
        sums: how `emulation` does the layer's sums again; None if there is no emulation.
        least_channels: channels from which on there is an emulation.
        emulated_on: the processors whose layer the emulation repeats to the bit.
        emulates_half: True if the emulation holds for float16 and bfloat16 input as well.
        registers: True if the bits of its sums depend on the instructions of the processor.
        one_channel: the arithmetic that the layer uses on a single channel; None for this one.
        inner_axis: the arithmetic that the layer uses where the kept axis is not the last; None for this one.
        judged: where one name stands for several backends, those that rules judge a channel by; empty elsewhere.
        several: True if it stands for several backends, of which a channel meets one.
    """

    name: str
    title: str
    band: BandName
    half_band: BandName | None = None
    source: str
    negative: Literal["never", "clamped", "possible"] = "never"
    instead: tuple[Instead, ...] = ()
    sums: SumOrder | None = None
    least_channels: int = 1
    emulated_on: str | None = None
    emulates_half: bool = True
    registers: bool = False
    one_channel: Arithmetic | None = None
    inner_axis: Arithmetic | None = None
    judged: tuple[Arithmetic, ...] = ()
    several: bool = False

    @property
    def squares(self) -> bool:
        """True if the layer averages squares of the values, as E[x²] − E[x]² does: these overflow before the values."""
        return self.negative != "never"

    def is_emulated(self, channels: int) -> bool:
        """Return True if `emulation` does the sums of so many channels again."""
        return self.sums is not None and channels >= self.least_channels

    def in_layout(self, *, channels: int, last: bool) -> Arithmetic:
        """Return the arithmetic that the layer uses on a tensor.

        Args:
            channels: channels of the tensor.
            last: True if the kept axis is the last.
        """
        found = self if last or self.inner_axis is None else self.inner_axis
        return found.one_channel if channels == 1 and found.one_channel is not None else found


# Where products and sums are fused, which older instruction sets cannot do; and where the build of a framework, and not
# the processor, chooses among the x86-64 instruction sets.
_FUSING, _ANY_X86 = "x86-64 with AVX2 or AVX-512", "x86-64"

FLOAT64 = Arithmetic(
    name="float64",
    title="two passes with float64 sums; the mean is rounded to float32",
    band="float64",
    half_band="threads",  # PyTorch keeps float32 sums for half input, on all layouts
    source="PyTorch 2.13.0 on a CPU, channels first",
)

THREADS = Arithmetic(
    name="threads",
    title="two passes; each thread adds the values of its chunk one after the other in float32",
    band="threads",
    source="PyTorch 2.13.0 on a CPU, channels_last_3d, batch_norm_cpu_collect_stats_channels_last_impl",
    instead=(
        Instead(
            "use the channels-first layout (torch.contiguous_format), which sums samples of several voxels in float64",
            FLOAT64,
        ),
    ),
    sums="threads",
    emulated_on=_FUSING,
    emulates_half=False,
    registers=True,
    one_channel=FLOAT64,  # volumes and images of one channel are channels first for PyTorch
)

WELFORD = Arithmetic(
    name="welford",
    title="Welford's update in float32; many partial results are merged with their counts",
    band="welford",
    source="PyTorch 2.13.0 on a CPU: layer norm and group norm; taken for CUDA and SyncBatchNorm too",
)

# A tensor of one channel is both channels first and last. Its strides decide, which is how it came to be.
_CHUNKS_OR_WELFORD = Arithmetic(
    name="one-pass-chunks-or-welford",
    title="E[x²] − E[x]² in float32, clamped at 0, or Welford's update",
    band="chunks_or_welford",
    source="PyTorch 2.13.0 on a CPU: group norm of one channel",
    negative="clamped",
)

CHUNKS = Arithmetic(
    name="one-pass-chunks",
    title="E[x²] − E[x]² in float32 with several sums side by side; a negative result becomes 0",
    band="chunks",
    source="PyTorch 2.13.0 on a CPU: group norm, channels_last_3d, GroupNormKernelImplChannelsLastInternal",
    negative="clamped",
    instead=(
        Instead("use the channels-first layout (torch.contiguous_format), which takes Welford's update", WELFORD),
    ),
    sums="groups",
    emulated_on=_FUSING,
    emulates_half=False,
    registers=True,
    one_channel=_CHUNKS_OR_WELFORD,
)

TREE = Arithmetic(
    name="tree",
    title="two passes; float32 sums in a tree",
    band="tree",
    source="XLA on a CPU, JAX 0.10.2: Keras on JAX, Flax with use_fast_variance=False, with jit and without",
)

_ON_JAX = Instead("run Keras on JAX, which takes two passes", TREE)

ONE_PASS = Arithmetic(
    name="one-pass",
    title="E[x²] − E[x]² in float32; the result can be negative",
    band="one_pass",
    source="Haiku 0.0.17 on JAX 0.10.2, with jit and without",
    negative="possible",
)

ONE_PASS_CASCADE = Arithmetic(
    name="one-pass-cascade",
    title="E[x²] − E[x]² in float32 with cascaded sums; the result can be negative",
    band="one_pass_cascade",
    source="Keras 3.15.1 on PyTorch 2.13.0",
    negative="possible",
    instead=(_ON_JAX,),
)

ONE_PASS_CLAMPED = Arithmetic(
    name="one-pass-clamped",
    title="E[x²] − E[x]² in float32; a negative result becomes 0",
    band="one_pass_clamped",
    source="Flax 0.12.8 on JAX 0.10.2, with jit and without",
    negative="clamped",
    instead=(Instead("set use_fast_variance=False", TREE),),
)

BLOCKED = Arithmetic(
    name="blocked",
    title="two passes; float32 sums in blocks for one sample, one value after the other for more samples",
    band="blocked",
    source="Keras 3.15.1 on TensorFlow 2.21.0, axis=1",
    instead=(Instead("run Keras on JAX", TREE),),
)

SEQUENTIAL = Arithmetic(
    name="sequential",
    title="two passes; the values are added one after the other in float32",
    band="sequential",
    source="tf.nn.moments and Keras 3.15.1 on TensorFlow 2.21.0, Eigen's InnerMostDimPreserver",
    instead=(Instead("use Keras on JAX or PyTorch with channels first, which do not add value after value", TREE),),
    sums="sequential",
    emulated_on=_ANY_X86,
    least_channels=2,  # TensorFlow's Mean of one channel is a tree over threads
    inner_axis=BLOCKED,
)

# Other kept axes were not measured: the layer takes channels last alone.
_BETWEEN_ROWS = Arithmetic(
    name="rows-elsewhere",
    title="two passes; float32 sums, added one after the other at worst",
    band="threads",
    source="MLX 0.32.4 on a CPU; a bound, since other axes than the last were not measured",
)

ROWS = Arithmetic(
    name="rows",
    title="two passes; each channel's values are added one after the other in float32 and multiplied by 1/n",
    band="threads",
    source="mlx.nn.BatchNorm, MLX 0.32.4 on an x86-64 CPU; Apple's GPUs were not measured",
    instead=(Instead("use a framework that does not add value after value, as Keras on JAX", TREE),),
    sums="rows",
    emulated_on=_ANY_X86,
    emulates_half=False,
    inner_axis=_BETWEEN_ROWS,
)

ONE_PASS_PLAIN = Arithmetic(
    name="one-pass-plain",
    title="E[x²] − E[x]²; the values are added one after the other in float32, and a negative result becomes 0",
    band="one_pass_plain",
    source="Keras 3.15.1 on TensorFlow 2.21.0, synchronized=True",
    negative="clamped",
    instead=(Instead("leave out synchronized=True", SEQUENTIAL), Instead("run Keras on JAX", TREE)),
)

LANES = Arithmetic(
    name="lanes",
    title="two passes; a few float32 sums side by side, each of which adds its values one after the other",
    band="lanes",
    source="ONNX Runtime 1.32 on a CPU, Eigen's redux_impl",
    sums="lanes",
    emulated_on=_ANY_X86,
)

HULL = Arithmetic(
    name="hull",
    title="the range that covers tree, one-pass-cascade and sequential, one of which the backend uses",
    band="any_backend",
    source="Keras 3.15.1 on JAX, PyTorch and TensorFlow",
    negative="possible",
    instead=(_ON_JAX,),
    judged=(TREE, ONE_PASS_CASCADE),  # TensorFlow's band is too wide to judge a channel by
    several=True,
)

HULL_LAYER = Arithmetic(
    name="hull-layer",
    title="the range that covers tree, welford and sums in blocks, one of which the backend uses",
    band="any_backend_of_layer_norm",
    source="keras.layers.LayerNormalization, Keras 3.15.1 on JAX, PyTorch and TensorFlow",
    instead=(_ON_JAX,),
    several=True,
)

# The rows that presets have, by name.
ARITHMETICS = {
    row.name: row
    for row in (
        FLOAT64,
        THREADS,
        WELFORD,
        CHUNKS,
        TREE,
        ONE_PASS,
        ONE_PASS_CASCADE,
        ONE_PASS_CLAMPED,
        SEQUENTIAL,
        ROWS,
        ONE_PASS_PLAIN,
        BLOCKED,
        LANES,
        HULL,
        HULL_LAYER,
    )
}

# TensorFlow's FusedBatchNormV3 sums plainly in any layout, also a single channel; only channels last were done again.
_FUSED = replace(
    SEQUENTIAL,
    name="fused",
    band="threads",
    source="FusedBatchNormV3, TensorFlow 2.21.0 on a CPU",
    sums=None,
    emulated_on=None,
    least_channels=1,
    inner_axis=None,
)
# Who computes it, by the number of axes of the tensor: volumes go to Eigen, images to oneDNN.
FUSED = {
    4: replace(_FUSED, name="fused-onednn", sums="onednn", emulated_on=_FUSING, emulates_half=False, inner_axis=_FUSED),
    5: replace(_FUSED, name="fused-eigen", sums="eigen", emulated_on=_ANY_X86, inner_axis=_FUSED),
}
