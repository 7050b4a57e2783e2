"""A plugin of pytest that imports one module from a changed source: for mutants of what is run on import.

BNSTAT_MUTANT names a file in JSON with the path of the module and its source.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from types import CodeType, ModuleType


class _Changed(importlib.machinery.SourceFileLoader):
    """Loads one file from another source."""

    source = ""

    def get_code(self, fullname: str) -> CodeType:  # noqa: ARG002  (the signature of loaders)
        """Return the code of the changed source."""
        return compile(self.source, self.path, "exec")


class _Finder(importlib.abc.MetaPathFinder):
    """Finds the module of one file."""

    def __init__(self, path: str, source: str) -> None:
        self._path = path
        self._source = source

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Return the module if it is that of the file."""
        found = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if found is None or found.origin != self._path:
            return None
        loader = _Changed(fullname, self._path)
        loader.source = self._source
        return importlib.util.spec_from_file_location(
            fullname, self._path, loader=loader, submodule_search_locations=found.submodule_search_locations
        )


_given = json.loads(Path(os.environ["BNSTAT_MUTANT"]).read_text("utf-8"))
sys.meta_path.insert(0, _Finder(_given["path"], _given["source"]))
