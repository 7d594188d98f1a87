import copy
import gc
import json
import pickle
import random
import re
import subprocess
import sys
import threading
import tracemalloc
import warnings
import weakref
from concurrent.futures import ThreadPoolExecutor

import hypothesis
import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from hypothesis import strategies as st
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline

from sk_cbow import CBOWVectorizer, _vocabulary

# What it is for


@pytest.mark.parametrize("shared_embedding", [True, False])
def test_two_topics_that_share_no_word_become_linearly_separable(two_topics, shared_embedding, small):
    documents, topics = two_topics
    train, test, y_train, y_test = train_test_split(documents, topics, train_size=10, stratify=topics, random_state=0)
    vectorizer = CBOWVectorizer(**small, shared_embedding=shared_embedding).fit(documents)
    classifier = LogisticRegression().fit(vectorizer.transform(train), y_train)
    assert classifier.score(vectorizer.transform(test), y_test) == 1


def test_neighbours_of_numbers_of_numpy_can_be_written_as_json(small):
    baskets = [list(np.arange(start, start + 3)) for start in (0, 10)] * 20
    vectorizer = CBOWVectorizer(**small).fit(baskets)
    assert json.loads(json.dumps(vectorizer.most_similar(np.int64(11), topn=2)))
    as_lists = [[int(product) for product in basket] for basket in baskets]
    np.testing.assert_array_equal(vectorizer.transform(baskets), vectorizer.transform(as_lists))


def test_words_of_one_topic_are_neighbours(fitted):
    neighbours = {token for token, _ in fitted.most_similar("tea", topn=5)}
    assert neighbours == {"milk", "cup", "sugar", "spoon", "pot"}
    assert fitted.most_similar(["tea", "milk"], negative=["car"], topn=1)[0][0] in neighbours


@pytest.mark.slow
def test_an_epoch_of_hundreds_of_blocks(two_topics, small):
    """One call of Keras' function trains on many blocks, more than Keras before 3.7 supported."""
    documents, _ = two_topics
    vectorizer = CBOWVectorizer(**small | {"epochs": 1}, batch_size=64).fit(documents * 5)
    assert sum(map(len, documents)) * 5 / 64 > 200
    assert {token for token, _ in vectorizer.most_similar("tea", topn=5)} == {"milk", "cup", "sugar", "spoon", "pot"}


def test_integer_tokens_are_tokens_like_any_other(two_topics, small):
    documents, _ = two_topics
    number_of = {word: number for number, word in enumerate(sorted({word for tokens in documents for word in tokens}))}
    baskets = [[number_of[word] for word in tokens] for tokens in documents]
    by_word, by_number = CBOWVectorizer(**small).fit(documents), CBOWVectorizer(**small).fit(baskets)
    np.testing.assert_array_equal(by_word.embeddings_, by_number.embeddings_)
    assert [number_of[word] for word in by_word.vocabulary_] == list(by_number.vocabulary_)


def test_a_generator_is_read_once_by_fit_and_by_transform(two_topics, fitted, small):
    documents, _ = two_topics
    from_generator = CBOWVectorizer(**small).fit(iter(documents))
    np.testing.assert_array_equal(from_generator.embeddings_, fitted.embeddings_)
    vectors = CBOWVectorizer(**small).fit_transform(iter(documents))
    np.testing.assert_array_equal(vectors, fitted.transform(iter(documents)))


@pytest.mark.slow
def test_a_corpus_on_disk_read_in_tiny_chunks_gives_the_same_vectors(monkeypatch, two_topics, small):
    documents, _ = two_topics
    parameters = small | {"weighting": "idf", "remove_components": 1, "norm": "l2"}
    in_memory = CBOWVectorizer(**parameters).fit(documents)
    for name, value in {"BYTES_IN_MEMORY": 1000, "DOCUMENTS_AT_A_TIME": 2, "TOKENS_AT_A_TIME": 3}.items():
        monkeypatch.setattr(_vocabulary, name, value)
    on_disk = CBOWVectorizer(**parameters)
    vectors = on_disk.fit_transform(documents)
    np.testing.assert_array_equal(on_disk.embeddings_, in_memory.embeddings_)
    np.testing.assert_array_equal(on_disk.idf_, in_memory.idf_)
    np.testing.assert_array_equal(on_disk.transform(documents), vectors)
    np.testing.assert_allclose(in_memory.transform(documents), vectors, atol=1e-6)  # the component differs by rounding


# What fit leaves behind


def test_fitted_attributes(two_topics, fitted):
    documents, _ = two_topics
    flat = [token for tokens in documents for token in tokens]
    assert fitted.vocabulary_ == {token: row for row, token in enumerate(fitted.vocabulary_)}
    assert fitted.token_counts_.tolist() == [flat.count(token) for token in fitted.vocabulary_]
    assert sorted(fitted.token_counts_, reverse=True) == fitted.token_counts_.tolist()
    assert fitted.embeddings_.shape == (12, 8)
    assert fitted.embeddings_.dtype == np.float32
    assert fitted.n_iter_ == len(fitted.loss_curve_) == 3
    assert fitted.loss_curve_[-1] < fitted.loss_curve_[0]
    assert all(type(loss) is float for loss in fitted.loss_curve_)


