import math
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from threadpoolctl import threadpool_limits

from sk_cbow import CBOWVectorizer, WordVectors, _likelihood
from sk_cbow._likelihood import NegativeSamples, log_likelihood, negative_quantiles
from sk_cbow._training.blocks import negative_probability
from sk_cbow._training.config import TrainingConfig


def chunk_of(*documents):
    rows = np.concatenate(documents).astype(np.int32)
    return rows, np.cumsum([0, *map(len, documents)]), True


def softplus(value):
    return math.log1p(math.exp(value))


@pytest.fixture
def random_model():
    """Two tables, counts and documents of 0 to 12 of 20 tokens."""
    rng = np.random.default_rng(0)
    documents = [rng.integers(0, 20, length) for length in (3, 0, 12, 1, 2, 7)]
    tables = [rng.normal(size=(20, 4)).astype(np.float32) for _ in range(2)]
    return SimpleNamespace(tables=tables, counts=rng.integers(1, 50, 20), documents=documents)


def test_two_words_by_hand():
    table, counts = np.array([[1], [2]], np.float32), np.array([4, 4])
    total, n_targets = log_likelihood([chunk_of([0, 1])], [table], counts, TrainingConfig(negative=1))
    # Half of the negative samples equal the target, and are dropped.
    first = softplus(-2) + softplus(4) / 2
    second = softplus(-2) + softplus(1) / 2
    assert n_targets == 2
    assert total == pytest.approx(-(first + second), rel=1e-6)


def test_the_offset_and_the_document_by_hand():
    tables = [np.array([[1], [2], [3]], np.float32), np.array([[1], [0], [0]], np.float32)]
    config = TrainingConfig(negative=2, window=1, document_context=0.8, ns_exponent=0)
    total, n_targets = log_likelihood([chunk_of([0, 1, 2])], tables, np.array([9, 5, 1]), config)
    hidden = [0.2 * 2 + 0.8 * 2.5, 0.2 * 2 + 0.8 * 2, 0.2 * 2 + 0.8 * 1.5]
    logit, zero = [value - math.log(2) for value in hidden], -math.log(2)
    first = softplus(-logit[0]) + 2 / 3 * 2 * softplus(zero)
    others = [softplus(-zero) + 2 / 3 * (softplus(z) + softplus(zero)) for z in logit[1:]]
    assert n_targets == 3
    assert total == pytest.approx(-(first + sum(others)), rel=1e-6)


@pytest.mark.parametrize("n_tables", [1, 2])
@pytest.mark.parametrize("document_context", [0, 0.8, 1])
@pytest.mark.parametrize("window", [1, 4, 100])
def test_expectation_over_windows_documents_and_negative_samples(random_model, n_tables, document_context, window):
    config = TrainingConfig(window=window, document_context=document_context, negative=3)
    tables = random_model.tables[:n_tables]
    probability = negative_probability(random_model.counts, config.ns_exponent)
    losses = []
    for document in random_model.documents:
        for position, target in enumerate(document):
            others = [tables[0][row] for row in np.delete(document, position)]
            if not others:
                continue
            windows = []
            for size in range(1, window + 1):
                start, stop = max(position - size, 0), min(position + size + 1, len(document))
                windows.append([other for other in range(start, stop) if other != position])
            near = np.mean([tables[0][document[positions]].mean(axis=0) for positions in windows], axis=0)
            hidden = (1 - document_context) * near + document_context * np.mean(others, axis=0)
            logits = tables[-1] @ hidden - math.log(3)
            negative_loss = sum(probability[row] * softplus(logits[row]) for row in range(20) if row != target)
            losses.append(softplus(-logits[target]) + 3 * negative_loss)
    total, n_targets = log_likelihood([chunk_of(*random_model.documents)], tables, random_model.counts, config)
    assert n_targets == len(losses) == 24
    assert total == pytest.approx(-sum(losses), rel=1e-5)


def test_the_result_does_not_depend_on_chunks(random_model, monkeypatch):
    tables, counts, config = random_model.tables, random_model.counts, TrainingConfig()
    expected = log_likelihood([chunk_of(*random_model.documents)], tables, counts, config)
    chunks = [chunk_of(document) for document in random_model.documents]
    assert log_likelihood(chunks, tables, counts, config) == pytest.approx(expected, rel=1e-6)
    monkeypatch.setattr(_likelihood, "FLOATS_AT_A_TIME", 1)  # one target at a time
    assert log_likelihood(chunks, tables, counts, config) == pytest.approx(expected, rel=1e-6)
    assert log_likelihood([], tables, counts, config) == (0, 0)


def test_results_are_identical_for_any_number_of_threads():
    rng = np.random.default_rng(0)
    tables, counts = [rng.normal(size=(2000, 100)).astype(np.float32)], rng.integers(1, 50, 2000)
    chunks, results = [chunk_of(rng.permutation(2000))], set()
    for n_threads in (1, 2):
        with threadpool_limits(n_threads, "blas"):
            results.add(log_likelihood(chunks, tables, counts, TrainingConfig()))
    assert len(results) == 1


