"""TensorFlow for training: checks of scopes and memory, programs that are compiled once, and threads."""

import math
import threading
from concurrent.futures import Future
from contextlib import contextmanager
from queue import SimpleQueue

import numpy as np
from joblib import cpu_count

from sk_cbow._training.initial import ROWS_AT_A_TIME

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

runs_uncompiled = tf.config.functions_run_eagerly


@contextmanager
def eager_scope():
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
def memory_for(config, n_tokens, block_shape):
    """Raise a MemoryError if a fit needs more memory than there is; XLA would end the process instead."""
    vector_size = config.vector_size
    n_tiles, lane_length, n_lanes = block_shape
    floats_per_tile = lane_length * n_lanes * vector_size
    # Copies of the tables, gradients of a block, temporary arrays of the tiles that are computed at the same time, and
    # everything else. The coefficients were measured with large sizes, and have a margin.
    n_parallel = max(n_shards_of(n_tiles), 2)
    n_floats = 2.5 * config.n_tables * n_tokens * vector_size + (4 * n_tiles + 27 * n_parallel) * floats_per_tile
    n_bytes = 4 * int(n_floats) + 2**27
    try:
        np.empty(n_bytes, np.uint8)  # freed at once, without having been written
        yield
    except (MemoryError, tf.errors.ResourceExhaustedError) as error:
        raise MemoryError(
            f"training needs about {n_bytes / 2**30:.2g} GiB, for vector_size={vector_size}, {n_tokens} tokens and "
            f"blocks of {math.prod(block_shape)} tokens: lower vector_size, max_vocab or batch_size, or raise min_count"
        ) from error


def write_rows(table, ids, vectors):
    """Set rows of a variable, some at a time, so that no copy of the table is needed."""
    specs = tf.TensorSpec((ROWS_AT_A_TIME,), tf.int32), tf.TensorSpec((ROWS_AT_A_TIME, table.shape[1]))
    write = compiled(_write_batch, table, *specs, jit_compile=True)
    for start in range(0, len(ids), ROWS_AT_A_TIME):
        batch = slice(start, start + ROWS_AT_A_TIME)
        n_missing = ROWS_AT_A_TIME - len(ids[batch])  # zeros go to row 0, the padding
        write(table, np.pad(ids[batch], (0, n_missing)), np.pad(vectors[batch], ((0, n_missing), (0, 0))))


def _write_batch(table, ids, vectors):
    # XLA compiles this to an update in place; TensorFlow's own assignment would copy the table.
    table.assign(tf.tensor_scatter_nd_update(table, ids[:, None], vectors))


def with_spare_rows(n_rows):
    """Round up by at most 1 / 16, so that vocabularies of similar size, as in cross-validation, share a program."""
    step = 2 ** max(n_rows.bit_length() - 5, 6)
    return -(-n_rows // step) * step


def n_shards_of(n_tiles):
    """Number of shards of a block, whose gradients are computed at the same time: one for each core."""
    return min(n_tiles, cpu_count())


_programs: dict = {}


def compiled(function, *arguments, jit_compile=False, **options):
    """Compile a function for arguments of these shapes, once per process: TensorFlow never frees its programs anyway.

    Each program is made from a new function, because TensorFlow warns if one function is traced for many shapes.
    """
    shapes = [(argument.dtype, *argument.shape) for argument in tf.nest.flatten(arguments)]
    key = function, *shapes, *options.items()
    if key not in _programs:
        traced = tf.function(lambda *inputs: function(*inputs, **options), jit_compile=jit_compile, autograph=False)
        _programs[key] = traced.get_concrete_function(*arguments)
    return _programs[key]


@contextmanager
def new_thread():
    """Yield a function that calls another one in a new thread and returns a future; at the end, wait for the thread.

    It is a ThreadPoolExecutor that also works after the main thread has ended.
    """
    calls = SimpleQueue()
    # A daemon, so that it cannot keep the process alive if Ctrl-C comes before the end is sent.
    thread = threading.Thread(target=_complete, args=(calls,), daemon=True)
    try:
        thread.start()
    except RuntimeError:  # no thread can be started: before Python 3.12.2, also after the main thread has ended
        thread = None

    def call_in_thread(function, *arguments):
        future = Future()
        calls.put((future, function, arguments))
        if thread is None:
            calls.put(None)
            _complete(calls)
        return future

    try:
        yield call_in_thread
    finally:
        if thread is not None:
            calls.put(None)
            thread.join()


def _complete(calls):
    """Call functions and set the results of their futures, until None comes."""
    for future, function, arguments in iter(calls.get, None):
        try:
            future.set_result(function(*arguments))
        except BaseException as error:
            future.set_exception(error)
        # An exception refers to this frame, and the next call may take long to come.
        del future, function, arguments
