"""Vectors of documents for a classifier: few labels and many, beside tf-idf, LSA, Doc2Vec, Word2Vec and fastText.

    python docs/benchmarks/labels.py train.tsv.gz --test test.tsv.gz

Every method reads all documents of the first file, without their labels. A logistic regression then learns from the
labels of 1, 5, 20 and 100 documents per class, and of all, and is scored on the second file. Numbers are means and
standard deviations of five runs; each has a seed and a draw of the labelled documents of its own, and in a run the
draw is the same for every method.

Vectors are standardized, or scaled to unit length, whichever is better for the method (tf-idf: unit length). From 20
labels per class on, this and the classifier's penalty are chosen by cross-validation on the labelled documents of the
first run. With fewer, C is .1 for standardized vectors and 10 for vectors of unit length, and the better of the two
means is shown.

``fit s`` are the seconds of training, without import and compilation, and ``Mwords/s`` the speed of `transform`.
"""

import argparse
import statistics
import warnings

import numpy as np
from engines import read, train, transformed
from scipy.sparse import issparse
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer, StandardScaler

METHODS = {
    "tf-idf": "tfidf",
    "LSA": "lsa",
    "Doc2Vec": "doc2vec:epochs=20",
    "Word2Vec": "gensim:sg=1,epochs=20,weighting=idf",
    "fastText": "fasttext:epochs=20,weighting=idf",
    "CBOWVectorizer": "sk_cbow",
    "CBOWVectorizer for documents": "sk_cbow:document_context=1,window=20,epochs=20,weighting=idf",
    "the same, learning_rate=0.05": "sk_cbow:document_context=1,window=20,epochs=20,weighting=idf,learning_rate=0.05",
}
LABELS_PER_CLASS = [1, 5, 20, 100]
ENOUGH = 20  # labels per class for cross-validation
N_RUNS = 5
PENALTIES = {StandardScaler: [0.001, 0.003, 0.01, 0.03, 0.1, 1], Normalizer: [0.3, 1, 3, 10, 30, 100]}
FIXED_PENALTY = {StandardScaler: 0.1, Normalizer: 10}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", help="a .tsv file, perhaps .gz, as compare.py reads it")
    parser.add_argument("--test", required=True, help="a .tsv file whose labels are predicted")
    parser.add_argument("--vector-size", type=int, default=100)
    parser.add_argument("--methods", nargs="*", default=list(METHODS), help="of these, or specifications of engines")
    arguments = parser.parse_args()
    documents, y = read(arguments.corpus)
    test, y_test = read(arguments.test)
    numbers = [*LABELS_PER_CLASS, len(y)]
    print("| method | " + " | ".join(map(str, LABELS_PER_CLASS)) + " | all | fit s | Mwords/s |\n" + "|---" * 8 + "|")
    for method in arguments.methods:
        try:
            runs = [vectors(method, documents, test, arguments.vector_size, seed) for seed in range(N_RUNS)]
        except RuntimeError as error:  # fastText's, on corpora on which it diverges
            print(f"| {method} | {error} |")
            continue
        cells = [cell(runs, y, y_test, number) for number in numbers]
        cells += [f"{statistics.median(run[name] for run in runs):.2g}" for name in ("fit s", "Mwords/s")]
        print(f"| {method} | " + " | ".join(cells) + " |", flush=True)


def vectors(method, documents, test, vector_size, seed):
    trained = train(METHODS.get(method, method), documents, vector_size=vector_size, seed=seed)
    X_test, speed = transformed(trained, test)
    return {"X": trained.transform(documents), "X_test": X_test, "fit s": trained.seconds["fit"], "Mwords/s": speed}


def cell(runs, y, y_test, n_labels):
    """Mean and standard deviation of the runs' accuracies, with the better scaling of vectors."""
    first = some_of_each(y, n_labels, 0)
    if n_labels >= ENOUGH:
        classifiers = [chosen(runs[0]["X"][first], y[first])]
    else:
        classifiers = [classifier(scaling, C) for scaling, C in FIXED_PENALTY.items() if scales(scaling, runs[0]["X"])]
    scores = [
        [
            accuracy(model, run["X"], y, some_of_each(y, n_labels, number), run["X_test"], y_test)
            for number, run in enumerate(runs)
        ]
        for model in classifiers
    ]
    best = max(scores, key=statistics.mean)
    return f"{statistics.mean(best):.3f} ±{statistics.stdev(best):.3f}"


def some_of_each(labels, n_labels, seed):
    """Rows of a maximum of `n_labels` documents of each class."""
    shuffled = np.random.default_rng(seed).permutation(len(labels))
    return np.sort(np.concatenate([shuffled[labels[shuffled] == name][:n_labels] for name in np.unique(labels)]))


def chosen(X, y):
    """The scaling of vectors and the penalty that three-fold cross-validation finds best."""
    searches = [
        GridSearchCV(classifier(scaling), {"logisticregression__C": penalties}, cv=3).fit(X, y)
        for scaling, penalties in PENALTIES.items()
        if scales(scaling, X)
    ]
    return max(searches, key=lambda search: search.best_score_).best_estimator_


def scales(scaling, X):
    return scaling is Normalizer or not issparse(X)


def classifier(scaling, C=1):
    return make_pipeline(scaling(), LogisticRegression(C=C, max_iter=1000))


def accuracy(model, X, y, labelled, X_test, y_test):
    """Accuracy after learning some documents' labels; vectors are scaled by all documents, which needs no labels."""
    scaling, regression = model[0].fit(X), model[1]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # with one label per class, scikit-learn suspects a regression
        regression.fit(scaling.transform(X[labelled]), y[labelled])
    return regression.score(scaling.transform(X_test), y_test)


if __name__ == "__main__":
    main()
