"""Every option of every command with values that are wrong for it: one line that a user can read."""

from __future__ import annotations

import importlib
import re

import click
import pytest

from bnstat import cli

# What only the insides of Python call something.
INSIDES = re.compile(r"<(?:function|class|module|bound|built-in|lambda)|object at 0x|\bNone\b|Traceback|a defect in")
OF_PATCHES = ("--patches", "--per-volume", "--foreground", "--labels", "--pad")
WRONG = ("grp", "", ":", "-1", "1e999", "nan", "a,b", "group:0", "{", "0x0", "☃")


def _commands():
    return {name: importlib.import_module(f"bnstat.cli.{name}").command for name in cli._COMMANDS}


def _options():
    for name, command in _commands().items():
        for one in command.params:
            if isinstance(one, click.Option) and not one.is_flag and one.opts != ["--output", "-o"]:
                yield name, max(one.opts, key=len)


@pytest.mark.parametrize(("command", "option"), [*_options()])
def test_no_wrong_value_shows_the_insides_of_python(bnstat_run, small_image, tmp_path, monkeypatch, command, option):
    path = small_image()
    monkeypatch.chdir(tmp_path)
    asked = {
        "compare": [path, *([] if option in ("--frameworks", "--normalizers", "--epsilons") else ["--batch-sizes", 1])],
        "explain": [],
        "frameworks": [],
        "plan": [] if option == "--patch" else ["--patch", "8x8x8"],
    }.get(command, [path])
    for value in WRONG:
        ran = bnstat_run(command, *asked, option, value, *(["--patch", 4] if option in OF_PATCHES else []))
        assert not INSIDES.search(ran.err), (value, ran.err)
        assert ran.code in (0, 1, 2, 3)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--normalizer", "grp"), "normalizer 'grp' is not known; did you mean 'group:G', as in group:2?"),
        (("--normalizer", "bogus"), "normalizer 'bogus' is not known; choose one of batch, instance,"),
        (("--normalizer", "instanc"), "normalizer 'instanc' is not known; did you mean 'instance'?"),
        (("--normalizer", "batch:2"), "normalizer 'batch:2' has a number, which only group norm has"),
        (("--epsilon", "abc"), "--epsilon must be a number, and is 'abc' (see"),
        (("--batch-size", "1.5"), "--batch-size must be a whole number, and is '1.5' (see"),
        (("--patch", "a"), "--patch: 'a' is not a size as in 128x128x64"),
        (("--format", "yaml"), "--format: 'yaml' is not one of 'table', 'json', 'csv', 'markdown', 'html' (see"),
    ],
)
def test_a_wrong_value_is_named_with_its_option(refused, small_image, arguments, said):
    assert refused(2, "inspect", small_image(), *arguments).startswith(f"bnstat: error: {said}")


def test_a_list_for_an_option_of_one_number_names_the_option_of_several(refused, small_image):
    image = small_image()
    assert "'1,2,4'; for several, use --batch-sizes (see" in refused(2, "compare", image, "-b", "1,2,4")
    assert "'0.1,1'; for several, use --epsilons (see" in refused(2, "compare", image, "--epsilon", "0.1,1")
    assert "is '1,2,4' (see" in refused(2, "inspect", image, "-b", "1,2,4")
    assert "is 'two' (see" in refused(2, "compare", image, "-b", "two")


def test_one_wrong_normalizer_of_several_is_named(refused, small_image):
    said = refused(2, "compare", small_image(), "--normalizers", "batch,grp")
    assert "normalizer 'grp' is not known; did you mean 'group:G', as in group:2?" in said


@pytest.mark.parametrize("command", ["inspect", "compare", "check", "scan"])
def test_without_a_path_one_is_asked_for_by_example(refused, command):
    asked = {"compare": ("--batch-sizes", 2), "scan": ("-o", "m.jsonl")}.get(command, ())
    said = refused(2, command, *asked)
    assert f"no input: give a PATH, as in bnstat {command} volume.nii.gz" in said
