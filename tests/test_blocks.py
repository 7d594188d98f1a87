from collections import Counter

import numpy as np
import pytest

from sk_cbow._training.blocks import (
    BlockMaker,
    Blocks,
    default_block_size,
    default_tile_size,
    keep_probability,
    negative_probability,
)

WINDOW = 3


def blocks_of(
    documents, *, keep=1.0, n_tokens=None, block_size=128, probability=None, document_context=0, window=WINDOW
):
    """A maker of blocks in which the documents' integers are the token ids."""
    rows = np.concatenate(documents).astype(np.int32) - 1
    offsets = np.cumsum([0, *map(len, documents)])
    n_tokens = n_tokens or rows.max() + 1
    return BlockMaker(
        rows,
        offsets,
        token_counts=np.bincount(rows, minlength=n_tokens),
        keep_probability=np.full(n_tokens, keep),
        negative_probability=np.full(n_tokens, 1 / n_tokens) if probability is None else probability,
        window=window,
        document_context=document_context,
        block_size=block_size,
        tile_size=2048,
    )


def one_epoch(maker, seed=0, n_blocks=None):
    """All blocks of an epoch, their token ids as (n_blocks, block_size) in the order of the text."""
    parts = list(maker.epoch(n_blocks or maker.n_blocks, np.random.default_rng(seed)))
    blocks = Blocks._make(np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    assert Blocks._make(array.shape[1:] for array in blocks) == maker.shapes
    assert (blocks.sampled_windows == blocks.sampled_windows[:, :1]).all()
    token_ids = blocks.token_ids.transpose(0, 3, 1, 2).reshape(len(blocks.sampled_windows), -1)
    return token_ids, blocks.sampled_windows[:, 0], blocks.negative_ids


def split_at_padding(stream):
    return [
        tuple(split[split > 0].tolist()) for split in np.split(stream, np.flatnonzero(stream == 0)) if any(split > 0)
    ]


def some_documents(n_documents=300, n_tokens=40, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.integers(1, n_tokens + 1, length) for length in rng.integers(1, 25, n_documents)]


def test_keep_probability_is_that_of_word2vec():
    counts = np.array([900, 90, 9, 1])
    share = counts / 1000
    expected = np.minimum(1, np.sqrt(0.01 / share) + 0.01 / share)
    np.testing.assert_allclose(keep_probability(counts, 0.01), expected)
    assert keep_probability(np.array([10]), 0.0001)[0] == pytest.approx(0.0101)
    np.testing.assert_array_equal(keep_probability(counts, 0), np.ones(4))


@pytest.mark.parametrize("ns_exponent", [0.75, 0, 1, -0.5])
def test_distribution_of_negative_samples(ns_exponent):
    counts = np.array([16, 8, 1])
    weights = counts.astype(float) ** ns_exponent
    expected = weights / weights.sum()
    np.testing.assert_allclose(negative_probability(counts, ns_exponent), expected)


@pytest.mark.parametrize(("ns_exponent", "expected"), [(1000, [1, 0, 0]), (-1000, [0, 0, 1])])
def test_large_exponents_do_not_overflow(ns_exponent, expected):
    np.testing.assert_allclose(negative_probability(np.array([16, 8, 1]), ns_exponent), expected, atol=1e-12)


def test_without_subsampling_an_epoch_contains_every_document_once():
    documents = some_documents()
    maker = blocks_of(documents)
    token_ids, _, _ = one_epoch(maker)
    assert token_ids.shape == (maker.n_blocks, 128)
    # Documents are cut where a block ends; one stream of all blocks has them whole. One token alone has no context.
    expected = Counter(tuple(document.tolist()) for document in documents if len(document) > 1)
    assert Counter(split_at_padding(token_ids.ravel())) == expected


@pytest.mark.parametrize(("longest", "effective_window"), [(9, WINDOW), (3, 2)])
def test_padding_separates_the_contexts_of_documents(longest, effective_window):
    maker = blocks_of([[1, 2], [3], list(range(1, longest + 1)), [4, 5]])
    stream, sampled_windows, _ = one_epoch(maker)
    gaps = np.diff(np.flatnonzero(stream.ravel()))
    assert gaps[gaps > 1].tolist() == [effective_window + 1, effective_window + 1]
    assert maker.effective_window == effective_window
    assert 1 <= sampled_windows.min() <= sampled_windows.max() <= effective_window


def test_epochs_differ_and_one_seed_gives_the_same_blocks():
    maker = blocks_of(some_documents(), keep=0.5)
    first, same, other = one_epoch(maker, 0), one_epoch(maker, 0), one_epoch(maker, 1)
    for a, b, c in zip(first, same, other, strict=True):
        np.testing.assert_array_equal(a, b)
        assert (a != c).any()


def test_documents_are_shuffled_but_their_words_keep_their_order():
    documents = [[2 * number + 1, 2 * number + 2] for number in range(200)]
    pairs = split_at_padding(one_epoch(blocks_of(documents))[0].ravel())
    assert sorted(pairs) == [tuple(pair) for pair in documents]
    assert pairs != [tuple(pair) for pair in documents]


def test_subsampling_keeps_each_token_at_its_rate():
    rng = np.random.default_rng(0)
    rows = rng.integers(0, 2, 40_000)
    count = np.bincount(rows)
    rates = np.array([0.2, 0.9])
    maker = BlockMaker(
        rows.astype(np.int32),
        np.arange(0, 40_001, 10),
        token_counts=count,
        keep_probability=rates,
        negative_probability=np.full(2, 0.5),
        window=WINDOW,
        document_context=0,
        block_size=512,
        tile_size=2048,
    )
    kept = np.bincount(one_epoch(maker)[0].ravel(), minlength=3)[1:]
    deviation = np.sqrt(count * rates * (1 - rates))
    assert (abs(kept - count * rates) < 4 * deviation).all()


def test_an_epoch_has_room_for_what_subsampling_keeps():
    maker = blocks_of(some_documents(2000), keep=0.5)
    n_lost = [
        np.count_nonzero(one_epoch(maker, seed, maker.n_blocks + 20)[0]) - np.count_nonzero(one_epoch(maker, seed)[0])
        for seed in range(40)
    ]
    assert np.count_nonzero(n_lost) <= 4  # two standard deviations: one epoch in forty, less because of rounding
    one_too_few = one_epoch(maker, 0, maker.n_blocks - 2)[0]
    assert np.count_nonzero(one_too_few) < np.count_nonzero(one_epoch(maker, 0)[0])


def test_more_blocks_than_needed_are_padding():
    maker = blocks_of([[1, 2, 3]])
    token_ids, sampled_windows, negative_ids = one_epoch(maker, n_blocks=4)
    assert len(token_ids) == len(sampled_windows) == len(negative_ids) == 4
    assert np.count_nonzero(token_ids) == 3


def test_a_document_longer_than_a_block_is_cut_without_losing_tokens():
    document = np.arange(1, 1001)
    stream = one_epoch(blocks_of([document]))[0].ravel()
    assert sorted(stream[stream > 0]) == document.tolist()


def test_an_epoch_is_made_some_blocks_at_a_time():
    maker = blocks_of(np.ones((30_000, 20), int))
    parts = [len(part.token_ids) for part in maker.epoch(maker.n_blocks, np.random.default_rng(0))]
    assert sum(parts) == maker.n_blocks
    assert max(parts) < maker.n_blocks / 3


def test_sampled_windows_are_uniform_from_one_to_window():
    _, sampled_windows, _ = one_epoch(blocks_of(np.ones((12_000, 20), int)))
    share = np.bincount(sampled_windows, minlength=WINDOW + 1) / len(sampled_windows)
    assert share[0] == 0
    np.testing.assert_allclose(share[1:], 1 / WINDOW, atol=0.05)


def test_negative_samples_follow_their_distribution_and_are_never_padding():
    probability = np.array([0.5, 0.3, 0.15, 0.05])
    _, _, negative_ids = one_epoch(blocks_of(np.tile([1, 2, 3, 4], (4000, 5)), probability=probability))
    share = np.bincount(negative_ids.ravel(), minlength=5) / negative_ids.size
    assert share[0] == 0
    np.testing.assert_allclose(share[1:], probability, atol=0.01)


@pytest.mark.slow
def test_negative_samples_include_tokens_rarer_than_one_entry_of_the_table():
    n_tokens = 2**21
    maker = blocks_of([[1, 2]], n_tokens=n_tokens, probability=np.full(n_tokens, 1 / n_tokens))
    samples = [next(maker.epoch(1, np.random.default_rng(seed))).negative_ids for seed in range(8)]
    # In an epoch, samples come from every second token; from which, is random.
    assert [len(np.unique(negative_ids % 2)) for negative_ids in samples] == [1] * 8
    assert len(np.unique(np.concatenate(samples) % 2)) == 2
    assert 1 <= np.min(samples) < n_tokens / 10
    assert n_tokens * 9 / 10 < np.max(samples) <= n_tokens


def test_lanes_of_a_tile_come_from_all_over_the_block():
    maker = blocks_of([np.arange(1, 8193)], block_size=8192)
    token_ids, *_ = next(maker.epoch(1, np.random.default_rng(0)))
    for tile in token_ids[0]:
        assert (np.diff(tile, axis=0) == 1).all()
        assert (np.diff(tile, axis=1) == 256).all()


@pytest.mark.parametrize("document_context", [0.2, 0.8])
def test_no_cell_has_tokens_of_two_documents(document_context):
    rng = np.random.default_rng(0)
    documents = [np.full(rng.integers(2, 12), number + 1) for number in range(300)]
    maker = blocks_of(documents, document_context=document_context)
    for blocks in maker.epoch(maker.n_blocks, rng):
        lanes = blocks.token_ids.transpose(0, 1, 3, 2)
        cells = lanes.reshape(-1, 4)
        assert all(len(set(cell) - {0}) <= 1 for cell in cells.tolist())


def test_samples_for_the_document_context_are_uniform_and_half_of_the_cells_are_used():
    maker = blocks_of(np.ones((3000, 20), int), document_context=0.5)
    blocks = list(maker.epoch(maker.n_blocks, np.random.default_rng(0)))
    positions = np.concatenate([block.sampled_positions.ravel() for block in blocks])
    np.testing.assert_allclose(np.bincount(positions, minlength=4) / len(positions), 0.25, atol=0.02)
    pairs = np.concatenate([block.cell_pairs.ravel() for block in blocks])
    assert set(pairs.tolist()) == {0, 1}
    assert pairs.mean() == pytest.approx(0.5, abs=0.01)


def test_with_document_context_1_the_words_of_each_document_are_shuffled():
    documents = [np.arange(1, 41), np.arange(41, 101)]
    maker = blocks_of(documents, n_tokens=100, document_context=1)
    (first, _, _), (second, _, _) = one_epoch(maker, seed=0), one_epoch(maker, seed=1)
    orders = []
    for token_ids in (first, second):
        stream = np.concatenate(token_ids)
        by_document = sorted(map(list, split_at_padding(stream)), key=min)
        assert [sorted(tokens) for tokens in by_document] == [tokens.tolist() for tokens in documents]
        orders.append(by_document)
    assert orders[0] != orders[1]
    # The first word of a document may be at any position.
    positions = [one_epoch(maker, seed=seed)[0].ravel().tolist().index(1) % 40 for seed in range(100)]
    assert len(set(positions)) > 20


@pytest.mark.parametrize("longest", [2, 4, 400])
@pytest.mark.parametrize("block_size", [1, 70, 256, 2048, 2100, 8192])
def test_blocks_are_slightly_larger_than_block_size_and_groups_have_about_64_positions(block_size, longest):
    maker = blocks_of([np.ones(longest, int)], block_size=block_size)
    n_tiles, lane_length, n_lanes = maker.shapes.token_ids
    assert maker.block_size == n_tiles * lane_length * n_lanes
    assert block_size <= maker.block_size < block_size + 64 * n_tiles
    assert lane_length * n_lanes <= 2048 + 64  # blocks_of cuts tiles of 2048
    assert maker.shapes.negative_ids[0] == n_tiles
    assert 64 * 2**-0.5 <= lane_length * n_lanes / maker.shapes.negative_ids[1] <= 64 * 2**0.5


def test_a_lane_has_at_least_the_length_of_12_windows():
    one_token = {"token_counts": np.array([2000]), "keep_probability": np.ones(1), "negative_probability": np.ones(1)}
    one_token["document_context"] = 0
    for window in (1, 5, 6, 20, 10**6):
        maker = BlockMaker(
            np.zeros(2000, np.int32), np.array([0, 2000]), **one_token, window=window, block_size=1024, tile_size=512
        )
        _, lane_length, _ = maker.shapes.token_ids
        assert lane_length >= min(12 * window, 1024)


@pytest.mark.parametrize("document_context", [0, 0.5, 1])
def test_documents_of_many_lengths_have_blocks_of_few_shapes(document_context):
    makers = [
        blocks_of([np.ones(longest, int)], window=100, block_size=4096, document_context=document_context)
        for longest in range(2, 200)
    ]
    assert len({(maker.shapes, maker.compiled_window) for maker in makers}) <= 7
    for longest, maker in enumerate(makers, 2):
        assert maker.effective_window == min(longest - 1, 100) <= maker.compiled_window <= 100


@pytest.mark.parametrize("window", [1, 2, 3, 7, 20, 1000])
def test_a_window_within_the_documents_is_not_rounded(window):
    assert blocks_of([np.ones(2000, int)], window=window, block_size=8192).compiled_window == window


def test_tiles_are_shorter_where_vectors_are_longer():
    sizes = [1, 50, 100, 200, 300, 10**6]
    tiles = [default_tile_size(vector_size) for vector_size in sizes]
    assert tiles == sorted(tiles, reverse=True)
    assert tiles[0] <= 4096
    assert tiles[-1] == 64
    for vector_size, tile_size in zip(sizes[1:-1], tiles[1:-1], strict=True):
        assert 2**17 <= vector_size * tile_size <= 2**19  # about a megabyte of floats


def test_larger_corpora_have_larger_blocks_and_no_fewer_steps():
    corpora = [2**exponent for exponent in range(1, 36)]
    sizes = [default_block_size(n_occurrences) for n_occurrences in corpora]
    assert sizes == sorted(sizes)
    assert (sizes[0], sizes[-1]) == (256, 32768)
    n_steps = [n_occurrences / size for n_occurrences, size in zip(corpora, sizes, strict=True)]
    assert n_steps == sorted(n_steps)


def test_a_document_may_have_more_than_2_to_the_31_tokens():
    n_tokens = 2**31 + 2**13
    maker = BlockMaker(
        np.broadcast_to(np.int32(0), n_tokens),  # takes no memory
        np.array([0, n_tokens]),
        token_counts=np.array([n_tokens]),
        keep_probability=np.ones(1),
        negative_probability=np.ones(1),
        window=WINDOW,
        document_context=0,
        block_size=8192,
        tile_size=2048,
    )
    assert maker.segment_lengths.sum(dtype=np.int64) == n_tokens
    blocks = next(maker.epoch(1, np.random.default_rng(0)))
    assert (blocks.token_ids > 0).mean() > 0.99