def test_two_tables_give_the_sum_of_both(two_topics, small):
    vectorizer = CBOWVectorizer(**small, shared_embedding=False).fit(two_topics[0])
    context_table, target_table = vectorizer.context_embeddings_, vectorizer.target_embeddings_
    assert not np.array_equal(context_table, target_table)
    np.testing.assert_array_equal(vectorizer.embeddings_, context_table + target_table)


def test_transform_is_the_mean_over_known_tokens(fitted):
    vector = dict(zip(fitted.vocabulary_, fitted.embeddings_, strict=True))
    vectors = fitted.transform([["tea", "?", "car", "tea"], ["?"], []])
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(vectors[0], (2 * vector["tea"] + vector["car"]) / 3, rtol=1e-5)
    np.testing.assert_array_equal(vectors[1:], np.zeros((2, 8)))


# Randomness


@pytest.mark.slow
@pytest.mark.parametrize("document_context", [0.8, 1])
@pytest.mark.parametrize("shared_embedding", [True, False])
def test_a_document_context_learns_topics_and_is_reproducible(two_topics, small, document_context, shared_embedding):
    documents, topics = two_topics
    parameters = {**small, "document_context": document_context, "shared_embedding": shared_embedding}
    vectorizer = CBOWVectorizer(**parameters).fit(documents)
    vectors = vectorizer.transform(documents)
    np.testing.assert_array_equal(CBOWVectorizer(**parameters).fit_transform(documents), vectors)
    assert LogisticRegression().fit(vectors[:10], topics[:10]).score(vectors, topics) == 1


@pytest.mark.slow
def test_words_that_only_share_documents_become_neighbours_by_the_document_context():
    """Words of a pair are first and last in a document, outside each other's window, among words of all documents."""
    rng = np.random.default_rng(0)
    fillers = [f"filler{number}" for number in range(20)]
    pairs = [("key", "lock"), ("moon", "star"), ("bread", "wine"), ("salt", "sea")]
    documents = [
        [pairs[pair][0], *rng.choice(fillers, 12).tolist(), pairs[pair][1]] for pair in rng.integers(0, 4, 3000)
    ]

    def n_found(document_context):
        parameters = {"vector_size": 8, "window": 2, "sample": 0, "epochs": 10, "random_state": 0}
        vectorizer = CBOWVectorizer(**parameters, document_context=document_context).fit(documents)
        return sum(vectorizer.most_similar(first, topn=1)[0][0] == second for first, second in pairs)

    assert n_found(0) < 4
    assert n_found(0.8) == n_found(1) == 4


@pytest.mark.slow
def test_documents_of_every_length_have_a_document_context(small):
    rng = np.random.default_rng(0)
    words = [f"word{number}" for number in range(30)]
    documents = [rng.choice(words, length).tolist() for length in (0, 1, 2, 3, 63, 64, 65, 1000, 100_000)]
    for document_context in (0.5, 1):
        vectors = CBOWVectorizer(**small, document_context=document_context).fit_transform(documents)
        assert np.isfinite(vectors).all()
        assert vectors[1:].any(axis=1).all()


def test_one_random_state_gives_identical_results_in_one_process(two_topics, fitted, small):
    documents, _ = two_topics
    np.testing.assert_array_equal(CBOWVectorizer(**small).fit(documents).embeddings_, fitted.embeddings_)
    other = CBOWVectorizer(**{**small, "random_state": 1}).fit(documents)
    assert (other.embeddings_ != fitted.embeddings_).any()


FIT_AND_HASH = """
import hashlib
import numpy as np
from sk_cbow import CBOWVectorizer

rng = np.random.default_rng(0)
documents = [[str(number) for number in rng.zipf(1.3, 40) % 5000] for _ in range(3000)]
parameters = {"vector_size": 300, "batch_size": 4096, "epochs": 2, "random_state": 0}
parameters |= {"remove_components": 2, "norm": "l2"}
for document_context in (0, 0.8):
    vectorizer = CBOWVectorizer(**parameters, document_context=document_context)
    vectors = vectorizer.fit_transform(documents)
    for array in (vectorizer.embeddings_, vectorizer.components_, vectorizer.mean_, vectors):
        print(hashlib.sha256(array.tobytes()).hexdigest(), vectorizer.loss_curve_)
"""


@pytest.mark.slow
def test_results_do_not_depend_on_the_number_of_threads(in_a_fresh_process):
    one, four = (
        in_a_fresh_process(
            FIT_AND_HASH,
            TF_NUM_INTRAOP_THREADS=number,
            TF_NUM_INTEROP_THREADS=number,
            OMP_NUM_THREADS=number,
            OPENBLAS_NUM_THREADS=number,
        )
        for number in ("1", "4")
    )
    assert one == four


def test_a_random_state_instance_is_used(two_topics, fitted, small):
    documents, _ = two_topics
    first, second = (
        CBOWVectorizer(**{**small, "random_state": np.random.RandomState(7)}).fit(documents) for _ in range(2)
    )
    np.testing.assert_array_equal(first.embeddings_, second.embeddings_)
    assert (first.embeddings_ != fitted.embeddings_).any()


@pytest.mark.parametrize("random_state", [None, 0])
def test_global_random_states_are_untouched(two_topics, random_state, small):
    numpy_before, python_before = np.random.get_state(legacy=False), random.getstate()  # noqa: NPY002 it is the subject
    CBOWVectorizer(**{**small, "random_state": random_state}).fit(two_topics[0])
    np.testing.assert_equal(np.random.get_state(legacy=False), numpy_before)  # noqa: NPY002
    assert random.getstate() == python_before


