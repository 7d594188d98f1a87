"""A corpus as the user passes it -> its documents as lists of tokens, or an error that says what is wrong."""

import reprlib
import time
from collections.abc import Iterable, Mapping, Set
from datetime import timedelta
from functools import partial
from numbers import Integral, Real

import numpy as np
from sklearn.feature_extraction.text import CountVectorizer

PLAIN_TOKEN_TYPES = frozenset((str, int))
BINARY = (bytes, bytearray, memoryview)


def token_lists(X, analyzer):
    """Yield the documents of a corpus one by one, each as a list or tuple of tokens.

    Parameters
    ----------
    X : iterable of documents
        Any iterable, even a generator: it is read once, one document at a time. An array or frame must have one column.
    analyzer : {"word", "char", "char_wb"}, callable or None
        None: a document is a sequence of tokens, a token a string or an integer. A name: a document is a string, split
        as `CountVectorizer` does. A callable takes a document of any type and returns its tokens; only the tokens are
        checked. Without a callable, a missing value is a document without tokens.

    Yields
    ------
    tokens : list or tuple

    Raises
    ------
    TypeError
        If X is not an iterable of documents, `analyzer` does not take a document, or a token is neither a string nor an
        integer. The message names the value, its position and the remedy.
    """
    if analyzer is None:
        read, kind = _tokens_of_sequence, "a list of tokens"
    elif callable(analyzer):
        read, kind = partial(_tokens_by_analyzer, analyze=analyzer), "what the analyzer takes"
    else:
        read = partial(_tokens_of_text, analyze=CountVectorizer(analyzer=analyzer).build_analyzer())
        kind = "a string"
    for document_index, document in enumerate(_documents(X, kind)):
        tokens = read(document, document_index)
        if not PLAIN_TOKEN_TYPES.issuperset(map(type, tokens)):
            _check_tokens(tokens, document_index, "pass" if analyzer is None else "let the analyzer return")
        yield tokens


def with_progress(documents, X, *, every):
    """Yield documents and print their number so far, tokens per second and, if X has a length, the remaining time.

    Parameters
    ----------
    documents : iterable of lists of tokens
    X : iterable of documents
        The corpus from which the documents are read.
    every : float
        Seconds between two messages, each of which overwrites the last; with infinity, only the final one is printed.
    """
    try:
        n_documents = len(X)
    except TypeError:  # a generator, for example
        n_documents = None
    start = last = time.monotonic()
    n_read = n_tokens = 0

    def state():
        speed = n_tokens / max(time.monotonic() - start, 1e-9)
        return f"\r{n_read:,} documents read, {n_tokens:,} tokens, {speed:,.0f} tokens per second"

    for tokens in documents:
        yield tokens
        n_read += 1
        n_tokens += len(tokens)
        if time.monotonic() - last > every:
            last = time.monotonic()
            left = ""
            if n_documents is not None:
                left = f"- {timedelta(seconds=round((last - start) * (n_documents - n_read) / n_read))} left "
            print(state(), left, end="", flush=True)
    print(state(), " " * 20)


def _documents(X, kind):
    if _n_dimensions(X) > 1:
        X = _only_column(X, kind)
    if not _is_sequence(X):
        remedy = f"pass a list of documents, each {kind}"
        if hasattr(X, "collect"):
            remedy = "it is lazy, so pass X.collect()"
        raise TypeError(f"X is {_shown(X)}: {remedy}")
    return X


def _only_column(X, kind):
    """The only column of an array, or of a frame of pandas, polars, narwhals or pyarrow."""
    if X.shape[1:] == (1,):
        if isinstance(X, np.ndarray):
            return np.asarray(X)[:, 0]
        for names in ("column_names", "columns"):  # in pyarrow, columns are not names
            if hasattr(X, names):
                return X[getattr(X, names)[0]]
    raise TypeError(
        f"X is the {type(X).__name__} of shape {X.shape}: pass the one column that holds the documents, each {kind}"
        + (", or X.tolist() if its rows are the documents" if kind != "a string" and hasattr(X, "tolist") else "")
    )


def _tokens_of_sequence(document, document_index):
    if isinstance(document, (list, tuple)):
        return document
    document = _as_python(document)
    if _is_missing(document):
        return ()
    if not _is_sequence(document):
        if isinstance(document, str):
            remedy = 'pass a list of tokens, or set analyzer="word"'
        elif isinstance(document, BINARY):
            remedy = "decode it, and pass a list of tokens"
        else:
            remedy = "pass a list of tokens"
        raise TypeError(f"document {document_index} is {_shown(document)}: {remedy}")
    return _as_list(document)


def _tokens_of_text(document, document_index, analyze):
    text = document if isinstance(document, str) else _as_python(document)
    if not isinstance(text, str):
        if _is_missing(text):
            return ()
        if isinstance(document, BINARY):
            remedy = "decode it, because the analyzer takes strings"
        elif _is_sequence(document):
            remedy = "pass a string, or set analyzer=None, which takes lists of tokens"
        else:
            remedy = "pass a string"
        raise TypeError(f"document {document_index} is {_shown(document)}: {remedy}")
    return analyze(text)


def _tokens_by_analyzer(document, document_index, analyze):
    document = _as_python(document)
    try:
        tokens = analyze(document)
    except Exception as error:
        if hasattr(error, "add_note"):  # since Python 3.11
            error.add_note(f"The analyzer was called with document {document_index}, {_shown(document)}.")
        raise
    if not _is_sequence(tokens):
        raise TypeError(
            f"the analyzer returned {_shown(tokens)} for document {document_index}: it must return a list of tokens"
        )
    return _as_list(tokens)


def _as_python(value):
    """Convert a pyarrow scalar to a Python object; return other values unchanged."""
    return value.as_py() if hasattr(value, "as_py") else value


def _is_missing(value):
    """Whether a value is None, NaN, or pandas' NA or NaT."""
    is_nan = isinstance(value, Real) and value != value
    return value is None or is_nan or type(value).__name__ in ("NAType", "NaTType")


def _is_sequence(value):
    """Whether a value can be a corpus or a list of tokens: an ordered iterable that is not a string."""
    is_iterable = isinstance(value, Iterable) and _n_dimensions(value) == 1
    return is_iterable and not isinstance(value, (str, *BINARY, Mapping, Set))


def _n_dimensions(value):
    return len(getattr(value, "shape", "1"))


def _as_list(tokens):
    if isinstance(tokens, (list, tuple)):
        return tokens
    # tolist converts to Python's strings and integers, which are hashed faster than NumPy's.
    return tokens.tolist() if hasattr(tokens, "tolist") else list(tokens)


def _check_tokens(tokens, document_index, do):
    for position, token in enumerate(tokens):
        if not isinstance(token, (str, Integral)):
            text = "token.text" if hasattr(token, "text") else "str(token)"  # as in spaCy
            raise TypeError(
                f"token {position} of document {document_index} is {_shown(token)}: tokens are strings or integers, "
                f"so {do} [{text} for token in document], or drop it"
            )


def _shown(value):
    if value is None:
        return "None"
    return f"the {type(value).__name__} {reprlib.repr(value)}"
