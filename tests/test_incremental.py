"""Pretrained vectors, incremental training, warm starts and Keras callbacks."""

import copy
import csv
import pickle
import threading

import joblib
import keras
import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from sk_cbow import CBOWVectorizer

FIRST = [["tea", "milk", "cup"], ["car", "road", "wheel"]] * 40
SECOND = [["tea", "lemon", "cup"], ["car", "road", "lane"]] * 40


@pytest.fixture
def quick():
    return {"vector_size": 8, "sample": 0, "epochs": 2, "min_count": 2, "random_state": 0}


def given(tokens, vector_size=8):
    rng = np.random.default_rng(1)
    return {token: rng.normal(size=vector_size) for token in tokens}


# init_vectors and freeze_init


@pytest.mark.parametrize("kind", ["dict", "KeyedVectors"])
def test_training_starts_from_pretrained_vectors(quick, kind, request):
    vectors = given(["tea", "road", "unheard"])
    if kind == "KeyedVectors":
        keyed_vectors = request.getfixturevalue("gensim_models").KeyedVectors(8)
        keyed_vectors.add_vectors(list(vectors), list(vectors.values()))
    options = {**quick, "learning_rate": 1e-6, "init_vectors": vectors if kind == "dict" else keyed_vectors}
    vectorizer = CBOWVectorizer(**options).fit(FIRST)
    assert "unheard" not in vectorizer.vocabulary_
    for token, row in vectorizer.vocabulary_.items():
        if token in vectors:
            np.testing.assert_allclose(vectorizer.embeddings_[row], vectors[token], atol=1e-4)
        else:
            assert abs(vectorizer.embeddings_[row]).max() < 0.07


def test_pretrained_vectors_are_fine_tuned_unless_they_are_frozen(quick):
    vectors = given(["tea", "road"])
    free = CBOWVectorizer(**quick, init_vectors=vectors).fit(FIRST)
    frozen = CBOWVectorizer(**quick, init_vectors=vectors, freeze_init=True).fit(FIRST)
    for token, row in frozen.vocabulary_.items():
        if token in vectors:
            np.testing.assert_array_equal(frozen.embeddings_[row], vectors[token].astype(np.float32))
            assert abs(free.embeddings_[row] - vectors[token]).max() > 0.01
        else:
            assert np.linalg.norm(frozen.embeddings_[row]) > 0.1


def test_frozen_vectors_stay_in_incremental_training(quick):
    vectors = given(["tea", "lemon"])
    vectorizer = CBOWVectorizer(**quick, init_vectors=vectors, freeze_init=True).fit(FIRST).partial_fit(SECOND)
    for token in ("tea", "lemon"):
        row = vectorizer.vocabulary_[token]
        np.testing.assert_array_equal(vectorizer.embeddings_[row], vectors[token].astype(np.float32))


@pytest.mark.parametrize(
    ("vector", "message"),
    [
        (np.zeros(5), r"init_vectors\['road'\] is array.*, of shape \(5,\): pass vectors of vector_size=8 finite"),
        (np.full(8, np.nan), r"init_vectors\['road'\] is array\(\[nan.*, of shape \(8,\): pass"),
        ("1 2 3", r"init_vectors\['road'\] is '1 2 3', of shape \(0,\): pass"),
        (np.full(8, 1e300), r"init_vectors\['road'\] is array\(\[1.*\+300.*, of shape \(8,\): pass"),
        (
            np.full(8, 1e38),
            r"init_vectors\['road'\] is array\(\[1.*\+38.*, of shape \(8,\): pass .*, none beyond 1e\+15",
        ),
        ([10**400] * 8, r"init_vectors\['road'\] is \[1000.*, of shape \(0,\): pass"),
        (np.ones(8, complex), r"init_vectors\['road'\] is array\(\[1.\+0.j.*, of shape \(0,\): pass"),
    ],
)
def test_pretrained_vectors_of_another_length_are_an_error(quick, vector, message):
    vectorizer = CBOWVectorizer(**quick, init_vectors={**given(["tea"]), "road": vector})
    with pytest.raises(ValueError, match=message):
        vectorizer.fit(FIRST)
    assert not hasattr(vectorizer, "embeddings_")


