import keras
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from sk_cbow import CBOWVectorizer, _vocabulary
from sk_cbow.keras import cbow_model, document_model, embedding_layer, encode, save_projector


def examples_of(n_tokens, window, negative, n_examples=7, seed=0):
    rng = np.random.default_rng(seed)
    context = rng.integers(0, n_tokens + 1, (n_examples, 2 * window))
    context[0] = 0
    return [
        rng.integers(1, n_tokens + 1, (n_examples, 1)),
        context,
        rng.integers(1, n_tokens + 1, (n_examples, negative)),
    ]


def textbook_products(context_table, target_table, word_index, context, negative_samples):
    """Row 0 of the tables is zero."""
    n_words = np.maximum(np.count_nonzero(context, axis=1), 1)
    hidden = context_table[context].sum(axis=1) / n_words[:, None]
    return [np.einsum("bd,bnd->bn", hidden, target_table[ids]) for ids in (word_index, negative_samples)]


def with_padding(table):
    return np.vstack((np.zeros(table.shape[1]), table))


@pytest.fixture(scope="module")
def fitted_with_two_tables(two_topics, small):
    return CBOWVectorizer(**small, document_context=0, shared_embedding=False).fit(two_topics[0])


def test_cbow_model_of_a_vectorizer_without_document_context_gives_the_textbook_products(two_topics, small):
    vectorizer = CBOWVectorizer(**small, document_context=0).fit(two_topics[0])
    model = cbow_model(vectorizer)
    examples = examples_of(len(vectorizer.vocabulary_), vectorizer.window_, vectorizer.negative)
    table = with_padding(vectorizer.embeddings_)
    outputs = model(examples)
    expected = textbook_products(table, table, *examples)
    np.testing.assert_allclose(outputs["word_product"], expected[0], atol=1e-5)
    np.testing.assert_allclose(outputs["negative_products"], expected[1], atol=1e-5)
    assert [tensor.name for tensor in model.inputs] == ["word_index", "context", "negative_samples"]
    assert [type(layer) for layer in model.layers if layer.weights] == [keras.layers.Embedding]


