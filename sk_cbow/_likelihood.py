"""Rows of tokens and trained tables -> the log-likelihood of documents under negative sampling.

The model is that of `sk_cbow._training.step`. What training samples, windows, words of the document and negative
samples, is replaced with its expectation, so that nothing is random. Frequent tokens are not subsampled.
"""

from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_array

from sk_cbow._pooling import document_term_matrix, one_blas_thread
from sk_cbow._training.blocks import negative_probability

MAX_NEGATIVES = 256  # of a larger vocabulary, these tokens represent the negative samples
FLOATS_AT_A_TIME = 2**20


def log_likelihood(chunks, tables, token_counts, config):
    """Sum the log-likelihood over all targets of documents.

    Parameters
    ----------
    chunks : iterable of (rows, offsets, is_complete)
        As from `sk_cbow._vocabulary.encode_documents`.
    tables : list of one or two ndarrays of shape (n_tokens, vector_size), float32
        As in `sk_cbow._training.config.Tables`.
    token_counts : ndarray of shape (n_tokens,)
    config : TrainingConfig

    Returns
    -------
    total : float
        Minus infinity if products of vectors are too large.
    n_targets : int
        Number of tokens with another token in their document.
    """
    context_table, target_table = tables[0], tables[-1]
    offset = np.float32(config.logit_offset)
    probability = negative_probability(token_counts, config.ns_exponent).astype(np.float32)
    total, n_targets = 0.0, 0
    with one_blas_thread(), np.errstate(over="ignore", invalid="ignore"):
        negatives = NegativeSamples.of(target_table, probability)
    for rows, offsets, _ in chunks:
        with one_blas_thread(), np.errstate(over="ignore", invalid="ignore"):
            for targets, hidden in context_means(rows, offsets, context_table, config.window, config.document_context):
                logit = np.einsum("ij,ij->i", hidden, target_table[targets]) - offset
                # A negative sample that equals the target is dropped.
                negative_loss = negatives.expected_loss(hidden, offset) - probability[targets] * softplus(logit)
                total -= (softplus(-logit) + config.negative * negative_loss).sum(dtype=np.float64)
                n_targets += len(targets)
    return float(total) if np.isfinite(total) else -np.inf, n_targets


class NegativeSamples(NamedTuple):
    """The distribution of the vectors of negative samples: tokens that represent it, and its exact moments."""

    quantiles: np.ndarray  # (n_quantiles, vector_size)
    weights: np.ndarray  # (n_quantiles,)
    mean: np.ndarray  # (vector_size,)
    second_moments: np.ndarray  # (vector_size, vector_size)

    @classmethod
    def of(cls, table, probability):
        """Describe the vectors of a table (n_tokens, vector_size), drawn with these probabilities."""
        rows, weights = negative_quantiles(probability, MAX_NEGATIVES)
        return cls(table[rows], weights, probability @ table, (table.T * probability) @ table)

    def expected_loss(self, hidden, offset):
        """Expected loss of one negative sample for each hidden vector (n_targets, vector_size).

        The second-order Taylor expansion of the loss at the mean logit has an exact expectation, so only the rest is
        averaged over quantiles. Without it, the error of scores was up to .013 instead of .0008.
        """
        product = hidden @ self.mean
        variance = np.einsum("ij,ij->i", hidden @ self.second_moments, hidden) - product**2
        deviations = hidden @ self.quantiles.T - product[:, None]
        mean_logit = product - offset
        slope = 1 / (1 + np.exp(-mean_logit))
        loss = softplus(deviations + mean_logit[:, None]) @ self.weights
        loss -= slope * (deviations @ self.weights)
        loss += slope * (1 - slope) / 2 * (variance - deviations**2 @ self.weights)
        return loss


