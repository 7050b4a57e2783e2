"""The examples of docs/how-to/networks.md print what the page shows, but for digits that depend on the processor."""

from __future__ import annotations

import re
import shutil

import pytest
from documentation.examples import sections
from network_page import PAGE, SHOWN, page_anew, plain_network

TEXT = PAGE.read_text(encoding="utf-8")


def without_digits(section):
    """A section in which numbers are N, lines are put together, and curves are left out."""
    lines = [line for line in section.splitlines() if not re.search(r"[│┤└]", line)]
    return re.sub(r"<?[\d.,]+(e-\d+)?", "N", " ".join(" ".join(lines).split()))


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
@pytest.mark.parametrize("place", range(2), ids=["own network", "results of nnU-Net"])
def test_the_page_shows_what_is_printed_today(place):
    """`python tests/network_page.py` writes it anew."""
    pytest.importorskip("torch").set_num_threads(1)
    if place == 1:
        from real_networks import torchvision

        torchvision()
        pytest.importorskip("dynamic_network_architectures.architectures.unet")
    section = [one for one in sections(TEXT) if SHOWN in one][place]
    if place == 0:
        section_of_today = page_anew(section, pytest.importorskip("torch").nn.Identity)
    else:
        section_of_today = page_anew(section, plain_network)
    assert without_digits(section_of_today) == without_digits(section)
