from itertools import pairwise

import numpy as np

from sk_cbow._pooling import mean_vectors

EMBEDDINGS = np.array([[1, 0], [0, 2], [4, 4]], np.float32)


def test_means_by_hand():
    rows, offsets = np.array([0, 1, 1, 1, 2], np.int32), np.array([0, 4, 4, 5])
    means = mean_vectors(rows, offsets, EMBEDDINGS)
    np.testing.assert_array_equal(means, [[0.25, 1.5], [0, 0], [4, 4]])
    assert means.dtype == np.float32


def test_means_equal_a_loop():
    rng = np.random.default_rng(0)
    embeddings = rng.normal(size=(50, 7)).astype(np.float32)
    lengths = rng.integers(0, 30, 40)
    rows = rng.integers(0, 50, lengths.sum()).astype(np.int32)
    offsets = np.concatenate(([0], np.cumsum(lengths)))
    expected = [
        embeddings[rows[start:stop]].astype(float).mean(axis=0) if stop > start else np.zeros(7)
        for start, stop in pairwise(offsets)
    ]
    np.testing.assert_allclose(mean_vectors(rows, offsets, embeddings), expected, atol=1e-6)


def test_order_of_tokens_changes_no_bit_and_the_arguments_stay_as_they_are():
    rng = np.random.default_rng(0)
    embeddings = rng.normal(size=(50, 7)).astype(np.float32)
    rows, offsets = rng.integers(0, 50, 300).astype(np.int32), np.array([0, 300])
    rows_before = rows.copy()
    means = mean_vectors(rows, offsets, embeddings)
    np.testing.assert_array_equal(rows, rows_before)
    assert offsets.tolist() == [0, 300]
    np.testing.assert_array_equal(mean_vectors(rng.permutation(rows), offsets, embeddings), means)


def test_no_documents():
    assert mean_vectors(np.array([], np.int32), np.array([0]), EMBEDDINGS).shape == (0, 2)
