"""A configuration of a MONAI bundle: JSON or YAML whose values refer to each other. Nothing in it is ever run.

A text that begins with `@` is a reference to another value by its id, whose parts are joined by `#` or `::`; one that
begins with `%` is a copy of one. A text that begins with `$` is an expression of Python. Only references, and sums of
references such as `$@train#deterministic_transforms + @train#random_transforms`, are followed, and the names of keys
that MONAI has as constants are known; any other expression stays an `Expression`. https://docs.monai.io/en/stable/config_syntax.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from bnstat.errors import InputError
from bnstat.sources.neighbours import unopened

# A sum of references, which is the one kind of expression that is followed: lists of transforms are written so.
_REFERENCE = r"@[\w#:]+"
_SUM = re.compile(rf"\$\s*{_REFERENCE}(\s*\+\s*{_REFERENCE})*\s*")
# A constant of MONAI for the name of a key, which bundles write in place of the name.
_KEY = re.compile(r"\$\s*monai\.utils\.(?:enums\.)?CommonKeys\.(IMAGE|LABEL|PRED|LOSS|METADATA)\s*")
_SEPARATOR = re.compile(r"::|#")
_YAML = (".yaml", ".yml")
# More references in a row than any configuration has: these lead round in a circle.
_DEEPEST = 50


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
    """

    file: str
    content: Mapping[str, Any]

    @classmethod
    def read(cls, file: str) -> Bundle:
        """Read a configuration.

        Raises:
            InputError: if the file cannot be read, or contains no table.
        """
        try:
            text = Path(file).read_text(encoding="utf-8")
        except OSError as error:
            raise unopened(file, error) from error
        except ValueError as error:
            raise InputError(file, "the file cannot be read: it is not text") from error
        content = _of_yaml(file, text) if file.lower().endswith(_YAML) else _of_json(file, text)
        if not isinstance(content, Mapping):
            raise InputError(file, "it is not a configuration of a MONAI bundle; give its configs/train.json")
        return cls(file, content)

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
        if isinstance(found, Mapping):
            return {key: self._value(value, depth + 1) for key, value in found.items()}
        if isinstance(found, list):
            return [self._value(value, depth + 1) for value in found]
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


def _of_json(file: str, text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        line = getattr(error, "lineno", None)
        where = f" (line {line})" if line else ""
        raise InputError(file, f"the file is not valid JSON{where}; give the configs/train.json of a bundle") from error


def _of_yaml(file: str, text: str) -> object:
    if find_spec("yaml") is None:
        raise InputError(file, "YAML needs PyYAML; pip install 'bnstat[yaml]', or give a JSON file")
    import yaml  # noqa: PLC0415  (optional)

    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise InputError(file, "the file is not valid YAML; give the configs/train.yaml of a bundle") from error
