"""Lists of tokens -> rows of tokens: which tokens are kept, and how often each occurs.

This module uses two kinds of integers. A token's *code* is its index among the distinct tokens of some documents, in
order of first appearance. Its *row* is its index in the vocabulary and the embeddings, 0 for the most frequent token.
An occurrence of a token is stored as one int32: first its code, later its row.

Documents are read in *chunks*: some documents at a time, or some of the tokens of a long document.
"""

import io
import itertools
import mmap
import re
import reprlib
import tempfile
from array import array
from collections import defaultdict
from typing import NamedTuple, Protocol

import numpy as np

from sk_cbow._documents import plain_tokens
from sk_cbow._files import quoted
from sk_cbow._warnings import warn

# Maximum size of a chunk: enough that the overhead of NumPy's calls is small, and about 30 MB.
DOCUMENTS_AT_A_TIME, TOKENS_AT_A_TIME = 2**12, 2**18
BYTES_PER_TOKEN = 4  # int32
# A quarter of a billion tokens; a larger corpus is kept in a temporary file. Training reads documents in random order,
# which is fastest in memory, and a machine that holds TensorFlow and large tables can hold this, too.
BYTES_IN_MEMORY = 2**30
MANY_TOKENS = 20  # if all tokens are unknown, and there are at least this many, they are probably of another kind
# Of tokens without a row, so many counts are kept when there are twice as many: a few megabytes, for which a call of
# `partial_fit` takes milliseconds. The most frequent are nearest to getting a row.
DROPPED_TO_KEEP = 100_000
TOKENS_TO_COMPARE = 1000  # with the vocabulary, to find an example in the warning about unknown tokens
SURROGATE = re.compile("[\ud800-\udfff]")
UNKNOWN = np.iinfo(np.int32).min  # as a row; unlike -1, it raises an IndexError if it is used by mistake


class Vocabulary(NamedTuple):
    """The tokens of all documents read so far."""

    rows: dict  # token -> row, in decreasing order of frequency, then of first appearance; tokens added later follow
    counts: np.ndarray  # (n_tokens,) int64, by row
    dropped_counts: dict  # token -> count, of tokens without a row, at most 2 * DROPPED_TO_KEEP


EMPTY_VOCABULARY = Vocabulary({}, np.empty(0, np.int64), {})


class CorpusProtocol(Protocol):
    """What `fit` needs of a corpus, on one machine or in parts on a cluster."""

    vocabulary: Vocabulary
    n_documents: int
    max_length: int  # known tokens of the longest document

    def total(self, function, *arguments):
        """Call a function with the chunks of the documents; return the result, or the sum of results over parts."""


class Corpus(NamedTuple):
    """Documents as rows of tokens, and the vocabulary of these and all previous documents."""

    vocabulary: Vocabulary
    token_counts: np.ndarray  # (n_tokens,) int64, by row, in these documents alone
    rows: np.ndarray  # (n_occurrences,) int32, the known tokens of one document after the other
    offsets: np.ndarray  # (n_documents + 1,) int64; document d is rows[offsets[d]:offsets[d + 1]]

    @property
    def n_documents(self):
        return len(self.offsets) - 1

    @property
    def max_length(self):
        """Number of known tokens of the longest document."""
        return int(np.diff(self.offsets).max())

    def select(self, documents):
        """Return a corpus of some documents, an array of indices, without the vocabulary."""
        document_offsets = self.offsets[documents]
        lengths = self.offsets[documents + 1] - document_offsets
        offsets = np.concatenate(([0], np.cumsum(lengths)))
        rows = self.rows[np.arange(offsets[-1]) + np.repeat(document_offsets - offsets[:-1], lengths)]
        return Corpus(None, np.bincount(rows, minlength=len(self.token_counts)), rows, offsets)

    def chunks(self):
        """Yield the documents chunk by chunk, as `encode_documents` does."""
        for location, offsets, is_complete in _chunk_locations(self.offsets):
            yield self.rows[location], offsets, is_complete

    def total(self, function, *arguments):
        """Call a function with the chunks. A corpus in parts returns the sum of the results over its parts."""
        return function(self.chunks(), *arguments)


