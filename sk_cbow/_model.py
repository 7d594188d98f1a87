"""Training blocks -> trained tables: the Keras CBOW model, its textbook forward pass and its fused training step."""

import gc
import math
import weakref

import keras
import numpy as np
import tensorflow as tf

if keras.backend.backend() != "tensorflow":
    raise ImportError(
        f"Keras runs on {keras.backend.backend()!r} here, and sk_cbow trains on TensorFlow: set the environment "
        "variable KERAS_BACKEND to 'tensorflow', or unset it, before Keras is imported"
    )

MOST_BLOCKS_PER_CALL = 8  # blocks trained on between two returns to Python
BLOCKS_AHEAD = 32  # made while the model trains, and waiting for it
ADAGRAD_EPSILON = 1e-10  # only against division by zero: squared gradients are far larger


class CBOW(keras.Model):
    """Continuous bag of words with negative sampling (Mikolov et al., 2013a, 2013b).

    Calling the model is the textbook forward pass, example by example. Training does not call it: `train_step` takes
    whole blocks and works on the weights of the same layers, along the gradient that automatic differentiation of the
    textbook pass would give.

    Parameters
    ----------
    tables : sequence of one or two ndarrays of shape (n_rows, vector_size)
        Initial vectors; row 0, the padding, is zero. One table is shared by context, target and noise words; of two,
        the first serves the context and the second the target and the noise words.
    window : int
        Most context words on each side.
    negative : int
        How many noise words a target's noise counts for.
    """

    def __init__(self, tables, *, window, negative):
        super().__init__(dtype="float32")
        self.window = window
        self.negative = negative
        layers = [_embedding_layer(table) for table in tables]
        self.context_embedding, self.target_embedding = layers[0], layers[-1]
        self.tables = [layer.embeddings for layer in layers]

    def call(self, inputs):
        """Dot products of the averaged context with the word and with the noise words.

        Parameters
        ----------
        inputs : list of three integer tensors
            ``word_index`` (batch, 1), ``context`` (batch, 2 * window) with 0 where there is no word, and
            ``negative_samples`` (batch, negative).

        Returns
        -------
        word_product : tensor of shape (batch, 1)
        noise_products : tensor of shape (batch, negative)
        """
        word_index, context, negative_samples = inputs
        is_word = keras.ops.cast(self.context_embedding.compute_mask(context), "float32")[:, :, None]
        n_context = keras.ops.sum(is_word, axis=1)
        hidden = keras.ops.sum(is_word * self.context_embedding(context), axis=1) / keras.ops.maximum(n_context, 1)
        return (
            keras.ops.einsum("bd,bnd->bn", hidden, self.target_embedding(word_index)),
            keras.ops.einsum("bd,bnd->bn", hidden, self.target_embedding(negative_samples)),
        )

    def train_step(self, block):
        token_ids, width, noise_ids = block
        loss, n_targets = train_on_block(
            [table.value for table in self.tables],
            [accumulator.value for accumulator in self.optimizer.accumulators],
            token_ids,
            width,
            noise_ids,
            tf.cast(self.optimizer.learning_rate, tf.float32),
            window=self.window,
            negative=self.negative,
        )
        self.optimizer.iterations.assign_add(1)
        self._loss_tracker.update_state(loss / tf.maximum(n_targets, 1), sample_weight=n_targets)
        return {"loss": self._loss_tracker.result()}


class RowWiseAdagrad(keras.optimizers.Optimizer):
    """Adagrad with one accumulator a row of a table (Duchi et al., 2011; row-wise as in Naumov et al., 2019).

    The update itself is `update_rows`, inside the compiled step; this object holds what has to last between steps.
    """

    def build(self, variables):
        super().build(variables)
        self.accumulators = [self.add_variable((table.shape[0],), dtype="float32") for table in variables]


