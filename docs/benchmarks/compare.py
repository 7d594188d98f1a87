"""Compare sk_cbow with gensim and fastText: the same tokens, each engine in a process of its own, one table out.

    python docs/benchmarks/compare.py corpus.txt.gz --pairs wordsim353.txt men.txt --analogies analogies.txt.gz
    python docs/benchmarks/compare.py train.tsv.gz --test test.tsv.gz --engines sk_cbow gensim:alpha=0.05,epochs=20

A corpus has a document a line: tokens between spaces in a ``.txt`` file, ``label<TAB>text`` in a ``.tsv`` file, whose
texts are split as scikit-learn does. With ``--test``, a logistic regression on standardized document vectors learns
the labels of the corpus and is scored on the other file. Rounds alternate between the engines; the table has medians.

An engine's name may carry options of its own, which override the common ones. ``words/s`` are the corpus's words times
epochs per second of training: gensim's after ``build_vocab``; sk_cbow's after the vocabulary, compilation included;
fastText's with the vocabulary, for it reads a file. ``fit`` is the whole, vocabulary included and imports not.
"""

import argparse
import gzip
import json
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

SIZES = {"vector_size": 100, "window": 5, "min_count": 5, "negative": 5, "epochs": 5}
MOST_FREQUENT = 30_000  # analogies are asked among so many words


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", help="a .txt or .tsv file, perhaps .gz")
    parser.add_argument("--test", help="a .tsv file whose labels are to be told")
    parser.add_argument("--pairs", nargs="*", default=[], help="files of two words and a human similarity a line")
    parser.add_argument("--analogies", help="a file of four words a line")
    parser.add_argument("--engines", nargs="*", default=["sk_cbow", "gensim", "gensim:alpha=0.05", "fasttext"])
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--one", help=argparse.SUPPRESS)  # the engine to run in this process
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(run(arguments.one, arguments)))
        return
    results = {engine: [] for engine in arguments.engines}
    for number in range(arguments.rounds):
        for engine in arguments.engines:
            print(f"round {number + 1} of {arguments.rounds}: {engine} …", file=sys.stderr, flush=True)
            command = [sys.executable, __file__, *sys.argv[1:], "--one", engine]
            output = subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE).stdout
            results[engine].append(json.loads(output.splitlines()[-1]))
    print_table(results)


def print_table(results):
    first = next(iter(results.values()))[0]
    print("| engine |" + " | ".join(first) + " |")
    print("|---" * (len(first) + 1) + "|")
    for engine, rounds in results.items():
        medians = (statistics.median(result[measure] for result in rounds) for measure in first)
        print(f"| {engine} | " + " | ".join(f"{median:.3f}" for median in medians) + " |")
    peer = next((engine for engine in results if engine.startswith("gensim")), None)
    if peer and "sk_cbow" in results:
        speed = {engine: [result["Mwords/s"] for result in results[engine]] for engine in ("sk_cbow", peer)}
        ratios = [ours / theirs for ours, theirs in zip(speed["sk_cbow"], speed[peer], strict=True)]
        shown = ", ".join(f"{ratio:.2f}" for ratio in ratios)
        print(f"\nwords/s of sk_cbow over {peer}: median {statistics.median(ratios):.2f} of {shown}")


def run(name, arguments):
    """Train one engine in this process; return its measures, name -> number."""
    engine, _, options = name.partition(":")
    options = dict(option.split("=") for option in options.split(",") if option)
    options = SIZES | {key: json.loads(value.lower()) for key, value in options.items()}
    documents, labels = read(arguments.corpus)
    n_words = sum(map(len, documents)) * options["epochs"]
    vocabulary, vectors, seconds = ENGINES[engine](documents, **options)
    measures = {
        "fit s": seconds["fit"],
        "Mwords/s": n_words / seconds["training"] / 1e6,
        "peak GB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6,
    }
    for path in arguments.pairs:
        measures[Path(path).name.split(".")[0]] = similarity_score(path, vocabulary, vectors)
    if arguments.analogies:
        measures["analogies"] = analogy_score(arguments.analogies, vocabulary, vectors)
    if arguments.test:
        measures["accuracy"] = accuracy(documents, labels, *read(arguments.test), vocabulary, vectors)
    return measures


def train_sk_cbow(documents, **options):
    import sk_cbow._model  # TensorFlow's import is not part of the comparison
    from sk_cbow import CBOWVectorizer

    seconds = {}
    sk_cbow._model.train = timed(sk_cbow._model.train, seconds, "training")
    vectorizer = CBOWVectorizer(**{"random_state": 0} | options)
    timed(vectorizer.fit, seconds, "fit")(documents)
    return vectorizer.vocabulary_, vectorizer.embeddings_, seconds


def train_gensim(documents, epochs, **options):
    from gensim.models import Word2Vec

    seconds = {}
    model = Word2Vec(**{"sg": 0, "workers": 2, "seed": 0} | options)
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
            **{"model": "cbow", "maxn": 0, "thread": 2, "verbose": 0} | options,
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


def unit(vectors):
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)


def similarity_score(path, vocabulary, vectors):
    """Spearman's correlation of cosine and human similarity, over the pairs whose words are known."""
    from scipy.stats import spearmanr

    pairs = [line.lower().split() for line in lines(path)]
    known = [(vocabulary[a], vocabulary[b], float(human)) for a, b, human in pairs if {a, b} <= vocabulary.keys()]
    first, second, human = zip(*known, strict=True)
    vectors = unit(vectors)
    return float(spearmanr(np.sum(vectors[list(first)] * vectors[list(second)], axis=1), human).statistic)


def analogy_score(path, vocabulary, vectors):
    """Share of the questions "a is to b as c to ?" answered, the words of a question left out of its answers."""
    vectors = unit(vectors[:MOST_FREQUENT])
    questions = (line.lower().split() for line in lines(path) if not line.startswith(":"))
    rows = ([vocabulary.get(word, len(vectors)) for word in question] for question in questions)
    rows = np.array([question for question in rows if max(question) < len(vectors)])
    n_right = 0
    for a, b, c, answer in (part.T for part in np.array_split(rows, len(rows) // 1000 + 1)):
        cosine = (vectors[b] - vectors[a] + vectors[c]) @ vectors.T
        for asked in (a, b, c):
            cosine[np.arange(len(asked)), asked] = -np.inf
        n_right += np.sum(cosine.argmax(axis=1) == answer)
    return float(n_right / len(rows))


if __name__ == "__main__":
    main()