def test_cbow_model_of_a_vectorizer_with_two_tables(fitted_with_two_tables):
    vectorizer = fitted_with_two_tables
    np.testing.assert_array_equal(
        vectorizer.embeddings_, vectorizer.context_embeddings_ + vectorizer.target_embeddings_
    )
    examples = examples_of(len(vectorizer.vocabulary_), vectorizer.window_, vectorizer.negative)
    outputs = cbow_model(vectorizer)(examples)
    tables = [with_padding(table) for table in (vectorizer.context_embeddings_, vectorizer.target_embeddings_)]
    expected = textbook_products(*tables, *examples)
    np.testing.assert_allclose(outputs["word_product"], expected[0], atol=1e-5)
    np.testing.assert_allclose(outputs["negative_products"], expected[1], atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("document_context", [0.8, 1])
def test_cbow_model_with_a_document_context_by_hand(two_topics, small, document_context):
    vectorizer = CBOWVectorizer(**small, window=5, document_context=document_context).fit(two_topics[0])
    model = cbow_model(vectorizer)
    assert [tensor.name for tensor in model.inputs] == ["word_index", "context", "negative_samples", "document"]
    context = [[1, 2, *[0] * 8], [0] * 10, [3, *[0] * 9]]
    document = [[4, 5, 0], [6, 0, 0], [0, 0, 0]]
    negatives = [[7, 8, 9, 10, 11]] * 3
    predicted = model.predict([np.array(ids) for ids in ([[12]] * 3, context, negatives, document)], verbose=0)
    vectors = np.concatenate((np.zeros((1, 8)), vectorizer.embeddings_))
    s = document_context
    hidden = [(1 - s) * vectors[[1, 2]].mean(axis=0) + s * vectors[[4, 5]].mean(axis=0), vectors[6], vectors[3]]
    np.testing.assert_allclose(predicted["word_product"][:, 0], hidden @ vectors[12], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(predicted["negative_products"], hidden @ vectors[7:12].T, rtol=1e-4, atol=1e-6)


@pytest.mark.slow
def test_refitting_with_one_table_removes_the_attributes_of_two(two_topics, small):
    vectorizer = CBOWVectorizer(**small, shared_embedding=False).fit(two_topics[0])
    vectorizer.set_params(shared_embedding=True).fit(two_topics[0])
    assert not hasattr(vectorizer, "context_embeddings_")
    assert not hasattr(vectorizer, "target_embeddings_")


def test_cbow_model_depends_on_fitted_attributes_not_on_later_parameters(fitted):
    other = clone(fitted).set_params(**fitted.get_params())
    vars(other).update(vars(fitted))
    other.set_params(shared_embedding=False)
    assert [layer.name for layer in cbow_model(other).layers if layer.weights] == ["embedding"]


SIZES = {"n_tokens": 30, "vector_size": 4, "window": 2, "negative": 3}


@pytest.mark.parametrize(
    ("shared", "names"), [(True, ["embedding"]), (False, ["context_embedding", "target_embedding"])]
)
def test_cbow_model_from_sizes_has_small_random_weights(shared, names):
    model = cbow_model(**SIZES, shared_embedding=shared)
    layers = [layer for layer in model.layers if layer.weights]
    assert sorted(layer.name for layer in layers) == names
    for layer in layers:
        (table,) = layer.get_weights()
        assert table.shape == (31, 4)
        assert 0.1 < abs(table).max() <= 0.125
    assert model(examples_of(30, 2, 3))["negative_products"].shape == (7, 3)


def test_cbow_model_from_sizes_and_weights():
    tables = np.random.default_rng(0).normal(size=(2, 30, 4)).astype(np.float32)
    examples = examples_of(30, 2, 3)
    for shared, weights in ((True, tables[0]), (False, list(tables))):
        outputs = cbow_model(**SIZES, shared_embedding=shared, weights=weights)(examples)
        context_table, target_table = (with_padding(tables[0]), with_padding(tables[0 if shared else 1]))
        expected = textbook_products(context_table, target_table, *examples)
        np.testing.assert_allclose(outputs["negative_products"], expected[1], atol=1e-5)


@pytest.mark.slow
def test_cbow_model_learns_when_the_user_trains_it():
    # Even words have even words as context, odd words have odd ones; negative samples are any words.
    rng = np.random.default_rng(0)
    parity = rng.integers(0, 2, (2000, 1))
    word_index = 2 * rng.integers(0, 15, (2000, 1)) + parity + 1
    context = 2 * rng.integers(0, 15, (2000, 4)) + parity + 1
    negative_samples = rng.integers(1, 31, (2000, 3))
    model = cbow_model(**SIZES, shared_embedding=False)
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.02), {"word_product": loss, "negative_products": loss})
    history = model.fit(
        [word_index, context, negative_samples],
        {"word_product": np.ones((2000, 1)), "negative_products": np.zeros((2000, 3))},
        epochs=5,
        verbose=0,
    )
    assert history.history["loss"][-1] < 0.9 * history.history["loss"][0]


