"""The sum of the largest few, and the way back, against every joint assignment of values."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from sheetwatch.rules.best_of import BestOfSum

SHAPES = [(fields, best, values) for fields in (2, 3, 4, 5) for best in range(1, fields) for values in (1, 2, 4)]


@pytest.mark.parametrize(("fields", "best", "values"), SHAPES)
def test_distribution_and_way_back_are_those_of_every_joint_assignment(fields: int, best: int, values: int) -> None:
    rng = np.random.default_rng(fields * 100 + best * 10 + values)
    weights = rng.random((fields, 2, values))
    fits = rng.random((2, best * (values - 1) + 1))
    sums = np.zeros_like(fits)
    toward = np.zeros_like(weights)
    for joint in product(range(values), repeat=fields):
        each = weights[range(fields), :, joint]
        amount = sum(sorted(joint)[-best:])
        sums[:, amount] += each.prod(axis=0)
        for field, value in enumerate(joint):
            toward[field, :, value] += np.delete(each, field, axis=0).prod(axis=0) * fits[:, amount]

    found = BestOfSum(weights, best)

    assert found.size == fits.shape[1]
    np.testing.assert_allclose(found.distribution(), sums, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(found.toward_fields(fits), toward, rtol=1e-12, atol=1e-13)


def test_values_that_nothing_speaks_for_leave_only_the_noise_of_the_transforms() -> None:
    weights = np.zeros((6, 2, 21))
    weights[:, :, 7] = 1.0

    found = BestOfSum(weights, 4).distribution()

    assert found[:, 28] == pytest.approx([1.0, 1.0], abs=1e-14)
    assert np.delete(found, 28, axis=1).max() < 1e-14
