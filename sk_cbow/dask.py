"""`CBOWVectorizer` on a Dask cluster, for documents in partitions on several machines.

`DaskCBOWVectorizer` counts, encodes and trains on the workers that hold the partitions. Training is done in rounds
(`sk_cbow._training.rounds`). Every task is a function of its arguments. So results depend neither on the number of
workers nor on where tasks run, and if a worker dies, its tasks can run again elsewhere. The client gathers the counts
once and chooses the vocabulary. If a partition is read again later, it must be the same as when it was counted.

Dask is installed with the extra ``dask``.
"""

from __future__ import annotations

import copy
import pickle
import reprlib
from collections.abc import Callable, Iterable
from contextlib import contextmanager, nullcontext
from numbers import Integral
from operator import itemgetter
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple
from weakref import WeakSet

import numpy as np

from sk_cbow._fitted import fitted_view
from sk_cbow._partitions import (
    concatenate,
    count_partition,
    encode_partition,
    merge_sizes,
    merge_summaries,
    sizes_of,
    summary_of,
    total_of,
)
from sk_cbow._sklearn import Range
from sk_cbow._training.initial import initial_tables
from sk_cbow._training.rounds import reduce_in_tree, train_in_rounds
from sk_cbow._vectorizer import LARGEST_INT, BaseCBOWVectorizer, CBOWVectorizer
from sk_cbow._vocabulary import Vocabulary, check_contexts, choose_vocabulary

try:
    import cloudpickle
    import dask
    import dask.array
    import dask.dataframe
    import distributed
    import pandas as pd
    from dask.delayed import Delayed
except ImportError as error:
    raise ImportError('sk_cbow.dask needs Dask: pip install "sk_cbow[dask]"') from error

if TYPE_CHECKING:
    from typing_extensions import Self

    from sk_cbow._vectorizer import Token

__all__ = ["DaskCBOWVectorizer"]

PARTITIONS_AT_A_TIME = 16  # one task merges the counts of this many partitions
# A larger value is divided over several tasks: Dask warns of graphs above 10 MB.
BYTES_PER_TASK = 2**22


