"""
Loss curves and early stopping
==============================

Does a lower loss mean better vectors? ``loss_curve_`` holds the mean loss of each
epoch. Here it is compared with the accuracy of a classifier, for three learning rates.
"""

# %%
# Loss curves
# -----------
#
# Three initial learning rates are compared, each with two seeds; during a fit, the
# learning rate falls linearly to zero. The documents are the first 100 words of
# docstrings. A classifier then predicts the subpackage from the document vector, with
# five labels per class, in five draws.

import re

import matplotlib.pyplot as plt
import numpy as np
from keras.callbacks import EarlyStopping, LambdaCallback
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from sk_cbow import CBOWVectorizer
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
common = np.flatnonzero(np.isin(subpackages, names[sizes >= 40]))


def accuracy(vectors):
    scores = []
    for draw in range(5):
        train = few_of_each(common, subpackages, 5, seed=draw)
        test = np.setdiff1d(common, train)
        classifier = LogisticRegression(C=10, max_iter=1000)
        classifier.fit(vectors[train], subpackages[train])
        scores.append(classifier.score(vectors[test], subpackages[test]))
    return np.mean(scores)


learning_rates, seeds = [0.03, 0.25, 1.0], [0, 1]
curves, accuracies = {}, {}
for learning_rate in learning_rates:
    for seed in seeds:
        vectorizer = CBOWVectorizer(
            learning_rate=learning_rate, norm="l2", random_state=seed
        )
        vectors = vectorizer.fit_transform(documents)
        curves[learning_rate, seed] = vectorizer.loss_curve_
        accuracies[learning_rate, seed] = accuracy(vectors)

print("learning rate  seed  first loss  last loss  accuracy")
for (learning_rate, seed), curve in curves.items():
    print(
        f"{learning_rate:13}{seed:6}{curve[0]:12.3f}{curve[-1]:11.3f}"
        f"{accuracies[learning_rate, seed]:10.3f}"
    )
tfidf = TfidfVectorizer(analyzer=list, sublinear_tf=True)
baseline = accuracy(tfidf.fit_transform(documents))
print(f"baseline, tf-idf: accuracy {baseline:.3f}")

# %%
# The plot has no room for the first epoch at a learning rate of 1, whose loss is far
# higher.

colours = dict(zip(learning_rates, ["C0", "C1", "C2"], strict=True))
figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
for (learning_rate, seed), curve in curves.items():
    axes.plot(
        range(1, len(curve) + 1),
        curve,
        color=colours[learning_rate],
        linewidth=2.5,
        label=f"{learning_rate}" if seed == 0 else None,
    )
axes.set_xticks(range(1, 6))
axes.set_xlabel("epoch", fontsize=13)
axes.set_ylim(1.9, 2.5)
axes.set_ylabel("mean loss", fontsize=13)
axes.set_title("Loss by learning rate", fontsize=15)
axes.tick_params(labelsize=12)
axes.grid(alpha=0.3)
axes.legend(title="learning rate", title_fontsize=12, fontsize=12)
plt.show()

# %%
# Loss and accuracy
# -----------------

figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
for learning_rate in learning_rates:
    axes.plot(
        [curves[learning_rate, seed][-1] for seed in seeds],
        [accuracies[learning_rate, seed] for seed in seeds],
        "o",
        markersize=10,
        color=colours[learning_rate],
        label=f"{learning_rate}",
    )
axes.axhline(baseline, color="black", linestyle="--", label="tf-idf")
axes.set_xlabel("mean loss of the last epoch", fontsize=13)
axes.set_ylabel("test accuracy", fontsize=13)
axes.set_ylim(0.63, 0.75)
axes.set_title("Accuracy by loss", fontsize=15)
axes.tick_params(labelsize=12)
axes.grid(alpha=0.3)
axes.legend(
    title="learning rate", title_fontsize=12, fontsize=12, loc="lower left"
)
plt.show()

# %%
# Here, a lower last loss goes with a higher accuracy. The first epochs would mislead: a
# learning rate of 1 begins with the highest loss and ends with better vectors than .03.
# With five labels per class, the better ones are about as good as tf-idf on these
# documents; :doc:`with single lines </gallery/plot_04_few_labels>`, they are ahead.
#
# Early stopping
# --------------
#
# ``callbacks`` takes Keras callbacks, with :doc:`few exceptions </guide/callbacks>`.
# ``EarlyStopping`` watches the training loss, since there is no validation data, and
# stops when an epoch improves the loss by less than ``min_delta``.


def print_loss(epoch, logs):
    print(f"epoch {epoch + 1:2}: loss {logs['loss']:.3f}")


vectorizer = CBOWVectorizer(
    epochs=20,
    callbacks=[
        EarlyStopping("loss", min_delta=0.03),
        LambdaCallback(on_epoch_end=print_loss),
    ],
    norm="l2",
    random_state=0,
)
vectors = vectorizer.fit_transform(documents)
print(f"stopped after {vectorizer.n_iter_} of {vectorizer.epochs_} epochs")
print(f"accuracy: {accuracy(vectors):.3f}")

# %%
# When training stops early, the learning rate has not fallen to zero. With the same
# number of epochs from the start, it does:

vectorizer.set_params(epochs=vectorizer.n_iter_, callbacks=None)
vectors = vectorizer.fit_transform(documents)
print(f"last loss: {vectorizer.loss_curve_[-1]:.3f}")
print(f"accuracy: {accuracy(vectors):.3f}")

# %%
# Both fits end with nearly the same loss and accuracy. Compare losses only between fits
# on the same task: :doc:`some parameters </guide/callbacks>` change what the loss
# measures. For other choices, use a score such as this accuracy.
