"""
Classify with few labels
========================

A classifier on top of tf-idf knows nothing of a word that occurs in none of its
labelled documents. Word vectors learn from *all* documents, labelled or not, which
words are used alike, and so a handful of labels goes further. Here, the task is to tell
from one line of text which subpackage it belongs to: "Compute the Cholesky
decomposition of a matrix" belongs to scipy.linalg.
"""

# %%
# A few thousand documents without labels, and the first lines of those that belong to a
# subpackage with at least 40 docstrings:

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer

from docstrings import (
    few_of_each,
    first_line,
    labelled_docstrings,
    rows_of_common,
    tokens,
)
from sk_cbow import CBOWVectorizer

docstrings, subpackages = labelled_docstrings()
documents = [tokens(docstring) for docstring in docstrings]
common = rows_of_common(subpackages)
lines = [tokens(first_line(docstrings[row])) for row in common]
labels = subpackages[common]
n_tokens = sum(map(len, documents))
print(f"{len(documents)} documents, {n_tokens / 1e6:.1f} million tokens")
mean_length = np.mean([len(line) for line in lines])
print(
    f"{len(lines)} lines of {mean_length:.0f} tokens, {len(set(labels))} classes"
)

# %%
# Three vectorizers read all documents, and none of them sees a label: tf-idf, the same
# reduced to 100 dimensions (latent semantic analysis), and CBOW.

tfidf = TfidfVectorizer(analyzer=list, sublinear_tf=True)
vectorizers = {
    "CBOW": make_pipeline(
        CBOWVectorizer(epochs=10, window=10, weighting="idf", random_state=0),
        Normalizer(),
    ),
    "tf-idf": tfidf,
    "LSA": make_pipeline(
        tfidf, TruncatedSVD(100, random_state=0), Normalizer()
    ),
}
vectors = {
    name: vectorizer.fit(documents).transform(lines)
    for name, vectorizer in vectorizers.items()
}

# %%
# Half of the lines are for testing. Of the others, logistic regression sees the labels
# of 1, 2, 5 … of each class; accuracies are means over five draws.

rows, test_rows = train_test_split(
    np.arange(len(lines)), test_size=0.5, stratify=labels, random_state=0
)
numbers_of_labels = [1, 2, 5, 10, 20]
accuracy = {name: [] for name in vectors}
for n_labels in numbers_of_labels:
    draws = [few_of_each(rows, labels, n_labels, seed) for seed in range(5)]
    for name, X in vectors.items():
        scores = []
        for labelled in draws:
            classifier = LogisticRegression(C=10, max_iter=1000)
            with warnings.catch_warnings():
                # With one label per class, scikit-learn suspects a regression
                warnings.simplefilter("ignore")
                classifier.fit(X[labelled], labels[labelled])
            scores.append(classifier.score(X[test_rows], labels[test_rows]))
        accuracy[name].append(np.mean(scores))

print("labels per class" + "".join(f"{name:>9}" for name in accuracy))
for n_labels, *row in zip(numbers_of_labels, *accuracy.values(), strict=True):
    print(f"{n_labels:16}" + "".join(f"{value:9.3f}" for value in row))

# %%

figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
for name, values in accuracy.items():
    axes.plot(numbers_of_labels, values, marker="o", label=name)
axes.set_xscale("log")
axes.set_xticks(numbers_of_labels, numbers_of_labels)
axes.minorticks_off()
axes.set(
    xlabel="labelled lines of each class", ylabel="accuracy on the other half"
)
axes.grid(alpha=0.3)
axes.legend()
plt.show()

# %%
# The fewer labels, the more the vectors help. With many labels and long documents,
# tf-idf overtakes them: :doc:`/guide/when` has measurements on larger corpora.
