"""Word vectors -> nearest tokens by cosine."""

import reprlib
from collections.abc import Iterable
from numbers import Integral

import numpy as np

_shortened = reprlib.Repr()  # limits the length of values quoted in error messages
_shortened.maxstring = _shortened.maxother = 80
shown = _shortened.repr


def most_similar(positive, negative, topn, vocabulary, embeddings):
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
        Without the tokens of the query.

    Raises
    ------
    KeyError
        If a token is not in the vocabulary.
    TypeError
        If `positive` or `negative` is neither token, vector nor a list of these, or `topn` not an integer.
    ValueError
        If the query is empty, a vector has the wrong length or is not finite, or `topn` is negative.
    """
    if not isinstance(topn, Integral):
        raise TypeError(f"topn is {topn!r}: pass an integer")
    if topn < 0:
        raise ValueError(f"topn is {topn}: pass 0 or more")
    unit_vectors = to_unit_length(embeddings)
    terms = [np.zeros(embeddings.shape[1])]
    query_rows = []
    for name, keys, sign in (("positive", positive, 1), ("negative", negative, -1)):
        for position, key in enumerate(_as_list(name, keys)):
            if isinstance(key, (str, Integral)):
                if key not in vocabulary:
                    raise KeyError(
                        f"{name}[{position}], the token {shown(key)}, is not in the vocabulary: leave it out"
                    )
                query_rows.append(vocabulary[key])
                terms.append(sign * unit_vectors[query_rows[-1]])
            else:
                terms.append(sign * _vector(f"{name}[{position}]", key, embeddings.shape[1]))
    query = _scaled(np.stack(terms), axis=None).sum(axis=0)
    if not query.any() and not query_rows:
        raise ValueError("positive and negative are both empty or zero: pass at least one token or nonzero vector")
    similarity = np.clip(unit_vectors @ to_unit_length(query).astype(unit_vectors.dtype), -1, 1)
    similarity[query_rows] = -np.inf
    n_found = min(topn, len(vocabulary) - len(set(query_rows)))
    tokens = list(vocabulary)
    return [(tokens[row], float(similarity[row])) for row in np.argsort(-similarity, kind="stable")[:n_found]]


def to_unit_length(vectors):
    """Scale one vector, or several along the last axis, to unit length."""
    vectors = _scaled(vectors, axis=-1)
    # A zero vector stays zero; its similarity to all others is 0.
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), np.finfo(vectors.dtype).tiny)


def _scaled(vectors, axis):
    """Scale by a power of two, which is exact, so that the largest value is in 1/2..1 and its square is normal."""
    largest = np.maximum(vectors.max(axis, keepdims=True), -vectors.min(axis, keepdims=True))
    return np.ldexp(vectors, -np.frexp(largest)[1])


def _as_list(name, keys):
    is_vector = isinstance(keys, np.ndarray) and keys.ndim == 1 and keys.dtype.kind == "f"
    if is_vector or isinstance(keys, (str, Integral)):
        return [keys]
    if not isinstance(keys, Iterable):
        raise TypeError(f"{name} is {shown(keys)}: pass a token, a vector, or a list of tokens and vectors")
    return keys


def _vector(location, key, vector_size):
    is_vector = isinstance(key, np.ndarray) and key.shape == (vector_size,) and key.dtype.kind in "fiu"
    with np.errstate(over="ignore"):
        vector = key.astype(np.float64) if is_vector else None
    if not is_vector or not np.isfinite(vector).all():
        raise ValueError(f"{location} is {shown(key)}: pass a token, or a NumPy array of {vector_size} finite numbers")
    return vector
