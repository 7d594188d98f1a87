"""A block of token ids -> the updated tables: context, loss and update, with gradients in closed form.

`tests/test_step.py` compares them with automatic differentiation of the textbook model.
"""

import itertools
from functools import partial
from typing import NamedTuple

import numpy as np

from sk_cbow._training.runtime import tf

# The sum over a window up to this size is one expression, which is fastest. Over a larger one, it is a loop, because
# the memory and the compilation time of the expression grow with the window.
LARGEST_UNROLLED_WINDOW = 16
ADAGRAD_EPSILON = 1e-10  # only prevents division by zero: squared gradients are far larger


def train_on_blocks(tables, accumulators, blocks, learning_rates, *, n_shards, **options):
    """Take one training step per block, in place.

    The variables are arguments, so that all models of the same size share one program.

    Parameters
    ----------
    tables, accumulators : lists of one or two tf.Variables
        The weights of the textbook model, and the accumulators of `RowWiseAdagrad`.
    blocks : Blocks
    learning_rates : float tensor of shape (n_blocks,)
    n_shards : int
        As in `train_on_block`.
    **options
        Constants of the compiled program: ``window``, ``negative``, ``offset`` and ``document_context``, as in
        `tile_gradients`.

    Returns
    -------
    loss, n_targets : scalar tensors
        The loss, summed over the training examples, and their number.
    """

    def next_step(index, loss, n_targets):
        block, learning_rate = blocks._make(array[index] for array in blocks), learning_rates[index]
        block_loss, block_targets = train_on_block(
            tables, accumulators, block, learning_rate, n_shards=n_shards, **options
        )
        return index + 1, loss + block_loss, n_targets + block_targets

    n_blocks = tf.shape(learning_rates)[0]
    _, loss, n_targets = tf.while_loop(
        lambda index, *_: index < n_blocks, next_step, (0, 0.0, 0.0), parallel_iterations=1
    )
    return loss, n_targets


def train_on_block(tables, accumulators, block, learning_rate, *, n_shards, **options):
    """Take one training step on one block, in place.

    XLA runs most of a program on one core. So the tiles of a block are split into shards, and the gradients of the
    shards are computed in parallel. Results do not depend on the number of shards: the gradients of a tile do not
    depend on other tiles, and the tables are updated in the order of the tiles.

    Parameters
    ----------
    tables, accumulators, n_shards, **options
        As in `train_on_blocks`.
    block : Blocks
        One block, whose arrays have tiles as first axis.
    learning_rate : float tensor, scalar

    Returns
    -------
    loss, n_targets : scalar tensors
    """
    compiled = partial(tf.function, jit_compile=True, autograph=False)
    n_tiles = block.token_ids.shape[0]
    if n_tiles == 1:
        return compiled(partial(_train_on_one_tile, **options))(tables, accumulators, block, learning_rate)
    bounds = np.linspace(0, n_tiles, n_shards + 1).astype(int)
    shards = [block._make(array[start:stop] for array in block) for start, stop in itertools.pairwise(bounds)]
    gradients = compiled(partial(gradients_of_tiles, **options))
    losses, n_targets, row_gradients = zip(*[gradients(tables, shard) for shard in shards], strict=True)
    compiled(partial(update_tables))(tables, accumulators, row_gradients, learning_rate)
    return tf.add_n(losses), tf.add_n(n_targets)


def _train_on_one_tile(tables, accumulators, block, learning_rate, **options):
    # In one program: each call of a program takes a tenth of the time of a block this small.
    loss, n_targets, row_gradients = gradients_of_tiles(tables, block, **options)
    update_tables(tables, accumulators, [row_gradients], learning_rate)
    return loss, n_targets


class RowGradients(NamedTuple):
    """Gradients with respect to rows of a table, like `tf.IndexedSlices`: a row may occur several times."""

    ids: tf.Tensor  # (n_tiles, n_occurrences)
    values: tf.Tensor  # (n_tiles, n_occurrences, vector_size)
    mean_squares: tf.Tensor  # (n_tiles, n_occurrences), of each value


