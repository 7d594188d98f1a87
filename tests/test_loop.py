import gc
import math
import threading
import weakref

import keras
import numpy as np
import pytest
import tensorflow as tf

from sk_cbow._training import runtime
from sk_cbow._training.blocks import BlockMaker
from sk_cbow._training.config import TrainingConfig
from sk_cbow._training.loop import Epochs, train

N_TOKENS, VECTOR_SIZE, WINDOW, NEGATIVE = 12, 5, 3, 4


def small_corpus():
    rows = np.random.default_rng(0).integers(0, N_TOKENS, 4000)
    return BlockMaker(
        rows.astype(np.int32),
        np.arange(0, 4001, 20),
        token_counts=np.bincount(rows, minlength=N_TOKENS),
        keep_probability=np.ones(N_TOKENS),
        negative_probability=np.full(N_TOKENS, 1 / N_TOKENS),
        window=WINDOW,
        document_context=0,
        block_size=256,
        tile_size=2048,
    )


def train_on(blocks, *, row_inits=None, part=None, callbacks=None, **options):
    """Train and return the tables and the mean loss of each epoch."""
    defaults = {"vector_size": VECTOR_SIZE, "negative": NEGATIVE, "document_context": 0, "learning_rate": 0.1}
    config = TrainingConfig(**{**defaults, "epochs": 1, **options})
    row_inits = row_inits or [[] for _ in range(config.n_tables)]
    rng = np.random.default_rng(0)
    tables, losses = train(blocks, config, row_inits, rng, seed=[1, 2], epochs=part, callbacks=callbacks)
    return tables, [loss.mean for loss in losses]


@pytest.mark.slow
@pytest.mark.parametrize("shared", [True, False])
def test_training_learns(shared):
    tables, loss_curve = train_on(small_corpus(), shared_embedding=shared, epochs=3, learning_rate=0.3)
    assert len(tables.vectors) == len(tables.accumulators) == (1 if shared else 2)
    for table in tables.vectors:
        assert table.shape == (N_TOKENS, VECTOR_SIZE)
        assert np.linalg.norm(table, axis=1).min() > 0.01
    assert len(loss_curve) == 3
    assert loss_curve[-1] < loss_curve[0]


def test_learning_rate_falls_linearly_over_the_whole_of_training():
    rates = []

    class Watch(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            rates.append(float(self.model.optimizer.learning_rate))

    train_on(small_corpus(), epochs=3, learning_rate=0.3, callbacks=[Watch()].copy)
    np.testing.assert_allclose(rates, [0.2, 0.1, 0], atol=1e-6)
    # The second round of six, as of a cluster.
    train_on(small_corpus(), learning_rate=0.3, part=Epochs(first=1, n=1, of=6), callbacks=[Watch()].copy)
    assert rates[-1] == pytest.approx(0.2)


def test_loss_curve_is_the_mean_over_the_targets():
    # With nearly no learning, all products are nearly zero. The loss of a target is log(1 + k); that of its samples, of
    # which 1 / N_TOKENS is dropped, k * log(1 + 1 / k).
    _, (loss,) = train_on(small_corpus(), learning_rate=1e-9)
    of_samples = NEGATIVE * (1 - 1 / N_TOKENS) * math.log1p(1 / NEGATIVE)
    assert loss == pytest.approx(math.log1p(NEGATIVE) + of_samples, rel=0.01)


def test_the_offset_can_be_varied():
    _, (loss,) = train_on(small_corpus(), learning_rate=1e-9, offset=0.0)  # so each sigmoid is 1/2
    assert loss == pytest.approx((1 + NEGATIVE * (1 - 1 / N_TOKENS)) * math.log(2), rel=0.01)


@pytest.mark.slow
def test_results_do_not_depend_on_the_window_that_is_compiled():
    results = []
    for compiled_window in (WINDOW, 5, 17):
        blocks = small_corpus()
        blocks.compiled_window = compiled_window
        results.append(train_on(blocks))
    for tables, losses in results[1:]:
        np.testing.assert_allclose(tables.vectors, results[0][0].vectors, atol=1e-6)  # only rounding differs
        np.testing.assert_allclose(losses, results[0][1], rtol=1e-6)


def test_an_error_in_the_thread_that_trains_is_raised_and_frees_what_it_holds():
    arguments = np.ones(3)
    is_alive = weakref.ref(arguments)

    def fail(arguments):
        raise MemoryError(f"{len(arguments)} numbers")

    with runtime.new_thread() as call_in_thread:
        training = call_in_thread(fail, arguments)
        with pytest.raises(MemoryError, match="3 numbers"):
            training.result()
        del arguments, training
    assert is_alive() is None


def test_training_works_where_no_thread_can_be_started(monkeypatch):
    def start(thread):
        raise RuntimeError("can't create new thread at interpreter shutdown")

    expected, _ = train_on(small_corpus())
    monkeypatch.setattr(threading.Thread, "start", start)
    np.testing.assert_array_equal(train_on(small_corpus())[0].vectors, expected.vectors)


def n_compiled_functions():
    gc.collect()
    return sum(issubclass(type(thing), tf.types.experimental.ConcreteFunction) for thing in gc.get_objects())


def test_fits_of_similar_size_compile_the_step_once():
    numbers = [n_compiled_functions()]
    for n_tokens in (900, 950):
        blocks = BlockMaker(
            np.arange(n_tokens, dtype=np.int32),
            np.array([0, n_tokens]),
            token_counts=np.ones(n_tokens, int),
            keep_probability=np.ones(n_tokens),
            negative_probability=np.full(n_tokens, 1 / n_tokens),
            window=2,
            document_context=0,
            block_size=128,
            tile_size=2048,
        )
        train_on(blocks, vector_size=7)
        numbers.append(n_compiled_functions())
    assert numbers[0] < numbers[1] == numbers[2]
