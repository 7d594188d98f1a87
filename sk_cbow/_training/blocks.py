"""Rows of tokens -> epochs of training blocks: subsample, shuffle, pack into lanes, draw negative samples and contexts.

This module does not depend on how blocks are trained on. Its terms, which `sk_cbow._training.step` uses, too:

token id
    The row of a token in the tables of vectors plus 1, because id 0 is padding.
segment
    A document, or consecutive tokens of one that is longer than a block. The segments of an epoch form one stream, with
    enough padding between them that no context contains tokens of two.
block
    Consecutive tokens of the stream, for one training step. It consists of a few tiles.
lane
    Consecutive tokens of a block. A context ends where its lane ends.
tile
    Lanes from all over a block, as the columns of a matrix. So neighbours in the same lane are neighbours in the text,
    and tokens at the same position of different lanes are unrelated.
group
    The positions of a tile that share their negative samples.
span, cell
    Consecutive positions of a lane: `SPAN` of them, and `POSITIONS_PER_CELL`. The document context of a target is
    sampled within its span, by cells.
"""

import math
from typing import NamedTuple

import numpy as np

from sk_cbow._training.config import NEGATIVES_PER_GROUP

# The targets of a group share their negative samples, so that all their products are one matrix product.
TARGETS_PER_GROUP = 64
# Length of a lane, in windows. The ends of a short lane would cut off many contexts.
WINDOWS_PER_LANE = 12
# If no document is longer than `window`, the effective window is rounded up to one of these, so that few programs are
# compiled: each takes seconds and some MB. Rounding up to 16 or less does not change lanes, and so not the results.
COMPILED_WINDOWS = np.array([2, 5, 10, *2 ** np.arange(4, 32)])
# The vectors of a tile take about a megabyte, so that they stay in the cache of a core.
FLOATS_PER_TILE = 2**18
# Drawing from a table is one gather; a binary search in the cumulative distribution takes several times as long.
SAMPLING_TABLE_SIZE = 2**20
# The document context of a target is a sample of the words of its document in the same span. One position of each cell
# is sampled. The targets of a cell use the samples of a random half of the cells. Few sampled words per target act as
# regularization, as in Doc2VecC (Chen, 2017).
SPAN = 64
POSITIONS_PER_CELL = 4
CELL_PAIR_PROBABILITY = 0.5
# Packed at a time: enough that the overhead of NumPy's calls is small, and only a few MB.
TOKENS_AT_A_TIME = 2**17


class Blocks(NamedTuple):
    """Arrays of consecutive blocks. For one block, the first axis is missing; for one tile, the first two."""

    token_ids: np.ndarray  # (n_blocks, n_tiles, lane_length, n_lanes) int32, 0 is padding
    sampled_windows: np.ndarray  # (n_blocks, n_tiles) int32, context words on each side; equal within a block
    negative_ids: np.ndarray  # (n_blocks, n_tiles, n_groups, negatives_per_group) int32
    # The document context; if `document_context` is 0 or 1, zeros, with n_spans = n_cells = 1. A sampled position is
    # within its cell, 0..POSITIONS_PER_CELL - 1. A pair is 1 if the first cell uses the sample of the second, else 0.
    sampled_positions: np.ndarray  # (n_blocks, n_tiles, n_spans, n_cells) int32
    cell_pairs: np.ndarray  # (n_blocks, n_tiles, n_spans, n_cells, n_cells) int32


def keep_probability(token_counts, sample):
    """Probability of keeping an occurrence of each token when frequent tokens are subsampled.

    For a token with relative frequency f it is min(1, sqrt(sample / f) + sample / f), as in word2vec.c; the paper
    (Mikolov et al., 2013b, section 2.3) has only the square root. If `sample` is 0, every occurrence is kept.
    """
    if sample == 0:
        return np.ones(len(token_counts))
    ratio = min(sample, 1) * token_counts.sum() / token_counts  # with sample = 1, every occurrence is kept, too
    return np.minimum(1, np.sqrt(ratio) + ratio)