def gradients_of_tiles(tables, tiles, **options):
    """Compute losses and gradients tile by tile, so that the vectors of a tile stay in the cache.

    Returns
    -------
    loss, n_targets : scalar tensors
    row_gradients : list of RowGradients
        One for each table.
    """
    # Tensors, because the compiled loop would capture the variables of this model, and the next model, which uses the
    # same program, has others.
    tables = [tf.convert_to_tensor(table) for table in tables]

    def one_tile(tile):
        loss, n_targets, gradients = tile_gradients(tables[0], tables[-1], tile, **options)
        as_context, as_target, as_negative = (tf.reshape(values, [-1, values.shape[-1]]) for values in gradients)
        token_ids, negative_ids = tf.reshape(tile.token_ids, [-1]), tf.reshape(tile.negative_ids, [-1])
        with_negatives = tf.concat([token_ids, negative_ids], axis=0)
        if len(tables) == 1:
            gradients_by_table = [(with_negatives, tf.concat([as_context + as_target, as_negative], axis=0))]
        else:
            as_target_or_negative = tf.concat([as_target, as_negative], axis=0)
            gradients_by_table = [(token_ids, as_context), (with_negatives, as_target_or_negative)]
        row_gradients = [
            RowGradients(ids, values, _sum_over_columns(tf.square(values))[:, 0] / values.shape[1])
            for ids, values in gradients_by_table
        ]
        return loss, n_targets, row_gradients

    signature = (tf.float32, tf.float32, [RowGradients(tf.int32, tf.float32, tf.float32) for _ in tables])
    losses, n_targets, row_gradients = tf.map_fn(one_tile, tiles, fn_output_signature=signature)
    return tf.reduce_sum(losses), tf.reduce_sum(n_targets), row_gradients


def tile_gradients(context_table, target_table, tile, *, window, negative, offset, document_context):
    """Compute the loss of a tile and its gradient with respect to all vectors involved, in closed form.

    Parameters
    ----------
    context_table, target_table : tensors of shape (n_ids, vector_size)
    tile : Blocks
        One tile of one block, so that arrays have two axes less: token ids of shape (lane_length, n_lanes), one sampled
        window and so on.
    window : int
        Maximum of the sampled window.
    negative : int
        Total weight of the negative samples of a target.
    offset : float
        What is subtracted from every dot product.
    document_context : float
        Weight of the document in the context.

    Returns
    -------
    loss, n_targets : scalar tensors
    gradients : tuple of tensors
        With respect to the vectors as context (lane_length, n_lanes, vector_size), as target (same shape) and as
        negative samples (n_groups, negatives_per_group, vector_size).
    """
    hidden, is_target, context_gradient = context_mean(
        context_table, tile, window=window, document_context=document_context
    )
    loss, (hidden_gradient, target_gradient, negative_gradient) = negative_sampling(
        hidden, is_target, target_table, tile.token_ids, tile.negative_ids, negative=negative, offset=offset
    )
    return loss, tf.reduce_sum(is_target), (context_gradient(hidden_gradient), target_gradient, negative_gradient)


def context_mean(table, tile, *, window, document_context):
    """Average the vectors of each position's context: the window around it and a sample of the rest of its document.

    The two averages have the weights 1 - document_context and document_context; without sampled words, the window has
    all the weight. A position is a training example if it holds a token and its window contains words. Doc2VecC (Chen,
    2017) has the document as context, and sent2vec (Pagliardini et al., 2018) one table for words of the document and
    of the window.

    Parameters
    ----------
    table : tensor of shape (n_ids, vector_size)
        Row 0, the padding, is zero.
    tile : Blocks
        One tile, as in `tile_gradients`.
    window : int
        Maximum of the sampled window.
    document_context : float

    Returns
    -------
    hidden : tensor of shape (lane_length, n_lanes, vector_size)
        Zero where a position is not an example.
    is_target : tensor of shape (lane_length, n_lanes, 1)
        1 where a position is an example, otherwise 0.
    context_gradient : function
        Computes the gradient with respect to the vector at each position from the gradient with respect to `hidden`,
        like the function that `tf.custom_gradient` expects.
    """
    is_token = tf.cast(tile.token_ids != 0, tf.float32)[:, :, None]  # (lane_length, n_lanes, 1)
    window_sum = _window_sum(tile.sampled_windows, window)
    n_window = window_sum(_with_margins(is_token, window))
    is_target = is_token * tf.cast(n_window > 0, tf.float32)
    window_weight = is_target / tf.maximum(n_window, 1)
    # The vector of the padding is zero, so margins and positions without a token add nothing.
    context_sum = window_sum(tf.gather(table, _with_margins(tile.token_ids, window)))

    def from_window(gradient):
        return window_sum(_with_margins(gradient, window))

    if not 0 < document_context < 1:  # with 1, the words of a document are shuffled, so the window is the sample
        return context_sum * window_weight, is_target, lambda gradient: is_token * from_window(gradient * window_weight)

    document_sum, from_document = _document_sum(is_token, tile.sampled_positions, tile.cell_pairs)
    # If a position has sampled words, it also has neighbours, so that the window is not empty.
    n_document = document_sum(is_token)
    document_share = document_context * tf.cast(n_document > 0, tf.float32)
    window_weight *= 1 - document_share
    document_weight = is_target * document_share / tf.maximum(n_document, 1)
    hidden = context_sum * window_weight + document_sum(tf.gather(table, tile.token_ids)) * document_weight

    def context_gradient(gradient):
        return is_token * (from_window(gradient * window_weight) + from_document(gradient * document_weight))

    return hidden, is_target, context_gradient


