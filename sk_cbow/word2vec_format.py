"""Word vectors in the files of word2vec, gensim, fastText and GloVe.

The first line of a word2vec file contains the number of vectors and their length. Then there is one row per vector: its
token, a space, and the numbers, as text with one row per line or as 32-bit floats. fastText's ``.vec`` is the text
format, GloVe's is the same without the first line. Tokens contain no line breaks, and in binary files no spaces; in
text files, some tokens of GloVe contain spaces.

`load` restores bit for bit what `save` has written. For any content, `load` returns vectors or raises an error, and
keeps in memory only the tokens and vectors read so far, a mebibyte, one row, and what decompression needs.
"""

from __future__ import annotations

import io
import itertools
import os
import re
import sys
from array import array
from collections.abc import Callable
from numbers import Integral
from typing import TYPE_CHECKING

import numpy as np

from sk_cbow._files import (
    COMPRESSED_SUFFIXES,
    RereadableFile,
    atomic_write,
    filled_lines,
    numbered_lines,
    open_for_reading,
    quoted,
)
from sk_cbow._word_vectors import WordVectors, as_word_vectors, rows_not_finite

if TYPE_CHECKING:
    from sk_cbow._vectorizer import BaseCBOWVectorizer

__all__ = ["load", "save"]

BYTES_AT_A_TIME = 2**20
# Limits of both `save` and `load`, which bound the memory that reading a damaged file takes.
MAX_TOKEN_BYTES = 2**20
MAX_VECTOR_SIZE = 2**18
BYTES_PER_NUMBER = 32  # average of text including the space; Python writes a float with at most 24 characters
MAX_HEADER_DIGITS = 18  # fits in 64 bits
NUMBER_CHARACTERS = b" 0123456789+-.eE" + b"nNaAiIfFtTyY"  # the letters are those of nan and infinity
SUFFIXES = {True: (".bin",), False: (".txt", ".vec")}  # of binary files and of text
OTHER_SUFFIXES = {*COMPRESSED_SUFFIXES, ".tar", ".npy", ".npz", ".pkl", ".pickle", ".joblib"}
TOKEN_OF_LINE = re.compile(rb"^[^ \n]* ", re.MULTILINE)
CONTROL_CHARACTERS = re.compile(rb"[^\t\n\v\f\r -~\x80-\xff]")


def save(vectorizer: BaseCBOWVectorizer | WordVectors, path: str | os.PathLike[str], binary: bool = False) -> None:
    """Write the word vectors of a fitted vectorizer to a word2vec file.

    gensim's ``KeyedVectors.load_word2vec_format`` and many other tools read it. The format has no counts and weights of
    tokens, no mean and no removed components; save these by pickle.

    Parameters
    ----------
    vectorizer : CBOWVectorizer or WordVectors
        Fitted. Its vectors are written in the order of its vocabulary, integer tokens as text.
    path : str or path-like
        File to write; it is compressed if its name ends in ``.gz``. An existing file is replaced when the new one is
        complete; its mode is kept. A symbolic link stays a link. Pipes and devices are written to. Names of other
        formats, such as ``.zip``, are errors.
    binary : bool, default=False
        Whether to write vectors as 32-bit floats, or as text with nine digits, from which the same 32-bit floats are
        restored.

    Raises
    ------
    NotFittedError
        If the vectorizer is not fitted.
    TypeError
        If `vectorizer` is neither a vectorizer nor `WordVectors`.
    ValueError
        If a token is empty, contains a space or a line break, cannot be encoded as UTF-8, is longer than 1 MiB or has
        the same text as another token; if a vector is not finite; if vectors have more than 262,144 numbers; if the
        name ends like those of other formats, in ``.bin`` with ``binary=False``, or in ``.txt`` or ``.vec`` with
        ``binary=True``. With ``binary=True``, also if the bytes of all vectors are valid text, so that `load` would
        read them as text.
    OSError
        If the file cannot be written. An existing file is unchanged.

    Examples
    --------
    >>> from sk_cbow import CBOWVectorizer, word2vec_format
    >>> documents = [["tea", "milk", "cup"], ["car", "road", "wheel"]] * 50
    >>> vectorizer = CBOWVectorizer(vector_size=8, sample=0).fit(documents)
    >>> word2vec_format.save(vectorizer, "vectors.txt.gz")
    >>> loaded = word2vec_format.load("vectors.txt.gz")
    >>> bool((loaded.vectors == vectorizer.embeddings_).all())
    True
    """
    _check_name(path, binary)
    word_vectors = as_word_vectors(vectorizer)
    vectors = np.asarray(word_vectors.vectors, "<f4")
    _check_writable(word_vectors, vectors.shape[1])
    if binary:
        _check_binary(word_vectors, vectors)
    with atomic_write(path) as file:
        file.write(b"%d %d\n" % vectors.shape)
        for row in _encode_rows(word_vectors, vectors, binary):
            file.write(row)


