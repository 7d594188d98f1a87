"""Blocks -> trained tables: the epochs, their blocks and callbacks."""

import copy
import gc
import time
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from sk_cbow._forked import check_not_forked
from sk_cbow._training.config import NO_PROGRESS, EpochLoss, Progress, Tables
from sk_cbow._training.initial import initial_rows
from sk_cbow._training.model import RowWiseAdagrad, empty_embedding, textbook_model
from sk_cbow._training.runtime import (
    compiled,
    eager_scope,
    keras,
    memory_for,
    n_shards_of,
    new_thread,
    tf,
    with_spare_rows,
    write_rows,
)
from sk_cbow._training.step import train_on_blocks

SECONDS_BETWEEN_SAVES = 300  # the most training time that an interrupted fit has to repeat


class Epochs(NamedTuple):
    """Which epochs of a whole training are trained on; all of them by default."""

    first: int
    n: int  # to train on
    of: int  # epochs of the whole training, over which the learning rate decreases to zero


def train(
    block_maker,
    config,
    row_inits,
    rng,
    *,
    seed,
    epochs=None,
    callbacks=None,
    verbose=0,
    progress=NO_PROGRESS,
    save=None,
):
    """Make tables, initialize them and train them on epochs of blocks.

    Parameters
    ----------
    block_maker : BlockMaker
    config : TrainingConfig
    row_inits : list of one or two lists of RowInit
        For each table, rows that are not initialized at random.
    rng : numpy.random.Generator or None
        Determines the initial vectors; None if `row_inits` has all rows.
    seed : sequence of int
        With the number of an epoch, determines its blocks.
    epochs : Epochs, optional
        By default all of `config`.
    callbacks, verbose
        As in `CBOWVectorizer`.
    progress : Progress
        Where to resume interrupted training, whose tables are in `row_inits`.
    save : function, optional
        Called after each epoch and every few minutes with `Tables` and a `Progress`, from which training can resume.

    Returns
    -------
    tables : Tables
        Read-only, without the rows of padding and spare rows.
    losses : list of EpochLoss

    Raises
    ------
    MemoryError
        If there is not enough memory for the tables or for a block.
    RuntimeError
        If TensorFlow or Keras is in a scope in which variables cannot be trained, or this process was forked after
        TensorFlow had been used.
    TypeError
        If `callbacks` contains something that is not a Keras callback or cannot be copied.
    """
    check_not_forked()
    n_tokens = block_maker.n_tokens
    epochs = epochs or Epochs(0, config.epochs, config.epochs)
    with eager_scope(), memory_for(config, n_tokens, block_maker.shapes.token_ids):
        callbacks = _callback_list(callbacks)
        trainee = _trainee_of(block_maker, config, epochs)
        try:
            _initialize(trainee, n_tokens, row_inits, rng)
            n_done = (epochs.first + len(progress.losses)) * block_maker.n_blocks + progress.n_blocks
            trainee.optimizer.iterations.assign(n_done)
            for latest in _run(trainee, block_maker, config, epochs, seed, progress, callbacks, verbose):
                progress = latest
                if save is not None:
                    save(_tables_of(trainee, n_tokens), progress)
            return _tables_of(trainee, n_tokens), list(progress.losses)
        finally:
            # A model has reference cycles and holds some MB, which would accumulate over fits until Python collects
            # garbage. Generation 2 is not collected: it contains all of TensorFlow and takes a quarter of a second.
            trainee = None
            gc.collect(1)


class Trainee(NamedTuple):
    """What is trained."""

    layers: list  # of one or two keras.layers.Embedding
    optimizer: RowWiseAdagrad

    @property
    def tables(self):
        """TensorFlow's variables, of the context and of the target."""
        return [layer.embeddings.value for layer in self.layers]

    @property
    def accumulators(self):
        return [accumulator.value for accumulator in self.optimizer.accumulators]


def _trainee_of(block_maker, config, epochs):
    """Make tables of zeros, and their optimizer."""
    names = ["embedding"] if config.shared_embedding else ["context_embedding", "target_embedding"]
    n_rows = with_spare_rows(block_maker.n_tokens + 1)
    layers = [empty_embedding(n_rows, config.vector_size, name) for name in names]
    n_blocks = epochs.of * block_maker.n_blocks
    decay = keras.optimizers.schedules.PolynomialDecay(config.learning_rate, n_blocks, end_learning_rate=0.0)
    optimizer = RowWiseAdagrad(decay)
    optimizer.build([layer.embeddings for layer in layers])
    return Trainee(layers, optimizer)


def _model_of(trainee, block_maker, config):
    """Build the textbook model of the layers in training."""
    model = textbook_model(
        trainee.layers,
        window=block_maker.compiled_window,
        negative=config.negative,
        document_context=config.document_context,
    )
    model.optimizer = trainee.optimizer
    model.stop_training = False
    return model


