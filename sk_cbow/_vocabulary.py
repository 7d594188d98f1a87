"""Lists of tokens -> token ids: which tokens are kept, and how often each occurs.

Two integer spaces meet here. A token's *row* is its place in the vocabulary, 0 for the most frequent, and so its row
in the embeddings. A *token id* is what training blocks are made of: row + 1, because id 0 is padding.
"""

import itertools
import math
import reprlib
from array import array
from collections import defaultdict
from typing import NamedTuple

import numpy as np

# Looked up and averaged in one go: enough to make NumPy's calls cheap, some 15 MB in memory.
DOCUMENTS_AT_A_TIME, TOKENS_AT_A_TIME = 2**12, 2**18
UNKNOWN = np.iinfo(np.int32).min  # instead of a row; a row that is wrong, such as -1, is an error further on


class Seen(NamedTuple):
    """The tokens of all documents read so far."""

    vocabulary: dict  # token -> row, by falling count, ties by first appearance; later ones behind earlier ones
    token_counts: np.ndarray  # (n_tokens,) int64, by row
    left_out: dict  # token -> count, of tokens that have no row


NOTHING = Seen({}, np.empty(0, np.int64), {})


class Corpus(NamedTuple):
    """Documents in numbers, and all that has been seen with them."""

    seen: Seen
    token_ids: np.ndarray  # (n_occurrences,) int32, the known tokens of one document after the other
    offsets: np.ndarray  # (n_documents + 1,) int64; document d is token_ids[offsets[d]:offsets[d + 1]]


def read_corpus(documents, *, min_count, max_vocab, seen=NOTHING):
    """Read documents in one pass and choose the vocabulary, or add to it.

    Parameters
    ----------
    documents : iterable of lists of tokens
    min_count : int
        Tokens that occur more rarely, in these documents and in those seen before, get no row.
    max_vocab : int or None
        Most rows; the most frequent tokens get them.
    seen : Seen
        What earlier calls returned; all its tokens keep their rows.

    Returns
    -------
    corpus : Corpus

    Raises
    ------
    ValueError
        If there is no document, or, where nothing has been seen before, if no token is frequent enough or no document
        has two tokens of the vocabulary.
    """
    tokens, numbers, offsets = _number_by_first_appearance(documents)
    if len(offsets) == 1:
        raise ValueError("X holds no documents: pass at least one (a generator can be read only once)")
    counts_here = np.bincount(numbers, minlength=len(tokens))
    rows = np.fromiter(map(seen.vocabulary.get, tokens, itertools.repeat(-1)), np.int64, len(tokens))
    token_counts = counts_here + np.fromiter(map(seen.left_out.get, tokens, itertools.repeat(0)), np.int64, len(tokens))
    is_new = (rows < 0) & (token_counts >= min_count)
    if not (seen.vocabulary or is_new.any()):
        raise ValueError(_nothing_frequent(tokens, token_counts, min_count))

    by_falling_count = np.argsort(-token_counts, kind="stable")
    room = None if max_vocab is None else max(max_vocab - len(seen.vocabulary), 0)
    added = by_falling_count[is_new[by_falling_count]][:room]
    rows[added] = len(seen.vocabulary) + np.arange(len(added))
    token_ids, offsets = _without(0, (rows + 1).astype(np.int32)[numbers], offsets)
    if np.diff(offsets).max() < 2 and not seen.vocabulary:
        raise ValueError(
            f"no document has two tokens of the vocabulary, so no token has a context to learn from: "
            f"min_count={min_count} and max_vocab={max_vocab} kept {np.count_nonzero(rows >= 0)} of {len(tokens)} "
            "distinct tokens; pass longer documents, or keep more tokens"
        )
    vocabulary = seen.vocabulary | {tokens[number]: int(rows[number]) for number in added.tolist()}
    all_counts = np.concatenate((seen.token_counts, np.zeros(len(added), np.int64)))
    has_row = rows >= 0
    all_counts[rows[has_row]] += np.where(is_new, token_counts, counts_here)[has_row]
    left_out = seen.left_out | {tokens[number]: int(token_counts[number]) for number in np.flatnonzero(~has_row)}
    for number in added.tolist():
        left_out.pop(tokens[number], None)
    return Corpus(Seen(vocabulary, all_counts, left_out), token_ids, offsets)


def look_up(documents, vocabulary):
    """Find the rows of the known tokens of documents, chunk by chunk; unknown tokens are left out.

    Parameters
    ----------
    documents : iterable of lists of tokens
    vocabulary : dict
        Token -> row.

    Yields
    ------
    rows : ndarray of shape (n_known_occurrences,), int32
        One document after the other.
    offsets : ndarray of shape (n_documents + 1,), int64
        Document d of the chunk is ``rows[offsets[d]:offsets[d + 1]]``.
    is_complete : bool
        False if the last document of the chunk continues as the first one of the next.
    """
    is_complete = True

    def pieces():
        nonlocal is_complete
        for tokens in documents:
            for start in range(TOKENS_AT_A_TIME, len(tokens), TOKENS_AT_A_TIME):
                is_complete = False
                yield tokens[start - TOKENS_AT_A_TIME : start]  # which fills a chunk
            is_complete = True
            yield tokens if len(tokens) <= TOKENS_AT_A_TIME else tokens[start:]

    def row_of(tokens):
        return map(vocabulary.get, tokens, itertools.repeat(UNKNOWN))

    remaining = pieces()
    while True:
        rows, offsets = _numbered(itertools.islice(remaining, DOCUMENTS_AT_A_TIME), row_of, TOKENS_AT_A_TIME)
        if len(offsets) == 1:
            return
        yield *_without(UNKNOWN, rows, offsets), is_complete


def _number_by_first_appearance(documents):
    number_of = defaultdict(itertools.count().__next__)
    numbers, offsets = _numbered(documents, lambda tokens: map(number_of.__getitem__, tokens), math.inf)
    return list(number_of), numbers, offsets


def _numbered(documents, numbers_of, enough):
    """Number the tokens of the next documents, one document after the other, until there are enough tokens."""
    offsets = array("q", [0])

    def next_documents():
        for tokens in documents:
            offsets.append(offsets[-1] + len(tokens))
            yield tokens
            if offsets[-1] >= enough:
                return

    numbers = np.fromiter(numbers_of(itertools.chain.from_iterable(next_documents())), np.int32)
    return numbers, np.asarray(offsets)


def _without(unknown, values, offsets):
    is_known = values != unknown
    n_known_before = np.concatenate(([0], np.cumsum(is_known)))
    return values[is_known], n_known_before[offsets]


def _nothing_frequent(tokens, token_counts, min_count):
    if not tokens:
        return "no document of X has a token: pass documents that have some, or another analyzer if it leaves them out"
    most, count = tokens[token_counts.argmax()], token_counts.max()
    return (
        f"no token occurs min_count={min_count} times; the most frequent, {reprlib.repr(most)}, occurs {count} times: "
        "lower min_count or pass more documents"
    )
