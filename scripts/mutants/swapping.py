"""A mutant in a process that has imported everything: functions get other code, and stay the same objects.

So no module is imported again, whoever has imported a function has its mutant, and a mutant costs as much as its tests.
"""

from __future__ import annotations

import gc
from collections.abc import Iterable, Mapping
from importlib import import_module
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

from mutants.drawing import functions
from mutants.mutant import ROOT, Mutant


def alive(files: Iterable[str]) -> dict[str, list[FunctionType]]:
    """Import the modules of these files, and return the functions that each has, as they are in memory."""
    found: dict[str, list[FunctionType]] = {str(ROOT / file): [] for file in files}
    for file in found:
        import_module(".".join(Path(file).relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"))
    gc.unfreeze()  # what the tests keep from the search for garbage is not listed
    for one in gc.get_objects():
        if isinstance(one, FunctionType) and one.__code__.co_filename in found:
            found[one.__code__.co_filename].append(one)
    if not any(found.values()):  # each mutant would survive
        raise LookupError(f"no function of these is in memory: {', '.join(found)}")
    return found


def swap(mutant: Mutant, known: Mapping[str, Iterable[FunctionType]]) -> bool:
    """Replace the code of the functions of a file; return False if what is changed is run on import only.

    Args:
        mutant: the change.
        known: the functions of each file in memory.
    """
    path = str(ROOT / mutant.file)
    original = {_key(code): code for code in functions((ROOT / mutant.file).read_text("utf-8"), path)}
    changed = {_key(code): code for code in functions(mutant.source, path)}
    different = {key: code for key, code in changed.items() if key in original and _run(code) != _run(original[key])}
    if not different:
        return False
    for found in known[path]:
        code = different.get(_key(found.__code__))
        if code is not None and len(code.co_freevars) == len(found.__code__.co_freevars):
            found.__code__ = code
    return True


def _key(code: CodeType) -> tuple[str, int]:
    return code.co_qualname, code.co_firstlineno


def _run(code: CodeType) -> tuple[Any, ...]:
    constants = tuple(_run(one) if isinstance(one, CodeType) else (type(one), repr(one)) for one in code.co_consts)
    return code.co_code, constants, code.co_names, code.co_varnames
