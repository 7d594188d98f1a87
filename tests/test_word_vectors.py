"""`WordVectors`, and vectorizers made from others by changing tokens or vectors."""

import copy
import json
import pickle

import joblib
import numpy as np
import pytest
import skops.io
from sklearn.base import clone
from sklearn.decomposition import PCA

from sk_cbow import CBOWVectorizer, WordVectors


@pytest.fixture(scope="module", params=[{}, {"weighting": "idf", "remove_components": 1}, {"shared_embedding": False}])
def trained(request, two_topics, small):
    return CBOWVectorizer(**small, **request.param).fit(two_topics[0])


def test_a_mapping_from_token_to_vector():
    word_vectors = WordVectors(["tea", 7], [[1, 0, 0], [0, 1, 0]])
    assert dict(word_vectors).keys() == {"tea", 7}
    assert "7" not in word_vectors
    assert word_vectors[7].tolist() == [0, 1, 0]
    assert word_vectors.vectors.dtype == np.float32
    with pytest.raises(KeyError, match="milk"):
        word_vectors["milk"]


def test_vectors_are_read_only_and_shared(fitted):
    word_vectors = fitted.word_vectors()
    assert np.shares_memory(word_vectors.vectors, fitted.embeddings_)
    assert fitted.embeddings_.flags.writeable
    with pytest.raises(ValueError, match="read-only"):
        word_vectors["tea"][0] = 1
    with pytest.raises(TypeError, match="item assignment"):
        word_vectors["tea"] = np.ones(8)


def test_copies_and_files_are_equal(fitted):
    word_vectors = fitted.word_vectors()
    trusted = ["sk_cbow._word_vectors.WordVectors"]
    for other in (
        copy.deepcopy(word_vectors),
        clone(word_vectors, safe=False),
        pickle.loads(pickle.dumps(word_vectors)),
        skops.io.loads(skops.io.dumps(word_vectors), trusted=trusted),
    ):
        assert other == word_vectors
        assert not other.vectors.flags.writeable
    assert joblib.hash(word_vectors) == joblib.hash(fitted.word_vectors())
    assert word_vectors != WordVectors(word_vectors, word_vectors.vectors + 1)
    assert word_vectors != WordVectors(reversed(list(word_vectors)), word_vectors.vectors)
    assert word_vectors != dict(word_vectors).keys()


@pytest.mark.parametrize(
    ("tokens", "vectors", "error", "message"),
    [
        (["tea", "cup", "tea"], np.ones((3, 2)), ValueError, "token 'tea' is at positions 0 and 2: drop one"),
        (["tea", None], np.ones((2, 2)), TypeError, "token 1 is the NoneType None: tokens are strings or integers"),
        (["tea"], np.ones(2), ValueError, r"the shape \(2,\) and the type float64, for 1 tokens: pass an array"),
        (["tea"], np.ones((2, 2)), ValueError, r"the shape \(2, 2\) .*, for 1 tokens: pass an array of numbers"),
        ([], np.ones((0, 2)), ValueError, r"the shape \(0, 2\) .*, for 0 tokens: .* at least one token"),
        (["tea"], [["a", "b"]], ValueError, r"the type <U1, for 1 tokens: pass an array of numbers"),
        (["tea", "cup"], [[1, 1], [1, np.inf]], ValueError, r"the vector of token 'cup' \(row 1\) is not finite"),
        (["tea", "cup"], [[1, 1], [1e39, 1]], ValueError, r"the vector of token 'cup' \(row 1\) is not finite"),
    ],
)
def test_tokens_and_vectors_that_do_not_match_are_an_error(tokens, vectors, error, message):
    with pytest.raises(error, match=message):
        WordVectors(tokens, vectors)


def test_a_vectorizer_of_word_vectors_averages_them(fitted, two_topics):
    vectorizer = CBOWVectorizer.from_vectors(fitted.word_vectors())
    assert vectorizer.vector_size == 8
    np.testing.assert_array_equal(vectorizer.transform(two_topics[0]), fitted.transform(two_topics[0]))
    assert vectorizer.most_similar("tea") == fitted.most_similar("tea")
    assert pickle.loads(pickle.dumps(vectorizer)).word_vectors() == fitted.word_vectors()
    with pytest.raises(TypeError, match=r"word_vectors is the dict \{\}: pass WordVectors\(tokens, vectors\), or"):
        CBOWVectorizer.from_vectors({})


def test_dropped_tokens_are_unknown_and_the_others_keep_their_vectors(trained, two_topics):
    before = pickle.dumps(trained)
    dropped = trained.drop(["tea", "road"])
    assert pickle.dumps(trained) == before
    assert list(dropped.vocabulary_) == [token for token in trained.vocabulary_ if token not in ("tea", "road")]
    assert list(dropped.vocabulary_.values()) == list(range(10))
    without = [[token for token in tokens if token not in ("tea", "road")] for tokens in two_topics[0]]
    for vectorizer in (dropped, pickle.loads(pickle.dumps(dropped))):
        np.testing.assert_array_equal(vectorizer.transform(two_topics[0]), trained.transform(without))
    neighbours = [token for token, _ in trained.most_similar("milk", topn=12) if token not in ("tea", "road")]
    assert [token for token, _ in dropped.most_similar("milk", topn=12)] == neighbours


def test_a_dropped_token_is_a_new_one_in_incremental_training(trained, two_topics):
    dropped = trained.drop("tea").partial_fit([["milk", "cup"]] * 20)
    assert "tea" not in dropped.vocabulary_
    assert dropped.n_iter_ == 6
    dropped.partial_fit(two_topics[0])
    assert dropped.vocabulary_["tea"] == 11
    pickle.dumps(dropped)