@pytest.mark.filterwarnings("ignore:training with learning_rate")  # the loss of such vectors is 1e30
def test_documents_of_huge_vectors_are_finite(quick):
    rng = np.random.default_rng(0)
    vectors = {token: rng.uniform(-1e15, 1e15, 8) for token in ["tea", "milk", "cup", "car", "road", "wheel"]}
    vectorizer = CBOWVectorizer(**quick, init_vectors=vectors, freeze_init=True, remove_components=1)
    assert np.isfinite(vectorizer.fit_transform(FIRST)).all()
    assert np.abs(vectorizer.transform(FIRST)).max() > 1e13


def test_vectors_may_come_from_a_vectorizer_or_a_gensim_model(quick, gensim_models):
    word_vectors = CBOWVectorizer(**quick).fit(FIRST).word_vectors()
    model = gensim_models.Word2Vec(FIRST, vector_size=8, min_count=1, epochs=1)
    for init_vectors, vectors in ((word_vectors, word_vectors), (model, model.wv)):
        vectorizer = CBOWVectorizer(**quick, init_vectors=init_vectors, freeze_init=True).fit(FIRST)
        for token, row in vectorizer.vocabulary_.items():
            np.testing.assert_array_equal(vectorizer.embeddings_[row], vectors[token])


@pytest.mark.parametrize("init_vectors", ["/data/tea.txt", np.ones((6, 8)), [1.0], 3, pd.DataFrame({"tea": [1.0]})])
def test_init_vectors_without_tokens_are_an_error(quick, init_vectors):
    with pytest.raises(TypeError, match=r"(?s)init_vectors is .*, which does not map .*: pass WordVectors, a d"):
        CBOWVectorizer(**quick, init_vectors=init_vectors).fit(FIRST)


def test_an_estimator_as_init_vectors_is_an_error_because_clones_are_not_fitted(quick):
    vectorizer = CBOWVectorizer(**quick).fit(FIRST)
    for init_vectors in (vectorizer, CBOWVectorizer()):
        with pytest.raises(TypeError, match=r"the estimator CBOWVectorizer, .* pass init_vectors=.*word_vectors\(\)"):
            CBOWVectorizer(**quick, init_vectors=init_vectors).fit(FIRST)


def test_a_warning_says_that_init_vectors_match_no_token(quick, gensim_models):
    keyed_vectors = gensim_models.KeyedVectors(8)
    keyed_vectors.add_vectors(["Road", "Tea"], np.ones((2, 8)))

    class OnlyLookUp:
        def __contains__(self, token):
            return False

        def __getitem__(self, token):
            raise KeyError(token)

    alike = r"the documents have '(tea|road)', and init_vectors has '(Tea|Road)'; tokens match only if"
    for init_vectors, message in (
        (given(["Tea", "Road"]), alike),
        (keyed_vectors, alike),
        (given(["Berlin"]), r"the documents have '\w+', and init_vectors has 'Berlin'"),
        ({}, r"such as '\w+': compare"),
        (OnlyLookUp(), r"such as '\w+': compare"),
    ):
        with pytest.warns(UserWarning, match=message) as caught:
            CBOWVectorizer(**quick, init_vectors=init_vectors).fit(FIRST)
        assert [warning.filename for warning in caught] == [__file__]
    # New tokens without pretrained vectors are no reason for a warning if others have them.
    vectorizer = CBOWVectorizer(**quick, init_vectors=given(["tea"])).fit(FIRST)
    vectorizer.partial_fit([["unheard", "unseen"]] * 9)


def test_freeze_init_applies_to_the_calls_in_which_it_is_set(quick):
    vectors = given(["tea"])
    vectorizer = CBOWVectorizer(**quick, init_vectors=vectors, freeze_init=True).fit(FIRST)
    vectorizer.set_params(freeze_init=False).partial_fit(FIRST)
    assert (vectorizer.embeddings_[vectorizer.vocabulary_["tea"]] != vectors["tea"].astype(np.float32)).all()
    vectorizer.set_params(freeze_init=True).partial_fit(FIRST)
    np.testing.assert_array_equal(
        vectorizer.embeddings_[vectorizer.vocabulary_["tea"]], vectors["tea"].astype(np.float32)
    )


def test_frozen_vectors_need_one_table(quick):
    vectorizer = CBOWVectorizer(**quick, init_vectors={}, freeze_init=True, shared_embedding=False)
    with pytest.raises(ValueError, match=r"freeze_init=True with shared_embedding=False: .* set shared_embedding=True"):
        vectorizer.fit(FIRST)


# partial_fit


