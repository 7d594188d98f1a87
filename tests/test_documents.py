from types import SimpleNamespace

import numpy as np
import pytest

from sk_cbow._documents import token_lists


@pytest.mark.parametrize(
    "X",
    [
        [["a", "b"], ["c"], []],
        (("a", "b"), ("c",), ()),
        (document for document in [["a", "b"], ["c"], []]),
        [np.array(["a", "b"]), np.array(["c"], dtype=object), np.array([], dtype=str)],
        [iter(["a", "b"]), ["c"], []],
    ],
    ids=["lists", "tuples", "generator", "arrays", "iterators"],
)
def test_every_iterable_of_sequences_is_a_corpus(X):
    assert [list(tokens) for tokens in token_lists(X)] == [["a", "b"], ["c"], []]


def test_tokens_are_strings_or_integers():
    assert list(token_lists([["a", 1, np.int64(2), np.str_("b")]])) == [["a", 1, 2, "b"]]
    assert list(token_lists([np.array([3, 4])])) == [[3, 4]]


GOOD = ["a", "b"]


@pytest.mark.parametrize(
    ("X", "message"),
    [
        ("to be or not to be", r"X is the str 'to be or not to be': pass a list of documents"),
        (b"to be", r"X is the bytes b'to be': pass a list of documents"),
        (3, r"X is the int 3: pass a list of documents"),
        (None, r"X is None: pass a list of documents"),
        ([GOOD, "to be"], r"document 1 is the str 'to be': pass a list of tokens, as document\.split\(\) gives"),
        ([GOOD, b"to be"], r"document 1 is the bytes b'to be'"),
        ([GOOD, None], r"document 1 is None: pass a list of tokens, or \[\] for an empty document"),
        ([GOOD, float("nan")], r"document 1 is the float nan"),
        ([GOOD, 7], r"document 1 is the int 7"),
        ([GOOD, np.array("to be")], r"document 1 is the ndarray array\('to be'"),
        ({"d": GOOD}, r"X is the dict \{'d': \['a', 'b'\]\}: pass a list of documents"),
        ({("a", "b")}, r"X is the set .*: pass a list of documents"),
        (np.array("a b"), r"X is the ndarray array\('a b'"),
        (SimpleNamespace(columns=["text"]), r"X is a SimpleNamespace of columns \['text'\]: pass one column"),
        ([GOOD, {"a": 1}], r"document 1 is the dict \{'a': 1\}: pass a list of tokens, or"),
        ([GOOD, {"a"}], r"document 1 is the set \{'a'\}"),
        ([GOOD, ["a", 1.5]], r"token 1 of document 1 is the float 1\.5: tokens are strings or integers"),
        ([GOOD, ["a", None]], r"token 1 of document 1 is None"),
        ([GOOD, [float("nan")]], r"token 0 of document 1 is the float nan"),
        ([GOOD, [["a"], ["b"]]], r"token 0 of document 1 is the list \['a'\]"),
        ([GOOD, [b"a"]], r"token 0 of document 1 is the bytes b'a'"),
        (np.ones((2, 3)), r"token 0 of document 0 is the float 1\.0"),
    ],
)
def test_an_error_names_value_place_and_remedy(X, message):
    with pytest.raises(TypeError, match=message):
        list(token_lists(X))


def test_a_long_value_is_shown_by_its_beginning():
    with pytest.raises(TypeError, match="document 0 is the str") as error:
        list(token_lists(["word " * 10_000]))
    assert len(str(error.value)) < 200
