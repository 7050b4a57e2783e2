"""The result of each command as a frozen value; a command is a file.

Undefined values are `None` (JSON: `null`), never 0.
"""
