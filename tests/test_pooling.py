from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from threadpoolctl import threadpool_info

from sk_cbow._pooling import (
    Pooling,
    count_document_frequency,
    document_term_matrices,
    document_term_matrix,
    first_singular_vectors,
    mean_of,
    mean_vectors,
    project_out,
    second_moments,
    token_weights,
)

EMBEDDINGS = np.array([[1, 0], [0, 2], [4, 4]], np.float32)
ONES = np.ones(3, np.float32)


def means_of(rows, offsets, weights, embeddings):
    return mean_vectors(document_term_matrix(rows, offsets, len(embeddings)), weights, embeddings)


@pytest.fixture(params=[50, 2000], ids=["more occurrences than tokens", "more tokens than occurrences"])
def corpus(request):
    """Embeddings, and 40 documents of 0 to 30 of their rows."""
    n_tokens = request.param
    rng = np.random.default_rng(0)
    lengths = rng.integers(0, 30, 40)
    rows = rng.integers(0, n_tokens, lengths.sum()).astype(np.int32)
    rows[:n_tokens] = np.arange(n_tokens)[: len(rows)]
    return rng.normal(size=(n_tokens, 7)).astype(np.float32), rows, np.concatenate(([0], np.cumsum(lengths)))


def test_means_by_hand():
    rows, offsets = np.array([0, 1, 1, 1, 2], np.int32), np.array([0, 4, 4, 5])
    means = means_of(rows, offsets, ONES, EMBEDDINGS)
    np.testing.assert_array_equal(means, [[0.25, 1.5], [0, 0], [4, 4]])
    assert means.dtype == np.float32


def test_weighted_means_by_hand():
    rows, offsets = np.array([0, 1, 1], np.int32), np.array([0, 3])
    means = means_of(rows, offsets, np.array([2, 3, 1], np.float32), EMBEDDINGS)
    np.testing.assert_array_equal(means, [[2 / 8, 2 * 6 / 8]])


def test_weighted_means_equal_a_loop(corpus):
    embeddings, rows, offsets = corpus
    weights = np.random.default_rng(1).uniform(0.1, 9, len(embeddings)).astype(np.float32)
    expected = np.zeros((40, 7))
    for document, (start, stop) in enumerate(pairwise(offsets)):
        if stop > start:
            of_document = rows[start:stop]
            expected[document] = np.average(embeddings[of_document], axis=0, weights=weights[of_document])
    np.testing.assert_allclose(means_of(rows, offsets, weights, embeddings), expected, atol=1e-6)


def test_results_do_not_depend_on_the_order_of_tokens_and_arguments_are_unchanged(corpus):
    embeddings, rows, _ = corpus
    offsets = np.array([0, len(rows)])
    weights = np.linspace(0.1, 1, len(embeddings), dtype=np.float32)
    rows_before = rows.copy()
    means = means_of(rows, offsets, weights, embeddings)
    np.testing.assert_array_equal(rows, rows_before)
    assert offsets.tolist() == [0, len(rows)]
    permuted = np.random.default_rng(0).permutation(rows)
    np.testing.assert_array_equal(means_of(permuted, offsets, weights, embeddings), means)


def test_a_mean_of_huge_vectors_is_finite():
    huge = np.full((3, 2), 3e38, np.float32)
    np.testing.assert_allclose(means_of(np.array([0, 1, 2, 2]), np.array([0, 4]), ONES, huge), huge[:1])


@pytest.mark.slow
def test_a_mean_over_very_many_tokens_is_as_exact_as_one_over_few():
    rows = np.repeat(np.array([0, 1], np.int32), [2**24 + 2**23, 2**23])  # more than float32 can count by ones
    np.testing.assert_array_equal(means_of(rows, np.array([0, 2**25]), ONES, EMBEDDINGS), [[0.75, 0.5]])


@pytest.mark.parametrize("row", [3, -1, 10**6])
def test_a_row_out_of_range_is_an_error_before_scipy_accesses_memory(row):
    rows = np.array([0, row] * 1000, np.int32)
    with pytest.raises(ValueError, match=rf"vocabulary_ has rows from .*{row}.*, but embeddings_ has 0 to 2: take"):
        document_term_matrix(rows, np.array([0, 2000]), 3)


def test_a_document_in_several_chunks_has_the_same_vector_as_in_one(corpus):
    embeddings, rows, _ = corpus
    weights = np.linspace(0.1, 1, len(embeddings), dtype=np.float32)
    whole = means_of(rows[:30], np.array([0, 5, 25, 25, 30]), weights, embeddings)
    chunks = [
        (rows[:10], np.array([0, 5, 10]), False),
        (rows[10:20], np.array([0, 10]), False),
        (rows[20:30], np.array([0, 5, 5, 10]), True),
    ]
    means = [mean_vectors(counts, weights, embeddings) for counts in document_term_matrices(chunks, len(embeddings))]
    assert [len(vectors) for vectors in means] == [1, 0, 3]
    np.testing.assert_array_equal(np.concatenate(means), whole)


