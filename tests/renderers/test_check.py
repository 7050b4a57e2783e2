"""The formats of a verdict, against what those who read them ask for."""

from __future__ import annotations

import contextlib
import csv as csv_reader
import io
import json as json_reader
import os
import re
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote_to_bytes
from xml.etree import ElementTree

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from renderers import formats
from renderers.checked import EVIL, clean, in_a_repository, many, unread, verdict
from unescaped import of_csv, of_markdown

from bnstat.renderers import csv, json
from bnstat.renderers.check import alike, github, gitlab, jsonl, junit, markdown, paths, sarif, table
from bnstat.renderers.check.headline import headline
from bnstat.reports.check import Stale
from bnstat.reports.finding import SEVERITIES, Failure, Finding
from bnstat.sources.sample import Sample

FORMATS = (table, json, jsonl, csv, markdown, junit, github, gitlab, sarif)
SCHEMA = json_reader.loads(
    (Path(__file__).parents[2] / "docs/schema/bnstat.check-1.schema.json").read_text(encoding="utf-8")
)
posix = pytest.mark.skipif(os.name != "posix", reason="needs a POSIX system")


def never():
    """Findings of each severity, none of which fails the check."""
    return replace(verdict(), settings=replace(verdict().settings, fail_on="never"))


def only_known():
    return replace(verdict(), findings=(), known=verdict().findings)


def unnamed():
    """Findings about nothing in particular, on nothing that was read."""
    return replace(clean(), samples=(), findings=(Finding("BN499", "new", "warning", ""),), rules=())


CASES = (verdict, clean, unread, many, never, only_known, unnamed)

names = st.text(st.characters(exclude_categories=()), min_size=1, max_size=12) | st.sampled_from(["a.npz[k]", EVIL])
places = st.none() | st.integers(0, 3)
findings = st.builds(
    Finding,
    rule=st.sampled_from(["BN101", "BN103"]),
    name=st.just("name"),
    severity=st.sampled_from(SEVERITIES),
    message=st.text(st.characters(exclude_categories=()), max_size=20),
    source=st.none() | names,
    batch=places,
    channel=places,
    group=places,
)
verdicts = st.builds(
    replace,
    st.just(clean()),
    samples=st.lists(st.builds(Sample, names, st.none(), st.just((2, 3)), st.just("int16")), max_size=5).map(tuple),
    findings=st.lists(findings, max_size=5).map(tuple),
    known=st.lists(findings, max_size=5).map(tuple),
    stale=st.lists(st.builds(Stale, st.just("BN101"), st.just("name"), st.none() | names, places)).map(tuple),
    errors=st.lists(st.builds(Failure, names, st.text(max_size=20))).map(tuple),
)


def valid(check):
    """Every format that a program reads, held against what it asks for."""
    jsonschema.validate(read(json, check), SCHEMA, cls=jsonschema.Draft202012Validator)
    formats.valid_junit(junit.render(check))
    jsonschema.validate(read(gitlab, check), formats.GITLAB, cls=jsonschema.Draft202012Validator)
    jsonschema.validate(read(sarif, check), formats.SARIF, cls=jsonschema.Draft202012Validator)


def read(module, check):
    """A document as a program reads it from the command: as UTF-8, with what is no Unicode escaped."""
    return json_reader.loads(module.render(check).encode("utf-8", "backslashreplace"))


@pytest.mark.parametrize("case", CASES)
def test_every_document_is_what_its_readers_ask_for(case):
    valid(case())


# Nine documents and their schemas for each example, on machines that are busy.
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(verdicts)
def test_documents_are_valid_whatever_names_and_messages_are(check):
    valid(check)
    for module in FORMATS:
        shown = module.render(check).encode("utf-8", "backslashreplace").decode("utf-8")
        if module not in (json, jsonl, csv):  # data for programs, which must have names as they are
            assert all(c.isprintable() or c in "\n\u00a0" for c in shown)


