"""Training blocks -> trained tables: the Keras CBOW model, its textbook forward pass, the fused step and the loop."""

import copy
import gc
import itertools
import math
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import NamedTuple

import numpy as np
from joblib import cpu_count

try:
    import keras
    import tensorflow as tf
except ModuleNotFoundError as error:
    raise ImportError("sk_cbow trains with Keras on TensorFlow, which is missing: pip install tensorflow") from error

if keras.backend.backend() != "tensorflow":
    raise ImportError(
        f"Keras runs on {keras.backend.backend()!r} here, and sk_cbow trains on TensorFlow: set the environment "
        "variable KERAS_BACKEND to 'tensorflow', or unset it, before Keras is imported"
    )

ROWS_AT_A_TIME = 2**10  # of initial vectors
SECONDS_BETWEEN_SAVES = 300  # the most training time that an interrupted fit has to repeat
ADAGRAD_EPSILON = 1e-10  # only prevents division by zero: squared gradients are far larger


class CBOW(keras.Model):
    """Continuous bag of words with negative sampling (Mikolov et al., 2013a, 2013b).

    Calling the model is the textbook forward pass, example by example. Training does not call it: `train_on_blocks`
    takes whole blocks and updates the weights of the same layers, with the gradient that automatic differentiation of
    the textbook forward pass would give.

    Parameters
    ----------
    n_rows : int
        Rows of a table of vectors, initially zeros; row 0, the padding, stays zero.
    vector_size : int
    shared_embedding : bool
        Whether context, target and negative samples share one table. If False, there are two: one for the context, and
        one for the target and the negative samples.
    window : int
        Maximum number of context words on each side.
    negative : int
        Total weight of the negative samples of a target.
    offset : float
        Subtracted from every dot product before the sigmoid function.
    document_context : float
        Weight of the document in the context, 0..1.
    """

    def __init__(self, n_rows, vector_size, *, shared_embedding, window, negative, offset, document_context):
        super().__init__(dtype="float32")
        self.options = {
            "window": window,
            "negative": negative,
            "offset": offset,
            "document_context": document_context,
        }
        # Zeros, because Keras' random initializers would draw from Python's global generator.
        layers = [
            keras.layers.Embedding(n_rows, vector_size, "zeros", mask_zero=True, dtype="float32")
            for _ in range(1 if shared_embedding else 2)
        ]
        for layer in layers:
            layer.build()
        self.context_embedding, self.target_embedding = layers[0], layers[-1]
        self.tables = [layer.embeddings for layer in layers]
        self.built = True  # callbacks may save the weights

    def call(self, inputs):
        """Compute the dot products of the averaged context with the target word and with the negative samples.

        Parameters
        ----------
        inputs : list of three or four integer tensors
            ``word_index`` (batch, 1); ``context`` (batch, 2 * window), padded with 0; ``negative_samples`` (batch,
            negative); and, with a document context, ``document`` (batch, n_words), other words of the document, padded
            with 0.

        Returns
        -------
        word_product : tensor of shape (batch, 1)
        noise_products : tensor of shape (batch, negative)
        """
        return products(
            self.context_embedding, self.target_embedding, *inputs, document_context=self.options["document_context"]
        )


def products(
    context_embedding, target_embedding, word_index, context, negative_samples, document=None, document_context=0
):
    """The textbook forward pass, for tensors and for symbolic Keras tensors."""
    hidden, has_context = _mean_of_words(context_embedding, context)
    if document is not None:
        document_mean, has_document = _mean_of_words(context_embedding, document)
        # If one of the two has no words, the other has all the weight.
        document_weight = has_document * (1 - has_context * (1 - document_context))
        hidden = (1 - document_weight) * hidden + document_weight * document_mean
    return (
        keras.ops.einsum("bd,bnd->bn", hidden, target_embedding(word_index)),
        keras.ops.einsum("bd,bnd->bn", hidden, target_embedding(negative_samples)),
    )