class DaskCBOWVectorizer(BaseCBOWVectorizer):
    """`CBOWVectorizer` for documents in the partitions of a Dask collection.

    `fit` uses the current `distributed.Client`. It trains on several parts of the corpus at the same time, in rounds;
    after each round, the changes to the vectors are merged, row by row, by Adasum [1]_. A fitted vectorizer contains
    the same plain data as a `CBOWVectorizer`. It can be pickled, saved and used without a cluster. Local documents are
    transformed locally.

    Parameters
    ----------
    vector_size, window, document_context, min_count, max_vocab, sample, negative, ns_exponent, shared_embedding, \
epochs, learning_rate, batch_size, weighting, remove_components, norm, analyzer, init_vectors, freeze_init, \
warm_start, random_state
        As in `CBOWVectorizer`. ``batch_size="auto"`` depends on the number of tokens in one part.

    n_parts : int, default=4
        Number of parts of the corpus, and so the number of workers that can train at the same time. A part consists of
        every `n_parts`-th partition. If there are fewer partitions, each is a part.

    n_rounds : int, default=10
        Number of rounds per epoch. After each round, the tables of vectors are merged and sent to all workers.

    Attributes
    ----------
    vocabulary_, embeddings_, context_embeddings_, target_embeddings_, token_counts_, token_weights_, idf_, \
components_, mean_, window_, sample_, epochs_, learning_rate_, loss_curve_, n_iter_
        As in `CBOWVectorizer`.

    See Also
    --------
    sk_cbow.CBOWVectorizer : For a single machine, which can train on a billion tokens.

    Notes
    -----
    Results are bit-for-bit reproducible for the same `random_state`, `n_parts`, `n_rounds` and partitions, whatever the
    number of workers, if these are machines of one kind. With ``n_parts=1`` and ``n_rounds=1``, they are those of
    `CBOWVectorizer`.

    References
    ----------
    .. [1] Saeed Maleki et al. (2021). Scaling distributed training with adaptive summation. MLSys.

    Examples
    --------
    >>> import dask.bag
    >>> from distributed import Client
    >>> from sk_cbow.dask import DaskCBOWVectorizer
    >>> client = Client(processes=False, n_workers=1, dashboard_address=":0")
    >>> local = [["tea", "milk", "cup"], ["car", "road", "wheel"]] * 50
    >>> documents = dask.bag.from_sequence(local, npartitions=2)
    >>> vectorizer = DaskCBOWVectorizer(8, sample=0, epochs=5, random_state=0)
    >>> vectorizer.fit(documents).transform(documents).compute().shape
    (100, 8)
    >>> client.close()
    >>> vectorizer.transform([["milk", "tea"]]).shape
    (1, 8)
    """

    _parameter_constraints: ClassVar[dict] = BaseCBOWVectorizer._parameter_constraints | {
        "n_parts": [Range(Integral, 1, LARGEST_INT, closed="both")],
        "n_rounds": [Range(Integral, 1, LARGEST_INT, closed="both")],
    }

    def __init__(
        self,
        vector_size: int = 100,
        *,
        window: int | Literal["auto"] = "auto",
        document_context: float = 0.8,
        min_count: int = 5,
        max_vocab: int | None = None,
        sample: float | Literal["auto"] = "auto",
        negative: int = 5,
        ns_exponent: float = 0.75,
        shared_embedding: bool = True,
        epochs: int | Literal["auto"] = "auto",
        learning_rate: float | Literal["auto"] = "auto",
        batch_size: int | Literal["auto"] = "auto",
        weighting: Literal["uniform", "idf", "sif"] = "uniform",
        remove_components: int = 0,
        norm: Literal["l2"] | None = None,
        analyzer: Literal["word", "char", "char_wb"] | Callable[[Any], Iterable[Token]] | None = None,
        init_vectors: Any = None,
        freeze_init: bool = False,
        warm_start: bool = False,
        n_parts: int = 4,
        n_rounds: int = 10,
        random_state: int | np.random.RandomState | None = None,
    ):
        self.vector_size = vector_size
        self.window = window
        self.document_context = document_context
        self.min_count = min_count
        self.max_vocab = max_vocab
        self.sample = sample
        self.negative = negative
        self.ns_exponent = ns_exponent
        self.shared_embedding = shared_embedding
        self.epochs = epochs
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.weighting = weighting
        self.remove_components = remove_components
        self.norm = norm
        self.analyzer = analyzer
        self.init_vectors = init_vectors
        self.freeze_init = freeze_init
        self.warm_start = warm_start
        self.n_parts = n_parts
        self.n_rounds = n_rounds
        self.random_state = random_state

    def fit(self, X: Any, y: object = None) -> Self:
        """Learn a vector for every token of the vocabulary, on the workers of the current client.

        Parameters
        ----------
        X : dask bag, Series, DataFrame of one column, or list of delayed partitions
            Documents as in `CBOWVectorizer.fit`. A partition is read once, or again if its worker dies; then it must
            return the same documents in the same order. It is kept on the workers as rows of tokens.
        y : None
            Ignored.

        Returns
        -------
        self : DaskCBOWVectorizer
            The vectorizer.

        Raises
        ------
        RuntimeError
            If there is no client, or this is the event loop of an asynchronous client; if a worker died, and one of its
            partitions, which the message names, was different when it was read again.
        TypeError
            If X is not a Dask collection or has several columns, or a document or token has the wrong type; the message
            names the partition and the document.
        ValueError
            As in `CBOWVectorizer.fit`.
        """
        return super().fit(X)

    def fit_transform(self, X: Any, y: object = None) -> Any:
        """Learn word vectors and return lazy document vectors, as ``fit(X).transform(X)``.

        Parameters
        ----------
        X : dask bag, Series, DataFrame of one column, or list of delayed partitions
            As in `fit`.
        y : None
            Ignored.

        Returns
        -------
        document_vectors : dask array or DataFrame
            As in `transform`.
        """
        return self.fit(X).transform(X)

    def transform(self, X: Any) -> Any:
        """Convert documents as `CBOWVectorizer.transform` does, partition by partition.

        Parameters
        ----------
        X : dask bag, Series, DataFrame of one column, or list of delayed partitions; or iterable of documents
            Documents as in `fit`.

        Returns
        -------
        document_vectors : dask array of shape (n_documents, vector_size), dask DataFrame, or ndarray
            For a DataFrame, a lazy DataFrame with its index and divisions. For another collection, a lazy array with
            one chunk of unknown length per partition. For local documents, an ndarray.
        """
        partitions = _partitions(X)
        if partitions is None:
            return super().transform(X)
        fitted = fitted_view(self)
        vectorizer = fitted._delayed()
        if isinstance(X, dask.dataframe.DataFrame):
            columns = fitted.get_feature_names_out()
            meta = pd.DataFrame(np.empty((0, len(columns)), np.float32), X._meta.index[:0], columns)
            frames = [_transform_to_frame(partition, vectorizer, columns) for partition in partitions]
            return dask.dataframe.from_delayed(frames, meta=meta, divisions=X.divisions)
        arrays = [
            dask.array.from_delayed(
                _transform_partition(partition, vectorizer), (np.nan, fitted._n_features_out), np.float32
            )
            for partition in partitions
        ]
        return dask.array.concatenate(arrays, allow_unknown_chunksizes=True)

    def score(self, X: Any, y: object = None) -> float:
        """Mean log-likelihood of the tokens of documents, as `CBOWVectorizer.score`, partition by partition.

        Parameters
        ----------
        X : dask bag, Series, DataFrame of one column, or list of delayed partitions; or iterable of documents
            Documents as in `fit`.
        y : None
            Ignored.

        Returns
        -------
        score : float
            Not lazy.
        """
        return super().score(X)

    def _log_likelihood(self, X):
        partitions = _partitions(X)
        if partitions is None:
            return super()._log_likelihood(X)
        vectorizer = self._delayed()
        parts = dask.compute(*[_log_likelihood_of_partition(partition, vectorizer) for partition in partitions])
        return tuple(map(sum, zip(*parts, strict=True)))

    def to_local(self) -> CBOWVectorizer:
        """Return a `CBOWVectorizer` with the same parameters and fitted attributes.

        Returns
        -------
        vectorizer : CBOWVectorizer
            It shares its arrays with this vectorizer.
        """
        fitted = fitted_view(self)
        parameters = fitted.get_params(deep=False)
        vectorizer = CBOWVectorizer(
            **{name: value for name, value in parameters.items() if name not in ("n_parts", "n_rounds")}
        )
        names = vars(fitted).keys() - parameters.keys()
        vectorizer.__dict__.update({name: vars(fitted)[name] for name in names})
        if "_sklearn_output_config" in names:
            vectorizer._sklearn_output_config = dict(fitted._sklearn_output_config)
        return vectorizer

    def _delayed(self):
        # One argument of all tasks, so that it is sent to each worker once; pretrained vectors are not needed.
        local = self.to_local().set_params(init_vectors=None).set_output(transform="default")
        return dask.delayed(local, traverse=False)

    def _learn(self, X, incremental):
        with _outside_the_thread_pool(), _submit() as self._submit:  # self is a copy
            return super()._learn(X, incremental)

    def _read(self, X, previous):
        partitions = _partitions(X)
        if partitions is None:
            raise TypeError(
                f"X is the {type(X).__name__} {reprlib.repr(X)}: pass a dask.bag of documents, a dask Series or "
                "DataFrame of one column, or a list of delayed partitions; dask.bag.from_sequence makes a bag from "
                "local documents"
            )
        if self.analyzer is None and _has_strings(X):
            raise TypeError(
                f"X is a {type(X).__name__} of strings: set analyzer='word'; if its documents are lists of tokens, "
                "Dask has converted them to strings, so call dask.config.set({'dataframe.convert-string': False}) "
                "before creating X, or pass a bag"
            )
        submit = self._submit
        counted = submit.compute(_count_partitions(partitions, self.analyzer))
        summaries = submit.map(summary_of, counted)
        summary = reduce_in_tree(submit, merge_summaries, summaries, PARTITIONS_AT_A_TIME).result()
        if not summary.n_documents:
            raise ValueError("X holds no documents: pass at least one")
        limits = {"min_count": self.min_count, "max_vocab": self.max_vocab}
        vocabulary = choose_vocabulary(summary.tokens, summary.counts, **limits, previous=previous)
        encoded = submit.map(
            encode_partition, range(len(counted)), counted, summary.digests, rows=submit.literal(vocabulary.rows)
        )
        n_parts = min(self.n_parts, len(partitions))
        parts = [submit(concatenate, *encoded[index::n_parts]) for index in range(n_parts)]
        del counted, summaries, encoded  # so that workers free the memory of results that are not needed any more
        sizes = merge_sizes(submit.gather(submit.map(sizes_of, parts)))
        if not previous.rows:
            check_contexts(sizes.max_length, vocabulary, len(summary.tokens), **limits)
        return DistributedCorpus(vocabulary, submit, parts, *sizes)

    def _train(self, corpus, config, row_inits, rng):
        seed = rng.integers(2**63, size=2).tolist()
        submit, n_tokens = self._submit, len(corpus.vocabulary.rows)
        initial = submit(_initial_tables, config, n_tokens, submit.literal(row_inits), submit.literal(rng))
        tables, rng_state = submit(itemgetter(0), initial), submit(itemgetter(1), initial)
        rng.bit_generator.state = rng_state.result()
        del initial, rng_state  # so that workers free the memory
        tables, losses = train_in_rounds(
            submit,
            tables,
            corpus.parts,
            submit.literal(corpus.vocabulary.counts),
            corpus.n_occurrences // len(corpus.parts),
            config,
            self.n_rounds,
            seed,
        )
        tables, *losses = submit.gather([tables, *losses])
        return tables, losses