@pytest.mark.parametrize(
    ("schema", "path", "value"),
    [
        (formats.SARIF, ("runs", 0, "results", 0, "level"), "grave"),
        (formats.SARIF, ("runs", 0, "results", 0, "message"), "text"),
        (formats.SARIF, ("runs", 0, "tool", "driver", "name"), None),
        (formats.GITLAB, (0, "severity"), "error"),
        (formats.GITLAB, (0, "location", "lines", "begin"), "1"),
    ],
)
def test_the_schemas_refuse_what_they_should(schema, path, value):
    document = read(sarif if schema is formats.SARIF else gitlab, verdict())
    inner = document
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, schema)


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        (' tests="10"', ' tests="11"'),
        ("<failure ", "<fail "),
        (' name="BN101 zero-variance"', ""),
        (' time="0"', ' time="fast"'),
        (' failures="1"', ' failures="one"'),
        (' type="error"', ' kind="error"'),
        ("<testsuite ", "<testsuite><testsuites/><testsuite "),
    ],
)
def test_the_checker_of_junit_refuses_what_it_should(was, becomes):
    whole = junit.render(verdict())
    assert was in whole
    with pytest.raises((AssertionError, ElementTree.ParseError)):
        formats.valid_junit(whole.replace(was, becomes))


# What a person reads.


@pytest.mark.parametrize("width", [40, 60, 80, 120])
@pytest.mark.parametrize("case", CASES)
def test_no_line_is_wider_than_the_terminal(case, width):
    assert max(map(len, table.render(case(), width=width).splitlines())) <= width


def test_a_check_that_found_nothing_is_one_line():
    assert table.render(clean()) == (
        "passed: no findings in 6 samples (Keras batch norm, batch size 1; fails on\nerror)\n"
    )
    assert table.render(replace(clean(), known=verdict().known)) == (
        "passed: no new findings in 6 samples (Keras batch norm, batch size 1; fails on\n"
        "error); 1 known from the baseline\n"
    )


def test_the_last_line_sums_up():
    assert alike.verdict(replace(verdict(), known=verdict().findings[:3], stale=(), errors=())) == (
        "7 errors, 3 warnings, 1 note in 6 samples (fails on error); 3 known from the baseline"
    )
    assert table.render(unread()) == "incomplete: no sample was read; 1 input cannot be read\n"


def test_colours_are_only_there_when_asked_for():
    assert "\x1b" not in table.render(verdict())
    plain = re.sub(r"\x1b\[[\d;]*m", "", table.render(verdict(), color=True))
    assert plain == table.render(verdict())


def test_a_rule_is_shown_on_20_files_and_the_rest_counted_unless_all_are_asked_for():
    shown = table.render(many(25, 2))
    assert len(re.findall(r"BN101 zero-variance\b.*\n    channel 0", shown)) == 20
    assert "10 more findings of BN101 zero-variance (--all shows all)" in shown
    whole = table.render(many(25, 2), every_row=True)
    assert len(re.findall(r"BN101 zero-variance\b.*\n    channel", whole)) == 50
    assert "more finding" not in whole


def test_stale_entries_are_listed_and_the_rest_counted():
    stale = tuple(Stale("BN101", "zero-variance", f"{k}.nii", k) for k in range(25))
    shown = table.render(replace(clean(), stale=stale))
    assert shown.count("BN101 zero-variance: ") == 20
    assert "5 more (--all shows all)" in shown
    assert table.render(replace(clean(), stale=stale), every_row=True).count("zero-variance: ") == 25


def test_the_hint_is_of_the_worst_rule():
    found = (verdict().findings[4], verdict().findings[0])
    assert "bnstat explain BN101" in table.render(replace(clean(), findings=found))


