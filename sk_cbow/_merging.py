"""Tables trained separately on parts of a corpus -> merged tables.

Adasum (Maleki et al., 2021) merges the changes of a row: it adds orthogonal changes and averages parallel ones.
The accumulators of row-wise Adagrad are averaged over the parts that contain the word.
"""

from typing import NamedTuple

import numpy as np


class Tables(NamedTuple):
    """One or two tables, their accumulators, and the loss of each round so far."""

    vectors: list  # of ndarrays of shape (n_tokens, vector_size), float32
    accumulators: list  # of ndarrays of shape (n_tokens,), float32; inf freezes a row
    losses: tuple = ()  # of (loss, n_targets), as in `Change`


class Change(NamedTuple):
    """What one part, or several merged parts, add to the tables."""

    vectors: list  # as in `Tables`
    accumulators: list  # as in `Tables`, summed over the parts
    n_parts: list  # of ndarrays of shape (n_tokens,), int32: number of parts that have changed the row
    loss: float  # summed over the targets
    n_targets: float


def difference(before, after, loss, n_targets):
    """Compute the change between tables before and after training.

    Parameters
    ----------
    before, after : Tables
    loss, n_targets : float
        Summed loss and number of targets in this training.

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
    """Add two changes row by row, each less half of the projection of the other onto it (Maleki et al., 2021).

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
        common = np.divide(dot, 2 * squared_length, out=np.zeros_like(dot), where=squared_length > 0)
        result += (1 - common)[:, None] * change
    return result


def apply_change(tables, change):
    """Add a change to tables.

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