def load(
    path: str | os.PathLike[str],
    binary: bool | None = None,
    *,
    limit: int | None = None,
    token_type: Callable[[str], str | int] = str,
) -> WordVectors:
    """Read word vectors of this or another library.

    They can be the `init_vectors` of a `CBOWVectorizer`. `CBOWVectorizer.from_vectors` makes a vectorizer of them that
    transforms documents.

    Parameters
    ----------
    path : str or path-like
        A word2vec file, text or binary, a fastText ``.vec`` or a GloVe file. Text may contain tabs instead of spaces.
        Files compressed by gzip, bzip2 or xz and zip archives with one file are decompressed, whatever their names are.
        A UTF-8 byte order mark at the beginning is skipped.
    binary : bool or None, default=None
        Whether the vectors are binary, as in gensim. None detects it: a file is text if all bytes after the tokens are
        valid text.
    limit : int or None, default=None
        Maximum number of vectors to read from the beginning; in most files, the most frequent tokens come first. None
        reads all.

    token_type : {str, int}, default=str
        Files contain tokens as text. With int, they become integers, such as ids of items.

    Returns
    -------
    word_vectors : WordVectors
        The vectors of the file, in the same order.

    Raises
    ------
    ValueError
        If the file has fewer or more rows than its first line says; if a row does not consist of a token and the right
        number of finite numbers; if a token occurs twice, is not UTF-8, is too long or, with ``token_type=int``, is not
        an integer; if more than 100,000 lines in a row are blank; if `limit` is below 1. The message names the
        location. Also if a compressed file is damaged or a zip archive has several files, and for fastText's models,
        pickles such as gensim's, and NumPy's files.
    TypeError
        If `limit` is not an integer, or `token_type` neither str nor int.

    Examples
    --------
    >>> from pathlib import Path
    >>> from sk_cbow import CBOWVectorizer, word2vec_format
    >>> content = "2 3\\ntea 1 0 0\\nmilk 0 1 0\\n"
    >>> _ = Path("vectors.txt").write_text(content)
    >>> loaded = word2vec_format.load("vectors.txt")
    >>> loaded["tea"]
    array([1., 0., 0.], dtype=float32)
    >>> CBOWVectorizer.from_vectors(loaded).transform([["tea", "and", "milk"]])
    array([[0.5, 0.5, 0. ]], dtype=float32)
    """
    path = os.fsdecode(path)
    if limit is not None:
        if not isinstance(limit, Integral):
            raise TypeError(f"limit={limit!r} is not an integer: pass a number of vectors, or None for all")
        if limit < 1:
            raise ValueError(f"limit={limit} leaves no vectors to read: pass a number above 0, or None for all")
        limit = min(int(limit), sys.maxsize)
    if token_type not in (str, int):
        raise TypeError(f"token_type={token_type!r} is neither str nor int: pass one of these types")
    with open_for_reading(path) as file:
        return WordVectors(*_read(file, path, binary, limit, token_type))


def _check_name(path, binary):
    name = os.path.basename(os.fsdecode(path)).lower().removesuffix(".gz")
    suffix = os.path.splitext(name)[1]
    if suffix in OTHER_SUFFIXES:
        raise ValueError(
            f"path={os.fsdecode(path)!r} ends in {suffix!r}, which save does not write: choose a name such as "
            "'vectors.txt.gz'"
        )
    if suffix in SUFFIXES[not binary]:
        raise ValueError(
            f"path={os.fsdecode(path)!r} is a name of a {'text' if binary else 'binary'} file: pass "
            f"binary={not binary}, or choose a name such as 'vectors{SUFFIXES[binary][0]}'"
        )


def _check_writable(word_vectors, vector_size):
    remedy = "give it another name in the documents, or save by pickle"
    row_of_text = {}
    for row, token in enumerate(word_vectors):
        where = f"(row {row})"
        try:
            text = str(token)
            encoded = text.encode()
        except UnicodeEncodeError:
            raise ValueError(f"token {quoted(token)} {where} cannot be encoded as UTF-8: {remedy}") from None
        except ValueError:  # Python's limit on digits of an integer
            raise ValueError(f"token {quoted(token)} {where} has too many digits to be written: {remedy}") from None
        if not text or " " in text or "\n" in text:
            raise ValueError(f"token {quoted(token)} {where} is empty or holds a space or a line break: {remedy}")
        if len(encoded) > MAX_TOKEN_BYTES:
            raise ValueError(f"token {quoted(token)} {where} has more than {MAX_TOKEN_BYTES} bytes: {remedy}")
        other = row_of_text.setdefault(text, row)
        if other != row:  # for example, 7 and "7"
            raise ValueError(f"tokens in rows {other} and {row} are both written {quoted(text)}: {remedy}")
    if vector_size > MAX_VECTOR_SIZE:
        raise ValueError(
            f"vectors have {vector_size} numbers, and word2vec files at most {MAX_VECTOR_SIZE}: save by pickle"
        )


