"""Word vectors and a query -> the nearest tokens."""

from numbers import Integral

import numpy as np


def nearest(positive, negative, topn, vocabulary, embeddings):
    """Rank tokens by cosine similarity to the mean of the positive and the negated negative unit vectors.

    Parameters
    ----------
    positive, negative : token or vector, or list of these
    topn : int
    vocabulary : dict
        Token -> row.
    embeddings : ndarray of shape (n_tokens, vector_size)

    Returns
    -------
    neighbours : list of (token, similarity)

    Raises
    ------
    KeyError
        If a token is not in the vocabulary.
    ValueError
        If there is nothing to ask with, or a vector has another length.
    """
    unit_vectors = embeddings / _lengths(embeddings)
    asked = [(key, 1) for key in _listed(positive)] + [(key, -1) for key in _listed(negative)]
    if not asked:
        raise ValueError("positive and negative are both empty: ask with at least one token or vector")
    query = np.zeros(embeddings.shape[1], embeddings.dtype)
    asked_rows = []
    for key, sign in asked:
        if isinstance(key, (str, Integral)):
            asked_rows.append(_row(key, vocabulary))
            query += sign * unit_vectors[asked_rows[-1]]
        else:
            query += sign * _checked_vector(key, len(query))
    similarity = unit_vectors @ (query / _lengths(query))
    similarity[asked_rows] = -np.inf
    n_found = min(topn, len(vocabulary) - len(set(asked_rows)))
    rows = np.argsort(-similarity, kind="stable")[:n_found]
    tokens = list(vocabulary)
    return [(tokens[row], float(similarity[row])) for row in rows]


def _lengths(vectors):
    # A vector of zeros stays one, and is equally far from everything.
    return np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), np.finfo(vectors.dtype).tiny)


def _listed(keys):
    is_vector = isinstance(keys, np.ndarray) and keys.ndim == 1 and keys.dtype.kind == "f"
    return [keys] if is_vector or isinstance(keys, (str, Integral)) else list(keys)


def _row(token, vocabulary):
    if token not in vocabulary:
        raise KeyError(f"token {token!r} is not in the vocabulary of {len(vocabulary)} tokens: ask with one that is")
    return vocabulary[token]


def _checked_vector(vector, vector_size):
    vector = np.asarray(vector)
    if vector.shape != (vector_size,) or vector.dtype.kind not in "fiu":
        raise ValueError(
            f"a vector to ask with has shape {vector.shape} and dtype {vector.dtype}: "
            f"pass a token, or {vector_size} numbers"
        )
    return vector
