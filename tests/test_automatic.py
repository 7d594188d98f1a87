import numpy as np
import pytest

from sk_cbow import CBOWVectorizer
from sk_cbow._training.automatic import AUTOMATIC, resolve
from sk_cbow._training.config import TrainingConfig

AUTO = dict.fromkeys(AUTOMATIC, "auto")


@pytest.mark.parametrize(
    ("n_tokens", "n_documents", "vocabulary_size", "epochs", "learning_rate", "sample"),
    [
        (2_000_000, 10_000, 20_000, 20, 0.25, 0.001),  # 200 tokens: 2.5 / sqrt(20) is .56
        (800_000, 10_000, 3000, 20, 1 / 20**0.5, 0.001),
        (800_000, 80_000, 3000, 20, 0.4 / 20**0.5, 0.001),
        (100_000, 10_000, 1000, 25, 0.35 / 5, 0.003),
        (4_000_000, 10_000, 30_000, 10, 0.25, 0.001),
        (10**9, 10**8, 10**6, 5, 0.25, 0.001),
        (600, 200, 6, 50, 0.35 / 50**0.5, 0.5),
    ],
)
def test_rules_for_the_size_of_a_corpus(n_tokens, n_documents, vocabulary_size, epochs, learning_rate, sample):
    config = resolve(TrainingConfig(**AUTO), n_tokens, n_documents, vocabulary_size)
    assert config == TrainingConfig(
        window=5, epochs=epochs, learning_rate=pytest.approx(learning_rate), sample=pytest.approx(sample)
    )


def test_the_window_is_wide_if_word_order_is_ignored():
    windows = [resolve(TrainingConfig(**AUTO, document_context=c), 1000, 10, 100).window for c in (0, 0.8, 1)]
    assert windows == [5, 5, 20]


def test_numbers_stay_and_the_rate_depends_on_given_epochs():
    given = TrainingConfig(window=3, sample=0, epochs=7, learning_rate=0.1)
    assert resolve(given, 1000, 10, 100) == given
    assert resolve(TrainingConfig(epochs=4, learning_rate="auto"), 1000, 100, 100).learning_rate == 0.35 / 2


def test_auto_is_the_same_as_the_numbers_that_it_stands_for(two_topics):
    documents = two_topics[0]
    fitted = CBOWVectorizer(8, random_state=0).fit(documents)
    numbers = {name: getattr(fitted, f"{name}_") for name in AUTOMATIC}
    assert numbers == {"window": 5, "sample": 0.25, "epochs": 50, "learning_rate": pytest.approx(0.35 / 50**0.5)}
    assert fitted.n_iter_ == 50
    given = CBOWVectorizer(8, random_state=0, **numbers).fit(documents)
    np.testing.assert_array_equal(given.embeddings_, fitted.embeddings_)
    assert fitted.get_params()["epochs"] == "auto"


def test_partial_fit_counts_the_documents_of_all_calls():
    vectorizer = CBOWVectorizer(8, window=1, sample=0, epochs=4, random_state=0)
    assert vectorizer.partial_fit([["tea", "cup"]] * 98).learning_rate_ == 0.35 / 2
    # 3596 tokens in 100 documents
    assert vectorizer.partial_fit([["tea", "cup"] * 850] * 2).learning_rate_ == pytest.approx(35.96 / 80 / 2)


def test_verbose_prints_the_chosen_numbers(two_topics, capsys):
    CBOWVectorizer(8, epochs=2, random_state=0, verbose=2).fit(two_topics[0])
    assert "auto: window=5, sample=0.25, learning_rate=0.247\n" in capsys.readouterr().out
    CBOWVectorizer(8, window=2, sample=0, epochs=1, learning_rate=0.1, verbose=2).fit(two_topics[0])
    assert "auto:" not in capsys.readouterr().out
