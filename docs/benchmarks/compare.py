"""Compare sk_cbow with gensim and fastText: the same tokens, each fit in a process of its own, one table out.

    python docs/benchmarks/compare.py corpus.txt.gz --pairs wordsim353.txt men.txt --analogies analogies.txt.gz
    python docs/benchmarks/compare.py train.tsv.gz --test test.tsv.gz --engines sk_cbow gensim:alpha=0.05,epochs=20
    python docs/benchmarks/compare.py corpus.txt.gz … --epochs 1 2 3 5 10 15 --plot curves.png

A corpus has a document a line: tokens between spaces in a ``.txt`` file, ``label<TAB>text`` in a ``.tsv`` file, whose
texts are split as scikit-learn does. With ``--test``, a logistic regression on standardized document vectors learns
the labels of the corpus and is scored on the other file. Rounds alternate between the engines; the table has medians.

An engine's name may carry options of its own, which override the common ones; ``sk_cbow:offset=0`` trains without the
offset log(negative). ``fit s`` is the whole fit, vocabulary included; ``fit Mwords/s`` and ``Mwords/s`` are the
corpus's words times epochs per second of it and of its training part: gensim's after ``build_vocab``; sk_cbow's after
the vocabulary; fastText's is all, for it reads a file. What a process does once is told apart: ``import s``, and
``compile s``, by which a first fit of one epoch takes longer to train than an epoch of the fit that is measured. ``peak
GB`` is the process's, documents included. ``quality`` is the mean of all that is measured of it. With several
``--epochs``, a second table tells the seconds of fit after which each engine's curve of quality, joined by straight
lines, reaches the best of the second engine's.
"""

import argparse
import gzip
import json
import os
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np
from sklearn.base import clone

from sk_cbow._files import text_lines
from sk_cbow._similarity import analogy_score, similarity_score

SIZES = {"vector_size": 100, "window": 5, "min_count": 5, "negative": 5}
MOST_FREQUENT = 30_000  # analogies are asked among so many words
N_CORES = len(os.sched_getaffinity(0))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", help="a .txt or .tsv file, perhaps .gz")
    parser.add_argument("--test", help="a .tsv file whose labels are to be told")
    parser.add_argument("--pairs", nargs="*", default=[], help="files of two words and a human similarity a line")
    parser.add_argument("--analogies", help="a file of four words per line")
    parser.add_argument("--engines", nargs="*", default=["sk_cbow", "gensim:alpha=0.05", "gensim", "fasttext"])
    parser.add_argument("--epochs", nargs="*", type=int, default=[5])
    parser.add_argument("--vector-size", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--plot", help="a .png file for curves of quality over seconds")
    parser.add_argument("--one", help=argparse.SUPPRESS)  # the engine to run in this process
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(run(arguments.one, arguments)))
        return
    results = {(engine, epochs): [] for epochs in arguments.epochs for engine in arguments.engines}
    for number in range(arguments.rounds):
        for engine, epochs in results:
            print(f"round {number + 1} of {arguments.rounds}: {engine}, {epochs} epochs …", file=sys.stderr, flush=True)
            command = [sys.executable, __file__, *sys.argv[1:], "--one", engine, "--epochs", str(epochs)]
            output = subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE).stdout
            results[engine, epochs].append(json.loads(output.splitlines()[-1]))
    medians = {
        key: {measure: statistics.median(result[measure] for result in rounds) for measure in rounds[0]}
        for key, rounds in results.items()
    }
    print_table(medians)
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


def print_table(medians):
    measures = next(iter(medians.values()))
    print("| engine | epochs |" + " | ".join(measures) + " |")
    print("|---" * (len(measures) + 2) + "|")
    for (engine, epochs), values in medians.items():
        print(f"| {engine} | {epochs} | " + " | ".join(f"{value:.3g}" for value in values.values()) + " |")


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


def parsed_options(text):
    """Names and values of ``name=value,name=value``."""
    options = dict(option.split("=") for option in text.split(",") if option)
    return {name: json.loads(value.lower()) for name, value in options.items()}