class IntegerFile:
    """A file of int32 values, in memory up to `BYTES_IN_MEMORY`, then on disk, where it is removed even after a crash.

    A ``with`` statement closes it at the end. The array that `as_array` returns can still be used afterwards.
    """

    def __init__(self):
        self.file = io.BytesIO()  # grows in place, whereas concatenating arrays would take twice the memory
        self.is_on_disk = False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.is_on_disk:
            self.file.close()

    def write(self, position, integers):
        """Write an array at a position, which is at most the end of the file."""
        n_bytes = BYTES_PER_TOKEN * (position + len(integers))
        try:
            if n_bytes > BYTES_IN_MEMORY and not self.is_on_disk:
                self._move_to_disk(position)
            self._write(position, integers)
        except OSError as error:
            message = (
                f"{error.strerror}: the tokens of the documents read so far take {n_bytes:,} bytes in the folder of "
                f"temporary files, {tempfile.gettempdir()}: free space there, or start Python with the environment "
                "variable TMPDIR set to a folder with more space"
            )
            raise OSError(error.errno, message) from error

    def _move_to_disk(self, n_integers):
        in_memory = self.as_array(n_integers)
        # Unbuffered, so that closing the file writes nothing and cannot fail.
        self.file, self.is_on_disk = tempfile.TemporaryFile(buffering=0), True  # noqa: SIM115, closed by __exit__
        self._write(0, in_memory)

    def _write(self, position, integers):
        self.file.seek(BYTES_PER_TOKEN * position)
        unwritten = integers.view(np.uint8)
        while len(unwritten):
            unwritten = unwritten[self.file.write(unwritten) :]

    def read(self, location):
        """Return a copy of the integers at a location, a slice."""
        self.file.seek(BYTES_PER_TOKEN * location.start)
        return np.frombuffer(self.file.read(BYTES_PER_TOKEN * (location.stop - location.start)), np.int32)

    def as_array(self, n_integers):
        """View the first integers as an array; afterwards, nothing can be written."""
        # Mapped for reading only: on a full disk, writing to a map could kill the process, whereas `write` raises.
        buffer = mmap.mmap(self.file.fileno(), 0, access=mmap.ACCESS_READ) if self.is_on_disk else self.file.getbuffer()
        return np.frombuffer(buffer, np.int32)[:n_integers]


def read_corpus(documents, *, min_count, max_vocab, previous=EMPTY_VOCABULARY):
    """Read documents in one pass and choose the vocabulary, or extend the previous one.

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
    OSError
        If the documents take more than `BYTES_IN_MEMORY` and do not fit in the folder of temporary files.
    ValueError
        If there is no document. Without a previous vocabulary, also if no token is frequent enough or no document has
        two tokens of the vocabulary.
    """
    with IntegerFile() as file:
        tokens, counts, offsets = count_tokens(documents, file)
        if len(offsets) == 1:
            raise ValueError("X holds no documents: pass at least one (a generator can be read only once)")
        vocabulary = choose_vocabulary(tokens, counts, min_count=min_count, max_vocab=max_vocab, previous=previous)
        corpus = encode_corpus(tokens, counts, file, offsets, vocabulary)
    if not previous.rows:
        check_contexts(corpus.max_length, vocabulary, len(tokens), min_count=min_count, max_vocab=max_vocab)
    return corpus


def encode_corpus(tokens, counts, file, offsets, vocabulary):
    """Make a corpus from documents that `count_tokens` has read, with a given vocabulary."""
    row_of_code = _rows_of(tokens, vocabulary.rows)
    rows = encode_codes(file, offsets, row_of_code)
    return Corpus(vocabulary, _by_row(row_of_code, counts, len(vocabulary.rows)), rows, offsets)


def check_contexts(max_length, vocabulary, n_distinct, *, min_count, max_vocab):
    """Raise an error if no document has two known tokens."""
    if max_length < 2:
        raise ValueError(
            f"no document has two tokens of the vocabulary, so no token has a context to learn from: "
            f"min_count={min_count} and max_vocab={max_vocab} kept {len(vocabulary.rows)} of {n_distinct} distinct "
            f"tokens, such as {reprlib.repr(next(iter(vocabulary.rows)))}; pass longer documents, keep more tokens, "
            "or, if the documents are long texts, set another analyzer, which splits them into more tokens"
        )