def _initialize(trainee, n_tokens, row_inits, rng):
    for table, accumulator, inits in zip(trainee.tables, trainee.accumulators, row_inits, strict=True):
        accumulators = np.zeros(accumulator.shape, np.float32)
        for init in initial_rows(n_tokens, table.shape[1], inits, rng):
            write_rows(table, init.rows + 1, init.vectors)
            accumulators[init.rows + 1] = init.accumulators
        accumulator.assign(accumulators)


def _tables_of(trainee, n_tokens):
    return Tables(
        # Views, because copying large tables takes seconds.
        [np.asarray(tf.convert_to_tensor(table))[1 : n_tokens + 1] for table in trainee.tables],
        [accumulator.numpy()[1 : n_tokens + 1] for accumulator in trainee.accumulators],
    )


def _run(trainee, block_maker, config, epochs, seed, progress, callbacks, verbose):
    """Train for the remaining epochs; yield the progress after each epoch and every `SECONDS_BETWEEN_SAVES`."""
    train_on = _compiled_training(trainee, block_maker, config)
    tokens_per_block = len(block_maker.rows) / block_maker.n_blocks
    # Building the model takes longer than training on a few blocks, and only callbacks use it.
    model = _model_of(trainee, block_maker, config) if callbacks else None
    callbacks = keras.callbacks.CallbackList(
        callbacks, add_progbar=verbose != 0, model=model, verbose=verbose, epochs=epochs.n, steps=block_maker.n_blocks
    )
    logs, last_save = {}, time.monotonic()
    upcoming = _upcoming_blocks(block_maker, epochs, seed, progress)
    blocks = next(upcoming, None)
    # The new thread trains and this one makes the next blocks, not the reverse: memory that a short-lived thread
    # allocates for blocks would not all be freed.
    with new_thread() as call_in_thread:
        callbacks.on_train_begin()
        for epoch in range(len(progress.losses), epochs.n):
            callbacks.on_epoch_begin(epoch)
            n_before, start = progress.n_blocks, time.perf_counter()
            while progress.n_blocks < block_maker.n_blocks and not _is_stopped(model):
                callbacks.on_train_batch_begin(progress.n_blocks)
                training = call_in_thread(train_on, blocks, progress)
                blocks = next(upcoming, None)
                progress = training.result()
                n_tokens = (progress.n_blocks - n_before) * tokens_per_block
                logs = {"loss": progress.loss.mean, "tokens_per_second": n_tokens / (time.perf_counter() - start)}
                callbacks.on_train_batch_end(progress.n_blocks - 1, logs)
                is_due = time.monotonic() - last_save > SECONDS_BETWEEN_SAVES
                if is_due and progress.n_blocks < block_maker.n_blocks:
                    yield progress
                    last_save = time.monotonic()
            if not progress.n_blocks:  # a callback has stopped training before the first block of this epoch
                break
            progress = Progress([*progress.losses, progress.loss])
            callbacks.on_epoch_end(epoch, logs)
            yield progress
            last_save = time.monotonic()
            if _is_stopped(model):
                break
        callbacks.on_train_end(logs)


def _is_stopped(model):
    return model is not None and model.stop_training


def _upcoming_blocks(block_maker, epochs, seed, progress):
    """Yield the blocks of all epochs, some at a time, without those already trained on."""
    n_trained = progress.n_blocks
    for epoch in range(epochs.first + len(progress.losses), epochs.first + epochs.n):
        # Each epoch has its own random generator, so that training resumes without making the blocks of earlier epochs.
        for blocks in block_maker.epoch(block_maker.n_blocks, np.random.default_rng([*seed, epoch])):
            n_skipped = min(n_trained, len(blocks.token_ids))
            n_trained -= n_skipped
            if n_skipped < len(blocks.token_ids):
                yield blocks._make(tf.constant(array[n_skipped:]) for array in blocks)


def _compiled_training(trainee, block_maker, config):
    """Return a compiled function that trains on some blocks and returns the new progress."""
    tables, accumulators, optimizer = trainee.tables, trainee.accumulators, trainee.optimizer
    shapes = block_maker.shapes
    blocks = shapes._make(tf.TensorSpec((None, *shape), tf.int32) for shape in shapes)
    program = compiled(
        train_on_blocks,
        tables,
        accumulators,
        blocks,
        tf.TensorSpec((None,)),
        window=block_maker.compiled_window,
        negative=config.negative,
        offset=config.logit_offset,
        document_context=config.document_context,
        n_shards=n_shards_of(shapes.token_ids[0]),
    )

    def train_on(blocks, progress):
        steps = optimizer.iterations.numpy() + np.arange(len(blocks.token_ids))
        total, n_targets = program(tables, accumulators, blocks, optimizer.schedule(steps))
        optimizer.iterations.assign_add(len(steps))
        loss = EpochLoss(progress.loss.total + float(total), progress.loss.n_targets + float(n_targets))
        return progress._replace(n_blocks=progress.n_blocks + len(steps), loss=loss)

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