def test_results_do_not_depend_on_keras_global_dtypes(two_topics, fitted, small):
    floatx, policy = keras.config.floatx(), keras.config.dtype_policy()
    try:
        keras.config.set_floatx("float64")
        keras.config.set_dtype_policy("mixed_float16")
        vectorizer = CBOWVectorizer(**small).fit(two_topics[0])
    finally:
        keras.config.set_floatx(floatx)
        keras.config.set_dtype_policy(policy)
    np.testing.assert_array_equal(vectorizer.embeddings_, fitted.embeddings_)


# Invalid documents


WRONG = [("tea", "X is the str 'tea'"), (b"tea", "X is the bytes"), (None, "X is None"), (7, "X is the int 7")]
WRONG += [(np.array([["tea", "cup"]]), r"X is the ndarray of shape \(1, 2\)"), ({"d": ["tea"]}, "X is the dict")]
WRONG += [(pd.DataFrame({"a": ["tea"], "b": ["cup"]}), r"X is the DataFrame of shape \(1, 2\)")]
SCALARS = [(b"tea", "bytes"), (7, "int 7"), ({"tea": 1}, "dict"), (1.5, "float 1.5"), (np.float64(1.5), "float64")]


@pytest.mark.parametrize(
    ("analyzer", "X", "message"),
    [
        *[(None, X, message) for X, message in WRONG],
        *[(None, [["tea"], value], f"document 1 is .*{shown}.*: ") for value, shown in SCALARS],
        (None, [["tea"], "tea"], "document 1 is the str 'tea': .* or set analyzer=\"word\""),
        (None, [["tea"], ""], "document 1 is the str ''"),
        (None, [["tea"], ["cup", float("nan")]], "token 1 of document 1 is the float nan"),
        (None, [["tea"], ["cup", 1, 1.5]], "token 2 of document 1 is the float 1.5"),
        (None, [["tea"], [["cup"]]], r"token 0 of document 1 is the list \['cup'\]"),
        *[("word", X, message) for X, message in WRONG],
        *[("word", ["tea", value], f"document 1 is .*{shown}.*: ") for value, shown in SCALARS],
        ("word", ["tea", ["tea"]], r"document 1 is the list \['tea'\]: .* set analyzer=None"),
    ],
)
def test_an_invalid_corpus_is_an_error_and_leaves_a_fitted_vectorizer_unchanged(analyzer, X, message, fitted):
    vectorizer = copy.deepcopy(fitted).set_params(analyzer=analyzer)
    before = pickle.dumps(vectorizer)
    for method in (vectorizer.fit, vectorizer.fit_transform, vectorizer.transform):
        with pytest.raises(TypeError, match=message):
            method(X)
    assert pickle.dumps(vectorizer) == before


def test_a_missing_value_is_a_document_without_tokens(two_topics, fitted, small):
    documents = [None, *two_topics[0], float("nan")]
    vectorizer = CBOWVectorizer(**small).fit(documents)
    assert vectorizer.vocabulary_ == fitted.vocabulary_
    vectors = vectorizer.transform(documents)
    assert not vectors[[0, -1]].any()
    assert vectors[1:-1].any(axis=1).all()


@pytest.mark.parametrize(
    ("analyzer", "X", "message"),
    [
        (None, [], "X holds no documents"),
        (None, iter([]), "X holds no documents"),
        (None, [[], []], "no document of X has a token"),
        ("word", ["", " "], "no document of X has a token"),
        (None, [["a", "b"], ["a"]], "no token occurs min_count=5 times; the most frequent, 'a', occurs 2 times"),
        (None, [["a"]] * 9, "no document has two"),
    ],
)
def test_fit_on_documents_without_contexts_is_an_error(analyzer, X, message, fitted):
    vectorizer = copy.deepcopy(fitted).set_params(analyzer=analyzer)
    before = pickle.dumps(vectorizer)
    with pytest.raises(ValueError, match=message):
        vectorizer.fit(X)
    assert pickle.dumps(vectorizer) == before
    assert not vectorizer.transform(X).any()


def test_as_many_components_as_dimensions_cannot_be_removed(fitted):
    vectorizer = copy.deepcopy(fitted).set_params(remove_components=8)
    with pytest.raises(
        ValueError, match="remove_components=8 removes all dimensions of vectors with vector_size=8: lower it"
    ):
        vectorizer.fit([["a", "b"]] * 9)
    assert vectorizer.components_.shape == (0, 8)


# Strange documents


@pytest.mark.slow
@pytest.mark.parametrize(
    "documents",
    [
        [["a", "b"], [], ["", ""]] * 5,
        [["\ud800", "\udfff\ud800"], ["\x00", "a\nb"]] * 5,
        [["a", 1, 2**70, -1]] * 5,
        [["a", "a"]] * 5,
        [["a", "b", "c"] * 350_000],
    ],
    ids=["empty", "surrogates", "mixed types", "a vocabulary of one", "a million tokens"],
)
@pytest.mark.parametrize("weighting", ["uniform", "idf", "sif"])
def test_strange_documents_have_finite_vectors(documents, weighting, small):
    vectorizer = CBOWVectorizer(**{**small, "epochs": 1}, weighting=weighting)
    vectors = vectorizer.fit_transform(documents)
    assert np.isfinite(vectors).all()
    assert set(vectorizer.vocabulary_) == {token for tokens in documents for token in tokens}
    np.testing.assert_array_equal(vectorizer.transform(iter(documents)), vectors)


