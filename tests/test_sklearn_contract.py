"""scikit-learn's own checks, on a subclass that reads numeric rows as documents, and what they do not test."""

import collections
import copy
import pickle
from functools import partial

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
from keras.callbacks import EarlyStopping, History
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.exceptions import NotFittedError
from sklearn.experimental import enable_halving_search_cv  # noqa: F401 it makes HalvingGridSearchCV importable
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, make_scorer
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV, cross_val_score
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import normalize
from sklearn.semi_supervised import SelfTrainingClassifier
from sklearn.utils.estimator_checks import parametrize_with_checks
from sklearn.utils.validation import check_is_fitted, validate_data

from sk_cbow import CBOWVectorizer, WordVectors, word2vec_format


class NumericRows(CBOWVectorizer):
    """A row becomes the tokens f"f{column}:{value:.1f}": scikit-learn's checks know no other documents."""

    def fit(self, X, y=None):
        return super().fit(self._documents(X, reset=True))

    def fit_transform(self, X, y=None):
        return super().fit_transform(self._documents(X, reset=True))

    def partial_fit(self, X, y=None):
        return super().partial_fit(self._documents(X, reset=not hasattr(self, "embeddings_")))

    def transform(self, X):
        check_is_fitted(self)
        return super().transform(self._documents(X, reset=False))

    def score(self, X, y=None):
        check_is_fitted(self)
        return super().score(self._documents(X, reset=False))

    def _documents(self, X, reset):
        rows = validate_data(self, X, reset=reset)
        return [[f"f{column}:{value:.1f}" for column, value in enumerate(row)] for row in rows]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = True
        return tags


EXPECTED_FAILURES = {
    "check_fit2d_1feature": "a row of one feature is a document of one token, which has no context to learn from",
}
PLAIN = {"vector_size": 4, "epochs": 1, "min_count": 1, "sample": 0, "random_state": 0}


@pytest.mark.slow
@parametrize_with_checks(
    [NumericRows(**PLAIN, weighting="idf", remove_components=1, norm="l2")],
    expected_failed_checks=lambda estimator: EXPECTED_FAILURES,
)
def test_scikit_learns_checks(estimator, check):
    check(estimator)


def test_the_subclass_trains_and_averages_as_its_parent():
    X = np.arange(12).reshape(4, 3) % 5
    rows = [[f"f{column}:{value:.1f}" for column, value in enumerate(row)] for row in X]
    parameters = {"vector_size": 4, "min_count": 1, "sample": 0, "random_state": 0}
    expected = CBOWVectorizer(**parameters).fit(rows).transform(rows)
    np.testing.assert_array_equal(NumericRows(**parameters).fit(X).transform(X), expected)


AVERAGES = [
    {"weighting": weighting, "remove_components": n_components, "norm": norm}
    for weighting in ("uniform", "idf", "sif")
    for n_components in (0, 2)
    for norm in (None, "l2")
]


@pytest.fixture(params=AVERAGES, ids=str, scope="module")
def averaging(request, two_topics, small):
    """A fitted vectorizer for each way to average."""
    return CBOWVectorizer(**small, **request.param).fit(two_topics[0])


@pytest.fixture
def texts(two_topics):
    return [" ".join(tokens) for tokens in two_topics[0]]


# Fit and transform


def test_fit_is_idempotent_and_leaves_parameters_alone(averaging, two_topics):
    again = copy.deepcopy(averaging)
    before = again.get_params()
    assert again.fit(two_topics[0]) is again
    assert again.get_params() == before
    assert vars(again).keys() == vars(averaging).keys()
    for name, value in vars(averaging).items():
        assert joblib.hash(getattr(again, name)) == joblib.hash(value), name


def test_fit_transform_is_fit_and_transform(averaging, two_topics):
    documents = [*two_topics[0], [], ["tea"]]
    vectors = clone(averaging).fit_transform(documents)
    np.testing.assert_array_equal(vectors, clone(averaging).fit(documents).transform(documents))


