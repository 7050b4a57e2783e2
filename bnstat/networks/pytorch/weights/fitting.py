"""Which tensors of a table are those of a module: by their names after a common beginning, and by their shapes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn.parameter import is_lazy

from bnstat.networks.layer_names import WRAPPERS

# A count that torch.optim.swa_utils.AveragedModel writes beside the weights.
_COUNTERS = ("n_averaged",)
_BATCHES = "num_batches_tracked"


@dataclass(frozen=True, eq=False)
class Fit:
    """How a table of tensors fits a module.

    Attributes:
        path: Where the table lies in its file; "" for the file itself.
        prefix: The beginning of the names that are those of the module, with its dot; "" without one.
        tensors: The tensors that fit, by the module's own names.
        missing: The names of those that the table lacks, as the module has them.
        unexpected: The names of tensors below the prefix that the module does not have.
        mismatched: The names, shape in the file and shape in the module of tensors whose shapes differ.
    """

    path: str
    prefix: str
    tensors: Mapping[str, torch.Tensor]
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    mismatched: tuple[tuple[str, tuple[int, ...], tuple[int, ...]], ...]

    @property
    def fits(self) -> bool:
        """True if it is a state dict of the module."""
        return not (self.missing or self.unexpected or self.mismatched)

    @property
    def key(self) -> str:
        """The key that chooses it: its path, and the beginning of its names."""
        return ".".join(part for part in (self.path, self.prefix.rstrip(".")) if part)


def fits_of(module: torch.nn.Module, path: str, table: Mapping[str, torch.Tensor], prefix: str = "") -> list[Fit]:
    """Return how a table fits a module, with each beginning of names under which some of the module's lie; best first.

    Args:
        module: The module.
        path: Where the table lies in its file.
        table: Its tensors by name.
        prefix: A beginning that all names must have, with its dot.
    """
    wanted = _wanted(module)
    names = {_plain(name): name for name in table if name.startswith(prefix)}
    covered: Counter[str] = Counter()
    for name in names:
        for place in (0, *(place + 1 for place, letter in enumerate(name) if letter == ".")):
            if name[place:] in wanted and name[:place].startswith(_plain(prefix)):
                covered[name[:place]] += 1
    found = [_fit(path, start, names, table, wanted, module) for start in covered]
    return sorted(found, key=lambda fit: (not fit.fits, len(fit.missing) + len(fit.mismatched) + len(fit.unexpected)))


def _wanted(module: torch.nn.Module) -> dict[str, str]:
    """Return the names of a module's tensors without wrappers, each with its own name."""
    own = [name for name, value in module.state_dict(keep_vars=True).items() if isinstance(value, torch.Tensor)]
    plain = {_plain(name): name for name in own}
    while plain and all(name.startswith("module.") for name in plain):  # DataParallel
        plain = {name.removeprefix("module."): value for name, value in plain.items()}
    return plain


def _plain(name: str) -> str:
    return ".".join(part for part in name.split(".") if part not in WRAPPERS)


def _fit(
    path: str,
    prefix: str,
    names: Mapping[str, str],
    table: Mapping[str, torch.Tensor],
    wanted: Mapping[str, str],
    module: torch.nn.Module,
) -> Fit:
    own = module.state_dict(keep_vars=True)
    there = {plain: table[names[prefix + plain]] for plain in wanted if prefix + plain in names}
    there |= _shared(there, wanted, own)
    mismatched = tuple(
        (wanted[plain], tuple(value.shape), tuple(own[wanted[plain]].shape))
        for plain, value in there.items()
        if not is_lazy(own[wanted[plain]]) and value.shape != own[wanted[plain]].shape
    )
    below = (name for name in names if name.startswith(prefix))
    return Fit(
        path=path,
        prefix=prefix,
        tensors={wanted[plain]: value for plain, value in there.items()},
        missing=tuple(name for plain, name in wanted.items() if plain not in there and not plain.endswith(_BATCHES)),
        unexpected=tuple(
            name for name in below if name[len(prefix) :] not in wanted and name.rpartition(".")[2] not in _COUNTERS
        ),
        mismatched=mismatched,
    )


def _shared(
    there: Mapping[str, torch.Tensor], wanted: Mapping[str, str], own: Mapping[str, Any]
) -> dict[str, torch.Tensor]:
    """Return tensors for names that the table lacks and that stand for the same numbers as one that it has.

    Some files keep a tensor once that a module has under several names.
    """
    known = {id(own[wanted[plain]]): value for plain, value in there.items()}
    absent = [plain for plain in wanted if plain not in there]
    return {plain: known[id(own[wanted[plain]])] for plain in absent if id(own[wanted[plain]]) in known}
