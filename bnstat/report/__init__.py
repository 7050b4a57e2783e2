"""What each command tells, as frozen values; a command is a file.

Undefined values are None; zero never means unknown.
"""
