"""What a user may call in a loop, or once on much, takes time in proportion.

The cases are those of `python -m tests.growth`, which measures them thoroughly. Here two sizes far
apart are enough for a wide margin: a loop that is linear has an exponent of 1, one that is
quadratic of nearly 2.
"""

from __future__ import annotations

import pytest
from growth import CASES, Case, exponent

MARGIN = 1.5
APART = 16


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_time_grows_with_size_and_no_faster(case: Case) -> None:
    sizes = (case.quick // APART, case.quick)
    slope, _ = exponent(case, sizes, runs=1)
    if slope > MARGIN:  # another process may have taken the processor's caches meanwhile
        slope, _ = exponent(case, sizes, runs=3)
    assert slope <= MARGIN
