"""Whether `score` of held-out documents, which needs no labels, orders settings as accuracy does.

    python docs/benchmarks/scores.py train.tsv.gz --test test.tsv.gz
    python docs/benchmarks/scores.py train.tsv.gz --test test.tsv.gz --settings vector_size=25 vector_size=200

Each setting is trained on some training documents (seed 0, `weighting="idf"`). The test documents are scored; vectors
centred and scaled to unit length are classified by a logistic regression (C=10) that learns from all labels of the
training documents, and from five labels per class (the mean of five draws). The last lines are the rank correlations
of accuracy with the score and with the negated training loss.
The results in README.md have `,sample=0.001` in each setting.
"""

import argparse

import numpy as np
from contexts import N_DRAWS
from engines import centred_to_unit_length, parsed_options, read
from labels import accuracy, some_of_each
from scipy.stats import spearmanr
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from sk_cbow import CBOWVectorizer

RATES = {5: (0.1, 0.25, 0.5), 20: (0.05, 0.1, 0.25, 0.5), 60: (0.05, 0.1, 0.25)}
SETTINGS = [f"epochs={epochs},learning_rate={rate}" for epochs, rates in RATES.items() for rate in rates]
COLUMNS = ["score", "training loss", "accuracy, all labels", "5 labels a class"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", help="a .tsv file as compare.py reads it")
    parser.add_argument("--test", required=True, help="a .tsv file whose labels are predicted")
    parser.add_argument("--documents", type=int, default=1000, help="training documents")
    parser.add_argument("--test-documents", type=int, default=3000)
    parser.add_argument("--settings", nargs="+", default=SETTINGS)
    arguments = parser.parse_args()
    train = some_documents(arguments.corpus, arguments.documents, seed=0)
    test = some_documents(arguments.test, arguments.test_documents, seed=1)
    print("| setting | " + " | ".join(COLUMNS) + " |\n" + "|---" * (len(COLUMNS) + 1) + "|")
    rows = []
    for setting in arguments.settings:
        rows.append(measured(parsed_options(setting), *train, *test))
        print(f"| {setting} | " + " | ".join(f"{value:.3f}" for value in rows[-1]) + " |", flush=True)
    score, loss, *accuracies = np.transpose(rows)
    for name, measure in (("score", score), ("training loss", -loss)):
        correlations = [spearmanr(measure, values).statistic for values in accuracies]
        print(f"{name}: rank correlation with accuracy", " ".join(f"{value:.2f}" for value in correlations))


def some_documents(path, n_documents, seed):
    documents, labels = read(path)
    chosen = np.sort(np.random.default_rng(seed).permutation(len(documents))[:n_documents])
    return [documents[document] for document in chosen], labels[chosen]


def measured(options, documents, y, test, y_test):
    vectorizer = CBOWVectorizer(weighting="idf", random_state=0, **options).fit(documents)
    X, X_test = vectorizer.transform(documents), vectorizer.transform(test)
    model = make_pipeline(centred_to_unit_length(), LogisticRegression(C=10, max_iter=1000))
    draws = [some_of_each(y, 5, draw) for draw in range(N_DRAWS)]
    few = [accuracy(model, X, y, labelled, X_test, y_test) for labelled in draws]
    all_labels = accuracy(model, X, y, slice(None), X_test, y_test)
    return vectorizer.score(test), vectorizer.loss_curve_[-1], all_labels, np.mean(few)


if __name__ == "__main__":
    main()