def test_the_first_partial_fit_is_a_fit(quick):
    fitted, partly = CBOWVectorizer(**quick).fit(FIRST), CBOWVectorizer(**quick).partial_fit(FIRST)
    np.testing.assert_array_equal(fitted.embeddings_, partly.embeddings_)
    assert fitted.vocabulary_ == partly.vocabulary_


def test_new_tokens_get_rows_after_the_old_ones(quick):
    vectorizer = CBOWVectorizer(**quick, document_context=0).fit(FIRST)
    before = vectorizer.embeddings_
    vectorizer.partial_fit(SECOND)
    assert list(vectorizer.vocabulary_) == ["tea", "milk", "cup", "car", "road", "wheel", "lemon", "lane"]
    assert vectorizer.token_counts_.tolist() == [80, 40, 80, 80, 80, 40, 40, 40]
    assert vectorizer.embeddings_.shape == (8, 8)
    milk, tea = vectorizer.vocabulary_["milk"], vectorizer.vocabulary_["tea"]
    assert (vectorizer.embeddings_[tea] != before[tea]).all()
    # No new document contains milk, so that it is trained only as a negative sample, and changes less.
    moved = np.linalg.norm(vectorizer.embeddings_[:6] - before, axis=1)
    assert moved[milk] < moved[tea]
    assert vectorizer.transform(SECOND).shape == (80, 8)
    assert vectorizer.n_iter_ == len(vectorizer.loss_curve_) == 4


def test_counts_are_summed_over_calls(quick):
    quick["min_count"] = 3
    vectorizer = CBOWVectorizer(**quick).fit([["tea", "cup"]] * 3 + [["pot", "tea"]])
    assert list(vectorizer.vocabulary_) == ["tea", "cup"]
    vectorizer.partial_fit([["pot", "tea"]])
    assert list(vectorizer.vocabulary_) == ["tea", "cup"]
    vectorizer.partial_fit([["pot", "tea", "jug"]])
    assert list(vectorizer.vocabulary_) == ["tea", "cup", "pot"]
    assert vectorizer.token_counts_.tolist() == [6, 3, 3]


def test_max_vocab_limits_new_tokens(quick):
    vectorizer = CBOWVectorizer(**quick, max_vocab=7).fit(FIRST).partial_fit([*SECOND, ["lane", "road"]])
    assert list(vectorizer.vocabulary_)[6:] == ["lane"]


@pytest.mark.parametrize("shared", [True, False])
def test_incremental_training_gives_identical_results_after_a_pickle(quick, shared, tmp_path):
    straight = CBOWVectorizer(**quick, shared_embedding=shared).fit(FIRST).partial_fit(SECOND).partial_fit(FIRST)
    saved = CBOWVectorizer(**quick, shared_embedding=shared).fit(FIRST)
    saved = pickle.loads(pickle.dumps(saved)).partial_fit(SECOND)
    joblib.dump(saved, tmp_path / "vectorizer.joblib")
    saved = joblib.load(tmp_path / "vectorizer.joblib").partial_fit(FIRST)
    np.testing.assert_array_equal(straight.embeddings_, saved.embeddings_)
    assert straight.loss_curve_ == saved.loss_curve_


def test_incremental_training_keeps_what_was_learned(quick):
    quick["epochs"] = 10
    vectorizer = CBOWVectorizer(**quick).fit(FIRST)
    vectorizer.partial_fit(FIRST)
    assert vectorizer.loss_curve_[10] < vectorizer.loss_curve_[0]


@pytest.mark.parametrize("weighting", ["idf", "sif"])
def test_weights_are_those_of_all_documents(quick, weighting):
    quick["min_count"] = 1
    both = CBOWVectorizer(**quick, weighting=weighting).fit(FIRST + SECOND)
    one_by_one = CBOWVectorizer(**quick, weighting=weighting).fit(FIRST).partial_fit(SECOND)
    for token, row in both.vocabulary_.items():
        weight = one_by_one.token_weights_[one_by_one.vocabulary_[token]]
        assert weight == pytest.approx(both.token_weights_[row], rel=1e-6)


def test_idf_of_a_new_token_includes_earlier_documents(quick):
    quick["min_count"] = 3
    parts = [["tea", "cup"]] * 5 + [["tea", "pot"]] * 2, [["pot", "tea"]]
    both = CBOWVectorizer(**quick, weighting="idf").fit(parts[0] + parts[1])
    one_by_one = CBOWVectorizer(**quick, weighting="idf").fit(parts[0]).partial_fit(parts[1])
    assert one_by_one.vocabulary_ == both.vocabulary_
    np.testing.assert_allclose(one_by_one.idf_, both.idf_)


