import pickle
import re
import threading
from collections import Counter
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from pathlib import PurePosixPath
from types import SimpleNamespace
from uuid import UUID

import narwhals as nw
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy.sparse import coo_matrix
from sklearn.feature_extraction.text import CountVectorizer

from sk_cbow import CBOWVectorizer
from sk_cbow._documents import token_lists, with_progress

LISTS = [["a", "b"], ["c"], []]
# Two documents of equal length, which must not be converted to a matrix.
CELLS = np.array([*map(np.array, (["a", "b"], ["c"], np.array([], str))), None], dtype=object)[:3]


@pytest.mark.parametrize(
    "X",
    [
        LISTS,
        (("a", "b"), ("c",), ()),
        (document for document in LISTS),
        [iter(["a", "b"]), ["c"], []],
        [np.array(["a", "b"]), np.array(["c"], dtype=object), np.array([], dtype=str)],
        [pd.Series(["a", "b"]), pl.Series(["c"]), pd.Index([])],
        CELLS,
        CELLS[:, None],
        pd.Series(LISTS, index=[7, 8, 9]),
        pd.DataFrame({"tokens": LISTS}),
        pd.DataFrame({("two", "levels"): CELLS}),
        pl.Series(LISTS, dtype=pl.List(pl.String)),
        pl.DataFrame({"tokens": LISTS}),
        pa.array(LISTS),
        pa.chunked_array([LISTS[:1], LISTS[1:]]),
        pa.table({"tokens": LISTS}),
        list(pa.array(LISTS)),
        nw.from_native(pl.DataFrame({"tokens": LISTS})),
    ],
    ids=[
        "lists",
        "tuples",
        "generator",
        "iterators",
        "arrays",
        "series",
        "object array",
        "object array of one column",
        "pandas Series of lists",
        "pandas DataFrame of lists",
        "pandas DataFrame of arrays",
        "polars Series",
        "polars DataFrame",
        "pyarrow array",
        "pyarrow chunked array",
        "pyarrow table",
        "pyarrow scalars",
        "narwhals DataFrame",
    ],
)
def test_every_iterable_of_sequences_is_a_corpus(X):
    assert [list(tokens) for tokens in token_lists(X, None)] == LISTS


def test_tokens_are_strings_or_integers():
    assert list(token_lists([["a", 1, np.int64(2), np.str_("b")]], None)) == [["a", 1, 2, "b"]]
    assert list(token_lists([np.array([3, 4])], None)) == [[3, 4]]
    assert list(token_lists([["", "\ud800", " "]], None)) == [["", "\ud800", " "]]


TEXTS = ["To be, or not to be?", "that is the question", "", "  ", "Ähren, naïve \ud800 ﬁn"]


@pytest.mark.parametrize(
    "vectorizer",
    [
        CountVectorizer(),
        CountVectorizer(analyzer="char"),
        CountVectorizer(analyzer="char_wb"),
        CountVectorizer(stop_words="english", ngram_range=(1, 2), token_pattern=r"\w+", strip_accents="unicode"),
    ],
)
@pytest.mark.parametrize("as_corpus", [list, np.array, pd.Series, pl.Series, pd.DataFrame, iter])
def test_strings_are_read_as_count_vectorizer_reads_them(vectorizer, as_corpus):
    is_frame = as_corpus in (pl.Series, pd.Series, pd.DataFrame)
    texts = [text for text in TEXTS if text.isprintable() or not is_frame]  # UTF-8, in frames, has no surrogates
    plain = vectorizer.get_params() == CountVectorizer(analyzer=vectorizer.analyzer).get_params()
    analyzer = vectorizer.analyzer if plain else pickle.loads(pickle.dumps(vectorizer.build_analyzer()))
    counts = vectorizer.fit_transform(texts).toarray()
    names = vectorizer.get_feature_names_out()
    expected = [{name: count for name, count in zip(names, row, strict=True) if count} for row in counts]
    assert [dict(Counter(tokens)) for tokens in token_lists(as_corpus(texts), analyzer)] == expected


def test_a_callable_may_return_any_sequence_of_tokens():
    assert list(token_lists(["a b"], lambda text: iter(text.split()))) == [["a", "b"]]
    assert list(token_lists(["a b"], lambda text: np.array([1, 2]))) == [[1, 2]]


GOOD = ["a", "b"]
MISSING = [
    (None, "None"),
    (float("nan"), "the float nan"),
    (np.float64("nan"), r"the float64 (np\.float64\()?nan"),
    (pd.NA, "the NAType <NA>"),
    (pd.NaT, "the NaTType NaT"),
]
SCALARS = [
    (7, "the int 7"),
    (1.5, r"the float 1\.5"),
    (np.array("to be"), r"the ndarray array\('to be'"),
]
UNORDERED = [({"a": 1}, r"the dict \{'a': 1\}"), ({"a"}, r"the set \{'a'\}"), (frozenset("a"), r"the frozenset .*")]