def test_tokens_that_cannot_be_dropped_are_an_error(fitted):
    with pytest.raises(KeyError, match="the token 'Tea' is not in the vocabulary: leave it out"):
        fitted.drop(["tea", "Tea"])
    with pytest.raises(ValueError, match="tokens are all 12 of the vocabulary: keep at least one"):
        fitted.drop(fitted.vocabulary_)


def test_other_vectors_for_the_same_tokens(trained, two_topics):
    before = pickle.dumps(trained)
    reduced = PCA(2).fit_transform(trained.embeddings_)
    vectorizer = trained.drop("car").with_vectors(np.delete(reduced, trained.vocabulary_["car"], axis=0))
    assert pickle.dumps(trained) == before
    assert list(vectorizer.get_feature_names_out()) == ["cbowvectorizer0", "cbowvectorizer1"]
    assert vectorizer.get_params() == trained.get_params() | {"vector_size": 2}
    for used in (vectorizer, pickle.loads(pickle.dumps(vectorizer))):
        np.testing.assert_array_equal(used.transform([["tea"]])[0], reduced[trained.vocabulary_["tea"]])
        tokens = ["tea", "milk", "car", "cup"]
        rows = [trained.vocabulary_[token] for token in tokens if token != "car"]
        average = np.average(reduced[rows], axis=0, weights=trained.token_weights_[rows])
        np.testing.assert_allclose(used.transform([tokens])[0], average, atol=1e-6)
    with pytest.raises(ValueError, match=r"vectors have the shape \(11, 2\) .*, for 12 tokens"):
        trained.with_vectors(reduced[1:])


def test_norm_of_vectorizers_that_are_made_of_others(two_topics, small):
    vectorizer = CBOWVectorizer(**small, norm="l2").fit(two_topics[0])
    documents = [["tea", "milk"], ["car"], ["?"]]
    dropped = vectorizer.drop("cup")
    np.testing.assert_array_equal(dropped.mean_, vectorizer.mean_)
    np.testing.assert_array_equal(dropped.transform(documents), vectorizer.transform(documents))

    vectors = np.tile(np.float32([3, 4]), (12, 1))
    other = vectorizer.with_vectors(vectors)
    assert other.mean_.tolist() == [0, 0]
    np.testing.assert_allclose(other.transform(documents), [[0.6, 0.8], [0.6, 0.8], [0, 0]], rtol=1e-6)

    word_vectors = WordVectors(vectorizer.vocabulary_, vectors)
    made = CBOWVectorizer.from_vectors(word_vectors, norm="l2")
    np.testing.assert_array_equal(made.transform(documents), other.transform(documents))
    made.mean_ = np.float32([0, 8])
    np.testing.assert_allclose(made.transform(documents), [[0.6, -0.8], [0.6, -0.8], [0, 0]], rtol=1e-6)
    assert not hasattr(CBOWVectorizer.from_vectors(word_vectors), "mean_")
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(made)).transform(documents), made.transform(documents))


def test_changes_of_the_result_leave_the_original_alone(fitted):
    for make in (lambda vectorizer: vectorizer.drop("tea"), lambda vectorizer: vectorizer.with_vectors(np.eye(12))):
        original = copy.deepcopy(fitted).set_output(transform="default")
        original.mean_ = np.zeros(8, np.float32)
        before = pickle.dumps(original)
        other = make(original).set_output(transform="pandas")
        other.token_weights_[:] = 0
        other.mean_[:] = 1
        other.components_ = other.components_ + 1
        assert pickle.dumps(original) == before
        assert isinstance(original.transform([["tea"]]), np.ndarray)


def test_numbers_and_strings_of_numpy_become_pythons():
    vectorizer = CBOWVectorizer.from_vectors(WordVectors(np.array([5, 6, 7]), np.eye(3)))
    assert json.loads(json.dumps(vectorizer.most_similar(5, topn=1)))[0][0] in (6, 7)
    assert {type(token) for token in WordVectors(np.array(["a", "b"]), np.eye(2))} == {str}


def test_invalid_parameters_of_a_vectorizer_of_word_vectors_are_an_error(fitted):
    with pytest.raises(ValueError, match="vector_size=7, but the vectors have 8 numbers: leave vector_size out"):
        CBOWVectorizer.from_vectors(fitted.word_vectors(), vector_size=7)
    with pytest.raises(ValueError, match="The 'weighting' parameter"):
        CBOWVectorizer.from_vectors(fitted.word_vectors(), weighting="nope")


# Nothing matches


def test_a_warning_says_that_no_token_is_known(fitted, small):
    strings = CBOWVectorizer(**small).fit([["1", "2", "3"]] * 50)
    integers = CBOWVectorizer(**small).fit([[1, 2, 3]] * 50)
    for vectorizer, documents, pair in (
        (strings, [[1, 2]] * 10, r"the documents have 1, and the vocabulary has '1'"),
        (integers, [["9", "2"]] * 10, r"the documents have '2', and the vocabulary has 2"),
        (fitted, [["Berlin", "Tea"]] * 10, r"the documents have 'Tea', and the vocabulary has 'tea'"),
        (fitted, [[], ["Berlin"] * 20], r"the documents have 'Berlin', and the vocabulary has '\w+'"),
    ):
        with pytest.warns(
            UserWarning, match=rf"none of the 20 tokens .* all document vectors are zero: .*{pair}"
        ) as all_:
            assert not vectorizer.transform(documents).any()
        assert [warning.filename for warning in all_] == [__file__]


def test_there_is_no_warning_for_few_tokens_or_if_one_is_known(fitted):
    fitted.transform([["Tea"]] * 19)
    fitted.transform([["Tea"]] * 1000 + [["tea"]])
    fitted.transform([])