def count_tokens(documents, file):
    """Read documents in one pass: find their distinct tokens and counts, and write them to a file as codes.

    Parameters
    ----------
    documents : iterable of lists of tokens
    file : IntegerFile
        Empty; receives the codes of the tokens, one document after the other.

    Returns
    -------
    tokens : list
        The distinct tokens, by code, as Python's strings and integers.
    counts : ndarray of shape (n_distinct,), int64
        How often each occurs, by code.
    offsets : ndarray of shape (n_documents + 1,), int64
        Document d has the codes from ``offsets[d]`` to ``offsets[d + 1]``.
    """
    code_of = defaultdict(itertools.count().__next__)
    counts, offsets = np.zeros(0, np.int64), array("q", [0])
    n_codes = 0
    for tokens, chunk_offsets, is_complete in _chunks(documents):
        codes = np.fromiter(map(code_of.__getitem__, tokens), np.int32, len(tokens))
        file.write(n_codes, codes)
        counts.resize(len(code_of), refcheck=False)  # in place; new counts are zero
        np.add.at(counts, codes, 1)
        offsets.frombytes((n_codes + _end_offsets(chunk_offsets, is_complete)).tobytes())
        n_codes += len(codes)
    return plain_tokens(list(code_of)), counts, np.asarray(offsets)


def choose_vocabulary(tokens, counts, *, min_count, max_vocab, previous=EMPTY_VOCABULARY):
    """Merge counts of documents with those of previous ones, and give rows to tokens that are now frequent enough.

    Parameters
    ----------
    tokens : list
        Distinct tokens of these documents, in order of first appearance.
    counts : ndarray of shape (n_distinct,), int64
        How often each occurs in these documents.
    min_count : int
        Tokens that occur fewer times, in these documents and the previous ones together, get no row.
    max_vocab : int or None
        Maximum number of rows; the most frequent tokens get them.
    previous : Vocabulary
        The vocabulary of previous documents, whose tokens keep their rows.

    Returns
    -------
    vocabulary : Vocabulary

    Raises
    ------
    ValueError
        If the vocabulary would be empty.
    """
    rows = _rows_of(tokens, previous.rows)
    totals = counts + np.fromiter(map(previous.dropped_counts.get, tokens, itertools.repeat(0)), np.int64, len(tokens))
    is_dropped = rows == UNKNOWN
    frequent = np.flatnonzero(is_dropped & (totals >= min_count))
    n_free = None if max_vocab is None else max(max_vocab - len(previous.rows), 0)
    added = frequent[np.argsort(-totals[frequent], kind="stable")][:n_free]  # stable, so that ties keep their order
    is_dropped[added] = False
    if not len(added) and not previous.rows:
        raise ValueError(_no_frequent_token(tokens, counts, min_count))

    added_rows = dict(zip(map(tokens.__getitem__, added.tolist()), itertools.count(len(previous.rows))))
    counts_by_row = previous.counts + _by_row(rows, counts, len(previous.rows))
    dropped = itertools.compress(tokens, is_dropped.tolist())
    dropped_counts = previous.dropped_counts.copy()
    dropped_counts.update(zip(dropped, totals[is_dropped].tolist(), strict=True))
    for token in added_rows:
        dropped_counts.pop(token, None)
    counts = np.concatenate((counts_by_row, totals[added]))
    return Vocabulary(previous.rows | added_rows, counts, _without_rarest(dropped_counts))


def _without_rarest(counts):
    """Forget counts of tokens if they are too many: the lowest, and among equals those of the earliest tokens.

    The number of forgotten tokens pays for the sort, so that the time for a token does not depend on the number of all.
    """
    if len(counts) <= 2 * DROPPED_TO_KEEP:
        return counts
    # Strings go before integers, as packing arranges them, so that it changes nothing.
    is_integer = [not isinstance(token, str) for token in counts]
    order = np.lexsort((is_integer, list(counts.values())))  # by count first; stable
    is_kept = np.ones(len(counts), bool)
    is_kept[order[:-DROPPED_TO_KEEP]] = False
    return dict(itertools.compress(counts.items(), is_kept.tolist()))


