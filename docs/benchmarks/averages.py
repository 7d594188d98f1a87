"""Document vectors: the speed of `transform`, and what weightings, removed components and `norm` are worth.

    python docs/benchmarks/averages.py train.tsv.gz --test test.tsv.gz

The corpus is read as compare.py reads it. Speed is measured on one core and includes looking up tokens. It is compared
with a loop over ``dict.get``, which makes no vectors, and with `np.mean` over gensim's vectors, which have the same
values; rounds alternate between the three. With ``--test``, each setting is fitted with the same ``random_state`` and
so has the same word vectors. Two classifiers learn the labels of the corpus and are scored on the other file: a
logistic regression on standardized vectors, and the nearest neighbour by cosine.

The last table compares ``norm="l2"`` with plain averages, as they are, standardized, and scaled to unit length. Neither
needs labels: all documents of the corpus are used. The columns are the accuracy of a logistic regression with 5 labels
per class, the mean of five draws, and with all labels, each with the default C=1 / with C=10; that of the nearest
neighbour with all labels; and the normalized mutual information of the labels and the clusters of k-means.
"""

import argparse
import itertools
import statistics
import time

import numpy as np
from engines import read
from gensim.models import KeyedVectors
from labels import some_of_each
from sklearn.cluster import KMeans
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import normalized_mutual_info_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, Normalizer, StandardScaler

from sk_cbow import CBOWVectorizer

CLASSIFIERS = {
    "logistic regression": make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)),
    "nearest neighbour": KNeighborsClassifier(1, metric="cosine"),
}
SCALINGS = {
    "plain average": FunctionTransformer(),
    "standardized": StandardScaler(),
    "unit length": Normalizer(),
    '`norm="l2"`': None,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", help="a .txt or .tsv file, perhaps .gz")
    parser.add_argument("--test", help="a .tsv file whose labels are predicted")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    documents, labels = read(arguments.corpus)
    print_speed(documents, arguments.rounds)
    if arguments.test:
        corpora = (documents, labels, *read(arguments.test))
        print_scores(*corpora)
        print_scalings(*corpora)


def print_speed(documents, n_rounds):
    vectorizer = CBOWVectorizer(epochs=1, random_state=0).fit(documents)
    wv = as_gensim(vectorizer)
    ways = {
        "dict.get alone": lambda: look_up_alone(documents, vectorizer.vocabulary_),
        "transform": lambda: vectorizer.transform(documents),
        "np.mean over gensim's vectors": lambda: means_of(documents, wv),
    }
    np.testing.assert_allclose(ways["transform"](), ways["np.mean over gensim's vectors"](), atol=1e-3)
    seconds = {way: [] for way in ways}
    for _ in range(n_rounds):
        for way, call in ways.items():
            start = time.perf_counter()
            call()
            seconds[way].append(time.perf_counter() - start)
    n_tokens = sum(map(len, documents))
    print(f"{n_tokens} tokens in {len(documents)} documents, {n_rounds} rounds\n")
    print("| | million tokens/s | transform's speed, as a multiple |\n|---|---|---|")
    for way in ways:
        ratios = [other / ours for other, ours in zip(seconds[way], seconds["transform"], strict=True)]
        median = n_tokens / statistics.median(seconds[way]) / 1e6
        print(f"| {way} | {median:.2f} | {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}) |")


def look_up_alone(documents, vocabulary):
    get = vocabulary.get
    for tokens in documents:
        for token in tokens:
            get(token)


def as_gensim(vectorizer):
    vectors = KeyedVectors(vectorizer.embeddings_.shape[1])
    vectors.add_vectors(list(vectorizer.vocabulary_), vectorizer.embeddings_)
    return vectors


def means_of(documents, wv):
    zeros = np.zeros(wv.vector_size, np.float32)
    known = ([wv[token] for token in tokens if token in wv] for tokens in documents)
    return np.stack([np.mean(vectors, axis=0) if vectors else zeros for vectors in known])


def print_scores(train, y_train, test, y_test):
    print("\n| weighting | removed components | " + " | ".join(CLASSIFIERS) + " |\n|---|---|---|---|")
    for weighting, n_removed in itertools.product(["uniform", "idf", "sif"], [0, 1]):
        vectorizer = CBOWVectorizer(weighting=weighting, remove_components=n_removed, random_state=0)
        vectors = vectorizer.fit_transform(train)
        test_vectors = vectorizer.transform(test)
        scores = (model.fit(vectors, y_train).score(test_vectors, y_test) for model in CLASSIFIERS.values())
        print(f"| {weighting} | {n_removed} | " + " | ".join(f"{score:.3f}" for score in scores) + " |", flush=True)


def print_scalings(train, y_train, test, y_test):
    print("\n| weighting | vectors | 5 labels per class | all labels | nearest neighbour | k-means |")
    print("|---|---|---|---|---|---|")
    for weighting, (name, scaling) in itertools.product(["uniform", "idf"], SCALINGS.items()):
        vectorizer = CBOWVectorizer(weighting=weighting, norm=None if scaling else "l2", random_state=0)
        if scaling is not None:
            vectorizer = make_pipeline(vectorizer, scaling)
        corpora = vectorizer.fit_transform(train), y_train, vectorizer.transform(test), y_test
        cells = " | ".join(scores_of_scaled(*corpora))
        print(f"| {weighting} | {name} | {cells} |", flush=True)


def scores_of_scaled(X, y, X_test, y_test):
    def accuracy(C, labelled):
        model = LogisticRegression(C=C, max_iter=1000)
        return model.fit(X[labelled], y[labelled]).score(X_test, y_test)

    few = [some_of_each(y, 5, seed) for seed in range(5)]
    for draws in (few, [slice(None)]):
        means = (statistics.mean(accuracy(C, labelled) for labelled in draws) for C in (1, 10))
        yield " / ".join(f"{mean:.3f}" for mean in means)
    yield f"{KNeighborsClassifier(1).fit(X, y).score(X_test, y_test):.3f}"
    clusters = KMeans(len(np.unique(y)), n_init=10, random_state=0).fit_predict(X)
    yield f"{normalized_mutual_info_score(y, clusters):.3f}"


if __name__ == "__main__":
    main()
