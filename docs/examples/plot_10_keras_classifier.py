"""
Word vectors in a Keras network
===============================

An average of vectors ignores the order of words; a network can read them in order. When
is the network better than logistic regression on averages, and does it gain from
pretrained vectors? Two tasks give two answers.
"""

# %%
# Task 1: topic
# -------------
#
# Predict the subpackage from the first 50 words of a docstring, with five labels per
# class. The vectors are trained on the first 200 words of all docstrings, without
# labels.

import re

import keras
import matplotlib.pyplot as plt
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import normalize

from sk_cbow import CBOWVectorizer
from sk_cbow.datasets import load_docstrings
from sk_cbow.keras import embedding_layer, encode


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
documents = [tokens(docstring)[:200] for docstring in docstrings]
topic_vectorizer = CBOWVectorizer(random_state=0).fit(documents)

names, sizes = np.unique(subpackages, return_counts=True)
common = np.flatnonzero(np.isin(subpackages, names[sizes >= 40]))
starts = [documents[row][:50] for row in common]
y_topic = np.unique(subpackages[common], return_inverse=True)[1]
print(f"{len(common)} documents, {y_topic.max() + 1} classes")

# %%
# Task 2: the missing preposition
# -------------------------------
#
# Which of five prepositions is missing between four words before it and four words
# after it? Order matters: "number of elements" is not "elements of number". The vectors
# have a narrow window and no document context, and are trained without the documents of
# the test set.

PREPOSITIONS = ["by", "for", "from", "in", "of"]


def gaps(documents):
    contexts, targets = [], []
    for document in documents:
        for position in range(4, len(document) - 4):
            if document[position] in PREPOSITIONS:
                before = document[position - 4 : position]
                after = document[position + 1 : position + 5]
                contexts.append(before + after)
                targets.append(PREPOSITIONS.index(document[position]))
    return contexts, np.array(targets)


rng = np.random.default_rng(0)
order = rng.permutation(len(documents))
train_documents = [documents[row] for row in order[:2500]]
gap_vectorizer = CBOWVectorizer(
    vector_size=50,
    document_context=0,
    window=4,
    min_count=2,
    random_state=0,
).fit(train_documents)
train_contexts, y_train = gaps(train_documents)
test_contexts, y_test = gaps([documents[row] for row in order[2500:]])
test_contexts, y_test = test_contexts[:3000], y_test[:3000]
most_frequent = np.bincount(y_test).max() / len(y_test)
print(f"{len(y_train)} gaps for training, {len(y_test)} for the test")
print(f"always the most frequent preposition: {most_frequent:.3f}")

# %%
# Networks and baseline
# ---------------------
#
# The network is a convolution over three words, then the maximum over all positions
# for the topic, or all positions side by side for the preposition. Its ``Embedding``
# layer has the vectors, frozen or fine-tuned, or starts with random numbers. The
# baseline is logistic regression on the average of vectors.


def network(task, embedding, n_classes):
    embedding.mask_zero = False  # convolutions do not support masks
    model = keras.Sequential(
        [
            embedding,
            keras.layers.Dropout(0.3),
            keras.layers.Conv1D(64, 3, padding="same", activation="relu"),
            keras.layers.GlobalMaxPooling1D()
            if task == "topic"
            else keras.layers.Flatten(),
            keras.layers.Dense(n_classes, activation="softmax"),
        ]
    )
    model.compile(
        keras.optimizers.Adam(0.002),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
        jit_compile=False,
    )
    return model


