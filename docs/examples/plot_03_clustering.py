"""
Cluster documents
=================

Does k-means on document vectors find the subpackages of scipy without being given them?
And which words describe a cluster?
"""

# %%
# The docstrings of the nine subpackages of scipy that have at least forty. The labels
# are only used to judge the clusters.

import re

import matplotlib.pyplot as plt
import numpy as np
from sklearn.cluster import KMeans
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics import adjusted_rand_score, v_measure_score
from sklearn.metrics.cluster import contingency_matrix
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer

from sk_cbow import CBOWVectorizer
from sk_cbow.datasets import load_docstrings


def tokens(text):
    """Words of at least two letters, in lower case."""
    return re.findall(r"[a-z]\w+", text.lower())


docstrings, subpackages = load_docstrings()
names, sizes = np.unique(subpackages, return_counts=True)
common = np.flatnonzero(np.isin(subpackages, names[sizes >= 40]))
rows = common[np.char.startswith(subpackages[common], "scipy.")]
documents = [tokens(docstrings[row]) for row in rows]
names, labels = np.unique(subpackages[rows], return_inverse=True)
names = [name.removeprefix("scipy.") for name in names]
print(len(documents), "documents,", sum(map(len, documents)), "tokens")
print(*names)

# %%
# Agreement with the subpackages
# ------------------------------
#
# CBOW has the guide's parameters for documents. All vectors are scaled to unit length;
# ``norm="l2"`` also centres those of CBOW. Each vectorizer is fitted with three seeds
# (tf-idf has none), and k-means runs with three on each result. The adjusted Rand index
# and the V-measure are 1 for perfect agreement; for random clusters, the former is 0
# and the latter near it.


def cbow(seed):
    return CBOWVectorizer(
        document_context=1, weighting="idf", norm="l2", random_state=seed
    )


def tfidf():
    return TfidfVectorizer(analyzer=list, sublinear_tf=True)


def lsa(seed):
    return make_pipeline(
        tfidf(), TruncatedSVD(100, random_state=seed), Normalizer()
    )


vectorizers = {
    "CBOW": [cbow(seed) for seed in range(3)],
    "LSA": [lsa(seed) for seed in range(3)],
    "tf-idf": [tfidf()],
}
scores, first_runs = {}, {}
for name, fits in vectorizers.items():
    scores[name] = []
    for vectorizer in fits:
        vectors = vectorizer.fit_transform(documents)
        for seed in range(3):
            kmeans = KMeans(len(names), n_init=2, random_state=seed)
            clusters = kmeans.fit_predict(vectors)
            first_runs.setdefault(name, kmeans)
            scores[name].append(
                (
                    adjusted_rand_score(labels, clusters),
                    v_measure_score(labels, clusters),
                )
            )

print(f"{'':8}{'adjusted Rand':>16}{'V-measure':>16}{'runs':>6}")
for name, values in scores.items():
    (rand, v_measure), (rand_std, v_std) = np.mean(values, 0), np.std(values, 0)
    print(
        f"{name:8}{rand:8.3f} ± {rand_std:.3f}{v_measure:8.3f} ± {v_std:.3f}"
        f"{len(values):6}"
    )

# %%
# CBOW agrees best.
#
# Words for a cluster
# -------------------
#
# A cluster's centre points from the mean of all documents to those of the cluster, in
# the space of the words. ``most_similar`` takes it in place of a token. Rare words are
# left out, as their vectors are less reliable.

kmeans, vectorizer = first_runs["CBOW"], vectorizers["CBOW"][0]
table = contingency_matrix(labels, kmeans.labels_)
order = np.argsort(table.argmax(axis=0), kind="stable")  # by largest subpackage
counts = dict(
    zip(vectorizer.vocabulary_, vectorizer.token_counts_, strict=True)
)
for number, cluster in enumerate(order):
    centre = kmeans.cluster_centers_[cluster]
    neighbours = vectorizer.most_similar(centre, topn=len(counts))
    frequent = [token for token, _ in neighbours if counts[token] >= 100]
    print(f"{number}:", *frequent[:6])

# %%
# The clusters (columns) contain these numbers of documents of each subpackage (rows).
# The darker a field, the larger its part of the subpackage.

figure, axes = plt.subplots(figsize=(6, 4.2), layout="constrained")
axes.imshow(
    table[:, order] / table.sum(axis=1, keepdims=True),
    cmap="Blues",
    vmin=0,
    vmax=1,
    aspect="auto",
)
for row, sizes in enumerate(table[:, order]):
    for column, size in enumerate(sizes):
        if size:
            is_dark = size > sizes.sum() / 2
            axes.text(
                column,
                row,
                size,
                ha="center",
                va="center",
                fontsize=11,
                color="white" if is_dark else "black",
            )
axes.set_yticks(range(len(names)), names, fontsize=12)
axes.set_xticks(range(len(names)))
axes.set_xlabel("cluster", fontsize=12)
plt.show()

# %%
# On this corpus, k-means finds the subpackages better from vectors of CBOW than from
# those of LSA or tf-idf. No method finds them exactly. k-means prefers clusters of
# similar size: it divides the largest subpackages, ``special`` and ``stats``, and
# merges smaller ones with a common topic, such as ``linalg`` and ``sparse``.