def run(name, arguments):
    """Train one engine in this process; return its measures, name -> number."""
    engine, _, options = name.partition(":")
    sizes = SIZES | {"vector_size": arguments.vector_size, "epochs": arguments.epochs[0]}
    options = sizes | parsed_options(options)
    documents, labels = read(arguments.corpus)
    vocabulary, vectors, seconds = ENGINES[engine](documents, **options)
    n_words = sum(map(len, documents)) * options["epochs"] / 1e6
    measures = {
        "fit s": seconds["fit"],
        "fit Mwords/s": n_words / seconds["fit"],
        "Mwords/s": n_words / seconds["training"],
        "import s": seconds.get("import", 0),
        "compile s": seconds.get("compilation", 0),
        "peak GB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6,
    }
    quality = {}
    known = {"restrict_vocab": MOST_FREQUENT, "case_insensitive": True, "dummy4unknown": False}
    for path in arguments.pairs:
        of_all = {**known, "delimiter": None, "restrict_vocab": len(vectors)}
        score = similarity_score(path, text_lines(path), vocabulary, vectors, **of_all)
        quality[Path(path).name.split(".")[0]] = float(score.spearman.statistic)
    if arguments.analogies:
        questions = arguments.analogies, text_lines(arguments.analogies)
        quality["analogies"] = analogy_score(*questions, vocabulary, vectors, **known).accuracy
    if arguments.test:
        quality["accuracy"] = accuracy(documents, labels, *read(arguments.test), vocabulary, vectors)
    return measures | quality | {"quality": statistics.mean(quality.values() or [np.nan])}


def train_sk_cbow(documents, offset=None, **options):
    seconds = {}
    start = time.perf_counter()
    import sk_cbow._model
    from sk_cbow import CBOWVectorizer

    seconds["import"] = time.perf_counter() - start
    sk_cbow._model.ModelConfig = partial(sk_cbow._model.ModelConfig, offset=offset)
    sk_cbow._model.train = timed(sk_cbow._model.train, seconds, "training")
    vectorizer = CBOWVectorizer(**{"random_state": 0} | options)
    clone(vectorizer).set_params(epochs=1).fit(documents)
    first_epoch = seconds["training"]
    timed(vectorizer.fit, seconds, "fit")(documents)
    seconds["compilation"] = first_epoch - seconds["training"] / vectorizer.epochs
    return vectorizer.vocabulary_, vectorizer.embeddings_, seconds


def train_gensim(documents, epochs, **options):
    from gensim.models import Word2Vec

    seconds = {}
    model = Word2Vec(**{"sg": 0, "workers": N_CORES, "seed": 0} | options)
    start = time.perf_counter()
    model.build_vocab(documents)
    timed(model.train, seconds, "training")(documents, total_examples=model.corpus_count, epochs=epochs)
    seconds["fit"] = time.perf_counter() - start
    return model.wv.key_to_index, model.wv.vectors, seconds


def train_fasttext(documents, vector_size, window, min_count, negative, epochs, **options):
    import fasttext

    seconds = {}
    with tempfile.NamedTemporaryFile("w") as file:
        file.writelines(" ".join(tokens) + "\n" for tokens in documents)
        file.flush()
        model = timed(fasttext.train_unsupervised, seconds, "training")(
            file.name,
            **{"model": "cbow", "maxn": 0, "thread": N_CORES, "verbose": 0} | options,
            dim=vector_size,
            ws=window,
            minCount=min_count,
            neg=negative,
            epoch=epochs,
        )
    seconds["fit"] = seconds["training"]
    words = model.get_words()
    return {word: row for row, word in enumerate(words)}, np.stack([model.get_word_vector(w) for w in words]), seconds


ENGINES = {"sk_cbow": train_sk_cbow, "gensim": train_gensim, "fasttext": train_fasttext}


def timed(function, seconds, name):
    def call(*arguments, **options):
        start = time.perf_counter()
        result = function(*arguments, **options)
        seconds[name] = time.perf_counter() - start
        return result

    return call


def lines(path):
    with (gzip.open if path.endswith(".gz") else open)(path, "rt", encoding="utf-8") as file:
        yield from file


def read(path):
    """The documents of a file, each a list of tokens, and their labels, None in a .txt file."""
    if ".tsv" not in path:
        return [line.split() for line in lines(path)], None
    labels, texts = zip(*(line.rstrip("\n").split("\t", 1) for line in lines(path)), strict=True)
    return [re.findall(r"(?u)\b\w\w+\b", text.lower()) for text in texts], labels


def accuracy(train, y_train, test, y_test, vocabulary, vectors):
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    def means(documents):
        known = ([vocabulary[token] for token in tokens if token in vocabulary] for tokens in documents)
        return np.stack([vectors[rows].mean(axis=0) if rows else np.zeros(vectors.shape[1]) for rows in known])

    classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    return classifier.fit(means(train), y_train).score(means(test), y_test)


if __name__ == "__main__":
    main()
