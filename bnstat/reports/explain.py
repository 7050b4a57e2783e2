"""The result of `bnstat explain`."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from bnstat.reports.documents.document import Document, Fields
from bnstat.reports.finding import Severity
from bnstat.text import plural


@dataclass(frozen=True)
class Explanation:
    """The documentation of a rule.

    Attributes:
        code: The code of the rule.
        name: The name of the rule.
        severity: The severity of its findings.
        summary: The problem in a sentence.
        what: What the rule does.
        why: Why that matters.
        example: Commands and what they print; `>>>` begins a line of Python, `$` a line for a shell.
        advice: What to do.
        threshold: The limit, and the reason for it.
        sources: References.
    """

    code: str
    name: str
    severity: Severity
    summary: str
    what: str
    why: str
    example: str
    advice: str
    threshold: str
    sources: str


@dataclass(frozen=True, repr=False)
class Explanations(Document):
    """The rules in their order; `in_full` is True if they were asked for by name, and are explained in full."""

    rules: tuple[Explanation, ...]
    in_full: bool = False

    @property
    def summary(self) -> str:
        """The content of the report in a few words."""
        return plural(len(self.rules), "rule")

    @property
    def schema(self) -> str:
        """The name and version of the schema that the document follows."""
        return "bnstat.explain/1"

    def to_fields(self) -> Fields:
        """Return the fields of the document that follow its schema and version."""
        return {"rules": self.to_rows()}

    def to_rows(self) -> list[Fields]:
        """Return a row for each rule."""
        return [asdict(rule) for rule in self.rules]
