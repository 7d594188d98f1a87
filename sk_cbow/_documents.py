"""A corpus as the user gives it -> its documents as lists of tokens, or the error that says what is wrong."""

import reprlib
from collections.abc import Iterable, Mapping, Set
from numbers import Integral

PLAIN_TOKEN_TYPES = frozenset((str, int))


def token_lists(X):
    """Yield the documents of a corpus one by one, each as a list or tuple of tokens.

    Parameters
    ----------
    X : iterable of documents
        Each document is a sequence of tokens; a token is a string or an integer. Any iterable will do, a generator
        included: it is read once, and no more than one document is held.

    Yields
    ------
    tokens : list or tuple

    Raises
    ------
    TypeError
        If X is not an iterable of documents, a document not a sequence of tokens, or a token neither string nor
        integer. The message names the value, its place and the remedy.
    """
    if isinstance(X, (str, bytes)):
        raise TypeError(f"X is {_shown(X)}: pass a list of documents, each a list of tokens, as in [text.split()]")
    if hasattr(X, "columns"):
        raise TypeError(f"X is a {type(X).__name__} of columns {list(X.columns)}: pass one column, the documents")
    if not _is_ordered(X):
        raise TypeError(f"X is {_shown(X)}: pass a list of documents, each a list of tokens")
    for number, document in enumerate(X):
        tokens = _tokens(document, number)
        if not PLAIN_TOKEN_TYPES.issuperset(map(type, tokens)):
            _check_tokens(tokens, number)
        yield tokens


def _tokens(document, number):
    if isinstance(document, (list, tuple)):
        return document
    if isinstance(document, (str, bytes)):
        raise TypeError(f"document {number} is {_shown(document)}: pass a list of tokens, as document.split() gives")
    if not _is_ordered(document):
        raise TypeError(f"document {number} is {_shown(document)}: pass a list of tokens, or [] for an empty document")
    # An array's own tolist gives Python's strings and integers, whose hashes are the fast ones.
    return document.tolist() if hasattr(document, "tolist") else list(document)


def _is_ordered(value):
    is_scalar_array = getattr(value, "ndim", 1) == 0
    return isinstance(value, Iterable) and not isinstance(value, (Mapping, Set)) and not is_scalar_array


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
