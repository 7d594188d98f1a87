"""Cost as work grows: seconds and memory of a fit against tokens, vocabulary, vector size and window.

    python docs/benchmarks/costs.py
    python docs/benchmarks/costs.py --corpus corpus.txt.gz

The text is synthetic: every token of the vocabulary once, the rest drawn with probability 1 / rank (Zipf), in documents
of 250 tokens. One setting at a time departs from the base: 5 million tokens, 100,000 of them distinct, vector_size 100,
window 5. Each runs in a process of its own and fits one epoch twice. ``MB`` is the peak of the first fit beyond what
the process held before, the documents and, after a fit of a toy corpus, TensorFlow; ``bound MB`` is 2.5 times the table
of vectors and 24 bytes per token. The seconds are those of the second fit, which compiles nothing: ``fit s`` the whole,
``Mwords/s`` of its training, ``relative`` to the base's. With ``--corpus``, the text is a file's, as `compare.py` reads
it, and `min_count` is 5.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

import numpy as np

BASE = {"tokens": 5_000_000, "vocabulary": 100_000, "vector_size": 100, "window": 5}
OTHERS = {
    "tokens": [1_000_000, 20_000_000],
    "vocabulary": [10_000, 1_000_000],
    "vector_size": [50, 300],
    "window": [2, 10, 20],
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", help="a .txt or .tsv file, perhaps .gz")
    parser.add_argument("--one", type=json.loads, help=argparse.SUPPRESS)  # the setting to run in this process
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(run(arguments.corpus, **arguments.one)))
        return
    settings = [BASE, *(BASE | {name: value} for name, values in OTHERS.items() for value in values)]
    if arguments.corpus:
        settings = [{"tokens": arguments.corpus, "vocabulary": "its own", "vector_size": 100, "window": 5}]
    print("| tokens | vocabulary | vector_size | window | fit s | Mwords/s | relative | MB | bound MB |")
    print("|---" * 9 + "|")
    base_speed = None
    for setting in settings:
        command = [sys.executable, *sys.argv, "--one", json.dumps(setting)]
        output = subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE).stdout
        seconds, speed, peak, bound = json.loads(output.splitlines()[-1])
        base_speed = base_speed or speed
        numbers = f"{seconds:.1f} | {speed:.2f} | {speed / base_speed:.2f} | {peak:.0f} | {bound:.0f}"
        print("| " + " | ".join(map(str, setting.values())) + f" | {numbers} |", flush=True)


def run(corpus, tokens, vocabulary, vector_size, window):
    from engines import read, timed

    import sk_cbow._model
    from sk_cbow import CBOWVectorizer

    documents = read(corpus)[0] if corpus else zipf_text(tokens, vocabulary)
    n_words = sum(map(len, documents))
    seconds = {}
    sk_cbow._model.train = timed(sk_cbow._model.train, seconds, "training")
    CBOWVectorizer(8, sample=0, epochs=1).fit([["a", "b"]] * 9)
    min_count = 5 if corpus else 1
    vectorizer = CBOWVectorizer(vector_size, window=window, min_count=min_count, epochs=1, random_state=0)
    before = memory("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # begins a new peak
    vectorizer.fit(documents)
    peak = memory("VmHWM") - before
    timed(vectorizer.fit, seconds, "fit")(documents)
    bound = (2.5 * vectorizer.embeddings_.nbytes + 24 * n_words) / 1e6
    return seconds["fit"], n_words / seconds["training"] / 1e6, peak, bound


def zipf_text(n_tokens, n_distinct):
    rng = np.random.default_rng(0)
    cumulative = np.cumsum(1 / np.arange(1, n_distinct + 1))
    drawn = np.searchsorted(cumulative, rng.random(n_tokens - n_distinct) * cumulative[-1])
    ranks = rng.permutation(np.concatenate((np.arange(n_distinct), drawn)))
    words = [f"w{rank}" for rank in range(n_distinct)]
    return [[words[rank] for rank in part] for part in np.array_split(ranks, n_tokens // 250)]


def memory(field):
    """Resident memory of this process in MB, now (VmRSS) or at most (VmHWM)."""
    status = Path("/proc/self/status").read_text()
    return int(status.split(f"{field}:")[1].split()[0]) * 1024 / 1e6


if __name__ == "__main__":
    main()
