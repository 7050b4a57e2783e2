"""Trials of SECURITY.md: each protection is taken away, and a test of its promise has to notice."""
