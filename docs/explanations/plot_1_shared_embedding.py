"""
CBOW in Keras, with one shared Embedding layer
==============================================

How is a continuous bag of words with negative sampling (Mikolov et al., 2013) written
in Keras, when the context words, the target word and the negative samples all have to
go through *the same* ``Embedding`` layer? As a functional model with three inputs, in
which one layer is called three times.
"""

# %%
# Some text
# ---------
#
# A vocabulary of the words that occur five times and more, and one long array of ids.
# Id 0 is kept free and means "no word here": it stands between documents, so that no
# window reaches from one into the next.

import re
import time
from collections import Counter
from pydoc_data.topics import topics

import keras
import numpy as np

WINDOW, NEGATIVE, VECTOR_SIZE, EPOCHS = 5, 5, 100, 10

documents = [re.findall(r"[a-z]\w+", text.lower()) for text in topics.values()]
counts = Counter(token for tokens in documents for token in tokens)
vocabulary = [token for token, count in counts.most_common() if count >= 5]
id_of = {token: number for number, token in enumerate(vocabulary, start=1)}

stream = [0] * WINDOW
for tokens in documents:
    stream += [id_of[token] for token in tokens if token in id_of] + [
        0
    ] * WINDOW
stream = np.array(stream)
n_tokens = sum(map(len, documents))
print(f"{n_tokens} tokens, {len(vocabulary)} words in the vocabulary")
print("Most frequent:", *vocabulary[:8])

# %%
# Targets that the text makes itself
# ----------------------------------
#
# There are no labels. Every place of the text is an example: the ids to its left and
# right are the *context*, the id that stands there is the *target*, and some ids drawn
# at random are the *noise*. In each epoch, frequent words are thinned out, every place
# draws how wide its window is, and noise is drawn by count to the power of 3/4, as in
# word2vec.

share = np.array([counts[token] for token in vocabulary]) / n_tokens
keep_probability = np.concatenate(
    ([1], np.minimum(1, np.sqrt(1e-3 / share) + 1e-3 / share))
)
noise_probability = share**0.75 / (share**0.75).sum()
distances = np.array([d for d in range(-WINDOW, WINDOW + 1) if d != 0])


def examples(rng):
    """Targets (n, 1), contexts (n, 2 * WINDOW) and noise (n, NEGATIVE)."""
    kept = stream[rng.random(len(stream)) < keep_probability[stream]]
    positions = np.flatnonzero(kept)
    context = kept[positions[:, None] + distances]
    widths = rng.integers(1, WINDOW, len(positions), endpoint=True)
    context[np.abs(distances) > widths[:, None]] = 0
    noise = (
        rng.choice(
            len(vocabulary), (len(positions), NEGATIVE), p=noise_probability
        )
        + 1
    )
    return kept[positions][:, None], context, noise


targets, contexts, noise = examples(np.random.default_rng(0))
shown = contexts[1000].tolist()
print(
    "context:", *(vocabulary[number - 1] if number else "-" for number in shown)
)
print("target: ", vocabulary[targets[1000, 0] - 1])
print("noise:  ", *(vocabulary[number - 1] for number in noise[1000]))

# %%
# The model
# ---------
#
# With :math:`W` the table of the one layer, :math:`x` the target, :math:`C` the
# context's :math:`n` words and :math:`y_1, \ldots, y_k` the noise, the model computes
#
# .. math::
#
#    h = \frac{1}{n} \sum_{c \in C} W_c, \qquad z = h \cdot W_x, \qquad
#    z_j = h \cdot W_{y_j}
#
# and the targets are 1 for :math:`z` and 0 for each :math:`z_j`, under the sigmoid
# function:
#
# .. math::
#
#    \text{loss} = - \log\,\sigma(z) - \sum_{j=1}^{k} \log\,\sigma(- z_j)
#
# In Keras, ``embedding`` is made once and called three times, and so there is one
# table, to which all three calls send their gradients. ``mask_zero=True`` makes
# ``GlobalAveragePooling1D`` leave out the ids 0, so that it divides by the :math:`n`
# words that are really there.

word_index = keras.Input((1,), dtype="int32", name="word_index")
context = keras.Input((2 * WINDOW,), dtype="int32", name="context")
negative_samples = keras.Input(
    (NEGATIVE,), dtype="int32", name="negative_samples"
)

