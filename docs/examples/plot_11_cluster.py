"""
Training on a Dask cluster
==========================

On a cluster, parts of the documents are trained on in parallel, and their changes are
merged after each round. How much accuracy is lost compared with `CBOWVectorizer`? A
classifier on the same docstrings measures it. (The example needs Dask.)
"""

# %%
# The label of a docstring is its subpackage. The classifier has 20 labels per class, in
# five draws.

import re

import dask.bag
import matplotlib.pyplot as plt
import numpy as np
from distributed import Client, LocalCluster
from sklearn.linear_model import LogisticRegression

from sk_cbow import CBOWVectorizer
from sk_cbow.dask import DaskCBOWVectorizer
from sk_cbow.datasets import load_docstrings


def tokens(text):
    """Words of at least two letters, in lower case."""
    return re.findall(r"[a-z]\w+", text.lower())


def few_of_each(rows, subpackages, most, seed):
    """Draw at most `most` rows of each subpackage from `rows`."""
    drawn = np.random.default_rng(seed).permutation(rows)
    names = np.unique(subpackages[rows])
    return np.concatenate(
        [drawn[subpackages[drawn] == name][:most] for name in names]
    )


docstrings, subpackages = load_docstrings()
documents = [tokens(docstring)[:100] for docstring in docstrings]
names, sizes = np.unique(subpackages, return_counts=True)
rows = np.flatnonzero(np.isin(subpackages, names[sizes >= 40]))
print(f"{len(documents)} docstrings, the first 100 words of each")
print(f"{len(rows)} of them in {len(set(subpackages[rows]))} classes")


def accuracies(vectors):
    scores = []
    for draw in range(5):
        train = few_of_each(rows, subpackages, 20, seed=draw)
        test = np.setdiff1d(rows, train)
        classifier = LogisticRegression(C=10, max_iter=1000)
        classifier.fit(vectors[train], subpackages[train])
        scores.append(classifier.score(vectors[test], subpackages[test]))
    return np.array(scores)


vectors = CBOWVectorizer(norm="l2", random_state=0).fit_transform(documents)
scores = {"no cluster": accuracies(vectors)}

# %%
# The cluster gets the documents as a bag of eight partitions. ``n_parts`` is the number
# of parts that are trained in parallel. It is a parameter of the estimator, and the
# result does not depend on the number of workers. The workers here are threads; without
# ``processes=False`` they are processes, and a script then has to start the cluster
# below ``if __name__ == "__main__":``.

with (
    LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        processes=False,
        dashboard_address=":0",
    ) as cluster,
    Client(cluster),
):
    bag = dask.bag.from_sequence(documents, npartitions=8)
    vectorizer = DaskCBOWVectorizer(n_parts=4, norm="l2", random_state=0).fit(
        bag
    )
    scores["n_parts=4"] = accuracies(vectorizer.transform(documents))

for name, values in scores.items():
    print(f"{name:>10}: {values.mean():.3f} ± {values.std():.3f}")
differences = scores["n_parts=4"] - scores["no cluster"]
print(f"difference: {differences.mean():.3f} ± {differences.std():.3f}")

# %%
# Each point is one of five draws, which are the same for both. The bars are means.

figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
for position, values in enumerate(scores.values()):
    axes.plot(values, [position] * len(values), "o", markersize=9, alpha=0.7)
    axes.plot(values.mean(), position, "k|", markersize=30, markeredgewidth=3)
axes.set_yticks(range(len(scores)), scores)
axes.invert_yaxis()
axes.margins(y=0.5)
axes.set_xlabel("test accuracy in five draws", fontsize=13)
axes.set_title("Trained in parallel", fontsize=15)
axes.tick_params(labelsize=13)
axes.locator_params(axis="x", nbins=5)
axes.grid(alpha=0.3)
plt.show()

# %%
# With this seed, no loss of accuracy can be measured on this corpus. A corpus that one
# machine can hold needs no cluster; :doc:`/guide/distributed` says when one pays.
