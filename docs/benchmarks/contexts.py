"""What the document context is worth: scores of words and documents for several values of `document_context`.

    python docs/benchmarks/contexts.py wiki.txt.gz --pairs wordsim353.txt men.txt --analogies analogies.txt.gz
    python docs/benchmarks/contexts.py train.tsv.gz --test test.tsv.gz

Each setting is trained with `random_state` 0, 1 and 2; the table shows medians, and the lowest and the highest in
brackets. Pairs and analogies are scored as in compare.py. With a test file, documents are averaged uniformly and by
idf, and their vectors are standardized. A logistic regression then learns from all labels (C=1) and from five labels
per class (C=.1, the mean of five draws, which are the same for every setting). Options of `CBOWVectorizer` may follow
a value: ``1:window=20,epochs=20``.
"""

import argparse
import copy
import statistics

import numpy as np
from compare import MOST_FREQUENT
from engines import parsed_options, read
from labels import accuracy, classifier, some_of_each
from sklearn.preprocessing import StandardScaler

from sk_cbow import CBOWVectorizer
from sk_cbow.evaluation import analogy_score, similarity_score

SEEDS = [0, 1, 2]
N_DRAWS = 5


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", help="as compare.py reads it")
    parser.add_argument("--test", help="a .tsv file whose labels are predicted")
    parser.add_argument("--pairs", nargs="*", default=[])
    parser.add_argument("--analogies")
    parser.add_argument("--contexts", nargs="+", default=["0", "0.8", "1"])
    arguments = parser.parse_args()
    documents, labels = read(arguments.corpus)
    header = None
    for context in arguments.contexts:
        results = [
            measured(options_of(context) | {"random_state": seed}, documents, labels, arguments) for seed in SEEDS
        ]
        if header is None:
            header = list(results[0])
            print("| document_context | " + " | ".join(header) + " |\n" + "|---" * (len(header) + 1) + "|")
        columns = [[result[name] for result in results] for name in header]
        cells = [f"{statistics.median(values):.3f} ({min(values):.3f}-{max(values):.3f})" for values in columns]
        print(f"| {context} | " + " | ".join(cells) + " |", flush=True)


def options_of(context):
    value, _, rest = context.partition(":")
    return parsed_options(f"document_context={value},{rest}")


def measured(options, documents, labels, arguments):
    vectorizer = CBOWVectorizer(weighting="idf", **options).fit(documents)
    measures = {}
    for path in arguments.pairs:
        score = similarity_score(vectorizer, path, restrict_vocab=None)
        measures[path.rpartition("/")[2].partition(".")[0]] = float(score.spearman.statistic)
    if arguments.analogies:
        measures["analogies"] = analogy_score(vectorizer, arguments.analogies, restrict_vocab=MOST_FREQUENT).accuracy
    if arguments.test:
        uniform = copy.copy(vectorizer)  # of the same word vectors, for weights are of averages only
        uniform.token_weights_ = np.ones_like(vectorizer.token_weights_)
        for name, averaging in (("uniform", uniform), ("idf", vectorizer)):
            measures |= {f"{name}, {key}": value for key, value in accuracies(averaging, documents, labels, arguments)}
    return measures


def accuracies(vectorizer, documents, labels, arguments):
    test, y_test = read(arguments.test)
    X, X_test = vectorizer.transform(documents), vectorizer.transform(test)
    every = slice(None)
    yield "all labels", accuracy(classifier(StandardScaler, 1), X, labels, every, X_test, y_test)
    draws = [some_of_each(labels, 5, draw) for draw in range(N_DRAWS)]
    few = [accuracy(classifier(StandardScaler, 0.1), X, labels, labelled, X_test, y_test) for labelled in draws]
    yield "5 labels a class", float(np.mean(few))


if __name__ == "__main__":
    main()
