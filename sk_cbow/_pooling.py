"""Rows of tokens and word vectors -> document vectors."""

import numpy as np
from scipy.sparse import csr_array


def mean_vectors(rows, offsets, embeddings):
    """Average the word vectors of each document.

    Parameters
    ----------
    rows : ndarray of shape (n_occurrences,)
        Rows of `embeddings`, one document after the other.
    offsets : ndarray of shape (n_documents + 1,)
        Document d is ``rows[offsets[d]:offsets[d + 1]]``.
    embeddings : ndarray of shape (n_tokens, vector_size)

    Returns
    -------
    document_vectors : ndarray of shape (n_documents, vector_size)
        Of the embeddings' dtype; zeros for a document without tokens.
    """
    n_documents = len(offsets) - 1
    lengths = np.diff(offsets)
    ones = np.ones(len(rows), embeddings.dtype)
    # Adding up makes the bits independent of the tokens' order. It sorts in place, hence the copy.
    occurrences = csr_array((ones, rows, offsets), shape=(n_documents, len(embeddings)), copy=True)
    occurrences.sum_duplicates()
    sums = occurrences @ embeddings
    return sums / np.maximum(lengths, 1).astype(embeddings.dtype)[:, None]