def _mean_of_words(embedding, ids):
    """Average the vectors of ids (batch, n_words) other than 0; also return 1 where there are any, otherwise 0."""
    is_word = keras.ops.expand_dims(keras.ops.cast(embedding.compute_mask(ids), "float32"), -1)
    n_words = keras.ops.maximum(keras.ops.sum(is_word, axis=1), 1)
    return keras.ops.sum(is_word * embedding(ids), axis=1) / n_words, keras.ops.max(is_word, axis=1)


class RowWiseAdagrad(keras.optimizers.Optimizer):
    """Adagrad with one accumulator per row of a table (Duchi et al., 2011; row-wise as in Naumov et al., 2019).

    This object holds the state between steps: the accumulators and the number of steps. The update itself is in
    `update_tables`, which is compiled.
    """

    def __init__(self, schedule):
        super().__init__(schedule)
        self.schedule = schedule

    def build(self, variables):
        super().build(variables)
        self.accumulators = [self.add_variable((table.shape[0],), dtype="float32") for table in variables]


class ModelConfig(NamedTuple):
    """Parameters of a model, as in `CBOWVectorizer`. The window comes from the `BlockMaker`."""

    n_tokens: int
    vector_size: int
    shared_embedding: bool
    negative: int
    document_context: float = 0
    # None is log(negative). The dot products that minimize the loss of negative sampling are the pointwise mutual
    # information less log k (Levy & Goldberg, 2014). In a shared table, where unrelated words are orthogonal, the
    # vectors cannot represent that constant.
    offset: float | None = None


class Trained(NamedTuple):
    """The trained tables, one or two, without the rows of padding and spare rows."""

    tables: list  # of ndarrays of shape (n_tokens, vector_size), float32, read-only
    accumulators: list  # of ndarrays of shape (n_tokens,), float32
    loss_curve: list  # mean loss of a target and its negative samples, one float per epoch


class Progress(NamedTuple):
    """The blocks trained on so far."""

    loss_curve: list | tuple = ()  # of the finished epochs
    n_blocks: int = 0  # blocks of the unfinished epoch that have been trained on
    loss: float = 0.0  # summed over the targets of these blocks
    n_targets: float = 0.0

    @property
    def mean_loss(self):
        return self.loss / max(self.n_targets, 1)


NO_PROGRESS = Progress()

runs_uncompiled = tf.config.functions_run_eagerly


@contextmanager
def _eager_scope():
    """Leave gradient tapes and use the CPU; raise an error in scopes in which variables cannot be trained eagerly."""
    with keras.StatelessScope() as innermost:
        is_stateless = innermost.original_scope is not None
    for is_inside, scope in (
        (tf.distribute.has_strategy(), "the scope of a tf.distribute strategy"),
        (is_stateless, "a keras.StatelessScope"),
        (tf.inside_function(), "a function that TensorFlow traces"),
        (not tf.executing_eagerly(), "a tf.Graph, or with eager execution disabled"),
    ):
        if is_inside:
            raise RuntimeError(f"fit cannot train in {scope}: call it outside, and use the fitted vectorizer there")
    # On a GPU, scatter would add in no fixed order; and the size of tiles suits the caches of CPU cores.
    with tf.init_scope(), tf.device("CPU:0"):
        yield


@contextmanager
def _memory_for(config, block_shape):
    """Raise a MemoryError if a fit needs more memory than there is; XLA would end the process instead."""
    n_tables, n_tokens, vector_size = 1 if config.shared_embedding else 2, config.n_tokens, config.vector_size
    n_tiles, lane_length, n_lanes = block_shape
    floats_per_tile = lane_length * n_lanes * vector_size
    # Coefficients were measured with large values of each size, with a margin: copies of the tables, the gradients of a
    # block, temporary arrays of the tiles computed at the same time, and everything else.
    n_parallel = max(_n_shards(n_tiles), 2)
    n_floats = 2.5 * n_tables * n_tokens * vector_size + (4 * n_tiles + 27 * n_parallel) * floats_per_tile
    n_bytes = 4 * int(n_floats) + 2**27
    try:
        np.empty(n_bytes, np.uint8)  # freed at once, without having been written
        yield
    except (MemoryError, tf.errors.ResourceExhaustedError) as error:
        raise MemoryError(
            f"training needs about {n_bytes / 2**30:.2g} GiB, for vector_size={vector_size}, {n_tokens} tokens and "
            f"blocks of {math.prod(block_shape)} tokens: lower vector_size, max_vocab or batch_size, or raise min_count"
        ) from error


