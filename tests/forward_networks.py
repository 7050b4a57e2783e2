"""A network that is written in one line. It needs PyTorch."""

from __future__ import annotations

import pytest

nn = pytest.importorskip("torch").nn


class Forward(nn.Module):
    """A network whose `forward` is a function of itself and a batch."""

    def __init__(self, forward, **parts):
        super().__init__()
        for name, part in parts.items():
            setattr(self, name, part)
        self._called = forward

    def forward(self, volume):
        return self._called(self, volume)