def _embedding_layer(table):
    n_ids, vector_size = table.shape
    # Zeros, for Keras' random initializers would draw from Python's global generator.
    layer = keras.layers.Embedding(n_ids, vector_size, "zeros", mask_zero=True, dtype="float32")
    layer.build()
    layer.embeddings.assign(table)
    return layer


def train(blocks, *, n_tokens, vector_size, negative, shared_embedding, epochs, learning_rate, rng, verbose):
    """Train a model on epochs of blocks.

    Parameters
    ----------
    blocks : BlockMaker
    n_tokens, vector_size, negative, shared_embedding, epochs, learning_rate, verbose
        As in `CBOWVectorizer`.
    rng : numpy.random.Generator
        Decides the initial vectors and everything in the blocks.

    Returns
    -------
    tables : list of one or two ndarrays of shape (n_tokens + 1, vector_size), float32
        Row 0 is padding.
    loss_curve : list of float
        Mean loss of a target and its noise, one value for each epoch.
    """
    tables = initial_tables(n_tokens, vector_size, 1 if shared_embedding else 2, rng)
    model = CBOW(tables, window=blocks.reach, negative=negative)
    try:
        loss_curve = _fit_model(model, blocks, epochs, learning_rate, rng, verbose)
        return [table.numpy()[: n_tokens + 1] for table in model.tables], loss_curve
    finally:
        # A compiled model is a web of reference cycles that holds some MB; waiting for Python's own collection, fits
        # in one process would pile up. The oldest generation, all of TensorFlow, takes a quarter of a second.
        del model
        gc.collect(1)


def _fit_model(model, blocks, epochs, learning_rate, rng, verbose):
    n_blocks, blocks_per_call = _whole_calls(blocks.n_blocks)
    schedule = keras.optimizers.schedules.PolynomialDecay(learning_rate, epochs * n_blocks, end_learning_rate=0.0)
    model.compile(RowWiseAdagrad(schedule), jit_compile=False, steps_per_execution=blocks_per_call)
    model.optimizer.build(model.tables)
    made = _epochs(blocks, n_blocks, epochs, rng)
    history = model.fit(
        _dataset(made, epochs * n_blocks, blocks.block_size, blocks.noise_shape),
        epochs=epochs,
        steps_per_epoch=n_blocks,
        shuffle=False,
        verbose=verbose,
    )
    return history.history["loss"]


def initial_tables(n_tokens, vector_size, n_tables, rng):
    """Draw small random vectors, uniform in +-0.5 / vector_size as in word2vec.c.

    Returns
    -------
    tables : list of ndarrays of shape (n_rows, vector_size), float32
        Row 0, the padding, is zero, and so are the spare rows after n_tokens + 1.
    """
    tables = []
    for _ in range(n_tables):
        table = np.zeros((_with_spare_rows(n_tokens + 1), vector_size), np.float32)
        table[1 : n_tokens + 1] = (rng.random((n_tokens, vector_size), np.float32) - 0.5) / vector_size
        tables.append(table)
    return tables


