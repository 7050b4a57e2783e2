"""Every rule, whatever it judges: those that can be named, explained and selected."""

from __future__ import annotations

from typing import Any

from bnstat.rules import RULES
from bnstat.rules.checkpoint_rules import CHECKPOINT_RULES
from bnstat.rules.network_rules import NETWORK_RULES
from bnstat.rules.rule import Rule

EVERY_RULE: tuple[Rule[Any], ...] = (*RULES, *CHECKPOINT_RULES, *NETWORK_RULES)
