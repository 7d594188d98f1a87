"""Tokens and their vectors, without a vectorizer: what files of vectors contain and what training can start from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np

from sk_cbow._documents import plain_tokens
from sk_cbow._files import quoted

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


class WordVectors(Mapping):
    """Word vectors: a read-only mapping from token to vector.

    `sk_cbow.word2vec_format.load` and `CBOWVectorizer.word_vectors` return it. It can be the `init_vectors` of a
    `CBOWVectorizer`; `CBOWVectorizer.from_vectors` makes a fitted vectorizer of it. It is not an estimator: as a
    parameter of one, it keeps its vectors in `sklearn.base.clone`, in searches and in pickles, and is printed in one
    line.

    Parameters
    ----------
    tokens : iterable of str or int
        Each token once.
    vectors : array-like of shape (n_tokens, vector_size)
        The vector of each token, finite numbers. A float32 array is not copied.

    Attributes
    ----------
    vectors : ndarray of shape (n_tokens, vector_size), float32
        The vectors in the order of the tokens. The array is read-only.

    Raises
    ------
    TypeError
        If a token is neither a string nor an integer.
    ValueError
        If a token occurs twice, or `vectors` does not have one row of finite numbers for each token.

    Examples
    --------
    >>> from sk_cbow import WordVectors
    >>> word_vectors = WordVectors(["tea", "milk"], [[1, 0, 0], [0, 1, 0]])
    >>> word_vectors
    WordVectors(n_tokens=2, vector_size=3)
    >>> word_vectors["milk"]
    array([0., 1., 0.], dtype=float32)
    >>> list(word_vectors)
    ['tea', 'milk']
    """

    vectors: NDArray[np.float32]

    def __init__(self, tokens: Iterable[str | int], vectors: ArrayLike) -> None:
        self._rows = _rows_of(list(tokens))
        self.vectors = _read_only(vectors, self._rows)

    def __getitem__(self, token: Any) -> NDArray[np.float32]:
        return self.vectors[self._rows[token]]

    def __contains__(self, token: object) -> bool:
        return token in self._rows

    def __iter__(self) -> Iterator[Any]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def __eq__(self, other):
        if not isinstance(other, WordVectors):
            return NotImplemented
        return list(self) == list(other) and np.array_equal(self.vectors, other.vectors)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self):
        return f"WordVectors(n_tokens={len(self)}, vector_size={self.vectors.shape[1]})"

    def __deepcopy__(self, memo):
        return self  # read-only; so clones share the vectors

    def __getstate__(self):
        return {"tokens": list(self), "vectors": self.vectors}

    def __setstate__(self, state):
        self.__init__(**state)


def as_word_vectors(vectorizer):
    """Return the word vectors of a fitted vectorizer, or `WordVectors` as they are.

    Raises
    ------
    NotFittedError
        If the vectorizer is not fitted.
    TypeError
        If `vectorizer` is neither.
    """
    if isinstance(vectorizer, WordVectors):
        return vectorizer
    if not hasattr(vectorizer, "word_vectors"):
        raise TypeError(
            f"vectorizer is a {type(vectorizer).__name__}: pass a fitted CBOWVectorizer, such as the first step of a "
            "pipeline, or WordVectors"
        )
    return vectorizer.word_vectors()


def rows_not_finite(vectors):
    """Return the rows of vectors (n_tokens, vector_size) that have a value that is not finite, as an array."""
    # The maximum or minimum is not finite if any value is not; this needs no second table.
    with np.errstate(invalid="ignore"):
        return np.flatnonzero(~(np.isfinite(vectors.max(axis=1)) & np.isfinite(vectors.min(axis=1))))


def _rows_of(tokens):
    for position, token in enumerate(tokens):
        if not isinstance(token, (str, Integral)):
            raise TypeError(
                f"token {position} is the {type(token).__name__} {quoted(token)}: tokens are strings or integers"
            )
    rows = dict(zip(plain_tokens(tokens), range(len(tokens)), strict=True))
    if len(rows) < len(tokens):
        first = next(position for position, token in enumerate(tokens) if rows[token] != position)
        raise ValueError(f"token {quoted(tokens[first])} is at positions {first} and {rows[tokens[first]]}: drop one")
    return rows


def _read_only(vectors, rows):
    array = np.asarray(vectors)
    if array.ndim != 2 or len(array) != len(rows) or not array.size or array.dtype.kind not in "fiu":
        raise ValueError(
            f"vectors have the shape {array.shape} and the type {array.dtype}, for {len(rows)} tokens: pass an array "
            "of numbers with one row for each token, and at least one token"
        )
    with np.errstate(over="ignore"):  # infinite values are an error below
        array = array.astype(np.float32, copy=False).view(np.ndarray)
    for row in rows_not_finite(array)[:1]:
        raise ValueError(
            f"the vector of token {quoted(list(rows)[row])} (row {row}) is not finite as 32-bit numbers: replace it"
        )
    array.flags.writeable = False
    return array
