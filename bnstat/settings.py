"""What was asked for, checked: from the values that a user gives to the settings of a report."""

from __future__ import annotations

from typing import get_args

from bnstat.errors import UsageError
from bnstat.frameworks import framework_named, layer_of
from bnstat.normalizers import parse
from bnstat.report import InputType, Settings
from bnstat.table import BatchAxis


def settings_of(
    *,
    framework: str = "keras",
    normalizer: str | None = None,
    epsilon: float | None = None,
    momentum: float | str | None = None,
    axis: int = -1,
    batch_axis: BatchAxis = None,
    batch_size: int = 1,
    drop_last: bool = False,
    shuffle: bool = False,
    seed: int = 0,
    ranks: int = 1,
    dtype: str = "float32",
    threads: int | None = None,
    emulate: bool = True,
) -> Settings:
    """Settings with the framework's defaults filled in; the arguments are those of `diagnose`.

    Raises:
        UsageError: a setting that cannot be, whatever the data.
    """
    own_normalizer = parse(framework_named(framework).normalizer if normalizer is None else normalizer)
    preset, own_epsilon, own_momentum = layer_of(framework, epsilon, momentum, own_normalizer.split(":")[0])
    if own_normalizer == "weight-init":
        if momentum is not None:
            raise UsageError("weight-init keeps no running statistics, so it has no momentum; leave it out")
        own_momentum = None
    settings = Settings(
        framework=preset,
        epsilon=own_epsilon,
        momentum=own_momentum,
        axis=axis,
        batch_axis=None if batch_axis == "none" else batch_axis,
        batch_size=batch_size,
        drop_last=drop_last,
        shuffle=shuffle,
        seed=seed,
        normalizer=own_normalizer,
        ranks=ranks,
        dtype=_input_type(dtype),
        threads=threads,
        emulate=emulate,
    )
    _refuse_impossible(settings)
    return settings


def _input_type(name: str) -> InputType:
    for known in get_args(InputType):
        if name == known:
            return known  # type: ignore[no-any-return]
    raise UsageError(f"dtype {name!r} is not known; choose one of {', '.join(get_args(InputType))}")


def _refuse_impossible(settings: Settings) -> None:
    if settings.ranks < 1:
        raise UsageError(f"{settings.ranks} ranks cannot be: a step is taken by at least 1")
    if settings.ranks > 1 and settings.kind != "batch":
        raise UsageError(
            f"--ranks merges the batches of batch norm, and {settings.normalizer} has nothing to synchronize; "
            "leave --ranks or --normalizer out"
        )
    if settings.batch_size < 1:
        raise UsageError(f"batch size {settings.batch_size} cannot be: a batch has at least 1 sample")
    if settings.axis == 0:
        raise UsageError("axis 0 is the batch axis, which is always reduced; keep another, as -1 for the last")
    if settings.seed < 0:
        raise UsageError(f"seed {settings.seed} cannot be: give a whole number that is 0 or more")
    if settings.threads is not None and settings.threads < 1:
        raise UsageError(f"{settings.threads} threads cannot be: a framework has at least 1")