def _check_binary(word_vectors, vectors):
    """Check that `load` will recognize the rows as binary, with the same test of the same bytes."""
    vector_size, beginning = vectors.shape[1], bytearray()
    for row in _encode_rows(word_vectors, vectors, binary=True):
        beginning += row
        if len(beginning) >= BYTES_AT_A_TIME + _max_line_bytes(vector_size):  # `load` tests no more
            break
    if not _is_binary(RereadableFile(io.BytesIO(beginning)), vector_size):
        raise ValueError(
            "the bytes of these vectors are valid text, so that a binary file would be read as text: save as text, "
            "binary=False"
        )


def _encode_rows(tokens, vectors, binary):
    numbers_as_text = b" ".join([b"%.9g"] * vectors.shape[1])
    for token, vector in zip(tokens, vectors, strict=True):
        numbers = vector.tobytes() if binary else numbers_as_text % tuple(vector.tolist())
        yield str(token).encode() + b" " + numbers + b"\n"


def _max_line_bytes(vector_size):
    return MAX_TOKEN_BYTES + BYTES_PER_NUMBER * vector_size


def _read(file, path, binary, limit, token_type):
    n_rows, vector_size = _header(file, path)
    if n_rows is None and binary:
        raise ValueError(f"{path} does not begin with the number of vectors and their length: pass binary=False")
    if n_rows is not None and binary is None:
        binary = _is_binary(file, vector_size)
    unit, rows = "line", _text_rows(file, path, vector_size, first_line=1 if n_rows is None else 2)
    if binary:
        unit, rows = "vector", _binary_rows(file, path, vector_size)
    tokens, vectors = _collect_rows(itertools.islice(rows, limit), unit, path, n_rows, vector_size, token_type)
    n_expected = n_rows if limit is None else min(n_rows or 0, limit)
    if n_expected is not None and len(tokens) < n_expected:
        raise ValueError(
            f"{path} ends after {len(tokens)} of the {n_rows} vectors declared in line 1: download it again"
        )
    return tokens, vectors


def _header(file, path):
    """Read the number of vectors and their length. If the first line is a row, unread it; the number is None."""
    _, first = next(numbered_lines(file, path, _max_line_bytes(MAX_VECTOR_SIZE)), (1, b""))
    fields = first.split(maxsplit=2)  # not all fields, because a damaged line can have millions
    is_header = len(fields) == 2 and all(field.isdigit() for field in fields)  # ASCII digits, because these are bytes
    if is_header and max(map(len, fields)) > MAX_HEADER_DIGITS:
        raise ValueError(f"line 1 of {path} is {quoted(first)}: these numbers are too large; fix line 1")
    n_rows, vector_size = map(int, fields) if is_header else (None, _n_numbers_at_end(first))
    if is_header and (n_rows == 0 or vector_size == 0):
        raise ValueError(f"line 1 of {path} is {quoted(first)}: the file holds no vectors")
    if vector_size == 0:
        raise ValueError(
            f"line 1 of {path} is {first[:80]!r}: expected the number of vectors and their length, or a token and "
            "its vector"
        )
    if vector_size > MAX_VECTOR_SIZE:
        raise ValueError(
            f"line 1 of {path}, {quoted(first)}, gives vectors of more than {MAX_VECTOR_SIZE} numbers, which cannot be "
            "read: fix line 1"
        )
    if not is_header:
        file.unread(first)
    return n_rows, vector_size


def _n_numbers_at_end(row):
    """Count the numbers after the token of a row of text. The token may be a number, too, or contain spaces.

    The count ends at one more than the maximum, because a damaged row can have millions.
    """
    fields = row.rstrip().replace(b"\t", b" ").rsplit(b" ", MAX_VECTOR_SIZE + 1)
    n_numbers = sum(1 for _ in itertools.takewhile(_is_number, reversed(fields)))
    return min(n_numbers, len(fields) - 1)


def _is_number(field):
    try:
        return b" " not in field and _is_of_numbers(field) and float(field) is not None
    except ValueError:
        return False


