"""The selection of rules: by codes, names and prefixes of codes, as a user gives them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bnstat.errors import UsageError, text
from bnstat.rules import RULES
from bnstat.rules.rule import Rule
from bnstat.text import closest


def selected(select: Iterable[str], ignore: Iterable[str], rules: Sequence[Rule] = RULES) -> tuple[Rule, ...]:
    """Return the rules that are selected and not ignored, in their order.

    Args:
        select: Codes (BN101), names (zero-variance) or prefixes of codes (BN1); none selects all rules.
        ignore: Codes, names or prefixes of the rules that are left out.
        rules: All rules.

    Raises:
        UsageError: if one of them names no rule, or if no rule is left.
    """
    chosen = _named(select, rules) or {rule.code for rule in rules}
    left = chosen - _named(ignore, rules)
    if not left:
        raise UsageError("no rule is left, because `ignore` removes all that `select` names; ignore fewer")
    return tuple(rule for rule in rules if rule.code in left)


def codes_of(token: str, rules: Sequence[Rule] = RULES) -> set[str]:
    """Return the codes that a code, a name or a prefix stands for.

    Raises:
        UsageError: if it stands for none; the message names the nearest.
    """
    asked = token.strip()
    found = {rule.code for rule in rules if rule.name == asked.lower()}
    if asked:
        found |= {rule.code for rule in rules if rule.code.startswith(asked.upper())}
    if not found:
        known = [*(rule.code for rule in rules), *(rule.name for rule in rules)]
        near = closest(asked, known) or closest(asked.upper(), known)
        hint = f"did you mean {near[0]!r}?" if near else "bnstat explain lists the rules"
        raise UsageError(f"no rule is called {asked!r}; {hint}")
    return found


def rule_named(name: str) -> Rule:
    """Return the rule with a code or a name, in upper or lower case.

    Raises:
        UsageError: if there is none.
    """
    asked = text("names", name).strip().lower().replace("_", "-")
    known = {key: rule for rule in RULES for key in (rule.code.lower(), rule.name)}
    if asked in known:
        return known[asked]
    near = closest(asked, known)
    if not near:
        raise UsageError(f"no rule is called {name!r}; bnstat explain lists the rules")
    meant = known[near[0]]
    raise UsageError(
        f"no rule is called {name!r}; did you mean {meant.name} ({meant.code})? Type: bnstat explain {meant.code}"
    )


def rules_named(name: str) -> tuple[Rule, ...]:
    """Return the rule with a code or a name, or the rules of a family, which a prefix of their codes names.

    Raises:
        UsageError: if there is none.
    """
    asked = text("names", name).strip().upper()
    family = tuple(rule for rule in RULES if asked and rule.code.startswith(asked))
    return family or (rule_named(name),)


def _named(tokens: Iterable[str], rules: Sequence[Rule]) -> set[str]:
    each = [tokens] if isinstance(tokens, str) else tokens  # a text alone is one name
    return {code for token in each for code in codes_of(token, rules)}