# Without the wrapper of scikit-learn's `set_output`, which would compute lazy vectors. For local documents,
# `BaseCBOWVectorizer.transform` has it.
DaskCBOWVectorizer.transform = DaskCBOWVectorizer.transform.__wrapped__  # type: ignore
DaskCBOWVectorizer.fit_transform = DaskCBOWVectorizer.fit_transform.__wrapped__  # type: ignore


class DistributedCorpus(NamedTuple):
    """Like `sk_cbow._vocabulary.Corpus`, with documents on the workers."""

    vocabulary: Vocabulary
    submit: Submit
    parts: list  # of futures of `Corpus`
    n_documents: int
    n_occurrences: int
    max_length: int

    def total(self, function, *arguments):
        """Sum the results of a function of the chunks of each part."""
        call = self.submit.literal((function, *arguments))
        return sum(self.submit.gather(self.submit.map(total_of, self.parts, call=call)))


def _outside_the_thread_pool():
    """If this is a task of a worker, free its thread, on which other tasks of a fit may have to run."""
    try:
        distributed.get_worker()
    except ValueError:
        return nullcontext()
    return distributed.worker_client()


@contextmanager
def _submit():
    """Yield a `Submit` for the current client; after an error or Ctrl-C, cancel what it has submitted."""
    try:
        client = distributed.get_client()
    except ValueError:
        raise RuntimeError(
            "there is no Dask cluster to train on: start one and keep its client, client = distributed.Client()"
        ) from None
    if client.asynchronous:
        raise RuntimeError(
            "fit waits for results, but the current Dask client is asynchronous and this is its event loop: use "
            "another thread, await asyncio.to_thread(vectorizer.fit, X), or a client without asynchronous=True"
        )
    submit = Submit(client)
    try:
        yield submit
    except BaseException:
        for future in list(submit.futures):  # the traceback may keep references to them
            future.release()
        raise