def test_findings_link_to_the_pages_of_their_rules_on_a_site(monkeypatch):
    assert "](" not in markdown.render(verdict())
    monkeypatch.setattr("bnstat.version.DOCS", "https://example.org/bnstat/")
    worst = min(verdict().findings, key=lambda one: SEVERITIES.index(one.severity))
    address = f"https://example.org/bnstat/rules/{worst.rule}-{worst.name}.html"
    assert f"| [{worst.rule}]({address}) {worst.name} |" in markdown.render(verdict())
    assert f"bnstat explain {worst.rule}, or {address}" in table.render(verdict(), width=200)


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ([(0, 0), (0, 1), (0, 2), (0, 5)], "channels 0–2, 5 of batch 0"),
        ([(0, 1), (3, 1)], "channel 1 of batches 0, 3"),
        ([(0, 0), (0, 1), (1, 0)], "channels 0, 1 of batch 0; channel 0 of batch 1"),
        ([(None, None)], ""),
        ([(2, None)], "batch 2"),
        ([(None, 2 * k) for k in range(14)], "channels 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, … (2 more)"),
    ],
)
def test_places_are_said_in_few_words(where, expected):
    found = [Finding("BN101", "zero-variance", "error", "", None, *place) for place in where]
    (group,) = alike.gathered(clean(), found)
    assert group.places == expected


def test_markdown_is_a_table_of_one_row_for_each_rule_on_a_file():
    lines = markdown.render(many(3, 40)).splitlines()
    rows = [re.split(r"(?<!\\)\|", line) for line in lines if line.startswith("|")]
    assert (len(rows), {len(row) for row in rows}) == (2 + 9, {7})
    assert [row[1].strip() for row in rows[2:]] == ["error"] * 3 + ["warning"] * 3 + ["note"] * 3


def test_names_cannot_speak_markdown():
    evil = replace(clean(), findings=(Finding("BN101", "zero-variance", "error", "m", "[a](http://b)|<b>"),))
    assert r"[a]\(http:\//b)\|\<b\>" in markdown.render(evil)
    assert "[a](http://b)|<b>" in of_markdown(markdown.render(evil))


def test_what_could_not_be_read_is_never_a_pass():
    assert "**bnstat check incomplete**" in markdown.render(unread())
    assert "bnstat check incomplete: " in github.render(unread())
    assert "bnstat check failed: " in github.render(verdict())
    assert "bnstat check passed: " in github.render(clean())


# What programs read.


def test_json_lines_and_csv_have_the_same_rows():
    lines = [json_reader.loads(line) for line in jsonl.render(verdict()).splitlines()]
    cells = csv_reader.DictReader(io.StringIO(csv.render(verdict())))
    rows = [{name: of_csv(cell) for name, cell in row.items()} for row in cells]
    assert [line["status"] for line in lines] == ["new"] * 11 + ["known"] + ["stale"] * 2
    assert [{name: "" if value is None else str(value) for name, value in line.items()} for line in lines] == rows
    assert lines[4]["source"] == EVIL


def test_without_findings_csv_is_its_header_and_json_lines_are_none():
    assert csv.render(clean()).startswith("status,rule,name,")
    assert (csv.render(clean()).count("\n"), jsonl.render(clean())) == (1, "")


def test_json_says_whether_the_check_failed():
    assert (read(json, verdict())["failed"], read(json, never())["failed"]) == (True, False)
    assert read(json, verdict())["counts"] == {"error": 7, "warning": 3, "note": 1, "known": 1, "stale": 2}
    assert read(json, verdict())["settings"]["limits"]["small_batch"] == 8


def test_junit_has_failures_where_the_check_fails_and_nowhere_else():
    for fail_on, failures in (("error", 3), ("warning", 6), ("note", 7), ("never", 0)):
        check = replace(verdict(), settings=replace(verdict().settings, fail_on=fail_on))
        root = ElementTree.fromstring(junit.render(check))
        assert (int(root.get("failures")), int(root.get("errors"))) == (failures, 1)
        assert len(root.findall(".//skipped")) == 8 - failures


def test_junit_has_a_case_that_passes_for_each_file_without_findings():
    root = ElementTree.fromstring(junit.render(clean()))
    assert [case.get("name") for case in root.iter("testcase")] == ["nothing found"] * 5
    assert not list(root.iter("failure"))


# What code hosts read.

COMMAND = re.compile(r"::(error|warning|notice) (?:file=([^,:]*),)?title=([^,:]*)::(.*)")


