"""The types that the input of a layer may have."""

from __future__ import annotations

from typing import Literal

InputType = Literal["float32", "float16", "bfloat16"]