def _is_binary(file, vector_size):
    """Whether the next rows of a file are binary: what follows the tokens is not text.

    Even with errors such as decimal commas, text is UTF-8 without control characters. Binary numbers contain zeros,
    control characters and invalid UTF-8. Tokens are ignored, because they may contain any characters.
    """
    beginning = file.read(BYTES_AT_A_TIME) + file.readline(_max_line_bytes(vector_size))
    file.unread(beginning)
    numbers = TOKEN_OF_LINE.sub(b"", beginning)
    try:
        numbers.decode()
    except UnicodeDecodeError:
        return True
    return CONTROL_CHARACTERS.search(numbers) is not None


def _collect_rows(rows, unit, path, n_rows, vector_size, token_type):
    """Collect rows of (number of the line or vector, encoded token, bytes of the vector)."""

    def location(number):
        return f"{unit} {number} of {path}"

    # These grow in place, whereas stacking arrays would take twice the memory.
    row_of, numbers, values = {}, array("q"), bytearray()
    for number, encoded, vector in rows:
        row = len(numbers)
        if row == n_rows:
            raise ValueError(
                f"{path} continues at {unit} {number}, after the {n_rows} vectors declared in line 1: fix line 1"
            )
        try:
            token = token_type(encoded.decode())
        except UnicodeDecodeError:
            raise ValueError(
                f"{location(number)} has the token {quoted(encoded)}, which is not UTF-8: convert the file"
            ) from None
        except ValueError:
            raise ValueError(
                f"{location(number)} has the token {quoted(encoded)}, which is not an integer: pass token_type=str"
            ) from None
        if row_of.setdefault(token, row) != row:
            other = location(numbers[row_of[token]])
            raise ValueError(f"{location(number)} has the token {quoted(token)}, like {other}: remove one of them")
        numbers.append(number)
        values += vector
    vectors = np.frombuffer(values, "<f4").reshape(-1, vector_size).astype(np.float32, copy=False)
    for row in rows_not_finite(vectors)[:1]:
        token = quoted(list(row_of)[row])
        raise ValueError(f"{location(numbers[row])}, the vector of {token}, has numbers that are not finite: remove it")
    return list(row_of), vectors


def _text_rows(file, path, vector_size, first_line):
    for number, line in filled_lines(file, path, _max_line_bytes(vector_size), first_line):
        row = line.rstrip()
        token_and_vector = _parse_row(row, vector_size) or _parse_row(row.replace(b"\t", b" "), vector_size)
        if token_and_vector is None:
            raise ValueError(
                f"line {number} of {path} is {quoted(line)}: expected a token and {vector_size} numbers, with one "
                "space or tab before each; fix or remove the line"
            )
        yield number, *token_and_vector


def _parse_row(row, vector_size):
    """Split a row of text into token and vector; None if it does not end with a vector.

    The token may contain spaces, but its last field must be neither empty nor a number, which would mean that the
    vector is longer.
    """
    token, *numbers = row.rsplit(b" ", vector_size)
    _, space, last = token.rpartition(b" ")
    if not token or token[:1] == b" " or len(numbers) < vector_size or (space and (not last or _is_number(last))):
        return None
    if not _is_of_numbers(row[len(token) :]):
        return None
    try:
        with np.errstate(over="ignore"):
            return token, np.array(numbers, "<f4").data
    except ValueError:
        return None


def _is_of_numbers(data):
    # Python would also accept underscores, tabs and non-ASCII digits.
    return not data.translate(None, NUMBER_CHARACTERS)


def _binary_rows(file, path, vector_size):
    n_bytes, n_rows = 4 * vector_size, 0
    data, start, is_at_end = b"", 0, False
    while True:
        token_start = start + data.startswith(b"\n", start)  # word2vec.c ends a row with a line break, gensim does not
        space = data.find(b" ", token_start, token_start + MAX_TOKEN_BYTES + 1)
        stop = space + 1 + n_bytes
        is_too_long = space < 0 and len(data) - token_start > MAX_TOKEN_BYTES
        is_incomplete = not is_too_long and (space < 0 or stop > len(data))
        if is_incomplete and not is_at_end:
            more = file.read(BYTES_AT_A_TIME + n_bytes)
            data, start, is_at_end = data[start:] + more, 0, not more
            continue
        if token_start == len(data):
            return
        location = f"vector {n_rows + 1} of {path}"
        if is_incomplete:
            raise ValueError(f"{location} is incomplete: the file is damaged or ends too early; download it again")
        token = data[token_start:space]
        if is_too_long or not token or b"\n" in token:
            raise ValueError(
                f"{location} begins with {quoted(data[token_start : token_start + MAX_TOKEN_BYTES])}: expected a token "
                f"of at most {MAX_TOKEN_BYTES} bytes without line breaks, and a space; the file is damaged, or text: "
                "download it again, or pass binary=False"
            )
        n_rows += 1
        yield n_rows, token, data[space + 1 : stop]
        start = stop
