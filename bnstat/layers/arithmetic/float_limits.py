"""The limits of the types of numbers that layers compute with, for who does without numpy."""

from __future__ import annotations

# The rounding of one float32 operation, relative to its result: half the distance of 1 to the next number.
UNIT = 2.0**-24
# The largest number of float32, and the least one of full precision: many layers take a smaller one for 0.
FLOAT32_MAX = (2.0 - 2.0**-23) * 2.0**127
FLOAT32_TINY = 2.0**-126
# Adding 1 changes no float32 beyond this.
FLOAT32_COUNT = 2**24

# The largest float16 (IEEE 754 binary16).
FLOAT16_MAX = 65504.0
# From here on float16 rounds to infinity: half a step beyond its largest number.
FLOAT16_OVERFLOW = 65520.0
