"""Rows of tokens and word vectors -> document vectors: weighted averages, centred and scaled if that is wanted.

Every step treats each document separately, so that the vector of a document is bit for bit the same, whatever other
documents are passed with it.
"""

import threading
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
from scipy.linalg import eigh
from scipy.sparse import csr_array, vstack
from threadpoolctl import threadpool_limits

# The limit on threads applies to the whole process, so only one thread at a time may set and restore it.
_ONE_BLAS_THREAD = threading.Lock()
SIF_PARAMETER = 1e-3  # Arora et al. (2017), section 3: a = 1e-3


class Pooling(NamedTuple):
    """How the vectors of a document's tokens become its vector.

    It is their weighted average, less the mean of the training documents, if there is one, and less the components;
    with a mean, it is then scaled to unit length. The methods take chunks of documents, as from
    `sk_cbow._vocabulary.encode_documents`.
    """

    weights: np.ndarray  # (n_tokens,) float32, of an occurrence of each token
    components: np.ndarray  # (n_components, vector_size) float32, orthonormal, removed from averages
    mean: np.ndarray | None = None  # (vector_size,) float32, of the averages of training documents; only with norm="l2"

    @property
    def width(self):
        """Length of a document vector."""
        return self.components.shape[1]

    @classmethod
    def fit(cls, corpus, vectors, weighting, n_components, norm, document_frequency, n_documents, previous=None):
        """Compute the weights of tokens, and the mean and the components of the documents' vectors.

        Parameters
        ----------
        corpus : Corpus
        vectors : ndarray of shape (n_tokens, vector_size), float32
        weighting, document_frequency, n_documents
            As in `token_weights`.
        n_components : int
        norm : {"l2"} or None
        previous : Pooling, optional
            That of previous training. Its mean is kept if `norm` was the same, and so are its components if their
            number was, too.

        Returns
        -------
        pooling : Pooling
        """
        weights = token_weights(weighting, corpus.vocabulary.counts, document_frequency, n_documents)
        pooling = cls(weights, np.empty((0, vectors.shape[1]), np.float32))
        previous = pooling if previous is None else previous
        has_same_norm = (previous.mean is None) == (norm is None)
        if norm is not None:
            mean = previous.mean if has_same_norm else mean_of(corpus.total(pooling.total, vectors))
            pooling = pooling._replace(mean=mean)
        if n_components:
            components = previous.components
            if not has_same_norm or len(components) != n_components:
                moments = corpus.total(pooling.second_moments, vectors)
                components = first_singular_vectors(moments, n_components, corpus.n_documents)
            pooling = pooling._replace(components=components)
        return pooling

    def transform(self, chunks, vectors):
        """Compute the vectors of documents.

        Parameters
        ----------
        chunks : iterable of (rows, offsets, is_complete)
        vectors : ndarray of shape (n_tokens, vector_size)

        Returns
        -------
        document_vectors : ndarray of shape (n_documents, width), float32
        """
        document_vectors = bytearray()  # grows in place, whereas concatenating arrays would take twice the memory
        for vectors_of_chunk in self.transform_chunks(chunks, vectors):
            document_vectors += vectors_of_chunk.data
        return np.frombuffer(document_vectors, np.float32).reshape(-1, self.width)

    def transform_chunks(self, chunks, vectors):
        """Yield the vectors of the documents of each chunk."""
        unscaled = self._unscaled_chunks(chunks, vectors)
        return unscaled if self.mean is None else map(unit_length, unscaled)

    def total(self, chunks, vectors):
        """Sum the averages of the documents with known tokens.

        Returns
        -------
        total : ndarray of shape (vector_size + 1,), float64
            The sum, followed by the number of these documents.
        """
        total = np.zeros(vectors.shape[1] + 1)
        for matrix in document_term_matrices(chunks, len(vectors)):
            averages = mean_vectors(matrix, self.weights, vectors)
            n_known = np.count_nonzero(has_known_tokens(matrix, self.weights))
            total += np.append(averages.sum(axis=0, dtype=np.float64), n_known)
        return total

    def second_moments(self, chunks, vectors):
        """Compute the matrix of second moments of the document vectors before scaling, as in `second_moments`."""
        return second_moments(self._unscaled_chunks(chunks, vectors))

    def _unscaled_chunks(self, chunks, vectors):
        for matrix in document_term_matrices(chunks, len(vectors)):
            averages = mean_vectors(matrix, self.weights, vectors)
            if self.mean is not None:
                averages = centre(averages, self.mean, has_known_tokens(matrix, self.weights))
            yield project_out(averages, self.components)


@contextmanager
def one_blas_thread():
    """Limit BLAS to one thread, because the result of a matrix product depends on the number of threads."""
    with _ONE_BLAS_THREAD, threadpool_limits(1, "blas"):
        yield


