"""Vectors of previous training and pretrained vectors -> rows of the tables that are not initialized at random."""

import reprlib
from typing import NamedTuple

import numpy as np

LARGEST_VALUE = 1e15  # so that sums of products of such vectors are finite in float32


class RowInit(NamedTuple):
    """Initial values of some rows of a table."""

    rows: np.ndarray  # (n,) int32
    vectors: np.ndarray  # (n, vector_size) float32
    accumulators: np.ndarray  # (n,) float32, of row-wise Adagrad; inf freezes a row


def rows_from_previous(vocabulary, previous_vocabulary, tables, accumulators):
    """Initialize the rows of tokens that have been trained before, with their accumulators.

    Parameters
    ----------
    vocabulary, previous_vocabulary : dict
        Token -> row.
    tables : list of ndarrays of shape (n_previous_tokens, vector_size)
    accumulators : list of ndarrays of shape (n_previous_tokens,)

    Returns
    -------
    row_inits : list of RowInit
        One for each table.
    """
    pairs = [(row, previous_vocabulary[token]) for token, row in vocabulary.items() if token in previous_vocabulary]
    rows, previous_rows = np.array(pairs, np.int32).reshape(-1, 2).T
    return [
        RowInit(rows, table[previous_rows], of_table[previous_rows])
        for table, of_table in zip(tables, accumulators, strict=True)
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