embedding = keras.layers.Embedding(
    len(vocabulary) + 1, VECTOR_SIZE, mask_zero=True, name="embedding"
)
hidden = keras.layers.GlobalAveragePooling1D()(embedding(context))
word_product = keras.layers.Dot(axes=(2, 1))([embedding(word_index), hidden])
noise_products = keras.layers.Dot(axes=(2, 1))(
    [embedding(negative_samples), hidden]
)
logits = keras.layers.Concatenate()([word_product, noise_products])

model = keras.Model([word_index, context, negative_samples], logits)
print(
    "layers with weights:",
    [layer.name for layer in model.layers if layer.weights],
)
print("outputs:", tuple(logits.shape), "first the word's, then the noise's")

# %%
# Training
# --------
#
# Each epoch makes new examples. ``BinaryCrossentropy`` is the mean over the six
# outputs, so that guessing would be log 2 = 0.693.

model.compile(
    keras.optimizers.Adam(0.003),
    keras.losses.BinaryCrossentropy(from_logits=True),
)
rng = np.random.default_rng(0)
losses, seconds = [], []
for _ in range(EPOCHS):
    start = time.perf_counter()
    inputs = examples(rng)
    is_word = np.zeros((len(inputs[0]), 1 + NEGATIVE), "float32")
    is_word[:, 0] = 1
    history = model.fit(inputs, is_word, batch_size=256, verbose=0)
    losses += history.history["loss"]
    seconds.append(time.perf_counter() - start)
print(f"loss: {losses[0]:.3f} in the first epoch, {losses[-1]:.3f} in the last")


def neighbours(token, vectors, vocabulary):
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    nearest = np.argsort(unit @ unit[vocabulary.index(token)])[::-1]
    return [vocabulary[row] for row in nearest[1:6]]


vectors = embedding.get_weights()[0][1:]
for token in ["tuple", "exception", "import", "integer"]:
    print(f"{token:>10}:", *neighbours(token, vectors, vocabulary))

# %%
# The neighbours are sensible already, though the loss has hardly fallen below that of
# guessing: one table has trouble with this loss, for a reason to which :ref:`the last
# of these pages <sphx_glr_how_it_works_plot_4_offset.py>` comes back.
#
# The same from the library
# -------------------------
#
# :func:`sk_cbow.keras.cbow_model` builds this model, from sizes or of a fitted
# vectorizer, with the two products as outputs. :meth:`CBOWVectorizer.fit
# <sk_cbow.CBOWVectorizer.fit>` trains the same layer, but not example by example:

from sk_cbow import CBOWVectorizer
from sk_cbow.keras import cbow_model

vectorizer = CBOWVectorizer(
    vector_size=VECTOR_SIZE,
    window=WINDOW,
    document_context=0,  # the window alone is the context, as in the textbook
    negative=NEGATIVE,
    epochs=EPOCHS,
    random_state=0,
)
vectorizer.fit(documents)  # the first fit of a process compiles the step
start = time.perf_counter()
vectorizer.fit(documents)
fit_seconds = time.perf_counter() - start

for token in ["tuple", "exception", "import", "integer"]:
    print(f"{token:>10}:", *dict(vectorizer.most_similar(token, topn=5)))
its_model = cbow_model(vectorizer)
print("its model:", [layer.name for layer in its_model.layers if layer.weights])

# %%
# How long does an epoch take? The textbook's first, in which Keras compiles, is left
# out.

textbook, ours = np.median(seconds[1:]), fit_seconds / EPOCHS
print(f"textbook:   {n_tokens / textbook:8.0f} tokens/s")
print(
    f"vectorizer: {n_tokens / ours:8.0f} tokens/s, {textbook / ours:.0f} times as many"
)

# %%
# Where the time goes is the matter of :ref:`a later page
# <sphx_glr_how_it_works_plot_3_block_step.py>`. In short: the textbook's model gathers
# 16 vectors for each place of the text, although eight of the ten context words were
# gathered for the place before, and its optimizer touches the whole table in each step,
# whether a word occurred or not.
#
# **Source.** T. Mikolov, I. Sutskever, K. Chen, G. Corrado and J. Dean (2013).
# Distributed representations of words and phrases and their compositionality. NeurIPS.