@pytest.mark.slow
def test_a_head_on_top_of_the_shared_layer_trains(fitted):
    model = cbow_model(fitted)
    embedding = model.get_layer("embedding")
    before = embedding.get_weights()[0]
    word_index = model.inputs[0]
    label = keras.layers.Dense(1, activation="sigmoid")(keras.ops.squeeze(embedding(word_index), 1))
    classifier = keras.Model(word_index, label)
    classifier.compile("adam", "binary_crossentropy")
    ids = np.arange(1, len(fitted.vocabulary_) + 1)[:, None]
    is_tea = np.array([token in ("tea", "milk", "cup", "sugar", "spoon", "pot") for token in fitted.vocabulary_])
    losses = classifier.fit(ids, is_tea.astype("float32"), epochs=30, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    assert (embedding.get_weights()[0] != before).any()


def test_encode_by_hand(fitted):
    row = fitted.vocabulary_
    ids = encode(fitted, [["tea", "?", "car"], [], ["?"], ["cup", "tea", "tea", "car"]], max_length=3)
    assert ids.dtype == np.int32
    tea, car, cup = row["tea"] + 1, row["car"] + 1, row["cup"] + 1
    np.testing.assert_array_equal(ids, [[tea, car, 0], [0, 0, 0], [0, 0, 0], [cup, tea, tea]])
    assert encode(fitted, [], max_length=3).shape == (0, 3)


def test_encode_reads_strings_with_the_analyzer_and_many_documents(two_topics, small):
    texts = [" ".join(tokens) for tokens in two_topics[0]]
    vectorizer = CBOWVectorizer(**small, analyzer="word").fit(texts)
    ids = encode(vectorizer, iter(texts * 30), max_length=8)
    assert ids.shape == (12_000, 8)
    tokens = list(vectorizer.vocabulary_)
    assert [tokens[number - 1] for number in ids[401]] == two_topics[0][1]


def test_a_refit_during_encode_does_not_change_its_result(two_topics, small):
    vectorizer = CBOWVectorizer(**small).fit(two_topics[0])
    expected = encode(vectorizer, [["tea", "car"]] * 5000, max_length=2)

    def documents_with_a_refit_between():
        yield from [["tea", "car"]] * 4500
        vectorizer.fit([["car", "tea", "tea"] * 2] * 50)  # which swaps the rows
        yield from [["tea", "car"]] * 500

    np.testing.assert_array_equal(encode(vectorizer, documents_with_a_refit_between(), max_length=2), expected)


@pytest.mark.parametrize("max_length", [2, 6, 20])
def test_encode_of_documents_in_several_chunks(fitted, monkeypatch, max_length):
    rng = np.random.default_rng(0)
    documents = [rng.choice([*fitted.vocabulary_, "?"], length).tolist() for length in (2, 9, 0, 3, 16, 1, 0)]
    whole = encode(fitted, documents, max_length=max_length)
    monkeypatch.setattr(_vocabulary, "TOKENS_AT_A_TIME", 3)
    np.testing.assert_array_equal(encode(fitted, documents, max_length=max_length), whole)


@pytest.mark.parametrize("max_length", [0, 2.5, "3", None, 10**400])
def test_encode_needs_a_length(fitted, max_length):
    with pytest.raises(ValueError, match=r"max_length is .*: pass an integer above 0"):
        encode(fitted, [["tea"]], max_length=max_length)


@pytest.mark.slow
@pytest.mark.parametrize("trainable", [True, False])
def test_a_classifier_on_the_embedding_layer_learns_labels(fitted, two_topics, trainable):
    documents, topics = two_topics
    layer = embedding_layer(fitted, trainable=trainable)
    np.testing.assert_array_equal(layer.get_weights()[0], with_padding(fitted.embeddings_).astype(np.float32))
    assert layer.mask_zero
    classifier = keras.Sequential(
        [layer, keras.layers.GlobalAveragePooling1D(), keras.layers.Dense(1, activation="sigmoid")]
    )
    classifier.compile(keras.optimizers.Adam(0.05), "binary_crossentropy", metrics=["accuracy"])
    ids = encode(fitted, documents, max_length=10)
    history = classifier.fit(ids, topics.astype("float32"), epochs=10, verbose=0)
    assert history.history["accuracy"][-1] > 0.95
    assert (layer.get_weights()[0][1:] != fitted.embeddings_).any() == trainable


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"weighting": "idf", "remove_components": 2},
        {"weighting": "sif"},
        {"norm": "l2"},
        {"weighting": "idf", "remove_components": 2, "norm": "l2"},
    ],
)
def test_document_model_equals_transform(two_topics, small, parameters):
    vectorizer = CBOWVectorizer(**small, **parameters).fit(two_topics[0])
    documents = [*two_topics[0][:50], ["tea"], ["?"], []]
    vectors = document_model(vectorizer)(encode(vectorizer, documents, max_length=9))
    np.testing.assert_allclose(vectors, vectorizer.transform(documents), atol=1e-5)


def test_only_word_vectors_of_the_document_model_are_trainable(two_topics, small):
    vectorizer = CBOWVectorizer(**small, weighting="idf", remove_components=1, norm="l2").fit(two_topics[0])
    (weights,) = document_model(vectorizer).trainable_weights
    assert weights.shape == (len(vectorizer.vocabulary_) + 1, 8)