def train(
    block_maker, config, row_inits, *, epochs, learning_rates, rng, callbacks, verbose, progress=NO_PROGRESS, save=None
):
    """Build a model, initialize it and train it on epochs of blocks.

    Parameters
    ----------
    block_maker : BlockMaker
    config : ModelConfig
    row_inits : list of one or two lists of RowInit
        For each table, rows that are not initialized at random.
    learning_rates : pair of floats
        The first and the last learning rate; it changes linearly from block to block.
    rng : numpy.random.Generator
        Determines the initial vectors and the blocks.
    epochs, callbacks, verbose
        As in `CBOWVectorizer`.
    progress : Progress
        Where to resume interrupted training, whose vectors and accumulators are in `row_inits`.
    save : function, optional
        Called after each epoch and every few minutes with a `Trained` and a `Progress`, from which training can resume.

    Returns
    -------
    trained : Trained

    Raises
    ------
    MemoryError
        If there is not enough memory for the tables or for a block.
    RuntimeError
        If TensorFlow or Keras is in a scope in which variables cannot be trained.
    TypeError
        If `callbacks` contains something that is not a Keras callback or cannot be copied.
    """
    with _eager_scope(), _memory_for(config, block_maker.shapes.token_ids):
        callbacks = _callback_list(callbacks)
        block_seed = rng.integers(2**63, size=2)
        model = build_model(config, block_maker.effective_window)
        try:
            optimizer = RowWiseAdagrad(linear_schedule(learning_rates, epochs * block_maker.n_blocks))
            optimizer.build(model.tables)
            optimizer.iterations.assign(len(progress.loss_curve) * block_maker.n_blocks + progress.n_blocks)
            model.optimizer = optimizer
            initialize(model.tables, optimizer.accumulators, config.n_tokens, row_inits, rng)

            def trained(loss_curve):
                return Trained(
                    # Views, because copying large tables takes seconds.
                    [np.asarray(tf.convert_to_tensor(table))[1 : config.n_tokens + 1] for table in model.tables],
                    [accumulator.numpy()[1 : config.n_tokens + 1] for accumulator in optimizer.accumulators],
                    loss_curve,
                )

            loss_curve = progress.loss_curve
            for latest in _run(model, block_maker, epochs, block_seed, progress, callbacks, verbose):
                loss_curve = latest.loss_curve
                if save is not None:
                    save(trained(loss_curve), latest)
            return trained(loss_curve)
        finally:
            # A model has reference cycles and holds some MB, which would accumulate over fits until Python collects
            # garbage. Generation 2 is not collected: it contains all of TensorFlow and takes a quarter of a second.
            model = optimizer = None
            gc.collect(1)


def build_model(config, window):
    """Build a model with tables of zeros.

    Parameters
    ----------
    config : ModelConfig
    window : int
        Maximum number of context words on each side.

    Returns
    -------
    model : CBOW
    """
    return CBOW(
        _with_spare_rows(config.n_tokens + 1),
        config.vector_size,
        shared_embedding=config.shared_embedding,
        window=window,
        negative=config.negative,
        offset=math.log(config.negative) if config.offset is None else config.offset,
        document_context=config.document_context,
    )


def initialize(tables, accumulators, n_tokens, row_inits, rng):
    """Set the rows of all tokens to small random vectors, then some rows to given vectors and accumulators.

    Parameters
    ----------
    tables, accumulators : lists of one or two Keras variables
        As in `CBOW` and `RowWiseAdagrad`, initially zeros.
    n_tokens : int
    row_inits : list of one or two lists of RowInit
        For each table; if several contain the same row, the last one is used.
    rng : numpy.random.Generator
    """
    for table, accumulator, inits in zip(tables, accumulators, row_inits, strict=True):
        draw_small_vectors(table.value, n_tokens, rng)
        values = np.zeros(accumulator.shape, np.float32)
        for init in inits:
            write_rows(table.value, init.rows + 1, init.vectors)
            values[init.rows + 1] = init.accumulators
        accumulator.assign(values)


