"""The published exit codes. Where several hold, the first of INTERRUPTED, DEFECT, FAILED_INPUT, USAGE wins."""

CLEAN = 0
FINDINGS = 1
USAGE = 2
FAILED_INPUT = 3
DEFECT = 4
INTERRUPTED = 130
CLOSED_PIPE = 141