@pytest.mark.slow
def test_a_document_model_with_a_norm_can_be_trained_with_documents_without_known_tokens(two_topics, small):
    vectorizer = CBOWVectorizer(**small, norm="l2").fit(two_topics[0])
    model = document_model(vectorizer)
    classifier = keras.Sequential([model, keras.layers.Dense(1)])
    classifier.compile("sgd", "mse")
    ids = encode(vectorizer, [["tea"], ["?"], []], max_length=2)
    classifier.fit(ids, np.float32([[1], [0], [2]]), verbose=0)
    vectors = np.asarray(model(ids))
    assert np.isfinite(vectors).all()
    assert not np.array_equal(vectors[0], vectorizer.transform([["tea"]])[0])


@pytest.mark.slow
# Keras 3.15 converts variables by an __array__ that NumPy 2 warns of.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_models_load_in_a_fresh_process_without_this_library(two_topics, small, tmp_path, in_a_fresh_process):
    vectorizer = CBOWVectorizer(**small, weighting="idf", remove_components=1, norm="l2").fit(two_topics[0])
    ids = encode(vectorizer, two_topics[0][:5], max_length=9)
    word_index, *others = examples_of(len(vectorizer.vocabulary_), vectorizer.window_, vectorizer.negative)
    examples = [word_index, *others, np.arange(1, len(word_index) + 1)[:, None]]  # a document of one more word
    cbow, document = cbow_model(vectorizer), document_model(vectorizer)
    cbow.save(tmp_path / "cbow.keras")
    document.save(tmp_path / "document.keras")
    np.savez(tmp_path / "inputs.npz", ids, *examples)
    code = (
        "import sys, keras, numpy as np\n"
        "folder = sys.argv[1]\n"
        "ids, *examples = np.load(folder + '/inputs.npz').values()\n"
        "cbow, document = (keras.models.load_model(f'{folder}/{name}.keras') for name in ('cbow', 'document'))\n"
        "np.savez(folder + '/outputs.npz', document(ids), *cbow(examples).values())\n"
        "assert 'sk_cbow' not in sys.modules\n"
    )
    in_a_fresh_process(code, tmp_path)
    expected = [document(ids), *cbow(examples).values()]
    for ours, theirs in zip(expected, np.load(tmp_path / "outputs.npz").values(), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)


@pytest.mark.parametrize("function", [cbow_model, embedding_layer, document_model])
def test_an_unfitted_vectorizer_is_an_error(function):
    with pytest.raises(NotFittedError):
        function(CBOWVectorizer())
    with pytest.raises(NotFittedError):
        encode(CBOWVectorizer(), [["tea"]], max_length=3)


def test_errors_of_sizes_and_weights():
    with pytest.raises(TypeError, match=r"n_tokens=30, vector_size=None, .* pass all four, or a fitted vectorizer"):
        cbow_model(n_tokens=30, window=2, negative=3)
    with pytest.raises(ValueError, match=r"weights have the shapes \[\(30, 5\)\]: pass 1 of shape \(30, 4\)"):
        cbow_model(**SIZES, weights=np.zeros((30, 5)))
    with pytest.raises(ValueError, match=r"weights have the shapes .*: pass 2 of shape \(30, 4\)"):
        cbow_model(**SIZES, shared_embedding=False, weights=np.zeros((30, 4)))


def test_tensorboard_reads_the_projectors_files(fitted, tmp_path):
    from google.protobuf import text_format
    from tensorboard.plugins.projector import ProjectorConfig

    save_projector(fitted, tmp_path / "logs" / "words")
    folder = tmp_path / "logs" / "words"
    (embedding,) = text_format.Parse((folder / "projector_config.pbtxt").read_text(), ProjectorConfig()).embeddings
    np.testing.assert_array_equal(
        np.loadtxt(folder / embedding.tensor_path, delimiter="\t", dtype=np.float32), fitted.embeddings_
    )
    assert (folder / embedding.metadata_path).read_text().splitlines() == list(fitted.vocabulary_)


def test_cbow_model_has_the_window_of_training_or_the_default_one(two_topics):
    vectorizer = CBOWVectorizer(8, document_context=1, epochs=1, random_state=0).fit(two_topics[0])
    assert cbow_model(vectorizer).inputs[1].shape == (None, 40)
    made = CBOWVectorizer.from_vectors(vectorizer.word_vectors())
    assert cbow_model(made).inputs[1].shape == (None, 10)
