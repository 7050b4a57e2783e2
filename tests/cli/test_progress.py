"""Progress: bytes and rate on stderr, only at a terminal, and only where reading takes more than a moment."""

from __future__ import annotations

import io
import logging
import os
import re
import sys
import warnings

import pytest

from bnstat.cli import progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def terminal(monkeypatch):
    """A function that puts a terminal in the place of stderr; a fixture itself is too early for that."""

    def replace(stream=None):
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.setenv("COLUMNS", "80")
        stream = stream or Terminal()
        monkeypatch.setattr(sys, "stderr", stream)
        return stream

    return replace


def read_two_files(meter):
    meter.begin("folder/a.nii", 2, 8_000_000)
    for _ in range(2):
        for _ in range(4):
            meter.advance(1_000_000)
        meter.done(1)


def read_until_interrupted():
    with progress.progress(quiet=False) as meter:
        meter.begin("a.nii", 1, 10)
        meter.advance(5)
        raise KeyboardInterrupt


def test_a_bar_counts_files_and_bytes(terminal, monkeypatch):
    monkeypatch.setattr(progress, "_MOMENT_S", -1.0)
    stderr = terminal()
    with progress.progress(quiet=False) as meter:
        read_two_files(meter)
    shown = stderr.getvalue()
    assert "2 of 2 files" in shown
    assert "8.0/8.0 MB" in shown


def test_one_file_is_named(terminal, monkeypatch):
    monkeypatch.setattr(progress, "_MOMENT_S", -1.0)
    stderr = terminal()
    with progress.progress(quiet=False) as meter:
        meter.begin("folder/a.nii", 1, 4_000_000)
        meter.advance(3_000_000)
    assert "a.nii" in stderr.getvalue()
    assert "3.0/4.0 MB" in stderr.getvalue()


def test_passes_of_a_network_take_the_place_of_bytes(terminal, monkeypatch):
    monkeypatch.setattr(progress, "_MOMENT_S", -1.0)
    stderr = terminal()
    with progress.progress(quiet=False) as meter:
        read_two_files(meter)
        before = len(stderr.getvalue())
        for done in range(1, 4):
            meter.passes("evaluation mode", done, 3)
        meter.passes("training batches of 2", 1, 4)
    shown = stderr.getvalue()[before:]
    assert "training batches of 2" in shown
    assert "1/4" in shown
    assert "MB" not in shown.rpartition("training batches of 2")[2]


def test_what_takes_no_longer_than_a_moment_shows_nothing(terminal):
    stderr = terminal()
    with progress.progress(quiet=False) as meter:
        read_two_files(meter)
    assert stderr.getvalue() == ""


def test_the_bar_is_taken_off_where_reading_is_interrupted(terminal, monkeypatch):
    monkeypatch.setattr(progress, "_MOMENT_S", -1.0)
    stderr = terminal()
    with pytest.raises(KeyboardInterrupt):
        read_until_interrupted()
    assert "\x1b[?25h" in stderr.getvalue()  # the cursor is shown again


def test_there_is_none_where_it_is_not_wanted_or_nobody_looks(terminal):
    terminal()
    with progress.progress(quiet=True) as meter:
        assert meter is None
    terminal(io.StringIO())
    with progress.progress(quiet=False) as meter:
        assert meter is None


def test_a_warning_becomes_a_note_once_and_nothing_is_silenced_after_that(capsys):
    log = logging.getLogger("nibabel.global")
    before = (list(warnings.filters), log.level)
    with progress.progress(quiet=False):
        for _ in range(2):
            warnings.warn("the header is\nof Python 2", UserWarning, stacklevel=1)
    assert (list(warnings.filters), log.level) == before
    said = r"bnstat: note: the header is of Python 2 \(UserWarning from cli/test_progress.py:\d+\)\n"
    assert re.fullmatch(said, capsys.readouterr().err)
    with pytest.warns(UserWarning, match="heard"):
        warnings.warn("heard", UserWarning, stacklevel=1)


def test_quiet_tells_no_warning(capsys):
    with progress.progress(quiet=True):
        warnings.warn("a warning", UserWarning, stacklevel=1)
    assert capsys.readouterr().err == ""


def test_a_warning_is_told_where_reading_fails(capsys):
    def fail():
        with progress.progress(quiet=False):
            warnings.warn("a warning", UserWarning, stacklevel=1)
            raise ValueError("damaged")

    with pytest.raises(ValueError, match="damaged"):
        fail()
    assert "note: a warning" in capsys.readouterr().err


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs processes that are forked")
def test_a_process_that_was_forked_tells_its_warnings_itself(capfd):
    with progress.progress(quiet=False):
        child = os.fork()
        if child == 0:
            warnings.warn("of the child", UserWarning, stacklevel=1)
            os._exit(0)
        os.waitpid(child, 0)
    said = r"bnstat: note: of the child \(UserWarning from cli/test_progress.py:\d+\)\n"
    assert re.fullmatch(said, capfd.readouterr().err)
