"""Saving and loading, in other processes, versions and threads."""

import collections
import copy
import pickle
from concurrent.futures import ThreadPoolExecutor

import cloudpickle
import joblib
import numpy as np
import pytest
import skops.io
from sklearn.feature_extraction.text import CountVectorizer

from sk_cbow import CBOWVectorizer, _vectorizer
from sk_cbow._version import MINOR_VERSION

DUMP = {
    "pickle": lambda vectorizer, path: path.write_bytes(pickle.dumps(vectorizer)),
    "joblib": lambda vectorizer, path: joblib.dump(vectorizer, path),
    "joblib, mapped": lambda vectorizer, path: joblib.dump(vectorizer, path),
    "cloudpickle": lambda vectorizer, path: path.write_bytes(cloudpickle.dumps(vectorizer)),
    "skops": lambda vectorizer, path: skops.io.dump(vectorizer, path),
}
LOAD_AND_TRANSFORM = """if True:
    import joblib, numpy, pickle, skops.io, sys
    load = {
        "pickle": pickle.load,
        "joblib": joblib.load,
        "joblib, mapped": lambda file: joblib.load(file.name, mmap_mode="r"),
        "cloudpickle": pickle.load,
        "skops": lambda file: skops.io.load(file.name, trusted=skops.io.get_untrusted_types(file=file.name)),
    }
    for way in load:
        with open(f"{sys.argv[1]}/{way}", "rb") as file:
            vectorizer = load[way](file)
        vectors = vectorizer.transform([["tea", "car", 7], ["?"], ["\\ud800", "milk"]])
        print(way, type(vectors).__name__, type(vectorizer.embeddings_).__name__, sep=", ")
        print(vectors.tobytes().hex(), vectorizer.score([["tea", "milk"]]))
    print(*(name for name in ("tensorflow", "keras") if name in sys.modules))
"""


@pytest.fixture(scope="module")
def to_save(two_topics, small):
    documents = [*two_topics[0], *[["\ud800", "milk", 7]] * 9]
    return CBOWVectorizer(**small, weighting="idf", remove_components=1, norm="l2").fit(documents)


@pytest.mark.slow
def test_a_saved_vectorizer_gives_identical_results_in_a_process_without_tensorflow(
    to_save, tmp_path, in_a_fresh_process
):
    for way, dump in DUMP.items():
        dump(to_save, tmp_path / way)
    vectors = to_save.transform([["tea", "car", 7], ["?"], ["\ud800", "milk"]])
    results = f"{vectors.tobytes().hex()} {to_save.score([['tea', 'milk']])}"
    kinds = [f"{way}, ndarray, {'memmap' if way == 'joblib, mapped' else 'ndarray'}" for way in DUMP]
    lines = in_a_fresh_process(LOAD_AND_TRANSFORM, tmp_path).splitlines()
    assert lines[::2] == kinds
    assert lines[1::2] == [results] * len(DUMP)  # and no last line that names TensorFlow


def test_skops_needs_no_trust_in_anything_but_the_vectorizer(to_save):
    assert skops.io.get_untrusted_types(data=skops.io.dumps(to_save)) == ["sk_cbow._vectorizer.CBOWVectorizer"]


ODD_TOKENS = {
    "truth values": [True, False, "True"],
    "a number and its digits": [7, "7", "\ud800"],
    "halves of a character": ["\ud83d", "\ude00"],
    "both halves of a character": ["\ud83d\ude00", "\U0001f600"],
    "numbers of numpy": [np.int64(7), np.str_("cup")],
}


@pytest.mark.parametrize("odd", ODD_TOKENS.values(), ids=ODD_TOKENS.keys())
@pytest.mark.parametrize("min_count", [1, 2])
def test_odd_tokens_are_the_same_after_skops_and_pickle(odd, min_count, small):
    documents = [odd, ["tea", "milk"] * 5]
    vectorizer = CBOWVectorizer(**small, min_count=min_count).fit(documents)
    more = documents * 2
    expected = copy.deepcopy(vectorizer).partial_fit(more)
    trust = ["sk_cbow._vectorizer.CBOWVectorizer"]
    for read in (
        pickle.loads(pickle.dumps(vectorizer)),
        skops.io.loads(skops.io.dumps(vectorizer), trusted=trust),
    ):
        assert {type(token) for token in read.vocabulary_} <= {str, int}
        assert list(read.vocabulary_.items()) == list(vectorizer.vocabulary_.items())
        np.testing.assert_array_equal(read.transform(documents), vectorizer.transform(documents))
        assert read.partial_fit(more).vocabulary_ == expected.vocabulary_
        np.testing.assert_array_equal(read.embeddings_, expected.embeddings_)


