"""Word vectors in the files of word2vec, gensim, fastText and GloVe.

The first line of a word2vec file tells how many vectors follow and of what length. Then comes, for each vector, its
token, a space, and the numbers: as text, a vector a line, or as 32-bit binary numbers. fastText's ``.vec`` is the text
format, GloVe's the same without the first line. In each, a token holds neither space nor line break.
"""

import gzip
import os
import zlib
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from sklearn.utils.validation import check_is_fitted

from sk_cbow._vectorizer import CBOWVectorizer

BYTES_AT_A_TIME = 2**20


def save(vectorizer, path, binary=False):
    """Write a fitted vectorizer's word vectors to a word2vec file.

    gensim's ``KeyedVectors.load_word2vec_format`` reads it, and so do many other tools. Counts of tokens, weights and
    removed components have no place in it; pickle keeps them.

    Parameters
    ----------
    vectorizer : CBOWVectorizer
        Fitted. Its vectors are written in the order of `vocabulary_`, integer tokens as text.
    path : str or path-like
        Where to write; what is there is replaced, once the new file is complete. A name that ends in ``.gz`` is
        compressed.
    binary : bool, default=False
        Whether numbers are written as 32-bit binary ones, or as text with nine digits, from which the same bits are
        read.

    Raises
    ------
    NotFittedError
        If the vectorizer is not fitted.
    ValueError
        If a token is empty, holds a space or a line break, cannot be encoded as UTF-8, or is written like another.

    Examples
    --------
    >>> from sk_cbow import CBOWVectorizer, word2vec_format
    >>> documents = [["tea", "milk", "cup"], ["car", "road", "wheel"]] * 50
    >>> vectorizer = CBOWVectorizer(vector_size=8, sample=0, random_state=0).fit(documents)
    >>> word2vec_format.save(vectorizer, "vectors.txt.gz")
    >>> loaded = word2vec_format.load("vectors.txt.gz")
    >>> bool((loaded.transform(documents) == vectorizer.transform(documents)).all())
    True
    """
    check_is_fitted(vectorizer)
    embeddings = vectorizer.embeddings_.astype("<f4")
    tokens = _writable(vectorizer.vocabulary_)
    with _replaced(path) as file:
        file.write(b"%d %d\n" % embeddings.shape)
        numbers_as_text = b" ".join([b"%.9g"] * embeddings.shape[1])
        for token, vector in zip(tokens, embeddings, strict=True):
            numbers = vector.tobytes() if binary else numbers_as_text % tuple(vector.tolist())
            file.write(token + b" " + numbers + b"\n")


def load(path):
    """Read word vectors, of this library or another, into a vectorizer that transforms.

    Parameters
    ----------
    path : str or path-like
        A word2vec file, text or binary, a fastText ``.vec`` or a GloVe file; perhaps ``.gz``.

    Returns
    -------
    vectorizer : CBOWVectorizer
        With the vectors of the file as `embeddings_`, in its order, and weight 1 for each token. It knows no counts of
        tokens.

    Raises
    ------
    ValueError
        If the file ends too early or goes on too long, a row has not one token and as many finite numbers as the
        others, a token is there twice, or a token is not UTF-8. The message tells where.

    Examples
    --------
    >>> from pathlib import Path
    >>> from sk_cbow import word2vec_format
    >>> _ = Path("vectors.txt").write_text("2 3\\ntea 1 0 0\\nmilk 0 1 0\\n")
    >>> word2vec_format.load("vectors.txt").transform([["tea", "and", "milk"]])
    array([[0.5, 0.5, 0. ]], dtype=float32)
    """
    path = Path(path)
    try:
        with _opened(path, "rb") as file:
            tokens, embeddings = _read(file, path)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ValueError(f"{path} cannot be unpacked ({error}): it is damaged or incomplete; get it anew") from error
    vectorizer = CBOWVectorizer(vector_size=embeddings.shape[1])
    vectorizer.vocabulary_ = {token: row for row, token in enumerate(tokens)}
    vectorizer.embeddings_ = embeddings
    vectorizer.token_weights_ = np.ones(len(tokens), np.float32)
    vectorizer.components_ = np.empty((0, embeddings.shape[1]), np.float32)
    return vectorizer


def _writable(vocabulary):
    places = {}
    for row, token in enumerate(vocabulary):
        remedy = "give it another name in the documents, or save by pickle"
        text = str(token)
        if not text or " " in text or "\n" in text:
            raise ValueError(f"token {token!r} (row {row}) is empty or holds a space or a line break: {remedy}")
        try:
            encoded = text.encode()
        except UnicodeEncodeError:
            raise ValueError(f"token {token!r} (row {row}) cannot be encoded as UTF-8: {remedy}") from None
        if encoded in places:
            raise ValueError(f"tokens in rows {places[encoded]} and {row} are both written {text!r}: {remedy}")
        places[encoded] = row
    return list(places)