def commands(check):
    """Kind, file, title and message of each workflow command, as the runner reads them."""
    lines = in_a_repository(github.render, check).splitlines()
    return [match.groups() for line in lines if (match := COMMAND.fullmatch(line))]


def test_annotations_are_worst_first_and_no_more_than_github_shows():
    kinds = [command[0] for command in commands(many())]
    assert kinds == ["error"] * 10 + ["warning"] * 10 + ["notice"] * 10
    *_, note, _ = github.render(many()).splitlines()
    assert note == "2,400 more findings without an annotation, since GitHub shows 10 of a kind per step."


def test_nothing_in_a_name_or_message_ends_a_workflow_command():
    path, title, message = EVIL, "a:b,c::d", "x\r\n::error::y%"
    hostile = Finding("BN101", title, "error", message, path)
    (found,) = commands(replace(clean(), findings=(hostile,)))
    assert found[1] == "a%3Ab%2Cc/\\x1b[31m%25é%0A\\udcff|`<&>`.nii"
    assert found[2:] == ("BN101 a%3Ab%2Cc%3A%3Ad", "x ::error::y%25")


def test_the_summary_of_a_step_is_within_its_limit():
    assert github.summary(verdict()) == markdown.render(verdict())
    long = github.summary(many(9000, 1))
    assert 0.9 * github.MOST_BYTES < len(long.encode()) < 2**20
    assert "more lines, for which a summary has no room." in long


def prints(module, check):
    document = in_a_repository(lambda one: read(module, one), check)
    if module is gitlab:
        return [issue["fingerprint"] for issue in document]
    return [result["partialFingerprints"]["bnstat/v1"] for result in document["runs"][0]["results"]]


@pytest.mark.parametrize("module", [gitlab, sarif])
def test_fingerprints_are_unique_and_do_not_hang_on_values_batches_or_other_files(module):
    before = prints(module, many(5, 3))
    assert len(set(before)) == len(before)
    changed = tuple(
        replace(one, batch=one.batch + 7, value=1.5, message="else", severity="note") for one in many(5, 3).findings
    )
    assert prints(module, replace(many(5, 3), findings=changed)) == before
    few = replace(many(5, 3), findings=many(5, 3).findings[4:])
    assert prints(module, few) == before[4:]


@pytest.mark.parametrize("module", [gitlab, sarif])
def test_one_channel_in_several_batches_has_several_fingerprints(module):
    found = tuple(Finding("BN101", "zero-variance", "error", "m", "a.nii", batch, 0) for batch in range(3))
    assert len(set(prints(module, replace(clean(), findings=found)))) == 3


@pytest.mark.parametrize("module", [gitlab, sarif])
def test_arrays_of_one_file_have_fingerprints_of_their_own(module):
    found = [Finding("BN101", "zero-variance", "error", "m", f"a.npz[{key}]", 0, 0) for key in "xy"]
    both = prints(module, replace(clean(), findings=tuple(found)))
    assert [prints(module, replace(clean(), findings=(one,)))[0] for one in found] == both


def test_one_input_that_is_named_twice_has_two_fingerprints():
    errors = tuple(Failure(source, "m") for source in ("a.nii", "./a.nii", "a.nii"))
    assert len(set(prints(gitlab, replace(clean(), errors=errors)))) == 3


def test_gitlab_is_an_empty_list_where_nothing_was_found_and_names_what_could_not_be_read():
    assert gitlab.render(clean()) == "[]\n"
    (issue,) = read(gitlab, unread())
    assert (issue["check_name"], issue["severity"]) == ("unreadable-input", "blocker")


def test_sarif_says_which_findings_are_known_and_what_could_not_be_read():
    (run,) = read(sarif, verdict())["runs"]
    assert ["suppressions" in result for result in run["results"]] == [False] * 11 + [True]
    (invocation,) = run["invocations"]
    assert not invocation["executionSuccessful"]
    assert "truncated" in invocation["toolExecutionNotifications"][0]["message"]["text"]
    assert read(sarif, clean())["runs"][0]["results"] == []