@hypothesis.settings(max_examples=20)
@hypothesis.given(
    documents=st.lists(st.lists(st.text(max_size=3) | st.integers(), max_size=6), max_size=9),
    weighting=st.sampled_from(["uniform", "idf", "sif"]),
    remove_components=st.integers(0, 1),
    norm=st.sampled_from([None, "l2"]),
)
def test_any_tokens_give_finite_vectors_or_a_documented_error(documents, weighting, remove_components, norm):
    averaging = {"weighting": weighting, "remove_components": remove_components, "norm": norm}
    vectorizer = CBOWVectorizer(8, window=1, min_count=1, sample=0, epochs=1, **averaging)
    try:
        vectors = vectorizer.fit_transform(documents)
    except ValueError as error:
        if not re.match(
            "X holds no documents|no document of X has a token|no document has two tokens|remove_comp", str(error)
        ):
            raise
    else:
        assert vectors.shape == (len(documents), 8)
        assert np.isfinite(vectors).all()
        np.testing.assert_array_equal(vectorizer.transform(documents), vectors)


@hypothesis.given(
    texts=st.lists(st.text(st.characters(codec=None))), analyzer=st.sampled_from(["word", "char", "char_wb"])
)
def test_any_strings_have_finite_vectors(texts, analyzer, fitted):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "none of the .* tokens of these documents is in the vocabulary")
        vectors = copy.copy(fitted).set_params(analyzer=analyzer).transform(texts)
    assert vectors.shape == (len(texts), 8)
    assert np.isfinite(vectors).all()


@pytest.mark.parametrize("tokens", [["tea", "milk", "car", "?"] * 10, []], ids=["long", "empty"])
def test_transform_of_an_iterator_takes_memory_for_its_result_and_some_documents_only(tokens, fitted):
    def peak_of_transform(n_documents):
        tracemalloc.start()
        vectors = fitted.transform(tokens for _ in range(n_documents))
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return peak - vectors.nbytes

    few, many = peak_of_transform(10_000), peak_of_transform(60_000)
    assert few < 30e6
    # The result grows by an eighth at a time.
    assert many < few + 60_000 * 8 * 4 / 8


def test_transform_of_one_long_document_takes_memory_for_a_chunk_of_it_only(fitted):
    def peak_of_transform(n_tokens):
        document = ["tea", "milk", "car", "?"] * (n_tokens // 4)
        tracemalloc.start()
        (vector,) = fitted.transform([document])
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        np.testing.assert_array_equal(vector, fitted.transform([["tea", "milk", "car"]])[0])
        return peak

    assert peak_of_transform(8_000_000) < peak_of_transform(1_000_000) + 1e6


# Threads


@pytest.mark.slow
def test_a_refit_during_transform_does_not_change_its_result(two_topics, small):
    vectorizer = CBOWVectorizer(**small).fit(two_topics[0])
    expected = vectorizer.transform([["tea"], ["car"]] * 5000)

    def documents_with_a_refit_between():
        for number in range(5000):
            yield ["tea"]
            if number == 4500:  # some chunks have been transformed, others have not
                vectorizer.set_params(vector_size=2, max_vocab=2, remove_components=1).fit(two_topics[0])
            yield ["car"]

    np.testing.assert_array_equal(vectorizer.transform(documents_with_a_refit_between()), expected)
    assert vectorizer.transform([["tea"]]).shape == (1, 2)


def test_a_refit_during_most_similar_does_not_change_its_result(two_topics, small):
    vectorizer = CBOWVectorizer(**small).fit(two_topics[0])
    expected = vectorizer.most_similar(["tea", "car"])

    def tokens_with_a_refit_between():
        yield "tea"
        vectorizer.set_params(vector_size=2, max_vocab=2).fit(two_topics[0])
        yield "car"

    assert vectorizer.most_similar(tokens_with_a_refit_between()) == expected


def test_neighbours_are_those_of_the_present_vectors(two_topics, small):
    vectorizer = CBOWVectorizer(**small).fit(two_topics[0])
    first = vectorizer.most_similar("tea")
    vectorizer.embeddings_ = vectorizer.embeddings_ * np.arange(8, dtype=np.float32)  # other directions
    second = vectorizer.most_similar("tea")
    assert second == vectorizer.with_vectors(vectorizer.embeddings_).most_similar("tea") != first
    vectorizer.vocabulary_ = {token.upper(): row for token, row in vectorizer.vocabulary_.items()}
    assert vectorizer.most_similar("TEA") == [(token.upper(), similarity) for token, similarity in second]
    old_vectors = weakref.ref(vectorizer.embeddings_)
    vectorizer.fit(two_topics[0])
    assert vectorizer.most_similar("tea") == first
    assert old_vectors() is None


def test_neighbours_leave_no_trace_in_pickles(two_topics, small):
    vectorizer = CBOWVectorizer(**small).fit(two_topics[0])
    before = pickle.dumps(vectorizer)
    vectorizer.most_similar("tea")
    assert pickle.dumps(vectorizer) == before


@pytest.mark.slow
def test_threads_see_the_old_vectors_or_the_new_ones_while_another_fits(two_topics, small):
    """Vocabularies of two sizes, so that a mixture of two fits would have rows out of range."""
    vectorizer = CBOWVectorizer(**small).fit(two_topics[0])
    documents = [[*vectorizer.vocabulary_]] * 50
    frequent = next(iter(vectorizer.vocabulary_))
    expected = {}
    for max_vocab in (2, None):
        fitted = CBOWVectorizer(**small, max_vocab=max_vocab).fit(two_topics[0])
        expected[fitted.transform(documents).tobytes()] = fitted.most_similar(frequent, topn=99)
    ended = threading.Event()

    def use():
        seen = set()
        while not ended.is_set():
            vectors = vectorizer.transform(documents).tobytes()
            assert vectors in expected
            assert vectorizer.most_similar(frequent, topn=99) in expected.values()
            read = pickle.loads(pickle.dumps(vectorizer))
            assert read.transform(documents).tobytes() in expected
            seen.add(vectors)
        return seen

    with ThreadPoolExecutor(3) as threads:
        users = [threads.submit(use) for _ in range(3)]
        try:
            for max_vocab in (2, None) * 4:
                vectorizer.max_vocab = max_vocab
                vectorizer.fit(two_topics[0])
        finally:
            ended.set()
        assert set().union(*(user.result() for user in users)) == expected.keys()


@pytest.mark.slow
@pytest.mark.parametrize("others", [{"random_state": 1}, {"shared_embedding": False, "document_context": 1}])
def test_two_fits_at_once_in_two_threads_are_two_fits_one_after_the_other(two_topics, small, others):
    both = threading.Barrier(2, timeout=60)

    def wait_for_the_other():
        return keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: both.wait())

    documents, parameters = two_topics[0], (small, small | others)
    with ThreadPoolExecutor(2) as threads:
        at_once = [
            threads.submit(CBOWVectorizer(**of_one, callbacks=wait_for_the_other).fit, documents)
            for of_one in parameters
        ]
        at_once = [fit.result() for fit in at_once]
    for fitted, of_one in zip(at_once, parameters, strict=True):
        alone = CBOWVectorizer(**of_one).fit(documents)
        np.testing.assert_array_equal(fitted.embeddings_, alone.embeddings_)
        np.testing.assert_array_equal(fitted.transform(documents), alone.transform(documents))
        assert fitted.loss_curve_ == alone.loss_curve_


