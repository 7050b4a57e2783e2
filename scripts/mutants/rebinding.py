"""Mutants of what is run on import: constants, defaults of arguments and attributes of classes get other values.

The changed program is run in a namespace of its own, and what differs is put where the values of today are. So no
module is imported again. What cannot be put there, as the bases of a class, needs a process of its own.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import numpy as np

from mutants.mutant import ROOT, Mutant


def rebind(mutant: Mutant) -> bool:
    """Give constants, defaults and attributes the values that the changed program has; False if none can be given."""
    name = ".".join(Path(mutant.file).with_suffix("").parts).removesuffix(".__init__")
    module = sys.modules[name]
    changed = ModuleType(name)
    changed.__dict__.update(__file__=module.__file__, __package__=module.__package__)
    original, sys.modules[name] = module, changed  # dataclasses look for their module there
    try:
        exec(compile(mutant.source, str(ROOT / mutant.file), "exec"), changed.__dict__)
    finally:
        sys.modules[name] = original
    done = False
    for own, before in list(vars(module).items()):
        after = vars(changed).get(own)
        if isinstance(before, (FunctionType, type)) and getattr(before, "__module__", "") == name:
            done |= _in_place(before, after)
        elif _is_constant(before) and _is_constant(after) and not _same(before, after):
            done = True
            for other in list(sys.modules.values()):
                there = getattr(other, "__dict__", {})
                if own in there and _is_constant(there[own]) and _same(there[own], before):
                    there[own] = after
    return done


def _in_place(before: Any, after: Any) -> bool:  # noqa: ANN401  (a function or a class)
    if isinstance(before, FunctionType) and isinstance(after, FunctionType):
        own = (before.__defaults__, before.__kwdefaults__)
        if repr(own) == repr((after.__defaults__, after.__kwdefaults__)):
            return False
        before.__defaults__, before.__kwdefaults__ = after.__defaults__, after.__kwdefaults__
        return True
    done = False
    if isinstance(before, type) and isinstance(after, type):
        for name, value in list(vars(before).items()):
            other = vars(after).get(name)
            if isinstance(value, FunctionType):
                done |= _in_place(value, other)
            elif _is_constant(value) and not name.startswith("__") and not _same(value, other):
                setattr(before, name, other)
                done = True
    return done


def _is_constant(value: object) -> bool:
    return isinstance(value, (bool, int, float, str, tuple, list, dict, set, frozenset, np.ndarray))


def _same(one: object, other: object) -> bool:
    if isinstance(one, np.ndarray) or isinstance(other, np.ndarray):
        return type(one) is type(other) and np.array_equal(one, other)  # type: ignore[arg-type]
    return type(one) is type(other) and repr(one) == repr(other)


def lines_that_use(mutant: Mutant, among: Mapping[str, object]) -> set[str]:
    """Return lines, as "file:line", of functions that use what a line defines that is run on import.

    Args:
        mutant: the change.
        among: the lines that tests run, as keys.
    """
    names = _defined(ast.parse((ROOT / mutant.file).read_text("utf-8")), mutant.line)
    found = set()
    for file in {key.rpartition(":")[0] for key in among}:
        for first, last, used in _functions(file):
            if used & names:
                found |= {f"{file}:{line}" for line in range(first, last + 1)}
    return found & set(among)


def _defined(tree: ast.Module, line: int) -> set[str]:
    """Return the names that the statement of a line defines, one of a class or of the module."""
    for top in tree.body:
        inner = top.body if isinstance(top, ast.ClassDef) else []
        for node in (*inner, top):
            if node.lineno <= line <= (node.end_lineno or 0):
                if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                    return {node.name, top.name} if isinstance(top, ast.ClassDef) else {node.name}
                names = {
                    one.id for one in ast.walk(node) if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store)
                }
                return names | ({top.name} if isinstance(top, ast.ClassDef) else set())
    return set()


@cache
def _functions(file: str) -> list[tuple[int, int, set[str]]]:
    return list(_used(ast.parse((ROOT / file).read_text("utf-8"))))


def _used(tree: ast.Module) -> Iterator[tuple[int, int, set[str]]]:
    """Yield the first and last line of each function, and the names that it has and uses."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            names = {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}
            names |= {one.attr for one in ast.walk(node) if isinstance(one, ast.Attribute)}
            yield node.lineno, node.end_lineno or node.lineno, names | {node.name}
