"""Lists of tokens -> rows of tokens: which tokens are kept, and how often each occurs.

Two integer spaces meet here. A token's *code* is its position among the distinct tokens of some documents, in order of
first appearance. Its *row* is its position in the vocabulary, 0 for the most frequent, and so that in the embeddings.
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


class CountedTokens(NamedTuple):
    """Documents as codes of tokens."""

    tokens: list  # distinct tokens, by code
    counts: np.ndarray  # (n_distinct,) int64, by code
    codes: np.ndarray  # (n_occurrences,) int32, one document after the other
    offsets: np.ndarray  # (n_documents + 1,) int64; document d is codes[offsets[d]:offsets[d + 1]]


class Vocabulary(NamedTuple):
    """The tokens of all documents read so far."""

    rows: dict  # token -> row, in decreasing order of frequency, ties by first appearance; tokens added later follow
    counts: np.ndarray  # (n_tokens,) int64, by row
    dropped_counts: dict  # token -> count, of tokens without a row

    def count_by_row(self, tokens, counts):
        """Arrange counts of distinct tokens by row; 0 where a token is not among them."""
        rows = _rows_of(tokens, self.rows)
        has_row = rows != UNKNOWN
        by_row = np.zeros(len(self.rows), np.int64)
        by_row[rows[has_row]] = counts[has_row]
        return by_row

    def merge(self, tokens, counts):
        """Add the counts of distinct tokens of further documents; no token gets a row."""
        dropped_counts = {
            token: count + self.dropped_counts.get(token, 0)
            for token, count in zip(tokens, counts.tolist(), strict=True)
            if token not in self.rows
        }
        return Vocabulary(
            self.rows, self.counts + self.count_by_row(tokens, counts), self.dropped_counts | dropped_counts
        )

    def add_rows(self, tokens):
        """Give rows to dropped tokens, behind those of the others."""
        rows = dict(zip(tokens, itertools.count(len(self.rows))))
        counts = np.fromiter(map(self.dropped_counts.get, tokens), np.int64, len(tokens))
        dropped_counts = {token: count for token, count in self.dropped_counts.items() if token not in rows}
        return Vocabulary(self.rows | rows, np.concatenate((self.counts, counts)), dropped_counts)


EMPTY_VOCABULARY = Vocabulary({}, np.empty(0, np.int64), {})


class Corpus(NamedTuple):
    """Documents as rows of tokens, and the vocabulary of these and all previous documents."""

    vocabulary: Vocabulary
    token_counts: np.ndarray  # (n_tokens,) int64, by row, in these documents alone
    rows: np.ndarray  # (n_occurrences,) int32, the known tokens of one document after the other
    offsets: np.ndarray  # (n_documents + 1,) int64; document d is rows[offsets[d]:offsets[d + 1]]


def read_corpus(documents, *, min_count, max_vocab, previous=EMPTY_VOCABULARY):
    """Read documents in one pass and choose the vocabulary, or add to it.

    Parameters
    ----------
    documents : iterable of lists of tokens
    min_count, max_vocab, previous
        As in `choose_vocabulary`.

    Returns
    -------
    corpus : Corpus

    Raises
    ------
    ValueError
        If there is no document, or, without a previous vocabulary, if no token is frequent enough or no document has
        two tokens of the vocabulary.
    """
    tokens, counts, codes, offsets = count_tokens(documents)
    if len(offsets) == 1:
        raise ValueError("X holds no documents: pass at least one (a generator can be read only once)")
    vocabulary = choose_vocabulary(tokens, counts, min_count=min_count, max_vocab=max_vocab, previous=previous)
    if not vocabulary.rows:
        raise ValueError(_nothing_frequent(tokens, counts, min_count))
    rows, offsets = encode(codes, offsets, tokens, vocabulary.rows)
    if np.diff(offsets).max() < 2 and not previous.rows:
        raise ValueError(
            f"no document has two tokens of the vocabulary, so no token has a context to learn from: "
            f"min_count={min_count} and max_vocab={max_vocab} kept {len(vocabulary.rows)} of {len(tokens)} distinct "
            "tokens; pass longer documents, or keep more tokens"
        )
    return Corpus(vocabulary, vocabulary.count_by_row(tokens, counts), rows, offsets)


def count_tokens(documents):
    """Read documents in one pass: their distinct tokens, how often each occurs, and where.

    Parameters
    ----------
    documents : iterable of lists of tokens

    Returns
    -------
    counted : CountedTokens
    """
    code_of = defaultdict(itertools.count().__next__)
    codes, offsets = _map_tokens(documents, lambda tokens: map(code_of.__getitem__, tokens), math.inf)
    return CountedTokens(list(code_of), np.bincount(codes, minlength=len(code_of)), codes, offsets)


def choose_vocabulary(tokens, counts, *, min_count, max_vocab, previous=EMPTY_VOCABULARY):
    """Merge counts of documents with those of previous ones, and give rows to the tokens that became frequent.

    Parameters
    ----------
    tokens : list
        Distinct tokens of these documents, in order of first appearance.
    counts : ndarray of shape (n_distinct,), int64
        How often each occurs in these documents.
    min_count : int
        Tokens that occur more rarely, in these documents and the previous ones, get no row.
    max_vocab : int or None
        Maximum number of rows; the most frequent tokens get them.
    previous : Vocabulary
        Of previous documents; all its tokens keep their rows.

    Returns
    -------
    vocabulary : Vocabulary
    """
    merged = previous.merge(tokens, counts)
    frequent = [token for token in tokens if merged.dropped_counts.get(token, 0) >= min_count]
    frequent.sort(key=merged.dropped_counts.get, reverse=True)  # stable, so that ties keep their order
    n_free = None if max_vocab is None else max(max_vocab - len(previous.rows), 0)
    return merged.add_rows(frequent[:n_free])


def encode(codes, offsets, tokens, vocabulary):
    """Replace codes of tokens with rows; unknown tokens are dropped.

    Parameters
    ----------
    codes : ndarray of shape (n_occurrences,), int32
    offsets : ndarray of shape (n_documents + 1,), int64
        Document d is ``codes[offsets[d]:offsets[d + 1]]``.
    tokens : list
        Distinct tokens, by code.
    vocabulary : dict
        Token -> row.

    Returns
    -------
    rows : ndarray of shape (n_known_occurrences,), int32
    offsets : ndarray of shape (n_documents + 1,), int64
        Document d is ``rows[offsets[d]:offsets[d + 1]]``.
    """
    return _drop_unknown(_rows_of(tokens, vocabulary)[codes], offsets)


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
        rows, offsets = _map_tokens(itertools.islice(remaining, DOCUMENTS_AT_A_TIME), row_of, TOKENS_AT_A_TIME)
        if len(offsets) == 1:
            return
        yield *_drop_unknown(rows, offsets), is_complete


def _map_tokens(documents, integers_of, enough):
    """Map the tokens of the next documents to integers, one document after the other, until there are enough tokens."""
    offsets = array("q", [0])

    def next_documents():
        for tokens in documents:
            offsets.append(offsets[-1] + len(tokens))
            yield tokens
            if offsets[-1] >= enough:
                return

    integers = np.fromiter(integers_of(itertools.chain.from_iterable(next_documents())), np.int32)
    return integers, np.asarray(offsets)


def _rows_of(tokens, vocabulary):
    return np.fromiter(map(vocabulary.get, tokens, itertools.repeat(UNKNOWN)), np.int32, len(tokens))


def _drop_unknown(rows, offsets):
    is_known = rows != UNKNOWN
    n_known_before = np.concatenate(([0], np.cumsum(is_known)))
    return rows[is_known], n_known_before[offsets]


def _nothing_frequent(tokens, counts, min_count):
    if not tokens:
        return "no document of X has a token: pass documents that have some, or another analyzer if it leaves them out"
    most, count = tokens[counts.argmax()], counts.max()
    return (
        f"no token occurs min_count={min_count} times; the most frequent, {reprlib.repr(most)}, occurs {count} times: "
        "lower min_count or pass more documents"
    )
