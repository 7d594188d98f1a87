"""Quickstart: train word vectors on the documentation of four Python libraries.

The text is on every machine that has sk_cbow: the docstrings of numpy, scipy,
scikit-learn and keras. The task is to predict the subpackage of a docstring. The script
needs no other file:

    python quickstart.py

A few docstrings differ from one process to the next, so the third digit of a result may
vary.
"""

import os
import pickle
import re
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline

from sk_cbow import CBOWVectorizer
from sk_cbow.datasets import load_docstrings

# Fewer start-up messages of TensorFlow, which fit imports
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

SMALLEST_CLASS = 40  # docstrings


def main():
    start = time.perf_counter()

    heading("1. Text: the docstrings of numpy, scipy, sklearn, keras")
    docstrings, labels = load_docstrings()
    documents = [tokens(docstring) for docstring in docstrings]
    n_tokens = sum(map(len, documents))
    print(f"{len(documents)} docstrings, {n_tokens / 1e6:.1f} million tokens")
    rows = rows_of_common(labels)
    classes = np.unique(labels[rows])
    print(
        f"{len(rows)} of them belong to {len(classes)} subpackages with "
        f"at least {SMALLEST_CLASS} docstrings:"
    )
    print(f"{', '.join(classes[:4])}, …")
    rows_train, rows_test = train_test_split(
        rows, test_size=0.25, stratify=labels[rows], random_state=0
    )
    train, y_train = [documents[row] for row in rows_train], labels[rows_train]
    test, y_test = [documents[row] for row in rows_test], labels[rows_test]

    heading("2. A Pipeline: word vectors, averages, logistic regression")
    pipeline = make_pipeline(
        CBOWVectorizer(norm="l2", random_state=0, verbose=2),
        LogisticRegression(C=10, max_iter=1000),
    )
    pipeline.fit(train, y_train)
    accuracy = pipeline.score(test, y_test)
    print(f"Accuracy on {len(test)} test documents: {accuracy:.3f}")
    tfidf = TfidfVectorizer(analyzer=list, sublinear_tf=True)
    baseline = make_pipeline(tfidf, LogisticRegression(C=10, max_iter=1000))
    accuracy = baseline.fit(train, y_train).score(test, y_test)
    print(f"tf-idf instead of word vectors: {accuracy:.3f}")

    heading("3. GridSearchCV over two hyperparameters of the vectors")
    search = GridSearchCV(
        pipeline.set_params(cbowvectorizer__verbose=0),
        {
            "cbowvectorizer__window": [2, 10],
            "cbowvectorizer__epochs": [2, 10],
        },
        cv=2,
    )
    search.fit(train, y_train)
    print("window  epochs  accuracy in two folds")
    for parameters, accuracy in zip(
        search.cv_results_["params"],
        search.cv_results_["mean_test_score"],
        strict=True,
    ):
        window = parameters["cbowvectorizer__window"]
        epochs = parameters["cbowvectorizer__epochs"]
        print(f"{window:6}  {epochs:6}  {accuracy:8.3f}")
    best = search.best_estimator_
    accuracy = best.score(test, y_test)
    print(f"Accuracy of the best on the test documents: {accuracy:.3f}")

    heading("4. Vectors from all docstrings, without labels")
    vectorizer = CBOWVectorizer(
        epochs=10, weighting="idf", norm="l2", random_state=0
    )
    vectorizer.fit(documents)
    print("Nearest neighbours of some words:")
    for word in ["matrix", "gaussian", "layer", "optimizer", "plot"]:
        nearest = vectorizer.most_similar(word, topn=5)
        print(f"{word:>10}: {', '.join(token for token, _ in nearest)}")

    heading("5. Few labels: predict the subpackage from a first line")
    print("The vectorizers read all docstrings, the classifier only some")
    print("labelled lines. Mean accuracy of three draws:")
    tfidf.fit(documents)
    first_lines = [tokens(first_line(docstring)) for docstring in docstrings]
    compare_with_few_labels(
        {"CBOW": vectorizer, "tf-idf": tfidf},
        first_lines,
        labels,
        rows_train,
        rows_test,
    )

    heading("6. The fitted Pipeline, pickled and loaded in a new process")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pipeline.pickle"
        path.write_bytes(pickle.dumps(best))
        print(
            f"Size of the pickle: {path.stat().st_size / 1e6:.1f} MB",
            flush=True,
        )
        subprocess.run(
            [sys.executable, "-c", IN_A_NEW_PROCESS, str(path)], check=True
        )

    print(f"\nDone in {time.perf_counter() - start:.0f} seconds.")


IN_A_NEW_PROCESS = """
import pickle, sys
with open(sys.argv[1], "rb") as file:
    pipeline = pickle.load(file)
text = "Draw random samples from a normal distribution"
print("Text:      ", text)
print("Prediction:", pipeline.predict([text.lower().split()])[0])
print("TensorFlow imported:", "tensorflow" in sys.modules)
"""


def heading(text):
    print(f"\n== {text}", flush=True)


def compare_with_few_labels(
    vectorizers, documents, labels, rows_train, rows_test
):
    """Print the mean test accuracies of three draws of the labelled documents."""
    print("labels per class" + "".join(f"{name:>9}" for name in vectorizers))
    vectors = [
        vectorizer.transform(documents) for vectorizer in vectorizers.values()
    ]
    for n_labels in [1, 5, 20]:
        accuracies = np.zeros((3, len(vectors)))
        for draw in range(3):
            labelled = few_of_each(rows_train, labels, n_labels, seed=draw)
            for column, matrix in enumerate(vectors):
                classifier = LogisticRegression(C=10, max_iter=1000)
                with warnings.catch_warnings():
                    # With one label per class, scikit-learn suspects a regression
                    warnings.simplefilter("ignore")
                    classifier.fit(matrix[labelled], labels[labelled])
                accuracies[draw, column] = classifier.score(
                    matrix[rows_test], labels[rows_test]
                )
        means = accuracies.mean(axis=0)
        print(f"{n_labels:16}" + "".join(f"{mean:9.3f}" for mean in means))


def tokens(text):
    """Words of at least two letters, in lower case."""
    return re.findall(r"[a-z]\w+", text.lower())


def first_line(docstring):
    """Summary of a docstring; NumPy's compiled functions have a signature before it."""
    paragraphs = docstring.split("\n\n")
    has_signature = re.match(r"[\w.]+\(", docstring) and len(paragraphs) > 1
    return paragraphs[1] if has_signature else paragraphs[0]


def rows_of_common(subpackages):
    """Rows of docstrings whose subpackage has at least `SMALLEST_CLASS` of them."""
    names, sizes = np.unique(subpackages, return_counts=True)
    return np.flatnonzero(np.isin(subpackages, names[sizes >= SMALLEST_CLASS]))


def few_of_each(rows, subpackages, most, seed):
    """Draw at most `most` rows of each subpackage from `rows`."""
    drawn = np.random.default_rng(seed).permutation(rows)
    names = np.unique(subpackages[rows])
    return np.concatenate(
        [drawn[subpackages[drawn] == name][:most] for name in names]
    )


if __name__ == "__main__":
    main()