def linear_schedule(learning_rates, n_blocks):
    """A schedule that changes linearly from the first to the last of a pair of learning rates over `n_blocks` steps."""
    first, last = learning_rates
    return keras.optimizers.schedules.PolynomialDecay(first, n_blocks, end_learning_rate=last)


def _run(model, block_maker, epochs, seed, progress, callbacks, verbose):
    """Train for the remaining epochs; yield the progress after each epoch and every `SECONDS_BETWEEN_SAVES`."""
    train_on = _compiled_training(model, block_maker.shapes)
    tokens_per_block = len(block_maker.rows) / block_maker.n_blocks
    callbacks = keras.callbacks.CallbackList(
        callbacks, add_progbar=verbose != 0, model=model, verbose=verbose, epochs=epochs, steps=block_maker.n_blocks
    )
    model.stop_training = False
    logs, last_save = {}, time.monotonic()
    upcoming = _epochs(block_maker, epochs, seed, progress)
    blocks = next(upcoming, None)
    # The new thread trains and this one makes the next blocks, not the reverse: memory that a short-lived thread
    # allocates for blocks would not all be freed.
    with ThreadPoolExecutor(1) as thread:
        callbacks.on_train_begin()
        for epoch in range(len(progress.loss_curve), epochs):
            callbacks.on_epoch_begin(epoch)
            n_before, start = progress.n_blocks, time.perf_counter()
            while progress.n_blocks < block_maker.n_blocks and not model.stop_training:
                callbacks.on_train_batch_begin(progress.n_blocks)
                training = thread.submit(train_on, blocks, progress)
                blocks = next(upcoming, None)
                progress = training.result()
                n_tokens = (progress.n_blocks - n_before) * tokens_per_block
                logs = {"loss": progress.mean_loss, "tokens_per_second": n_tokens / (time.perf_counter() - start)}
                callbacks.on_train_batch_end(progress.n_blocks - 1, logs)
                is_due = time.monotonic() - last_save > SECONDS_BETWEEN_SAVES
                if is_due and progress.n_blocks < block_maker.n_blocks:
                    yield progress
                    last_save = time.monotonic()
            progress = Progress([*progress.loss_curve, progress.mean_loss])
            callbacks.on_epoch_end(epoch, logs)
            yield progress
            last_save = time.monotonic()
            if model.stop_training:
                break
        callbacks.on_train_end(logs)


def _epochs(block_maker, epochs, seed, progress):
    """Yield the blocks of all epochs, some at a time, without those already trained on."""
    n_trained = progress.n_blocks
    for epoch in range(len(progress.loss_curve), epochs):
        # Each epoch has its own random generator, so that training resumes without making the blocks of earlier epochs.
        for blocks in block_maker.epoch(block_maker.n_blocks, np.random.default_rng([*seed, epoch])):
            n_skipped = min(n_trained, len(blocks.token_ids))
            n_trained -= n_skipped
            if n_skipped < len(blocks.token_ids):
                yield blocks._make(tf.constant(array[n_skipped:]) for array in blocks)


def _compiled_training(model, block_shapes):
    """Return a compiled function that trains on some blocks and returns the new progress."""
    tables = [table.value for table in model.tables]
    accumulators = [accumulator.value for accumulator in model.optimizer.accumulators]
    blocks = block_shapes._make(tf.TensorSpec((None, *shape), tf.int32) for shape in block_shapes)
    options = model.options | {"n_shards": _n_shards(block_shapes.token_ids[0])}
    program = _compiled(train_on_blocks, tables, accumulators, blocks, tf.TensorSpec((None,)), **options)

    def train_on(blocks, progress):
        steps = model.optimizer.iterations.numpy() + np.arange(len(blocks.token_ids))
        loss, n_targets = program(tables, accumulators, blocks, model.optimizer.schedule(steps))
        model.optimizer.iterations.assign_add(len(steps))
        return progress._replace(
            n_blocks=progress.n_blocks + len(steps),
            loss=progress.loss + float(loss),
            n_targets=progress.n_targets + float(n_targets),
        )

    return train_on


