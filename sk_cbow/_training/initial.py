"""Small random vectors, vectors of previous training and pretrained vectors -> the rows from which training starts."""

import reprlib
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from sk_cbow._files import quoted
from sk_cbow._training.config import Tables
from sk_cbow._vocabulary import most_alike
from sk_cbow._warnings import warn

LARGEST_VALUE = 1e15  # so that sums of products of such vectors are finite in float32
ROWS_AT_A_TIME = 2**10  # of random vectors


class RowInit(NamedTuple):
    """Initial values of some rows of a table."""

    rows: np.ndarray  # (n,) int32
    vectors: np.ndarray  # (n, vector_size) float32
    accumulators: np.ndarray  # (n,) float32, of row-wise Adagrad; inf freezes a row


def initial_rows(n_tokens, vector_size, row_inits, rng):
    """Yield initial values for all rows of a table; later values of a row replace earlier ones.

    First come small random vectors for all rows, uniform in +-0.5 / vector_size as in word2vec.c, some at a time.

    Parameters
    ----------
    n_tokens, vector_size : int
    row_inits : list of RowInit
        Rows that are not initialized at random.
    rng : numpy.random.Generator or None
        Without it, there are no random vectors: `row_inits` has all rows.

    Yields
    ------
    row_init : RowInit
    """
    for start in range(0, n_tokens, ROWS_AT_A_TIME) if rng is not None else ():
        rows = np.arange(start, min(start + ROWS_AT_A_TIME, n_tokens), dtype=np.int32)
        vectors = (rng.random((len(rows), vector_size), np.float32) - 0.5) / vector_size
        yield RowInit(rows, vectors, np.zeros(len(rows), np.float32))
    yield from row_inits


def initial_tables(config, n_tokens, row_inits, rng):
    """Make tables with which training starts, in NumPy.

    Parameters
    ----------
    config : TrainingConfig
    n_tokens : int
    row_inits : list of lists of RowInit
        For each table, as in `initial_rows`.
    rng : numpy.random.Generator

    Returns
    -------
    tables : Tables
    """
    tables = Tables([], [])
    for inits in row_inits:
        vectors = np.empty((n_tokens, config.vector_size), np.float32)
        accumulators = np.empty(n_tokens, np.float32)
        for init in initial_rows(n_tokens, config.vector_size, inits, rng):
            vectors[init.rows], accumulators[init.rows] = init.vectors, init.accumulators
        tables.vectors.append(vectors)
        tables.accumulators.append(accumulators)
    return tables


def rows_of_tables(tables):
    """Return, for each table, one `RowInit` of all its rows."""
    return [
        [RowInit(np.arange(len(vectors), dtype=np.int32), vectors, accumulators)]
        for vectors, accumulators in zip(tables.vectors, tables.accumulators, strict=True)
    ]


def given_rows(vocabulary, previous_vocabulary, previous_tables, init_vectors, *, freeze, config):
    """Return, for each table, the rows that are not initialized at random.

    Parameters
    ----------
    vocabulary, previous_vocabulary : dict
        Token -> row.
    previous_tables : Tables
        Of previous training; without any, empty.
    init_vectors : mapping or None
        As in `rows_from_vectors`.
    freeze : bool
        Whether pretrained rows are not trained; they also replace those of previous training.
    config : TrainingConfig

    Returns
    -------
    row_inits : list of lists of RowInit
    """
    row_inits = [[rows] for rows in rows_from_previous(vocabulary, previous_vocabulary, previous_tables)]
    row_inits = row_inits or [[] for _ in range(config.n_tables)]
    if init_vectors is not None:
        new = {token: row for token, row in vocabulary.items() if token not in previous_vocabulary}
        row_inits[0].append(
            rows_from_vectors(vocabulary if freeze else new, init_vectors, config.vector_size, freeze=freeze)
        )
        if not any(token in init_vectors for token in vocabulary):
            warn(_no_pretrained_token(vocabulary, init_vectors))
    return row_inits


