"""The weights of a file in a module: found by themselves if exactly one state dict of the file fits."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from bnstat.errors import InputError, UsageError
from bnstat.networks.pytorch.weights.files import chosen_in, content_of, split_weights, tables_in
from bnstat.networks.pytorch.weights.fitting import Fit, fits_of
from bnstat.text import by, first_ones, plural

# Names of tensors that a message has; the others are counted.
_NAMES = 3


def load_weights(module: torch.nn.Module, weights: str, model: str) -> None:
    """Load the weights of a file into a module.

    Args:
        module: The module, which is changed.
        weights: The file, and after `::` the key of the state dict in it: "last.ckpt::state_dict".
        model: The model, as the user named it.

    Raises:
        InputError: if the file cannot be read safely, or no state dict in it fits.
        UsageError: if several fit, or there is none at the key.
    """
    file, key = split_weights(weights)
    put(module, fitting(module, content_of(file), file, key, model))


def fitting(module: torch.nn.Module, content: object, file: str, key: str | None, model: str) -> Fit:
    """Return the state dict in the content of a file that fits a module.

    Raises:
        InputError: if none does.
        UsageError: if several do, or there is nothing at the key.
    """
    inside, prefix = (content, "") if key is None else chosen_in(content, key, file)
    tables = tables_in(inside, "" if key is None else key.removesuffix(prefix.rstrip(".")).rstrip("."))
    if not tables:
        raise InputError(file, _no_tensors(inside))
    found = [fit for path, table in tables for fit in fits_of(module, path, table, prefix)]
    fitted = _distinct([fit for fit in found if fit.fits])
    if len(fitted) > 1:
        keys = [fit.key for fit in fitted]
        raise UsageError(
            f"{file} has {len(keys)} state dicts that fit {model}: {', '.join(name or 'its top' for name in keys)}; "
            f"choose one, as in `weights={file}::{next(name for name in keys if name)}`"
        )
    if not fitted:
        raise InputError(file, _misfit(module, found, tables, model, file))
    return fitted[0]


def put(module: torch.nn.Module, fit: Fit) -> None:
    """Load the tensors of a fit into a module."""
    module.load_state_dict(dict(fit.tensors), strict=False)  # `fit` has checked names and shapes


def _distinct(fits: Sequence[Fit]) -> list[Fit]:
    """Return fits of different numbers: a state dict that a file has under two keys counts once."""
    found: dict[tuple[int, ...], Fit] = {}
    for fit in fits:
        found.setdefault(tuple(value.data_ptr() for value in fit.tensors.values()), fit)
    return list(found.values())


def _no_tensors(content: object) -> str:
    if isinstance(content, torch.Tensor):
        return (
            "it is one tensor and no state dict; save the weights as in: torch.save(model.state_dict(), 'weights.pt')"
        )
    return "it has no state dict; save the weights as in: torch.save(model.state_dict(), 'weights.pt')"


def _misfit(
    module: torch.nn.Module,
    found: Sequence[Fit],
    tables: Sequence[tuple[str, dict[str, torch.Tensor]]],
    model: str,
    file: str,
) -> str:
    """Return the line on a file in which no state dict fits: how the nearest one differs, and what to do."""
    own = list(module.state_dict())
    if not found:
        path, table = max(tables, key=lambda pair: len(pair[1]))
        there = first_ones("it has", list(table)[:_NAMES])
        return (
            f"none of its tensors belongs to {model}: {there}{_at(path)}, and the network has "
            f"{', '.join(own[:_NAMES])}; give the weights of this network, or the model that these weights are of"
        )
    fit = min(found, key=lambda one: len(one.missing) + len(one.mismatched) + len(one.unexpected))
    differs = [
        f"{plural(len(names), 'tensor')} {what} ({_first(names)})"
        for names, what in (
            (fit.missing, "of the network missing"),
            (fit.unexpected, "that the network does not have"),
            ([_shapes(one) for one in fit.mismatched], "of another shape"),
        )
        if names
    ]
    keys = [path for path, _ in tables if path and path != fit.path]
    other = f", or another state dict of the file, as in `weights={file}::{keys[0]}`" if keys else ""
    return (
        f"its state dict{_at(fit.key)} does not fit {model}: {'; '.join(differs)}. Give the network as it was "
        f"trained: a factory takes arguments as `model_args`{other}"
    )


def _at(key: str) -> str:
    return f" at {key}" if key else ""


def _first(names: Sequence[str]) -> str:
    more = f", … {len(names) - _NAMES:,} more" if len(names) > _NAMES else ""
    return f"{', '.join(names[:_NAMES])}{more}"


def _shapes(one: tuple[str, tuple[int, ...], tuple[int, ...]]) -> str:
    name, there, here = one
    return f"{name}: {by(there) or 'a number'} in the file, {by(here) or 'a number'} in the network"
