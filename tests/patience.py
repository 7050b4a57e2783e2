"""How long a test waits for another process: a program that hangs fails, a busy machine does not."""

# In seconds. What these tests start takes a few seconds; a full machine that is much slower is no defect.
LONGEST = 600
