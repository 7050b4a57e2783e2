"""Files with weights. Nothing in a file is run, whatever it holds.

PyTorch's files are pickles, which can name any function to be called. `torch.load` with `weights_only=True` refuses all
but tensors and plain values. Trainers write numbers of numpy and settings beside the weights (nnU-Net, Lightning). Such
a number is read as a number of Python, and a stand-in takes the place of other values, which keeps nothing and calls
nothing.
"""

from __future__ import annotations

import os
import pickle
import re
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from bnstat.errors import InputError, UsageError
from bnstat.networks.checkpoints.safetensors_file import open_safetensors
from bnstat.networks.models.contents import content_of_file
from bnstat.sources.neighbours import meant_by, unopened
from bnstat.sources.regular import open_regular
from bnstat.text import first_ones

_SAVE = "save the weights alone, as in: torch.save(model.state_dict(), 'weights.pt')"
# Values that are written beside weights, by the names of their classes. numpy's numbers are in the log of nnU-Net.
_PLAIN = re.compile(
    r"numpy\.(dtype|ndarray|dtypes\.\w+|(_core|core)\.multiarray\.(scalar|_reconstruct)|bool_|(float|int|uint)\d+)"
    r"|argparse\.Namespace|pathlib\.\w*Path|pathlib\._local\.\w*Path|datetime\.(datetime|timedelta|date)|uuid\.UUID"
    r"|torch\.torch_version\.TorchVersion|types\.SimpleNamespace|omegaconf\.[\w.]+|typing\.Any"
)
# Lightning's settings: a dict with another name.
_DICT = re.compile(r"(lightning|pytorch_lightning|lightning_fabric)\.[\w.]*AttributeDict")
# What a pickle calls to make a number of numpy, and the types of numbers that are read: floats, integers and booleans.
_SCALAR = re.compile(r"numpy\.(_core|core)\.multiarray\.scalar")
_NUMBER = re.compile(r"[fiu][1248]|b1")


class _StandIn:
    """What takes the place of a value that is not needed: it takes any arguments and any state, and keeps none."""

    def __new__(cls, *arguments: Any, **keywords: Any) -> _StandIn:
        del arguments, keywords  # whatever the file says
        return super().__new__(cls)

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        pass

    def __setstate__(self, state: object) -> None:
        pass


class _NumpyType:
    """What takes the place of a type of numpy: its name and its order of bytes."""

    def __init__(self, code: object = "", *_: object) -> None:
        self.code = code if isinstance(code, str) and _NUMBER.fullmatch(code) else None
        self.order = "<"

    def __setstate__(self, state: object) -> None:
        if isinstance(state, tuple) and len(state) > 1 and state[1] == ">":
            self.order = ">"

    def number(self, raw: object) -> bool | int | float | None:
        """Return the number that some bytes are; None if they are none of this type."""
        if self.code is None or not isinstance(raw, bytes):
            return None
        own = np.dtype(self.order + self.code)
        value: bool | int | float | None = np.frombuffer(raw, own).item() if len(raw) == own.itemsize else None
        return value


def _number(kind: object = None, raw: object = None, *_: object) -> object:
    """Return what a pickle makes of a type and bytes, as a number of Python; a stand-in if it is no number."""
    value = kind.number(raw) if isinstance(kind, _NumpyType) else None
    return _StandIn() if value is None else value


def _in_place_of(name: str) -> Callable[..., object]:
    """Return what is called where a file names a class or function that is not called."""
    if _SCALAR.fullmatch(name):
        return _number
    if name == "numpy.dtype":
        return _NumpyType
    return dict if _DICT.fullmatch(name) else _StandIn


def split_weights(weights: str) -> tuple[str, str | None]:
    """Return the file and the key of `FILE::KEY`; the key is None if there is none."""
    file, separator, key = weights.rpartition("::")
    return (weights, None) if not separator or os.path.exists(weights) else (file, key)


