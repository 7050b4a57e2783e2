"""Completion for Nushell, which click has none for: bash, zsh, fish and PowerShell are click's own."""

from __future__ import annotations

import json
import os
from typing import Any

from click.shell_completion import CompletionItem, ShellComplete, add_completion_class

from bnstat.escapes import json_text

_SOURCE = """\
let bnstat_before = $env.config?.completions?.external?.completer?
$env.config.completions.external.enable = true
$env.config.completions.external.completer = {|spans|
    if ($spans | first) == "%(prog_name)s" {
        with-env {%(complete_var)s: "nu_complete", COMP_WORDS: ($spans | to json)} { ^%(prog_name)s } | from json
    } else if $bnstat_before != null {
        do $bnstat_before $spans
    }
}
"""


class NuComplete(ShellComplete):
    """Completion for Nushell: words come and suggestions go as JSON; null has Nushell complete file names."""

    name = "nu"
    source_template = _SOURCE

    def get_completion_args(self) -> tuple[list[str], str]:
        """Return the words after the command, and the one that is typed."""
        words = json.loads(os.environ["COMP_WORDS"])[1:]
        return words[:-1], words[-1] if words else ""

    def complete(self) -> str:
        """Return the suggestions as JSON."""
        items = self.get_completions(*self.get_completion_args())
        if any(item.type != "plain" for item in items):
            return "null"
        return json_text(json.dumps([_fields(item) for item in items]))


def _fields(item: CompletionItem[Any]) -> dict[str, str]:
    return {"value": str(item.value), "description": item.help or ""}


def register() -> None:
    """Let click find the completion for Nushell."""
    add_completion_class(NuComplete)