def test_idf_of_a_new_token_assumes_at_most_the_number_of_earlier_documents(quick):
    quick["min_count"] = 10
    vectorizer = CBOWVectorizer(**quick, weighting="idf").fit([["pot"] * 9 + ["tea"] * 10 + ["cup"] * 10])
    vectorizer.partial_fit([["pot", "tea"]])
    assert vectorizer.idf_[vectorizer.vocabulary_["pot"]] == pytest.approx(1)  # in both documents


def test_idf_is_updated_if_no_token_is_new(quick):
    vectorizer = CBOWVectorizer(**quick, weighting="idf").fit(FIRST).partial_fit(FIRST[:2])
    # 82 documents, each token in 41 of them.
    np.testing.assert_allclose(vectorizer.idf_, np.log(83 / 42) + 1, rtol=1e-6)


def test_idf_must_have_been_set_before(quick):
    vectorizer = CBOWVectorizer(**quick).fit(FIRST).set_params(weighting="idf")
    with pytest.raises(ValueError, match="weighting='idf' needs the documents of all calls"):
        vectorizer.partial_fit(SECOND)


@pytest.mark.parametrize("documents", [[["?", "!"]], [[]], [["tea"], ["?"]]])
def test_documents_without_known_tokens_are_allowed_in_later_calls(quick, documents):
    vectorizer = CBOWVectorizer(**quick).fit(FIRST)
    vectorizer.partial_fit(documents)
    assert vectorizer.transform([["tea"]]).any()
    with pytest.raises(ValueError, match=r"no token occurs|no document"):
        CBOWVectorizer(**quick).partial_fit(documents)


@pytest.mark.parametrize("remove_components", [0, 1])
def test_components_stay_in_incremental_training(quick, remove_components):
    vectorizer = CBOWVectorizer(**quick, remove_components=remove_components).fit(FIRST)
    before = vectorizer.components_
    np.testing.assert_array_equal(vectorizer.partial_fit([["tea", "cup"]]).components_, before)
    vectorizer.set_params(remove_components=2).partial_fit(FIRST + SECOND)
    assert len(vectorizer.components_) == 2


@pytest.mark.parametrize("remove_components", [0, 1])
def test_the_mean_stays_in_incremental_training(quick, remove_components):
    documents = FIRST + SECOND
    vectorizer = CBOWVectorizer(**quick, remove_components=remove_components, norm="l2").fit(documents)
    mean, components = vectorizer.mean_, vectorizer.components_
    vectorizer.partial_fit([["tea", "cup"]] * 9)
    np.testing.assert_array_equal(vectorizer.mean_, mean)
    np.testing.assert_array_equal(vectorizer.components_, components)
    vectorizer.set_params(remove_components=2).partial_fit(documents)
    np.testing.assert_array_equal(vectorizer.mean_, mean)
    assert len(vectorizer.components_) == 2
    assert (vectorizer.set_params(random_state=1).fit(documents).mean_ != mean).all()


def test_a_new_norm_is_computed_from_the_documents_of_this_call(quick):
    documents = FIRST + SECOND
    vectorizer = CBOWVectorizer(**quick, remove_components=1).fit(documents)
    components = vectorizer.components_
    vectorizer.set_params(norm="l2").partial_fit(documents)
    plain = CBOWVectorizer.from_vectors(vectorizer.word_vectors()).transform(documents)
    np.testing.assert_allclose(vectorizer.mean_, plain.mean(axis=0), atol=1e-6)
    assert not np.allclose(np.abs(vectorizer.components_), np.abs(components), atol=1e-3)  # those of centred vectors
    vectorizer.set_params(norm=None).partial_fit(documents)
    assert not hasattr(vectorizer, "mean_")


def test_parameters_are_checked_in_every_call(quick):
    vectorizer = CBOWVectorizer(**quick).fit(FIRST)
    for name, value in (("weighting", "tf-idf"), ("learning_rate", -0.3), ("epochs", 0)):
        with pytest.raises(ValueError, match=f"The '{name}' parameter of CBOWVectorizer must be"):
            clone(vectorizer).set_params(**{name: value}).partial_fit(FIRST)
        with pytest.raises(ValueError, match=f"The '{name}' parameter of CBOWVectorizer must be"):
            pickle.loads(pickle.dumps(vectorizer)).set_params(**{name: value}).partial_fit(FIRST)