def _with_margins(values, window):
    return tf.pad(values, [[window, window]] + [[0, 0]] * (len(values.shape) - 1))


def _window_sum(sampled_window, window):
    """Return a function that sums the neighbours on both sides of each position; its result has no margins.

    With margins of zeros, the function is its own adjoint.
    """

    def window_sum(values):
        shape = [values.shape[0] - 2 * window, *values.shape[1:]]

        def neighbours(distance):
            before, after = (tf.slice(values, [start, 0, 0], shape) for start in (window - distance, window + distance))
            return before + after

        if window <= LARGEST_UNROLLED_WINDOW:
            weights = [tf.cast(distance <= sampled_window, tf.float32) for distance in range(1, window + 1)]
            return tf.add_n([weight * neighbours(distance) for distance, weight in enumerate(weights, 1)])
        return tf.while_loop(
            lambda distance, _: distance <= sampled_window,
            lambda distance, total: (distance + 1, total + neighbours(distance)),
            (1, tf.zeros(shape)),
        )[1]

    return window_sum


def _document_sum(is_token, sampled_positions, cell_pairs):
    """Return a function that sums over the sampled positions of each position's document, and its adjoint.

    A position is not in its own sum. Because of the padding between documents, all tokens of a cell are of the same
    document. So the sums in a span are a product with a matrix (n_cells, n_cells). An entry is 1 if the targets of one
    cell use the sample of another cell, otherwise 0.

    Parameters
    ----------
    is_token : tensor of shape (lane_length, n_lanes, 1)
    sampled_positions : int tensor of shape (n_spans, n_cells)
    cell_pairs : int tensor of shape (n_spans, n_cells, n_cells)

    Returns
    -------
    document_sum, adjoint : functions
        Of tensors (lane_length, n_lanes, columns).
    """
    lane_length, n_lanes, _ = is_token.shape
    n_spans, n_cells = sampled_positions.shape
    cell_length = lane_length // (n_spans * n_cells)

    def cell_sums(values):
        """Sum values over the positions of each cell, to (n_spans, n_lanes, n_cells, columns)."""
        cells = tf.reshape(values, [n_spans, n_cells, cell_length, n_lanes, values.shape[-1]])
        return tf.transpose(tf.add_n([cells[:, :, position] for position in range(cell_length)]), [0, 2, 1, 3])

    def broadcast(cell_values):
        """Repeat the values of each cell for each of its positions."""
        columns = cell_values.shape[-1]
        cells = tf.transpose(cell_values, [0, 2, 1, 3])[:, :, None]
        return tf.reshape(
            tf.broadcast_to(cells, [n_spans, n_cells, cell_length, n_lanes, columns]), [lane_length, n_lanes, columns]
        )

    # A document begins at a token that follows padding. Counting the beginnings gives each cell of a span the index of
    # its document.
    begins = cell_sums(is_token * (1 - tf.pad(is_token[:-1], [[1, 0], [0, 0], [0, 0]])))
    lower_triangle = tf.linalg.band_part(tf.ones((n_cells, n_cells)), -1, 0)
    document = tf.matmul(lower_triangle, begins)  # (n_spans, n_lanes, n_cells, 1)
    is_same_document = tf.cast(document == tf.linalg.matrix_transpose(document), tf.float32)
    pairs = tf.cast(cell_pairs, tf.float32)
    uses_sample = is_same_document * pairs[:, None]  # (n_spans, n_lanes, n_cells, n_cells)

    is_sampled = tf.reshape(tf.one_hot(tf.reshape(sampled_positions, [-1]), cell_length), [lane_length, 1, 1])
    own_pairs = tf.repeat(tf.linalg.diag_part(pairs), cell_length)
    is_own_sample = is_sampled * tf.reshape(own_pairs, [lane_length, 1, 1])
    cell_starts = cell_length * tf.range(n_spans * n_cells)
    positions_in_lane = tf.reshape(sampled_positions, [-1]) + cell_starts

    def document_sum(values):
        sampled = tf.reshape(tf.gather(values, positions_in_lane), [n_spans, n_cells, n_lanes, values.shape[-1]])
        return broadcast(tf.matmul(uses_sample, tf.transpose(sampled, [0, 2, 1, 3]))) - is_own_sample * values

    def adjoint(gradient):
        to_sampled = broadcast(tf.matmul(uses_sample, cell_sums(gradient), transpose_a=True))
        return is_sampled * to_sampled - is_own_sample * gradient

    return document_sum, adjoint


