"""The names of layers: of their second call in a pass, without what wrappers add, and the patterns that choose some."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from fnmatch import fnmatchcase

# The names under which PyTorch's wrappers hold what they wrap: torch.compile, checkpoint wrappers, fully sharded
# modules. Nobody gives a layer such a name.
WRAPPERS = ("_orig_mod", "_checkpoint_wrapped_module", "_fsdp_wrapped_module")


class CallNames:
    """The names of the calls of layers in one pass: "norm", then "norm#2"."""

    def __init__(self) -> None:
        self._calls: Counter[str] = Counter()

    def upcoming(self, layer: str) -> str:
        """Return the name that the next call of a layer will have."""
        number = self._calls[layer] + 1
        return layer if number == 1 else f"{layer}#{number}"

    def next(self, layer: str) -> str:
        """Return the name of the next call of a layer, and count it."""
        name = self.upcoming(layer)
        self._calls[layer] += 1
        return name


def layer_of(call: str) -> str:
    """Return the layer of a call: "norm" of "norm#2", which is its second call in a pass."""
    layer, _, number = call.rpartition("#")
    return layer if layer and number.isdecimal() else call


def matches(call: str, pattern: str) -> bool:
    """Return True if a pattern, as of a shell, fits a call or its layer."""
    return fnmatchcase(call, pattern) or fnmatchcase(layer_of(call), pattern)


def is_asked(call: str, patterns: Sequence[str]) -> bool:
    """Return True if one of the patterns fits the call of a layer, or if there is none."""
    return not patterns or any(matches(call, pattern) for pattern in patterns)