def test_sarif_rules_are_those_that_judged_and_results_point_to_theirs():
    (run,) = read(sarif, verdict())["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == ["BN101", "BN103", "BN104", "BN401", "BN403"]
    assert all(rules[result["ruleIndex"]]["id"] == result["ruleId"] for result in run["results"])


def test_no_message_reads_as_a_link_or_a_placeholder_in_sarif():
    texts = [result["message"]["text"] for result in read(sarif, verdict())["runs"][0]["results"]]
    assert "see \\[this](1)." in texts
    assert any("{{0}}" in text for text in texts)


# Paths.


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A folder of a repository, and a folder in it that is the current one."""
    (tmp_path / "repository" / ".git").mkdir(parents=True)
    (tmp_path / "repository" / "sub").mkdir()
    monkeypatch.chdir(tmp_path / "repository" / "sub")
    return tmp_path / "repository"


def path_of(source):
    return paths.located(replace(clean(), samples=(replace(clean().samples[0], source=str(source)),)))[str(source)]


def test_paths_are_relative_to_the_root_of_the_repository(repository):
    assert path_of("a.nii") == "sub/a.nii"
    assert path_of("../b/./a.nii") == "b/a.nii"
    assert path_of(repository / "a.npz[key]") == "a.npz"


def test_a_file_outside_of_the_repository_keeps_its_whole_path(repository):
    assert path_of("../../a.nii") == (repository.parent / "a.nii").as_posix()


def test_outside_of_any_repository_a_file_is_found_in_its_own(repository, monkeypatch):
    monkeypatch.chdir(repository.parent)
    assert path_of("repository/sub/a.nii") == "sub/a.nii"
    assert path_of("a.nii") == (repository.parent / "a.nii").as_posix()


def test_a_repository_in_a_repository_is_a_part_of_it(repository):
    (repository / "sub" / "module").mkdir()
    (repository / "sub" / "module" / ".git").write_text("gitdir: ../../.git/modules/module")
    assert path_of("module/a.nii") == "sub/module/a.nii"


@posix
def test_a_file_that_is_named_through_a_link_to_the_repository_is_in_it(repository):
    (repository.parent / "link").symlink_to(repository)
    assert path_of(repository.parent / "link" / "a.nii") == "a.nii"


def test_what_is_about_several_files_is_at_the_folder_that_holds_them(repository):
    assert repository
    samples = tuple(replace(clean().samples[0], source=source) for source in ("data/x/a.nii", "data/y/b.nii"))
    assert paths.located(replace(clean(), samples=samples))[None] == "sub/data"
    assert paths.located(replace(clean(), samples=()))[None] == "."
    mixed = (*samples, replace(samples[0], source="../../outside.nii"))
    assert paths.located(replace(clean(), samples=mixed))[None] == "."


@posix
def test_a_uri_has_the_very_bytes_of_a_name():
    assert paths.uri(EVIL) == "a%3Ab%2Cc/%1B%5B31m%25%C3%A9%0A%FF%7C%60%3C%26%3E%60.nii"
    assert unquote_to_bytes(paths.uri(EVIL)) == os.fsencode(EVIL)
    assert paths.uri("/a b") == "file:///a%20b"
    assert paths.uri("\ud800") == "%5Cud800"


@posix
def test_a_current_folder_that_is_gone_is_no_error(tmp_path):
    gone = tmp_path / "gone"
    gone.mkdir()
    with contextlib.chdir(tmp_path):
        os.chdir(gone)
        gone.rmdir()
        valid(verdict())


def test_markdown_says_below_the_outcome_what_the_findings_come_to():
    counts, _, found = headline(verdict()).partition(": ")
    first, second = (part.replace("\\", "") for part in markdown.render(verdict()).split("\n\n")[:2])
    assert counts in first
    assert second == found[0].upper() + found[1:]
    assert markdown.render(clean()).count("\n\n") == 1  # the outcome and the layer, with nothing between
