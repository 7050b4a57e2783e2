"""The versions that CI runs tests with are the lower bounds of pyproject.toml."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from lowest import EXTRAS, LOWEST, PYTHON

PROJECT = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
DECLARED = [
    *PROJECT["dependencies"],
    *(one for name in EXTRAS for one in PROJECT["optional-dependencies"][name] if not one.startswith("bnstat[")),
]
PINNED = dict(re.findall(r"^([\w.-]+)==([\w.]+)$", LOWEST.read_text(encoding="utf-8"), re.MULTILINE))


@pytest.mark.parametrize("requirement", sorted(set(DECLARED)))
def test_a_lower_bound_is_the_version_that_is_tested(requirement):
    """A version 3.6.1 is the lowest of >=3.6 where there was no 3.6.0."""
    name, bound = re.match(r"([\w-]+)(?:\[\w+\])?>=([\d.]+)$", requirement).groups()
    assert f"{PINNED[name.lower()]}.".startswith(f"{bound}.")


def test_the_lowest_python_is_the_one_that_is_resolved_for():
    assert PROJECT["requires-python"] == f">={PYTHON}"