def test_the_vector_of_a_document_does_not_depend_on_other_documents(averaging, two_topics):
    documents = [*two_topics[0][:50], [], ["?"], ["tea"], ["tea", "?", "car"] * 1000]
    vectors = averaging.transform(documents)
    alone = np.concatenate([averaging.transform([tokens]) for tokens in documents])
    np.testing.assert_array_equal(alone, vectors)
    order = np.random.default_rng(0).permutation(len(documents))
    np.testing.assert_array_equal(averaging.transform([documents[document] for document in order]), vectors[order])
    np.testing.assert_array_equal(averaging.transform([tokens[::-1] for tokens in documents]), vectors)


def test_idf_is_there_when_it_was_fitted(two_topics, small):
    vectorizer = CBOWVectorizer(**small, weighting="idf").fit(two_topics[0])
    reference = TfidfVectorizer(analyzer=list).fit(two_topics[0])
    expected = {token: reference.idf_[column] for token, column in reference.vocabulary_.items()}
    np.testing.assert_allclose(vectorizer.idf_, [expected[token] for token in vectorizer.vocabulary_], rtol=1e-6)
    vectorizer.set_params(weighting="uniform")
    assert hasattr(vectorizer, "idf_")
    assert not hasattr(vectorizer.fit(two_topics[0]), "idf_")


def test_documents_without_a_known_token_are_zero_vectors(averaging):
    vectors = averaging.transform([[], ["?"], ["tea"]])
    np.testing.assert_array_equal(vectors[:2], np.zeros((2, 8)))
    assert np.abs(vectors[2]).max() > 0
    assert averaging.transform([]).shape == (0, 8)
    assert averaging.transform([]).dtype == vectors.dtype == np.float32


def test_an_average_equals_a_loop_over_tokens(averaging, two_topics):
    documents = two_topics[0]
    rows = [[averaging.vocabulary_[token] for token in tokens] for tokens in documents]
    flat = np.concatenate(rows)
    share = np.bincount(flat) / len(flat)
    frequency = np.bincount(np.concatenate([np.unique(of_document) for of_document in rows]))
    weights = {
        "uniform": np.ones(len(share)),
        "idf": np.log((1 + len(documents)) / (1 + frequency)) + 1,
        "sif": 1e-3 / (1e-3 + share),
    }[averaging.weighting]
    embeddings = averaging.embeddings_.astype(float)
    means = np.stack(
        [np.average(embeddings[of_document], axis=0, weights=weights[of_document]) for of_document in rows]
    )
    if averaging.norm:
        means -= means.mean(axis=0)
    _, _, directions = np.linalg.svd(means)
    removed = directions[: averaging.remove_components]
    expected = means - means @ removed.T @ removed
    if averaging.norm:
        expected = normalize(expected)
    np.testing.assert_allclose(averaging.transform(documents), expected, atol=2e-5)


def test_norm_takes_effect_at_the_next_fit(two_topics, small):
    documents, _ = two_topics
    vectorizer = CBOWVectorizer(**small).fit(documents)
    plain = vectorizer.transform(documents)
    assert not hasattr(vectorizer, "mean_")
    np.testing.assert_array_equal(vectorizer.set_params(norm="l2").transform(documents), plain)
    scaled = vectorizer.fit_transform(documents)
    np.testing.assert_allclose(vectorizer.mean_, plain.mean(axis=0), rtol=1e-5)
    assert vectorizer.mean_.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(scaled, axis=1), 1, rtol=1e-6)
    np.testing.assert_array_equal(vectorizer.set_params(norm=None).transform(documents), scaled)
    np.testing.assert_array_equal(vectorizer.fit(documents).transform(documents), plain)
    assert not hasattr(vectorizer, "mean_")


def test_methods_of_an_unfitted_vectorizer_raise_not_fitted_error():
    for call in (lambda v: v.transform([["a"]]), lambda v: v.most_similar("a"), lambda v: v.get_feature_names_out()):
        with pytest.raises(NotFittedError):
            call(CBOWVectorizer())


