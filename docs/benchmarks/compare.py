"""Compare sk_cbow with other libraries on the same tokens. Each fit runs in a process of its own.

    python docs/benchmarks/compare.py corpus.txt.gz --pairs wordsim353.txt men.txt --analogies analogies.txt.gz
    python docs/benchmarks/compare.py train.tsv.gz --test test.tsv.gz --engines sk_cbow gensim:alpha=0.05,epochs=20
    python docs/benchmarks/compare.py corpus.txt.gz … --epochs 1 2 3 5 10 15 --plot curves.png

A corpus has one document per line: in a ``.txt`` file tokens separated by spaces, in a ``.tsv`` file
``label<TAB>text``, which is tokenized as scikit-learn does by default. With ``--test``, a logistic regression on
document vectors learns the labels of the corpus and is scored on the other file; scaling and penalty are chosen by
cross-validation, as in labels.py. Rounds alternate between the engines, and each round has its own seed. The table
shows medians, and where values differ between rounds, also the lowest and the highest.

``fit s``            seconds of the whole fit, including the vocabulary
``fit Mwords/s``     words of the corpus times epochs per second of the whole fit
``Mwords/s``         the same for training alone: gensim after ``build_vocab``, sk_cbow after the vocabulary, fastText
                     as a whole, because it reads a file
``import s``         seconds of importing the library
``compile s``        how much longer training takes in a first fit of one epoch than in an epoch of the measured fit
``peak GB``          peak memory of the process, including the documents
``vectors Mwords/s`` words of test documents per second of ``transform``
``quality``          mean of all scores

With several ``--epochs``, a second table shows after how many seconds of fit the quality of each engine, interpolated
linearly, reaches the best quality of the second engine. `engines.py` lists the engines and their options.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
from pathlib import Path

import numpy as np
from engines import read, train, transformed
from labels import accuracy, chosen

from sk_cbow import WordVectors
from sk_cbow.evaluation import analogy_score, similarity_score

MOST_FREQUENT = 30_000  # words among which analogies are answered


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", help="a .txt or .tsv file, perhaps .gz")
    parser.add_argument("--test", help="a .tsv file whose labels are predicted")
    parser.add_argument("--pairs", nargs="*", default=[], help="files of two words and a human similarity a line")
    parser.add_argument("--analogies", help="a file of four words per line")
    parser.add_argument("--engines", nargs="*", default=["sk_cbow", "gensim:alpha=0.05", "gensim", "fasttext"])
    parser.add_argument("--epochs", nargs="*", type=int, default=[5])
    parser.add_argument("--vector-size", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--plot", help="a .png file for curves of quality over seconds")
    parser.add_argument("--one", help=argparse.SUPPRESS)  # the engine to run in this process
    parser.add_argument("--seed", type=int, default=0, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(run(arguments.one, arguments)))
        return
    results = {(engine, epochs): [] for epochs in arguments.epochs for engine in arguments.engines}
    for number in range(arguments.rounds):
        for engine, epochs in results:
            print(f"round {number + 1} of {arguments.rounds}: {engine}, {epochs} epochs …", file=sys.stderr, flush=True)
            command = [sys.executable, __file__, *sys.argv[1:], "--one", engine]
            command += ["--epochs", str(epochs), "--seed", str(number)]
            output = subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE).stdout
            results[engine, epochs].append(json.loads(output.splitlines()[-1]))
    medians = {
        key: {measure: statistics.median(result[measure] for result in rounds) for measure in rounds[0]}
        for key, rounds in results.items()
    }
    print_table(results, medians)
    print_speed_ratios(results, arguments.engines)
    if len(arguments.epochs) > 1:
        curves = {
            engine: [
                (medians[engine, epochs]["fit s"], medians[engine, epochs]["quality"]) for epochs in arguments.epochs
            ]
            for engine in arguments.engines
        }
        print_seconds_to_quality(curves)
        if arguments.plot:
            draw(curves, arguments.plot)


def print_table(results, medians):
    measures = list(dict.fromkeys(measure for values in medians.values() for measure in values))
    print("| engine | epochs |" + " | ".join(measures) + " |")
    print("|---" * (len(measures) + 2) + "|")
    for (engine, epochs), values in medians.items():
        shown = {measure: f"{value:.3g}" for measure, value in values.items()}
        if "accuracy" in values:
            accuracies = [result["accuracy"] for result in results[engine, epochs]]
            shown["accuracy"] = f"{values['accuracy']:.3f} ({min(accuracies):.3f}-{max(accuracies):.3f})"
        print(f"| {engine} | {epochs} | " + " | ".join(shown.get(measure, "") for measure in measures) + " |")


def print_speed_ratios(results, engines):
    first, *others = engines
    for other in others:
        for measure in ("Mwords/s", "fit Mwords/s"):
            ratios = [
                ours[measure] / theirs[measure]
                for engine, epochs in results
                if engine == first
                for ours, theirs in zip(results[first, epochs], results[other, epochs], strict=True)
            ]
            shown = ", ".join(f"{ratio:.2f}" for ratio in ratios)
            print(f"\n{measure} of {first} over {other}: median {statistics.median(ratios):.2f} of {shown}")


def print_seconds_to_quality(curves):
    """Print when each curve reaches the best quality of the second engine's."""
    first, second, *_ = curves
    goal = max(quality for _, quality in curves[second])
    reached = {engine: seconds_to(goal, curve) for engine, curve in curves.items()}
    print(f"\n| engine | seconds to quality {goal:.3f} | as a multiple of {first} |\n|---|---|---|")
    for engine, seconds in reached.items():
        print(f"| {engine} | {seconds:.1f} | {seconds / reached[first]:.2f} |")


