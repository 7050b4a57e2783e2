"""How many samples tell how samples differ: a module without imports, for a volume that is inspected alone."""

from __future__ import annotations

# Below so few samples, or volumes where samples are patches, their spread is not known well enough to say anything of a
# larger set. Of exactly these samples all is known, but one alone has nothing between samples.
FEWEST_SAMPLES = 8
FEWEST_OF_THESE = 2