@pytest.mark.parametrize("parameters", [{"vector_size": 9}, {"shared_embedding": False}])
@pytest.mark.parametrize("how", ["partial_fit", "warm start"])
def test_sizes_may_not_change(quick, parameters, how):
    vectorizer = CBOWVectorizer(**quick, warm_start=how == "warm start").fit(FIRST)
    before = pickle.dumps(vectorizer.embeddings_)
    vectorizer.set_params(**parameters)
    with pytest.raises(ValueError, match=r"but in previous training they were 8 and True: restore them"):
        vectorizer.fit(SECOND) if how == "warm start" else vectorizer.partial_fit(SECOND)
    assert pickle.dumps(vectorizer.embeddings_) == before


def test_word_vectors_cannot_be_trained_incrementally(fitted):
    for vectorizer in (CBOWVectorizer.from_vectors(fitted.word_vectors()), fitted.with_vectors(fitted.embeddings_)):
        with pytest.raises(
            ValueError, match=r"made of word vectors, .* pass init_vectors=vectorizer\.word_vectors\(\)"
        ):
            vectorizer.partial_fit(FIRST)


# warm_start


def test_warm_start_starts_from_what_was_learned(quick):
    vectorizer = CBOWVectorizer(**quick, warm_start=True).fit(FIRST)
    before = dict(zip(vectorizer.vocabulary_, vectorizer.embeddings_, strict=True))
    vectorizer.set_params(learning_rate=1e-6).fit(SECOND)
    assert set(vectorizer.vocabulary_) == {"tea", "lemon", "cup", "car", "road", "lane"}  # those of the new documents
    for token, vector in zip(vectorizer.vocabulary_, vectorizer.embeddings_, strict=True):
        if token in before:
            np.testing.assert_allclose(vector, before[token], atol=1e-4)
        else:
            assert abs(vector).max() < 0.07
    assert vectorizer.n_iter_ == len(vectorizer.loss_curve_) == 2


def test_without_warm_start_a_second_fit_is_the_first(quick):
    vectorizer = CBOWVectorizer(**quick).fit(FIRST)
    once = vectorizer.embeddings_
    np.testing.assert_array_equal(vectorizer.fit(FIRST).embeddings_, once)


def test_a_warm_start_with_the_same_documents_repeats_their_blocks_unless_the_random_state_differs(quick):
    vectorizer = CBOWVectorizer(**{**quick, "sample": 0.1, "learning_rate": 0.1}, warm_start=True).fit(FIRST)
    again, other = copy.deepcopy(vectorizer).fit(FIRST), copy.deepcopy(vectorizer).set_params(random_state=1).fit(FIRST)
    assert again.loss_curve_[0] < other.loss_curve_[0]


# callbacks and progress


def test_early_stopping_ends_training(quick):
    stopping = keras.callbacks.EarlyStopping("loss", min_delta=100)
    vectorizer = CBOWVectorizer(**{**quick, "epochs": 10}, callbacks=[stopping]).fit(FIRST)
    assert vectorizer.n_iter_ == len(vectorizer.loss_curve_) == 2


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # of Keras, when it saves
@pytest.mark.parametrize("shared", [True, False])
def test_model_checkpoint_saves_the_textbook_model(quick, shared, tmp_path):
    callback = keras.callbacks.ModelCheckpoint(tmp_path / "model.keras")
    vectorizer = CBOWVectorizer(**quick, shared_embedding=shared, callbacks=callback).fit(FIRST)
    model = keras.models.load_model(tmp_path / "model.keras")
    tables = [vectorizer.embeddings_] if shared else [vectorizer.context_embeddings_, vectorizer.target_embeddings_]
    for weights, table in zip(model.get_weights(), tables, strict=True):
        np.testing.assert_array_equal(weights[1 : len(table) + 1], table)
        assert not weights[0].any()
        assert not weights[len(table) + 1 :].any()
    assert [tensor.name for tensor in model.inputs] == ["word_index", "context", "negative_samples", "document"]