def _callback_list(callbacks):
    if callbacks is None:
        return []
    listed = callbacks() if callable(callbacks) else callbacks
    if isinstance(listed, keras.callbacks.Callback):
        listed = [listed]
    if not isinstance(listed, Iterable):
        raise TypeError(f"the function callbacks returned {listed!r}: it must return a list of Keras callbacks")
    listed = list(listed)
    for position, callback in enumerate(listed):
        if not isinstance(callback, keras.callbacks.Callback):
            raise TypeError(
                f"callbacks[{position}] is {callback!r}: pass Keras callbacks, or a function that returns a list"
            )
        if isinstance(callback, keras.callbacks.BackupAndRestore):
            raise TypeError(f"callbacks[{position}] is {callback!r}, which cannot resume this training: set checkpoint")
        if not callable(callbacks):
            # A used callback refers to its model; a vectorizer with such a callback could not be cloned or pickled.
            try:
                listed[position] = copy.deepcopy(callback)
            except Exception as error:
                raise TypeError(
                    f"callbacks[{position}], {callback!r}, cannot be copied ({error}): pass a function that returns "
                    "the callbacks"
                ) from error
    return listed


def draw_small_vectors(table, n_tokens, rng):
    """Set rows 1..n_tokens of a variable to vectors uniform in +-0.5 / vector_size, as in word2vec.c."""
    vector_size = table.shape[1]
    for start in range(1, n_tokens + 1, ROWS_AT_A_TIME):
        ids = np.arange(start, min(start + ROWS_AT_A_TIME, n_tokens + 1), dtype=np.int32)
        write_rows(table, ids, (rng.random((len(ids), vector_size), np.float32) - 0.5) / vector_size)


def write_rows(table, ids, vectors):
    """Set rows of a variable, some at a time, so that no copy of the table is needed."""
    specs = tf.TensorSpec((ROWS_AT_A_TIME,), tf.int32), tf.TensorSpec((ROWS_AT_A_TIME, table.shape[1]))
    write = _compiled(_write_batch, table, *specs, jit_compile=True)
    for start in range(0, len(ids), ROWS_AT_A_TIME):
        batch = slice(start, start + ROWS_AT_A_TIME)
        n_missing = ROWS_AT_A_TIME - len(ids[batch])  # zeros go to row 0, the padding
        write(table, np.pad(ids[batch], (0, n_missing)), np.pad(vectors[batch], ((0, n_missing), (0, 0))))


def _write_batch(table, ids, vectors):
    # XLA compiles this to an update in place; TensorFlow's own assignment would copy the table.
    table.assign(tf.tensor_scatter_nd_update(table, ids[:, None], vectors))