def test_a_document_in_several_chunks_is_counted_once():
    rows = np.array([0, 1, 1, 0, 0, 2, 0], np.int32)
    chunks = [(rows[:3], np.array([0, 1, 3]), False), (rows[3:], np.array([0, 2, 4]), True)]
    assert count_document_frequency(document_term_matrices(chunks, 3), 3).tolist() == [3, 1, 1]


def test_no_documents():
    assert means_of(np.array([], np.int32), np.array([0]), ONES, EMBEDDINGS).shape == (0, 2)


def test_idf_weights_are_scikit_learns():
    documents = ["a b b", "", "a a c", "a", "b c d"]
    reference = TfidfVectorizer(analyzer=str.split).fit(documents)
    rows = [[reference.vocabulary_[token] for token in document.split()] for document in documents]
    flat, offsets = np.concatenate(rows).astype(np.int32), np.cumsum([0, *map(len, rows)])
    counts = document_term_matrix(flat, offsets, flat.max() + 1)
    weights = token_weights("idf", np.bincount(flat), count_document_frequency([counts], counts.shape[1]), len(rows))
    np.testing.assert_allclose(weights, reference.idf_, rtol=1e-6)


def test_sif_and_uniform_weights_by_hand():
    token_counts = np.array([9000, 999, 1])
    weights = token_weights("sif", token_counts)
    np.testing.assert_allclose(weights, [0.001 / 0.901, 0.001 / 0.1009, 0.001 / 0.0011], rtol=1e-6)
    assert token_weights("uniform", token_counts).tolist() == [1, 1, 1]


def test_components_are_the_first_right_singular_vectors(corpus):
    embeddings, _, _ = corpus
    moments = second_moments([embeddings[:20], embeddings[20:20], embeddings[20:]])
    components = first_singular_vectors(moments, 3, len(embeddings))
    _, _, expected = np.linalg.svd(embeddings.astype(float), full_matrices=False)
    np.testing.assert_allclose(np.abs(np.sum(components * expected[:3], axis=1)), 1, rtol=1e-5)
    np.testing.assert_allclose(components @ components.T, np.eye(3), atol=1e-6)


@pytest.mark.slow
def test_components_do_not_depend_on_threads_and_the_number_of_blas_threads_is_restored():
    vectors = np.random.default_rng(0).normal(size=(2000, 120)).astype(np.float32)
    before = [(library["filepath"], library["num_threads"]) for library in threadpool_info()]

    def components(_):
        return first_singular_vectors(second_moments([vectors]), 3, len(vectors))

    expected = components(0)
    with ThreadPoolExecutor(4) as threads:
        for found in threads.map(components, range(60)):
            np.testing.assert_array_equal(found, expected)
    assert [(library["filepath"], library["num_threads"]) for library in threadpool_info()] == before


def test_as_many_components_as_spanned_dimensions_are_an_error():
    of_one_token = np.repeat(EMBEDDINGS[2:] / 3, 5, axis=0)
    with pytest.raises(ValueError, match=r"remove_components=1 would leave nothing: .* n_samples=5 .* span 1 dim"):
        first_singular_vectors(second_moments([of_one_token[:2], of_one_token[2:]]), 1, 5)
    nearly_alike = second_moments([np.float32([[1, 0], [1, 3e-4], [1, -3e-4]])])
    np.testing.assert_allclose(np.abs(first_singular_vectors(nearly_alike, 1, 3)), [[1, 0]], atol=1e-6)


def test_removing_components_by_hand():
    vectors = np.array([[3, 4], [0, 0], [2, 2]], np.float32)
    np.testing.assert_allclose(
        project_out(vectors, np.float32([[0.6, 0.8]])), [[0, 0], [0, 0], [0.32, -0.24]], atol=1e-6
    )
    np.testing.assert_array_equal(project_out(vectors, np.empty((0, 2), np.float32)), vectors)


def test_removing_components_from_huge_and_tiny_vectors():
    component = np.float32([[0.6, 0.8]])
    for scale in (np.float32(2.0**127), np.float32(2.0**-140)):
        left = project_out(scale * np.float32([[1.5, 1]]), component)
        np.testing.assert_array_equal(left, scale * project_out(np.float32([[1.5, 1]]), component))


def test_projected_vectors_are_orthogonal_to_the_components_and_do_not_depend_on_other_rows(corpus):
    embeddings, _, _ = corpus
    components = first_singular_vectors(second_moments([embeddings]), 3, len(embeddings))
    left = project_out(embeddings, components)
    np.testing.assert_allclose(left @ components.T, 0, atol=1e-5)
    np.testing.assert_allclose(left, embeddings - embeddings @ components.T @ components, atol=1e-5)
    alone = [project_out(vector[None], components) for vector in embeddings[:10]]
    np.testing.assert_array_equal(np.concatenate(alone), left[:10])


