"""How many threads this process may use, on systems that say it in either way."""

from __future__ import annotations

import os

import pytest

from bnstat.moments import processors


@pytest.mark.parametrize(("counted", "processes", "expected"), [(6, 1, 6), (6, 2, 3), (6, 9, 1), (None, 1, 1)])
def test_processes_share_the_processors_that_the_system_counts(monkeypatch, counted, processes, expected):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: counted)
    monkeypatch.setattr(processors._Sharing, "processes", 1)
    processors.share(processes)
    assert processors.processors() == expected


def test_a_container_that_has_some_of_the_processors_counts_these(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 3, 5}, raising=False)
    monkeypatch.setattr(processors._Sharing, "processes", 1)
    assert processors.processors() == 3