def negative_probability(token_counts, ns_exponent):
    """Distribution of negative samples, proportional to count ** ns_exponent (Mikolov et al., 2013b)."""
    logarithms = ns_exponent * np.log(token_counts)
    weights = np.exp(logarithms - logarithms.max())  # at most 1, so that nothing overflows
    return weights / weights.sum()


def default_block_size(n_occurrences):
    """Number of tokens in a block, a power of two.

    It gives about 256 blocks per epoch if blocks have 256..8192 tokens, and about 1024 if they have up to 32768. Good
    vectors need a minimum number of training steps, so a small corpus needs small blocks. Large blocks have more tiles,
    which are distributed over more cores.
    """
    exponent = math.log2(max(n_occurrences, 1))
    return 2 ** int(max(np.clip(round(exponent - 8), 8, 13), min(round(exponent - 10), 15)))


def default_tile_size(vector_size):
    """Number of tokens in a tile, a power of two within 64..4096: about `FLOATS_PER_TILE` / vector_size."""
    return 2 ** int(np.clip(round(math.log2(FLOATS_PER_TILE / vector_size)), 6, 12))


def make_blocks(corpus, config, counts, n_occurrences):
    """Make the `BlockMaker` of a corpus.

    Parameters
    ----------
    corpus : Corpus
    config : TrainingConfig
    counts : ndarray of shape (n_tokens,)
        How often each token occurs in all documents so far.
    n_occurrences : int
        Known tokens of the corpus or, if it is trained on in rounds, of all rounds.

    Returns
    -------
    block_maker : BlockMaker
    """
    block_size = default_block_size(n_occurrences)
    if config.batch_size != "auto":
        block_size = min(config.batch_size, max(block_size, n_occurrences))  # more would be padding
    return BlockMaker(
        corpus.rows,
        corpus.offsets,
        token_counts=corpus.token_counts,
        keep_probability=keep_probability(counts, config.sample),
        negative_probability=negative_probability(counts, config.ns_exponent),
        negatives_per_group=config.negatives_per_group,
        window=config.window,
        document_context=config.document_context,
        block_size=block_size,
        tile_size=default_tile_size(config.vector_size),
    )