@pytest.mark.parametrize(
    "change", [{"strings": b"\xff"}, {"counts": None}, {"integers": [7, 7]}, {"lengths": np.ones(3)}]
)
def test_a_damaged_packed_vocabulary_is_an_error(change, to_save):
    state = to_save.__getstate__()
    state["_packed_vocabulary"] = state["_packed_vocabulary"] | change
    with pytest.raises(ValueError, match=r"is damaged, .*vocabulary_.*: restore the file, or fit again"):
        CBOWVectorizer().__setstate__(state)


def test_an_analyzer_of_count_vectorizer_is_saved_with_it(two_topics, small):
    analyzer = CountVectorizer(stop_words=["cup"], ngram_range=(1, 2)).build_analyzer()
    texts = [" ".join(tokens) for tokens in two_topics[0]]
    vectorizer = CBOWVectorizer(**small, analyzer=analyzer).fit(texts)
    assert "tea milk" in vectorizer.vocabulary_
    assert "cup" not in vectorizer.vocabulary_
    read = pickle.loads(pickle.dumps(vectorizer))
    np.testing.assert_array_equal(read.transform(texts), vectorizer.transform(texts))


def zipf_documents(n_tokens, n_distinct):
    shares = np.cumsum(1 / np.arange(1, n_distinct + 1))
    ranks = np.searchsorted(shares, np.random.default_rng(0).random(n_tokens) * shares[-1])
    return [[f"w{rank}" for rank in document] for document in np.split(ranks, 1000)]


@pytest.mark.slow
def test_a_pickle_contains_little_more_than_embeddings_and_tokens():
    documents = zipf_documents(300_000, 10**6)
    vectorizer = CBOWVectorizer(vector_size=100, epochs=1, random_state=0).fit(documents)
    n_distinct = len({token for tokens in documents for token in tokens})
    n_dropped = n_distinct - len(vectorizer.vocabulary_)
    assert n_dropped > 5 * len(vectorizer.vocabulary_)  # most tokens are rare
    needed = vectorizer.embeddings_.nbytes + sum(len(token) for token in vectorizer.vocabulary_)
    assert len(pickle.dumps(vectorizer)) <= 1.1 * needed + 10 * n_dropped


