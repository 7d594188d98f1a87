import numpy as np
import pytest

from sk_cbow._training.config import Tables
from sk_cbow._training.rounds import Change, TrainedPart, adasum, apply_change, difference, merge


def test_adasum_by_hand():
    first = np.float32([[2, 0], [2, 0], [2, 0], [0, 0], [2, 2], [3, 0]])
    second = np.float32([[0, 3], [2, 0], [4, 0], [1, 5], [0, 0], [-3, 0]])
    expected = [
        [2, 3],  # orthogonal: the sum
        [2, 0],  # equal: the average
        [3, 0],  # parallel: (1 - 8 / 8) * 2 + (1 - 8 / 32) * 4
        [1, 5],  # of one part alone
        [2, 2],
        [0, 0],  # opposite: 1.5 * 3 - 1.5 * 3
    ]
    np.testing.assert_allclose(adasum(first, second), expected, atol=1e-6)
    np.testing.assert_array_equal(adasum(first, second), adasum(second, first))


def test_accumulators_are_averaged_over_the_parts_that_contain_the_word():
    before = Tables([np.zeros((3, 2), np.float32)], [np.float32([1, 1, np.inf])])
    after = [
        Tables([np.float32([[1, 0], [0, 0], [0, 0]])], [np.float32([3, 1, np.inf])]),
        Tables([np.float32([[0, 1], [5, 5], [0, 0]])], [np.float32([7, 9, np.inf])]),
    ]
    change = merge(*[difference(before, TrainedPart(tables, None)) for tables in after])
    assert change.n_parts[0].tolist() == [2, 1, 0]
    tables = apply_change(before, change)
    np.testing.assert_array_equal(tables.vectors[0], [[1, 1], [5, 5], [0, 0]])
    np.testing.assert_array_equal(tables.accumulators[0], [1 + (2 + 6) / 2, 1 + 8, np.inf])


@pytest.mark.parametrize("n_tables", [1, 2])
def test_applying_the_change_of_one_part_gives_its_tables(n_tables):
    rng = np.random.default_rng(0)
    before, after = (
        Tables(
            list(rng.normal(size=(n_tables, 5, 3)).astype(np.float32)),
            list(start + rng.random((n_tables, 5), np.float32)),
        )
        for start in (0, 1)
    )
    tables = apply_change(before, difference(before, TrainedPart(after, None)))
    for values, expected in zip(tables, after, strict=True):
        np.testing.assert_allclose(values, expected, rtol=1e-5)
    assert isinstance(difference(before, TrainedPart(after, None)), Change)
