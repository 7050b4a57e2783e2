"""From what a user names as a model to a network that can be run. The framework that it needs is imported then."""

from __future__ import annotations

import importlib
import importlib.util
import os
import re
import sys
from collections.abc import Sequence
from shlex import quote

from bnstat.errors import InputError, UsageError
from bnstat.networks.keras.backend import choose_backend
from bnstat.networks.models.bundle_folder import BundleFolder
from bnstat.networks.models.contents import Content, content_of_file, holds_volumes
from bnstat.networks.models.factory import Arguments, built_by, factories_of, no_network
from bnstat.networks.models.nnunet_folder import ResultsFolder
from bnstat.networks.models.request import Request
from bnstat.networks.network import Framework, Network
from bnstat.sources.neighbours import meant_by, unopened
from bnstat.text import first_ones

# What a model can be, in the words of every message that refuses one.
WAYS = "module:factory, a results folder of nnU-Net, a MONAI bundle, or a TorchScript, .pt2, .onnx or .keras file"
# For each framework the module that opens its networks, the packages that it needs, the extra with them, and its name.
_ROOMS = {
    "pytorch": ("pytorch.opened", ("torch",), "torch", "PyTorch"),
    "onnx": ("onnx.onnx_network", ("onnx", "onnxruntime"), "onnx", "ONNX Runtime"),
    "keras": ("keras.opened", ("keras", "h5py"), "keras", "Keras"),
}
_FACTORY = re.compile(r"(?P<module>.*\.py|[\w.]+):(?P<path>[^\W\d]\w*(\.[^\W\d]\w*)*)")
_MODULE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")
_WINDOWS_DRIVE = re.compile(r"[A-Za-z]:[\\/]")


def open_network(
    model: str,
    *,
    arguments: Arguments | None = None,
    weights: str | None = None,
    device: str = "cpu",
    amp: str | None = None,
    channels: int | None = None,
    patch: Sequence[int] | None = None,
    seed: int = 0,
) -> Network:
    """Open a network, whatever it is given as. `module:factory` and a MONAI bundle run code of the user.

    Args:
        model: `module:factory`, or the path of a folder or file.
        arguments: Arguments of the factory: named ones, or a list.
        weights: A file of weights, with the key of a state dict in it after `::`; None for the model's own.
        device: Where it runs, as PyTorch writes it: "cpu", "cuda", "cuda:1", "mps".
        amp: The type of automatic mixed precision, "bfloat16" or "float16"; None without it.
        channels: The number of channels of a sample; None if samples differ.
        patch: The voxels of a sample along each axis, in the network's order; None if samples differ.
        seed: The seed of the random weights that a factory makes.

    Raises:
        UsageError: if it is no model, if a package is missing, or if the user's code raises.
        InputError: if a file cannot be read.
    """
    request = Request(model, weights, device, amp, channels, None if patch is None else tuple(patch))
    if not model:
        raise UsageError(f"the name of the model is empty; MODEL is {WAYS}")
    if not os.path.exists(model):
        return _of_factory(arguments, request, seed)
    _refuse(arguments is not None, "model_args", model)
    results = ResultsFolder.at(model)
    if results is not None:
        return _opened_in("pytorch", "open_results", results, request)
    bundle = BundleFolder.at(model)
    if bundle is not None:
        return _opened_in("pytorch", "open_bundle", bundle, request)
    if os.path.isdir(model):
        raise UsageError(_no_model_folder(model))
    try:
        content = content_of_file(model)
    except OSError as error:
        raise unopened(model, error) from error
    return _of_file(content, request)


def is_factory(model: str) -> bool:
    """Return True if a text is written as module:factory is, and is no path of Windows."""
    return _FACTORY.fullmatch(model) is not None and _WINDOWS_DRIVE.match(model) is None


def are_volumes(path: str) -> bool:
    """Return True if a path is a volume or a folder of volumes, and no model."""
    if os.path.isdir(path):
        return ResultsFolder.at(path) is None and BundleFolder.at(path) is None and holds_volumes(path)
    try:
        return os.path.isfile(path) and content_of_file(path) == "volume"
    except OSError:
        return False


def training_of(model: str) -> str | None:
    """Return the plans that a model was trained with, as `--plans` takes them; None if its folder has none."""
    results = ResultsFolder.at(model) if os.path.exists(model) else None
    return None if results is None else results.training


def _of_factory(arguments: Arguments | None, request: Request, seed: int) -> Network:
    model = request.model
    if not is_factory(model):
        raise _no_model(model)
    choose_backend()
    built = built_by(model, arguments, seed)
    keras = sys.modules.get("keras")
    if keras is not None and isinstance(built, keras.Model):
        return _of_keras(built, request)
    if "torch" not in sys.modules:
        raise no_network(model, built)
    return _opened_in("pytorch", "open_module", built, request)