def accuracies(task, vectorizer, n_epochs, train, test):
    """Test accuracies of the baseline and of the networks."""
    X_train, X_test = (
        normalize(vectorizer.transform(texts)) for texts, _ in (train, test)
    )
    classifier = LogisticRegression(C=10, max_iter=1000).fit(X_train, train[1])
    scores = {"average": classifier.score(X_test, test[1])}
    length = max(map(len, train[0]))
    train, test = (
        (encode(vectorizer, texts, max_length=length), y)
        for texts, y in (train, test)
    )
    n_tokens, vector_size = vectorizer.embeddings_.shape
    for name, layer in {
        "network, frozen": embedding_layer(vectorizer),
        "network, fine-tuned": embedding_layer(vectorizer, trainable=True),
        "network, random": keras.layers.Embedding(n_tokens + 1, vector_size),
    }.items():
        model = network(task, layer, len(np.unique(train[1])))
        model.fit(*train, batch_size=32, epochs=n_epochs, verbose=0)
        scores[name] = model.evaluate(*test, batch_size=500, verbose=0)[1]
    return scores


# %%
# Results
# -------
#
# Three seeds, each with its own labelled documents or 2000 gaps, and its own initial
# weights.

results = {"topic": [], "preposition": []}
draws = []
for seed in range(3):
    keras.utils.set_random_seed(seed)
    train = few_of_each(np.arange(len(starts)), y_topic, 5, seed)
    test = np.setdiff1d(np.arange(len(starts)), train)
    results["topic"].append(
        accuracies(
            "topic",
            topic_vectorizer,
            20,
            *(
                ([starts[n] for n in rows], y_topic[rows])
                for rows in (train, test)
            ),
        )
    )
    drawn = rng.choice(len(y_train), 2000, replace=False)
    draws.append(drawn)
    results["preposition"].append(
        accuracies(
            "preposition",
            gap_vectorizer,
            6,
            ([train_contexts[n] for n in drawn], y_train[drawn]),
            (test_contexts, y_test),
        )
    )

names = list(results["topic"][0])
table = {
    task: np.array([[scores[name] for name in names] for scores in runs])
    for task, runs in results.items()
}
print(f"{'':19}" + "".join(f"{task:>15}" for task in table))
for column, name in enumerate(names):
    cells = [
        f"{values[:, column].mean():.3f} ± {values[:, column].std():.3f}"
        for values in table.values()
    ]
    print(f"{name:19}" + "".join(f"{cell:>15}" for cell in cells))

# %%

figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
for column, name in enumerate(names):
    axes.bar(
        np.arange(2) + 0.2 * column - 0.3,
        [values[:, column].mean() for values in table.values()],
        0.19,
        yerr=[values[:, column].std() for values in table.values()],
        capsize=4,
        label=name,
    )
axes.set_xticks([0, 1], table)
axes.set_ylim(0, 1.1)
axes.set_ylabel("test accuracy", fontsize=13)
axes.set_title("Average or network?", fontsize=15)
axes.tick_params(labelsize=13)
axes.legend(fontsize=11, ncols=2, loc="upper center")
plt.show()

# %%
# Does order need a network? Logistic regression on the eight vectors side by side knows
# the order, too:

table_with_padding = np.vstack(
    [np.zeros((1, 50)), normalize(gap_vectorizer.embeddings_)]
)


def side_by_side(contexts):
    ids = encode(gap_vectorizer, contexts, max_length=8)
    return table_with_padding[ids].reshape(len(ids), -1)


X_test, scores = side_by_side(test_contexts), []
for drawn in draws:
    classifier = LogisticRegression(C=1, max_iter=1000)
    X_train = side_by_side([train_contexts[n] for n in drawn])
    classifier.fit(X_train, y_train[drawn])
    scores.append(classifier.score(X_test, y_test))
print(f"vectors side by side: {np.mean(scores):.3f} ± {np.std(scores):.3f}")

# %%
# For the topic, the average with logistic regression is better than every network.
# Pretrained vectors help the networks, but not enough. For the preposition, where order
# matters, every network is better than the average, and a little better than logistic
# regression on vectors side by side. With 2000 labels, pretrained vectors are a small
# gain if they are fine-tuned, and none if they are frozen.
#
# :func:`sk_cbow.keras.document_model` is the whole of ``transform`` as a Keras model.
