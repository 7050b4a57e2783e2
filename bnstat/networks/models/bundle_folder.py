"""The folder of a MONAI bundle: its configurations and its weights. Nothing of it is run here."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from bnstat.sources.regular import is_directory, is_file

_ENDINGS = (".json", ".yaml", ".yml")
# Configurations in the order in which a network is looked for in them.
_NAMES = ("train", "inference", "evaluate")
# Files in the same folder that describe no network.
_OTHERS = ("metadata", "logging", "data_processing_task")
# Weights that a bundle is published with.
_WEIGHTS = ("models/model.pt", "models/model_final.pt", "models/model_key_metric.pt")


@dataclass(frozen=True)
class BundleFolder:
    """A MONAI bundle.

    Attributes:
        folder: Its path.
        configurations: The files in which a network is looked for, in this order.
        weights: The file of the weights that it has; None without one.
    """

    folder: str
    configurations: tuple[str, ...]
    weights: str | None

    @classmethod
    def at(cls, model: str) -> BundleFolder | None:
        """Return the bundle that a path means: a folder with `configs`, or one of the files in it; None if neither."""
        path = Path(model)
        if is_directory(path):
            files = _configurations(path)
            return cls(model, files, _weights(path)) if files else None
        if path.suffix.lower() in _ENDINGS and Path(os.path.abspath(path)).parent.name == "configs":
            root = Path(os.path.abspath(path)).parent.parent
            return cls(str(root), (model,), _weights(root))
        return None


def _configurations(root: Path) -> tuple[str, ...]:
    """Return the configurations of a bundle, that of the training first."""
    files = [file for file in sorted(root.glob("configs/*")) if file.suffix.lower() in _ENDINGS]
    own = [file for file in files if file.stem not in _OTHERS]

    def place(file: Path) -> int:
        return _NAMES.index(file.stem) if file.stem in _NAMES else len(_NAMES)

    return tuple(str(file) for file in sorted(own, key=place))


def _weights(root: Path) -> str | None:
    return next((str(root / name) for name in _WEIGHTS if is_file(root / name)), None)