def document_frequency(corpus, previous, previous_counts, previous_n_documents):
    """Count the documents that contain each token, in all documents so far.

    Parameters
    ----------
    corpus : Corpus
        The new documents.
    previous : ndarray of shape (n_previous_tokens,)
        Document frequency in previous documents, of tokens that already had a row.
    previous_counts : dict
        Token -> count in previous documents, of tokens without a row. Each occurrence is assumed to have been in a
        different document.
    previous_n_documents : int

    Returns
    -------
    document_frequency : ndarray of shape (n_tokens,), int64
    """
    tokens = list(corpus.vocabulary.rows)
    total = corpus.total(_document_frequency_of_chunks, len(tokens))
    total[: len(previous)] += previous
    occurrences = np.array([previous_counts.get(token, 0) for token in tokens[len(previous) :]], np.int64)
    total[len(previous) :] += np.minimum(occurrences, previous_n_documents)
    return total


def _document_frequency_of_chunks(chunks, n_tokens):
    return count_document_frequency(document_term_matrices(chunks, n_tokens), n_tokens)


def document_term_matrix(rows, offsets, n_tokens):
    """Count how often each document has each token; the result does not depend on the order of tokens.

    Parameters
    ----------
    rows : ndarray of shape (n_occurrences,), int32
        Rows of tokens, one document after the other.
    offsets : ndarray of shape (n_documents + 1,)
        Document d is ``rows[offsets[d]:offsets[d + 1]]``.
    n_tokens : int

    Returns
    -------
    matrix : csr_array of shape (n_documents, n_tokens), int32
        For each document, each of its tokens once, in increasing order of rows.

    Raises
    ------
    ValueError
        If a row is not in 0..n_tokens - 1; SciPy would access memory out of bounds.
    """
    if len(rows) and not 0 <= rows.min() <= rows.max() < n_tokens:
        raise ValueError(
            f"vocabulary_ has rows from {rows.min()} to {rows.max()}, but embeddings_ has 0 to {n_tokens - 1}: take "
            "both from one fit"
        )
    # A sort of all pairs of document and row is faster than SciPy's `sum_duplicates`, which sorts document by document.
    pairs = np.repeat(np.arange(len(offsets) - 1) << 32, np.diff(offsets)) | rows
    pairs.sort()
    is_new = np.ones(len(pairs) + 1, bool)
    np.not_equal(pairs[1:], pairs[:-1], out=is_new[1:-1])
    starts = is_new.nonzero()[0]
    counts = np.diff(starts).astype(np.int32)
    pairs = pairs[starts[:-1]]
    document_offsets = np.searchsorted(pairs, np.arange(len(offsets)) << 32)
    # The lower half of a pair is the row.
    return csr_array((counts, pairs.astype(np.int32), document_offsets), shape=(len(offsets) - 1, n_tokens))


def document_term_matrices(chunks, n_tokens):
    """Count tokens chunk by chunk; a document in several chunks is counted as one.

    Parameters
    ----------
    chunks : iterable of (rows, offsets, is_complete)
        The first two as in `document_term_matrix`; if `is_complete` is False, the last document continues as the first
        one of the next chunk.
    n_tokens : int

    Yields
    ------
    matrix : csr_array of shape (n_documents, n_tokens)
    """
    unfinished = None
    for rows, offsets, is_complete in chunks:
        matrix = document_term_matrix(rows, offsets, n_tokens)
        if unfinished is not None:
            matrix = vstack([unfinished + matrix[:1], matrix[1:]], format="csr")
            unfinished = None
        if not is_complete:
            matrix, unfinished = matrix[:-1], matrix[-1:].astype(np.int64)
        yield matrix


def count_document_frequency(matrices, n_tokens):
    """Count the documents that contain each token, given the document-term matrices of all documents."""
    document_frequency = np.zeros(n_tokens, np.int64)
    for matrix in matrices:
        np.add.at(document_frequency, matrix.indices, 1)
    return document_frequency


def token_weights(weighting, token_counts, document_frequency=None, n_documents=None):
    """Weight of each token in the average of a document.

    Parameters
    ----------
    weighting : {"uniform", "idf", "sif"}
        "idf" is ln((1 + n_documents) / (1 + document frequency)) + 1, as in scikit-learn's `TfidfVectorizer`; "sif",
        smooth inverse frequency, is a / (a + relative frequency) (Arora, Liang and Ma, 2017).
    token_counts : ndarray of shape (n_tokens,)
        Occurrences in the training documents.
    document_frequency : ndarray of shape (n_tokens,), optional
        Number of training documents that contain each token; for "idf".
    n_documents : int, optional
        Number of training documents; for "idf".

    Returns
    -------
    weights : ndarray of shape (n_tokens,), float32
        Positive.
    """
    if weighting == "idf":
        weights = np.log((1 + n_documents) / (1 + document_frequency)) + 1
    elif weighting == "sif":
        weights = SIF_PARAMETER / (SIF_PARAMETER + token_counts / token_counts.sum())
    else:
        weights = np.ones(len(token_counts))
    return weights.astype(np.float32)


