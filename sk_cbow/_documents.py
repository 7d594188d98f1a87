"""A corpus as the user gives it -> its documents as lists of tokens, or the error that says what is wrong."""

import reprlib
import time
from collections.abc import Iterable, Mapping, Set
from datetime import timedelta
from numbers import Integral

import numpy as np
from sklearn.feature_extraction.text import CountVectorizer

PLAIN_TOKEN_TYPES = frozenset((str, int))
BINARY = (bytes, bytearray, memoryview)


def token_lists(X, analyzer):
    """Yield the documents of a corpus one by one, each as a list or tuple of tokens.

    Parameters
    ----------
    X : iterable of documents
        Any iterable will do, a generator included: it is read once, and no more than one document is held. Of what has
        rows and columns, the only column is read.
    analyzer : {"word", "char", "char_wb"}, callable or None
        None: a document is a sequence of tokens, a token a string or an integer. Otherwise a document is a string: a
        name stands for `CountVectorizer`'s way to split it, a callable takes it and returns its tokens.

    Yields
    ------
    tokens : list or tuple

    Raises
    ------
    TypeError
        If X is not an iterable of documents, a document not what `analyzer` takes, or a token neither string nor
        integer. The message names the value, its place and the remedy.
    """
    if analyzer is None:
        read = _given_tokens
    else:
        analyze = analyzer if callable(analyzer) else CountVectorizer(analyzer=analyzer).build_analyzer()

        def read(document, number):
            return _analyzed(document, number, analyze)

    for number, document in enumerate(_documents(X, "a list of tokens" if analyzer is None else "a string")):
        tokens = read(document, number)
        if not PLAIN_TOKEN_TYPES.issuperset(map(type, tokens)):
            _check_tokens(tokens, number)
        yield tokens


def with_progress(documents, X, *, every):
    """Yield documents and print how many have been read, how fast, and the time left if their number is known.

    Parameters
    ----------
    documents : iterable of lists of tokens
    X : iterable of documents
        The corpus that they are read from.
    every : float
        Seconds between two states, which replace each other; with infinity, only the last is printed.
    """
    try:
        n_documents = len(X)
    except TypeError:  # a generator, or something else that is no sequence
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
    if not _is_sequence(X):
        raise TypeError(f"X is {_shown(X)}: pass a list of documents, each {kind}")
    if _n_dimensions(X) < 2:
        return X
    if X.shape[1:] == (1,):
        if isinstance(X, np.ndarray):
            return np.asarray(X)[:, 0]
        if hasattr(X, "columns"):
            return X[X.columns[0]]
    raise TypeError(
        f"X is the {type(X).__name__} of shape {X.shape}: pass the one column that holds the documents, each {kind}"
        + (", or X.tolist() if its rows are the documents" if kind != "a string" and hasattr(X, "tolist") else "")
    )


def _given_tokens(document, number):
    if isinstance(document, (list, tuple)):
        return document
    if not _is_sequence(document) or _n_dimensions(document) > 1:
        if isinstance(document, str):
            remedy = 'pass a list of tokens, or set analyzer="word"'
        elif isinstance(document, BINARY):
            remedy = "decode it, and pass a list of tokens"
        else:
            remedy = "pass a list of tokens, or [] for an empty document"
        raise TypeError(f"document {number} is {_shown(document)}: {remedy}")
    return _as_list(document)


def _analyzed(document, number, analyze):
    if not isinstance(document, str):
        if isinstance(document, BINARY):
            remedy = "decode it, for the analyzer takes strings"
        elif _is_sequence(document):
            remedy = "pass a string, or set analyzer=None, which takes lists of tokens"
        else:
            remedy = 'pass a string, or "" for an empty document'
        raise TypeError(f"document {number} is {_shown(document)}: {remedy}")
    tokens = analyze(document)
    if not _is_sequence(tokens) or _n_dimensions(tokens) > 1:
        raise TypeError(f"the analyzer made {_shown(tokens)} of document {number}: it must return a list of tokens")
    return _as_list(tokens)


def _is_sequence(value):
    """Whether a value can be a corpus or a list of tokens: iterable, in an order, and not one text."""
    is_iterable = isinstance(value, Iterable) and _n_dimensions(value) > 0
    return is_iterable and not isinstance(value, (str, *BINARY, Mapping, Set))


def _n_dimensions(value):
    return len(getattr(value, "shape", "1"))


def _as_list(tokens):
    if isinstance(tokens, (list, tuple)):
        return tokens
    # An array's own tolist gives Python's strings and integers, whose hashes are the fast ones.
    return tokens.tolist() if hasattr(tokens, "tolist") else list(tokens)


def _check_tokens(tokens, number):
    for position, token in enumerate(tokens):
        if not isinstance(token, (str, Integral)):
            raise TypeError(
                f"token {position} of document {number} is {_shown(token)}: tokens are strings or integers, "
                "so convert it with str() or leave it out"
            )


def _shown(value):
    if value is None:
        return "None"
    return f"the {type(value).__name__} {reprlib.repr(value)}"
