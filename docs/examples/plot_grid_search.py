"""
Grid search over embedding hyperparameters
==========================================

A downstream classifier can tell which window and how many epochs work best. In a
``Pipeline``, ``GridSearchCV`` searches the hyperparameters of the embedding like any
others.
"""

# %%
# The documents are the first 40 words of each docstring, and the task is to tell its
# subpackage.

import matplotlib.pyplot as plt
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from docstrings import labelled_docstrings, rows_of_common, tokens
from sk_cbow import CBOWVectorizer

docstrings, subpackages = labelled_docstrings()
common = rows_of_common(subpackages)
documents = [tokens(docstrings[row])[:40] for row in common]
labels = subpackages[common]
n_tokens = sum(map(len, documents))
print(
    f"{len(documents)} documents, {n_tokens} tokens, {len(set(labels))} classes"
)

# %%
# For each split, the pipeline trains new vectors on the training documents only. The
# vectorizer's parameters are prefixed with its name and two underscores. Its
# ``random_state`` makes the comparison fair: any difference comes from the parameters.

windows, epochs = [2, 5, 10], [1, 3, 10]
pipeline = make_pipeline(
    CBOWVectorizer(vector_size=50, random_state=0),
    StandardScaler(),
    LogisticRegression(max_iter=500),
)
search = GridSearchCV(
    pipeline,
    {"cbowvectorizer__window": windows, "cbowvectorizer__epochs": epochs},
    cv=2,
)
_ = search.fit(documents, labels)
print("best:", search.best_params_)
print(f"accuracy in cross-validation: {search.best_score_:.3f}")

# %%
# One line per window; the bars end at the better and the worse fold. More epochs are
# the simplest way to better vectors on a corpus as small as this. The best window
# depends on the task: narrow windows see which words can replace each other, wide ones
# what a text is about.

results = search.cv_results_
figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
for window in windows:
    is_shown = results["param_cbowvectorizer__window"] == window
    axes.errorbar(
        results["param_cbowvectorizer__epochs"][is_shown].astype(int),
        results["mean_test_score"][is_shown],
        results["std_test_score"][
            is_shown
        ],  # of two folds, half their difference
        marker="o",
        capsize=3,
        label=f"window {window}",
    )
axes.set_xscale("log")
axes.set_xticks(epochs, epochs)
axes.minorticks_off()
axes.set(xlabel="epochs", ylabel="accuracy in cross-validation")
axes.grid(alpha=0.3)
axes.legend()
plt.show()

# %%
# What a search costs, and what ``n_jobs`` does for it, is told in :doc:`/guide/costs`.
