"""Parts of a corpus -> tables trained in rounds: all parts start from the same tables, and their changes are merged.

This module knows no cluster engine: the caller passes a function that submits tasks. Every task is a function of its
arguments, so that results do not depend on where it runs, and it may run again.

Adasum (Maleki et al., 2021) merges the changes of a row: it adds orthogonal changes and averages parallel ones.
The accumulators of row-wise Adagrad are averaged over the parts that contain the word.
"""

import itertools
from typing import NamedTuple

import numpy as np

from sk_cbow._training.blocks import make_blocks
from sk_cbow._training.config import EpochLoss, Tables
from sk_cbow._training.initial import rows_of_tables


class TrainedPart(NamedTuple):
    """The result of one part in one round."""

    tables: Tables
    loss: EpochLoss


class Change(NamedTuple):
    """What one part, or several merged parts, add to the tables."""

    vectors: list  # as in `Tables`
    accumulators: list  # as in `Tables`, summed over the parts
    n_parts: list  # of ndarrays of shape (n_tokens,), int32: number of parts that have changed the row


def train_in_rounds(submit, tables, parts, counts, n_occurrences, config, n_rounds, seed):
    """Submit the tasks of all rounds.

    With one part and one round per epoch, the result is the same as on one machine.

    Parameters
    ----------
    submit : function
        Takes a function and its arguments, among them results of other tasks, and returns the result: itself, or a
        future.
    tables : future of Tables
        With which training starts.
    parts : list of futures of Corpus
    counts : future of ndarray of shape (n_tokens,)
        How often each token occurs in all documents so far.
    n_occurrences : int
        Known tokens of a part, on average.
    config : TrainingConfig
    n_rounds : int
        Rounds per epoch.
    seed : list of int

    Returns
    -------
    tables : future of Tables
    losses : list of futures of EpochLoss
        For each epoch.
    """
    losses = [[] for _ in range(config.epochs)]  # of rounds and parts
    for epoch, round_ in itertools.product(range(config.epochs), range(n_rounds)):
        trained = [
            submit(train_part, tables, part, index, counts, n_occurrences, config, n_rounds, seed, epoch, round_)
            for index, part in enumerate(parts)
        ]
        losses[epoch] += [submit(_loss_of, part) for part in trained]
        if len(trained) == 1:
            tables = submit(_tables_of, *trained)  # not by a change, which would round them
        else:
            changes = [submit(difference, tables, part) for part in trained]
            tables = submit(apply_change, tables, reduce_in_tree(submit, merge, changes))
    return tables, [submit(_sum_of, *losses_of_epoch) for losses_of_epoch in losses]


def reduce_in_tree(submit, function, results, n_neighbours=2):
    """Apply a function to the results of neighbours, repeatedly, until one result is left."""
    while len(results) > 1:
        groups = [results[start : start + n_neighbours] for start in range(0, len(results), n_neighbours)]
        results = [submit(function, *group) if len(group) > 1 else group[0] for group in groups]
    return results[0]


def train_part(tables, part, index, counts, n_occurrences, config, n_rounds, seed, epoch, round_):
    """Train on the documents of a part in one round.

    Parameters
    ----------
    tables : Tables
        With which the round starts.
    part : Corpus
    index : int
        Of the part.
    counts, n_occurrences, config, n_rounds, seed
        As in `train_in_rounds`.
    epoch, round_ : int

    Returns
    -------
    trained : TrainedPart
    """
    from sk_cbow._training.loop import Epochs, train  # here, because it imports TensorFlow

    order = np.random.default_rng([*seed, epoch, index]).permutation(part.n_documents)
    documents = part.select(np.sort(order[round_::n_rounds]))  # in their order, as on one machine
    tables, (loss,) = train(
        make_blocks(documents, config, counts, n_occurrences),
        config,
        rows_of_tables(tables),
        None,
        # The first part has the blocks that one machine would have.
        seed=[*seed, index] if index else seed,
        epochs=Epochs(first=epoch * n_rounds + round_, n=1, of=config.epochs * n_rounds),
    )
    return TrainedPart(tables, loss)


def _tables_of(trained):
    return trained.tables


def _loss_of(trained):
    return trained.loss


def _sum_of(*losses):
    return EpochLoss(*map(sum, zip(*losses, strict=True)))


def difference(before, trained):
    """Compute the change between the tables before a round and those of a trained part.

    Parameters
    ----------
    before : Tables
    trained : TrainedPart

    Returns
    -------
    change : Change
    """
    after = trained.tables
    vectors = [new - old for old, new in zip(before.vectors, after.vectors, strict=True)]
    accumulators = [
        np.where(np.isinf(old), np.float32(0), new - np.where(np.isinf(old), 0, old))
        for old, new in zip(before.accumulators, after.accumulators, strict=True)
    ]
    return Change(vectors, accumulators, [(values > 0).astype(np.int32) for values in accumulators])


def merge(first, second):
    """Merge two changes of the same tables into one.

    Parameters
    ----------
    first, second : Change

    Returns
    -------
    change : Change
    """
    return Change(
        list(map(adasum, first.vectors, second.vectors)),
        list(map(np.add, first.accumulators, second.accumulators)),
        list(map(np.add, first.n_parts, second.n_parts)),
    )


def adasum(first, second):
    """Add two changes row by row, each less half of the projection of the other onto it (Maleki et al., 2021).

    Parameters
    ----------
    first, second : ndarrays of shape (n_rows, vector_size), float32

    Returns
    -------
    sum : ndarray of shape (n_rows, vector_size), float32
    """
    dot = np.einsum("ij,ij->i", first, second)
    result = np.zeros_like(first)
    for change in (first, second):
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
    )