def pack_counts(counts):
    """Store counts of tokens in a tenth of the memory of a dict; the pickle takes half the space.

    The strings are bytes, because skops saves strings as JSON, where two surrogates in a row become one character.

    Parameters
    ----------
    counts : dict
        Token, a string or an integer, -> count.

    Returns
    -------
    packed : dict
        Plain data, from which `unpack_counts` makes a dict that is equal to `counts`.
    """
    strings = [token for token in counts if isinstance(token, str)]
    integers = [int(token) for token in counts if not isinstance(token, str)]
    return {
        "strings": "".join(strings).encode(errors="surrogatepass"),
        "lengths": _smallest_array(list(map(len, strings))),
        "integers": integers,
        "counts": _smallest_array([counts[token] for token in itertools.chain(strings, integers)]),
    }


def unpack_counts(packed):
    """Return the dict, token -> count, that `pack_counts` has packed."""
    offsets = [0, *np.cumsum(packed["lengths"], dtype=np.int64).tolist()]
    text = packed["strings"].decode(errors="surrogatepass")
    strings = [text[start:stop] for start, stop in itertools.pairwise(offsets)]
    return dict(zip(strings + packed["integers"], packed["counts"].tolist(), strict=True))


def pack_vocabulary(attributes):
    """Pack the vocabulary among attributes to be saved, if skops would alter it.

    skops saves the keys of a dict as JSON, where 7 and "7" are the same key, and so are two surrogates in a row and the
    character that they encode.
    """
    vocabulary = attributes.get("vocabulary_", {})
    if _is_safe_in_json(vocabulary):
        return attributes
    others = {name: value for name, value in attributes.items() if name != "vocabulary_"}
    return others | {"_packed_vocabulary": pack_counts(vocabulary)}


def unpack_vocabulary(packed):
    """Return the vocabulary, token -> row, that `pack_vocabulary` has packed."""
    return dict(sorted(unpack_counts(packed).items(), key=lambda item: item[1]))


def _is_safe_in_json(tokens):
    kinds = set(map(type, tokens))
    if kinds == {str}:
        return not SURROGATE.search("".join(tokens))
    return kinds != {str, int}


def _smallest_array(values):
    return np.array(values, np.min_scalar_type(max(values, default=0)))


def encode_codes(file, offsets, row_of_code):
    """Replace the codes of tokens with their rows, in place; tokens without a row are dropped.

    Parameters
    ----------
    file : IntegerFile
        Codes of tokens, one document after the other.
    offsets : ndarray of shape (n_documents + 1,), int64
        Offsets of the documents in the file; replaced with offsets in `rows`.
    row_of_code : ndarray of shape (n_distinct,), int32
        `UNKNOWN` for tokens to drop.

    Returns
    -------
    rows : ndarray of shape (n_known_occurrences,), int32
        Document d is ``rows[offsets[d]:offsets[d + 1]]``.
    """
    n_rows, n_documents = 0, 0
    for location, chunk_offsets, is_complete in _chunk_locations(offsets):
        rows, chunk_offsets = _drop_unknown(row_of_code[file.read(location)], chunk_offsets)
        ends = n_rows + _end_offsets(chunk_offsets, is_complete)
        # Both overwrite only what has been read.
        file.write(n_rows, rows)
        offsets[n_documents + 1 :][: len(ends)] = ends
        n_documents += len(ends)
        n_rows += len(rows)
    return file.as_array(n_rows)


