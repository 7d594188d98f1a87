"""A corpus -> trained tables, on one machine; interrupted training resumes from a checkpoint."""

from contextlib import suppress

from sk_cbow._training.blocks import make_blocks
from sk_cbow._training.checkpoint import SavedTraining, fingerprint_of, read_checkpoint, write_checkpoint
from sk_cbow._training.config import NO_PROGRESS
from sk_cbow._training.initial import rows_of_tables
from sk_cbow._warnings import warn


def train_locally(corpus, config, row_inits, rng, *, is_reproducible, checkpoint=None, callbacks=None, verbose=0):
    """Train on a corpus.

    Parameters
    ----------
    corpus : Corpus
    config : TrainingConfig
    row_inits : list of lists of RowInit
        For each table, the rows that are not initialized at random.
    rng : numpy.random.Generator
    is_reproducible : bool
        Whether the same fit begins with the same state of `rng`, which is then a part of the checkpoint's fingerprint.
    checkpoint, callbacks, verbose
        As in `CBOWVectorizer`.

    Returns
    -------
    tables : Tables
    losses : list of EpochLoss

    Raises
    ------
    MemoryError, RuntimeError, TypeError
        As in `sk_cbow._training.loop.train`.
    OSError
        If `checkpoint` cannot be written.
    ValueError
        If `checkpoint` is damaged or belongs to another fit.
    """
    # Here, because they import TensorFlow.
    from sk_cbow._training.loop import train
    from sk_cbow._training.runtime import runs_uncompiled

    if runs_uncompiled():
        warn(
            "tf.config.run_functions_eagerly(True) is set, so training is not compiled: it is much slower, and "
            "results differ by rounding errors; set it to False"
        )
    blocks = make_blocks(corpus, config, corpus.vocabulary.counts, len(corpus.rows))
    progress, save = NO_PROGRESS, None
    if checkpoint is not None:
        rng_state = rng.bit_generator.state
        fingerprint = fingerprint_of(corpus, config, row_inits, rng_state if is_reproducible else None)
        with suppress(FileNotFoundError):
            table_shape = (len(corpus.vocabulary.rows), config.vector_size)
            saved = read_checkpoint(checkpoint, fingerprint, config.n_tables, table_shape)
            progress, row_inits = saved.progress, rows_of_tables(saved.tables)
            rng_state = rng.bit_generator.state = saved.rng_state

        def save(tables, progress):
            write_checkpoint(checkpoint, fingerprint, SavedTraining(rng_state, progress, tables))

    seed = rng.integers(2**63, size=2)
    return train(
        blocks, config, row_inits, rng, seed=seed, callbacks=callbacks, verbose=verbose, progress=progress, save=save
    )
