"""BN102 and BN103 say by what to multiply the data: as much as is needed, and hardly more."""

from __future__ import annotations

import re

import numpy as np
import pytest

from bnstat import diagnose

VALUES = np.random.default_rng(0).normal(0, 1, (1, 6, 6, 6, 1))


@pytest.mark.parametrize("deviation", [0.2, 0.033, 1e-3, 1e-9])
@pytest.mark.parametrize("epsilon", [1e-3, 1e-5])
@pytest.mark.parametrize("normalizer", ["batch", "rms", "instance"])
def test_the_data_times_the_factor_have_no_finding_and_times_less_have_one(deviation, epsilon, normalizer):
    def found(values):
        report = diagnose(values, epsilon=epsilon, normalizer=normalizer)
        return [finding for finding in report.findings if finding.rule in ("BN102", "BN103")]

    findings = found(VALUES * deviation)
    if not findings:
        assert deviation**2 > 90 * epsilon
        return
    said = re.search(r"or multiply the data by ([\d.e+,]+) or more\.", findings[0].message)
    assert said, findings[0].message
    factor = float(said[1].replace(",", ""))
    assert not found(VALUES * deviation * factor)
    assert found(VALUES * deviation * factor * 0.9)
