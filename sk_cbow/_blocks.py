"""Rows of tokens -> epochs of training blocks: subsample, shuffle, pack into lanes, draw noise and contexts.

A block holds token ids, which are rows + 1, because id 0 is padding.

Documents stand one after the other, so many padding ids (0) apart that no context crosses a document's end, in one
stream, which is cut into lanes; contexts end with the lane, too. A tile is a matrix whose columns are lanes from all
over a block: neighbours in the text stand one above the other, and neighbours in a row have nothing in common. A block
is a few tiles. Nothing here knows how a block is trained on.
"""

import math
from typing import NamedTuple

import numpy as np

# Targets of a group share their noise ids, so that their products with the noise are one matrix product.
TARGETS_PER_GROUP = 64
NOISE_PER_GROUP = 12
# A lane holds so many times the window, lest its ends cut off many contexts.
WINDOWS_PER_LANE = 12
# About so many numbers are a tile's vectors, a megabyte, lest they fall out of a core's cache.
FLOATS_PER_TILE = 2**18
# A draw from a table is one gather; a binary search in the distribution costs several times as much.
NOISE_TABLE_SIZE = 2**20
# A target's document context: words of its document that stand in the same span of a lane, of which every chunk has one
# sampled row; each chunk of targets sees a random half of the chunks. Few words for each target act as regularization,
# as in Doc2VecC (Chen, 2017), and each word is still in many targets' contexts.
SPAN = 64
ROWS_PER_CHUNK = 4
SHARE_OF_CHUNKS = 0.5
# Packed in one go: enough to make NumPy's calls cheap, a few MB in memory.
TOKENS_AT_A_TIME = 2**17


class Blocks(NamedTuple):
    """Some blocks in a row; the training step takes one block and goes through its tiles, so the first axes go."""

    token_ids: np.ndarray  # (n_blocks, n_tiles, lane_length, n_lanes) int32, 0 is padding
    sampled_windows: np.ndarray  # (n_blocks, n_tiles) int32, the words on each side that are context, equal in a block
    noise_ids: np.ndarray  # (n_blocks, n_tiles, n_groups, NOISE_PER_GROUP) int32
    # The rest is for a context of window and document; otherwise it is one number each, without meaning. Of each chunk
    # one row is sampled, 0..ROWS_PER_CHUNK - 1; a pair is 1 where the first chunk sees the second, otherwise 0.
    sampled_rows: np.ndarray  # (n_blocks, n_tiles, n_spans, n_chunks) int32
    chunk_pairs: np.ndarray  # (n_blocks, n_tiles, n_spans, n_chunks, n_chunks) int32


def keep_probability(token_counts, sample):
    """Probability with which an occurrence of each token is kept when frequent tokens are subsampled.

    With f the token's share of the corpus, min(1, sqrt(sample / f) + sample / f), as in word2vec.c; the paper
    (Mikolov et al., 2013b, section 2.3) has only the root. `sample` 0 keeps everything.
    """
    if sample == 0:
        return np.ones(len(token_counts))
    ratio = min(sample, 1) * token_counts.sum() / token_counts  # 1 keeps everything, too
    return np.minimum(1, np.sqrt(ratio) + ratio)


def noise_probability(token_counts, ns_exponent):
    """Distribution that noise is drawn from: proportional to count ** ns_exponent (Mikolov et al., 2013b)."""
    logarithms = ns_exponent * np.log(token_counts)
    weights = np.exp(logarithms - logarithms.max())  # at most 1, so that no exponent overflows
    return weights / weights.sum()


def default_block_size(n_occurrences):
    """Power of two of tokens: about 256 blocks an epoch in blocks of 256..8192 tokens, 1024 in those of up to 32768.

    Vectors need a number of steps to become good, so a small corpus needs small blocks. Large ones have more tiles,
    which more cores can share.
    """
    exponent = math.log2(max(n_occurrences, 1))
    return 2 ** int(max(np.clip(round(exponent - 8), 8, 13), min(round(exponent - 10), 15)))


