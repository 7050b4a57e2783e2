"""The version of the package, read by the build, by workers and by every output; and where its documentation is."""

import os

__version__ = "0.1.0"

# The address that pages of the documentation start with, with a slash at its end: that of BNSTAT_DOCS_URL, else the
# folder in the sources.
DOCS = (os.environ.get("BNSTAT_DOCS_URL") or "docs").rstrip("/") + "/"