@pytest.mark.parametrize(
    ("X", "message"),
    [
        ("to be or not to be", r"X is the str 'to be or not to be': pass a list of documents, each a list of tokens"),
        (b"to be", r"X is the bytes b'to be': pass a list of documents"),
        *[
            (value, f"X is {shown}.*: pass a list of documents, each a list of tokens")
            for value, shown in SCALARS + MISSING
        ],
        *[(value, f"X is {shown}: pass ") for value, shown in UNORDERED],
        *[([GOOD, value], rf"document 1 is {shown}.*: pass a list of tokens$") for value, shown in SCALARS],
        ([GOOD, "to be"], r'document 1 is the str \'to be\': pass a list of tokens, or set analyzer="word"'),
        ([GOOD, ""], r"document 1 is the str '': pass a list of tokens, or set"),
        ([GOOD, "\ud800"], r"document 1 is the str '\\ud800'"),
        *[([GOOD, value], f"document 1 is {shown}: pass ") for value, shown in UNORDERED],
        (pd.Series(["to be", "or"]), r"document 0 is the str 'to be'"),
        (pd.Series(["to be", None], dtype="string"), r"document 0 is the str 'to be'"),
        (pl.LazyFrame({"tokens": [GOOD]}), r"X is the LazyFrame .*: it is lazy, so pass X\.collect\(\)"),
        (nw.from_native(pl.LazyFrame({"tokens": [GOOD]})), r"X is the LazyFrame .* pass X\.collect\(\)"),
        (pa.table({"a": GOOD, "b": GOOD}), r"X is the Table of shape \(2, 2\): pass the one column that holds"),
        (pd.DataFrame({"a": GOOD, "b": GOOD}), r"X is the DataFrame of shape \(2, 2\): pass the one column that holds"),
        (pd.DataFrame(index=[0, 1]), r"X is the DataFrame of shape \(2, 0\): pass the one column"),
        (
            np.array([GOOD, GOOD]),
            r"X is the ndarray of shape \(2, 2\): pass the one column .*, or X.tolist\(\) if its rows",
        ),
        (np.ones((2, 3)), r"X is the ndarray of shape \(2, 3\)"),
        (np.ones((2, 3, 1)), r"X is the ndarray of shape \(2, 3, 1\)"),
        ([GOOD, ["a", 1.5]], r"token 1 of document 1 is the float 1\.5: tokens are strings or integers"),
        ([GOOD, ["a", None]], r"token 1 of document 1 is None"),
        ([GOOD, [float("nan")]], r"token 0 of document 1 is the float nan"),
        ([GOOD, [pd.NA]], r"token 0 of document 1 is the NAType <NA>"),
        ([GOOD, [np.nan, "a"]], r"token 0 of document 1 is the float nan"),
        ([GOOD, np.array(["a", np.nan], dtype=object)], r"token 1 of document 1 is the float nan"),
        ([GOOD, np.array([1.0])], r"token 0 of document 1 is the float 1\.0"),
        ([GOOD, [["a"], ["b"]]], r"token 0 of document 1 is the list \['a'\]"),
        ([GOOD, np.array([GOOD, GOOD])], r"document 1 is the ndarray array.*: pass a list of tokens$"),
        ([GOOD, pd.DataFrame({"a": GOOD})], r"document 1 is the DataFrame"),
        (coo_matrix(np.ones((2, 1))), r"X is the coo_matrix of shape \(2, 1\)"),
        ([GOOD, [{"a": 1}]], r"token 0 of document 1 is the dict"),
        ([GOOD, [b"a"]], r"token 0 of document 1 is the bytes b'a': tokens are strings or integers"),
    ],
)
def test_an_error_names_value_position_and_remedy(X, message):
    with pytest.raises(TypeError, match=message):
        list(token_lists(X, None))