def negative_quantiles(probability, max_negatives):
    """Choose tokens and weights that represent the distribution of negative samples.

    Parameters
    ----------
    probability : ndarray of shape (n_tokens,)
    max_negatives : int

    Returns
    -------
    rows : ndarray of shape (n_negatives,)
        All tokens if they are at most `max_negatives`; otherwise those at equidistant quantiles.
    weights : ndarray of shape (n_negatives,), float32
        Their sum is 1.
    """
    if len(probability) <= max_negatives:
        return np.arange(len(probability)), probability.astype(np.float32)
    cumulative = np.cumsum(probability, dtype=np.float64)
    quantiles = (np.arange(max_negatives) + 0.5) / max_negatives * cumulative[-1]
    rows, n_quantiles = np.unique(np.searchsorted(cumulative, quantiles), return_counts=True)
    return rows, (n_quantiles / max_negatives).astype(np.float32)


def context_means(rows, offsets, table, window, document_context):
    """Average the vectors of the context of each target, some targets at a time.

    Parameters
    ----------
    rows, offsets : ndarrays
        The tokens of documents, as in `sk_cbow._vocabulary.encode_documents`.
    table : ndarray of shape (n_tokens, vector_size), float32
    window : int
        Maximum of the sampled window.
    document_context : float
        Weight of the mean of all other words of the document; the mean over the window has the rest.

    Yields
    ------
    targets : ndarray of shape (n_targets,)
        Their rows.
    hidden : ndarray of shape (n_targets, vector_size), float32
    """
    lengths = np.diff(offsets)
    document = np.repeat(np.arange(len(lengths)), lengths)
    n_before = np.arange(len(rows)) - offsets[document]
    n_after = lengths[document] - 1 - n_before
    document_sums = document_term_matrix(rows, offsets, len(table)).astype(np.float32) @ table

    reach = min(window, max(lengths.max(initial=0) - 1, 1))
    n_at_a_time = max(1, FLOATS_AT_A_TIME // max(table.shape[1], 2 * reach, MAX_NEGATIVES))
    positions = np.flatnonzero(lengths[document] > 1)
    for start in range(0, len(positions), n_at_a_time):
        part = positions[start : start + n_at_a_time]
        targets, n_others = rows[part], (lengths[document[part]] - 1).astype(np.float32)
        hidden = (document_sums[document[part]] - table[targets]) / n_others[:, None]
        if document_context < 1:
            weights = window_weights(n_before[part], n_after[part], window, reach)
            hidden *= np.float32(document_context)
            hidden += np.float32(1 - document_context) * (_of_neighbours(weights, rows, part, len(table)) @ table)
        yield targets, hidden


def window_weights(n_before, n_after, window, reach):
    """Expected weights of the neighbours of targets in the mean over a window whose size is uniform in 1..window.

    Parameters
    ----------
    n_before, n_after : ndarrays of shape (n_targets,)
        Number of words before and after each target in its document; their sum is not 0.
    window : int
    reach : int
        The window; less if no document has more than reach + 1 words.

    Returns
    -------
    weights : ndarray of shape (n_targets, 2 * reach), float32
        For the distances 1..reach before the target, then after it; 0 beyond its document.
    """
    sizes = np.arange(1, reach + 1)
    size_probability = np.full(reach, 1 / window)
    size_probability[-1] = 1 - (reach - 1) / window
    n_words = np.minimum(sizes, n_before[:, None]) + np.minimum(sizes, n_after[:, None])
    # A word is in all windows that are at least as large as its distance.
    by_distance = np.cumsum((size_probability / n_words)[:, ::-1], axis=1, dtype=np.float32)[:, ::-1]
    return np.hstack([by_distance * (sizes <= n[:, None]) for n in (n_before, n_after)])


def _of_neighbours(weights, rows, positions, n_tokens):
    """Arrange the weights of neighbours as a matrix (n_positions, n_tokens)."""
    reach = weights.shape[1] // 2
    distances = np.concatenate((np.arange(-1, -reach - 1, -1), np.arange(1, reach + 1)))
    is_word = weights > 0
    neighbours = (positions[:, None] + distances)[is_word]
    offsets = np.concatenate(([0], np.cumsum(is_word.sum(axis=1))))
    return csr_array((weights[is_word], rows[neighbours], offsets), (len(positions), n_tokens))


def softplus(values):
    """Compute log(1 + exp(values)) without overflow."""
    # np.logaddexp(0, values) takes four times as long; here, the absolute error is that of float32 at 1.
    return np.maximum(values, 0) + np.log(1 + np.exp(-np.abs(values)))