def seconds_to(goal, curve):
    """Seconds at which straight lines between the points of a curve first reach a quality; inf if they never do."""
    for (start, low), (stop, high) in zip([curve[0], *curve], curve, strict=False):
        if high >= goal:
            return stop if low >= goal else start + (stop - start) * (goal - low) / (high - low)
    return np.inf


def draw(curves, path):
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(8, 5), layout="constrained")
    for engine, points in curves.items():
        seconds, quality = zip(*points, strict=True)
        axes.plot(seconds, quality, marker="o", label=engine)
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set(xlabel="seconds of fit", ylabel="quality")
    axes.grid(alpha=0.3, which="both")
    axes.legend()
    figure.savefig(path, dpi=150)


def run(specification, arguments):
    """Train one engine in this process; return its measures, name -> number."""
    documents, labels = read(arguments.corpus)
    options = {"vector_size": arguments.vector_size, "epochs": arguments.epochs[0], "seed": arguments.seed}
    trained = train(specification, documents, **options)
    n_words = sum(map(len, documents)) * trained.epochs / 1e6
    measures = {
        "fit s": trained.seconds["fit"],
        "fit Mwords/s": n_words / trained.seconds["fit"],
        "Mwords/s": n_words / trained.seconds["training"],
        "import s": trained.seconds.get("import", 0),
        "compile s": trained.seconds.get("compilation", 0),
        "peak GB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6,
    }
    quality = {} if trained.vocabulary is None else of_words(trained.vocabulary, trained.embeddings, arguments)
    if arguments.test:
        measures["vectors Mwords/s"], quality["accuracy"] = of_documents(trained, documents, labels, arguments.test)
    return measures | quality | {"quality": statistics.mean(quality.values() or [np.nan])}


def of_words(vocabulary, embeddings, arguments):
    """The scores of word vectors on each file, name -> number."""
    word_vectors = WordVectors(vocabulary, embeddings)
    scores = {}
    for path in arguments.pairs:
        score = similarity_score(word_vectors, path, restrict_vocab=None)
        scores[Path(path).name.split(".")[0]] = float(score.spearman.statistic)
    if arguments.analogies:
        scores["analogies"] = analogy_score(word_vectors, arguments.analogies, restrict_vocab=MOST_FREQUENT).accuracy
    return scores


def of_documents(trained, documents, y, test_path):
    """Million words per second of making vectors of the test documents, and the accuracy of a classifier on them."""
    test, y_test = read(test_path)
    X_test, speed = transformed(trained, test)
    X = trained.transform(documents)
    return speed, accuracy(chosen(X, y), X, y, slice(None), X_test, y_test)


if __name__ == "__main__":
    main()