# Centring and scaling

NO_COMPONENTS = np.empty((0, 2), np.float32)
# Averages [1, 0], none, [4, 4] and, exactly the mean of the three, [2.5, 2].
ROWS, OFFSETS = np.array([0, 2, 2, 0, 2], np.int32), np.array([0, 1, 1, 3, 5])


def test_the_mean_is_that_of_documents_with_known_tokens_by_hand():
    pooling = Pooling(ONES, NO_COMPONENTS)
    for chunks in (
        [(ROWS, OFFSETS, True)],
        [(ROWS[:2], np.array([0, 1, 1, 2]), False), (ROWS[2:], np.array([0, 1, 3]), True)],
    ):
        total = pooling.total(chunks, EMBEDDINGS)
        assert total.tolist() == [7.5, 6, 3]
        assert mean_of(total).tolist() == [2.5, 2]
    assert mean_of(pooling.total([(ROWS[:0], np.array([0, 0]), True)], EMBEDDINGS)).tolist() == [0, 0]


def test_centring_and_scaling_by_hand():
    pooling = Pooling(ONES, NO_COMPONENTS, np.float32([2.5, 2]))
    vectors = pooling.transform([(ROWS, OFFSETS, True)], EMBEDDINGS)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(vectors, [[-0.6, -0.8], [0, 0], [0.6, 0.8], [0, 0]], rtol=1e-6)
    np.testing.assert_array_equal(vectors[[1, 3]], 0)
    assert pooling.transform([], EMBEDDINGS).shape == (0, 2)


def test_components_are_removed_between_centring_and_scaling_by_hand():
    pooling = Pooling(ONES, np.float32([[1, 0]]), np.float32([2.5, 2]))
    vectors = pooling.transform([(ROWS, OFFSETS, True)], EMBEDDINGS)
    np.testing.assert_array_equal(vectors, [[0, -1], [0, 0], [0, 1], [0, 0]])


def test_tokens_of_weight_zero_are_not_known():
    pooling = Pooling(np.float32([1, 1, 0]), NO_COMPONENTS, np.float32([2.5, 2]))
    chunk = ROWS, OFFSETS, True  # averages [1, 0], none, none and [1, 0]
    np.testing.assert_allclose(
        pooling.transform([chunk], EMBEDDINGS), [[-0.6, -0.8], [0, 0], [0, 0], [-0.6, -0.8]], rtol=1e-6
    )
    assert pooling.total([chunk], EMBEDDINGS).tolist() == [2, 0, 2]


def test_an_average_of_zero_of_known_tokens_is_centred():
    opposite = np.float32([[1, 1], [-1, -1]])
    pooling = Pooling(ONES[:2], NO_COMPONENTS, np.float32([-3, 4]))
    chunk = np.array([0, 1], np.int32), np.array([0, 2]), True
    np.testing.assert_allclose(pooling.transform([chunk], opposite), [[0.6, -0.8]], rtol=1e-6)


@pytest.mark.parametrize("scale", [2.0**127, 2.0**-140])
def test_centring_and_scaling_of_huge_and_tiny_vectors(scale):
    embeddings = np.float32(scale) * np.float32([[1.5, 1], [-1.5, -1]])
    mean = embeddings[1]  # the difference to it is larger than float32 can hold
    chunk = np.array([0, 1], np.int32), np.array([0, 1, 2]), True
    for components, expected in ((NO_COMPONENTS, np.float32([1.5, 1]) / 3.25**0.5), (np.float32([[1, 0]]), [0, 1])):
        vectors = Pooling(ONES[:2], components, mean).transform([chunk], embeddings)
        np.testing.assert_allclose(vectors, [expected, [0, 0]], rtol=1e-6)


def test_vectors_have_unit_length_and_do_not_depend_on_other_documents(corpus):
    embeddings, rows, offsets = corpus
    weights = np.linspace(0.1, 1, len(embeddings), dtype=np.float32)
    plain = Pooling(weights, np.empty((0, 7), np.float32))
    pooling = plain._replace(mean=mean_of(plain.total([(rows, offsets, True)], embeddings)))
    vectors = pooling.transform([(rows, offsets, True)], embeddings)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), np.diff(offsets) > 0, atol=1e-6)
    for document, (start, stop) in enumerate(pairwise(offsets)):
        alone = pooling.transform([(rows[start:stop], np.array([0, stop - start]), True)], embeddings)
        np.testing.assert_array_equal(alone, vectors[document : document + 1])
    averages = plain.transform([(rows, offsets, True)], embeddings)[np.diff(offsets) > 0]
    np.testing.assert_allclose(pooling.mean, averages.mean(axis=0, dtype=float), rtol=1e-6)
