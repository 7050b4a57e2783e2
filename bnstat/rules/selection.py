"""The selection of rules: by codes, names and prefixes of codes, as a user gives them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from bnstat.errors import UsageError, text
from bnstat.reports.evidence import Evidence
from bnstat.rules import RULES
from bnstat.rules.rule import Rule
from bnstat.text import closest, joined

E = TypeVar("E")

# What each list of rules judges, as a message names it.
_SUBJECTS = {"BN5": "checkpoints", "BN6": "the layers of networks"}
_VOLUMES = "volumes"
# The characters of a code that name its family, as BN1.
_FAMILY = 3


def selected(select: Iterable[str], ignore: Iterable[str]) -> tuple[Rule[Evidence], ...]:
    """Return the rules of volumes that are selected and not ignored, in their order.

    Args:
        select: Codes (BN101), names (zero-variance) or prefixes of codes (BN1); none selects all rules.
        ignore: Codes, names or prefixes of the rules that are left out.

    Raises:
        UsageError: if one of them names no rule, or if no rule is left.
    """
    return selected_of(RULES, select, ignore)


def selected_of(rules: Sequence[Rule[E]], select: Iterable[str], ignore: Iterable[str]) -> tuple[Rule[E], ...]:
    """Return the rules of one list that are selected and not ignored, in their order.

    Rules of other lists may be named beside them, as settings name them that are for volumes and for checkpoints.

    Args:
        rules: The list, as `CHECKPOINT_RULES`.
        select: Codes, names or prefixes of codes; none selects all rules.
        ignore: Codes, names or prefixes of the rules that are left out.

    Raises:
        UsageError: if one of them names no rule at all, or if no rule of the list is left.
    """
    own = {rule.code for rule in rules}
    named = _named(select)
    left = (named & own if named else own) - _named(ignore)
    if not left and named and not named & own:
        raise UsageError(
            f"no rule is left, because `select` names rules of {_subject(named)}, and {_subject(own)} are judged; "
            "bnstat explain lists the rules"
        )
    if not left and own:
        raise UsageError("no rule is left, because `ignore` removes all that `select` names; ignore fewer")
    return tuple(rule for rule in rules if rule.code in left)


def _subject(codes: Iterable[str]) -> str:
    """Return what rules judge, in words."""
    return joined(sorted({_SUBJECTS.get(code[:3], _VOLUMES) for code in codes}))


def codes_of(token: str) -> set[str]:
    """Return the codes that a code, a name or a prefix stands for.

    Raises:
        UsageError: if it stands for none; the message names the nearest.
    """
    asked, rules = token.strip(), _every_rule()
    found = {rule.code for rule in rules if rule.name == asked.lower()}
    if asked:
        found |= {rule.code for rule in rules if rule.code.startswith(asked.upper())}
    if not found:
        near = _nearest(asked, [*(rule.code for rule in rules), *(rule.name for rule in rules)])
        hint = f"did you mean {near[0]!r}?" if near else "bnstat explain lists the rules"
        raise UsageError(f"no rule is called {asked!r}; {hint}")
    return found


def rule_named(name: str) -> Rule[Any]:
    """Return the rule with a code or a name, in upper or lower case.

    Raises:
        UsageError: if there is none.
    """
    asked = text("names", name).strip().lower().replace("_", "-")
    known = {key: rule for rule in _every_rule() for key in (rule.code.lower(), rule.name)}
    if asked in known:
        return known[asked]
    near = _nearest(asked, [*known])
    if not near:
        raise UsageError(f"no rule is called {name!r}; bnstat explain lists the rules")
    meant = known[near[0]]
    raise UsageError(
        f"no rule is called {name!r}; did you mean {meant.name} ({meant.code})? Type: bnstat explain {meant.code}"
    )


def rules_named(name: str) -> tuple[Rule[Any], ...]:
    """Return the rule with a code or a name, or the rules of a family, which a prefix of their codes names.

    Raises:
        UsageError: if there is none.
    """
    asked = text("names", name).strip().upper()
    family = tuple(rule for rule in _every_rule() if asked and rule.code.startswith(asked))
    return family or (rule_named(name),)


def _nearest(asked: str, known: Sequence[str]) -> list[str]:
    """Return the known name that a mistyped one is most like, in a list: a code of the same family before others."""
    for text_ in (asked, asked.upper()):
        family = [name for name in known if name[:_FAMILY].upper() == asked[:_FAMILY].upper()]
        near = closest(text_, family) or closest(text_, known)
        if near:
            return near
    return []


def _every_rule() -> tuple[Rule[Any], ...]:
    """Return the rules of all lists, which are imported once a rule is named: a plain check needs one list."""
    from bnstat.rules.every_rule import EVERY_RULE

    return EVERY_RULE


def _named(tokens: Iterable[str]) -> set[str]:
    each = [tokens] if isinstance(tokens, str) else tokens  # a text alone is one name
    return {code for token in each for code in codes_of(token)}
