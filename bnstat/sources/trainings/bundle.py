"""A configuration of a MONAI bundle: JSON or YAML whose values refer to each other. Nothing in it is ever run.

A text that begins with `@` is a reference to another value by its id, whose parts are joined by `#` or `::`; one that
begins with `%` is a copy of one. A text that begins with `$` is an expression of Python. Only references, and sums of
references such as `$@train#deterministic_transforms + @train#random_transforms`, are followed, and the names of keys
that MONAI has as constants are known; any other expression stays an `Expression`. https://docs.monai.io/en/stable/config_syntax.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from math import inf
from typing import Any

from bnstat.errors import InputError
from bnstat.sources.documents import WRONG_FIELDS, parsed, read_text

# A sum of references, which is the one kind of expression that is followed: lists of transforms are written so.
_REFERENCE = r"@[\w#:]+"
_SUM = re.compile(rf"\$\s*{_REFERENCE}(\s*\+\s*{_REFERENCE})*\s*")
# A constant of MONAI for the name of a key, which bundles write in place of the name.
_KEY = re.compile(r"\$\s*monai\.utils\.(?:enums\.)?CommonKeys\.(IMAGE|LABEL|PRED|LOSS|METADATA)\s*")
_SEPARATOR = re.compile(r"::|#")
_YAML = (".yaml", ".yml")
# More references in a row than any configuration has: these lead round in a circle.
_DEEPEST = 50
# More values inside of each other than any configuration has, and more in all after references are followed: a few
# lines of references to references can stand for more values than any memory holds.
_MOST_NESTED, _MOST_VALUES = 100, 1 << 20
# The largest configuration that is read: the largest in use has some kilobytes, and YAML is read slowly.
_MOST_BYTES = 4 << 20
# Whole numbers beyond these are infinite.
_LARGEST = 1 << 63


@dataclass(frozen=True)
class Expression:
    """A value that only running the configuration would give.

    Attributes:
        text: the expression, as it is written.
    """

    text: str


@dataclass(frozen=True)
class Bundle:
    """A configuration that was read.

    Attributes:
        file: its path.
        content: the parsed file.
        _given: the number of values that were given out.
    """

    file: str
    content: Mapping[str, Any]
    _given: list[int] = field(default_factory=lambda: [0], repr=False, compare=False)

    @classmethod
    def read(cls, file: str) -> Bundle:
        """Read a configuration.

        Raises:
            InputError: if the file cannot be read, or contains no table.
        """
        text = read_text(file, "give the configs/train.json of a bundle", _MOST_BYTES)
        of_yaml = file.lower().endswith(_YAML)
        content = _of_yaml(file, text) if of_yaml else parsed(text, file, "give the configs/train.json of a bundle")
        if not isinstance(content, Mapping):
            raise InputError(file, "it is not a configuration of a MONAI bundle; give its configs/train.json")
        return cls(file, content)

    def _require(self, depth: int) -> None:
        """Refuse a value that is nested too deeply, or is one of too many."""
        self._given[0] += 1
        if depth > _MOST_NESTED or self._given[0] > _MOST_VALUES:
            raise InputError(self.file, "its references stand for too many values inside of each other; correct it")

    def at(self, name: str) -> object:
        """Return the value with an id, references followed; None if there is none."""
        return self._at(name, 0)

    def value(self, written: object) -> object:
        """Return a value as it is written elsewhere in the file, references followed, also those inside of it."""
        return self._value(written, 0)

    def _at(self, name: str, depth: int) -> object:
        found: object = self.content
        for part in _SEPARATOR.split(name):
            found = self._followed(found, depth)
            if isinstance(found, Mapping):
                found = found.get(part)
            elif isinstance(found, list) and part.isdecimal() and int(part) < len(found):
                found = found[int(part)]
            else:
                return None
        return self._value(found, depth)

    def _value(self, written: object, depth: int) -> object:
        found = self._followed(written, depth)
        self._require(depth)
        if isinstance(found, Mapping):
            return {key: self._value(value, depth + 1) for key, value in found.items()}
        if isinstance(found, list):
            return [self._value(value, depth + 1) for value in found]
        if isinstance(found, int) and abs(found) >= _LARGEST:  # of thousands of digits it could not be written out
            return inf if found > 0 else -inf
        return found

    def _followed(self, written: object, depth: int) -> object:
        """Return what a reference stands for, and any other value as it is."""
        if not isinstance(written, str) or not written.startswith(("@", "$", "%")):
            return written
        if depth > _DEEPEST:
            raise InputError(self.file, f"its reference {written!r} leads back to itself; correct the file")
        if written.startswith(("@", "%")):
            # a macro of another file, as in %other.json#key, is not read
            return Expression(written) if "." in written else self._at(written[1:], depth + 1)
        constant = _KEY.fullmatch(written)
        if constant is not None:
            return constant[1].lower()
        if not _SUM.fullmatch(written):
            return Expression(written)
        parts = [self._at(name[1:], depth + 1) for name in re.findall(_REFERENCE, written)]
        if len(parts) == 1:
            return parts[0]
        lists = [part for part in parts if isinstance(part, list)]
        return [one for part in lists for one in part] if len(lists) == len(parts) else Expression(written)


def _of_yaml(file: str, text: str) -> object:
    if find_spec("yaml") is None:
        raise InputError(file, "YAML needs PyYAML; pip install 'bnstat[yaml]', or give a JSON file")
    import yaml  # noqa: PLC0415  (optional)

    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, *WRONG_FIELDS) as error:  # its readers of dates and numbers raise others
        raise InputError(file, "the file is not valid YAML; give the configs/train.yaml of a bundle") from error
