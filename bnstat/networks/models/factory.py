"""`module:factory`: a network that the user's own code builds.

The module is one that can be imported, the current folder included, or the path of a file: `nets:make`,
`pkg.nets:Small`, `train/nets.py:make`. The factory is a function, a class, or an attribute path: `nets:Zoo.small`.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import inspect
import os
import pkgutil
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, TypeAlias

from bnstat.errors import InputError, UsageError
from bnstat.networks.models.seeded import seeded
from bnstat.networks.models.user_code import running
from bnstat.sources.regular import is_directory, is_file, read_regular
from bnstat.text import closest, first_ones

# What `--model-args` gives: keyword arguments, or positional ones.
Arguments: TypeAlias = Mapping[str, Any] | Sequence[Any]


def built_by(model: str, arguments: Arguments | None = None, seed: int = 0) -> object:
    """Import a module, call its factory and return what it returns; the first of a tuple.

    Args:
        model: The module and the factory, joined by a colon.
        arguments: Arguments of the factory.
        seed: The seed of random weights.

    Raises:
        UsageError: if there is no such module or factory, if the arguments do not fit, or if the user's code raises.
        InputError: if the file does not exist.
    """
    name, _, path = model.rpartition(":")
    found = _attribute(_module(name, path), name, path)
    if _is_built(found):
        if arguments:
            raise UsageError(f"{model} is a network and no function that makes one, so `model_args` has no use")
        return found
    if not callable(found):
        raise UsageError(
            f"{model} is a value of type {type(found).__name__}, and no function or class that makes a network"
        )
    positional, keywords = _bound(model, found, arguments)
    with running(model), seeded(seed):
        built = found(*positional, **keywords)
    return built[0] if isinstance(built, (tuple, list)) and built else built


def no_network(model: str, built: object) -> UsageError:
    """Return the error on a factory that returns something else than a network."""
    if isinstance(built, type):
        return UsageError(f"{model} returns the class {built.__name__} and no network; call the class in the function")
    if built is None:
        return UsageError(f"{model} returns nothing; end the function with: return model")
    return UsageError(
        f"{model} returns a value of type {type(built).__name__} and no network; return a module of PyTorch, a model "
        "of Keras, or a tuple that begins with one"
    )


def factories_of(file: str) -> tuple[str, ...]:
    """Return the names of functions and classes that a Python file defines, without running it."""
    try:
        tree = ast.parse(read_regular(file))
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return ()
    kinds = (ast.FunctionDef, ast.ClassDef)
    return tuple(node.name for node in tree.body if isinstance(node, kinds) and not node.name.startswith("_"))


def _is_built(found: object) -> bool:
    """Return True for a module of PyTorch or a model of Keras: an instance, which is callable too."""
    torch, keras = sys.modules.get("torch"), sys.modules.get("keras")
    return (torch is not None and isinstance(found, torch.nn.Module)) or (
        keras is not None and isinstance(found, keras.Model)
    )


def _module(name: str, path: str) -> ModuleType:
    if name.endswith(".py") or os.sep in name or "/" in name:
        return _of_file(name)
    if not all(part.isidentifier() for part in name.split(".")):
        raise UsageError(f"{name!r} is no name of a module; write module:factory, as in nets:make")
    here = f"{name}.py"
    if (
        name in sys.modules
        and os.path.isfile(here)
        and getattr(sys.modules[name], "__file__", None) != str(Path(here).resolve())
    ):
        return _of_file(here)  # Python has a module of this name already, and means another one
    with running(name, (os.getcwd(),)):
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name is None or not (name == error.name or name.startswith(f"{error.name}.")):
                raise  # the module is there, and needs another one
            raise UsageError(_no_module(name, path, error.name)) from error


def _no_module(name: str, path: str, missing: str) -> str:
    """Return the line on a module that does not exist, with the one that is probably meant."""
    above, _, last = missing.rpartition(".")
    around = getattr(sys.modules.get(above), "__path__", None) if above else [os.getcwd()]
    near = closest(last, [found.name for found in pkgutil.iter_modules(around)])
    meant = f"{above}.{near[0]}".lstrip(".") + name[len(missing) :] if near else ""
    hint = (
        f"did you mean {meant}:{path}?"
        if meant
        else f"install it, change to the folder that has it, or give its file, as in nets.py:{path}"
    )
    return f"there is no module {missing!r} in this folder or among the installed packages; {hint}"


def _of_file(file: str) -> ModuleType:
    """Import a file: as a part of its package if its folder is one, so that its relative imports work."""
    place = Path(file)
    if not is_file(place):
        near = closest(
            place.name, [one.name for one in place.parent.glob("*.py")] if is_directory(place.parent) else []
        )
        hint = f"did you mean {place.parent / near[0]}?" if near else "check the path"
        raise InputError(file, f"no such file; {hint}")
    full = place.resolve()
    names, folder = [full.stem], full.parent
    while is_file(folder / "__init__.py"):
        names, folder = [folder.name, *names], folder.parent
    name = ".".join(names)
    with running(file, (str(folder), os.getcwd())):
        loaded = sys.modules.get(name)
        if loaded is not None and getattr(loaded, "__file__", None) == str(full):
            return loaded
        if len(names) > 1:
            return importlib.import_module(name)
        return _executed(name if loaded is None and not importlib.util.find_spec(name) else f"{name}_of_file", full)


def _executed(name: str, file: Path) -> ModuleType:
    """Run a file as a module of this name, and return it."""
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise UsageError(f"{file} cannot be imported; give a Python file, as in nets.py:make")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pickles look for it there
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _attribute(module: ModuleType, name: str, path: str) -> Any:
    found: Any = module
    for part in path.split("."):
        with running(f"{name}:{path}"):  # a module may have a __getattr__ of its own
            there = hasattr(found, part)
            value = getattr(found, part, None)
        if not there:
            raise UsageError(_no_attribute(found, name, part))
        found = value
    return found


def _no_attribute(found: object, name: str, part: str) -> str:
    own = [known for known in vars(found) if not known.startswith("_")] if hasattr(found, "__dict__") else dir(found)
    near = closest(part, own)
    if near:
        hint = f"did you mean {near[0]!r}?"
    else:
        callables = [one for one in own if callable(getattr(found, one, None))]
        known = [one for one in callables if _is_of(getattr(found, one), name)] or callables
        hint = f"it has {first_ones('the name' if len(known) == 1 else 'the names', known)}" if known else "it has none"
    where = name if isinstance(found, ModuleType) else f"{getattr(found, '__name__', type(found).__name__)} of {name}"
    return f"{where} has no {part!r}; {hint}"


def _is_of(value: object, name: str) -> bool:
    """Return True for what a module defines itself, not what it has imported."""
    return Path(name).stem in str(getattr(value, "__module__", "")).split(".") or name in str(
        getattr(value, "__module__", "")
    )


def _bound(
    model: str, factory: Callable[..., object], arguments: Arguments | None
) -> tuple[Sequence[Any], Mapping[str, Any]]:
    """Return positional and keyword arguments, checked against the signature of the factory.

    Raises:
        UsageError: if the factory does not take them; the message has its signature.
    """
    if arguments is not None and (
        isinstance(arguments, (str, bytes)) or not isinstance(arguments, (Mapping, Sequence))
    ):
        raise UsageError(
            f"`model_args` must be a JSON object of named arguments or a list, and is {arguments!r}; write it as "
            """'{"in_channels": 1}' or '[1, 2]'"""
        )
    keywords = arguments if isinstance(arguments, Mapping) else {}
    positional = [] if isinstance(arguments, Mapping) or arguments is None else arguments
    try:
        signature = inspect.signature(factory)
    except (TypeError, ValueError):  # a function of an extension has none
        return positional, keywords
    try:
        signature.bind(*positional, **keywords)
    except TypeError as error:
        raise UsageError(
            f"{model} {_misfit(str(error), bool(arguments))}; its signature is {_written(signature)}; give arguments "
            """as in `model_args='{"name": value}'`"""
        ) from error
    return positional, keywords


def _misfit(said: str, given: bool) -> str:
    words = {
        "missing a required": "lacks a required",
        "missing required": "lacks the required",
        "got an unexpected": "does not take the",
        "got some positional-only": "takes only by position",
    }
    start = next((start for start in words if said.startswith(start)), None)
    if start is None:
        return f"cannot be called with {'these' if given else 'no'} arguments ({said})"
    return words[start] + said[len(start) :]


def _written(signature: inspect.Signature) -> str:
    """Return a signature without types, which may be long: "(in_channels, features=(8, 16))"."""
    plain = [one.replace(annotation=inspect.Parameter.empty) for one in signature.parameters.values()]
    text = str(inspect.Signature(plain))
    return f"{text[:200]}…" if len(text) > 200 else text
