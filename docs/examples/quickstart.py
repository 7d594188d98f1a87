"""The quickstart: word vectors for four libraries' documentation, in two minutes.

The text is on every machine that has sk_cbow, see docstrings.py. The task is to tell
which subpackage a docstring belongs to. Run it with

    python docs/examples/quickstart.py
"""

import os
import pickle
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
from sklearn.preprocessing import StandardScaler

from docstrings import (
    PACKAGES,
    few_of_each,
    first_line,
    labelled_docstrings,
    rows_of_common,
    tokens,
)
from sk_cbow import CBOWVectorizer

# Keeps the start-up messages of TensorFlow few, which fit will import
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def main():
    start = time.perf_counter()

    say("Gathering the docstrings of " + ", ".join(PACKAGES))
    docstrings, labels = labelled_docstrings()
    documents = [tokens(docstring) for docstring in docstrings]
    n_tokens = sum(map(len, documents))
    print(
        f"{len(documents)} docstrings, {n_tokens / 1e6:.1f} million tokens, for example"
    )
    print(
        f"{docstrings[-1][:60]!r}… of {labels[-1]}, as tokens {documents[-1][:6]}…"
    )

    rows = rows_of_common(labels)
    n_classes = len(set(labels[rows]))
    print(
        f"{len(rows)} of them are of the {n_classes} subpackages to be told apart"
    )
    rows_train, rows_test = train_test_split(
        rows, test_size=0.25, stratify=labels[rows], random_state=0
    )
    train, y_train = [documents[row] for row in rows_train], labels[rows_train]
    test, y_test = [documents[row] for row in rows_test], labels[rows_test]

    say(
        "Fitting a Pipeline of CBOWVectorizer, StandardScaler and LogisticRegression"
    )
    pipeline = make_pipeline(
        CBOWVectorizer(vector_size=100, window=5, random_state=0, verbose=1),
        StandardScaler(),
        LogisticRegression(max_iter=1000),
    )
    pipeline.fit(train, y_train)
    accuracy = pipeline.score(test, y_test)
    print(f"Accuracy on the {len(test)} docstrings left out: {accuracy:.3f}")

    say("Searching two hyperparameters of the embedding with GridSearchCV")
    search = GridSearchCV(
        pipeline.set_params(cbowvectorizer__verbose=0),
        {
            "cbowvectorizer__window": [2, 10],
            "cbowvectorizer__vector_size": [50, 100],
        },
        cv=2,
        verbose=2,
    )
    search.fit(train, y_train)
    print("vector_size  window  accuracy")
    for parameters, accuracy in zip(
        search.cv_results_["params"],
        search.cv_results_["mean_test_score"],
        strict=True,
    ):
        vector_size, window = (
            parameters["cbowvectorizer__vector_size"],
            parameters["cbowvectorizer__window"],
        )
        print(f"{vector_size:11}  {window:6}  {accuracy:8.3f}")
    best = search.best_estimator_
    accuracy = best.score(test, y_test)
    print(f"Accuracy of the best on the docstrings left out: {accuracy:.3f}")

    say(
        "Learning without labels from all docstrings, with more epochs, a wider window"
    )
    vectorizer = CBOWVectorizer(
        epochs=10, window=10, random_state=0, verbose=2
    ).fit(documents)
    print("Neighbours of some words:")
    for word in ["matrix", "gaussian", "layer", "optimizer", "plot"]:
        neighbours = ", ".join(
            token for token, _ in vectorizer.most_similar(word, topn=6)
        )
        print(f"{word:>10}: {neighbours}")

    say(
        "Using few labels: which subpackage is it, told from a first line alone?"
    )
    print("Both vectorizers have read all docstrings.")
    print("Logistic regression sees so many labelled first lines:")
    tfidf = TfidfVectorizer(analyzer=list, sublinear_tf=True).fit(documents)
    first_lines = [tokens(first_line(docstring)) for docstring in docstrings]
    compare_with_few_labels(
        {"CBOW": vectorizer, "tf-idf": tfidf},
        first_lines,
        labels,
        rows_train,
        rows_test,
    )

    say("Pickling the fitted Pipeline and loading it in a fresh process")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pipeline.pickle"
        path.write_bytes(pickle.dumps(best))
        print(f"The pickle has {path.stat().st_size / 1e6:.1f} MB", flush=True)
        subprocess.run(
            [sys.executable, "-c", IN_A_FRESH_PROCESS, str(path)], check=True
        )

    print(f"\nDone in {time.perf_counter() - start:.0f} seconds.")


IN_A_FRESH_PROCESS = """
import pickle, sys
with open(sys.argv[1], "rb") as file:
    pipeline = pickle.load(file)
text = "Draw random samples from a normal distribution"
print(f"{text!r} sounds like", pipeline.predict([text.lower().split()])[0])
print("TensorFlow was imported:", "tensorflow" in sys.modules)
"""


def say(what):
    print(f"\n== {what}", flush=True)


def compare_with_few_labels(
    vectorizers, documents, labels, rows_train, rows_test
):
    """Print accuracies, each the mean over three draws of the labelled documents."""
    print(
        "labels per subpackage" + "".join(f"{name:>9}" for name in vectorizers)
    )
    vectors = [
        vectorizer.transform(documents) for vectorizer in vectorizers.values()
    ]
    for n_labels in [1, 2, 5, 10, 20]:
        accuracies = np.zeros((3, len(vectors)))
        for draw in range(len(accuracies)):
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
        print(
            f"{n_labels:21}"
            + "".join(
                f"{accuracy:9.3f}" for accuracy in accuracies.mean(axis=0)
            )
        )


if __name__ == "__main__":
    main()