@pytest.mark.parametrize("analyzer", ["word", "char", "char_wb"])
@pytest.mark.parametrize(
    ("X", "message"),
    [
        ("to be", r"X is the str 'to be': pass a list of documents, each a string"),
        *[(["a", value], rf"document 1 is {shown}.*: pass a string$") for value, shown in SCALARS],
        (
            ["a", ["to", "be"]],
            r"document 1 is the list \['to', 'be'\]: pass a string, or set analyzer=None, which takes",
        ),
        (["a", np.array(GOOD)], r"document 1 is the ndarray .*: pass a string, or set analyzer=None"),
        *[(["a", value], f"document 1 is {shown}: pass ") for value, shown in UNORDERED],
        (pd.DataFrame({"a": GOOD, "b": GOOD}), r"X is the DataFrame of shape \(2, 2\): .*, each a string$"),
        (np.array([GOOD, GOOD]), r"X is the ndarray of shape \(2, 2\): .*, each a string$"),
    ],
)
def test_an_error_about_strings_names_value_position_and_remedy(X, analyzer, message):
    with pytest.raises(TypeError, match=message):
        list(token_lists(X, analyzer))


@pytest.mark.parametrize("value", [value for value, _ in MISSING])
def test_a_missing_value_is_a_document_without_tokens(value):
    assert list(map(list, token_lists([GOOD, value], None))) == [GOOD, []]
    assert list(map(list, token_lists(["to be", value], "word"))) == [["to", "be"], []]


@pytest.mark.parametrize(
    ("X", "analyzer"),
    [
        (pd.Series([["to", "be"], float("nan")]), None),
        (pl.Series([["to", "be"], None]), None),
        (pd.Series(["to be", None]), "word"),
        (pd.Series(["to be", None], dtype="string"), "word"),
        (pd.Series(["to be", None], dtype="category"), "word"),
        (pd.DataFrame({"text": ["to be", None]}), "word"),
        (pl.Series(["to be", None]), "word"),
        (pl.DataFrame({"text": ["to be", None]}), "word"),
        (pa.array(["to be", None]), "word"),
        (pa.chunked_array([["to be"], [None]]), "word"),
        (pa.table({"text": ["to be", None]}), "word"),
        (pa.array(["to be", None]).dictionary_encode(), "word"),
        (pa.array([["to", "be"], None]), None),
        (np.array(["to be", np.nan], object), "word"),
    ],
)
def test_a_null_in_a_column_is_a_missing_value(X, analyzer):
    assert [list(tokens) for tokens in token_lists(X, analyzer)] == [["to", "be"], []]


def test_a_callable_gets_documents_unchanged():
    documents = ["to be", ["to", "be"], {"text": "to be"}, None, 7]
    received = []

    def analyzer(document):
        received.append(document)
        return ["token"]

    assert list(token_lists(documents, analyzer)) == [["token"]] * 5
    assert received == documents
    assert all(one is other for one, other in zip(received, documents, strict=True))


def test_an_error_in_a_callable_names_the_document():
    with pytest.raises(AttributeError) as error:
        list(token_lists(["to be", None], lambda text: text.split()))
    assert getattr(error.value, "__notes__", ["The analyzer was called with document 1, None."]) == [
        "The analyzer was called with document 1, None."  # Python 3.10 has no notes
    ]


def test_an_analyzer_that_cannot_be_copied_works_in_fit_and_transform(two_topics, small, fitted):
    class Tokenizer:  # as in jieba
        def __init__(self):
            self.lock = threading.RLock()

        def cut(self, text):
            with self.lock:
                return text.split()

    texts = list(map(" ".join, two_topics[0]))
    vectors = CBOWVectorizer(**small, analyzer=Tokenizer().cut).fit(texts).transform(texts[:9])
    np.testing.assert_array_equal(vectors, fitted.transform(two_topics[0][:9]))


def advice(X, analyzer=None):
    """The expressions in the remedy of the error that documents raise."""
    with pytest.raises(TypeError) as error:
        list(token_lists(X, analyzer))
    _, _, remedy = str(error.value).rpartition(": ")
    list_of_tokens = r"\[\S+ (?:for \w+ in [\w()]+ ?)+\]"
    expressions = re.findall(list_of_tokens, remedy)
    return expressions or re.findall(r"(?:pass|return|or|split) ([\w.]*[(\[.][^ ,]*)", remedy)


class Animal(Enum):
    CAT = 1
    DOG = 2


