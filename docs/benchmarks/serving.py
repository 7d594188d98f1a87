"""Vectors in a service: nearest tokens, compared with gensim, and single documents.

    python docs/benchmarks/serving.py corpus.tsv.gz

Neighbours: a hundred random queries for the ten nearest of random vectors, in `most_similar` one by one, of gensim one
by one, and in one call of `most_similar`; a round takes each once. Memory is the peak of Python's and NumPy's
allocations during a query, after the first one, and what the first one leaves. Both have to find the same tokens.

Documents: `CBOWVectorizer.transform` and `TfidfVectorizer.transform`, which analyze strings alike, of all documents and
of the first hundred one by one; of these also as lists of tokens, without the analyzer, and `get_mean_vector` of gensim
with the same vectors.

All run on one thread: OMP_NUM_THREADS=1 (and OPENBLAS_NUM_THREADS=1) has to be set, so that BLAS has no others.
"""

import argparse
import statistics
import time
import tracemalloc

import numpy as np
from engines import lines
from gensim.models import KeyedVectors
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from threadpoolctl import threadpool_info

from sk_cbow import CBOWVectorizer, WordVectors

N_QUERIES = 100


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", help="a .tsv file, perhaps .gz, with a label and a text in each line")
    parser.add_argument("--shapes", nargs="+", default=["5000x100", "200000x100", "200000x300"])
    parser.add_argument("--rounds", type=int, default=9)
    arguments = parser.parse_args()
    if any(library["num_threads"] > 1 for library in threadpool_info()):
        parser.error("set OMP_NUM_THREADS=1 and OPENBLAS_NUM_THREADS=1")
    print_neighbours(arguments.shapes, arguments.rounds)
    print_documents([line.rstrip("\n").split("\t", 1)[1] for line in lines(arguments.corpus)], arguments.rounds)


def print_neighbours(shapes, n_rounds):
    print(
        "| vectors | ms per query | in one call of 100 | gensim | gensim's time, as a multiple | MB, kept | MB, peak |"
    )
    print("|---|---|---|---|---|---|---|")
    for shape in shapes:
        print_neighbours_among(*map(int, shape.split("x")), n_rounds)


def print_neighbours_among(n_tokens, vector_size, n_rounds):
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((n_tokens, vector_size), np.float32)
    tokens = [f"token{row}" for row in range(n_tokens)]
    queries = [[tokens[row]] for row in rng.integers(n_tokens, size=N_QUERIES)]
    ours = CBOWVectorizer.from_vectors(WordVectors(tokens, vectors))
    theirs = KeyedVectors(vector_size)
    theirs.add_vectors(tokens, vectors)
    memory = [memory_of(engine, tokens[0]) for engine in (ours, theirs)]
    seconds = alternate(
        n_rounds,
        lambda: [ours.most_similar(query) for query in queries],
        lambda: ours.most_similar(queries),
        lambda: [theirs.most_similar(query) for query in queries],
    )
    for query, neighbours in zip(queries, ours.most_similar(queries), strict=True):
        assert [token for token, _ in neighbours] == [token for token, _ in theirs.most_similar(query)]
    one, many, gensim = (f"{1000 * statistics.median(column) / N_QUERIES:.3f}" for column in seconds)
    kept, peak = (" / ".join(f"{value / 1e6:.1f}" for value in values) for values in zip(*memory, strict=True))
    ratio = ratios(seconds[2], seconds[0])
    print(f"| {n_tokens:,} x {vector_size} | {one} | {many} | {gensim} | {ratio} | {kept} | {peak} |", flush=True)


def memory_of(engine, token):
    """Bytes that the first query leaves, and the peak of a second one."""
    tracemalloc.start()
    engine.most_similar(token)
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.reset_peak()
    engine.most_similar(token)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return kept, peak - kept


def print_documents(texts, n_rounds):
    cbow = CBOWVectorizer(analyzer="word", epochs=1, random_state=0).fit(texts)
    tfidf = TfidfVectorizer().fit(texts)
    analyze = CountVectorizer().build_analyzer()
    on_lists = CBOWVectorizer.from_vectors(cbow.word_vectors())
    gensim = KeyedVectors(cbow.vector_size)
    gensim.add_vectors(list(cbow.vocabulary_), cbow.embeddings_)
    few = [text for text in texts if analyze(text)][:N_QUERIES]  # gensim cannot average no tokens
    lists = list(map(analyze, few))
    n_tokens = statistics.median(map(len, lists))
    print(f"\n{len(texts)} documents; the median of the first {len(few)} has {n_tokens:.0f} tokens\n")
    print("| | CBOWVectorizer | TfidfVectorizer | its time, as a multiple |\n|---|---|---|---|")
    ours, theirs = alternate(n_rounds, lambda: cbow.transform(texts), lambda: tfidf.transform(texts))
    print(f"| all, s | {statistics.median(ours):.2f} | {statistics.median(theirs):.2f} | {ratios(theirs, ours)} |")
    ours, theirs, without, means = alternate(
        n_rounds,
        lambda: [cbow.transform([text]) for text in few],
        lambda: [tfidf.transform([text]) for text in few],
        lambda: [on_lists.transform([tokens]) for tokens in lists],
        lambda: [gensim.get_mean_vector(tokens, pre_normalize=False) for tokens in lists],
    )
    micros = [f"{1e6 * statistics.median(column) / len(few):.0f}" for column in (ours, theirs, without, means)]
    print(f"| one by one, µs | {micros[0]} | {micros[1]} | {ratios(theirs, ours)} |")
    print(f"| lists one by one, µs; gensim | {micros[2]} | {micros[3]} | {ratios(means, without)} |")


def alternate(n_rounds, *calls):
    """Seconds of each call in each round; the first round, which is not counted, prepares what is kept."""
    seconds = [[] for _ in calls]
    for _ in range(n_rounds + 1):
        for column, call in zip(seconds, calls, strict=True):
            start = time.perf_counter()
            call()
            column.append(time.perf_counter() - start)
    return [column[1:] for column in seconds]


def ratios(theirs, ours):
    values = [a / b for a, b in zip(theirs, ours, strict=True)]
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


if __name__ == "__main__":
    main()
