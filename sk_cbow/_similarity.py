"""Word vectors -> nearest tokens by cosine."""

import math
import reprlib
import weakref
from collections.abc import Iterable
from numbers import Integral

import numpy as np

VECTORS_AT_A_TIME = 2**13  # to measure their lengths
SMALLEST_FLOAT = np.finfo(np.float64).tiny
SMALLEST_EXPONENT = -120  # 2**120 is a float32
COSINES_AT_A_TIME = 2**23  # of several queries: 32 MB, in which a query takes no more time than in larger blocks
# Vectors of up to this share of all tokens are copied before the product; of more, all products are computed.
SHARE_TO_COPY = 1 / 4

_shortened = reprlib.Repr()  # limits the length of values quoted in error messages
_shortened.maxstring = _shortened.maxother = 80
shown = _shortened.repr


class SearchIndex:
    """What each search needs of the tokens and their vectors, and what takes longer to compute than a search.

    It refers to the vectors weakly, and so does not keep those of a previous fit in memory.

    Parameters
    ----------
    vocabulary : dict
        Token -> row.
    vectors : ndarray of shape (n_tokens, vector_size)
    """

    def __init__(self, vocabulary, vectors):
        self.vocabulary = vocabulary
        self._vectors = weakref.ref(vectors)
        self.tokens = list(vocabulary)
        # Lengths and queries are in units of a power of two, in which vectors of any length have normal products.
        self.exponent = max(SMALLEST_EXPONENT, int(np.frexp(max(vectors.max(), -vectors.min()))[1]))
        lengths = np.empty(len(vectors), vectors.dtype)
        for start in range(0, len(vectors), VECTORS_AT_A_TIME):
            part = np.ldexp(vectors[start : start + VECTORS_AT_A_TIME].astype(np.float64), -self.exponent)
            lengths[start : start + VECTORS_AT_A_TIME] = np.linalg.norm(part, axis=1)
        # A zero vector has the cosine 0 with all others, and so has one whose inverse length would not be finite.
        is_normal = lengths >= np.finfo(lengths.dtype).tiny
        self.inverse_lengths = np.divide(1, lengths, out=np.zeros_like(lengths), where=is_normal)

    def is_of(self, vocabulary, vectors):
        """Whether this is the index of these very objects, to which no token was added."""
        is_same = self.vocabulary is vocabulary and self._vectors() is vectors
        return is_same and len(self.tokens) == len(vocabulary)

    def cosines(self, vectors, queries, pool=None):
        """Compute the cosine similarities of queries to all tokens, or to those of some rows.

        Parameters
        ----------
        vectors : ndarray of shape (n_tokens, vector_size)
            Those of the index.
        queries : ndarray of shape (n_queries, vector_size), float64
            Of unit length.
        pool : ndarray of shape (n_candidates,), optional
            Rows.

        Returns
        -------
        cosines : ndarray of shape (n_queries, n_tokens) or (n_queries, n_candidates)
        """
        inverse_lengths = self.inverse_lengths
        queries = np.ldexp(queries, -self.exponent).astype(vectors.dtype)
        if pool is None:
            products = queries @ vectors.T
        else:
            inverse_lengths = inverse_lengths[pool]
            is_small = len(pool) <= SHARE_TO_COPY * len(vectors)
            products = queries @ vectors[pool].T if is_small else (queries @ vectors.T)[:, pool]
        products *= inverse_lengths
        return products


def most_similar(index, vectors, positive, negative, topn, candidates, exclude):
    """Rank tokens by cosine similarity to the mean of the positive and the negated negative vectors.

    Parameters
    ----------
    index : SearchIndex
        Of the vectors.
    vectors : ndarray of shape (n_tokens, vector_size)
    positive, negative : token or vector, or list of these
        A token counts as its vector at unit length. For several queries, `positive` is a list of lists or an array of
        shape (n_queries, vector_size), and `negative` a list, for all queries or with a list for each.
    topn : int
    candidates : iterable of tokens or None
        The only tokens to be returned.
    exclude : iterable of tokens, or list of these
        Tokens not to be returned, for all queries or with a list for each.

    Returns
    -------
    neighbours : list of (token, similarity), or a list of these lists
        Without the tokens of the query.

    Raises
    ------
    KeyError
        If a token of `positive` or `negative` is not in the vocabulary.
    TypeError
        If `positive` or `negative` is neither token, vector nor a list of these, `topn` not an integer, or `candidates`
        or `exclude` has something else than tokens.
    ValueError
        If a query is empty, a vector has the wrong length or is not finite, `topn` is negative, or a list for each
        query has another length than `positive`.
    """
    if not isinstance(topn, Integral):
        raise TypeError(f"topn is {topn!r}: pass an integer")
    if topn < 0:
        raise ValueError(f"topn is {topn}: pass 0 or more")
    positive, negative, exclude = (
        _as_list("positive", positive),
        _as_list("negative", negative),
        _as_list("exclude", exclude),
    )
    if has_several := _is_nested(positive):
        named = {"positive": positive, "negative": negative, "exclude": exclude}
        each = [_for_each_query(name, keys, len(positive)) for name, keys in named.items()]
    else:
        each = [[("positive", positive)], [("negative", negative)], [("exclude", exclude)]]
    pool = None if candidates is None else _pool(candidates, index.vocabulary)

    queries, rows_to_skip = [], []
    for plus, minus, without in zip(*each, strict=True):
        query, rows = _query(plus, minus, index.vocabulary, vectors)
        queries.append(query)
        rows_to_skip.append(rows + _known_rows(*without, index.vocabulary))

    neighbours = []
    queries = np.array(queries, float).reshape(-1, vectors.shape[1])
    step = max(1, COSINES_AT_A_TIME // len(vectors))
    for start in range(0, len(queries), step):
        cosines_of_queries = index.cosines(vectors, queries[start : start + step], pool)
        for cosines, rows in zip(cosines_of_queries, rows_to_skip[start:], strict=False):
            cosines[rows if pool is None else np.isin(pool, rows)] = -np.inf
            best = _highest(cosines, topn)
            tokens = map(index.tokens.__getitem__, (best if pool is None else pool[best]).tolist())
            # A rounding error can make a cosine larger than 1.
            values = np.minimum(np.maximum(cosines[best], -1), 1)
            neighbours.append(list(zip(tokens, values.tolist(), strict=True)))
    return neighbours if has_several else neighbours[0]


def to_unit_length(vectors):
    """Scale one vector, or several along the last axis, to unit length."""
    largest = np.maximum(vectors.max(axis=-1, keepdims=True), -vectors.min(axis=-1, keepdims=True))
    vectors = np.ldexp(vectors, -np.frexp(largest)[1])  # exact, and squares of the largest values are normal
    # A zero vector stays zero; its similarity to all others is 0.
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), np.finfo(vectors.dtype).tiny)


