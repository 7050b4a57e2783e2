"""A results folder of nnU-Net: its plans, its data set, and the checkpoints of its folds."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bnstat.errors import InputError, UsageError
from bnstat.sources.documents import WRONG_FIELDS, read_json
from bnstat.sources.regular import exists, is_file

PLANS, DATASET = "plans.json", "dataset.json"
# The checkpoints of a fold, the one that nnU-Net predicts with first.
_CHECKPOINTS = ("checkpoint_final.pth", "checkpoint_best.pth", "checkpoint_latest.pth")
_FOLD = re.compile(r"fold_(\d+|all)")


@dataclass(frozen=True)
class ResultsFolder:
    """A folder such as `nnUNetTrainer__nnUNetPlans__3d_fullres`.

    Attributes:
        folder: Its path.
        checkpoint: The checkpoint that is used; None if there is none.
    """

    folder: str
    checkpoint: str | None

    @classmethod
    def at(cls, model: str) -> ResultsFolder | None:
        """Return the results folder that a path means: itself, a fold, a checkpoint, or the folder of its data set.

        Returns:
            None if the path is about no results of nnU-Net.

        Raises:
            UsageError: if the folder of a data set has several.
        """
        path = Path(model)
        if is_file(path):
            return cls._of_file(path)
        if is_file(path / PLANS):
            return cls(model, _checkpoint_of(path))
        above = Path(os.path.abspath(path)).parent
        if _FOLD.fullmatch(Path(os.path.abspath(path)).name) and is_file(above / PLANS):
            return cls(str(path.parent) if path.name else str(above), _first_of(path))
        inside = sorted(found.parent for found in path.glob(f"*__*__*/{PLANS}"))
        if len(inside) > 1:
            raise UsageError(
                f"{model} has {len(inside)} trainings ({', '.join(one.name for one in inside)}); give one as MODEL"
            )
        return cls(str(inside[0]), _checkpoint_of(inside[0])) if inside else None

    @classmethod
    def _of_file(cls, path: Path) -> ResultsFolder | None:
        fold = Path(os.path.abspath(path)).parent
        if path.name == PLANS:
            return cls(str(path.parent), _checkpoint_of(path.parent))
        if path.suffix != ".pth" or _FOLD.fullmatch(fold.name) is None or not is_file(fold.parent / PLANS):
            return None
        return cls(str(path.parent.parent) if path.parent.name else str(fold.parent), str(path))

    @property
    def plans(self) -> Mapping[str, Any]:
        """The plans.

        Raises:
            InputError: if the file cannot be read.
        """
        return _table(self.folder, PLANS)

    @property
    def dataset(self) -> Mapping[str, Any]:
        """The description of the data set.

        Raises:
            InputError: if the file cannot be read.
        """
        return _table(self.folder, DATASET)

    @property
    def training(self) -> str | None:
        """What `--plans` takes: the plans and the configuration that the folder is named after; None if it is not."""
        parts = Path(os.path.abspath(self.folder)).name.split("__")
        file = str(Path(self.folder) / PLANS)
        return f"{file}:{parts[-1]}" if len(parts) > 2 else None

    def configuration(self, said: object) -> tuple[str, dict[str, Any]]:
        """Return the name and the values of the configuration that was trained, with the values that it inherits.

        Args:
            said: What the checkpoint says; None if it does not. The name of the folder says it too.

        Raises:
            InputError: if the plans do not have it.
        """
        file = str(Path(self.folder) / PLANS)
        configurations = self.plans.get("configurations")
        if not isinstance(configurations, Mapping) or not configurations:
            raise InputError(file, "it has no configurations; give the results folder of nnU-Net version 2")
        parts = Path(os.path.abspath(self.folder)).name.split("__")
        usable = [name for name, values in configurations.items() if isinstance(values, Mapping)]
        name = said if isinstance(said, str) else parts[-1] if len(parts) > 2 else usable[0] if len(usable) == 1 else ""
        if not usable:
            raise InputError(file, "none of its configurations is a table; copy it from the training again")
        if name not in usable:
            named = (
                f"it has no configuration {name!r}" if name else "the folder's name does not say which configuration"
            )
            raise InputError(
                file, f"{named}; name the folder as nnU-Net does, as in nnUNetTrainer__nnUNetPlans__{usable[0]}"
            )
        try:
            return name, _inherited(configurations, name)
        except WRONG_FIELDS as error:
            raise InputError(
                file, f"its configuration {name!r} inherits from one that it does not have; plan it again"
            ) from error


def _inherited(configurations: Mapping[str, Any], name: str) -> dict[str, Any]:
    own = dict(configurations[name])
    parent = own.get("inherits_from")
    return {**_inherited(configurations, parent), **own} if parent else own


def _checkpoint_of(folder: Path) -> str | None:
    """Return the checkpoint of the first fold that has one; `fold_all` comes after the others."""
    folds = [path for path in folder.glob("fold_*") if _FOLD.fullmatch(path.name)]
    order = sorted(folds, key=lambda path: (path.name == "fold_all", len(path.name), path.name))
    return next((found for fold in order if (found := _first_of(fold)) is not None), None)


def _first_of(fold: Path) -> str | None:
    return next((str(fold / name) for name in _CHECKPOINTS if is_file(fold / name)), None)


def _table(folder: str, name: str) -> Mapping[str, Any]:
    file = str(Path(folder) / name)
    if not exists(file):
        raise InputError(file, "no such file; nnU-Net writes it beside the folds, so copy the whole folder")
    content = read_json(file, "copy it from the training again")
    if not isinstance(content, Mapping):
        raise InputError(file, "it is not a file of nnU-Net; copy it from the training again")
    return content
