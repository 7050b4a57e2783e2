"""What `python scripts/docs.py` is made of: examples that are run, and reference pages that are generated."""
