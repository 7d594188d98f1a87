"""
From the vectorizer to a Keras classifier
=========================================

An average of vectors forgets the order of words. A network that reads them in order
needs an ``Embedding`` layer and, if labels are few, one that already knows the words.
"""

# %%
# Which subpackage does a docstring belong to? The network sees the first 50 words of
# five labelled docstrings per subpackage.

import keras
import matplotlib.pyplot as plt
import numpy as np

from docstrings import few_of_each, labelled_docstrings, rows_of_common, tokens
from sk_cbow import CBOWVectorizer
from sk_cbow.keras import embedding_layer, encode

LENGTH = 50

docstrings, subpackages = labelled_docstrings()
documents = [tokens(docstring) for docstring in docstrings]
rows = rows_of_common(subpackages)
train = few_of_each(rows, subpackages, 5, seed=0)
test = np.setdiff1d(rows, train)
names = np.unique(subpackages[rows])
y = np.searchsorted(names, subpackages)
print(
    f"{len(train)} labelled documents, {len(names)} classes, {len(test)} for testing"
)

# %%
# The vectorizer learns from all documents, without labels. ``encode`` turns documents
# into the ids of its ``Embedding`` layer, padded with 0.

vectorizer = CBOWVectorizer(epochs=10, random_state=0).fit(documents)
ids = encode(vectorizer, documents, max_length=LENGTH)
print(ids.shape, ids[0][:8])

# %%
# The same small network three times: with the vectorizer's vectors, with the same but
# trained on, and with a layer that starts at random.


def accuracy_curve(embedding):
    keras.utils.set_random_seed(0)
    embedding.mask_zero = (
        False  # recurrent layers know masks, convolutions do not
    )
    model = keras.Sequential(
        [
            embedding,
            keras.layers.Dropout(0.3),
            keras.layers.Conv1D(100, 3, activation="relu"),
            keras.layers.GlobalMaxPooling1D(),
            keras.layers.Dense(len(names), activation="softmax"),
        ]
    )
    model.compile(
        keras.optimizers.Adam(0.003),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    curve = []
    for _ in range(6):
        model.fit(ids[train], y[train], batch_size=16, epochs=5, verbose=0)
        curve.append(
            model.evaluate(ids[test], y[test], batch_size=512, verbose=0)[1]
        )
    return curve


n_tokens, vector_size = vectorizer.embeddings_.shape
layers = {
    "vectors of CBOWVectorizer": embedding_layer(vectorizer),
    "the same, trained on": embedding_layer(vectorizer, trainable=True),
    "random at first": keras.layers.Embedding(n_tokens + 1, vector_size),
}
figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
for name, layer in layers.items():
    curve = accuracy_curve(layer)
    print(f"{name:>26}: {curve[-1]:.3f}")
    axes.plot(np.arange(1, 7) * 5, curve, marker="o", label=name)
axes.set(
    xlabel="epochs", ylabel="accuracy on documents without label", ylim=(0, 1)
)
axes.grid(alpha=0.3)
axes.legend()
plt.show()

# %%
# The networks that know the words are ahead from the beginning and stay so. With so few
# labels, training the vectors further adds nothing.
#
# :func:`sk_cbow.keras.document_model` is the whole of ``transform`` as a Keras model,
# to be saved or built upon.
