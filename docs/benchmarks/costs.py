"""Cost as work grows: seconds and memory of a fit against tokens, vocabulary, vector size and window.

    python docs/benchmarks/costs.py
    python docs/benchmarks/costs.py --corpus corpus.txt.gz
    python docs/benchmarks/costs.py --tokens 50000000 1000000000

The text is synthetic: every token of the vocabulary once, the rest drawn with probability 1 / rank (Zipf), in
documents of 250 tokens, which come from a generator. One setting at a time departs from the base: 5 million tokens,
100,000 of them distinct, vector_size 100, window 5. Each runs in a process of its own, in three rounds that alternate
between the settings, and fits one epoch twice. ``MB`` is the peak of the first fit beyond what the process held
before, the documents and, after a fit of a toy corpus, TensorFlow; ``bound MB`` is 2.5 times the table of vectors and
5 bytes per token, and 90 MB. The seconds are those of the second fit, which compiles nothing: ``read s`` of reading
the documents without the generator's own, ``train s`` of training; ``Mwords/s`` is the speed of both together, and
``relative`` to the base's of the same round; medians, with the lowest and the highest in brackets. With ``--corpus``,
the text is a file's, as `compare.py` reads it, and `min_count` is 5. With ``--tokens``, the settings are these
numbers of tokens, 200,000 of them distinct, the first is the base, and each is fitted once.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time

import numpy as np

BASE = {"tokens": 5_000_000, "vocabulary": 100_000, "vector_size": 100, "window": 5}
OTHERS = {
    "tokens": [1_000_000, 20_000_000],
    "vocabulary": [10_000, 1_000_000],
    "vector_size": [50, 300],
    "window": [2, 10, 20],
}


N_ROUNDS = 3
TOKENS_AT_A_TIME, TOKENS_PER_DOCUMENT = 2_500_000, 250


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", help="a .txt or .tsv file, perhaps .gz")
    parser.add_argument("--tokens", nargs="*", type=int, default=[])
    parser.add_argument("--one", type=json.loads, help=argparse.SUPPRESS)  # the setting to run in this process
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(run(arguments.corpus, bool(arguments.tokens), **arguments.one)))
        return
    settings = [BASE, *(BASE | {name: value} for name, values in OTHERS.items() for value in values)]
    if arguments.corpus:
        settings = [BASE | {"tokens": arguments.corpus, "vocabulary": "its own"}]
    if arguments.tokens:
        settings = [BASE | {"tokens": tokens, "vocabulary": 200_000} for tokens in arguments.tokens]
    rounds = [[measured(setting) for setting in settings] for _ in range(1 if arguments.tokens else N_ROUNDS)]
    names = ["setting", "read s", "train s", "Mwords/s", "relative", "MB", "bound MB"]
    print("| " + " | ".join(names) + " |\n" + "|---" * len(names) + "|")
    for number, setting in enumerate(settings):
        results = [results[number] for results in rounds]
        speeds = [result["Mwords/s"] for result in results]
        relative = [speed / results[0]["Mwords/s"] for speed, results in zip(speeds, rounds, strict=True)]
        cells = [f"{statistics.median(result[name] for result in results):.1f}" for name in ("read s", "train s")]
        cells += [f"{statistics.median(speeds):.2f}"]
        cells += [f"{statistics.median(relative):.2f} ({min(relative):.2f}-{max(relative):.2f})"]
        cells += [f"{max(result[name] for result in results):.0f}" for name in ("MB", "bound MB")]
        print("| " + " | ".join([departure(setting), *cells]) + " |")


def departure(setting):
    """How a setting departs from the base."""
    return ", ".join(f"{name} {value}" for name, value in setting.items() if value != BASE[name]) or "base"


def measured(setting):
    print(f"{setting} …", file=sys.stderr, flush=True)
    command = [sys.executable, *sys.argv, "--one", json.dumps(setting)]
    output = subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE).stdout
    return json.loads(output.splitlines()[-1])


def run(corpus, is_long, tokens, vocabulary, vector_size, window):
    from engines import begin_peak, memory, read, timed

    from sk_cbow import CBOWVectorizer

    seconds = {}

    class TimedVectorizer(CBOWVectorizer):
        def _read(self, *arguments):
            return timed(super()._read, seconds, "reading")(*arguments)

        def _train(self, *arguments):
            return timed(super()._train, seconds, "training")(*arguments)

    CBOWVectorizer(8, sample=0, epochs=1).fit([["a", "b"]] * 9)
    documents = read(corpus)[0] if corpus else ZipfText(tokens, vocabulary)
    n_words = sum(map(len, documents)) if corpus else tokens
    parameters = {"window": window, "min_count": 5 if corpus else 1, "epochs": 1, "random_state": 0}
    vectorizer = TimedVectorizer(vector_size, **parameters)
    before = begin_peak()
    vectorizer.fit(documents)
    peak = memory("VmHWM") - before
    if not is_long:
        vectorizer.fit(documents)
    start = time.perf_counter()
    for _ in documents:
        pass
    reading = seconds["reading"] - (time.perf_counter() - start)
    return {
        "read s": reading,
        "train s": seconds["training"],
        "Mwords/s": n_words / (reading + seconds["training"]) / 1e6,
        "MB": peak,
        "bound MB": (2.5 * vectorizer.embeddings_.nbytes + 5 * n_words) / 1e6 + 90,
    }


class ZipfText:
    """Documents that are generated each time they are read, always the same."""

    def __init__(self, n_tokens, n_distinct):
        self.n_tokens, self.words = n_tokens, np.array([f"w{rank}" for rank in range(n_distinct)], object)
        shares = np.cumsum(1 / np.arange(1, n_distinct + 1))
        self.ranks = np.searchsorted(shares, np.random.default_rng(0).random(2**24) * shares[-1]).astype(np.int32)

    def __iter__(self):
        rng = np.random.default_rng(1)
        n_left = self.n_tokens - len(self.words)
        yield from self.documents(np.arange(len(self.words)))
        while n_left > 0:
            drawn = self.ranks[rng.integers(0, len(self.ranks), min(n_left, TOKENS_AT_A_TIME))]
            n_left -= len(drawn)
            yield from self.documents(drawn)

    def documents(self, ranks):
        return map(np.ndarray.tolist, np.array_split(self.words[ranks], max(len(ranks) // TOKENS_PER_DOCUMENT, 1)))


if __name__ == "__main__":
    main()
