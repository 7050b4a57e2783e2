"""Passwords and signed tokens of URLs: they are in no message, report or file, and all else of a URL stays."""

from __future__ import annotations

import json
import pickle

import pytest

from bnstat import InputError, UsageError
from bnstat.redaction import redacted
from bnstat.sources.case import Case

HIDDEN = {
    "https://u:p4ss@h/x.nii": "https://u:***@h/x.nii",
    "https://u:p@ss@h/a@b": "https://u:***@h/a@b",
    "https://u:p4/ss@h/x": "https://u:***@h/x",
    "https://user:12345@host/x": "https://user:***@host/x",
    "s3://key:s3cret@bucket/x?versionId=3": "s3://key:***@bucket/x?versionId=3",
    "simplecache::https://u:p4ss@h/x": "simplecache::https://u:***@h/x",
    "https://ghp_abc@h/x": "https://***@h/x",
    "https://h/x.nii?X-Amz-Algorithm=A&X-Amz-Credential=AK%2F&X-Amz-Signature=ab&x=1": (
        "https://h/x.nii?X-Amz-Algorithm=A&X-Amz-Credential=***&X-Amz-Signature=***&x=1"
    ),
    "https://h/x?X-Goog-Signature=ab": "https://h/x?X-Goog-Signature=***",
    "https://h/?sv=1&sig=a%2Bb&se=2024": "https://h/?sv=1&sig=***&se=2024",
    "https://h/?access_token=zz": "https://h/?access_token=***",
    "https://h/?%73ig=1": "https://h/?%73ig=***",
    "https://h/x#id_token=abc": "https://h/x#id_token=***",
    "https://h/x?key=AIzaSyA1234567890abcdef": "https://h/x?key=***",
    "see 'https://u:p@h/x', https://a:b@c/?token=z: no": "see 'https://u:***@h/x', https://a:***@c/?token=***: no",
}
KEPT = (
    *(
        "https://h:8080/a@b.nii",
        "http://[::1]:80/a@b",
        "abfs://container@account.dfs/x",
        "https://h/?token=",
        "a?sig=1",
    ),
    *(
        "https://h/g?key=volume.nii&author=me",
        "sub-01/a:b@c.nii",
        "C:/x@y",
        "s3://bucket/a:b@c",
        "https://h/x?design=2",
    ),
)


@pytest.mark.parametrize("text", HIDDEN)
def test_secrets_are_hidden_and_the_rest_stays(text):
    assert redacted(text) == HIDDEN[text]


@pytest.mark.parametrize("text", [*HIDDEN, *KEPT])
def test_hiding_twice_is_hiding_once(text):
    assert redacted(redacted(text)) == redacted(text)


@pytest.mark.parametrize("text", KEPT)
def test_what_is_no_secret_stays(text):
    assert redacted(text) == text


@pytest.mark.parametrize("part", ["a://b:c/", "a" * 40 + "://", "?token=&", "https://u:", "://"])
def test_a_hostile_text_takes_no_longer_than_its_length(part):
    redacted("x://" + part * 20_000)  # minutes, if the time grew with the square of the length


def test_errors_have_no_secrets_also_from_another_process():
    error = pickle.loads(pickle.dumps(InputError("https://u:p4ss@h/x", "see https://u:p4ss@h/y?sig=s3cret")))
    assert (error.source, error.message) == ("https://u:***@h/x", "see https://u:***@h/y?sig=***")
    assert "p4ss" not in f"{error!s} {error!r} {error.args}"
    assert "p4ss" not in str(UsageError("https://u:p4ss@h/x is not it"))


def test_a_case_is_shown_without_secrets_and_opened_with_them():
    case = Case.of("https://u:p4ss@h/x.nii")
    assert (case.name, case.shown) == ("https://u:***@h/x.nii", ("https://u:***@h/x.nii",))
    assert case.files == (case.given,) == ("https://u:p4ss@h/x.nii",)
    assert pickle.loads(pickle.dumps(case)) == case


@pytest.mark.parametrize("command", ["inspect", "check", "compare", "report", "scan"])
@pytest.mark.parametrize("form", ["table", "json", "csv", "html"])
def test_no_output_has_a_secret(bnstat_run, tmp_path, small_image, monkeypatch, command, form):
    monkeypatch.chdir(tmp_path)
    pytest.importorskip("fsspec")
    if (command, form) in (("scan", "csv"), ("scan", "html"), ("report", "table"), ("report", "csv")):
        pytest.skip("no such format")
    url = f"file://user:p4ss@{small_image()}?X-Amz-Signature=s3cret"
    here = f"foo://user:p4ss@h/x.nii?sig=s3cret {url}".split()
    image = small_image("b.nii")
    to = ("-o", "out.jsonl") if command == "scan" else ("--format", form, "-o", f"out.{form}")
    ran = bnstat_run(command, image, *here, *to)
    written = "".join(path.read_text(errors="replace") for path in tmp_path.glob("out.*"))
    assert "***" in ran.err
    assert "p4ss" not in ran.out + ran.err + written
    assert "s3cret" not in ran.out + ran.err + written
    if form == "json" and written and command != "scan":
        json.loads(written)