def default_tile_size(vector_size):
    """Power of two of tokens whose vectors have about `FLOATS_PER_TILE` numbers, within 64..4096."""
    return 2 ** int(np.clip(round(math.log2(FLOATS_PER_TILE / vector_size)), 6, 12))


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
        For each token, the probability that an occurrence of it takes part in an epoch.
    noise_probability : ndarray of shape (n_tokens,)
        The distribution of noise.
    window : int
        Most words on each side of a target.
    document_context : float
        Share of the document in a target's context, 0..1. At 1, the words of each document are shuffled in every epoch,
        so that the window is a random sample of them.
    block_size : int
        Tokens in a block, padding included; rounded up to tiles of equal size.
    tile_size : int
        Most tokens in a tile that has more than one lane.

    Attributes
    ----------
    effective_window : int
        The window, or less if no document is so long.
    gap : int
        Padding between documents: no window holds tokens of two, and no chunk.
    block_size : int
        Tokens in a block.
    shapes : Blocks
        Of the arrays of one block: its tiles, the tokens in a lane and the lanes of a tile; groups of targets in a
        tile, and noise ids that each shares.
    n_blocks : int
        Blocks that an epoch needs.
    """

    def __init__(
        self,
        rows,
        document_offsets,
        *,
        token_counts,
        keep_probability,
        noise_probability,
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
        shape = n_tiles, lane_length, n_lanes = _block_shape(block_size, tile_size, self.effective_window)
        rows_per_group = 2 ** round(math.log2(TARGETS_PER_GROUP / n_lanes))
        self.is_shuffled = document_context == 1
        self.has_samples = 0 < document_context < 1
        n_spans, n_chunks = (lane_length // SPAN, SPAN // ROWS_PER_CHUNK) if self.has_samples else (1, 1)
        self.gap = max(self.effective_window, ROWS_PER_CHUNK - 1) if self.has_samples else self.effective_window
        self.shapes = Blocks(
            token_ids=shape,
            sampled_windows=(n_tiles,),
            noise_ids=(n_tiles, lane_length // rows_per_group, NOISE_PER_GROUP),
            sampled_rows=(n_tiles, n_spans, n_chunks),
            chunk_pairs=(n_tiles, n_spans, n_chunks, n_chunks),
        )
        self.block_size = math.prod(shape)
        self.keep_probability = keep_probability.astype(np.float32)
        self.noise_cumulative = np.cumsum(noise_probability)
        self.n_blocks = self._blocks_per_epoch(token_counts)

    def _blocks_per_epoch(self, token_counts):
        # Subsampling leaves a random number of tokens. An epoch has room for two standard deviations more than the
        # expected number, so that every epoch has the same number of blocks, known before training begins.
        mean = token_counts @ self.keep_probability
        variance = token_counts @ (self.keep_probability * (1 - self.keep_probability))
        n_kept = mean + 2 * math.sqrt(variance)
        return max(1, math.ceil((n_kept + self.gap * len(self.segment_offsets)) / self.block_size))

    def epoch(self, n_blocks, rng):
        """Yield the blocks of one epoch, a few at a time.

        Parameters
        ----------
        n_blocks : int
            How many to yield in all; those past the corpus are padding.
        rng : numpy.random.Generator

        Yields
        ------
        blocks : Blocks
        """
        noise_table = self._noise_table(rng)
        n_left = n_blocks
        stream = np.empty(0, np.int32)
        for segments in self._shuffled_segments(rng):
            stream = np.concatenate((stream, self._pack(segments, rng)))
            n_full = min(len(stream) // self.block_size, n_left)
            if n_full:
                yield self._draw(stream[: n_full * self.block_size], noise_table, rng)
                stream = stream[n_full * self.block_size :]
                n_left -= n_full
        if n_left:
            rest = np.zeros(n_left * self.block_size, np.int32)
            rest[: len(stream)] = stream
            yield self._draw(rest, noise_table, rng)

    def _shuffled_segments(self, rng):
        # Of the smallest sufficient type, because there may be very many segments.
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

    def _noise_table(self, rng):
        # Systematic sampling: token t stands in the table floor or ceil(size * probability) times, and on average,
        # over the epochs' random offsets, exactly size * probability times, however rare it is.
        last = np.ceil(self.noise_cumulative / self.noise_cumulative[-1] * NOISE_TABLE_SIZE - rng.random())
        n_entries = np.diff(last.astype(np.int64), prepend=0)
        return np.repeat(np.arange(1, len(n_entries) + 1, dtype=np.int32), n_entries)

    def _draw(self, stream, noise_table, rng):
        n_tiles, lane_length, n_lanes = self.shapes.token_ids
        token_ids = stream.reshape(-1, n_lanes, n_tiles, lane_length).transpose(0, 2, 3, 1)
        n_blocks = len(token_ids)
        sampled_windows = rng.integers(1, self.window, n_blocks, np.int32, endpoint=True)
        entries = rng.integers(0, len(noise_table), (n_blocks, *self.shapes.noise_ids), np.int32)
        sampled_windows = np.minimum(sampled_windows, self.effective_window)[:, None].repeat(n_tiles, 1)
        return Blocks(token_ids, sampled_windows, noise_table[entries], *self._draw_samples(n_blocks, rng))

    def _draw_samples(self, n_blocks, rng):
        shapes = [(n_blocks, *shape) for shape in (self.shapes.sampled_rows, self.shapes.chunk_pairs)]
        if not self.has_samples:
            return [np.zeros(shape, np.int32) for shape in shapes]
        sampled_rows = rng.integers(0, ROWS_PER_CHUNK, shapes[0], np.int32)
        return sampled_rows, (rng.random(shapes[1], np.float32) < SHARE_OF_CHUNKS).astype(np.int32)


def _block_shape(block_size, tile_size, effective_window):
    """Tiles of a block of at least so many tokens, tokens in a lane, and lanes of a tile."""
    lane_length = SPAN * math.ceil(min(WINDOWS_PER_LANE * effective_window, block_size) / SPAN)
    n_lanes = math.ceil(block_size / lane_length)
    n_tiles = math.ceil(n_lanes * lane_length / max(tile_size, lane_length))
    return n_tiles, lane_length, math.ceil(n_lanes / n_tiles)


def _cut_documents(document_offsets, max_length):
    """Cut documents into segments of 2..max_length tokens, so that long documents are shuffled and read in parts.

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