def content_of(file: str) -> object:
    """Return what a file of weights holds: a state dict, or a table in which one lies.

    Raises:
        InputError: if the file cannot be read, or holds other objects than tensors and plain values.
    """
    _require_file(file)
    if file.lower().endswith(".safetensors"):
        return _of_safetensors(file)
    try:
        stand_ins: list[Any] = [(_in_place_of(name), name) for name in _beside(file)]
        with torch.serialization.safe_globals(stand_ins), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on pickles of newer protocols, which are read or refused
            return torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise InputError(file, _refused(str(error))) from error
    except OSError as error:
        raise unopened(file, error) from error
    except (RuntimeError, EOFError, ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise InputError(file, _unreadable(file, error)) from error


def _require_file(file: str) -> None:
    if os.path.isdir(file):
        raise InputError(file, "it is a folder; give the file with the weights, as in `weights=model.pt`")
    if not os.path.exists(file):
        near = meant_by(file)
        raise InputError(file, f"no such file; did you mean {near}?" if near else "no such file; check the path")


def _beside(file: str) -> list[str]:
    """Return the names of classes in a file that stand-ins take the place of. The file is searched, and not run."""
    try:
        named = torch.serialization.get_unsafe_globals_in_checkpoint(file)
    except (ValueError, RuntimeError, pickle.UnpicklingError, EOFError, KeyError, IndexError, UnicodeError):
        return []  # no zip archive, or damaged: loading it says so
    return [name for name in named if _PLAIN.fullmatch(name) or _DICT.fullmatch(name)]


def _refused(said: str) -> str:
    """Return the line on a file that `weights_only=True` refuses."""
    found = re.search(r"(?:GLOBAL|unsupported GLOBAL) ([\w.]+)", said)
    if found:
        return (
            f"it contains objects beside tensors ({found[1]}), which are never loaded, since doing so can run code; "
            f"where you trust it, {_SAVE}"
        )
    return f"it is no file of weights that PyTorch can read safely; {_SAVE}"


def _unreadable(file: str, error: Exception) -> str:
    said = str(error)
    if content_of_file(file) == "exported":
        return "it is a program of torch.export, whose weights are inside it; give it as MODEL, without `weights`"
    if "TorchScript" in said:
        return "it is a TorchScript program, whose weights are inside it; give it as MODEL, without `weights`"
    if "PytorchStreamReader" in said or isinstance(error, EOFError):
        return "the archive is damaged or incomplete; copy the file again"
    if file.lower().endswith((".onnx", ".keras", ".h5", ".npz")):
        return "it is no file of PyTorch; give it as MODEL, or look at it with: bnstat checkpoint"
    return f"it is no file of weights that PyTorch can read; {_SAVE}"


def _of_safetensors(file: str) -> dict[str, torch.Tensor]:
    try:
        with open_regular(file) as opened:
            return {one.name: torch.from_numpy(np.array(one.read())) for one in open_safetensors(file, opened).tensors}
    except OSError as error:
        raise unopened(file, error) from error


def tables_in(content: object, path: str = "", depth: int = 0) -> list[tuple[str, dict[str, Any]]]:
    """Return every table of a file that holds tensors, with its path: "" for the whole, "ema.model" for a nested one.

    A nested table is not looked into further than eight levels, and state of an optimizer is none.
    """
    if not isinstance(content, dict) or depth > 8:
        return []
    found = []
    tensors = {key: value for key, value in content.items() if isinstance(key, str) and isinstance(value, torch.Tensor)}
    if tensors:
        found.append((path, tensors))
    for key, value in content.items():
        if isinstance(key, str) and isinstance(value, dict) and "optim" not in key:
            found += tables_in(value, f"{path}.{key}" if path else key, depth + 1)
    return found


def chosen_in(content: object, key: str, file: str) -> tuple[object, str]:
    """Return what lies at a key such as "ema.model", and the rest of the key that begins the names of tensors there.

    Raises:
        UsageError: if there is no such key; the message has those that exist.
    """
    here, rest = content, key
    while rest and isinstance(here, dict):
        parts = rest.split(".")
        lengths = [length for length in range(len(parts), 0, -1) if ".".join(parts[:length]) in here]
        if not lengths:
            if any(isinstance(name, str) and name.startswith(f"{rest}.") for name in here):
                return here, f"{rest}."
            break
        name = ".".join(parts[: lengths[0]])
        here, rest = here[name], ".".join(parts[lengths[0] :])
    if rest or not isinstance(here, dict):
        known = [path for path, _ in tables_in(content) if path]
        names = first_ones("its keys with tensors are", known) if known else "it is one state dict; leave the key out"
        what = "has nothing at" if rest else "has no table of tensors at"
        raise UsageError(f"{file} {what} the key {key!r}; {names}")
    return here, ""
