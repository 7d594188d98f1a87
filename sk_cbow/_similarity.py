"""Word vectors and a query -> the nearest tokens."""

from collections.abc import Iterable
from numbers import Integral

import numpy as np


def nearest(positive, negative, topn, vocabulary, embeddings):
    """Rank tokens by cosine similarity to the mean of the positive and the negated negative vectors.

    Parameters
    ----------
    positive, negative : token or vector, or list of these
        A token counts as its vector at unit length.
    topn : int
    vocabulary : dict
        Token -> row.
    embeddings : ndarray of shape (n_tokens, vector_size)

    Returns
    -------
    neighbours : list of (token, similarity)
        Without the tokens asked with.

    Raises
    ------
    KeyError
        If a token is not in the vocabulary.
    TypeError
        If `positive` or `negative` is neither token, vector nor a list of these, or `topn` not an integer.
    ValueError
        If there is nothing to ask with, a vector has another length or is not finite, or `topn` is negative.
    """
    if not isinstance(topn, Integral):
        raise TypeError(f"topn is {topn!r}: pass an integer")
    if topn < 0:
        raise ValueError(f"topn is {topn}: pass 0 or more")
    unit_vectors = embeddings / _lengths(embeddings)
    query = np.zeros(embeddings.shape[1])
    asked_rows = []
    for name, keys, sign in (("positive", positive, 1), ("negative", negative, -1)):
        for position, key in enumerate(_listed(name, keys)):
            if isinstance(key, (str, Integral)):
                if key not in vocabulary:
                    raise KeyError(f"{name}[{position}], the token {key!r}, is not in the vocabulary: leave it out")
                asked_rows.append(vocabulary[key])
                query += sign * unit_vectors[asked_rows[-1]]
            else:
                query += sign * _vector(f"{name}[{position}]", key, len(query))
    if not query.any() and not asked_rows:
        raise ValueError("positive and negative are both empty, or zero: ask with at least one token or vector")
    similarity = unit_vectors @ (query / _lengths(query)).astype(embeddings.dtype)
    similarity[asked_rows] = -np.inf
    n_found = min(topn, len(vocabulary) - len(set(asked_rows)))
    tokens = list(vocabulary)
    return [(tokens[row], float(similarity[row])) for row in np.argsort(-similarity, kind="stable")[:n_found]]


def _lengths(vectors):
    # A vector of zeros stays one, and is equally far from everything.
    return np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), np.finfo(vectors.dtype).tiny)


def _listed(name, keys):
    is_vector = isinstance(keys, np.ndarray) and keys.ndim == 1 and keys.dtype.kind == "f"
    if is_vector or isinstance(keys, (str, Integral)):
        return [keys]
    if not isinstance(keys, Iterable):
        raise TypeError(f"{name} is {keys!r}: pass a token, a vector, or a list of tokens and vectors")
    return keys


def _vector(place, key, vector_size):
    is_vector = isinstance(key, np.ndarray) and key.shape == (vector_size,) and key.dtype.kind in "fiu"
    if not is_vector or not np.isfinite(key).all():
        raise ValueError(f"{place} is {key!r}: pass a token, or a NumPy array of {vector_size} finite numbers")
    return key