def _with_spare_rows(n_rows):
    """Round up by a sixteenth at most: vocabularies of nearly one size, as in cross-validation, share a compilation."""
    step = 2 ** max(n_rows.bit_length() - 5, 6)
    return -(-n_rows // step) * step


def _whole_calls(n_blocks):
    """Round the blocks of an epoch up to whole calls of the training function, for Keras makes no shorter ones.

    There are four calls at least, for TensorFlow logs warnings when too many calls of a function trace it anew.
    """
    n_blocks = max(n_blocks, 4)
    most = min(MOST_BLOCKS_PER_CALL, n_blocks // 4)
    blocks_per_call = min(range(most, most // 2, -1), key=lambda size: -n_blocks % size)
    return n_blocks + -n_blocks % blocks_per_call, blocks_per_call


def _epochs(blocks, n_blocks, epochs, rng):
    for _ in range(epochs):
        yield from blocks.epoch(n_blocks, rng)


def _dataset(made, n_blocks, block_size, noise_shape):
    """The blocks that an iterator makes together, one by one, made in the background while the model trains."""
    # TensorFlow keeps the function for good; it must not keep the corpus with it.
    made = weakref.proxy(made)

    def next_blocks(_):
        token_ids, widths, noise_ids = tf.numpy_function(lambda: next(made), [], [tf.int32, tf.int32, tf.int32])
        return (
            tf.ensure_shape(token_ids, (None, block_size)),
            tf.ensure_shape(widths, (None,)),
            tf.ensure_shape(noise_ids, (None, *noise_shape)),
        )

    # Not from_generator, which changes malloc's thresholds for the whole process, and NumPy's speed with them.
    dataset = tf.data.Dataset.counter().map(next_blocks).unbatch().take(n_blocks).prefetch(BLOCKS_AHEAD)
    options = tf.data.Options()
    options.autotune.enabled = False  # its thread sleeps ever longer, and the end of training would wait for it to wake
    return dataset.with_options(options)


@tf.function(jit_compile=True, autograph=False)
def train_on_block(tables, accumulators, token_ids, width, noise_ids, learning_rate, *, window, negative):
    """Take one step of training on one block, in place.

    The variables are arguments, so that all models whose sizes are equal share one compilation.

    Parameters
    ----------
    tables, accumulators : lists of one or two tf.Variables
        As in `CBOW` and `RowWiseAdagrad`.
    token_ids : int tensor of shape (block_size,)
    width : int tensor, scalar
    noise_ids : int tensor of shape (n_groups, noise_per_group)
    learning_rate : float tensor, scalar
    window, negative : int

    Returns
    -------
    loss, n_targets : scalar tensors
        The summed loss and the number of training examples that it sums over.
    """
    loss, n_targets, (context_gradient, target_gradient, noise_gradient) = block_gradients(
        tables[0], tables[-1], token_ids, width, noise_ids, window=window, negative=negative
    )
    flat_noise_ids = tf.reshape(noise_ids, [-1])
    flat_noise_gradient = tf.reshape(noise_gradient, [-1, noise_gradient.shape[-1]])
    target_and_noise_ids = tf.concat([token_ids, flat_noise_ids], axis=0)

    def with_noise(gradient):
        return tf.concat([gradient, flat_noise_gradient], axis=0)

    if len(tables) == 1:
        occurrences = [(target_and_noise_ids, with_noise(context_gradient + target_gradient))]
    else:
        occurrences = [(token_ids, context_gradient), (target_and_noise_ids, with_noise(target_gradient))]
    for table, accumulator, (ids, gradients) in zip(tables, accumulators, occurrences, strict=True):
        update_rows(table, accumulator, ids, gradients, learning_rate)
    return loss, n_targets


def block_gradients(context_table, target_table, token_ids, width, noise_ids, *, window, negative):
    """Loss of a block and its gradient with respect to every vector that takes part, in closed form.

    Position t of a block is an example if it holds a token that has a token within `width` positions. Its logits are
    the products of the averaged context with the target and with the noise of its group, less log(negative): the
    optimum of negative sampling is the pointwise mutual information less log k (Levy & Goldberg, 2014), and a shared
    table, in which unrelated words are orthogonal, could not reach that offset through its vectors.

    Group g is every n_groups-th position from g on. Its targets are far apart and their contexts differ, so that
    sharing noise costs little: among neighbours, a noise word would see nearly the same context again and again.

    Returns
    -------
    loss, n_targets : scalar tensors
    gradients : tuple of tensors
        With respect to the vectors as context (block_size, vector_size), as target (block_size, vector_size) and as
        noise (n_groups, noise_per_group, vector_size).
    """
    block_size = token_ids.shape[0]
    n_groups, noise_per_group = noise_ids.shape
    log_k = math.log(negative)
    weights = tf.cast(tf.range(1, window + 1) <= width, tf.float32)

    def window_sum(values):
        """Sum of the neighbours on both sides; it is linear and its own adjoint."""
        padded = tf.pad(values, [[window, window], [0, 0]])
        return tf.add_n(
            [
                weights[distance - 1]
                * (
                    padded[window - distance : window - distance + block_size]
                    + padded[window + distance : window + distance + block_size]
                )
                for distance in range(1, window + 1)
            ]
        )

    def by_group(values):
        """Rows of a block as (n_groups, group_size, columns); a group is every n_groups-th position of the block."""
        return tf.transpose(tf.reshape(values, [-1, n_groups, values.shape[1]]), [1, 0, 2])

    def in_order(grouped):
        return tf.reshape(tf.transpose(grouped, [1, 0, 2]), [block_size, -1])

    is_token = tf.cast(token_ids != 0, tf.float32)[:, None]  # (block_size, 1)
    n_context = window_sum(is_token)
    is_target = is_token * tf.cast(n_context > 0, tf.float32)
    context_weight = is_target / tf.maximum(n_context, 1)
    hidden = window_sum(tf.gather(context_table, token_ids)) * context_weight  # (block_size, vector_size)

    target_vectors = tf.gather(target_table, token_ids)
    logit = _row_sums(hidden * target_vectors) - log_k  # (block_size, 1)

    # Noise that happens to be the target is dropped, not drawn again.
    grouped_hidden = by_group(hidden)  # (n_groups, group_size, vector_size)
    noise_vectors = tf.gather(target_table, noise_ids)  # (n_groups, noise_per_group, vector_size)
    noise_logit = tf.matmul(grouped_hidden, noise_vectors, transpose_b=True) - log_k
    is_noise = tf.cast(by_group(token_ids[:, None]) != noise_ids[:, None, :], tf.float32)
    noise_weight = negative / noise_per_group * is_noise * by_group(is_target)

    target_error = is_target * (tf.sigmoid(logit) - 1)  # (block_size, 1)
    noise_error = noise_weight * tf.sigmoid(noise_logit)  # (n_groups, group_size, noise_per_group)

    hidden_gradient = target_error * target_vectors + in_order(tf.matmul(noise_error, noise_vectors))
    context_gradient = is_token * window_sum(hidden_gradient * context_weight)
    target_gradient = target_error * hidden
    noise_gradient = tf.matmul(noise_error, grouped_hidden, transpose_a=True)

    loss = tf.reduce_sum(is_target * tf.nn.softplus(-logit)) + tf.reduce_sum(noise_weight * tf.nn.softplus(noise_logit))
    return loss, tf.reduce_sum(is_target), (context_gradient, target_gradient, noise_gradient)


def update_rows(table, accumulator, ids, gradients, learning_rate):
    """Row-wise Adagrad, occurrence by occurrence: a row that occurs twice moves twice, with one accumulator.

    Parameters
    ----------
    table : tf.Variable of shape (n_ids, vector_size)
    accumulator : tf.Variable of shape (n_ids,)
    ids : int tensor of shape (n_occurrences,)
    gradients : tensor of shape (n_occurrences, vector_size)
    learning_rate : scalar tensor
    """
    # tensor_scatter and assign become XLA's scatter in place: fast, and bit-reproducible at any number of threads.
    squares = _row_sums(tf.square(gradients))[:, 0] / gradients.shape[1]
    accumulator.assign(tf.tensor_scatter_nd_add(accumulator, ids[:, None], squares))
    rates = learning_rate * tf.math.rsqrt(tf.gather(accumulator, ids) + ADAGRAD_EPSILON)
    table.assign(tf.tensor_scatter_nd_sub(table, ids[:, None], rates[:, None] * gradients))


def _row_sums(matrix):
    # A product with ones: XLA's own sums over rows are not vectorized on CPU, and took more than twice as long.
    return tf.matmul(matrix, tf.ones((matrix.shape[1], 1)))
