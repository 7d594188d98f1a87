"""Few labels and many: when do averages of word vectors beat tf-idf, and when do they not?

    python docs/benchmarks/labels.py train.tsv.gz --test test.tsv.gz

Every vectorizer reads all documents of the first file, without their labels: tf-idf, tf-idf reduced to 100 dimensions
(latent semantic analysis), and CBOW vectors of 100 dimensions, averaged alike or by idf, with the default parameters
and, averaged by idf, with those that suit documents best: no order of words and 20 epochs. A logistic regression then
learns from the labels of a few documents per class, then of more, at last of all, and is scored on the second file.
Numbers are mean accuracies over five draws of the labelled documents, the same for every vectorizer. The corpus is
read as compare.py reads it.
"""

import argparse
import warnings

import numpy as np
from compare import read
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer, StandardScaler

from sk_cbow import CBOWVectorizer

LABELS_A_CLASS = [1, 2, 5, 10, 20, 50, 100, 200]
N_DRAWS = 5
FOR_DOCUMENTS = {"document_context": 1, "window": 20, "epochs": 20, "weighting": "idf"}
C = {"tf-idf": 10, "LSA": 10}  # of unit length; 1 for the others, which are standardized


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", help="a .tsv file, perhaps .gz")
    parser.add_argument("--test", required=True, help="a .tsv file whose labels are to be told")
    arguments = parser.parse_args()
    train, y_train = read(arguments.corpus)
    test, y_test = read(arguments.test)
    y_train, y_test = np.array(y_train), np.array(y_test)
    tfidf = TfidfVectorizer(analyzer=list, min_df=2, sublinear_tf=True)
    vectorizers = {
        "tf-idf": tfidf,
        "LSA": make_pipeline(tfidf, TruncatedSVD(100, random_state=0), Normalizer()),
        "CBOW": make_pipeline(CBOWVectorizer(random_state=0), StandardScaler()),
        "CBOW, idf": make_pipeline(CBOWVectorizer(weighting="idf", random_state=0), StandardScaler()),
        "CBOW for documents": make_pipeline(CBOWVectorizer(**FOR_DOCUMENTS, random_state=0), StandardScaler()),
    }
    vectors = {name: (model.fit_transform(train), model.transform(test)) for name, model in vectorizers.items()}
    print("| labels per class | labels | " + " | ".join(vectorizers) + " |\n" + "|---" * (len(vectorizers) + 2) + "|")
    for most in [*LABELS_A_CLASS, len(y_train)]:
        draws = [some_of_each(y_train, most, np.random.default_rng(draw)) for draw in range(N_DRAWS)]
        if most == len(y_train):
            draws = draws[:1]
        scores = {
            name: np.mean([accuracy(name, X[rows], y_train[rows], X_test, y_test) for rows in draws])
            for name, (X, X_test) in vectors.items()
        }
        cells = ["all" if most == len(y_train) else most, len(draws[0]), *(f"{score:.3f}" for score in scores.values())]
        print("| " + " | ".join(map(str, cells)) + " |", flush=True)


def some_of_each(labels, most, rng):
    """Rows of at most so many labels of each class."""
    shuffled = rng.permutation(len(labels))
    return np.concatenate([shuffled[labels[shuffled] == name][:most] for name in np.unique(labels)])


def accuracy(name, X, y, X_test, y_test):
    classifier = LogisticRegression(C=C.get(name, 1), max_iter=1000)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # with one label a class, scikit-learn suspects a regression
        return classifier.fit(X, y).score(X_test, y_test)


if __name__ == "__main__":
    main()
