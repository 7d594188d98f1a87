"""
tf-idf and word vectors together
================================

Word vectors help with few labels, tf-idf with many. Can a classifier have both? A
``FeatureUnion`` puts their features side by side. Is it better than each alone, and
which weight should the word vectors have?
"""

# %%
# Data
# ----
#
# Docstrings, of which a document is the first 50 words. The vectorizers read all of
# them, without labels. The task is to predict the subpackage, for those with at least
# 40 docstrings.

import re

import matplotlib.pyplot as plt
import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import FeatureUnion

from sk_cbow import CBOWVectorizer
from sk_cbow.datasets import load_docstrings


def tokens(text):
    """Words of at least two letters, in lower case."""
    return re.findall(r"[a-z]\w+", text.lower())


docstrings, subpackages = load_docstrings()
documents = [tokens(docstring)[:50] for docstring in docstrings]
names, sizes = np.unique(subpackages, return_counts=True)
common = np.flatnonzero(np.isin(subpackages, names[sizes >= 40]))
labels = subpackages[common]
print(f"{len(documents)} documents, {len(common)} of them with labels")
print(f"{len(set(labels))} classes")

# %%
# Side by side
# ------------
#
# A penalty, like all distances, depends on the lengths of the vectors, so both parts
# get a known one. ``TfidfVectorizer`` returns vectors of unit length. Document vectors
# of CBOW are centred on their mean and scaled to unit length by ``norm="l2"``, and
# ``transformer_weights`` multiplies them by .7.

tfidf = TfidfVectorizer(
    analyzer=list, min_df=2, sublinear_tf=True, dtype=np.float32
)
cbow = CBOWVectorizer(
    document_context=1, weighting="idf", norm="l2", random_state=0
)
union = FeatureUnion(
    [("tfidf", tfidf), ("cbow", cbow)], transformer_weights={"cbow": 0.7}
)
labelled_documents = [documents[row] for row in common]
both = union.fit(documents).transform(labelled_documents)
vectors = {
    "both": both,
    "CBOW": union["cbow"].transform(labelled_documents),
    "tf-idf": union["tfidf"].transform(labelled_documents),
}
for name, X in vectors.items():
    print(f"{name:>6}: {X.shape[1]} features")

# %%
# Few labels and many
# -------------------
#
# In each of five runs, a random half of the documents is the training set. The
# classifier gets 2, 5 or 20 labels per class of it, or all. The penalty ``C`` is the
# same for all. Numbers are means and standard deviations of the test accuracy.


def few_of_each(rows, most):
    """The first rows of each class, at most `most`."""
    classes = np.unique(labels)
    return np.concatenate(
        [rows[labels[rows] == name][:most] for name in classes]
    )


def accuracy(X, labelled, scored):
    classifier = LogisticRegression(C=10, tol=1e-3, max_iter=1000)
    classifier.fit(X[labelled], labels[labelled])
    return classifier.score(X[scored], labels[scored])


halves = [
    train_test_split(
        np.arange(len(labels)), test_size=0.5, stratify=labels, random_state=run
    )
    for run in range(5)
]
label_counts = [2, 5, 20, len(labels)]
ticks = ["2", "5", "20", "all"]
scores = {
    name: np.array(
        [
            [accuracy(X, few_of_each(train, n), test) for train, test in halves]
            for n in label_counts
        ]
    )
    for name, X in vectors.items()
}

print("labels per class" + "".join(f"{name:>14}" for name in scores))
for row, tick in enumerate(ticks):
    cells = [
        f"{values[row].mean():.3f} ± {values[row].std():.3f}"
        for values in scores.values()
    ]
    print(f"{tick:>16}" + "".join(f"{cell:>14}" for cell in cells))

# %%

figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
for shift, (name, values) in zip(
    (-0.05, 0, 0.05), scores.items(), strict=True
):  # so that the bars can be told apart
    axes.errorbar(
        np.arange(len(ticks)) + shift,
        values.mean(axis=1),
        values.std(axis=1),
        marker="o",
        linewidth=2.5,
        capsize=4,
        label=name,
    )
axes.set_xticks(range(len(ticks)), ticks)
axes.set_xlabel("labels per class", fontsize=13)
axes.set_ylabel("test accuracy", fontsize=13)
axes.set_title(f"{len(set(labels))} classes", fontsize=15)
axes.tick_params(labelsize=12)
axes.grid(alpha=0.3)
axes.legend(fontsize=13)
plt.show()

# %%
# In a run, all methods have the same labels, so their differences vary less than the
# accuracies:

for name in ("CBOW", "tf-idf"):
    print(f"both, compared with {name}:")
    for tick, differences in zip(
        ticks, scores["both"] - scores[name], strict=True
    ):
        mean, std = differences.mean(), differences.std()
        print(f"    {tick:>3} labels per class: {mean:+.3f} ± {std:.3f}")

# %%
# Which weight?
# -------------
#
# A weight of .7 gives the word vectors half the squared length of tf-idf's, since
# :math:`.7^2 \approx \tfrac12`. Other weights are compared on training documents
# only: the classifier learns from half of them, and is scored on the other half. The
# vectorizers need not be fitted again.

weights = [0, 0.35, 0.5, 0.7, 1, 1.4]
weight_scores = {"5": [], "all": []}
for weight in weights:
    union.set_params(transformer_weights={"cbow": weight})
    X = union.transform(labelled_documents)
    for tick, n in (("5", 5), ("all", len(labels))):
        weight_scores[tick].append(
            [
                accuracy(X, few_of_each(train[::2], n), train[1::2])
                for train, _ in halves[:2]
            ]
        )

print("labels per class" + "".join(f"{weight:>7}" for weight in weights))
for tick, values in weight_scores.items():
    means = np.mean(values, axis=1)
    print(f"{tick:>16}" + "".join(f"{mean:7.3f}" for mean in means))

# %%
# From .5 to 1, the accuracy hardly depends on the weight.
#
# **Takeaway.** Put word vectors beside tf-idf, with a weight of .7. With few labels,
# the union is about as good as the word vectors alone, and with many, it is better
# than each part. If there are enough labels for cross-validation, a grid search over
# ``transformer_weights`` can choose the weight for your documents.
# :doc:`The benchmarks </benchmarks/README>` compare weights on four other corpora.
