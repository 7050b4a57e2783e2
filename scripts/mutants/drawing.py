"""Which mutants there are, and a random part of them. The changes are those of cosmic-ray."""

from __future__ import annotations

import ast
import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

from cosmic_ray import mutating, plugins
from cosmic_ray.ast import Visitor, get_ast

from mutants.mutant import CORE, ROOT, Mutant

# Of other names: a decorator of documentation or of a class, and two that need names as arguments.
_LEFT_OUT = {"core/NoOp", "core/VariableReplacer", "core/VariableInserter", "core/RemoveDecorator"}


def files() -> list[str]:
    """Return the files of the core that contain code."""
    found = [path for one in CORE for path in (sorted((ROOT / one).rglob("*.py")) or [ROOT / one])]
    return [path.relative_to(ROOT).as_posix() for path in found if len(ast.parse(path.read_text("utf-8")).body) > 1]


def drawn(number: int, seed: int, among: Sequence[str]) -> list[Mutant]:
    """Return so many mutants: places of the code are drawn, in each file as many as it has, then one change of each.

    Args:
        number: how many; each file has at least one.
        seed: of the draws.
        among: files.
    """
    rng = random.Random(seed)
    sites = {file: sorted(_sites(file).items()) for file in among}
    every = sum(map(len, sites.values()))
    found: list[Mutant] = []
    for file, places in sites.items():
        wanted = max(round(number * len(places) / every), 1)
        rng.shuffle(places)
        for _, changes in places:
            if wanted == 0:
                break
            mutant = _made(file, *rng.choice(changes))
            if mutant is not None:
                found.append(mutant)
                wanted -= 1
    return found


class _Counting(Visitor):  # type: ignore[misc]  # cosmic-ray has no types
    """Counts the places that an operator changes, and keeps where they are."""

    def __init__(self, operator: Any) -> None:  # noqa: ANN401  (as above)
        self._operator = operator
        self.places: list[tuple[int, int]] = []

    def visit(self, node: Any) -> Any:  # noqa: ANN401  (as above)
        self.places += [start for start, _ in self._operator.mutation_positions(node)]
        return node


@lru_cache
def _operators() -> dict[str, Any]:
    names = [name for name in plugins.operator_names() if name not in _LEFT_OUT]
    return {name: plugins.get_operator(name)() for name in names}


def _sites(file: str) -> dict[tuple[int, int], list[tuple[str, int]]]:
    """Return the changes at each place of a file: the operator, and which of its places it is."""
    tree = get_ast((ROOT / file).read_text("utf-8"))
    found = defaultdict(list)
    for name, operator in _operators().items():
        counting = _Counting(operator)
        counting.walk(tree)
        for occurrence, place in enumerate(counting.places):
            found[place].append((name, occurrence))
    return found


def _made(file: str, name: str, occurrence: int) -> Mutant | None:
    """Return a mutant; None if it changes nothing that is run, as an annotation, or is no program."""
    source = (ROOT / file).read_text("utf-8")
    changed = mutating.mutate_code(source, _operators()[name], occurrence)
    try:
        if changed is None or _run(source) == _run(changed):
            return None
    except SyntaxError:
        return None
    before, after = source.splitlines(), changed.splitlines()
    line = next((place for place, (one, other) in enumerate(zip(before, after, strict=False)) if one != other), 0)
    return Mutant(file, line + 1, name.removeprefix("core/"), before[line].strip(), after[line].strip(), changed)


def _run(source: str) -> str:
    """Return what of a program is run: its tree without annotations."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            node.returns = None
        elif isinstance(node, ast.arg):
            node.annotation = None
        elif isinstance(node, ast.AnnAssign):
            node.annotation = ast.Constant(None)
    return ast.dump(tree)


def functions(source: str, name: str) -> Iterator[Any]:
    """Yield the code of every function in a program that is not inside of another function."""
    yield from _functions(compile(source, name, "exec"))


def _functions(code: Any) -> Iterator[Any]:  # noqa: ANN401  (a code object)
    for constant in code.co_consts:
        if hasattr(constant, "co_code"):
            if constant.co_flags & 2:  # it has local names of its own: a function
                yield constant
            else:  # the body of a class
                yield from _functions(constant)
