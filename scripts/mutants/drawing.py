"""Which mutants there are, and a random part of them. The changes are those of cosmic-ray."""

from __future__ import annotations

import ast
import hashlib
import json
import random
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from cosmic_ray import mutating, plugins
from cosmic_ray.ast import Visitor, get_ast

from mutants.mutant import CACHE, CORE, ROOT, Mutant

# Of other names: a decorator of documentation or of a class, and two that need names as arguments.
_LEFT_OUT = {"core/NoOp", "core/VariableReplacer", "core/VariableInserter", "core/RemoveDecorator"}


def files() -> list[str]:
    """Return the files of the core that contain code."""
    found = [path for one in CORE for path in (sorted((ROOT / one).rglob("*.py")) or [ROOT / one])]
    return [path.relative_to(ROOT).as_posix() for path in found if len(ast.parse(path.read_text("utf-8")).body) > 1]


def drawn(number: int, seed: int, among: Sequence[str]) -> list[Mutant]:
    """Return so many mutants: places of the code are drawn, more in longer files, and one change of each.

    Args:
        number: how many of all files; each file has at least one.
        seed: of the draws.
        among: the files of which they are returned.
    """
    sizes = {file: len((ROOT / file).read_text("utf-8").splitlines()) for file in files()}
    every = sum(sizes.values())
    found: list[Mutant] = []
    for file in among:
        places = sorted(_sites(file).items())
        wanted = max(round(number * sizes[file] / every), 1)
        rng = random.Random(f"{seed}:{file}")  # so a file has the same ones whatever other files are asked for
        rng.shuffle(places)
        for _, changes in places:
            if wanted == 0:
                break
            mutant = _made(file, *rng.choice(changes))
            if mutant is not None:
                found.append(mutant)
                wanted -= 1
    return found


class _Finding(Visitor):  # type: ignore[misc]  # cosmic-ray has no types
    """Finds the places that operators change: one walk for all of them, since walks take most of the time."""

    def __init__(self, operators: Mapping[str, Any]) -> None:
        self._operators = operators
        self._seen = dict.fromkeys(operators, 0)
        self.places: dict[tuple[int, int], list[tuple[str, int]]] = defaultdict(list)

    def visit(self, node: Any) -> Any:  # noqa: ANN401  (as above)
        for name, operator in self._operators.items():
            for start, _ in operator.mutation_positions(node):
                self.places[start].append((name, self._seen[name]))
                self._seen[name] += 1
        return node


@lru_cache
def _operators() -> dict[str, Any]:
    names = [name for name in plugins.operator_names() if name not in _LEFT_OUT]
    return {name: plugins.get_operator(name)() for name in names}


def _sites(file: str) -> dict[tuple[int, int], list[tuple[str, int]]]:
    """Return the changes at each place of a file: the operator, and which of its places it is."""
    source = (ROOT / file).read_text("utf-8")
    kept = CACHE / f"{hashlib.sha256(source.encode()).hexdigest()}.json"
    if not kept.exists():
        finding = _Finding(_operators())
        finding.walk(get_ast(source))
        CACHE.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps(list(finding.places.items())), "utf-8")
    return {tuple(place): changes for place, changes in json.loads(kept.read_text("utf-8"))}


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