def _no_pretrained_token(vocabulary, init_vectors):
    message = "init_vectors has no vector for any token of the documents"
    pretrained = getattr(init_vectors, "key_to_index", init_vectors)  # gensim's KeyedVectors
    if not isinstance(pretrained, Mapping) or not pretrained:
        return f"{message}, such as {quoted(next(iter(vocabulary)))}: compare their tokens"
    token, other = most_alike(vocabulary, pretrained)
    return (
        f"{message}: for example, the documents have {quoted(token)}, and init_vectors has {quoted(other)}; tokens "
        "match only if their type and their case are the same"
    )


def rows_from_previous(vocabulary, previous_vocabulary, tables):
    """Initialize the rows of tokens that have been trained before, with their accumulators.

    Parameters
    ----------
    vocabulary, previous_vocabulary : dict
        Token -> row.
    tables : Tables
        Of the previous vocabulary.

    Returns
    -------
    row_inits : list of RowInit
        One for each table.
    """
    pairs = [(row, previous_vocabulary[token]) for token, row in vocabulary.items() if token in previous_vocabulary]
    rows, previous_rows = np.array(pairs, np.int32).reshape(-1, 2).T
    return [
        RowInit(rows, vectors[previous_rows], accumulators[previous_rows])
        for vectors, accumulators in zip(tables.vectors, tables.accumulators, strict=True)
    ]


def as_mapping(init_vectors):
    """Return `init_vectors`, or for a gensim model its vectors, as a mapping from token to vector.

    Raises
    ------
    TypeError
        If vectors cannot be looked up by their tokens, or `init_vectors` is an estimator.
    """
    if hasattr(init_vectors, "get_params"):
        raise TypeError(
            f"init_vectors is the estimator {type(init_vectors).__name__}, which loses its vectors wherever "
            "scikit-learn clones it: pass init_vectors=vectorizer.word_vectors() of the fitted vectorizer"
        )
    mapping = getattr(init_vectors, "wv", init_vectors)
    is_mapping = hasattr(mapping, "__contains__") and hasattr(mapping, "__getitem__")
    if not is_mapping or isinstance(mapping, (str, bytes, list, tuple, np.ndarray)) or hasattr(mapping, "columns"):
        raise TypeError(
            f"init_vectors is {reprlib.repr(init_vectors)}, which does not map tokens to vectors: pass WordVectors, a "
            "dict, or gensim's Word2Vec, FastText or KeyedVectors; sk_cbow.word2vec_format.load reads files"
        )
    return mapping


def rows_from_vectors(vocabulary, init_vectors, vector_size, *, freeze):
    """Initialize the rows of tokens that have pretrained vectors.

    Parameters
    ----------
    vocabulary : dict
        Token -> row.
    init_vectors : mapping, or anything with ``in`` and ``[]``
        Token -> vector.
    vector_size : int
    freeze : bool
        Whether these rows are not trained.

    Returns
    -------
    row_init : RowInit

    Raises
    ------
    ValueError
        If a vector has the wrong length or a value that is not finite or beyond `LARGEST_VALUE`; the message names the
        token.
    """
    rows, vectors = [], [np.empty((0, vector_size), np.float32)]
    for token, row in vocabulary.items():
        if token not in init_vectors:
            continue
        vector = _float64(init_vectors[token])
        if vector.shape != (vector_size,) or not np.abs(vector).max() <= LARGEST_VALUE:
            raise ValueError(
                f"init_vectors[{reprlib.repr(token)}] is {reprlib.repr(init_vectors[token])}, of shape {vector.shape}: "
                f"pass vectors of vector_size={vector_size} finite numbers, none beyond {LARGEST_VALUE:g}, or set "
                "vector_size to their length"
            )
        rows.append(row)
        vectors.append(vector[None].astype(np.float32))
    accumulators = np.full(len(rows), np.inf if freeze else 0, np.float32)
    return RowInit(np.array(rows, np.int32), np.concatenate(vectors), accumulators)


def _float64(values):
    """Convert values to a float64 array: empty if they are not numbers, infinite where float64 overflows."""
    try:
        with np.errstate(over="ignore"):
            array = np.asarray(values)
            return array.astype(np.float64) if array.dtype.kind != "c" else np.empty(0)
    except (TypeError, ValueError, OverflowError):
        return np.empty(0)
