"""Parallel grid search with joblib and Dask, and training in forked processes.

    python docs/benchmarks/parallel.py train.tsv.gz

A grid search over two vector sizes and two windows, with three folds and a logistic regression, runs with `n_jobs` 1,
with 2 and on a Dask cluster of two processes. Each runs twice in a process of its own: the first search includes
imports and compilation, the second uses the same process or workers. Starting the cluster is not counted. ``MB`` is the
resident memory of the process and its workers after the searches. Then a process that has trained forks two children:
one transforms, the other trains; a child that has not finished after a minute is killed. Linux only (/proc).
"""

import argparse
import multiprocessing
import subprocess
import sys
import time
from pathlib import Path

import joblib
from distributed import Client, LocalCluster
from engines import read
from repeated_fits import resident_megabytes
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sk_cbow import CBOWVectorizer

GRID = {"cbowvectorizer__vector_size": [50, 100], "cbowvectorizer__window": [3, 5]}
PATIENCE = 60  # seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", help="a .tsv file, perhaps .gz")
    parser.add_argument("--one", help=argparse.SUPPRESS)  # what to do in this process
    arguments = parser.parse_args()
    if arguments.one is None:
        print("| n_jobs | first search, s | second search, s | MB |\n|---|---|---|---|", flush=True)
        for what in ["1", "2", "2, on Dask", "fork"]:
            subprocess.run([sys.executable, *sys.argv, "--one", what], check=True)
        return
    documents, labels = read(arguments.corpus)
    if arguments.one == "fork":
        fork(documents)
    elif arguments.one.isdigit():
        search(documents, labels, arguments.one, int(arguments.one))
    else:
        options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": ":0", "memory_limit": None}
        with LocalCluster(**options) as cluster, Client(cluster), joblib.parallel_config("dask"):
            search(documents, labels, arguments.one, None)


def search(documents, labels, name, n_jobs):
    vectorizer = CBOWVectorizer(random_state=0)
    pipeline = make_pipeline(vectorizer, StandardScaler(), LogisticRegression(max_iter=200))
    seconds = []
    for _ in range(2):
        start = time.perf_counter()
        GridSearchCV(pipeline, GRID, cv=3, n_jobs=n_jobs, refit=False).fit(documents, labels)
        seconds.append(time.perf_counter() - start)
    workers = " ".join(children.read_text() for children in Path("/proc/self/task").glob("*/children")).split()
    memory = sum(map(resident_megabytes, ["self", *workers]))
    print(f"| {name} | {seconds[0]:.0f} | {seconds[1]:.0f} | {memory:.0f} |", flush=True)


def fork(documents):
    vectorizer = CBOWVectorizer(epochs=1, random_state=0).fit(documents)
    context = multiprocessing.get_context("fork")
    print()
    for what in (vectorizer.transform, vectorizer.fit):
        child = context.Process(target=what, args=(documents,))
        child.start()
        child.join(PATIENCE)
        state = f"was not done after {PATIENCE} seconds" if child.is_alive() else f"ended with code {child.exitcode}"
        child.kill()
        print(f"{what.__name__} in a process forked after training {state}", flush=True)


if __name__ == "__main__":
    main()