def _highest(values, n):
    """Return the indices of the n highest values, except minus infinity, in decreasing order; ties keep their order."""
    threshold = np.finfo(values.dtype).min
    if 0 < n < len(values):
        in_parts = values.copy()
        in_parts.partition(len(values) - n)
        threshold = max(threshold, in_parts[len(values) - n])
    (indices,) = (values >= threshold).nonzero()
    return indices[(-values[indices]).argsort(kind="stable")[:n]]


def _query(positive, negative, vocabulary, vectors):
    """Add the terms of a query, two lists with their names; return the sum at unit length and the tokens' rows."""
    terms, rows = [], []
    for (name, keys), sign in ((positive, 1), (negative, -1)):
        for position, key in enumerate(keys):
            if isinstance(key, (str, Integral)):
                if key not in vocabulary:
                    raise KeyError(
                        f"{name}[{position}], the token {shown(key)}, is not in the vocabulary: leave it out"
                    )
                rows.append(vocabulary[key])
                terms.append(sign * _unit(vectors[rows[-1]].astype(np.float64)))
            else:
                terms.append(sign * _vector(f"{name}[{position}]", key, vectors.shape[1]))
    if len(terms) == len(rows) == 1:
        return terms[0], rows
    query = _scaled(np.array(terms)).sum(axis=0) if terms else np.zeros(1)
    if not rows and not query.any():
        raise ValueError(
            f"{positive[0]} and {negative[0]} are both empty or zero: pass at least one token or nonzero vector"
        )
    return _unit(query), rows


def _unit(vector):
    """Do for one vector, float64, what `to_unit_length` does, in half the time, which counts in a small vocabulary."""
    vector = _scaled(vector)
    return vector / max(math.sqrt(vector @ vector), SMALLEST_FLOAT)


def _scaled(vectors):
    """Scale by a power of two, which is exact, so that the largest value is in 1/2..1 and its square is normal."""
    return np.ldexp(vectors, -math.frexp(np.abs(vectors).max())[1])


def _known_rows(name, tokens, vocabulary):
    """Return the rows of tokens, without those that have none."""
    if not set(map(type, tokens)) <= {str, int}:  # otherwise not one by one, because there may be many
        for position, token in enumerate(tokens):
            if not isinstance(token, (str, Integral)):
                raise TypeError(f"{name}[{position}] is {shown(token)}: pass a token")
    return [vocabulary[token] for token in tokens if token in vocabulary]


def _pool(candidates, vocabulary):
    """Return the rows of candidates, an increasing array, each once."""
    return np.unique(np.array(_known_rows("candidates", _as_list("candidates", candidates), vocabulary), np.int64))


def _for_each_query(name, keys, n_queries):
    """Yield the list of each query, with its name; a list that is not nested is for all of them."""
    if not _is_nested(keys):
        yield from [(name, keys)] * n_queries
        return
    if len(keys) != n_queries:
        raise ValueError(f"{name} has {len(keys)} lists for {n_queries} queries: pass one for each, or one for all")
    for position, keys_of_query in enumerate(keys):
        location = f"{name}[{position}]"
        if position and not isinstance(keys_of_query, (list, tuple, np.ndarray)):
            raise TypeError(f"{location} is {shown(keys_of_query)}, but {name}[0] is a list: pass one for each query")
        yield location, _as_list(location, keys_of_query)


def _is_nested(keys):
    """Whether there is a list or a vector for each of several queries."""
    return keys.ndim == 2 if isinstance(keys, np.ndarray) else isinstance(next(iter(keys), None), (list, tuple))


def _as_list(name, keys):
    is_vector = isinstance(keys, np.ndarray) and keys.ndim == 1 and keys.dtype.kind == "f"
    if is_vector or isinstance(keys, (str, Integral)):
        return [keys]
    if not isinstance(keys, Iterable):
        raise TypeError(f"{name} is {shown(keys)}: pass a token, a vector, or a list of tokens and vectors")
    return keys if isinstance(keys, np.ndarray) else list(keys)


def _vector(location, key, vector_size):
    is_vector = isinstance(key, np.ndarray) and key.shape == (vector_size,) and key.dtype.kind in "fiu"
    with np.errstate(over="ignore"):
        vector = key.astype(np.float64) if is_vector else None
    if not is_vector or not np.isfinite(vector).all():
        raise ValueError(f"{location} is {shown(key)}: pass a token, or a NumPy array of {vector_size} finite numbers")
    return vector
