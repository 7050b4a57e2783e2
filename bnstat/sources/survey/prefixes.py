"""Letters that SPM and CAT12 put before the name of a scan for what they make of it: `c1`, `wc1`, `swra`, `mean`, `y_`.

https://www.fil.ion.ucl.ac.uk/spm/docs/wikibooks/Prefixes
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping

from bnstat.sources.survey.words import words_of

# Smoothed, warped, realigned, unwarped, slice-timed, bias-corrected; then a tissue; deformations; the mean.
_PREFIX = re.compile(r"i?y_|(?:mean)?(?P<steps>[smwrauf]{0,6})(?:(?:[cp][0-6]|rc[1-6]))?")
# So many prefixes of one scan are no chance.
_MANY = 3
_CERTAIN = re.compile(r"[cp][0-6]|mean|y_")
_MAY_HAVE_ONE = re.compile(r"i?y_|mean|[smwrauf]|[cp][0-6]")


def split(files: Iterable[tuple[tuple[str, ...], str]]) -> Mapping[tuple[tuple[str, ...], str], tuple[str, str]]:
    """Return the prefix and the rest of the names that have one, by their folder and name.

    It is one if a scan has two prefixes or none and one, and so has another scan; or if one scan has three of them.

    Args:
        files: the folder and the name without ending of each file.
    """
    there = set(files)
    if not any(_MAY_HAVE_ONE.match(stem) for _, stem in there):
        return {}
    ways: dict[tuple[tuple[str, ...], str], dict[str, str]] = defaultdict(dict)
    for folder, stem in there:
        longest = _PREFIX.match(stem)
        most = longest.end() if longest is not None else 0
        for length in range(min(most, len(stem) - 2) + 1):
            grown = stem[length : length + 2] == stem[length - 1 : length] * 2  # as aaa1 beside aa1
            if stem[length].isalnum() and not grown and _is_prefix(stem[:length]):
                ways[folder, stem[length:]][stem[:length]] = stem
    # names of cases may begin with such letters, so that the scan has to be there, or a prefix that is none of these
    several = {
        base: prefixes
        for base, prefixes in ways.items()
        if len(prefixes) > 1 and ("" in prefixes or (not base[1][0].isdigit() and any(map(_CERTAIN.search, prefixes))))
    }
    cases: dict[str, set[str]] = defaultdict(set)
    for (_, base), prefixes in several.items():
        for prefix in prefixes:
            cases[prefix].add(words_of(base).case or base)
    found: dict[tuple[tuple[str, ...], str], tuple[str, str]] = {}
    for (folder, base), prefixes in sorted(several.items(), key=lambda item: (-len(item[1]), -len(item[0][1]))):
        if len(prefixes) < _MANY and any(len(cases[prefix]) < 2 for prefix in prefixes):
            continue
        for prefix, stem in prefixes.items():
            found.setdefault((folder, stem), (prefix, base))
    return {key: way for key, way in found.items() if way[0]}


def _is_prefix(text: str) -> bool:
    """Return True if a text is a prefix; no step is there twice."""
    found = _PREFIX.fullmatch(text)
    steps = (found["steps"] or "") if found is not None else ""
    return found is not None and len(set(steps)) == len(steps)
