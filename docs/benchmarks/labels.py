"""Which vectorizer? Accuracy by labels per class, seconds and memory, for seven methods.

    python docs/benchmarks/labels.py train.tsv.gz --test test.tsv.gz

Every method reads all documents of the first file, without their labels. A logistic regression then learns from the
labels of 1, 5, 20 and 100 documents per class, and of all, and is scored on the second file. Numbers are means and
standard deviations of five runs; each has a seed and a draw of the labelled documents of its own, and in a run the
draw is the same for every method. Runs alternate between the methods, each in a process of its own.

Vectors are standardized, or scaled to unit length, whichever is better for the method (tf-idf: unit length). From 20
labels per class on, this and the classifier's penalty are chosen by cross-validation on the labelled documents of the
first run. With fewer, C is .1 for standardized vectors and 10 for vectors of unit length, and the better of the two
means is shown.

``fit s`` are the seconds of training, without import and compilation, ``Mwords/s`` is the speed of `transform`, and
``MB`` the peak of memory beyond the documents, with imports; all are medians. `labels_picture.py` draws the table.
"""

import argparse
import statistics
import warnings
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
from engines import begin_peak, memory, read, train, transformed
from scipy.sparse import issparse
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer, StandardScaler

FOR_DOCUMENTS = "sk_cbow:document_context=1,window=20,epochs=20,weighting=idf"
METHODS = {
    "tf-idf": "tfidf",
    "LSA": "lsa",
    "Doc2Vec": "doc2vec:epochs=20",
    "Word2Vec": "gensim:sg=1,epochs=20,weighting=idf",
    "fastText": "fasttext:model=skipgram,minn=3,maxn=6,epochs=20,weighting=idf",
    "CBOWVectorizer": "sk_cbow",
    "CBOWVectorizer for documents": FOR_DOCUMENTS,
    "the same, learning_rate=.1": f"{FOR_DOCUMENTS},learning_rate=0.1",
    "the same, learning_rate=.05": f"{FOR_DOCUMENTS},learning_rate=0.05",
}
ENOUGH = 20  # labels per class for cross-validation
PENALTIES = {StandardScaler: [0.001, 0.003, 0.01, 0.03, 0.1, 1], Normalizer: [0.3, 1, 3, 10, 30, 100]}
FIXED_PENALTY = {StandardScaler: 0.1, Normalizer: 10}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", help="a .tsv file, perhaps .gz, as compare.py reads it")
    parser.add_argument("--test", required=True, help="a .tsv file whose labels are predicted")
    parser.add_argument("--vector-size", type=int, default=100)
    parser.add_argument("--methods", nargs="*", default=list(METHODS), help="of these, or specifications of engines")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument(
        "--labels", nargs="*", default=["1", "5", "20", "100", "all"], help="none: seconds and memory only"
    )
    arguments = parser.parse_args()
    runs = [
        {method: in_a_process(vectors, method, arguments, seed) for method in arguments.methods}
        for seed in range(arguments.runs)
    ]
    y, y_test = read(arguments.corpus)[1], read(arguments.test)[1]
    columns = [*arguments.labels, "fit s", "Mwords/s", "MB"]
    print("| method | " + " | ".join(columns) + " |\n" + "|---" * (len(columns) + 1) + "|")
    for method in arguments.methods:
        own = [run[method] for run in runs]
        cells = [cell(own, y, y_test, len(y) if labels == "all" else int(labels)) for labels in arguments.labels]
        cells += [f"{statistics.median(run[name] for run in own):.3g}" for name in ("fit s", "Mwords/s", "MB")]
        print(f"| {method} | " + " | ".join(cells) + " |", flush=True)


def in_a_process(function, *arguments):
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def vectors(method, arguments, seed):
    """Vectors of the documents of both files, and what they cost."""
    documents, test = read(arguments.corpus)[0], read(arguments.test)[0]
    before = begin_peak()
    trained = train(METHODS.get(method, method), documents, vector_size=arguments.vector_size, seed=seed)
    X_test, speed = transformed(trained, test)
    return {
        "X": trained.transform(documents),
        "X_test": X_test,
        "fit s": trained.seconds["fit"],
        "Mwords/s": speed,
        "MB": memory("VmHWM") - before,
    }


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
    return f"{statistics.mean(best):.3f} ±{np.std(best, ddof=1):.3f}"


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
