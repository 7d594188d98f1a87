import gc
import os
import pickle
import random
import re
import subprocess
import sys
import weakref

import joblib
import keras
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.utils.validation import check_is_fitted

from sk_cbow import CBOWVectorizer, _vectorizer

SMALL = {"vector_size": 8, "sample": 0, "epochs": 3, "random_state": 0}


@pytest.fixture(scope="module")
def fitted(two_topics):
    return CBOWVectorizer(**SMALL).fit(two_topics[0])


def in_a_fresh_process(code, *arguments, **environment):
    """Run code in a new interpreter and return what it prints; a failure there is a failure here."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(
        command, check=True, text=True, stdout=subprocess.PIPE, env={**os.environ, **environment}
    ).stdout.strip()


# What a user wants it for


@pytest.mark.parametrize("shared_embedding", [True, False])
def test_two_topics_that_share_no_word_become_linearly_separable(two_topics, shared_embedding):
    documents, topics = two_topics
    train, test, y_train, y_test = train_test_split(documents, topics, train_size=10, stratify=topics, random_state=0)
    vectorizer = CBOWVectorizer(**SMALL, shared_embedding=shared_embedding).fit(documents)
    classifier = LogisticRegression().fit(vectorizer.transform(train), y_train)
    assert classifier.score(vectorizer.transform(test), y_test) == 1


def test_words_of_one_topic_are_neighbours(fitted):
    neighbours = {token for token, _ in fitted.most_similar("tea", topn=5)}
    assert neighbours == {"milk", "cup", "sugar", "spoon", "pot"}
    assert fitted.most_similar(["tea", "milk"], negative=["car"], topn=1)[0][0] in neighbours


def test_integer_tokens_are_tokens_like_any_other(two_topics):
    documents, _ = two_topics
    number_of = {word: number for number, word in enumerate(sorted({word for tokens in documents for word in tokens}))}
    baskets = [[number_of[word] for word in tokens] for tokens in documents]
    by_word, by_number = CBOWVectorizer(**SMALL).fit(documents), CBOWVectorizer(**SMALL).fit(baskets)
    np.testing.assert_array_equal(by_word.embeddings_, by_number.embeddings_)
    assert [number_of[word] for word in by_word.vocabulary_] == list(by_number.vocabulary_)


def test_grid_search_over_a_pipeline_in_two_processes(two_topics):
    documents, topics = two_topics
    ragged = [tokens[: 2 + number % 7] for number, tokens in enumerate(documents)]
    pipeline = make_pipeline(CBOWVectorizer(**SMALL), LogisticRegression())
    grid = {"cbowvectorizer__window": [1, 3], "cbowvectorizer__vector_size": [2, 8]}
    search = GridSearchCV(pipeline, grid, cv=2, n_jobs=2, error_score="raise").fit(ragged, topics)
    assert search.best_score_ > 0.95
    # The worker processes computed the same bits as this one does.
    alone = clone(pipeline).set_params(**search.best_params_).fit(ragged, topics)
    np.testing.assert_array_equal(search.best_estimator_[0].embeddings_, alone[0].embeddings_)


def test_a_generator_is_read_once_by_fit_and_by_transform(two_topics, fitted):
    documents, _ = two_topics
    from_generator = CBOWVectorizer(**SMALL).fit(iter(documents))
    np.testing.assert_array_equal(from_generator.embeddings_, fitted.embeddings_)
    vectors = CBOWVectorizer(**SMALL).fit_transform(iter(documents))
    np.testing.assert_array_equal(vectors, fitted.transform(iter(documents)))


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


def test_two_tables_give_the_sum_of_both(two_topics, monkeypatch):
    from sk_cbow import _model

    trained = []
    train = _model.train

    def remembering_train(*arguments, **options):
        trained.append(train(*arguments, **options))
        return trained[-1]

    monkeypatch.setattr(_model, "train", remembering_train)
    vectorizer = CBOWVectorizer(**SMALL, shared_embedding=False).fit(two_topics[0])
    ((context_table, target_table), _) = trained[0]
    np.testing.assert_array_equal(vectorizer.embeddings_, context_table[1:] + target_table[1:])


def test_transform_is_the_mean_over_known_tokens(fitted):
    vector = dict(zip(fitted.vocabulary_, fitted.embeddings_, strict=True))
    vectors = fitted.transform([["tea", "?", "car", "tea"], ["?"], []])
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(vectors[0], (2 * vector["tea"] + vector["car"]) / 3, rtol=1e-5)
    np.testing.assert_array_equal(vectors[1:], np.zeros((2, 8)))


def test_feature_names(fitted):
    names = [f"cbowvectorizer{column}" for column in range(8)]
    assert fitted.get_feature_names_out().tolist() == names
    assert not hasattr(fitted, "n_features_in_")


def test_parameters_are_unchanged_by_fit_and_survive_clone(fitted):
    parameters = CBOWVectorizer(**SMALL).get_params()
    assert fitted.get_params() == parameters
    copy = clone(fitted)
    assert copy.get_params() == parameters
    with pytest.raises(NotFittedError):
        check_is_fitted(copy)


@pytest.mark.parametrize("module", [pickle, joblib], ids=["pickle", "joblib"])
def test_a_saved_vectorizer_transforms_in_a_process_without_tensorflow(module, two_topics, fitted, tmp_path):
    path = tmp_path / "vectorizer"
    with open(path, "wb") as file:
        module.dump(fitted, file)
    code = (
        f"import {module.__name__}, sys, sk_cbow\n"
        f"with open(sys.argv[1], 'rb') as file: vectorizer = {module.__name__}.load(file)\n"
        "print(vectorizer.transform([['tea', 'car']]).tobytes().hex())\n"
        "print([name for name in ('tensorflow', 'keras') if name in sys.modules])\n"
    )
    vector, imported = in_a_fresh_process(code, path).split("\n")
    assert vector == fitted.transform([["tea", "car"]]).tobytes().hex()
    assert imported == "[]"


def test_a_pickle_holds_little_beside_embeddings_and_tokens():
    rng = np.random.default_rng(0)
    documents = [[f"token{number}" for number in rng.integers(0, 3000, 30)] for _ in range(1000)]
    vectorizer = CBOWVectorizer(vector_size=100, epochs=1, random_state=0, min_count=1).fit(documents)
    needed = vectorizer.embeddings_.nbytes + sum(len(token) for token in vectorizer.vocabulary_)
    assert len(pickle.dumps(vectorizer)) <= 1.2 * needed


# Randomness


def test_one_random_state_gives_the_same_bits_in_one_process(two_topics, fitted):
    documents, _ = two_topics
    np.testing.assert_array_equal(CBOWVectorizer(**SMALL).fit(documents).embeddings_, fitted.embeddings_)
    other = CBOWVectorizer(**{**SMALL, "random_state": 1}).fit(documents)
    assert (other.embeddings_ != fitted.embeddings_).any()


FIT_AND_HASH = """
import hashlib
import numpy as np
from sk_cbow import CBOWVectorizer