class BlockMaker:
    """Epochs of training blocks from a corpus of rows.

    Parameters
    ----------
    rows : ndarray of shape (n_occurrences,), int32
        Rows 0..n_tokens - 1 of tokens, one document after the other.
    document_offsets : ndarray of shape (n_documents + 1,)
        Document d is ``rows[document_offsets[d]:document_offsets[d + 1]]``.
    token_counts : ndarray of shape (n_tokens,)
        How often each token occurs in `rows`.
    keep_probability : ndarray of shape (n_tokens,)
        For each token, the probability that an occurrence of it is used in an epoch.
    negative_probability : ndarray of shape (n_tokens,)
        The distribution of negative samples.
    negatives_per_group : int
        Number of negative samples that a group of about `TARGETS_PER_GROUP` targets shares.
    window : int
        Maximum number of context words on each side of a target.
    document_context : float
        Weight of the document in a target's context, 0..1. If it is 1, the words of each document are shuffled in every
        epoch, so that the window is a random sample of the document.
    block_size : int
        Tokens in a block, including padding; rounded up to tiles of equal size.
    tile_size : int
        Maximum number of tokens in a tile that has more than one lane.

    Attributes
    ----------
    effective_window : int
        The window; less if the longest document has fewer than window + 1 tokens: their number minus 1.
    compiled_window : int
        `effective_window`, rounded up to one of `COMPILED_WINDOWS`, but at most `window`.
    gap : int
        Padding between segments, so that neither a window nor a cell contains tokens of two documents.
    block_size : int
        Tokens in a block.
    shapes : Blocks
        Shapes of the arrays of one block.
    n_tokens : int
        Size of the vocabulary.
    n_blocks : int
        Number of blocks in an epoch.
    """

    def __init__(
        self,
        rows,
        document_offsets,
        *,
        token_counts,
        keep_probability,
        negative_probability,
        negatives_per_group=NEGATIVES_PER_GROUP,
        window,
        document_context,
        block_size,
        tile_size,
    ):
        self.rows = rows
        self.window = window
        max_length = max(block_size, TARGETS_PER_GROUP)
        self.segment_offsets, self.segment_lengths = _cut_documents(document_offsets, max_length)
        self.effective_window = int(min(window, self.segment_lengths.max(initial=2) - 1))
        self.compiled_window = _round_up_window(self.effective_window, window)
        shape = n_tiles, lane_length, n_lanes = _block_shape(block_size, tile_size, self.compiled_window)
        positions_per_group = 2 ** round(math.log2(TARGETS_PER_GROUP / n_lanes))  # of each lane
        self.is_shuffled = document_context == 1
        self.has_samples = 0 < document_context < 1
        n_spans, n_cells = (lane_length // SPAN, SPAN // POSITIONS_PER_CELL) if self.has_samples else (1, 1)
        self.gap = max(self.effective_window, POSITIONS_PER_CELL - 1) if self.has_samples else self.effective_window
        self.shapes = Blocks(
            token_ids=shape,
            sampled_windows=(n_tiles,),
            negative_ids=(n_tiles, lane_length // positions_per_group, negatives_per_group),
            sampled_positions=(n_tiles, n_spans, n_cells),
            cell_pairs=(n_tiles, n_spans, n_cells, n_cells),
        )
        self.block_size = math.prod(shape)
        self.n_tokens = len(keep_probability)
        self.keep_probability = keep_probability.astype(np.float32)
        self.negative_cumulative = np.cumsum(negative_probability)
        self.n_blocks = self._blocks_per_epoch(token_counts)

    def _blocks_per_epoch(self, token_counts):
        # The schedule of the learning rate needs the number of blocks before training begins, but subsampling keeps a
        # random number of tokens. So an epoch has room for two standard deviations above the expected number.
        mean = token_counts @ self.keep_probability
        variance = token_counts @ (self.keep_probability * (1 - self.keep_probability))
        n_kept = mean + 2 * math.sqrt(variance)
        return max(1, math.ceil((n_kept + self.gap * len(self.segment_offsets)) / self.block_size))

    def epoch(self, n_blocks, rng):
        """Yield the blocks of one epoch, a few at a time.

        Parameters
        ----------
        n_blocks : int
            Number of blocks to yield; those after the end of the corpus are padding.
        rng : numpy.random.Generator

        Yields
        ------
        blocks : Blocks
        """
        sampling_table = self._sampling_table(rng)
        n_left = n_blocks
        stream = np.empty(0, np.int32)
        for segments in self._shuffled_segments(rng):
            stream = np.concatenate((stream, self._pack(segments, rng)))
            n_full = min(len(stream) // self.block_size, n_left)
            if n_full:
                yield self._draw(stream[: n_full * self.block_size], sampling_table, rng)
                stream = stream[n_full * self.block_size :]
                n_left -= n_full
        if n_left:
            rest = np.zeros(n_left * self.block_size, np.int32)
            rest[: len(stream)] = stream
            yield self._draw(rest, sampling_table, rng)

    def _shuffled_segments(self, rng):
        # Of the smallest sufficient type, because a large corpus has millions of segments.
        n_segments = len(self.segment_lengths)
        segments = rng.permutation(np.arange(n_segments, dtype=np.min_scalar_type(n_segments)))
        n_before = np.cumsum(self.segment_lengths[segments], dtype=np.int64)
        n_tokens = self.segment_lengths.sum(dtype=np.int64)
        stops = np.searchsorted(n_before, np.arange(TOKENS_AT_A_TIME, n_tokens, TOKENS_AT_A_TIME))
        return np.split(segments, stops)

    def _pack(self, segments, rng):
        lengths = self.segment_lengths[segments]
        segment = np.repeat(np.arange(len(segments)), lengths)
        first_position = np.cumsum(lengths) - lengths
        rows = self.rows[np.arange(len(segment)) + (self.segment_offsets[segments] - first_position)[segment]]
        is_kept = rng.random(len(rows), np.float32) < self.keep_probability[rows]
        rows, segment = rows[is_kept], segment[is_kept]
        if self.is_shuffled:
            rows = rows[np.argsort(segment + rng.random(len(segment)))]
        packed = np.zeros(len(rows) + self.gap * len(segments), np.int32)
        packed[np.arange(len(rows)) + self.gap * segment] = rows + 1
        return packed

    def _sampling_table(self, rng):
        # Systematic sampling: a token has floor(size * probability) or ceil(size * probability) entries in the table,
        # and on average over the random offsets exactly size * probability, even if that is below 1.
        last = np.ceil(self.negative_cumulative / self.negative_cumulative[-1] * SAMPLING_TABLE_SIZE - rng.random())
        n_entries = np.diff(last.astype(np.int64), prepend=0)
        return np.repeat(np.arange(1, len(n_entries) + 1, dtype=np.int32), n_entries)

    def _draw(self, stream, sampling_table, rng):
        n_tiles, lane_length, n_lanes = self.shapes.token_ids
        token_ids = stream.reshape(-1, n_lanes, n_tiles, lane_length).transpose(0, 2, 3, 1)
        n_blocks = len(token_ids)
        sampled_windows = rng.integers(1, self.window, n_blocks, np.int32, endpoint=True)
        entries = rng.integers(0, len(sampling_table), (n_blocks, *self.shapes.negative_ids), np.int32)
        sampled_windows = np.minimum(sampled_windows, self.effective_window)[:, None].repeat(n_tiles, 1)
        return Blocks(token_ids, sampled_windows, sampling_table[entries], *self._draw_samples(n_blocks, rng))

    def _draw_samples(self, n_blocks, rng):
        shapes = [(n_blocks, *shape) for shape in (self.shapes.sampled_positions, self.shapes.cell_pairs)]
        if not self.has_samples:
            return [np.zeros(shape, np.int32) for shape in shapes]
        sampled_positions = rng.integers(0, POSITIONS_PER_CELL, shapes[0], np.int32)
        return sampled_positions, (rng.random(shapes[1], np.float32) < CELL_PAIR_PROBABILITY).astype(np.int32)


def _round_up_window(effective_window, window):
    return int(min(COMPILED_WINDOWS[np.searchsorted(COMPILED_WINDOWS, effective_window)], window))


def _block_shape(block_size, tile_size, window):
    """Number of tiles, length of a lane and number of lanes per tile, for a block of at least `block_size` tokens."""
    lane_length = SPAN * math.ceil(min(WINDOWS_PER_LANE * window, block_size) / SPAN)
    n_lanes = math.ceil(block_size / lane_length)
    n_tiles = math.ceil(n_lanes * lane_length / max(tile_size, lane_length))
    return n_tiles, lane_length, math.ceil(n_lanes / n_tiles)


def _cut_documents(document_offsets, max_length):
    """Cut documents into segments of 2..max_length tokens, so that the parts of a long one are shuffled, too.

    A segment of one token is dropped: it has no context and is in no context.
    """
    is_long = np.diff(document_offsets) > max_length
    long_offsets = document_offsets[:-1][is_long]
    n_cuts = (document_offsets[1:][is_long] - long_offsets - 1) // max_length
    cut = np.arange(n_cuts.sum()) - np.repeat(np.cumsum(n_cuts) - n_cuts, n_cuts)  # in its document
    boundaries = np.concatenate((document_offsets, np.repeat(long_offsets, n_cuts) + (cut + 1) * max_length))
    boundaries.sort(kind="stable")
    lengths = np.diff(boundaries).astype(np.int32)
    return boundaries[:-1][lengths > 1], lengths[lengths > 1]
