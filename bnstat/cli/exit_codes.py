"""The published exit codes. If several apply, the first of INTERRUPTED, DEFECT, FAILED_INPUT and USAGE is used."""

CLEAN = 0
FINDINGS = 1
USAGE = 2
FAILED_INPUT = 3
DEFECT = 4
INTERRUPTED = 130
CLOSED_PIPE = 141
