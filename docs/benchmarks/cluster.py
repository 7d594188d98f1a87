"""Training on a Dask cluster: the quality of vectors trained in parts, and the time of computing and communicating.

    python docs/benchmarks/cluster.py corpus.txt.gz --pairs wordsim353.txt men.txt --analogies analogies.txt.gz
    python docs/benchmarks/cluster.py corpus.txt.gz --parts 2 --workers 1 2

The corpus is a ``.txt`` file as `compare.py` reads it. For each number of parts, `DaskCBOWVectorizer` trains on a
`LocalCluster` of each number of workers, processes with one core each, after a first fit of one epoch that compiles.
With ``--pairs`` and ``--analogies``, `CBOWVectorizer` also trains on the same documents, shown as ``parts`` 0. A row
shows the seconds of training without reading the corpus; the seconds per worker and round of computing, of receiving
data and of waiting; the megabytes that a worker receives in a round; and ``quality``, the mean of the scores.
"""

import argparse
import os
import statistics
import time

import dask
from distributed import Client, LocalCluster, get_client, get_task_stream
from engines import lines

from sk_cbow import CBOWVectorizer
from sk_cbow.dask import DaskCBOWVectorizer
from sk_cbow.evaluation import analogy_score, similarity_score

N_PARTITIONS = 8
OF_TRAINING = ("train_part-", "difference-", "merge-", "apply_change-")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", help="a .txt file, perhaps .gz")
    parser.add_argument("--pairs", nargs="*", default=[], help="files of two words and a human similarity a line")
    parser.add_argument("--analogies", help="a file of four words per line")
    parser.add_argument("--parts", nargs="*", type=int, default=[2, 4, 8])
    parser.add_argument("--workers", nargs="*", type=int, default=[2])
    parser.add_argument("--epochs", nargs="*", type=int, default=[5])
    parser.add_argument("--rounds", nargs="*", type=int, default=[10], help="of merging, per epoch")
    parser.add_argument("--seeds", nargs="*", type=int, default=[0])
    arguments = parser.parse_args()
    print("| workers | parts | rounds | epochs | seed | training s | computing | receiving | waiting | MB | quality |")
    print("|---" * 11 + "|")
    if arguments.pairs:
        documents = [line.split() for line in lines(arguments.corpus)]
        for epochs in arguments.epochs:
            for seed in arguments.seeds:
                start = time.perf_counter()
                vectorizer = CBOWVectorizer(epochs=epochs, random_state=seed).fit(documents)
                seconds = time.perf_counter() - start
                scores = quality(vectorizer, arguments)
                print(f"| 1 | 0 | | {epochs} | {seed} | {seconds:.1f} (all) | | | | | {scores} |", flush=True)
    for n_workers in arguments.workers:
        options = {"n_workers": n_workers, "threads_per_worker": 1, "dashboard_address": ":0"}
        with LocalCluster(**options, memory_limit=None) as cluster, Client(cluster) as client:
            for number, worker in enumerate(client.scheduler_info()["workers"]):
                client.run(os.sched_setaffinity, 0, {number % os.cpu_count()}, workers=[worker])
            for n_parts in arguments.parts:
                for n_rounds in arguments.rounds:
                    for epochs in [1, *arguments.epochs]:
                        for seed in arguments.seeds if epochs > 1 else [0]:
                            run(arguments, n_workers, n_parts, n_rounds, epochs, seed)


def run(arguments, n_workers, n_parts, n_rounds, epochs, seed):
    partitions = [read_partition(arguments.corpus, number) for number in range(N_PARTITIONS)]
    vectorizer = DaskCBOWVectorizer(n_parts=n_parts, n_rounds=n_rounds, epochs=epochs, random_state=seed)
    client = get_client()
    with get_task_stream() as stream:
        vectorizer.fit(partitions)
    tasks = [task for task in stream.data if str(task["key"]).startswith(OF_TRAINING)]
    startstops = [startstop for task in tasks for startstop in task["startstops"]]
    seconds = max(part["stop"] for part in startstops) - min(part["start"] for part in startstops)
    per_round = n_workers * n_rounds * epochs
    computing, receiving = (
        sum(part["stop"] - part["start"] for part in startstops if part["action"] == action) / per_round
        for action in ("compute", "transfer")
    )
    waiting = seconds / n_rounds / epochs - computing - receiving
    transfers = [transfer for log in client.run(received).values() for transfer in log]
    begin = min(part["start"] for part in startstops)
    n_bytes = sum(transfer["total"] for transfer in transfers if transfer["start"] > begin) / per_round
    if epochs > 1:
        print(
            f"| {n_workers} | {n_parts} | {n_rounds} | {epochs} | {seed} | {seconds:.1f} | {computing:.2f} | "
            f"{receiving:.2f} | {waiting:.2f} | {n_bytes / 1e6:.0f} | {quality(vectorizer, arguments)} |",
            flush=True,
        )


def received(dask_worker):
    return list(dask_worker.transfer_incoming_log)


@dask.delayed
def read_partition(path, number):
    return [line.split() for line in list(lines(path))[number::N_PARTITIONS]]


def quality(vectorizer, arguments):
    scores = [similarity_score(vectorizer, path).spearman.statistic for path in arguments.pairs]
    if arguments.analogies:
        scores.append(analogy_score(vectorizer, arguments.analogies, restrict_vocab=30_000).accuracy)
    return f"{statistics.mean(scores):.3f}" if scores else ""


if __name__ == "__main__":
    main()
