"""Messages of the library on the command line: parameters are spelled as options."""

from __future__ import annotations

import pytest

from bnstat.cli.messages import spelled


@pytest.mark.parametrize(
    ("message", "line"),
    [
        ("`batch_size` must be at least 1", "--batch-size must be at least 1"),
        ("use `batch_size=1`, or see `bnstat compare`", "use --batch-size 1, or see `bnstat compare`"),
        ('read it with `batch_axis="none"`', "read it with --batch-axis none"),
        ("`size` is larger than the volume; `number=4`", "--patch is larger than the volume; --patches 4"),
        ("cut patches of `size=(96, 96, 96)`", "cut patches of --patch 96x96x96"),
        ("use `size=(96,)`", "use --patch 96"),
        ('a script needs `if __name__ == "__main__":`', 'a script needs `if __name__ == "__main__":`'),
    ],
)
def test_parameters_between_backticks_become_options_and_commands_stay(message, line):
    assert spelled(message) == line
