"""The verdict of a page, in words for a reader who does not know batch norm.

It is the verdict of `compare` and of `check`: every size and every volume that it names is theirs.
"""

from __future__ import annotations

from dataclasses import dataclass

from bnstat.reports.documents.document import Fields
from bnstat.reports.full.verdict.answers import Answers, Remark
from bnstat.reports.full.verdict.on_batch_size import Standing, on_batch_size, standing
from bnstat.reports.full.verdict.on_data import on_data, steps_on_data
from bnstat.reports.full.verdict.on_reading import beyond_this, on_reading
from bnstat.reports.full.verdict.steps_on_batch_size import steps_on_batch_size
from bnstat.reports.full.verdict.why import why
from bnstat.text import plural


@dataclass(frozen=True)
class PageVerdict:
    """The verdict.

    Attributes:
        standing: How the batch size that was asked about fares.
        answer: Whether it is enough, and which size is; the answer first.
        why: What batch norm is, and how these volumes differ.
        data: Whether a volume or a channel is broken, the gravest first.
        steps: What to do, in order.
        read: What was read, and how.
        beyond: What the verdict cannot say.
    """

    standing: Standing
    answer: tuple[Remark, ...]
    why: tuple[str, ...]
    data: tuple[Remark, ...]
    steps: tuple[str, ...]
    read: tuple[str, ...]
    beyond: tuple[str, ...]

    @property
    def sentences(self) -> tuple[str, ...]:
        """The answer, what is wrong with the data, and why, as texts."""
        return (*(one.text for one in (*self.answer, *self.data)), *self.why)

    def to_fields(self) -> Fields:
        """Return the fields of the document of a report that have the verdict."""
        return {
            "verdict": list(self.sentences),
            "next_steps": list(self.steps),
            "read": list(self.read),
            "not_said": list(self.beyond),
        }


def verdict_of(answers: Answers) -> PageVerdict:
    """Return the verdict that the answers of the commands come to."""
    if not answers.volumes:
        number = len(answers.check.errors)
        none = "The input could not be read" if number == 1 else f"None of {plural(number, 'input')} could be read"
        nothing = f"{none}, so nothing is known of any batch size."
        answer: tuple[Remark, ...] = (Remark(nothing, tone="error"),)
    else:
        answer = on_batch_size(answers)
    steps = (*steps_on_data(answers), *(steps_on_batch_size(answers) if answers.volumes else ()))
    return PageVerdict(
        standing=standing(answers),
        answer=answer,
        why=why(answers) if answers.volumes else (),
        data=on_data(answers) if answers.volumes or answers.check.errors else (),
        steps=steps,
        read=tuple(on_reading(answers)) if answers.volumes else (),
        beyond=tuple(beyond_this(answers)) if answers.volumes else (),
    )