def encode_documents(documents, vocabulary):
    """Find the rows of the known tokens of documents, chunk by chunk; unknown tokens are dropped.

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

    Warns
    -----
    UserWarning
        If there are `MANY_TOKENS` or more, and none is known; it names a token of each side.
    """
    n_tokens, n_known, unknown = 0, 0, []
    for tokens, offsets, is_complete in _chunks(documents):
        n_tokens += len(tokens)
        rows, offsets = _drop_unknown(_rows_of(tokens, vocabulary), offsets)
        n_known += len(rows)
        if not n_known:
            unknown = unknown or tokens[:TOKENS_TO_COMPARE]
        yield rows, offsets, is_complete
    if n_tokens >= MANY_TOKENS and not n_known:
        token, other = most_alike(unknown, vocabulary)
        warn(
            f"none of the {n_tokens} tokens of these documents is in the vocabulary, so all document vectors are zero: "
            f"for example, the documents have {quoted(token)}, and the vocabulary has {quoted(other)}; tokens match "
            "only if their type and their case are the same"
        )


def most_alike(tokens, vocabulary):
    """Return a token of each side: two that differ only in type or case, or if there are none, the first of each."""
    folded = {_folded(token): token for token in reversed(list(vocabulary))}
    for token in tokens:
        if _folded(token) in folded:
            return token, folded[_folded(token)]
    return next(iter(tokens)), next(iter(vocabulary))


def _folded(token):
    return quoted(token).strip("'\"").casefold()


def _chunks(documents):
    """Read documents chunk by chunk: the list of their tokens, offsets in it, and is_complete as in `encode_documents`.

    The list is reused for the next chunk.
    """
    tokens, offsets = [], [0]
    for document in documents:
        start = 0
        while len(document) - start > TOKENS_AT_A_TIME:
            tokens += document[start : start + TOKENS_AT_A_TIME]
            yield tokens, np.array([*offsets, len(tokens)], np.int64), False
            tokens.clear()
            offsets = [0]
            start += TOKENS_AT_A_TIME
        tokens += document[start:] if start else document
        offsets.append(len(tokens))
        if len(offsets) > DOCUMENTS_AT_A_TIME or len(tokens) >= TOKENS_AT_A_TIME:
            yield tokens, np.array(offsets, np.int64), True
            tokens.clear()
            offsets = [0]
    if len(offsets) > 1:
        yield tokens, np.array(offsets, np.int64), True


def _chunk_locations(offsets):
    """Cut a corpus into chunks: a slice of its rows, offsets in the slice, and is_complete as in `encode_documents`."""
    start, n_ended = 0, 0
    while n_ended < len(offsets) - 1:
        ends = offsets[n_ended + 1 :][:DOCUMENTS_AT_A_TIME]
        ends = ends[: np.searchsorted(ends, start + TOKENS_AT_A_TIME) + 1]
        stop = min(int(ends[-1]), start + TOKENS_AT_A_TIME)
        is_complete = bool(stop == ends[-1])
        n_ended += len(ends) - (not is_complete)
        yield slice(start, stop), np.minimum(np.concatenate(([start], ends)), stop) - start, is_complete
        start = stop


def _end_offsets(offsets, is_complete):
    """End offsets of the documents that end in a chunk."""
    return offsets[1:] if is_complete else offsets[1:-1]


def _rows_of(tokens, vocabulary):
    return np.fromiter(map(vocabulary.get, tokens, itertools.repeat(UNKNOWN)), np.int32, len(tokens))


def _by_row(rows, counts, n_rows):
    """Arrange counts of distinct tokens by row; 0 for rows without a token."""
    has_row = rows != UNKNOWN
    by_row = np.zeros(n_rows, np.int64)
    by_row[rows[has_row]] = counts[has_row]
    return by_row


def _drop_unknown(rows, offsets):
    known = (rows != UNKNOWN).nonzero()[0]
    return rows[known], np.searchsorted(known, offsets)


def _no_frequent_token(tokens, counts, min_count):
    if not tokens:
        return "no document of X has a token: pass documents with tokens, or another analyzer if it drops all of them"
    most_frequent, count = tokens[counts.argmax()], counts.max()
    return (
        f"no token occurs min_count={min_count} times; the most frequent, {reprlib.repr(most_frequent)}, occurs "
        f"{count} times: lower min_count, pass more documents, or, if that is a whole text, set another analyzer, "
        "which splits it"
    )
