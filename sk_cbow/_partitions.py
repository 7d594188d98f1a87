"""Partitions of a corpus -> its parts as rows of tokens, for any cluster engine.

Each function is a task that depends only on its arguments. The engine's client receives a `Summary` of all partitions
and chooses the vocabulary. If a partition is read again later, because its worker died, it has to be the same as when
it was counted.
"""

import itertools
from collections import defaultdict
from typing import NamedTuple

import numpy as np

from sk_cbow._documents import token_lists
from sk_cbow._training.checkpoint import digest
from sk_cbow._vocabulary import EMPTY_VOCABULARY, Corpus, IntegerFile, count_tokens, encode_corpus


class CountedPartition(NamedTuple):
    """The documents of a partition, as from `count_tokens`."""

    tokens: list
    counts: np.ndarray
    codes: np.ndarray
    offsets: np.ndarray
    digest: str  # of the documents, in their order


class Summary(NamedTuple):
    """What the client needs to know of some partitions."""

    tokens: list  # distinct, in order of first appearance
    counts: np.ndarray  # (n_distinct,) int64
    digests: list  # of str, one for each partition
    n_documents: int


class Sizes(NamedTuple):
    """Of one part, or of several together."""

    n_documents: int
    n_occurrences: int
    max_length: int


def count_partition(partition, index, analyzer):
    """Read the documents of a partition.

    Raises
    ------
    TypeError
        As `token_lists`; the message begins with the partition.
    """
    with IntegerFile() as file:
        try:
            tokens, counts, offsets = count_tokens(token_lists(partition, analyzer), file)
        except TypeError as error:
            raise TypeError(f"in partition {index}, {error}") from error
        codes = file.as_array(offsets[-1])
        return CountedPartition(tokens, counts, codes, offsets, digest(codes, offsets, texts=tokens))


def summary_of(counted):
    """Summarize one counted partition."""
    return Summary(counted.tokens, counted.counts, [counted.digest], len(counted.offsets) - 1)


def merge_summaries(*summaries):
    """Add counts; tokens stay in order of first appearance."""
    code_of = defaultdict(itertools.count().__next__)
    codes = [[code_of[token] for token in summary.tokens] for summary in summaries]
    counts = np.zeros(len(code_of), np.int64)
    for codes_of_one, summary in zip(codes, summaries, strict=True):
        counts[codes_of_one] += summary.counts  # each code once
    digests = list(itertools.chain.from_iterable(summary.digests for summary in summaries))
    return Summary(list(code_of), counts, digests, sum(summary.n_documents for summary in summaries))


def encode_partition(index, counted, first_digest, rows):
    """Make a corpus of a counted partition.

    Parameters
    ----------
    index : int
        Of the partition.
    counted : CountedPartition
    first_digest : str
        Of the documents when they were summarized.
    rows : dict
        Token -> row.

    Returns
    -------
    corpus : Corpus
        Without the vocabulary.

    Raises
    ------
    RuntimeError
        If the partition was read again, and was different.
    """
    if counted.digest != first_digest:
        raise RuntimeError(
            f"partition {index} of X was lost with a worker, and when it was read again, it had other documents or "
            "another order: pass a collection that is always read in the same way, such as files in which you have "
            "stored the documents"
        )
    with IntegerFile() as file:
        file.write(0, counted.codes)
        vocabulary = EMPTY_VOCABULARY._replace(rows=rows)
        corpus = encode_corpus(counted.tokens, counted.counts, file, counted.offsets.copy(), vocabulary)
        return corpus._replace(vocabulary=None)


def concatenate(*corpora):
    """Make one corpus, a part, of several partitions."""
    lengths = np.concatenate([np.diff(corpus.offsets) for corpus in corpora])
    offsets = np.concatenate(([0], np.cumsum(lengths)))
    rows = np.concatenate([corpus.rows for corpus in corpora])
    return Corpus(None, sum(corpus.token_counts for corpus in corpora), rows, offsets)


def sizes_of(part):
    """Return the sizes of a part."""
    return Sizes(part.n_documents, len(part.rows), part.max_length if part.n_documents else 0)


def merge_sizes(sizes):
    """Return the sizes of several parts together."""
    n_documents, n_occurrences, max_length = zip(*sizes, strict=True)
    return Sizes(sum(n_documents), sum(n_occurrences), max(max_length))


def total_of(part, call):
    """Call a function with the chunks of a part; `call` is the function, followed by its other arguments."""
    function, *arguments = call
    return part.total(function, *arguments)