def test_quantiles_represent_the_distribution_of_negative_samples():
    probability = negative_probability(1e6 / np.arange(1, 20001), 0.75)
    rows, weights = negative_quantiles(probability, 512)
    assert len(rows) <= 512
    assert weights.sum() == pytest.approx(1)
    for power in (0.1, 0.5):
        values = np.arange(1, 20001) ** -power
        assert weights @ values[rows] == pytest.approx(probability @ values, rel=0.01)
    rows, weights = negative_quantiles(probability[:512], 512)
    np.testing.assert_array_equal(rows, np.arange(512))
    np.testing.assert_array_equal(weights, probability[:512].astype(np.float32))


def test_expected_loss_of_negative_samples_is_that_of_all_tokens():
    rng = np.random.default_rng(0)
    table = rng.normal(size=(5000, 20)).astype(np.float32)
    hidden = rng.normal(scale=0.3, size=(500, 20)).astype(np.float32)
    probability = negative_probability(1e6 / np.arange(1, 5001), 0.75)
    expected = np.logaddexp(0, hidden @ table.T - 1) @ probability
    losses = NegativeSamples.of(table, probability.astype(np.float32)).expected_loss(hidden, 1)
    assert losses.mean() == pytest.approx(expected.mean(), rel=1e-3)
    np.testing.assert_allclose(losses, expected, rtol=0.1)


def test_products_that_overflow_are_infinitely_unlikely():
    table = np.array([[1e30], [-1e30]], np.float32)
    assert log_likelihood([chunk_of([0, 1])], [table], np.array([1, 1]), TrainingConfig()) == (-math.inf, 2)


# What a user notices


@pytest.fixture(scope="module")
def halves(two_topics):
    return two_topics[0][:200], two_topics[0][200:]


@pytest.mark.parametrize("parameters", [{}, {"document_context": 0}, {"document_context": 1}])
@pytest.mark.parametrize("shared_embedding", [True, False])
def test_score_of_training_documents_is_near_the_training_loss(halves, small, shared_embedding, parameters):
    vectorizer = CBOWVectorizer(**small | {"epochs": 20} | parameters, shared_embedding=shared_embedding).fit(halves[0])
    assert vectorizer.score(halves[0]) == pytest.approx(-vectorizer.loss_curve_[-1], rel=0.05)


def test_training_increases_the_score_of_other_documents(halves, small):
    train, held_out = halves
    vectorizer = CBOWVectorizer(**small | {"epochs": 1})
    first = vectorizer.fit(train).score(held_out)
    again = vectorizer.partial_fit(train).score(held_out)
    zeros = -math.log(6) - 5 * math.log(6 / 5)
    assert zeros < first < again < 0


def test_grid_search_chooses_parameters_without_labels(two_topics, small):
    documents, _ = two_topics
    grid = {"learning_rate": [1e-3, 0.25]}
    search = GridSearchCV(CBOWVectorizer(**small), grid, cv=2, error_score="raise").fit(documents)
    assert search.best_params_ == {"learning_rate": 0.25}
    texts = [" ".join(tokens) for tokens in documents]
    by_text = cross_val_score(make_pipeline(search.best_estimator_.set_params(analyzer="word")), texts, cv=2)
    np.testing.assert_array_equal(by_text, [search.cv_results_[f"split{split}_test_score"][1] for split in (0, 1)])


def test_score_is_not_random_and_ignores_unknown_tokens(fitted):
    documents = [["tea", "milk", "cup"], ["car", "road"]]
    score = fitted.score(documents)
    assert type(score) is float
    assert fitted.score(documents, y=[0, 1]) == score
    assert fitted.score([["tea", "unknown", "milk", "cup"], ["car", "road"], ["fuel"], []]) == score


def test_score_of_dropped_tokens(fitted):
    dropped = fitted.drop("pot")
    assert dropped.score([["tea", "pot", "milk"]]) == dropped.score([["tea", "milk"]])


def test_errors_name_the_remedy(fitted):
    with pytest.raises(NotFittedError):
        CBOWVectorizer().score([["tea", "milk"]])
    with pytest.raises(ValueError, match=r"no document of X has two tokens of the vocabulary.*longer documents"):
        fitted.score([["tea"], ["unknown", "milk"], []])
    word_vectors = WordVectors(["tea", "milk"], np.eye(2))
    for without_state in (CBOWVectorizer.from_vectors(word_vectors), fitted.with_vectors(fitted.embeddings_[:, :2])):
        with pytest.raises(ValueError, match=r"made of word vectors.*init_vectors=vectorizer\.word_vectors"):
            without_state.score([["tea", "milk"]])