A_DATE = date(2026, 1, 2)
OTHER_TOKENS = [
    ([b"tea", "caf\u00e9".encode()], ["tea", "caf\u00e9"]),
    ([bytearray(b"tea"), bytearray(b"cup")], ["tea", "cup"]),
    ([memoryview(b"tea"), memoryview(b"cup")], ["tea", "cup"]),
    (np.array([b"tea", b"cup"]), ["tea", "cup"]),
    ([np.bytes_(b"tea"), np.bytes_(b"cup")], ["tea", "cup"]),
    ([1002.0, 7.0], [1002, 7]),
    (np.array([1002.0, 7.0]), [1002, 7]),
    ([1002, np.float32(7)], [1002, 7]),
    ([Decimal("1002"), Decimal("7.0")], [1002, 7]),
    ([Fraction(1002), Fraction(14, 2)], [1002, 7]),
    ([["tea", "cup"], ["pot"]], ["tea", "cup", "pot"]),
    ([np.array(["tea", "cup"]), np.array(["pot"])], ["tea", "cup", "pot"]),
    ([pd.Series(["tea", "cup"]), pd.Series(["pot"])], ["tea", "cup", "pot"]),
    ([("new", "york"), ("the", "city")], ["new_york", "the_city"]),
    ([{"tea", "cup"}, {"pot"}], ["cup", "tea", "pot"]),
    ([frozenset(["tea", "cup"]), frozenset(["pot"])], ["cup", "tea", "pot"]),
    ([np.array("tea"), np.array("cup")], ["tea", "cup"]),
    ([np.array(1002), np.array(7)], [1002, 7]),
    ([np.True_, np.False_], [True, False]),
    (list(pa.array(["tea", "cup"])), ["tea", "cup"]),
    ([SimpleNamespace(text="tea"), SimpleNamespace(text="cup")], ["tea", "cup"]),  # as in spaCy
    ([A_DATE, datetime(2026, 1, 2, 3)], ["2026-01-02", "2026-01-02 03:00:00"]),
    ([pd.Timestamp(A_DATE), pd.Timestamp(A_DATE)], ["2026-01-02 00:00:00"] * 2),
    ([np.datetime64("2026-01-02"), np.datetime64("2026-01-03")], ["2026-01-02", "2026-01-03"]),
    ([PurePosixPath("a/b"), PurePosixPath("c")], ["a/b", "c"]),
    ([UUID(int=1), UUID(int=2)], [f"00000000-0000-0000-0000-00000000000{number}" for number in (1, 2)]),
    ([Animal.CAT, Animal.DOG], ["CAT", "DOG"]),
]


@pytest.mark.parametrize(("tokens", "expected"), OTHER_TOKENS)
def test_the_remedy_for_a_kind_of_token_yields_the_right_tokens(tokens, expected):
    expression, *_ = advice([GOOD, tokens])
    assert list(token_lists([eval(expression, {"document": tokens})], None)) == [expected]
    expression, *_ = advice(["any"], lambda document: tokens)
    assert list(token_lists(["any"], lambda document: eval(expression, {"tokens": tokens}))) == [expected]


def test_tokens_of_sentences_become_one_document_or_each_sentence_a_document():
    document = [["tea", "cup"], ["pot"]]
    message = r"pass \[.*\], or make each list a document of its own$"
    with pytest.raises(TypeError, match=message):
        list(token_lists([document], None))
    assert list(token_lists(document, None)) == document
    of_tuples = [("tea", "cup"), ("pot",)]
    _, expression = advice([of_tuples])
    assert eval(expression, {"document": of_tuples}) == ["tea", "cup", "pot"]


@pytest.mark.parametrize(
    ("token", "remedy"),
    [
        *[(value, r"drop it$") for value, _ in MISSING],
        (np.datetime64("NaT", "D"), r"drop it$"),
        (pa.scalar(None, pa.string()), r"drop it$"),
        (1.5, r"round it, bin it or drop it$"),
        (np.float32(1.5), r"round it, bin it or drop it$"),
        (np.inf, r"round it, bin it or drop it$"),
        (Decimal("1.5"), r"round it, bin it or drop it$"),
        (7.0, r"pass \[int\(token\) for token in document\] if they are ids, after dropping NaN$"),
        ({"id": 7}, r"pass \[token\[key\] for token in document\], with the key of the token$"),
        (object(), r"make a string or an integer of it$"),
        (np.ones((1, 1)), r"make a string or an integer of it$"),
        (pd.DataFrame({"text": GOOD}), r"make a string or an integer of it$"),
    ],
)
def test_no_remedy_makes_wrong_tokens(token, remedy):
    with pytest.raises(TypeError, match="tokens are strings or integers, so " + remedy) as error:
        list(token_lists([[token]], None))
    assert "str(token)" not in str(error.value)


@pytest.mark.parametrize("token", [["new", "york"], ("new", "york"), {"new"}])
def test_no_remedy_splits_the_strings_beside_another_value_into_characters(token):
    with pytest.raises(TypeError, match=r"token 1 .*, so make a string or an integer of it$"):
        list(token_lists([["the", token]], None))


@pytest.mark.parametrize("document", [b"to be", bytearray(b"to be"), memoryview(b"to be")])
def test_the_remedy_for_bytes_decodes_them(document):
    for analyzer in (None, "word"):
        expression, *_ = advice([document], analyzer)
        assert list(token_lists([eval(expression, {"document": document})], "word")) == [["to", "be"]]