@contextmanager
def _replaced(path):
    """A file to write, which gets its name when it is complete; after an error, nothing is left of it."""
    path = Path(path)
    unfinished = path.with_name(f".{os.getpid()}.unfinished.{path.name}")
    try:
        with _opened(unfinished, "wb") as file:
            yield file
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def _opened(path, mode):
    return gzip.open(path, mode) if path.suffix == ".gz" else open(path, mode)


def _read(file, path):
    first = file.readline(BYTES_AT_A_TIME)
    header = first.split()
    if len(header) == 2 and all(field.isdigit() for field in header):
        n_rows, vector_size = map(int, header)
        if n_rows == 0 or vector_size == 0:
            raise ValueError(f"line 1 of {path} is {first!r}: the file holds no vectors")
        start = file.read(BYTES_AT_A_TIME)
        rows = (_text_rows if _is_text(start, vector_size) else _binary_rows)(start, file, path, vector_size, 2)
    else:
        n_rows, vector_size = None, len(first.rstrip().split(b" ")) - 1
        if vector_size < 1:
            raise ValueError(
                f"line 1 of {path} is {first[:80]!r}: expected the number of vectors and their length, or a token and "
                "its vector"
            )
        rows = _text_rows(first, file, path, vector_size, 1)
    places, numbers = {}, bytearray()  # which grows in place, where stacking arrays would take twice the memory
    for place, token, vector in rows:
        if len(places) == n_rows:
            raise ValueError(f"{path} goes on at {place}, after the {n_rows} vectors that line 1 tells of: mend line 1")
        if token in places:
            raise ValueError(f"{place} has the token {_shown(token)}, as {places[token]} has: leave one out")
        if not np.isfinite(vector).all():
            raise ValueError(f"{place}, the vector of {_shown(token)}, has numbers that are not finite: leave it out")
        places[token] = place
        numbers += vector.data
    if n_rows is not None and len(places) < n_rows:
        raise ValueError(f"{path} ends after {len(places)} of the {n_rows} vectors that line 1 tells of: get it anew")
    tokens = []
    for token, place in places.items():
        try:
            tokens.append(token.decode())
        except UnicodeDecodeError:
            raise ValueError(f"{place} has the token {token!r}, which is not UTF-8: convert the file to it") from None
    return tokens, np.frombuffer(numbers, np.float32).reshape(-1, vector_size)


def _is_text(start, vector_size):
    """Whether the first line's numbers are text; binary ones hold zeros, control characters and broken UTF-8."""
    numbers = start.replace(b"\t", b" ").partition(b" ")[2].partition(b"\n")[0].rstrip()
    try:
        return len(numbers) >= 2 * vector_size - 1 and numbers.decode().isprintable()
    except UnicodeDecodeError:
        return False


def _text_rows(start, file, path, vector_size, first_line):
    for number, line in enumerate(_lines(start, file), start=first_line):
        if not line.strip():
            continue
        place = f"line {number} of {path}"
        token, *numbers = line.rstrip().split(b" ")
        try:
            vector = np.array(numbers, np.float32)
        except ValueError:
            vector = None
        if not token or vector is None or len(vector) != vector_size:
            raise ValueError(
                f"{place} is {_shown(line[:80])}: expected a token without spaces and {vector_size} numbers, one space "
                "before each; mend the line or leave it out"
            )
        yield place, token, vector


def _lines(start, file):
    """Yield the lines of a file of which a part has been read."""
    *whole, rest = start.split(b"\n")
    yield from whole
    if rest:
        yield rest + file.readline()
    yield from file


def _binary_rows(start, file, path, vector_size, first_line):
    data, position, number = start, 0, 0
    while True:
        if len(data) - position < BYTES_AT_A_TIME // 2:
            data, position = data[position:] + file.read(BYTES_AT_A_TIME), 0
        if data[position : position + 1] == b"\n":  # word2vec.c ends a row so, gensim does not
            position += 1
        if position == len(data):
            return
        space = data.find(b" ", position)
        stop = space + 1 + 4 * vector_size
        place = f"vector {number + 1} of {path}"
        if space <= position or stop > len(data):
            raise ValueError(f"{place} is incomplete: the file is damaged or ends too early; get it anew")
        yield place, data[position:space], np.frombuffer(data[space + 1 : stop], "<f4").astype(np.float32)
        position, number = stop, number + 1


def _shown(data):
    return repr(data.decode(errors="replace").rstrip("\n"))
