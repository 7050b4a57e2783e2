"""The published exit codes. If several apply, the first of the signals, DEFECT, FAILED_INPUT and USAGE is used."""

CLEAN = 0
FINDINGS = 1
USAGE = 2
FAILED_INPUT = 3
DEFECT = 4
# Of signals: 128 and the number of the signal.
HUNG_UP = 129
INTERRUPTED = 130
TERMINATED = 143
CLOSED_PIPE = 141