@pytest.mark.parametrize("document", [{"tea", "cup"}, frozenset(["tea", "cup"])])
def test_the_remedy_for_a_set_gives_its_tokens_an_order(document):
    reason = "because the order of a set differs between processes"
    for X, analyzer, names in [
        ([document], None, {"document": document}),
        (["any"], lambda text: document, {"tokens": document}),
        (document, "word", {"X": document}),
    ]:
        with pytest.raises(TypeError, match=reason):
            list(token_lists(X, analyzer))
        expression, *_ = advice(X, analyzer)
        assert eval(expression, names) == ["cup", "tea"]


def test_the_remedy_for_a_dict_is_one_of_its_values_or_its_keys():
    record = {"id": 7, "tokens": ["tea", "cup"]}
    assert advice([record]) == ["document[key]", "list(document)"]
    assert advice(["any"], lambda text: record) == ["tokens[key]", "list(tokens)"]
    assert advice([{"text": "tea cup"}], "word") == ["document[key]"]
    assert advice({"text": ["tea cup"]}, "word") == ["X[key]", "list(X.values())"]


def test_the_remedy_for_eager_tensors_is_to_convert_them():
    import tensorflow as tf

    for values, expected in [(["tea", "cup"], ["tea", "cup"]), ([1002, 7], [1002, 7])]:
        for document in (tf.constant(values), list(map(tf.constant, values))):
            expression, *_ = advice([document])
            assert list(token_lists([eval(expression, {"document": document})], None)) == [expected]
            expression, *_ = advice(["any"], lambda text: document)  # noqa: B023
            assert eval(expression, {"tokens": document}) == expected
    text = tf.constant("tea cup")
    for analyzer in (None, "word"):
        expression, *_ = advice([text], analyzer)
        assert list(token_lists([eval(expression, {"document": text})], "word")) == [["tea", "cup"]]
    for X in (tf.constant([[1, 2], [3, 4]]), tf.ragged.constant([[1, 2], [3]])):
        expression, *_ = advice(X)
        first, _ = token_lists(eval(expression, {"X": X}), None)
        assert list(first) == [1, 2]


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (None, r"the analyzer returned None for document 0: let it return a list of tokens"),
        ("to be", r"the analyzer returned the str 'to be' for document 0"),
        (np.ones((1, 1)), r"the analyzer returned the ndarray .* for document 0"),
        ([1.5], r"token 0 of document 0 is the float 1\.5"),
    ],
)
def test_an_analyzer_that_does_not_return_a_list_is_an_error(made, message):
    with pytest.raises(TypeError, match=message):
        list(token_lists(["text"], lambda text: made))


def test_errors_shorten_a_long_value():
    with pytest.raises(TypeError, match="document 0 is the str") as error:
        list(token_lists(["word " * 10_000], None))
    assert len(str(error.value)) < 200


SCALAR = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary()
ANYTHING = st.recursive(
    SCALAR, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.lists(inner).map(tuple)
)


@pytest.mark.slow
@given(X=ANYTHING, analyzer=st.sampled_from([None, "word", "char", "char_wb"]))
@example(X=[[1, float("nan")]], analyzer=None)
def test_any_object_becomes_tokens_or_is_a_type_error(X, analyzer):
    try:
        documents = list(token_lists(X, analyzer))
    except TypeError as error:
        if not str(error).startswith(("X is ", "document ", "token ")):
            raise
    else:
        assert len(documents) == len(X)
        assert {type(token) for tokens in documents for token in tokens} <= {str, int, bool}


@pytest.mark.parametrize("is_sized", [True, False])
def test_progress_shows_documents_tokens_and_the_remaining_time(capsys, is_sized):
    X = LISTS if is_sized else iter(LISTS)
    assert list(with_progress(token_lists(X, None), X, every=0)) == LISTS
    *states, last = capsys.readouterr().out.split("\r")[1:]
    expected = ["1 documents read, 2 tokens", "2 documents read, 3 tokens", "3 documents read, 3 tokens"]
    for state, beginning in zip(states, expected, strict=True):
        assert state.startswith(beginning)
        assert ("0:00:00 left" in state) == is_sized
    assert last.startswith("3 documents read, 3 tokens, ")
    assert last.rstrip().endswith("tokens per second")
    assert last.endswith(" \n")  # overwrites the remaining time


def test_progress_with_infinite_interval_is_one_line(capsys):
    assert list(with_progress(iter(LISTS), LISTS, every=np.inf)) == LISTS
    assert capsys.readouterr().out.count("documents read") == 1