class Stop(keras.callbacks.Callback):
    """Stops training when `method` is called, in the given epoch if it is that of an epoch."""

    def __init__(self, method, epoch=None):
        super().__init__()
        setattr(self, method, lambda *arguments, **_: self.stop(epoch in (None, *arguments[:1])))

    def stop(self, is_due):
        self.model.stop_training |= is_due


@pytest.mark.parametrize("when", [("on_train_begin",), ("on_epoch_begin", 0)])
def test_a_stop_before_the_first_block_is_a_warning(quick, when):
    vectorizer = CBOWVectorizer(**quick, callbacks=lambda: Stop(*when))
    with pytest.warns(UserWarning, match="set stop_training before the first block: nothing was trained") as warned:
        vectorizer.fit(FIRST)
    assert warned[0].filename == __file__
    assert (vectorizer.n_iter_, vectorizer.loss_curve_) == (0, [])
    assert abs(vectorizer.embeddings_).max() <= 0.5 / 8  # the initial vectors
    trained = pickle.loads(pickle.dumps(vectorizer.set_params(callbacks=None))).partial_fit(FIRST)
    assert trained.n_iter_ == len(trained.loss_curve_) == 2
    before = trained.embeddings_
    with pytest.warns(UserWarning, match="nothing was trained"):
        trained.set_params(callbacks=lambda: Stop(*when)).partial_fit(FIRST)
    np.testing.assert_array_equal(trained.embeddings_, before)
    assert trained.n_iter_ == len(trained.loss_curve_) == 2


def test_an_epoch_that_is_stopped_before_its_first_block_is_not_counted(quick):
    stopped = CBOWVectorizer(**{**quick, "sample": 0.5}, callbacks=lambda: Stop("on_epoch_begin", 1)).fit(FIRST)
    assert stopped.n_iter_ == len(stopped.loss_curve_) == 1
    assert stopped.loss_curve_[0] > 0


def test_the_best_weights_are_restored(quick):
    class Restore(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 0:
                self.weights = self.model.get_weights()

        def on_train_end(self, logs=None):
            self.model.set_weights(self.weights)

    quick["epochs"] = 3
    restored = CBOWVectorizer(**quick, callbacks=lambda: [Restore()]).fit(FIRST)
    stopped = CBOWVectorizer(**quick, callbacks=[keras.callbacks.EarlyStopping("loss", min_delta=100)]).fit(FIRST)
    assert (restored.embeddings_ != stopped.embeddings_).all()
    assert len(restored.loss_curve_) == 3


def test_incremental_training_after_an_early_stop_is_reproducible(quick):
    def fit():
        stopping = keras.callbacks.EarlyStopping("loss", min_delta=100)
        vectorizer = CBOWVectorizer(**{**quick, "epochs": 10}, callbacks=[stopping]).fit(FIRST)
        return vectorizer.set_params(callbacks=None).partial_fit(SECOND).embeddings_

    np.testing.assert_array_equal(fit(), fit())


def test_losses_are_those_of_each_call_if_a_callback_is_reused(quick):
    history = keras.callbacks.History()
    vectorizer = CBOWVectorizer(**quick, callbacks=lambda: [history])
    assert vectorizer.fit(FIRST).fit(FIRST).n_iter_ == 2
    assert vectorizer.partial_fit(SECOND).n_iter_ == 4


def test_callbacks_may_be_a_generator_function(quick):
    def callbacks():
        yield keras.callbacks.EarlyStopping("loss", min_delta=100)

    assert CBOWVectorizer(**{**quick, "epochs": 6}, callbacks=callbacks).fit(FIRST).n_iter_ == 2


def test_callbacks_see_every_epoch(quick, tmp_path):
    losses = []
    path = tmp_path / "log.csv"
    check = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: losses.append(logs["loss"]))
    vectorizer = CBOWVectorizer(**quick, callbacks=[check, keras.callbacks.CSVLogger(path)]).fit(FIRST)
    assert losses == vectorizer.loss_curve_
    with open(path) as file:
        assert [float(row["loss"]) for row in csv.DictReader(file)] == pytest.approx(losses)


def test_callbacks_of_a_function_are_not_copied(quick):
    made = []

    def callbacks():
        made.append(keras.callbacks.History())
        return made

    vectorizer = CBOWVectorizer(**quick, callbacks=callbacks).fit(FIRST)
    assert made[0].history["loss"] == vectorizer.loss_curve_