def _of_file(content: Content, request: Request) -> Network:
    model = request.model
    if content in ("torchscript", "exported"):
        _refuse(request.weights is not None, "weights", model)
        _refuse(request.amp is not None, "amp", model)
        return _opened_in("pytorch", "open_program", request, content)
    if content == "onnx":
        _refuse(request.weights is not None, "weights", model)
        _refuse(request.amp is not None, "amp", model)
        _refuse(request.device != "cpu", "device", model)
        return _opened_in("onnx", "open_onnx", model)
    if content == "keras":
        _refuse(request.weights is not None, "weights", model)
        return _of_keras(model, request)
    raise _no_model_file(model, content)


def _of_keras(source: object, request: Request) -> Network:
    _refuse(request.amp is not None, "amp", request.model)
    return _opened_in("keras", "open_model", source, request)


def _opened_in(framework: Framework, opener: str, *arguments: object) -> Network:
    """Return what a function of the room of a framework opens.

    Raises:
        UsageError: if the framework is not installed.
    """
    module, packages, extra, title = _ROOMS[framework]
    try:
        room = importlib.import_module(f"bnstat.networks.{module}")
    except ImportError as error:
        if (error.name or "").partition(".")[0] not in packages:
            raise
        raise UsageError(
            f"this model runs in {title}, which is not installed; pip install 'bnstat[{extra}]'"
        ) from error
    network: Network = getattr(room, opener)(*arguments)
    return network


def _refuse(given: bool, parameter: str, model: str) -> None:
    """Raise if a parameter is given that has no use for such a model."""
    uses = {
        "model_args": "is no factory, so `model_args` has no use; leave it out",
        "weights": "has its weights inside, so `weights` has no use; leave it out",
        "amp": "computes in the types that it was written with, so `amp` has no use; leave it out",
        "device": "runs on the CPU here; leave `device` out",
    }
    if given:
        raise UsageError(f"{model} {uses[parameter]}")


def _no_model(model: str) -> Exception:
    """Return the error on a text that is neither a path nor module:factory."""
    if model.endswith(")") and ":" in model:
        return UsageError(
            f"{model} is a call; name the function alone, as in {model.partition('(')[0]}, and give its arguments as "
            "`model_args`"
        )
    file, _, path = model.rpartition(":") if ":" in model else (model, "", "")
    if os.path.isfile(f"{file}.py"):
        if path:
            return UsageError(f"{file} is no name of a module; did you mean {file}.py:{path}?")
        return UsageError(_needs_factory(f"{file}.py", file))
    module, _, last = model.rpartition(".")
    if _MODULE.fullmatch(model) and module and importlib.util.find_spec(module.partition(".")[0]) is not None:
        return UsageError(f"{model} names a module or a class; write module:factory, as in {module}:{last}")
    if file.endswith(".py") and not path:
        return UsageError(_needs_factory(file))
    near = meant_by(model)
    hint = f"did you mean {near}?" if near else f"MODEL comes first and is {WAYS}"
    return InputError(model, f"no such file or folder; {hint}")


def _no_model_file(model: str, content: Content) -> Exception:
    if content == "weights":
        return UsageError(
            f"{model} holds weights and no network; give the network as MODEL, as in module:factory with "
            f"`weights={model}`, or look at its layers alone with: bnstat checkpoint {quote(model)}"
        )
    if content == "damaged":
        return InputError(model, "it is a damaged or incomplete archive; copy the file again")
    if content == "python":
        return UsageError(_needs_factory(model))
    if content == "volume":
        return UsageError(f"{model} is a volume, and the first argument is the model: {WAYS}; volumes follow it")
    return UsageError(f"{model} is no model; MODEL is {WAYS}")


def _needs_factory(file: str, module: str | None = None) -> str:
    known = factories_of(file)
    has = f"; it has {first_ones('the name' if len(known) == 1 else 'the names', known)}" if known else ""
    return (
        f"{module or file} is a Python {'module' if module else 'file'}; name the function or class in it that makes "
        f"the network, as in {module or file}:{(*known, 'make')[0]}{has}"
    )


def _no_model_folder(model: str) -> str:
    if os.path.exists(os.path.join(model, "saved_model.pb")):
        return (
            f"{model} is a SavedModel of TensorFlow, which is not read; save the network as a .keras file, or export "
            "it to ONNX"
        )
    if holds_volumes(model):
        return f"{model} is a folder of volumes, and the first argument is the model: {WAYS}; volumes follow it"
    return (
        f"{model} is no model: a results folder of nnU-Net has plans.json and fold_0, a MONAI bundle has configs; "
        f"MODEL is {WAYS}"
    )
