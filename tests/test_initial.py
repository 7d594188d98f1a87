import numpy as np
import pytest

from sk_cbow._training.config import Tables, TrainingConfig
from sk_cbow._training.initial import RowInit, initial_rows, initial_tables, rows_of_tables


def test_random_vectors_are_small_and_differ_between_tables():
    config = TrainingConfig(vector_size=10, shared_embedding=False)
    tables = initial_tables(config, 3000, [[], []], np.random.default_rng(0))
    first, second = tables.vectors
    assert first.dtype == np.float32
    np.testing.assert_allclose(first.min(axis=0), -0.05, atol=1e-3)
    np.testing.assert_allclose(first.max(axis=0), 0.05, atol=1e-3)
    assert (first != second).any(axis=1).all()
    assert not np.any(tables.accumulators)


def test_given_rows_and_accumulators_replace_the_random_ones():
    first = RowInit(np.array([0, 2], np.int32), np.array([[1, 2], [3, 4]], np.float32), np.array([5, 6], np.float32))
    second = RowInit(np.array([2], np.int32), np.array([[7, 8]], np.float32), np.array([np.inf], np.float32))
    tables = initial_tables(TrainingConfig(vector_size=2), 4, [[first, second]], np.random.default_rng(0))
    np.testing.assert_array_equal(tables.vectors[0][[0, 2]], [[1, 2], [7, 8]])
    np.testing.assert_array_equal(tables.accumulators[0], [5, 0, np.inf, 0])
    assert (abs(tables.vectors[0][[1, 3]]) > 0).all()
    assert (abs(tables.vectors[0][[1, 3]]) <= 0.25).all()


@pytest.mark.parametrize("n_tables", [1, 2])
def test_all_rows_of_tables_restore_them(n_tables):
    rng = np.random.default_rng(0)
    vectors = list(rng.normal(size=(n_tables, 2000, 3)).astype(np.float32))
    tables = Tables(vectors, list(rng.random((n_tables, 2000), np.float32)))
    config = TrainingConfig(vector_size=3, shared_embedding=n_tables == 1)
    for generator in (np.random.default_rng(0), None):
        restored = initial_tables(config, 2000, rows_of_tables(tables), generator)
        np.testing.assert_array_equal(restored.vectors, tables.vectors)
        np.testing.assert_array_equal(restored.accumulators, tables.accumulators)
    assert len(list(initial_rows(2000, 3, rows_of_tables(tables)[0], None))) == 1
