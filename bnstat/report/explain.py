"""What `bnstat explain` tells."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from bnstat.report.documents.document import Document, Fields
from bnstat.report.finding import Severity


@dataclass(frozen=True)
class Explanation:
    """What a rule means, in words.

    Attributes:
        code: of the rule.
        name: likewise.
        severity: of its findings.
        summary: the problem in a sentence.
        what: what the rule does.
        why: why that matters.
        example: commands, `>>>` before what is for Python and `$` before what is for a shell, and what they print.
        advice: what to do.
        threshold: beyond what it speaks, and the reason for that number.
        sources: where it comes from.
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


@dataclass(frozen=True)
class Explanations(Document):
    """Rules in their order; `in_full` where they were asked for by name, and all of each is to be said."""

    rules: tuple[Explanation, ...]
    in_full: bool = False

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