def test_a_clone_of_a_fitted_vectorizer_is_unfitted(fitted):
    unfitted = clone(fitted)
    assert unfitted.get_params() == fitted.get_params()
    with pytest.raises(NotFittedError):
        check_is_fitted(unfitted)


# Names and frames


def test_feature_names(fitted):
    assert fitted.get_feature_names_out().tolist() == [f"cbowvectorizer{column}" for column in range(8)]
    assert not hasattr(fitted, "n_features_in_")


def test_set_output_gives_frames_and_keeps_the_index_of_a_series(two_topics, texts, small):
    documents, _ = two_topics
    vectorizer = CBOWVectorizer(**small).fit(documents)
    expected = vectorizer.transform(documents[:3])
    vectorizer.set_output(transform="pandas")
    frame = vectorizer.transform(pd.Series(documents[:3], index=["x", "y", "z"]))
    assert frame.index.tolist() == ["x", "y", "z"]
    assert frame.columns.tolist() == vectorizer.get_feature_names_out().tolist()
    np.testing.assert_array_equal(frame, expected)
    of_texts = CBOWVectorizer(**small, analyzer="word").set_output(transform="pandas")
    assert of_texts.fit_transform(pd.Series(texts, index=range(7, 407))).index[0] == 7
    vectorizer.set_output(transform="polars")
    frame = vectorizer.transform(pl.Series(documents[:3]))
    assert isinstance(frame, pl.DataFrame)
    assert frame.columns == vectorizer.get_feature_names_out().tolist()
    np.testing.assert_array_equal(frame.to_numpy(), expected)


def test_html_shows_parameters_and_links_to_the_documentation(fitted):
    html = fitted._repr_html_()
    assert 'href="https://sk-cbow.readthedocs.io/en/stable/api/sk_cbow.CBOWVectorizer.html"' in html
    assert "vector_size" in html
    assert (
        repr(fitted)
        == "CBOWVectorizer(epochs=3, learning_rate=0.25, random_state=0, sample=0,\n               vector_size=8)"
    )


# In pipelines and searches


def test_column_transformer_on_columns_of_a_frame(two_topics, texts, small):
    documents, topics = two_topics
    frame = pd.DataFrame({"text": texts, "tokens": documents, "number": topics}, index=range(100, 500))
    transformer = ColumnTransformer(
        [
            ("text", CBOWVectorizer(**small, analyzer="word"), "text"),
            ("column", CBOWVectorizer(**small, analyzer="word"), ["text"]),
            ("tokens", CBOWVectorizer(**small), "tokens"),
            ("number", "passthrough", ["number"]),
        ]
    ).set_output(transform="pandas")
    vectors = transformer.fit_transform(frame)
    assert vectors.index.equals(frame.index)
    assert vectors.columns[8] == "column__cbowvectorizer0"
    assert vectors.shape == (400, 25)
    by_part = [vectors.filter(like=f"{part}__").to_numpy() for part in ("text", "column", "tokens")]
    np.testing.assert_array_equal(by_part[0], by_part[1])
    np.testing.assert_array_equal(by_part[0], by_part[2])


def test_a_step_that_gives_one_column_may_come_before(texts, small):
    vectorizer = CBOWVectorizer(**small, analyzer="word")
    fill_in = SimpleImputer(missing_values=None, strategy="constant", fill_value="")
    pipeline = make_pipeline(fill_in, vectorizer).fit(pd.DataFrame({"text": [*texts, None]}, dtype=object))
    vectors = pipeline.transform(pd.DataFrame({"text": ["tea", None]}, dtype=object))
    np.testing.assert_array_equal(vectors, vectorizer.transform(["tea", ""]))


def test_feature_union_with_tfidf(texts, small):
    union = FeatureUnion([("cbow", CBOWVectorizer(**small, analyzer="word")), ("tfidf", TfidfVectorizer())])
    vectors = union.fit_transform(texts)
    assert vectors.shape == (400, 8 + 12)
    assert list(union.get_feature_names_out()[[0, -1]]) == ["cbow__cbowvectorizer0", "tfidf__wheel"]
    np.testing.assert_array_equal(vectors[:, :8].toarray(), union.transformer_list[0][1].transform(texts))