# Errors in training


def interrupt():
    raise KeyboardInterrupt


def test_an_interrupted_fit_leaves_a_fitted_vectorizer_unchanged(two_topics, small):
    vectorizer = CBOWVectorizer(**small).fit(two_topics[0]).set_params(callbacks=interrupt)
    before = pickle.dumps(vectorizer)
    with pytest.raises(KeyboardInterrupt):
        vectorizer.fit([["other", "words"]] * 20)
    assert pickle.dumps(vectorizer) == before


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("vector_size", 0),
        ("window", 2.5),
        ("min_count", 0),
        ("document_context", -0.1),
        ("document_context", 1.1),
        ("document_context", True),
        ("max_vocab", 0),
        ("sample", -1),
        ("negative", 0),
        ("ns_exponent", "0.75"),
        ("shared_embedding", "yes"),
        ("epochs", 0),
        ("learning_rate", 0),
        ("batch_size", "large"),
        ("weighting", "tfidf"),
        ("remove_components", -1),
        ("norm", "l1"),
        ("analyzer", "words"),
        ("random_state", "zero"),
        ("verbose", 3),
        ("vector_size", True),
        ("window", True),
        ("min_count", False),
        ("max_vocab", True),
        ("sample", True),
        ("negative", np.True_),
        ("ns_exponent", False),
        ("epochs", True),
        ("learning_rate", True),
        ("batch_size", True),
        ("remove_components", True),
        ("vector_size", 2**31),
        ("window", 2**31),
        ("negative", 2**31),
        ("negative", 10**400),
        ("ns_exponent", 1e308),
        ("ns_exponent", -1001),
        ("ns_exponent", float("nan")),
        ("epochs", 2**31),
        ("learning_rate", 1e39),
        ("learning_rate", 1e-50),
        ("learning_rate", np.float16("nan")),
        ("batch_size", 2**31),
    ],
)
def test_parameters_are_validated(parameter, value):
    with pytest.raises(ValueError, match=f"The '{parameter}' parameter of CBOWVectorizer must be"):
        CBOWVectorizer(**{parameter: value}).fit([["a", "b"]] * 9)


@pytest.mark.parametrize(
    "parameters",
    [
        {"negative": np.int64(5)},
        {"negative": np.uint64(5)},
        {"window": np.uint8(5)},
        {"vector_size": np.int8(8)},
        {"epochs": np.uint8(3)},
        {"learning_rate": np.float64(0.25)},
        {"learning_rate": np.longdouble("0.25")},
        {"sample": np.float32(0)},
        {"shared_embedding": np.True_},
    ],
)
def test_parameters_may_be_numpy_numbers_as_in_a_grid_search_over_arange(parameters, two_topics, fitted, small):
    vectorizer = CBOWVectorizer(**{**small, **parameters}).fit(two_topics[0])
    np.testing.assert_array_equal(vectorizer.embeddings_, fitted.embeddings_)
    (name,) = parameters
    assert type(getattr(vectorizer, name)) is type(parameters[name])


def test_every_parameter_is_constrained():
    assert set(CBOWVectorizer._parameter_constraints) == set(CBOWVectorizer().get_params())