rng = np.random.default_rng(0)
documents = [[str(number) for number in rng.zipf(1.3, 40) % 5000] for _ in range(3000)]
vectorizer = CBOWVectorizer(vector_size=300, batch_size=4096, epochs=2, random_state=0).fit(documents)
print(hashlib.sha256(vectorizer.embeddings_.tobytes()).hexdigest(), vectorizer.loss_curve_)
"""


def test_one_random_state_gives_the_same_bits_whatever_the_number_of_threads():
    one, four = (in_a_fresh_process(FIT_AND_HASH, TF_NUM_INTRAOP_THREADS=number) for number in ("1", "4"))
    assert one == four


def test_a_random_state_instance_is_used(two_topics, fitted):
    documents, _ = two_topics
    first, second = (
        CBOWVectorizer(**{**SMALL, "random_state": np.random.RandomState(7)}).fit(documents) for _ in range(2)
    )
    np.testing.assert_array_equal(first.embeddings_, second.embeddings_)
    assert (first.embeddings_ != fitted.embeddings_).any()


@pytest.mark.parametrize("random_state", [None, 0])
def test_global_random_states_are_untouched(two_topics, random_state):
    numpy_before, python_before = np.random.get_state(legacy=False), random.getstate()  # noqa: NPY002 it is the subject
    CBOWVectorizer(**{**SMALL, "random_state": random_state}).fit(two_topics[0])
    np.testing.assert_equal(np.random.get_state(legacy=False), numpy_before)  # noqa: NPY002
    assert random.getstate() == python_before


def test_keras_global_dtypes_change_nothing(two_topics, fitted):
    floatx, policy = keras.config.floatx(), keras.config.dtype_policy()
    try:
        keras.config.set_floatx("float64")
        keras.config.set_dtype_policy("mixed_float16")
        vectorizer = CBOWVectorizer(**SMALL).fit(two_topics[0])
    finally:
        keras.config.set_floatx(floatx)
        keras.config.set_dtype_policy(policy)
    np.testing.assert_array_equal(vectorizer.embeddings_, fitted.embeddings_)


# What goes wrong


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        ("to be or not to be", TypeError, "X is the str"),
        ([["a", "b"]] * 9 + ["to be"], TypeError, "document 9 is the str 'to be'"),
        ([["a", "b"]] * 9 + [None], TypeError, "document 9 is None"),
        ([["a", "b"]] * 9 + [float("nan")], TypeError, "document 9 is the float nan"),
        ([["a", "b"]] * 9 + [3], TypeError, "document 9 is the int 3"),
        ([["a", "b"]] * 9 + [["a", 1.5]], TypeError, "token 1 of document 9 is the float 1.5"),
        ([], ValueError, "X holds no documents"),
        ([["a", "b"], ["a"]], ValueError, "no token occurs min_count=5 times; the most frequent, 'a', occurs 2 times"),
        ([["a"]] * 9, ValueError, "no document has two"),
    ],
)
def test_bad_input_says_where_and_leaves_a_fitted_vectorizer_as_it_was(X, error, message, two_topics):
    vectorizer = CBOWVectorizer(**SMALL).fit(two_topics[0])
    before = pickle.dumps(vectorizer)
    with pytest.raises(error, match=message):
        vectorizer.fit(X)
    assert pickle.dumps(vectorizer) == before
    with pytest.raises(error, match=message):
        CBOWVectorizer().fit_transform(X)


@pytest.mark.parametrize("X", ["tea", [["tea"], "tea"], [["tea"], None], [["tea", 1.5]]])
def test_transform_refuses_what_fit_refuses(X, fitted):
    with pytest.raises(TypeError, match=r"X is|document 1 is|token 1 of document 0 is"):
        fitted.transform(X)


def test_an_interrupted_fit_leaves_a_fitted_vectorizer_as_it_was(two_topics, monkeypatch):
    vectorizer = CBOWVectorizer(**SMALL).fit(two_topics[0])
    before = pickle.dumps(vectorizer)

    def interrupted(self, *arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr("sk_cbow._model.CBOW.fit", interrupted)
    with pytest.raises(KeyboardInterrupt):
        vectorizer.fit([["other", "words"]] * 20)
    assert pickle.dumps(vectorizer) == before


def test_unfitted_methods_say_so():
    for call in (lambda v: v.transform([["a"]]), lambda v: v.most_similar("a"), lambda v: v.get_feature_names_out()):
        with pytest.raises(NotFittedError):
            call(CBOWVectorizer())


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("vector_size", 0),
        ("window", 2.5),
        ("min_count", 0),
        ("max_vocab", 0),
        ("sample", -1),
        ("negative", 0),
        ("ns_exponent", "0.75"),
        ("shared_embedding", "yes"),
        ("epochs", 0),
        ("learning_rate", 0),
        ("batch_size", "large"),
        ("random_state", "zero"),
        ("verbose", 3),
    ],
)
def test_parameters_are_validated(parameter, value):
    with pytest.raises(ValueError, match=f"The '{parameter}' parameter of CBOWVectorizer must be"):
        CBOWVectorizer(**{parameter: value}).fit([["a", "b"]] * 9)


def test_every_parameter_is_constrained():
    assert set(CBOWVectorizer._parameter_constraints) == set(CBOWVectorizer().get_params())


def test_too_large_a_learning_rate_is_an_error_that_says_so(two_topics):
    with pytest.raises(ValueError, match=r"learning_rate=1e\+38 .* lower it"):
        CBOWVectorizer(**{**SMALL, "learning_rate": 1e38}).fit(two_topics[0])


def test_another_keras_backend_is_an_error_that_says_what_to_do():
    code = (
        "import keras\n"
        "keras.backend.backend = lambda: 'jax'\n"  # the real one would have to be installed
        "from sk_cbow import CBOWVectorizer\n"
        "try: CBOWVectorizer().fit([['a', 'b']] * 9)\n"
        "except ImportError as error: print(error)"
    )
    message = in_a_fresh_process(code)
    assert re.match(
        r"Keras runs on 'jax' here, .*: set the environment variable KERAS_BACKEND to 'tensorflow'", message
    )


# What nobody sees


def test_a_fit_keeps_neither_documents_nor_model_alive(two_topics, monkeypatch):
    made = weakref.WeakSet()

    class Watched(_vectorizer.BlockMaker):
        def __init__(self, *arguments, **options):
            super().__init__(*arguments, **options)
            made.add(self)

    monkeypatch.setattr(_vectorizer, "BlockMaker", Watched)
    CBOWVectorizer(**SMALL).fit(two_topics[0])
    gc.collect()
    assert not made
    assert not [thing for thing in gc.get_objects() if issubclass(type(thing), keras.Model)]


def test_progress_is_shown_when_asked_for(two_topics, capsys):
    CBOWVectorizer(**SMALL).fit(two_topics[0])
    assert capsys.readouterr().out == ""
    CBOWVectorizer(**SMALL, verbose=2).fit(two_topics[0])
    assert "Epoch 3/3" in capsys.readouterr().out


def test_many_small_fits_log_nothing():
    code = (
        "from sk_cbow import CBOWVectorizer\n"
        "for _ in range(7): CBOWVectorizer(vector_size=2, epochs=1, sample=0).fit([['a', 'b']] * 9)\n"
    )
    command = [sys.executable, "-c", code]
    messages = subprocess.run(command, check=True, text=True, stderr=subprocess.PIPE).stderr
    assert "retracing" not in messages


@pytest.mark.parametrize(
    "parameters",
    [
        {"vector_size": 9},
        {"window": 2},
        {"min_count": 280},
        {"max_vocab": 7},
        {"sample": 0.01},
        {"negative": 2},
        {"ns_exponent": -3},
        {"shared_embedding": False},
        {"epochs": 4},
        {"learning_rate": 0.1},
        {"batch_size": 128},
        {"random_state": 1},
    ],
)
def test_every_parameter_has_an_effect(two_topics, fitted, parameters):
    other = CBOWVectorizer(**{**SMALL, **parameters}).fit(two_topics[0])
    assert not np.array_equal(other.embeddings_, fitted.embeddings_)


def test_sizes_are_as_asked_for(two_topics):
    documents, _ = two_topics
    vectorizer = CBOWVectorizer(**{**SMALL, "vector_size": 5, "max_vocab": 7, "epochs": 2}).fit(documents)
    assert vectorizer.embeddings_.shape == (7, 5)
    assert len(vectorizer.loss_curve_) == 2
    counts = CBOWVectorizer(**SMALL).fit(documents).token_counts_
    frequent = CBOWVectorizer(**{**SMALL, "min_count": int(counts[3])}).fit(documents)
    assert frequent.token_counts_.tolist() == [count for count in counts if count >= counts[3]]


@pytest.mark.parametrize(
    "parameters",
    [
        {"window": 1},
        {"window": 10**6},
        {"negative": 1},
        {"negative": 100},
        {"batch_size": 1},
        {"batch_size": 100_000},
        {"vector_size": 1},
        {"max_vocab": 1},
        {"epochs": 1},
    ],
)
def test_parameters_at_their_extremes(two_topics, parameters):
    vectorizer = CBOWVectorizer(**{**SMALL, **parameters})
    assert np.isfinite(vectorizer.fit_transform(two_topics[0])).all()
    assert all(loss > 0 for loss in vectorizer.loss_curve_) or parameters == {"max_vocab": 1}


def test_a_corpus_too_small_for_subsampling_is_warned_about():
    documents = [["a", "cup", "of", "tea"], ["milk", "and", "a", "cup"]]
    with pytest.warns(UserWarning, match=r"of 5 epochs had nothing to train on, .* sample=1e-12 .*: set sample=0"):
        CBOWVectorizer(vector_size=2, min_count=1, sample=1e-12, random_state=0).fit(documents)