def mean_vectors(matrix, weights, embeddings):
    """Average the word vectors of each document.

    Parameters
    ----------
    matrix : csr_array of shape (n_documents, n_tokens)
        How often each document has each token.
    weights : ndarray of shape (n_tokens,), float32
        Weight of an occurrence of each token.
    embeddings : ndarray of shape (n_tokens, vector_size)

    Returns
    -------
    document_vectors : ndarray of shape (n_documents, vector_size), float32
        Zeros for a document without tokens.
    """
    document = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    coefficients = matrix.data * weights[matrix.indices]
    totals = np.bincount(document, coefficients)[document]
    # Before the sum, which then cannot overflow. If all tokens of a document have weight 0, the average is zero.
    np.divide(coefficients, totals, out=coefficients, where=totals > 0)
    coefficients = csr_array((coefficients.astype(np.float32), matrix.indices, matrix.indptr), shape=matrix.shape)
    return (coefficients @ embeddings).astype(np.float32, copy=False)


def has_known_tokens(matrix, weights):
    """Return for each document, a row of a document-term matrix, whether it has a token of positive weight."""
    return matrix @ weights > 0


def mean_of(total):
    """Compute the mean of document vectors from what `Pooling.total` returns; zeros without documents."""
    return (total[:-1] / max(total[-1], 1)).astype(np.float32)


def centre(averages, mean, is_known):
    """Subtract the mean of the training documents from averages.

    Parameters
    ----------
    averages : ndarray of shape (n_documents, vector_size), float32
    mean : ndarray of shape (vector_size,)
    is_known : ndarray of shape (n_documents,), bool
        Whether a document has known tokens; otherwise, its vector stays zero.

    Returns
    -------
    centred : ndarray of shape (n_documents, vector_size), float64
        In double precision, in which neither differences nor squares of float32 numbers overflow.
    """
    return np.where(is_known[:, None], averages - mean.astype(np.float64), 0)


def unit_length(document_vectors):
    """Scale document vectors, float64, to unit Euclidean length, as float32; zero vectors stay zero."""
    lengths = np.sqrt(np.square(document_vectors).sum(axis=1, keepdims=True))
    scaled = np.divide(document_vectors, lengths, out=np.zeros_like(document_vectors), where=lengths > 0)
    return scaled.astype(np.float32)


def second_moments(document_vectors):
    """Compute the matrix of second moments of document vectors, X.T @ X.

    Parameters
    ----------
    document_vectors : iterable of ndarrays of shape (n_documents, vector_size)
        Those of one chunk after the other.

    Returns
    -------
    moments : ndarray of shape (vector_size, vector_size), float64
    """
    moments = 0.0
    with one_blas_thread():
        for vectors in document_vectors:
            vectors = vectors.astype(np.float64)
            moments += vectors.T @ vectors
    return moments


def first_singular_vectors(moments, n_components, n_documents):
    """Compute the first right singular vectors of document vectors (Arora, Liang and Ma, 2017).

    Parameters
    ----------
    moments : ndarray of shape (vector_size, vector_size)
        As `second_moments` returns.
    n_components : int
    n_documents : int

    Returns
    -------
    components : ndarray of shape (n_components, vector_size), float32
        Orthonormal, in decreasing order of singular values.

    Raises
    ------
    ValueError
        If the vectors span no more than `n_components` dimensions, so that only rounding errors would be left.
    """
    with one_blas_thread():
        squared_singular_values, directions = eigh(moments)  # in increasing order
    tolerance = 10 * np.finfo(np.float32).eps  # relative to the largest singular value
    n_spanned = np.count_nonzero(squared_singular_values > tolerance**2 * squared_singular_values[-1])
    if n_spanned <= n_components:
        raise ValueError(
            f"remove_components={n_components} would leave nothing: the vectors of n_samples={n_documents} training "
            f"documents span {n_spanned} dimensions; lower it, or pass more documents"
        )
    return directions.T[::-1][:n_components].astype(np.float32)


def project_out(document_vectors, components):
    """Project document vectors onto the orthogonal complement of the components; zero vectors stay zero.

    Parameters
    ----------
    document_vectors : ndarray of shape (n_documents, vector_size), float32 or float64
        Their lengths must be finite.
    components : ndarray of shape (n_components, vector_size)
        Orthonormal.

    Returns
    -------
    document_vectors : ndarray of shape (n_documents, vector_size)
        In the same precision.
    """
    if not len(components):
        return document_vectors
    dtype = document_vectors.dtype
    # Scaling by powers of two is exact and prevents overflow in products of large vectors.
    exponents = np.frexp(np.abs(document_vectors).max(axis=1, keepdims=True))[1]
    document_vectors = np.ldexp(document_vectors, -exponents)
    # Not as a matrix product, whose rounding errors depend on the number of documents.
    for component in components:
        document_vectors = document_vectors - component * (document_vectors * component).sum(axis=1, keepdims=True)
    return np.ldexp(document_vectors, exponents).astype(dtype, copy=False)
