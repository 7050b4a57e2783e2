"""The keys of the object that all commands of a run share, `obj` of click's context."""

from __future__ import annotations

# Whether a defect shows its traceback, as --debug asks.
DEBUG = "debug"
# The words of the command line.
TYPED = "typed"
