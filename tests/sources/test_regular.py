"""Only regular files are opened, and a description has a largest size."""

from __future__ import annotations

import os
import socket

import pytest

from bnstat.sources.regular import NotRegularError, TooLargeError, open_regular, read_regular


def test_a_file_is_read_as_it_is(tmp_path):
    (tmp_path / "plans.json").write_bytes(b"{}\r\n")
    assert read_regular(tmp_path / "plans.json") == b"{}\r\n"


def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "dataset.json")
    with pytest.raises(NotRegularError, match="it is a pipe and no regular file"):
        open_regular(tmp_path / "dataset.json")


def test_a_device_is_refused():
    with pytest.raises(NotRegularError, match="it is a device"):
        read_regular("/dev/zero")


def test_a_socket_is_refused(tmp_path):
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "s"))
        with pytest.raises(OSError, match=r"socket|No such device"):
            open_regular(tmp_path / "s")


def test_a_folder_is_a_folder(tmp_path):
    with pytest.raises(IsADirectoryError):
        open_regular(tmp_path)


def test_a_file_beyond_the_limit_is_refused(tmp_path):
    (tmp_path / "table.csv").write_bytes(b"a" * 11)
    with pytest.raises(TooLargeError):
        read_regular(tmp_path / "table.csv", 10)
    assert len(read_regular(tmp_path / "table.csv", 11)) == 11