class Submit:
    """Submit functions to a cluster, each as its own task, which runs again if its worker dies."""

    def __init__(self, client):
        self.client = client
        self.futures = WeakSet()  # of results that are still referenced

    def __call__(self, function, *arguments):
        (future,) = self._track([self.client.submit(function, *arguments, pure=False)])
        return future

    def map(self, function, *iterables, **arguments):
        """Submit a function for each element of the iterables, as one graph."""
        return self._track(self.client.map(function, *iterables, **arguments, pure=False))

    def compute(self, delayed):
        """Submit delayed objects, as one graph."""
        return self._track(self.client.compute(delayed))

    def literal(self, value):
        """Make a value available to tasks. Unlike scattered data, it can be restored if its worker dies."""
        pickled = cloudpickle.dumps(value)
        starts = range(0, len(pickled), BYTES_PER_TASK)
        return self(_unpickle, *[self(_identity, pickled[start : start + BYTES_PER_TASK]) for start in starts])

    def gather(self, futures):
        return self.client.gather(futures)

    def _track(self, futures):
        self.futures.update(futures)
        return futures


def _partitions(X):
    """Return the partitions of a Dask collection as delayed objects; None if X is not a collection."""
    if isinstance(X, Delayed):
        return [X]
    if hasattr(X, "to_delayed"):
        if getattr(X, "ndim", 1) > 1 and X.shape[1:] != (1,):
            raise TypeError(
                f"X is the dask {type(X).__name__} with {' x '.join(map(str, X.shape[1:]))} columns: pass the one that "
                "holds the documents, or a bag of lists if its rows are the documents"
            )
        return list(np.ravel(X.to_delayed()))
    if isinstance(X, (list, tuple)) and X and all(isinstance(part, Delayed) for part in X):
        return list(X)
    return None


def _count_partitions(partitions, analyzer):
    # One delayed argument of all tasks, so that it is sent to each worker once.
    analyzer = dask.delayed(analyzer, traverse=False)
    count = dask.delayed(count_partition)
    return [count(partition, index, analyzer) for index, partition in enumerate(partitions)]


def _has_strings(X):
    dtypes = X.dtypes if isinstance(X, dask.dataframe.DataFrame) else [getattr(X, "dtype", None)]
    return any(isinstance(dtype, pd.StringDtype) for dtype in dtypes)


# Functions that run on the workers. They depend only on their arguments.


@dask.delayed
def _transform_partition(partition, vectorizer):
    return vectorizer.transform(partition)


@dask.delayed
def _transform_to_frame(partition, vectorizer, columns):
    return pd.DataFrame(vectorizer.transform(partition), index=partition.index, columns=columns)


@dask.delayed
def _log_likelihood_of_partition(partition, vectorizer):
    return vectorizer._log_likelihood(partition)


def _identity(value):
    return value


def _unpickle(*pickled):
    return pickle.loads(b"".join(pickled))


def _initial_tables(config, n_tokens, row_inits, rng):
    """Return the tables with which training starts, and the state of the generator afterwards."""
    rng = copy.deepcopy(rng)  # the argument may be used again
    return initial_tables(config, n_tokens, row_inits, rng), rng.bit_generator.state
