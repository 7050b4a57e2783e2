"""The section "Findings": a card for each rule, the gravest first, with what it is about, and what was looked for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from report_page import at
from reported import all_of, channel, odd, only, reported

import bnstat
from bnstat.renderers.report.blocks import Details, FindingCard, Items, Link, Paragraph
from bnstat.renderers.report.sections import findings
from bnstat.reports.finding import Finding
from bnstat.rules import RULES
from bnstat.rules.explanation import explained
from bnstat.text import capitalized

PLAIN = [[channel(100.0 + place, 20.0)] for place in range(14)]


def error(source, at_channel=0):
    return Finding(
        "BN101", "zero-variance", "error", f"channel {at_channel} of {source} is 0", source, channel=at_channel
    )


def test_errors_come_before_warnings_and_each_rule_has_one_card():
    some = [odd("case_001.nii.gz"), error("case_002.nii.gz"), odd("case_003.nii.gz"), error("case_004.nii.gz")]
    cards = all_of(findings.section(reported(PLAIN, findings=some)), FindingCard)
    assert [(one.severity, one.code) for one in cards] == [("error", "BN101"), ("warning", "BN207")]
    assert [one.message for one in cards] == [capitalized(some[1].message), capitalized(some[0].message)]
    assert [one.more for one in cards] == ["2 findings of this rule on 2 volumes."] * 2


def test_what_is_about_volumes_comes_before_what_is_about_the_batch_size():
    draw = np.random.default_rng(5)
    volumes = [draw.normal(mean, 20, (8, 7, 6, 1)).astype(np.float32) for mean in [60.0, 140.0] * 6]
    volumes[9] = volumes[9] * 6
    report = bnstat.report(volumes, batch_axis="none", batch_size=2).report
    section = findings.section(report)
    assert [one.code for one in all_of(section, FindingCard)] == ["BN207", "BN202", "BN203", "BN204", "BN205"]
    lead = all_of(section, Paragraph)[0].text
    assert "The findings on the batch size count array 10 in." in lead
    assert lead.endswith("the verdict has one size for all limits, and leaves it out.")


def test_a_message_that_begins_with_the_name_of_a_file_keeps_it():
    found = replace(error("case_002.nii.gz"), message="case_002.nii.gz is 0 in channel 0")
    card = only(findings.section(reported(PLAIN, findings=[found])), FindingCard)
    assert card.message == "case_002.nii.gz is 0 in channel 0"


def test_a_card_links_to_the_volumes_and_to_the_plot():
    card = only(findings.section(reported(PLAIN, findings=[odd("case_003.nii.gz")])), FindingCard)
    assert card.anchor == "finding-BN207"
    assert card.places == (Link("case_003.nii.gz", "volume-3"), Link("Volumes beside each other", "between-volumes"))


def test_of_many_volumes_ten_are_linked_and_all_messages_are_folded_away():
    some = [error(f"case_{place:03}.nii.gz") for place in range(13)]
    found = findings.section(reported(PLAIN, findings=some))
    card = only(found, FindingCard)
    assert len(card.places) == 10
    assert card.more == "13 findings of this rule on 13 volumes, of which 10 are named here."
    folded = all_of(found, Details)[0]
    assert folded.summary == "All messages of BN101 zero-variance (13)"
    assert folded.blocks[0].texts == tuple(capitalized(one.message) for one in some)


def test_what_a_finding_means_is_what_its_rule_says():
    draw = np.random.default_rng(5)
    volumes = [draw.normal(mean, 20, (8, 7, 6, 1)).astype(np.float32) for mean in [60.0, 140.0] * 6]
    report = bnstat.report(volumes, batch_axis="none", batch_size=2).report
    cards = all_of(findings.section(report), FindingCard)
    known = {rule.code: explained(rule) for rule in RULES}
    assert "BN202" in [one.code for one in cards]
    for card in cards:
        told = known[card.code]
        assert card.meaning == f"{told.summary} {' '.join(told.why.split())}"


def test_rules_that_had_nothing_to_judge_are_told_apart_from_those_that_found_nothing():
    draw = np.random.default_rng(5)
    report = bnstat.report([draw.normal(100, 20, (8, 7, 6, 1))], batch_axis="none").report
    found = findings.section(report)
    lead = all_of(found, Paragraph)[0]
    assert lead.tone == "good"
    assert lead.text.startswith(f"No findings: {len(report.answers.judging)} rules looked at these data")
    quiet, silent = (one for one in all_of(found, Details) if "rules" in one.summary)
    assert quiet.summary == f"What {len(report.answers.quiet)} rules looked for and did not find"
    assert silent.summary == f"What was not judged: {len(report.silent)} rules"
    assert "Odd-volume (BN207) was not judged: it needs 12 volumes or more, and there is 1." in silent.blocks[0].texts
    assert at(report.to_dict(), ("not_judged",)) == list(report.silent)


def test_known_findings_are_folded_away():
    report = reported(PLAIN)
    report = replace(report, check=replace(report.check, known=(odd("case_003.nii.gz"),)))
    found = findings.section(report)
    assert all_of(found, FindingCard) == []
    folded = all_of(found, Details)[0]
    assert folded.summary == "1 finding known from the baseline"
    assert folded.blocks[0].texts == ("BN207 odd-volume (warning): Channel 0 of case_003.nii.gz is far",)
    assert all_of(found, Paragraph)[0].text.startswith("No new findings:")


def test_a_note_that_starts_with_the_name_of_a_file_keeps_its_case(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("scan.npy", np.random.default_rng(0).normal(size=(4, 4, 4)))
    section = findings.section(bnstat.report(["scan.npy", "scan.npy"], batch_axis="none").report)
    notes = next(one for one in all_of(section, Details) if one.summary.startswith("How the inputs were understood"))
    told = only(notes, Items).texts
    assert "scan.npy is among the inputs twice; its values count each time, so give it once." in told
