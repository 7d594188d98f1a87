"""
Training on a Dask cluster
==========================

How much do vectors lose when the documents are trained on in parts, side by side, and
the parts' changes are merged after each round? A cluster trains on the same docstrings
as `CBOWVectorizer`, and a classifier judges the vectors.
"""

# %%
# The docstrings of four libraries; the subpackage is the label.

import dask.bag
import matplotlib.pyplot as plt
import numpy as np
from distributed import Client, LocalCluster
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from docstrings import labelled_docstrings, rows_of_common, tokens
from sk_cbow import CBOWVectorizer
from sk_cbow.dask import DaskCBOWVectorizer

docstrings, subpackages = labelled_docstrings()
documents = [tokens(docstring) for docstring in docstrings]
rows = rows_of_common(subpackages)
print(
    f"{len(documents)} docstrings; {len(rows)} of {len(set(subpackages[rows]))} classes"
)


def accuracy(vectors):
    classifier = make_pipeline(StandardScaler(), LogisticRegression(C=0.1))
    return cross_val_score(classifier, vectors[rows], subpackages[rows], cv=5)


scores = {
    "no cluster": accuracy(
        CBOWVectorizer(random_state=0).fit_transform(documents)
    )
}

# %%
# The cluster gets the same documents as a bag of eight partitions. ``n_parts`` is the
# number of parts that are trained side by side, and belongs to the estimator: with one
# worker or with many, the vectors are the same, bit for bit. These workers are threads;
# leave out ``processes=False`` for processes, which a script has to start below
# ``if __name__ == "__main__":``.

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
    for n_parts in (2, 4):
        vectorizer = DaskCBOWVectorizer(n_parts=n_parts, random_state=0).fit(
            bag
        )
        scores[f"{n_parts} parts"] = accuracy(vectorizer.transform(documents))

for name, values in scores.items():
    print(
        f"{name:>12}: {np.mean(values):.3f} ({min(values):.3f} to {max(values):.3f})"
    )

# %%
# Points are the five folds.

figure, axes = plt.subplots(figsize=(6, 3), layout="constrained")
for position, values in enumerate(scores.values()):
    axes.plot(values, [position] * len(values), "o")
axes.set_yticks(range(len(scores)), scores)
axes.invert_yaxis()
axes.set_xlabel("accuracy of the subpackage, in five folds")
plt.show()