def test_callbacks_do_not_change_results(quick, fitted, two_topics):
    watched = clone(fitted).set_params(callbacks=[keras.callbacks.TerminateOnNaN()], verbose=0).fit(two_topics[0])
    np.testing.assert_array_equal(watched.embeddings_, fitted.embeddings_)


def test_a_vectorizer_with_callbacks_is_searched_cloned_and_pickled(quick, tmp_path):
    callbacks = [keras.callbacks.EarlyStopping("loss"), keras.callbacks.CSVLogger(tmp_path / "log.csv")]
    pipeline = make_pipeline(CBOWVectorizer(**quick, callbacks=callbacks), LogisticRegression())
    search = GridSearchCV(pipeline, {"cbowvectorizer__window": [1, 2]}, cv=2, error_score="raise")
    search.fit(FIRST, [0, 1] * 40)
    best = search.best_estimator_[0]
    assert clone(best).get_params().keys() == best.get_params().keys()
    again = pickle.loads(pickle.dumps(best))
    np.testing.assert_array_equal(again.embeddings_, best.embeddings_)


# Keras 3.15 converts variables by an __array__ that NumPy 2 warns of.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_tensorboard_with_the_projectors_files(quick, tmp_path):
    board = keras.callbacks.TensorBoard(tmp_path, embeddings_freq=1, embeddings_metadata="tokens.tsv")
    CBOWVectorizer(**quick, callbacks=[board]).fit(FIRST)
    assert (tmp_path / "projector_config.pbtxt").exists()
    assert list(tmp_path.glob("train/events*"))


def test_a_callback_that_raises_leaves_the_vectorizer_unchanged(quick):
    def fail(epoch, logs):
        raise RuntimeError("enough")

    failing = [keras.callbacks.LambdaCallback(on_epoch_end=fail)]
    vectorizer = CBOWVectorizer(**quick, callbacks=failing)
    with pytest.raises(RuntimeError, match="enough"):
        vectorizer.fit(FIRST)
    assert not hasattr(vectorizer, "embeddings_")
    vectorizer.set_params(callbacks=None).fit(FIRST)
    before = pickle.dumps({name: value for name, value in vars(vectorizer).items() if name != "callbacks"})
    vectorizer.set_params(callbacks=failing)
    for method in (vectorizer.fit, vectorizer.partial_fit):
        with pytest.raises(RuntimeError, match="enough"):
            method(SECOND)
        assert pickle.dumps({name: value for name, value in vars(vectorizer).items() if name != "callbacks"}) == before


@pytest.mark.parametrize("callbacks", [["early"], lambda: ["early"]])
def test_an_object_that_is_not_a_callback_is_named(quick, callbacks):
    with pytest.raises(TypeError, match=r"callbacks\[0\] is 'early': pass Keras callbacks, or a function that returns"):
        CBOWVectorizer(**quick, callbacks=callbacks).fit(FIRST)


class Epochs(keras.callbacks.Callback):
    n_ended = 0

    def on_epoch_end(self, epoch, logs=None):
        Epochs.n_ended += 1


@pytest.mark.parametrize("callbacks", [Epochs(), [Epochs()], (Epochs(),), Epochs, lambda: Epochs(), lambda: [Epochs()]])
def test_callbacks_may_be_one_callback(quick, callbacks):
    before = Epochs.n_ended
    clone(CBOWVectorizer(**quick, callbacks=callbacks)).fit(FIRST)
    assert Epochs.n_ended == before + quick["epochs"]


def test_a_function_that_returns_no_list_and_a_callback_that_cannot_be_copied(quick):
    with pytest.raises(TypeError, match="the function callbacks returned None: it must return a list"):
        CBOWVectorizer(**quick, callbacks=lambda: None).fit(FIRST)
    callback = keras.callbacks.Callback()
    callback.lock = threading.Lock()
    with pytest.raises(TypeError, match=r"callbacks\[0\], .* cannot be copied .*: pass a function that returns"):
        CBOWVectorizer(**quick, callbacks=[callback]).fit(FIRST)


def test_progress_shows_tokens_per_second(quick, capsys):
    CBOWVectorizer(**quick, verbose=2).fit(FIRST)
    assert capsys.readouterr().out.count("tokens_per_second: ") == 2
    CBOWVectorizer(**quick, verbose=1).fit(FIRST)
    assert "tokens_per_second: " in capsys.readouterr().out
    CBOWVectorizer(**quick).fit(FIRST)
    assert capsys.readouterr().out == ""
