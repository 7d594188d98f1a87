"""A corpus as the user passes it -> its documents as lists of tokens, or an error that says what is wrong."""

import reprlib
import time
from collections.abc import Iterable, Mapping, Set
from datetime import date, timedelta
from decimal import Decimal
from enum import Enum
from functools import partial
from numbers import Integral, Real
from pathlib import PurePath
from uuid import UUID

import numpy as np
from sklearn.feature_extraction.text import CountVectorizer

PLAIN_TOKEN_TYPES = frozenset((str, int))
BINARY = (bytes, bytearray, memoryview)
IN_ORDER = "because the order of a set differs between processes"

# Tokens by an attribute of objects of pyarrow, spaCy, NumPy (as PyTorch and JAX) and TensorFlow.
TOKENS_BY_ATTRIBUTE = {"as_py": "token.as_py()", "text": "token.text", "item": "token.item()", "numpy": "token.numpy()"}


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
    has_strings_alone = isinstance(analyzer, str)
    for document_index, document in enumerate(_documents(X, kind)):
        tokens = read(document, document_index)
        if not (has_strings_alone or PLAIN_TOKEN_TYPES.issuperset(map(type, tokens))):
            do, name = ("pass", "document") if analyzer is None else ("let the analyzer return", "tokens")
            _check_tokens(tokens, document_index, do, name)
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

    def message():
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
            print(message(), left, end="", flush=True)
    print(message(), " " * 20)


def _documents(X, kind):
    if _n_dimensions(X) > 1:
        X = _only_column(X, kind)
    if not _is_sequence(X):
        if hasattr(X, "collect"):
            remedy = "it is lazy, so pass X.collect()"
        elif isinstance(X, Mapping):
            remedy = "pass X[key], with the key of the documents, or list(X.values()) if each value is a document"
        elif isinstance(X, Set):
            remedy = f"pass sorted(X), {IN_ORDER}"
        else:
            remedy = f"pass a list of documents, each {kind}"
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
    remedy = f"pass the one column that holds the documents, each {kind}"
    rows = "X.tolist()" if hasattr(X, "tolist") else "X.numpy().tolist()" if hasattr(X, "numpy") else None
    if rows and kind != "a string":
        remedy += f", or {rows} if its rows are the documents"
    raise TypeError(f"X is the {type(X).__name__} of shape {X.shape}: {remedy}")


def _tokens_of_sequence(document, document_index):
    if isinstance(document, (list, tuple)):
        return document
    document = _as_python(document)
    if _is_missing(document):
        return ()
    if not _is_sequence(document):
        text = _as_string(document, "document")
        if isinstance(document, str):
            remedy = 'pass a list of tokens, or set analyzer="word"'
        elif text:
            remedy = f'split {text} into a list of tokens, or pass it with analyzer="word"'
        else:
            remedy = f"pass {_as_tokens(document, 'document')}"
        raise TypeError(f"document {document_index} is {_shown(document)}: {remedy}")
    return _as_list(document)


def _tokens_of_text(document, document_index, analyze):
    text = document if isinstance(document, str) else _as_python(document)
    if not isinstance(text, str):
        if _is_missing(text):
            return ()
        as_string = _as_string(document, "document")
        if as_string:
            remedy = f"pass {as_string}, because the analyzer takes strings"
        elif isinstance(document, Mapping):
            remedy = "pass document[key], with the key of the text"
        elif _is_sequence(document) or isinstance(document, Set):
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
            f"the analyzer returned {_shown(tokens)} for document {document_index}: let it return "
            f"{_as_tokens(tokens, 'tokens')}"
        )
    return _as_list(tokens)


def _as_python(value):
    """Convert a pyarrow scalar to a Python object; return other values unchanged."""
    return value.as_py() if hasattr(value, "as_py") else value


def _is_missing(value):
    """Whether a value is None, NaN, NumPy's NaT, or pandas' NA or NaT."""
    is_nan = isinstance(value, (Real, np.datetime64)) and value != value
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


def _check_tokens(tokens, document_index, do, name):
    for position, token in enumerate(tokens):
        if not isinstance(token, (str, Integral)):
            has_strings = any(isinstance(other, str) for other in tokens)
            raise TypeError(
                f"token {position} of document {document_index} is {_shown(token)}: tokens are strings or integers, so "
                + _remedy(token, do, name, has_strings)
            )


def _remedy(token, do, name, has_strings):
    """Say what to do with a value that is not a token. str(token) would make "1002.0", "['tea']" or worse of it."""
    if _is_missing(_as_python(token)):
        return "drop it"
    if isinstance(token, (Real, Decimal)):
        if not float(token).is_integer():
            return "round it, bin it or drop it"
        return f"{do} [int(token) for token in {name}] if they are ids, after dropping NaN"
    if isinstance(token, Mapping):
        return f"{do} [token[key] for token in {name}], with the key of the token"
    if (_is_sequence(token) or isinstance(token, Set)) and not has_strings:  # which would be split into characters
        return f"{do} {_flattened(token, name)}"
    expression = _as_token(token)
    return f"{do} [{expression} for token in {name}]" if expression else "make a string or an integer of it"


def _flattened(token, name):
    inner = "sorted(sentence)" if isinstance(token, Set) else "sentence"
    flat = f"[token for sentence in {name} for token in {inner}]"
    if isinstance(token, tuple):
        return f"['_'.join(token) for token in {name}] if each is one word or phrase, or {flat} if it is a sentence"
    return f"{flat}, or make each {type(token).__name__} a document of its own"


def _as_token(token):
    """The expression that makes a token of a value, or None if only the user can know it."""
    if isinstance(token, Enum):
        return "token.name"
    if isinstance(token, (date, np.datetime64, PurePath, UUID)):
        return "str(token)"
    string = _as_string(token, "token")
    if string or _n_dimensions(token) > 1:  # an attribute of a DataFrame may be a column
        return string
    return next((expression for name, expression in TOKENS_BY_ATTRIBUTE.items() if hasattr(token, name)), None)


def _as_string(value, name):
    """The expression that makes a string of bytes, or of TensorFlow's tensor of a string; None for other values."""
    if isinstance(value, BINARY):
        return f"{name}.decode()" if hasattr(value, "decode") else f"bytes({name}).decode()"
    is_tensor = hasattr(value, "numpy") and getattr(value, "dtype", None) == "string" and _n_dimensions(value) == 0
    return f"{name}.numpy().decode()" if is_tensor else None


def _as_tokens(value, name):
    """What to pass instead of a value that is no list of tokens."""
    if isinstance(value, Set):
        return f"sorted({name}), {IN_ORDER}"
    if isinstance(value, Mapping):
        return f"{name}[key], with the key of the tokens, or list({name}) if its keys are the tokens"
    return "a list of tokens"


def _shown(value):
    if value is None:
        return "None"
    return f"the {type(value).__name__} {reprlib.repr(value)}"


def plain_tokens(tokens):
    """Convert tokens to Python's strings and integers, which can be written as JSON, unlike NumPy's."""
    return tokens if set(map(type, tokens)) <= {str, int} else list(map(_plain_token, tokens))


def _plain_token(token):
    plain = str.__str__(token) if isinstance(token, str) else int(token)
    return plain if plain in {token} else token  # a subclass may not be equal to its text, such as rdflib's URIRef
