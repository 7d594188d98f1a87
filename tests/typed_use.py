"""Typical uses, which mypy checks with the annotations of the library; nothing runs them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from typing_extensions import assert_type

from sk_cbow import CBOWVectorizer, WordVectors
from sk_cbow.evaluation import analogy_score, similarity_score
from sk_cbow.word2vec_format import load, save


def fitted_attributes(documents: list[list[str]]) -> None:
    vectorizer = CBOWVectorizer(50, window=3, epochs="auto", weighting="idf", norm="l2", random_state=0)
    assert_type(vectorizer.fit(documents), CBOWVectorizer)
    assert_type(vectorizer.partial_fit(documents), CBOWVectorizer)
    assert_type(vectorizer.embeddings_, NDArray[np.float32])
    assert_type(vectorizer.vocabulary_["tea"], int)
    assert_type(vectorizer.token_counts_, NDArray[np.int64])
    assert_type(vectorizer.loss_curve_, list[float])
    assert_type(vectorizer.epochs_, int)


def document_vectors(documents: list[list[str]]) -> NDArray[np.float32]:
    vectorizer = CBOWVectorizer()
    assert_type(vectorizer.fit_transform(documents), NDArray[np.float32])
    assert_type(vectorizer.score(documents), float)
    pipeline = make_pipeline(CBOWVectorizer(analyzer=str.split, verbose=1), LogisticRegression())
    pipeline.fit(["tea milk", "car road"], [0, 1])
    return vectorizer.transform(document for document in documents)


def words(vectorizer: CBOWVectorizer) -> None:
    neighbours: list[tuple[str, float]] = vectorizer.most_similar(["king", "woman"], "man", topn=3, exclude=["queen"])
    print([token.upper() for token, _ in neighbours])
    word_vectors = vectorizer.word_vectors()
    assert_type(word_vectors, WordVectors)
    assert_type(word_vectors["tea"], NDArray[np.float32])
    assert_type(CBOWVectorizer.from_vectors(word_vectors, analyzer="word"), CBOWVectorizer)
    assert_type(vectorizer.with_vectors(np.zeros((3, 2))).drop(["tea"]).drop(7), CBOWVectorizer)
    parameters: dict[str, Any] = vectorizer.get_params()
    CBOWVectorizer(init_vectors=word_vectors, **parameters)
    save(vectorizer, "vectors.bin", binary=True)
    assert_type(load("vectors.bin", token_type=int).vectors, NDArray[np.float32])
    print(similarity_score(vectorizer, "pairs.txt").spearman.statistic)
    assert_type(analogy_score(word_vectors, "analogies.txt").accuracy, float)