def test_a_search_over_norm(two_topics, small):
    documents, topics = two_topics
    pipeline = make_pipeline(CBOWVectorizer(**small), LogisticRegression())
    search = GridSearchCV(pipeline, {"cbowvectorizer__norm": [None, "l2"]}, cv=2, error_score="raise")
    search.fit(documents, topics)
    assert [params["cbowvectorizer__norm"] for params in search.cv_results_["params"]] == [None, "l2"]
    assert hasattr(search.best_estimator_[0], "mean_") == (search.best_params_["cbowvectorizer__norm"] == "l2")
    scaled = clone(pipeline).set_params(**search.cv_results_["params"][1]).set_output(transform="pandas")
    frame = scaled[:-1].fit_transform(pd.Series(documents))
    np.testing.assert_allclose(np.square(frame).sum(axis=1), 1, rtol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("search", [GridSearchCV, HalvingGridSearchCV])
def test_searches_in_two_processes(search, two_topics, small):
    documents, topics = two_topics
    ragged = [tokens[: 2 + number % 7] for number, tokens in enumerate(documents)]
    pipeline = make_pipeline(CBOWVectorizer(**small), LogisticRegression())
    grid = {"cbowvectorizer__learning_rate": [0.1, 0.25]}
    options = {"cv": 2, "n_jobs": 2, "error_score": "raise"}
    if search is HalvingGridSearchCV:
        options |= {"min_resources": 100, "random_state": 0}
    found = search(pipeline, grid, **options).fit(ragged, topics)
    assert found.best_score_ > 0.95
    # Results in the worker processes are identical to those in this one.
    alone = clone(pipeline).set_params(**found.best_params_).fit(ragged, topics)
    np.testing.assert_array_equal(found.best_estimator_[0].embeddings_, alone[0].embeddings_)


def upper_words(text):
    return text.upper().split()


def stop_early():
    return [EarlyStopping("loss", min_delta=10)]


class Words:
    """A mapping with no more than look-ups."""

    def __init__(self, vectors):
        self.vectors = vectors

    def __contains__(self, token):
        return token in self.vectors

    def __getitem__(self, token):
        return self.vectors[token]

    def words(self, text):
        return text.split()


def values_of_parameters(folder, sentences, gensim_models):
    """Each documented form of a parameter's value, with which a clone could differ."""
    vectors = {"tea": np.ones(8), "road": np.arange(8.0)}
    word2vec = gensim_models.Word2Vec(sentences, vector_size=8, min_count=1, epochs=1)
    word_vectors = WordVectors(vectors, list(vectors.values()))
    word2vec_format.save(word_vectors, folder / "vectors.txt")
    return {
        "init_vectors": [
            vectors,
            {token: vector.tolist() for token, vector in vectors.items()},
            collections.UserDict(vectors),
            word_vectors,
            word2vec_format.load(folder / "vectors.txt"),
            CBOWVectorizer.from_vectors(word_vectors).word_vectors(),
            word2vec,
            word2vec.wv,
            gensim_models.FastText(sentences, vector_size=8, min_count=1, epochs=1),
            Words(vectors),
            None,
        ],
        "callbacks": [EarlyStopping("loss", min_delta=10), [History()], stop_early, None],
        "analyzer": [
            "word",
            "char",
            "char_wb",
            str.split,
            upper_words,
            partial(str.split, sep="e"),
            Words(vectors).words,
            CountVectorizer(ngram_range=(1, 2)).build_analyzer(),
        ],
        "checkpoint": [str(folder / "a.npz"), folder / "b.npz", None],
    }


@pytest.mark.slow
def test_every_form_of_a_parameter_gives_the_same_result_in_clones_searches_and_pickles(
    two_topics, small, tmp_path, gensim_models
):
    texts = [" ".join(tokens) for tokens in two_topics[0][:50]]
    base = CBOWVectorizer(**{**small, "analyzer": str.split})
    values = values_of_parameters(tmp_path, two_topics[0][:50], gensim_models)
    grid = [{name: [value]} for name, forms in values.items() for value in forms]
    expected = []
    for ((name, (value,)),) in map(dict.items, grid):
        direct = base.set_params(**{name: value}).fit(texts)
        expected.append(direct.embeddings_.sum(dtype=float))
        for other in (clone(direct), pickle.loads(pickle.dumps(direct)), clone(clone(direct))):
            np.testing.assert_array_equal(other.fit(texts).embeddings_, direct.embeddings_)
        base.set_params(**{name: getattr(CBOWVectorizer(analyzer=str.split), name)})
    assert len(set(expected)) > 8  # the forms differ in what they do
    all_of_them = [(np.arange(len(texts)), np.arange(len(texts)))]
    search = GridSearchCV(
        base, grid, scoring=sum_of_vectors, cv=all_of_them, refit=False, n_jobs=2, error_score="raise"
    )
    assert search.fit(texts).cv_results_["mean_test_score"].tolist() == expected


def sum_of_vectors(vectorizer, X, y=None):
    return vectorizer.embeddings_.sum(dtype=float)


@pytest.mark.slow
def test_pretrained_vectors_in_cross_validation_pipelines_and_column_transformers(two_topics, texts, small, tmp_path):
    documents, topics = two_topics
    pretrained = CBOWVectorizer(**small).fit(documents).word_vectors()
    vectorizer = CBOWVectorizer(**small, analyzer="word", init_vectors=pretrained, freeze_init=True)
    frozen = FrozenEstimator(CBOWVectorizer.from_vectors(pretrained, analyzer="word"))
    for transformer in (vectorizer, frozen):
        pipeline = make_pipeline(transformer, LogisticRegression(C=100), memory=str(tmp_path))
        assert cross_val_score(pipeline, texts, topics, cv=2, error_score="raise").min() > 0.9
    columns = ColumnTransformer([("text", vectorizer, "text")])
    frame = pd.DataFrame({"text": texts})
    np.testing.assert_array_equal(columns.fit_transform(frame), vectorizer.fit_transform(texts))


def test_a_mapping_that_looks_up_in_its_own_way_is_cloned_as_it_is():
    class Folded(dict):
        def __contains__(self, token):
            return super().__contains__(token.lower())

    assert "TEA" in clone(CBOWVectorizer(8, init_vectors=Folded(tea=np.zeros(8)))).init_vectors


class Unprintable:
    def __init__(self, dtype=None):
        self.shape = (8,)

    def __repr__(self):
        raise AssertionError("printed in full")


@pytest.mark.parametrize("container", [dict, collections.OrderedDict, collections.UserDict, collections.ChainMap])
def test_a_dict_of_vectors_is_printed_in_one_line(container):
    """scikit-learn would print each vector, which takes minutes for a large dict of arrays."""
    vectors = container({"tea": Unprintable(), "milk": Unprintable()})
    vectorizer = CBOWVectorizer(8, init_vectors=vectors)
    assert repr(vectorizer) == "CBOWVectorizer(init_vectors=<dict of 2 vectors>, vector_size=8)"
    for estimator in (vectorizer, clone(vectorizer), make_pipeline(vectorizer), GridSearchCV(vectorizer, {})):
        assert "<dict of 2 vectors>" in repr(estimator)
        with sklearn.config_context(print_changed_only=False):
            assert "<dict of 2 vectors>" in repr(estimator)
        assert "dict of 2 vectors" in estimator._repr_html_()
        with pytest.raises(ValueError, match="Invalid parameter 'x'"):
            estimator.set_params(x=1)
    assert vectorizer.init_vectors is vectors
    assert dict(vectorizer.get_params()["init_vectors"]) == dict(vectors)
    word_vectors = WordVectors(["tea"], np.ones((1, 8)))
    assert "=WordVectors(n_tokens=1, vector_size=8)," in repr(CBOWVectorizer(8, init_vectors=word_vectors))


def test_cross_val_score_on_strings(texts, two_topics, small):
    pipeline = make_pipeline(CBOWVectorizer(**small, analyzer="word"), LogisticRegression())
    assert cross_val_score(pipeline, texts, two_topics[1], cv=3, error_score="raise").min() > 0.95


def test_metadata_is_routed_to_the_classifier(two_topics, small):
    documents, topics = two_topics
    with sklearn.config_context(enable_metadata_routing=True):
        classifier = LogisticRegression().set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        pipeline = make_pipeline(CBOWVectorizer(**small), classifier)
        pipeline.fit(documents, topics, sample_weight=np.where(topics, 1.0, 1e-9))
        assert pipeline.predict(documents).mean() > 0.9 > topics.mean()
        assert pipeline.score(documents, topics, sample_weight=topics) > 0.9
        scorer = make_scorer(accuracy_score).set_score_request(sample_weight=True)
        weights = {"sample_weight": np.ones(400)}
        scores = cross_val_score(clone(pipeline), documents, topics, cv=2, scoring=scorer, params=weights)
        assert scores.min() > 0.95


def test_a_weighting_takes_effect_at_the_next_fit_also_from_a_cache(two_topics, small, tmp_path):
    documents = two_topics[0]
    vectorizer = CBOWVectorizer(**small).fit(documents)
    uniform = vectorizer.transform(documents)
    np.testing.assert_array_equal(vectorizer.set_params(weighting="sif").transform(documents), uniform)
    sif = vectorizer.fit_transform(documents)
    assert not np.array_equal(sif, uniform)
    cached = make_pipeline(CBOWVectorizer(**small), "passthrough", memory=str(tmp_path))
    for weighting, expected in [("uniform", uniform), ("sif", sif), ("uniform", uniform)]:
        cached.set_params(cbowvectorizer__weighting=weighting).fit(documents)
        np.testing.assert_array_equal(cached.transform(documents), expected)


@pytest.fixture(params=["texts", "lists of tokens"])
def few_labels(request, two_topics, small):
    """A frozen vectorizer of all documents with what it returns, ten labelled documents, and all documents."""
    documents, topics = two_topics
    parameters = {**small, "norm": "l2"}
    if request.param == "texts":
        documents, parameters["analyzer"] = [" ".join(tokens) for tokens in documents], "word"
    vectorizer = CBOWVectorizer(**parameters).fit(documents)
    rows = np.concatenate([np.flatnonzero(topics == topic)[:5] for topic in (0, 1)])
    return FrozenEstimator(vectorizer), [documents[row] for row in rows], topics[rows], documents, topics


def test_a_frozen_vectorizer_is_not_fitted_again(few_labels):
    frozen, labelled, labels, documents, topics = few_labels
    vectors = frozen.transform(documents)
    pipeline = make_pipeline(frozen, LogisticRegression())
    np.testing.assert_array_equal(clone(pipeline)[0].transform(documents), vectors)
    assert cross_val_score(pipeline, labelled, labels, cv=2).mean() == 1
    search = GridSearchCV(pipeline, {"logisticregression__C": [0.1, 10]}, cv=2).fit(labelled, labels)
    assert search.score(documents, topics) == 1
    calibrated = CalibratedClassifierCV(pipeline, cv=2).fit(labelled, labels)
    assert calibrated.score(documents, topics) == 1
    for fitted in (search.best_estimator_, calibrated.calibrated_classifiers_[0].estimator):
        np.testing.assert_array_equal(fitted[0].transform(documents), vectors)


def test_self_training_works_behind_a_frozen_vectorizer(few_labels):
    frozen, _, _, documents, topics = few_labels
    partly = np.where(np.arange(len(topics)) < 10, topics, -1)
    pipeline = make_pipeline(frozen, SelfTrainingClassifier(LogisticRegression()))
    assert pipeline.fit(documents, partly).score(documents, topics) == 1
