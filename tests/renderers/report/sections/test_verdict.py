"""The section "Verdict": the answer first and with its tone, then the data, what to do, and why."""

from __future__ import annotations

import numpy as np
import pytest
from reported import all_of, channel, odd, reported

import bnstat
from bnstat.renderers.report.blocks import Heading, Items, Link, Paragraph
from bnstat.renderers.report.sections import verdict
from bnstat.reports.finding import Failure

PLAIN = [[channel(100.0 + place, 20.0)] for place in range(14)]


def cohort(means, **settings):
    draw = np.random.default_rng(5)
    volumes = [draw.normal(mean, 20, (8, 7, 6, 1)).astype(np.float32) for mean in means]
    return bnstat.report(volumes, batch_axis="none", **settings).report


@pytest.mark.parametrize(
    ("means", "size", "tone", "words"),
    [
        ([60.0, 140.0] * 6, 2, "warning", "is too small for batch norm"),
        ([100.0] * 12, 2, "good", "is enough for batch norm"),
        ([100.0], 1, "plain", "These data cannot tell"),
    ],
)
def test_the_answer_comes_first_and_has_its_tone(means, size, tone, words):
    found = verdict.section(cohort(means, batch_size=size))
    lead = found.blocks[0]
    assert (lead.lead, lead.tone) == (True, tone)
    assert words in lead.text
    assert not any(block.lead for block in all_of(found, Paragraph)[1:])


def test_headings_stand_in_the_order_in_which_a_reader_asks():
    found = verdict.section(cohort([60.0, 140.0] * 6, batch_size=2))
    assert [block.text for block in all_of(found, Heading)] == [
        "Is a volume or a channel broken?",
        "What to do",
        "Why",
        "What was read",
        "What this page cannot say",
    ]
    assert all_of(found, Items)[0].ordered


def test_an_odd_volume_links_to_its_row_and_to_the_finding():
    found = verdict.section(reported(PLAIN, findings=[odd("case_003.nii.gz")]))
    (about,) = [
        one for one in all_of(found, Paragraph) if one.text.startswith("case_003.nii.gz does not fit the others")
    ]
    assert about.tone == "warning"
    assert about.links == (Link("case_003", "volume-3"), Link("What it means and what to do", "finding-BN207"))


def test_of_many_odd_volumes_five_are_named_and_the_rest_is_counted():
    found = verdict.section(reported(PLAIN, findings=[odd(f"case_{place:03}.nii.gz") for place in range(8)]))
    texts = [one.text for one in all_of(found, Paragraph)]
    assert sum("does not fit the others: its mean" in text for text in texts) == 5
    assert "3 more do not fit the others." in texts


def test_inputs_that_cannot_be_read_are_an_error_and_to_be_repaired_first():
    found = verdict.section(reported(PLAIN, errors=[Failure("broken.nii.gz", "the file is truncated")]))
    (about,) = [one for one in all_of(found, Paragraph) if one.tone == "error"]
    assert about.text == "1 input could not be read and is left out: broken.nii.gz."
    assert all_of(found, Items)[0].texts[0] == (
        "Repair what could not be read, or leave it out of the training: broken.nii.gz."
    )


def test_where_nothing_can_be_read_the_page_says_so():
    found = verdict.section(reported([], errors=[Failure("broken.nii.gz", "the file is truncated")]))
    assert found.blocks[0] == Paragraph(
        "The input could not be read, so nothing is known of any batch size.", "error", lead=True
    )
    assert verdict.section(reported([])) is None
