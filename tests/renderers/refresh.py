"""Write the golden texts anew: `python tests/renderers/refresh.py`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from renderers.test_golden import GOLDEN, RENDERED, shown

if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    for name in RENDERED:
        (GOLDEN / name).write_text(shown(name), encoding="utf-8")
