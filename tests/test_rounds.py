import numpy as np
import pytest

from sk_cbow._training.config import Tables, TrainingConfig
from sk_cbow._training.initial import initial_tables
from sk_cbow._training.local import train_locally
from sk_cbow._training.rounds import (
    Change,
    TrainedPart,
    adasum,
    apply_change,
    difference,
    merge,
    train_in_rounds,
    train_part,
)
from sk_cbow._vocabulary import read_corpus


def submit(function, *arguments):
    """A cluster engine that runs each task at once."""
    return function(*arguments)


@pytest.mark.parametrize("shared_embedding", [True, False])
def test_one_part_and_one_round_without_a_cluster_engine_are_one_machine(two_topics, shared_embedding):
    corpus = read_corpus(two_topics[0], min_count=1, max_vocab=None)
    config = TrainingConfig(vector_size=8, sample=0, epochs=3, shared_embedding=shared_embedding)
    row_inits = [[] for _ in range(config.n_tables)]
    rng = np.random.default_rng(0)
    expected, expected_losses = train_locally(corpus, config, row_inits, rng, is_reproducible=True)

    rng = np.random.default_rng(0)
    seed = rng.integers(2**63, size=2).tolist()
    initial = initial_tables(config, len(corpus.vocabulary.rows), row_inits, rng)
    counts, n_occurrences = corpus.vocabulary.counts, len(corpus.rows)
    tables, losses = train_in_rounds(submit, initial, [corpus], counts, n_occurrences, config, 1, seed)
    np.testing.assert_array_equal(tables.vectors, expected.vectors)
    np.testing.assert_array_equal(tables.accumulators, expected.accumulators)
    assert losses == expected_losses


def test_parts_and_rounds_train_on_every_document_once_per_epoch(two_topics):
    corpus = read_corpus(two_topics[0], min_count=1, max_vocab=None)
    parts = [corpus.select(np.arange(start, 400, 3)) for start in range(3)]
    config = TrainingConfig(vector_size=8, sample=0, epochs=2)
    initial = initial_tables(config, 12, [[]], np.random.default_rng(0))
    counts = corpus.vocabulary.counts
    submitted = []

    def submit_and_note(function, *arguments):
        submitted.append(function)
        return function(*arguments)

    tables, losses = train_in_rounds(submit_and_note, initial, parts, counts, len(corpus.rows) // 3, config, 4, [0])
    assert len(losses) == 2
    assert submitted.count(train_part) == 3 * 4 * 2
    # A few are alone at the end of a lane.
    assert [loss.n_targets for loss in losses] == pytest.approx([len(corpus.rows)] * 2, rel=0.01)
    assert (tables.vectors[0] != initial.vectors[0]).any(axis=1).all()


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
