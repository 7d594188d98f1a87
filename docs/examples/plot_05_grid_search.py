"""
Grid search over embedding hyperparameters
==========================================

Which window and which learning rate are best for a task? In a ``Pipeline``,
``GridSearchCV`` searches the hyperparameters of the embedding like any others, and the
accuracy of a classifier decides.
"""

# %%
# Data
# ----
#
# The documents are the first 40 words of each docstring. The task is to predict the
# subpackage.

import re

import matplotlib.pyplot as plt
import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline

from sk_cbow import CBOWVectorizer
from sk_cbow.datasets import load_docstrings


def tokens(text):
    """Words of at least two letters, in lower case."""
    return re.findall(r"[a-z]\w+", text.lower())


docstrings, subpackages = load_docstrings()
names, sizes = np.unique(subpackages, return_counts=True)
common = np.flatnonzero(np.isin(subpackages, names[sizes >= 40]))
documents = [tokens(docstrings[row])[:40] for row in common]
labels = subpackages[common]
n_tokens = sum(map(len, documents))
print(f"{len(documents)} documents, {n_tokens} tokens")
print(f"{len(set(labels))} classes")

# %%
# Search
# ------
#
# In each split, the pipeline trains new vectors on the training documents only. The
# vectorizer's parameters are prefixed with its name and two underscores. The training
# step is compiled once per window. Five epochs save time.

windows, learning_rates = [2, 20], [0.1, 0.4, 1.6]
pipeline = make_pipeline(
    CBOWVectorizer(
        vector_size=50, max_vocab=1500, epochs=5, norm="l2", random_state=0
    ),
    LogisticRegression(C=10, max_iter=500),
)
search = GridSearchCV(
    pipeline,
    {
        "cbowvectorizer__window": windows,
        "cbowvectorizer__learning_rate": learning_rates,
    },
    cv=3,
)
search.fit(documents, labels)
for name, value in search.best_params_.items():
    print(f"{name} = {value}")
deviation = search.cv_results_["std_test_score"][search.best_index_]
print(f"accuracy: {search.best_score_:.3f} ± {deviation:.3f} (three folds)")

# %%
# The baseline is tf-idf with the same classifier and the same folds:

baseline = make_pipeline(
    TfidfVectorizer(analyzer=list, sublinear_tf=True),
    LogisticRegression(C=10, max_iter=500),
)
tfidf_scores = cross_val_score(baseline, documents, labels, cv=3)
print(f"tf-idf: {tfidf_scores.mean():.3f} ± {tfidf_scores.std():.3f}")

# %%

results = search.cv_results_
figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
for shift, window in zip((0.98, 1.02), windows, strict=True):
    is_shown = results["param_cbowvectorizer__window"] == window
    axes.errorbar(
        results["param_cbowvectorizer__learning_rate"][is_shown].astype(float)
        * shift,
        results["mean_test_score"][is_shown],
        results["std_test_score"][is_shown],
        marker="o",
        linewidth=2.5,
        capsize=4,
        label=f"window {window}",
    )
axes.axhline(tfidf_scores.mean(), color="black", linestyle="--", label="tf-idf")
axes.set_xscale("log")
axes.set_xticks(learning_rates, learning_rates)
axes.minorticks_off()
axes.set_ylim(0.68, 0.86)
axes.set_xlabel("learning rate", fontsize=13)
axes.set_ylabel("accuracy in three folds", fontsize=13)
axes.set_title("Window and learning rate", fontsize=15)
axes.tick_params(labelsize=12)
axes.grid(alpha=0.3)
axes.legend(fontsize=12, loc="lower center", ncols=3)
plt.show()

# %%
# How much is chance?
# -------------------
#
# All settings were compared with one ``random_state``, which is one draw of initial
# vectors and negative samples. Other seeds show how much of a difference is chance:

best = search.best_estimator_
for seed in (1, 2):
    best.set_params(cbowvectorizer__random_state=seed)
    scores = cross_val_score(best, documents, labels, cv=3)
    print(f"random_state={seed}: {scores.mean():.3f}")

# %%
# The optimum of the learning rate is inside the grid: a value four times smaller or
# larger loses .01 to .05. The choice between windows of 2 and 20 matters less than the
# spread of the folds. Other seeds differ by .01 with the same settings. The best score
# of a grid is partly chance: compare close candidates with several seeds.
#
# tf-idf is ahead here, with all labels. With few labels, :doc:`it is behind
# </gallery/plot_04_few_labels>`. :doc:`/guide/costs` says how long searches take.
