"""The version of the package, read by the build, by workers and by every output; and where its documentation is."""

import os

__version__ = "0.1.0"

# The address that pages of the documentation start with, with a slash at its end: that of BNSTAT_DOCS_URL, else the
# folder in the sources.
DOCS = (os.environ.get("BNSTAT_DOCS_URL") or "docs").rstrip("/") + "/"


def page_of_rule(code: str, name: str) -> str:
    """Return the address of a rule's page: on the site that BNSTAT_DOCS_URL names, else the file in the sources."""
    return f"{DOCS}rules/{code}-{name}{'.html' if '://' in DOCS else '.md'}"


def link_of_rule(code: str, name: str) -> str | None:
    """Return the address of a rule's page on a site that BNSTAT_DOCS_URL names; None without one."""
    return page_of_rule(code, name) if "://" in DOCS else None


def where_docs() -> str:
    """Return where the documentation is: on the site that BNSTAT_DOCS_URL names, else in the sources."""
    if "://" in DOCS:
        return f"Documentation: {DOCS}"
    return f"Documentation: {DOCS} in the source code of bnstat; without it, `bnstat explain` shows every rule."