@pytest.mark.parametrize("version", [f"{MINOR_VERSION}.0", f"{MINOR_VERSION}.7.dev0"])
def test_a_pickle_of_the_same_minor_version_is_read(version, fitted, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(_vectorizer, "__version__", version)
        saved = pickle.dumps(fitted)
    assert pickle.loads(saved).vocabulary_ == fitted.vocabulary_


@pytest.mark.parametrize("version", ["0.0.9", f"{MINOR_VERSION}0.0", "99.0.0"])
def test_a_pickle_of_another_minor_version_is_an_error(version, fitted, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(_vectorizer, "__version__", version)
        saved = pickle.dumps(fitted)
    with pytest.raises(ValueError, match=rf"saved by sk_cbow {version}, which sk_cbow .* cannot read: load it with"):
        pickle.loads(saved)


def test_a_state_without_a_version_is_an_error():
    with pytest.raises(ValueError, match=r"saved by sk_cbow before 0\.1, which .* cannot read: load it with"):
        CBOWVectorizer().__setstate__({"vector_size": 100})


def damaged(**changes):
    def damage(state):
        for name, change in changes.items():
            state[name] = change(state[name])
        return state

    return damage


DAMAGES = {
    "a row out of range": damaged(vocabulary_=lambda vocabulary: vocabulary | {"tea": 10**6}),
    "a row below 0": damaged(vocabulary_=lambda vocabulary: vocabulary | {"tea": -2}),
    "a row twice": damaged(vocabulary_=lambda vocabulary: vocabulary | {"tea": (vocabulary["tea"] + 1) % 12}),
    "a token too many": damaged(vocabulary_=lambda vocabulary: vocabulary | {"x": len(vocabulary)}),
    "no dict": damaged(vocabulary_=list),
    "too few vectors": damaged(embeddings_=lambda embeddings: embeddings[:-1]),
    "flat vectors": damaged(embeddings_=np.ravel),
    "no array": damaged(embeddings_=lambda embeddings: embeddings.tolist()),
    "objects": damaged(embeddings_=lambda embeddings: embeddings.astype(object)),
    "too few weights": damaged(token_weights_=lambda weights: weights[1:]),
    "weights of nan": damaged(token_weights_=lambda weights: weights * np.nan),
    "weights below 0": damaged(token_weights_=lambda weights: -weights),
    "too few counts": damaged(token_counts_=lambda counts: counts[1:]),
    "components of another length": damaged(components_=lambda components: np.ones((1, 7), np.float32)),
    "a mean of another length": lambda state: state | {"mean_": np.zeros(7, np.float32)},
    "a mean of nan": lambda state: state | {"mean_": np.full(8, np.nan, np.float32)},
    "a mean of two axes": lambda state: state | {"mean_": np.zeros((1, 8), np.float32)},
    "state of Adagrad for too few tokens": damaged(
        _training_state=lambda state: state | {"accumulators": [state["accumulators"][0][1:]]}
    ),
    "no state of training": damaged(_training_state=lambda state: {}),
    **{
        f"{name} of training is {value!r}": damaged(
            _training_state=lambda state, name=name, value=value: state | {name: value}
        )
        for name, value in [
            ("dropped_counts", None),
            ("rng_state", "x"),
            ("rng_state", {}),
            ("n_documents", None),
            ("n_documents", float("nan")),
            ("accumulators", None),
            ("accumulators", []),
            ("document_frequency", [1]),
        ]
    },
    "no counts": lambda state: {name: state[name] for name in state if name != "token_counts_"},
    "no losses": lambda state: {name: state[name] for name in state if name != "loss_curve_"},
    "losses of text": damaged(loss_curve_=lambda losses: "x"),
    "counts below 0": damaged(token_counts_=lambda counts: -counts),
    "vectors of nan": damaged(embeddings_=lambda embeddings: embeddings * np.float32("nan")),
    "vectors that float32 cannot hold": damaged(embeddings_=lambda embeddings: embeddings.astype(float) * 1e300),
    "vectors of integers": damaged(embeddings_=lambda embeddings: embeddings.astype(int)),
    "weights that float32 cannot hold": damaged(token_weights_=lambda weights: weights.astype(float) * 1e300),
    "components of another length than 1": damaged(components_=lambda components: np.full((1, 8), 1e30, np.float32)),
    "rows that are floats": damaged(vocabulary_=lambda vocabulary: {t: float(row) for t, row in vocabulary.items()}),
    "a token that is a float": damaged(vocabulary_=lambda vocabulary: {0.5: 0} | dict([*vocabulary.items()][1:])),
    "one table of two": lambda state: state | {"context_embeddings_": state["embeddings_"]},
    "vectors without vocabulary": lambda state: {name: state[name] for name in state if name != "vocabulary_"},
    "vocabulary without vectors": lambda state: {name: state[name] for name in state if name != "embeddings_"},
    "a parameter missing": lambda state: {name: state[name] for name in state if name != "analyzer"},
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_a_damaged_state_is_an_error_with_every_loader(damage, fitted, monkeypatch):
    state = damage(fitted.__getstate__())
    with pytest.raises(ValueError, match=r"the saved CBOWVectorizer is damaged, .*: restore the file, or fit again"):
        CBOWVectorizer().__setstate__(state)
    with monkeypatch.context() as patch:  # a file that this library would not write
        patch.setattr(CBOWVectorizer, "__getstate__", lambda self: state)
        pickled, dumped = pickle.dumps(fitted), skops.io.dumps(fitted)
    with pytest.raises(ValueError, match="is damaged"):
        pickle.loads(pickled)
    with pytest.raises(ValueError, match="is damaged"):
        skops.io.loads(dumped, trusted=["sk_cbow._vectorizer.CBOWVectorizer"])


@pytest.mark.parametrize("row", [12, 10**6, -1, -2])
def test_a_vocabulary_that_was_set_by_hand_cannot_crash_transform(row, fitted):
    vectorizer = copy.copy(fitted)
    first, *others = fitted.vocabulary_
    vectorizer.vocabulary_ = {first: row} | {token: fitted.vocabulary_[token] for token in others}
    with pytest.raises(ValueError, match=r"vocabulary_ has rows from .*, but embeddings_ has 0 to 11: take both from"):
        vectorizer.transform([[first, others[0]] * 1000])


def changed(**changes):
    def change(vectorizer):
        for name, value in changes.items():
            setattr(vectorizer, name, value(getattr(vectorizer, name)))

    return change


@pytest.mark.parametrize(
    "change",
    [
        changed(embeddings_=lambda embeddings: embeddings[:, :2]),  # as by PCA
        changed(embeddings_=lambda embeddings: embeddings[:-1]),
        changed(embeddings_=lambda embeddings: embeddings[0]),
        lambda vectorizer: vectorizer.vocabulary_.pop("tea"),
        changed(vocabulary_=list),
        lambda vectorizer: delattr(vectorizer, "vocabulary_"),
        lambda vectorizer: vectorizer.vocabulary_.update({"x": vectorizer.vocabulary_.pop("tea")}),
        changed(token_weights_=lambda weights: weights[1:]),
        changed(token_counts_=lambda counts: counts[1:]),
        changed(components_=lambda components: components[:, 1:]),
        lambda vectorizer: setattr(vectorizer, "mean_", np.zeros(3, np.float32)),
    ],
)
def test_changed_attributes_that_do_not_belong_together_are_an_error_at_once(change, fitted):
    vectorizer = copy.deepcopy(fitted)
    change(vectorizer)
    for use in (
        lambda: vectorizer.transform([["tea"]]),
        lambda: vectorizer.most_similar("car"),
        vectorizer.word_vectors,
        lambda: vectorizer.partial_fit([["tea", "car"]] * 9),
        lambda: pickle.dumps(vectorizer),
        lambda: joblib.hash(vectorizer),
    ):
        with pytest.raises(ValueError, match=r"do not belong together, .*use drop\(tokens\) .* and with_vectors\(vec"):
            use()


def test_rows_in_another_order_are_an_error_when_saving(fitted):
    vectorizer = copy.deepcopy(fitted)
    first, second, *_ = vectorizer.vocabulary_
    vectorizer.vocabulary_ |= {first: 1, second: 0}
    with pytest.raises(ValueError, match="do not belong together, vocabulary_ does not have the rows 0 to 11 in inc"):
        pickle.dumps(vectorizer)


def test_an_ordered_dict_is_saved_as_a_dict(fitted):
    vectorizer = copy.copy(fitted)
    vectorizer.vocabulary_ = collections.OrderedDict(fitted.vocabulary_)
    read = pickle.loads(pickle.dumps(vectorizer))
    assert type(read.vocabulary_) is dict
    assert read.vocabulary_ == fitted.vocabulary_


def test_a_weight_of_zero_drops_a_token_from_averages(fitted):
    vectorizer = copy.copy(fitted)
    vectorizer.token_weights_ = np.where(np.arange(12) == fitted.vocabulary_["tea"], 0, 1).astype(np.float32)
    vectorizer = pickle.loads(pickle.dumps(vectorizer))
    documents = [["tea", "milk", "tea"], ["tea"], ["car"]]
    np.testing.assert_array_equal(vectorizer.transform(documents), fitted.transform([["milk"], [], ["car"]]))


class WithLanguage(CBOWVectorizer):
    language = "en"


def test_a_subclass_may_have_attributes_of_its_own(two_topics, small):
    vectorizer = WithLanguage(**small).fit(two_topics[0])
    vectorizer.language = "de"
    assert pickle.loads(pickle.dumps(vectorizer)).language == copy.deepcopy(vectorizer).language == "de"


@pytest.mark.parametrize("name", ["embeddings_", "components_", "mean_", "token_weights_"])
@pytest.mark.parametrize("dtype", ["f8", ">f8", "g"])
def test_attributes_that_were_set_in_another_precision_are_used_and_saved_as_float32(name, dtype, to_save):
    vectorizer = copy.copy(to_save)
    setattr(vectorizer, name, getattr(to_save, name).astype(dtype))
    documents = [["tea", "car"], ["car", "milk", 7]]
    expected = to_save.transform(documents)
    if name != "token_weights_":
        vectors = vectorizer.transform(documents)
        assert vectors.dtype == np.float32
        np.testing.assert_allclose(vectors, expected, atol=1e-6)
    read = pickle.loads(pickle.dumps(vectorizer))
    assert getattr(read, name).dtype == np.float32
    np.testing.assert_array_equal(read.transform(documents), expected)


@pytest.mark.parametrize("state", [None, 5, "abc", ("a", 1), {}])
def test_an_unknown_state_is_an_error(state):
    with pytest.raises(ValueError, match=r"saved by sk_cbow before 0\.1, which .* cannot read"):
        CBOWVectorizer().__setstate__(state)


def test_a_state_cannot_replace_a_method(fitted):
    for name in ("transform", "_train"):
        with pytest.raises(ValueError, match=f"is damaged, {name} is not an attribute of an instance"):
            CBOWVectorizer().__setstate__(fitted.__getstate__() | {name: 3})


@pytest.mark.parametrize("version", [None, 1, ""])
def test_an_invalid_version_is_an_error(version, fitted):
    with pytest.raises(ValueError, match=r"saved by sk_cbow .*, which .* cannot read: load it with"):
        CBOWVectorizer().__setstate__(fitted.__getstate__() | {"_sk_cbow_version": version})


def test_this_version_reads_its_own_pickles(fitted):
    fitted.most_similar("tea")
    read = pickle.loads(pickle.dumps(fitted))
    assert vars(read).keys() == vars(fitted).keys() - {"_search_index"} == vars(copy.deepcopy(fitted)).keys()


def test_threads_may_transform_at_the_same_time(to_save, two_topics):
    expected = to_save.transform(two_topics[0])
    with ThreadPoolExecutor(8) as threads:
        for vectors in threads.map(to_save.transform, [two_topics[0]] * 64):
            np.testing.assert_array_equal(vectors, expected)