def test_divergence_is_an_error_that_names_the_learning_rate(two_topics, small):
    for learning_rate in (1e38, 1e18):  # the vectors are not finite, or only the loss is not
        with pytest.raises(ValueError, match=rf"learning_rate={re.escape(str(learning_rate))} .* lower it"):
            CBOWVectorizer(**{**small, "learning_rate": learning_rate}).fit(two_topics[0])


@pytest.mark.parametrize("parameters", [{"learning_rate": 50, "epochs": 2}, {"epochs": 1}])
def test_a_loss_far_above_that_of_zeros_is_a_warning_at_the_line_that_called(two_topics, small, parameters):
    vectorizer = CBOWVectorizer(**{**small, "learning_rate": 10, **parameters})
    message = rf"learning_rate={vectorizer.learning_rate} diverged: .* is \d.*, but 2.7 if all vectors were zero; lower"
    with pytest.warns(ConvergenceWarning, match=message) as warned:
        vectorizer.fit(two_topics[0])
    assert [warning.filename for warning in warned] == [__file__]
    assert vectorizer.embeddings_.shape == (12, 8)


def test_a_loss_is_no_warning_in_fits_that_begin_high_or_low(two_topics, small):
    documents, _ = two_topics
    long = {token: np.random.default_rng(0).normal(size=8) * 2 for token in ["tea", "car", "milk", "road"]}
    CBOWVectorizer(**small, init_vectors=long, freeze_init=True).fit(documents)
    CBOWVectorizer(**small, init_vectors=long).fit(documents)
    CBOWVectorizer(**{**small, "epochs": 1}).fit(documents)
    vectorizer = CBOWVectorizer(**small, warm_start=True).fit(documents).fit(documents)
    vectorizer.partial_fit(documents[:3]).partial_fit([["tea", "road", "fuel", "pot"]])


def test_a_memory_error_names_the_sizes_and_leaves_the_vectorizer_unchanged(two_topics, small):
    vectorizer = CBOWVectorizer(**small).fit(two_topics[0])
    before = vectorizer.transform(two_topics[0])
    message = (
        r"training needs about 1.*e\+04 GiB, for vector_size=1000000000, 12 tokens and blocks of 256 tokens: lower"
    )
    with pytest.raises(MemoryError, match=message):
        vectorizer.set_params(vector_size=10**9).fit(two_topics[0])
    np.testing.assert_array_equal(vectorizer.transform(two_topics[0]), before)


@pytest.mark.slow
def test_a_process_survives_a_memory_error():
    code = (
        "import resource\n"
        "from sk_cbow import CBOWVectorizer\n"
        "documents = [['tea', 'milk', 'cup']] * 50\n"
        "CBOWVectorizer(vector_size=8, epochs=1, sample=0).fit(documents)\n"
        "used = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize()\n"
        "resource.setrlimit(resource.RLIMIT_AS, (used + 1_750_000_000,) * 2)\n"
        "for vector_size in (100_000, 10**6):\n"
        "    try: CBOWVectorizer(vector_size=vector_size, epochs=1, sample=0).fit(documents)\n"
        "    except MemoryError as error: print(error)\n"
        "many = [[str(number % 2000) for number in range(start, start + 200)] for start in range(400)]\n"
        "try: CBOWVectorizer(vector_size=2000, epochs=1, batch_size=10**9).fit(many)\n"
        "except MemoryError: print('blocks of the whole corpus')\n"
        "CBOWVectorizer(vector_size=8, epochs=1, sample=0, batch_size=10**9).fit(documents)\n"
        "print('trained in blocks no larger than the corpus')\n"
        "CBOWVectorizer(epochs=1, sample=0, window=2000, batch_size=8192).fit([['tea', 'cup'] * 4096])\n"
        "print('trained with a large window')\n"
    )
    process = subprocess.run([sys.executable, "-c", code], text=True, capture_output=True, timeout=120)
    assert process.returncode == 0
    message = r"training needs about .* GiB, for vector_size=%d, 3 tokens and blocks of 256 tokens: lower .*\n"
    end = "blocks of the whole corpus\ntrained in blocks no larger than the corpus\ntrained with a large window\n"
    assert re.fullmatch(message % 10**5 + message % 10**6 + end, process.stdout)


def test_scopes_in_which_variables_cannot_be_trained_are_named(two_topics, small):
    vectorizer = CBOWVectorizer(**small)
    remedy = ": call it outside, and use the fitted vectorizer there"
    for scope, name in [
        (tf.distribute.OneDeviceStrategy("/cpu:0").scope(), "the scope of a tf.distribute strategy"),
        (keras.StatelessScope(), "a keras.StatelessScope"),
        (tf.Graph().as_default(), "a tf.Graph, or with eager execution disabled"),
    ]:
        with pytest.raises(RuntimeError, match=f"fit cannot train in {name}{remedy}"), scope:
            vectorizer.fit(two_topics[0])
    with pytest.raises(RuntimeError, match=f"fit cannot train in a function that TensorFlow traces{remedy}"):
        tf.function(lambda: vectorizer.fit(two_topics[0]), autograph=False)()
    assert not hasattr(vectorizer, "embeddings_")


def test_a_gradient_tape_does_not_change_results(two_topics, fitted, small):
    with tf.GradientTape() as tape:
        vectorizer = CBOWVectorizer(**small).fit(two_topics[0])
    assert not tape.watched_variables()
    np.testing.assert_array_equal(vectorizer.embeddings_, fitted.embeddings_)


