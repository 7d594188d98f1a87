"""Which vectorizer? Accuracy by labels per class, seconds and memory, for ten methods.

    python docs/benchmarks/labels.py train.tsv.gz --test test.tsv.gz --encoded MiniLM=train.minilm.npy,test.minilm.npy

Every method reads all documents of the first file, without their labels. A logistic regression then learns from the
labels of 1, 5, 20 and 100 documents per class, and of all, and is scored on the second file. Numbers are means and
standard deviations of five runs; each has a seed and a draw of the labelled documents of its own, and in a run the
draw is the same for every method. Runs alternate between the methods, each in a process of its own. Pretrained models
have no seed; their vectors are read from files that `encode.py` has written. With ``--documents``, a run reads only so
many documents of the first file, drawn by its seed.

Dense vectors are standardized, or centred on the mean of the training documents and scaled to unit length, whichever is
better for the method. Sparse ones (tf-idf, and the union with it) stay as they are. From 20 labels per class on, this
and the classifier's penalty are chosen by cross-validation on the labelled documents of the first run. With fewer, C is
.1 for standardized vectors and 10 for others, and the better of the two means is shown.

``fit s`` are the seconds of training, without import and compilation, ``Mwords/s`` is the speed of `transform`, and
``MB`` the peak of memory beyond the documents, with imports; all are medians. `labels_picture.py` draws the table.
"""

import argparse
import statistics
import warnings
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
from engines import begin_peak, centred_to_unit_length, memory, read, train, transformed
from scipy.sparse import issparse
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from threadpoolctl import threadpool_limits

DEFAULTS = "window=auto,epochs=auto"  # those of the library, instead of what engines have in common
FOR_DOCUMENTS = f"{DEFAULTS},document_context=1,weighting=idf"
METHODS = {
    "tf-idf": "tfidf",
    "LSA": "lsa",
    "Doc2Vec": "doc2vec:epochs=20",
    "Word2Vec": "gensim:sg=1,epochs=20,weighting=idf",
    "fastText": "fasttext:model=skipgram,minn=3,maxn=6,epochs=20,weighting=idf",
    "CBOWVectorizer": f"sk_cbow:{DEFAULTS}",
    "CBOWVectorizer for documents": f"sk_cbow:{FOR_DOCUMENTS}",
    "tf-idf and CBOWVectorizer": f"union:weight=0.7,{FOR_DOCUMENTS}",
}
COSTS = ("fit s", "Mwords/s", "MB")
ENOUGH = 20  # labels per class for cross-validation
PENALTIES = {
    StandardScaler: [0.001, 0.003, 0.01, 0.03, 0.1, 1],
    centred_to_unit_length: [0.3, 1, 3, 10, 30, 100],
    FunctionTransformer: [0.3, 1, 3, 10, 30, 100],
}
FIXED_PENALTY = {StandardScaler: 0.1, centred_to_unit_length: 10, FunctionTransformer: 10}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", help="a .tsv file, perhaps .gz, as compare.py reads it")
    parser.add_argument("--test", required=True, help="a .tsv file whose labels are predicted")
    parser.add_argument("--vector-size", type=int, default=100)
    parser.add_argument("--methods", nargs="*", default=list(METHODS), help="of these, or specifications of engines")
    parser.add_argument("--encoded", nargs="*", default=[], help="name=train.npy,test.npy, as encode.py writes them")
    parser.add_argument("--documents", type=int, help="to read of the first file; by default all")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument(
        "--labels", nargs="*", default=["1", "5", "20", "100", "all"], help="none: seconds and memory only"
    )
    arguments = parser.parse_args()
    y, y_test = read(arguments.corpus)[1], read(arguments.test)[1]
    encoded = dict(option.split("=") for option in arguments.encoded)
    parts = [some(len(y), arguments.documents, seed) for seed in range(arguments.runs)]
    runs = [
        {method: in_a_process(vectors, method, arguments, part, seed) for method in arguments.methods}
        | {name: encoded_vectors(files, part) for name, files in encoded.items()}
        for seed, part in enumerate(parts)
    ]
    y_of_runs = [y[part] for part in parts]
    columns = [*arguments.labels, *COSTS]
    print("| method | " + " | ".join(columns) + " |\n" + "|---" * (len(columns) + 1) + "|")
    for method in [*arguments.methods, *encoded]:
        own = [run[method] for run in runs]
        with threadpool_limits(1):  # the products are small: on a busy machine, threads wait longer than they compute
            cells = [
                cell(own, y_of_runs, y_test, len(y) if labels == "all" else int(labels)) for labels in arguments.labels
            ]
        cells += [f"{statistics.median(run[name] for run in own):.3g}" for name in COSTS]
        print(f"| {method} | " + " | ".join(cells) + " |", flush=True)


def in_a_process(function, *arguments):
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def some(n, n_drawn, seed):
    return np.sort(np.random.default_rng(seed).permutation(n)[:n_drawn])


def vectors(method, arguments, part, seed):
    """Vectors of the documents of both files, and what they cost."""
    documents, test = read(arguments.corpus)[0], read(arguments.test)[0]
    documents = [documents[row] for row in part]
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


def encoded_vectors(files, part):
    """Vectors that `encode.py` has written; it printed what they cost."""
    X, X_test = map(np.load, files.split(","))
    return {"X": X[part], "X_test": X_test} | dict.fromkeys(COSTS, np.nan)


def cell(runs, y_of_runs, y_test, n_labels):
    """Mean and standard deviation of the runs' accuracies, with the better scaling of vectors."""
    labelled = [some_of_each(y, n_labels, number) for number, y in enumerate(y_of_runs)]
    if n_labels >= ENOUGH:
        classifiers = [chosen(runs[0]["X"][labelled[0]], y_of_runs[0][labelled[0]])]
    else:
        classifiers = [classifier(scaling, FIXED_PENALTY[scaling]) for scaling in scalings(runs[0]["X"])]
    scores = [
        [
            accuracy(model, run["X"], y, rows, run["X_test"], y_test)
            for run, y, rows in zip(runs, y_of_runs, labelled, strict=True)
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
        GridSearchCV(classifier(scaling), {"logisticregression__C": PENALTIES[scaling]}, cv=3).fit(X, y)
        for scaling in scalings(X)
    ]
    return max(searches, key=lambda search: search.best_score_).best_estimator_


def scalings(X):
    return [FunctionTransformer] if issparse(X) else [StandardScaler, centred_to_unit_length]


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