def negative_sampling(hidden, is_target, table, token_ids, negative_ids, *, negative, offset):
    """Compute the loss of negative sampling and its gradient (Mikolov et al., 2013b).

    The logits of an example are the dot products of its hidden vector with the vectors of the target and of the
    negative samples of its group, less the offset.

    Group g consists of the positions g, g + n_groups, g + 2 * n_groups and so on of all lanes. So its targets are far
    apart in the text and have different contexts. If neighbours shared negative samples, each sample would be compared
    with nearly the same context repeatedly.

    Parameters
    ----------
    hidden : tensor of shape (lane_length, n_lanes, vector_size)
    is_target : tensor of shape (lane_length, n_lanes, 1)
        1 for an example, 0 otherwise.
    table : tensor of shape (n_ids, vector_size)
    token_ids : int tensor of shape (lane_length, n_lanes)
    negative_ids : int tensor of shape (n_groups, negatives_per_group)
    negative : int
        Total weight of the negative samples of a target.
    offset : float

    Returns
    -------
    loss : scalar tensor
    gradients : tuple of tensors
        With respect to `hidden`, to the vectors of the targets (same shape) and to the vectors of the negative samples
        (n_groups, negatives_per_group, vector_size).
    """
    lane_length, n_lanes = token_ids.shape
    n_groups, negatives_per_group = negative_ids.shape

    def by_group(values):
        """Arrange the values of all positions as (n_groups, group_size, columns)."""
        ordered = tf.reshape(values, [-1, n_groups, n_lanes, values.shape[-1]])
        return tf.reshape(tf.transpose(ordered, [1, 0, 2, 3]), [n_groups, -1, values.shape[-1]])

    def in_order(grouped):
        """Arrange values by group as (lane_length, n_lanes, columns)."""
        grouped = tf.reshape(grouped, [n_groups, -1, n_lanes, grouped.shape[-1]])
        return tf.reshape(tf.transpose(grouped, [1, 0, 2, 3]), [lane_length, n_lanes, -1])

    target_vectors = tf.gather(table, token_ids)
    logit = _sum_over_columns(hidden * target_vectors) - offset  # (lane_length, n_lanes, 1)

    # A negative sample that equals the target is dropped, not drawn again.
    negative_vectors = tf.gather(table, negative_ids)  # (n_groups, negatives_per_group, vector_size)
    grouped_hidden = by_group(hidden)  # (n_groups, group_size, vector_size)
    negative_logit = tf.matmul(grouped_hidden, negative_vectors, transpose_b=True) - offset
    is_negative = tf.cast(by_group(token_ids[:, :, None]) != negative_ids[:, None, :], tf.float32)
    negative_weight = negative / negatives_per_group * is_negative * by_group(is_target)

    target_error = is_target * (tf.sigmoid(logit) - 1)  # (lane_length, n_lanes, 1)
    negative_error = negative_weight * tf.sigmoid(negative_logit)  # (n_groups, group_size, negatives_per_group)

    hidden_gradient = target_error * target_vectors + in_order(tf.matmul(negative_error, negative_vectors))
    target_gradient = target_error * hidden
    negative_gradient = tf.matmul(negative_error, grouped_hidden, transpose_a=True)

    loss = tf.reduce_sum(is_target * tf.nn.softplus(-logit))
    loss += tf.reduce_sum(negative_weight * tf.nn.softplus(negative_logit))
    return loss, (hidden_gradient, target_gradient, negative_gradient)


def update_tables(tables, accumulators, row_gradients, learning_rate):
    """Row-wise Adagrad: a row that occurs twice in a block is updated twice, with the accumulator of the whole block.

    Parameters
    ----------
    tables : list of tf.Variables of shape (n_ids, vector_size)
    accumulators : list of tf.Variables of shape (n_ids,)
    row_gradients : list of lists of RowGradients
        For each shard of a block, one for each table.
    learning_rate : scalar tensor
    """
    # XLA compiles these to scatter in place, which is fast, and bit-for-bit reproducible with any number of threads.
    for table, accumulator, *shard_gradients in zip(tables, accumulators, *row_gradients, strict=True):
        for ids, _, mean_squares in shard_gradients:
            accumulator.assign(tf.tensor_scatter_nd_add(accumulator, ids[:, :, None], mean_squares))
        for ids, values, _ in shard_gradients:
            rates = learning_rate * tf.math.rsqrt(tf.gather(accumulator, ids) + ADAGRAD_EPSILON)
            table.assign(tf.tensor_scatter_nd_sub(table, ids[:, :, None], rates[:, :, None] * values))


def _sum_over_columns(values):
    """Sum over the last axis, (..., columns) to (..., 1)."""
    # A product with ones, because XLA does not vectorize such sums on CPU: they take more than twice as long.
    columns = values.shape[-1]
    return tf.reshape(tf.matmul(tf.reshape(values, [-1, columns]), tf.ones((columns, 1))), [*values.shape[:-1], 1])