@pytest.mark.filterwarnings("ignore:Even though the `tf.config.experimental_run_functions_eagerly`")  # TensorFlow's
def test_uncompiled_training_is_a_warning(two_topics, fitted, small):
    tf.config.run_functions_eagerly(True)
    try:
        with pytest.warns(
            UserWarning, match=r"run_functions_eagerly\(True\) is set, .* differ by rounding errors; set it to"
        ):
            vectorizer = CBOWVectorizer(**small).fit(two_topics[0])
    finally:
        tf.config.run_functions_eagerly(False)
    np.testing.assert_allclose(vectorizer.embeddings_, fitted.embeddings_, atol=1e-3)


def test_another_keras_backend_is_an_error_with_a_remedy(monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")  # the real one would have to be installed
    for module in ("loop", "model", "runtime", "step"):  # as if this were the first fit
        monkeypatch.delitem(sys.modules, f"sk_cbow._training.{module}", raising=False)
    message = r"Keras runs on 'jax' here, .*: set the environment variable KERAS_BACKEND to 'tensorflow'"
    with pytest.raises(ImportError, match=message):
        CBOWVectorizer().fit([["a", "b"]] * 9)


# Side effects


def test_a_fit_keeps_neither_documents_nor_model_alive(two_topics, small):
    class Document(list):
        """A list that can be referred to weakly."""

    references = []

    def generated():
        for tokens in two_topics[0]:
            document = Document(tokens)
            references.append(weakref.ref(document))
            yield document

    vectorizer = CBOWVectorizer(**small).fit(generated())
    gc.collect()
    assert len(references) == len(two_topics[0])
    assert not any(reference() for reference in references)
    assert not [thing for thing in gc.get_objects() if issubclass(type(thing), keras.Model)]
    arrays = [thing for thing in gc.get_referents(vars(vectorizer)) if isinstance(thing, np.ndarray)]
    assert max(array.size for array in arrays) == 12 * 8  # the vectors, and nothing as large as the corpus


def test_verbose_shows_progress(two_topics, capsys, small):
    CBOWVectorizer(**small).fit(two_topics[0])
    assert capsys.readouterr().out == ""
    CBOWVectorizer(**small, verbose=2).fit(two_topics[0])
    assert "Epoch 3/3" in capsys.readouterr().out


@pytest.mark.slow
def test_fits_of_many_sizes_log_nothing_and_fit_works_after_the_main_thread_has_ended(in_a_fresh_process):
    code = """if True:
        import atexit, os, sys, tempfile, threading
        from sk_cbow import CBOWVectorizer

        options = {"epochs": 1, "sample": 0, "document_context": 0}
        growing = CBOWVectorizer(2, **options).fit([["a", "b"]] * 9)  # TensorFlow logs at first
        standard_error, log = os.dup(2), tempfile.TemporaryFile()
        os.dup2(log.fileno(), 2)
        for size in [2, 3, 4, 5, 6, 7]:
            texts = [[str(number) for number in range(2 ** size)]] * 5
            CBOWVectorizer(size, **options, shared_embedding=size < 6).fit(texts)
            growing.partial_fit(texts)
        os.dup2(standard_error, 2)
        log.seek(0)
        print("logged", log.read())

        def fit(where):
            CBOWVectorizer(2, **options).fit([["a", "b"]] * 9)
            print("trained", where, flush=True)

        def fit_in_a_thread():
            threading.main_thread().join()
            fit("in a thread")

        threading.Thread(target=fit_in_a_thread).start()
        atexit.register(fit, "at exit")
    """
    output = in_a_fresh_process(code, TF_CPP_MIN_LOG_LEVEL="3")
    assert output.splitlines() == ["logged b''", "trained in a thread", "trained at exit"]


# Effects of parameters


def n_blocks(documents, **parameters):
    """Number of training steps per epoch."""
    steps = []
    callback = keras.callbacks.LambdaCallback()
    callback.on_train_begin = lambda logs=None: steps.append(callback.params["steps"])
    CBOWVectorizer(**parameters, callbacks=lambda: callback).fit(documents)
    return steps[0]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("parameters", "has_effect"),
    [
        ({"vector_size": 2}, lambda other, fitted: other.embeddings_.shape == (12, 2)),
        ({"min_count": 280}, lambda other, fitted: set(other.vocabulary_) == most_frequent(fitted, 280)),
        ({"max_vocab": 7}, lambda other, fitted: list(other.vocabulary_) == list(fitted.vocabulary_)[:7]),
        ({"epochs": 4}, lambda other, fitted: other.n_iter_ == len(other.loss_curve_) == 4),
        ({"shared_embedding": False}, lambda other, fitted: other.target_embeddings_.shape == (12, 8)),
        ({"learning_rate": 0.003}, lambda other, fitted: length(other) < 0.5 * length(fitted)),
        ({"learning_rate": 1e-9}, lambda other, fitted: abs(other.embeddings_).max() <= 0.5 / 8),  # as at the start
        ({"norm": "l2"}, lambda other, fitted: np.isclose(np.linalg.norm(other.transform([["tea"]])), 1)),
        ({"random_state": 1}, lambda other, fitted: (other.embeddings_ != fitted.embeddings_).all()),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else None,
)
def test_every_parameter_has_an_effect(two_topics, fitted, parameters, has_effect, small):
    """Those of documents and averages are tested elsewhere; `window` and others below."""
    assert has_effect(CBOWVectorizer(**{**small, **parameters}).fit(two_topics[0]), fitted)


def length(fitted):
    return np.linalg.norm(fitted.embeddings_, axis=1).mean()


def most_frequent(fitted, min_count):
    return {token for token, row in fitted.vocabulary_.items() if fitted.token_counts_[row] >= min_count}


PAIRS = [["a", "b"] * 500] * 11 + [["c", "d"] * 500]
SHARES = {"a": 11 / 24, "b": 11 / 24, "c": 1 / 24, "d": 1 / 24}
VECTORS = {"a": [1.5, 0], "b": [0.5, 1.2], "c": [-1, -0.5], "d": [-0.5, -1]}
FROZEN = {"vector_size": 2, "init_vectors": VECTORS, "freeze_init": True, "epochs": 4, "random_state": 0}
FROZEN |= {"window": 1, "document_context": 0, "sample": 0}


def loss_by_formula(window=1, document_context=0, negative=5, ns_exponent=0.75):
    """The mean loss of these vectors in the documents `PAIRS`."""
    frequency = {token: share**ns_exponent for token, share in SHARES.items()}
    loss = 0
    for target, share in SHARES.items():
        pair = "ab" if target in "ab" else "cd"
        other = pair.replace(target, "")
        of_document = np.mean([VECTORS[token] for token in pair], axis=0)
        for sampled_window in range(1, window + 1):
            neighbours = [VECTORS[other if d % 2 else target] for d in range(1, sampled_window + 1)]  # on each side
            context = (1 - document_context) * np.mean(neighbours, axis=0) + document_context * of_document
            logits = {token: context @ vector - np.log(negative) for token, vector in VECTORS.items()}
            of_samples = sum(
                frequency[token] * np.logaddexp(0, logits[token]) for token in VECTORS if token != target
            ) / sum(frequency.values())
            loss += share / window * (np.logaddexp(0, -logits[target]) + negative * of_samples)
    return loss


@pytest.mark.slow
@pytest.mark.parametrize(
    "parameters", [{}, {"window": 3}, {"document_context": 0.5}, {"negative": 2}, {"ns_exponent": -1}], ids=str
)
def test_the_loss_of_frozen_vectors_is_that_of_the_formula(parameters):
    loss = np.mean(CBOWVectorizer(**FROZEN | parameters).fit(PAIRS).loss_curve_)
    assert loss == pytest.approx(loss_by_formula(**parameters), rel=0.02)
    assert not parameters or loss != pytest.approx(loss_by_formula(), rel=0.05)


@pytest.mark.slow
def test_the_number_of_training_steps_depends_on_batch_size_and_on_what_subsampling_keeps():
    documents, parameters = PAIRS * 4, FROZEN | {"epochs": 1}
    n_tokens = sum(map(len, documents))
    assert n_blocks(documents, **parameters, batch_size=256) == pytest.approx(n_tokens / 256, rel=0.02)
    assert n_blocks(documents, **parameters, batch_size=512) == pytest.approx(n_tokens / 512, rel=0.02)
    kept = sum(share * min(1, (0.01 / share) ** 0.5 + 0.01 / share) for share in SHARES.values())
    n_subsampled = n_blocks(documents, **parameters | {"sample": 0.01}, batch_size=256)
    assert n_subsampled == pytest.approx(kept * n_tokens / 256, rel=0.06)  # with room for chance


@pytest.mark.slow
@pytest.mark.parametrize(
    "parameters",
    [
        # Some together, because each number that the compiled program depends on takes seconds.
        {"window": 1, "negative": 1, "batch_size": 1},
        {"window": 10**6, "negative": 100, "batch_size": 100_000},
        {"window": 2**31 - 1, "batch_size": 2**31 - 1},
        {"negative": 2**31 - 1},
        {"window": 1, "document_context": 0, "vector_size": 1},
        {"window": 10**6, "document_context": 0},
        {"window": 1, "document_context": 1},
        {"window": 10**6, "document_context": 1},
        {"ns_exponent": 1000},
        {"ns_exponent": -1000},
        {"sample": 1e308},
        {"min_count": np.int64(1)},
        {"max_vocab": 1},
        {"epochs": 1},
    ],
)
def test_parameters_at_their_extremes(two_topics, parameters, small):
    vectorizer = CBOWVectorizer(**{**small, **parameters})
    assert np.isfinite(vectorizer.fit_transform(two_topics[0])).all()
    assert all(loss > 0 for loss in vectorizer.loss_curve_) or parameters == {"max_vocab": 1}


@pytest.mark.parametrize(
    ("method", "steps"),
    [
        ("fit", []),
        ("fit_transform", []),
        ("partial_fit", []),
        ("fit", ["passthrough"]),
        ("fit_transform", ["passthrough"]),
    ],
)
def test_too_much_subsampling_is_a_warning_at_the_line_that_called(method, steps):
    documents = [["a", "cup", "of", "tea"], ["milk", "and", "a", "cup"]]
    estimator = CBOWVectorizer(vector_size=8, min_count=1, sample=1e-12, epochs=5, random_state=0)
    if steps:
        estimator = make_pipeline(estimator, *steps)
    message = r"of 5 epochs had nothing to train on, .* sample=1e-12 .*: set sample=0"
    with pytest.warns(UserWarning, match=message) as warned:
        getattr(estimator, method)(documents)
    assert [warning.filename for warning in warned] == [__file__]
