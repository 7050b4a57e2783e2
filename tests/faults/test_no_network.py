"""No command reaches for the network unless a URL is given."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from dataset_cases import nnunet_v2, save
from patience import LONGEST

from bnstat import cli

# The events of Python's own audit, raised before a socket is used, whatever library uses it. Processes of this
# machine may talk to each other: their addresses are no host and port.
# The process ends at once: an exception could be caught, or end only a thread.
GUARD = """
import os, sys
def refuse(event, arguments):
    connects = event in ("socket.connect", "socket.sendto") and isinstance(arguments[-1], tuple)
    if connects or event in ("socket.getaddrinfo", "socket.gethostbyname", "urllib.Request"):
        os.write(2, f"THE NETWORK: {event} {arguments!r}".encode())
        os._exit(99)
sys.addaudithook(refuse)
"""
RUN = GUARD + "from bnstat.cli import main\nsys.exit(main())"


def ran(code, *args, cwd):
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, args)],
        capture_output=True,
        text=True,
        cwd=cwd,
        timeout=LONGEST,
        check=False,
    )


COMMANDS = {
    "inspect": ["inspect", "ds", "--jobs", "2"],
    "compare": ["compare", "a.nii.gz", "b.nii.gz"],
    "check": ["check", "a.nii.gz", "b.nii.gz", "--fail-on", "never"],
    "report": ["report", "a.nii.gz", "b.nii.gz", "-o", "page.html"],
    "explain": ["explain", "BN101"],
    "plan": ["plan", "--patch", "64", "--levels", "4"],
    "scan": ["scan", "ds", "-o", "m.jsonl"],
    "frameworks": ["frameworks"],
    "layers": ["layers", "--help"],
    "checkpoint": ["checkpoint", "a.npz"],
}


def test_every_command_is_tried():
    assert set(COMMANDS) == set(cli._COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_on_files_of_this_machine_uses_no_network(tmp_path, voxels, command):
    save(tmp_path / "a.nii.gz", voxels)
    save(tmp_path / "b.nii.gz", voxels + 1)
    np.savez(tmp_path / "a.npz", **{"bn.running_mean": np.zeros(3), "bn.running_var": np.ones(3)})
    nnunet_v2(tmp_path / "ds")
    done = ran(RUN, *COMMANDS[command], cwd=tmp_path)
    assert "THE NETWORK" not in done.stdout + done.stderr
    assert done.returncode in ((0, 1) if command != "checkpoint" else (0, 1, 3)), done.stderr


def test_a_command_on_a_url_does_use_it(tmp_path):
    pytest.importorskip("fsspec")
    done = ran(RUN, "inspect", "http://127.0.0.1:9/x.nii", cwd=Path(tmp_path))
    assert "THE NETWORK" in done.stdout + done.stderr