def _with_spare_rows(n_rows):
    """Round up by at most 1 / 16, so that vocabularies of similar size, as in cross-validation, share a program."""
    step = 2 ** max(n_rows.bit_length() - 5, 6)
    return -(-n_rows // step) * step


def _n_shards(n_tiles):
    """Number of shards of a block, whose gradients are computed at the same time: one for each core."""
    return min(n_tiles, cpu_count())


_programs = {}


def _compiled(function, *arguments, jit_compile=False, **options):
    """Compile a function for arguments of these shapes, once per process: TensorFlow never frees its programs anyway.

    Each program is made from a new function, because TensorFlow warns if one function is traced for many shapes.
    """
    shapes = [(argument.dtype, *argument.shape) for argument in tf.nest.flatten(arguments)]
    key = function, *shapes, *options.items()
    if key not in _programs:
        traced = tf.function(lambda *inputs: function(*inputs, **options), jit_compile=jit_compile, autograph=False)
        _programs[key] = traced.get_concrete_function(*arguments)
    return _programs[key]


def train_on_blocks(tables, accumulators, blocks, learning_rates, *, n_shards, **options):
    """Take one training step per block, in place.

    The variables are arguments, so that all models of the same sizes share one program.

    Parameters
    ----------
    tables, accumulators : lists of one or two tf.Variables
        As in `CBOW` and `RowWiseAdagrad`.
    blocks : Blocks
    learning_rates : float tensor of shape (n_blocks,)
    n_shards : int
        As in `train_on_block`.
    **options
        Constants of the compiled program: ``window``, ``negative``, ``offset`` and ``document_context``, as in `CBOW`.

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

    XLA runs most of a program on one core. So the tiles of a block are split into shards, whose gradients are computed
    by programs that run in parallel. Results do not depend on the number of shards: the gradients of a tile do not
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
    # Tensors, because the compiled loop would capture variables, which do not exist in the next model any more.
    tables = [tf.convert_to_tensor(table) for table in tables]

    def of_tile(tile):
        loss, n_targets, gradients = tile_gradients(tables[0], tables[-1], tile, **options)
        as_context, as_target, as_noise = (tf.reshape(values, [-1, values.shape[-1]]) for values in gradients)
        token_ids, noise_ids = tf.reshape(tile.token_ids, [-1]), tf.reshape(tile.noise_ids, [-1])
        with_noise = tf.concat([token_ids, noise_ids], axis=0)
        if len(tables) == 1:
            of_tables = [(with_noise, tf.concat([as_context + as_target, as_noise], axis=0))]
        else:
            of_tables = [(token_ids, as_context), (with_noise, tf.concat([as_target, as_noise], axis=0))]
        row_gradients = [
            RowGradients(ids, values, _row_sums(tf.square(values))[:, 0] / values.shape[1]) for ids, values in of_tables
        ]
        return loss, n_targets, row_gradients

    signature = (tf.float32, tf.float32, [RowGradients(tf.int32, tf.float32, tf.float32) for _ in tables])
    losses, n_targets, row_gradients = tf.map_fn(of_tile, tiles, fn_output_signature=signature)
    return tf.reduce_sum(losses), tf.reduce_sum(n_targets), row_gradients


def tile_gradients(context_table, target_table, tile, *, window, negative, offset, document_context):
    """Compute the loss of a tile and its gradient with respect to all vectors involved, in closed form.

    Parameters
    ----------
    context_table, target_table : tensors of shape (n_ids, vector_size)
    tile : Blocks
        One tile of one block, so that arrays have two axes less: token ids of shape (lane_length, n_lanes), one sampled
        window and so on.
    window, negative, offset, document_context
        As in `CBOW`.

    Returns
    -------
    loss, n_targets : scalar tensors
    gradients : tuple of tensors
        With respect to the vectors as context (lane_length, n_lanes, vector_size), as target (same shape) and as
        negative samples (n_groups, noise_per_group, vector_size).
    """
    hidden, is_target, context_gradient = context_mean(
        context_table, tile, window=window, document_context=document_context
    )
    loss, (hidden_gradient, target_gradient, noise_gradient) = negative_sampling(
        hidden, is_target, target_table, tile.token_ids, tile.noise_ids, negative=negative, offset=offset
    )
    return loss, tf.reduce_sum(is_target), (context_gradient(hidden_gradient), target_gradient, noise_gradient)


def context_mean(table, tile, *, window, document_context):
    """Average the vectors of each position's context: the window around it and a sample of the rest of its document.

    The two averages have the weights 1 - document_context and document_context; without sampled words, the window has
    all the weight. A position is a training example if it holds a token and its window contains words. The document as
    context is from Doc2VecC (Chen, 2017); that it shares the table of the window, from sent2vec (Pagliardini et al.,
    2018).

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

    document_sum, from_document = _document_sum(is_token, tile.sampled_rows, tile.chunk_pairs)
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
    """Return a function that sums the neighbours on both sides of each position, margins excepted.

    With margins of zeros, the function is its own adjoint.
    """

    def window_sum(values):
        lane_length = values.shape[0] - 2 * window
        return tf.add_n(
            [
                tf.cast(distance <= sampled_window, tf.float32)
                * (
                    values[window - distance : window - distance + lane_length]
                    + values[window + distance : window + distance + lane_length]
                )
                for distance in range(1, window + 1)
            ]
        )

    return window_sum


def _document_sum(is_token, sampled_rows, chunk_pairs):
    """Return a function that sums over the sampled positions of each position's document, and its adjoint.

    A position is not in its own sum. Because of the padding between documents, a chunk (consecutive rows of one lane)
    has tokens of one document only. So a matrix (n_chunks, n_chunks) for each span of a lane says which chunks see the
    samples of which others.

    Parameters
    ----------
    is_token : tensor of shape (lane_length, n_lanes, 1)
    sampled_rows : int tensor of shape (n_spans, n_chunks)
    chunk_pairs : int tensor of shape (n_spans, n_chunks, n_chunks)

    Returns
    -------
    document_sum, adjoint : functions
        Of tensors (lane_length, n_lanes, columns).
    """
    lane_length, n_lanes, _ = is_token.shape
    n_spans, n_chunks = sampled_rows.shape
    n_rows = lane_length // (n_spans * n_chunks)  # in a chunk

    def chunk_sums(values):
        """Sum values over the rows of each chunk, to (n_spans, n_lanes, n_chunks, columns)."""
        chunks = tf.reshape(values, [n_spans, n_chunks, n_rows, n_lanes, values.shape[-1]])
        return tf.transpose(tf.add_n([chunks[:, :, row] for row in range(n_rows)]), [0, 2, 1, 3])

    def broadcast(chunk_values):
        """Repeat the values of each chunk for each of its positions."""
        columns = chunk_values.shape[-1]
        rows = tf.transpose(chunk_values, [0, 2, 1, 3])[:, :, None]
        return tf.reshape(
            tf.broadcast_to(rows, [n_spans, n_chunks, n_rows, n_lanes, columns]), [lane_length, n_lanes, columns]
        )

    # A document begins at a token that follows padding. Counting the beginnings gives each chunk of a span the index of
    # its document.
    begins = chunk_sums(is_token * (1 - tf.pad(is_token[:-1], [[1, 0], [0, 0], [0, 0]])))
    lower_triangle = tf.linalg.band_part(tf.ones((n_chunks, n_chunks)), -1, 0)
    document = tf.matmul(lower_triangle, begins)  # (n_spans, n_lanes, n_chunks, 1)
    is_same_document = tf.cast(document == tf.linalg.matrix_transpose(document), tf.float32)
    pairs = tf.cast(chunk_pairs, tf.float32)
    sees = is_same_document * pairs[:, None]  # (n_spans, n_lanes, n_chunks, n_chunks)

    is_sampled = tf.reshape(tf.one_hot(tf.reshape(sampled_rows, [-1]), n_rows), [lane_length, 1, 1])
    sees_itself = is_sampled * tf.reshape(tf.repeat(tf.linalg.diag_part(pairs), n_rows), [lane_length, 1, 1])
    sampled_positions = tf.reshape(sampled_rows, [-1]) + n_rows * tf.range(n_spans * n_chunks)

    def document_sum(values):
        sampled = tf.reshape(tf.gather(values, sampled_positions), [n_spans, n_chunks, n_lanes, values.shape[-1]])
        return broadcast(tf.matmul(sees, tf.transpose(sampled, [0, 2, 1, 3]))) - sees_itself * values

    def adjoint(gradient):
        to_sampled = broadcast(tf.matmul(sees, chunk_sums(gradient), transpose_a=True))
        return is_sampled * to_sampled - sees_itself * gradient

    return document_sum, adjoint


def negative_sampling(hidden, is_target, table, token_ids, noise_ids, *, negative, offset):
    """Compute the loss of negative sampling and its gradient (Mikolov et al., 2013b).

    The logits of an example are the dot products of its hidden vector with the vectors of the target and of the
    negative samples of its group, less the offset.

    Group g consists of the rows g, g + n_groups, g + 2 * n_groups and so on of a tile. So its targets are far apart in
    the text and have different contexts. If neighbours shared negative samples, each sample would be compared with
    nearly the same context repeatedly.

    Parameters
    ----------
    hidden : tensor of shape (lane_length, n_lanes, vector_size)
    is_target : tensor of shape (lane_length, n_lanes, 1)
        1 for an example, 0 otherwise.
    table : tensor of shape (n_ids, vector_size)
    token_ids : int tensor of shape (lane_length, n_lanes)
    noise_ids : int tensor of shape (n_groups, noise_per_group)
    negative : int
        Total weight of the negative samples of a target.
    offset : float

    Returns
    -------
    loss : scalar tensor
    gradients : tuple of tensors
        With respect to `hidden`, to the vectors of the targets (same shape) and to the vectors of the negative samples
        (n_groups, noise_per_group, vector_size).
    """
    lane_length, n_lanes = token_ids.shape
    n_groups, noise_per_group = noise_ids.shape

    def by_group(values):
        """Arrange the values of all positions as (n_groups, group_size, columns)."""
        rows = tf.reshape(values, [-1, n_groups, n_lanes, values.shape[-1]])
        return tf.reshape(tf.transpose(rows, [1, 0, 2, 3]), [n_groups, -1, values.shape[-1]])

    def in_order(grouped):
        rows = tf.reshape(grouped, [n_groups, -1, n_lanes, grouped.shape[-1]])
        return tf.reshape(tf.transpose(rows, [1, 0, 2, 3]), [lane_length, n_lanes, -1])

    target_vectors = tf.gather(table, token_ids)
    logit = _row_sums(hidden * target_vectors) - offset  # (lane_length, n_lanes, 1)

    # A negative sample that equals the target is dropped, not drawn again.
    noise_vectors = tf.gather(table, noise_ids)  # (n_groups, noise_per_group, vector_size)
    grouped_hidden = by_group(hidden)  # (n_groups, group_size, vector_size)
    noise_logit = tf.matmul(grouped_hidden, noise_vectors, transpose_b=True) - offset
    is_noise = tf.cast(by_group(token_ids[:, :, None]) != noise_ids[:, None, :], tf.float32)
    noise_weight = negative / noise_per_group * is_noise * by_group(is_target)

    target_error = is_target * (tf.sigmoid(logit) - 1)  # (lane_length, n_lanes, 1)
    noise_error = noise_weight * tf.sigmoid(noise_logit)  # (n_groups, group_size, noise_per_group)

    hidden_gradient = target_error * target_vectors + in_order(tf.matmul(noise_error, noise_vectors))
    target_gradient = target_error * hidden
    noise_gradient = tf.matmul(noise_error, grouped_hidden, transpose_a=True)

    loss = tf.reduce_sum(is_target * tf.nn.softplus(-logit)) + tf.reduce_sum(noise_weight * tf.nn.softplus(noise_logit))
    return loss, (hidden_gradient, target_gradient, noise_gradient)


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
    for table, accumulator, *of_shards in zip(tables, accumulators, *row_gradients, strict=True):
        for ids, _, mean_squares in of_shards:
            accumulator.assign(tf.tensor_scatter_nd_add(accumulator, ids[:, :, None], mean_squares))
        for ids, values, _ in of_shards:
            rates = learning_rate * tf.math.rsqrt(tf.gather(accumulator, ids) + ADAGRAD_EPSILON)
            table.assign(tf.tensor_scatter_nd_sub(table, ids[:, :, None], rates[:, :, None] * values))


def _row_sums(values):
    # A product with ones, because XLA does not vectorize sums over rows on CPU: they take more than twice as long.
    columns = values.shape[-1]
    return tf.reshape(tf.matmul(tf.reshape(values, [-1, columns]), tf.ones((columns, 1))), [*values.shape[:-1], 1])
