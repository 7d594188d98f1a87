"""Tables that parts of a corpus have changed, each for itself -> the tables that all of them together make.

A row's changes are merged by Adasum (Maleki et al., 2021): orthogonal ones, of parts that have found different things
about the word, are added; parallel ones, of parts that have found the same, are averaged. The sums of row-wise Adagrad
are averaged over the parts that have the word.
"""

from typing import NamedTuple

import numpy as np


class Tables(NamedTuple):
    """One table or two, the state of Adagrad, and the losses of the changes that have led there."""

    vectors: list  # of ndarrays of shape (n_tokens, vector_size), float32
    accumulators: list  # of ndarrays of shape (n_tokens,), float32; inf for a row that is frozen
    losses: tuple = ()  # of (loss, n_targets), as in `Change`


class Change(NamedTuple):
    """What one part, or several that were merged, would add to the tables."""

    vectors: list  # as in `Tables`
    accumulators: list  # as in `Tables`, summed over the parts
    n_parts: list  # of ndarrays of shape (n_tokens,), int32: parts that have changed the row
    loss: float  # summed over the targets
    n_targets: float


def difference(before, after, loss, n_targets):
    """The change from tables to others.

    Parameters
    ----------
    before, after : Tables
    loss, n_targets : float
        Summed loss and number of the targets that have made the change.

    Returns
    -------
    change : Change
    """
    vectors = [new - old for old, new in zip(before.vectors, after.vectors, strict=True)]
    accumulators = [
        np.where(np.isinf(old), np.float32(0), new - np.where(np.isinf(old), 0, old))
        for old, new in zip(before.accumulators, after.accumulators, strict=True)
    ]
    return Change(vectors, accumulators, [(values > 0).astype(np.int32) for values in accumulators], loss, n_targets)


def merge(one, other):
    """Merge two changes of the same tables into one.

    Parameters
    ----------
    one, other : Change

    Returns
    -------
    change : Change
    """
    return Change(
        list(map(adasum, one.vectors, other.vectors)),
        list(map(np.add, one.accumulators, other.accumulators)),
        list(map(np.add, one.n_parts, other.n_parts)),
        one.loss + other.loss,
        one.n_targets + other.n_targets,
    )


def adasum(one, other):
    """Add two changes row by row, each without half of what the other has in its direction (Maleki et al., 2021).

    Parameters
    ----------
    one, other : ndarrays of shape (n_rows, vector_size), float32

    Returns
    -------
    sum : ndarray of shape (n_rows, vector_size), float32
    """
    dot = np.einsum("ij,ij->i", one, other)
    result = np.zeros_like(one)
    for change in (one, other):
        squared_length = np.einsum("ij,ij->i", change, change)
        share = np.divide(dot, 2 * squared_length, out=np.zeros_like(dot), where=squared_length > 0)
        result += (1 - share)[:, None] * change
    return result


def apply_change(tables, change):
    """The tables after a change.

    Parameters
    ----------
    tables : Tables
    change : Change

    Returns
    -------
    tables : Tables
    """
    sums = zip(tables.accumulators, change.accumulators, change.n_parts, strict=True)
    return Tables(
        list(map(np.add, tables.vectors, change.vectors)),
        [accumulator + added / np.maximum(n_parts, 1).astype(np.float32) for accumulator, added, n_parts in sums],
        (*tables.losses, (change.loss, change.n_targets)),
    )
