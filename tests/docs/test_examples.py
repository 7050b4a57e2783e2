"""Every command and program that a document shows runs, and prints what the document says."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from documentation import examples
from documentation.examples import section_anew, sections, understand

import docs

# So many blocks are shown and run by no test, each with its reason: a network, a cluster, a framework.
NOT_RUN_AT_MOST = 16
# A test of its own that runs a block, as the reason names it.
RUN_BY = re.compile(r"; (tests/docs/\w+\.py) runs it$")

SECTIONS = [
    (path.relative_to(docs.ROOT).as_posix(), index, section)
    for path in docs.examples()
    for index, section in enumerate(sections(path.read_text(encoding="utf-8")))
]


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
@pytest.mark.parametrize(
    "section", [one for _, _, one in SECTIONS], ids=[f"{name}-{index}" for name, index, _ in SECTIONS]
)
def test_the_document_shows_what_is_printed_today(section):
    assert section_anew(section) == section  # `python scripts/docs.py` writes it anew


@pytest.mark.parametrize(
    "path", [path for path in docs.generated() if path.suffix == ".md"], ids=lambda path: path.stem
)
def test_generated_pages_are_those_of_the_code_of_today(path):
    assert path.read_text(encoding="utf-8") == docs.generated()[path]()  # `python scripts/docs.py` writes it anew


def test_no_page_is_left_that_nothing_writes():
    assert docs.leftovers() == []


def test_few_blocks_are_not_run():
    reasons = [
        (name, reason) for name, _, section in SECTIONS for reason in re.findall(r"<!-- not run: (.+?) -->", section)
    ]
    never = [(name, reason) for name, reason in reasons if not RUN_BY.search(reason)]
    assert len(never) <= NOT_RUN_AT_MOST, never
    for name, reason in reasons:
        if found := RUN_BY.search(reason):
            text = (docs.ROOT / found[1]).read_text(encoding="utf-8")
            assert Path(name).name in text or "network_page" in text, (name, found[1])


def test_every_block_of_a_document_says_what_it_is():
    """A fence without a language would be neither run nor compared."""
    for name, _, section in SECTIONS:
        if name == "README.md":  # CI reads two commands there, in fences without a language
            continue
        fences = re.findall(r"^```(.*)$", section, re.MULTILINE)
        assert all(fences[::2]), (name, fences)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("bnstat inspect t1.nii.gz --batch-sise 2", "no such option"),
        ("find . | bnstat scan - --nothing", "no such option"),
        ("bnstat inspekt t1.nii.gz", "no such command"),
    ],
)
def test_a_command_that_is_only_shown_must_be_understood(line, problem):
    with pytest.raises(ValueError, match=problem):
        understand(line)
    understand("bnstat inspect t1.nii.gz --batch-size 2    with a remark --batch-sise")


def test_a_block_that_is_neither_a_file_nor_run_is_refused():
    with pytest.raises(ValueError, match="neither a file nor something to run"):
        section_anew("```json\n{}\n```\n")


def test_an_output_that_differs_is_written_anew():
    shown = "```console\n$ bnstat --version\nbnstat 0.0.0\n$ echo $?\n1\n```\n"
    written = section_anew(shown)
    assert re.fullmatch(r"```console\n\$ bnstat --version\nbnstat [\d.]+\n\$ echo \$\?\n0\n```\n", written)
    assert examples.written_anew(written) == written


def test_both_outputs_of_a_command_keep_their_order_and_pipes_their_codes():
    command = "bnstat check missing.nii sample_data/mri_4channel.nii.gz -q | tail -1; echo ${PIPESTATUS[0]}"
    lines = section_anew(f"```console\n$ {command}\n```\n").splitlines()
    assert lines[2].startswith("bnstat: error: missing.nii")
    assert lines[3].startswith("failed: 1 error in 1 sample")
    assert lines[4] == "3"
