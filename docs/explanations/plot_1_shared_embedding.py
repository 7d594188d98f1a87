"""
CBOW in Keras with one shared Embedding layer
=============================================

How is a continuous bag of words (CBOW) with negative sampling written in Keras if the
context words, the target word and the negative samples share one ``Embedding`` layer?
Create the layer once and call it for each of the three inputs: all calls read the same
table, and all of them send it gradients.
"""

# %%
# The model
# ---------
#
# CBOW (Mikolov et al., 2013) sees the words around a position, the *context*, and
# learns to distinguish the word at the position, the *target*, from *negative samples*,
# words drawn at random. With the table of vectors :math:`W`, :math:`n` context words
# :math:`C`, the target :math:`x` and the negative samples :math:`y_1, \ldots, y_k`, it
# averages the context and multiplies:
#
# .. math::
#
#    h = \frac{1}{n} \sum_{c \in C} W_c, \qquad z = h \cdot W_x, \qquad
#    z_j = h \cdot W_{y_j}
#
# The products are logits, with label 1 for :math:`z` and 0 for each :math:`z_j`:
#
# .. math::
#
#    \text{loss} = - \log \sigma(z) - \sum_{j=1}^{k} \log \sigma(-z_j)
#
# In Keras, this is a functional model with three inputs. Id 0 means "no word": because
# of ``mask_zero=True``, ``GlobalAveragePooling1D`` ignores it and divides by the number
# of real words.

import keras

WINDOW, NEGATIVE, VECTOR_SIZE = 5, 5, 100


def textbook_model(n_words):
    word_index = keras.Input((1,), dtype="int32", name="word_index")
    context = keras.Input((2 * WINDOW,), dtype="int32", name="context")
    negative_samples = keras.Input(
        (NEGATIVE,), dtype="int32", name="negative_samples"
    )

    embedding = keras.layers.Embedding(
        n_words + 1, VECTOR_SIZE, mask_zero=True, name="embedding"
    )
    hidden = keras.layers.GlobalAveragePooling1D()(embedding(context))
    products = [
        keras.layers.Dot(axes=(2, 1))([embedding(ids), hidden])
        for ids in (word_index, negative_samples)
    ]
    logits = keras.layers.Concatenate()(products)
    return keras.Model([word_index, context, negative_samples], logits)


# %%
# Text
# ----
#
# We train it on Python's language reference, with the words that occur at least five
# times. All documents become one array of ids, with zeros between them, so that no
# window reaches into another document.

import re
import time
from collections import Counter
from pydoc_data.topics import topics

import numpy as np

documents = [re.findall(r"[a-z]\w+", text.lower()) for text in topics.values()]
counts = Counter(token for tokens in documents for token in tokens)
vocabulary = [token for token, count in counts.most_common() if count >= 5]
id_of = {token: row + 1 for row, token in enumerate(vocabulary)}

padding = [0] * WINDOW
stream = padding.copy()
for tokens in documents:
    stream += [id_of[token] for token in tokens if token in id_of] + padding
stream = np.array(stream)
n_tokens = sum(map(len, documents))
print(f"{n_tokens} tokens, {len(vocabulary)} words in the vocabulary")

# %%
# Training examples
# -----------------
#
# Each position is an example; no labels are needed. As in word2vec, each epoch drops
# some occurrences of frequent words, draws the size of each window from 1 to 5, and
# draws negative samples in proportion to the word's count to the power of 3/4.

frequency = np.array([counts[token] for token in vocabulary]) / n_tokens
keep_probability = np.minimum(1, np.sqrt(1e-3 / frequency) + 1e-3 / frequency)
keep_probability = np.concatenate([[1], keep_probability])  # 1 for id 0
negative_probability = frequency**0.75 / (frequency**0.75).sum()
offsets = np.array([d for d in range(-WINDOW, WINDOW + 1) if d != 0])


def examples(rng):
    """Inputs of the model for one epoch."""
    kept = stream[rng.random(len(stream)) < keep_probability[stream]]
    positions = np.flatnonzero(kept)
    context = kept[positions[:, None] + offsets]
    window = rng.integers(1, WINDOW, (len(positions), 1), endpoint=True)
    context[np.abs(offsets) > window] = 0
    negative_samples = 1 + rng.choice(
        len(vocabulary), (len(positions), NEGATIVE), p=negative_probability
    )
    has_context = context.any(axis=1)
    inputs = kept[positions][:, None], context, negative_samples
    return [ids[has_context] for ids in inputs]


def words(ids):
    return " ".join(vocabulary[number - 1] for number in ids if number)


targets, contexts, negative_samples = examples(np.random.default_rng(0))
SHOWN = 1003
left, right = np.split(contexts[SHOWN], 2)
print(f"context:  {words(left)} ... {words(right)}")
print(f"target:   {words(targets[SHOWN])}")
print(f"negative: {words(negative_samples[SHOWN])}")

# %%
# A negative sample may happen to be the target itself:

is_target = negative_samples == targets
print(f"{is_target.mean():.2%} of the negative samples are the target")

# %%
# word2vec.c and gensim drop it, fastText draws again, and sk_cbow gives it weight 0.
# The model above keeps it, with label 0, unless you mask it.
#
# Training
# --------
#
# ``BinaryCrossentropy`` is a mean over the six products. If all of them are 0, it is
# log 2 = 0.693; if all of them are -log 5, it is 0.451.

EPOCHS = 10

keras.utils.set_random_seed(0)
model = textbook_model(len(vocabulary))
model.compile(
    keras.optimizers.Adam(0.003),
    keras.losses.BinaryCrossentropy(from_logits=True),
)
rng = np.random.default_rng(0)
losses, seconds = [], []
for _ in range(EPOCHS):
    start = time.perf_counter()
    inputs = examples(rng)
    labels = np.zeros((len(inputs[0]), 1 + NEGATIVE), "float32")
    labels[:, 0] = 1
    history = model.fit(inputs, labels, batch_size=256, verbose=0)
    losses += history.history["loss"]
    seconds.append(time.perf_counter() - start)
print(
    f"loss of the first epoch: {losses[0]:.3f}, of the last: {losses[-1]:.3f}"
)


def nearest(token, vectors):
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    order = np.argsort(-unit @ unit[id_of[token] - 1])
    return [vocabulary[row] for row in order[1:6]]


vectors = model.get_layer("embedding").get_weights()[0][1:]
for token in ["tuple", "exception", "import", "integer"]:
    print(f"{token:>10}:", *nearest(token, vectors))

# %%
# The nearest words by cosine make sense, although the loss is still close to log 2. One
# table cannot represent products that are negative on average: :ref:`the page about the
# offset <sphx_glr_how_it_works_plot_4_offset.py>` shows why.
#
# What the library shares with this model
# ---------------------------------------
#
# With ``document_context=0``, the model is the same: :func:`sk_cbow.keras.cbow_model`
# builds it from sizes or from a fitted vectorizer. (Otherwise, it has a fourth input,
# the sample of the document.) With equal weights and inputs, the products are equal:

from sk_cbow import CBOWVectorizer
from sk_cbow.keras import cbow_model

vectorizer = CBOWVectorizer(
    vector_size=VECTOR_SIZE,
    window=WINDOW,
    document_context=0,  # only the window is context, as in the textbook
    negative=NEGATIVE,
    epochs=EPOCHS,
    random_state=0,
)
vectorizer.fit(documents)

library_model = cbow_model(vectorizer)
outputs = library_model.predict(inputs, verbose=0)
expected = np.hstack([outputs["word_product"], outputs["negative_products"]])

model.set_weights(library_model.get_weights())
products = model.predict(inputs, verbose=0)
print("same products:", np.allclose(products, expected, atol=1e-5))

# %%
# Training differs. :meth:`CBOWVectorizer.fit <sk_cbow.CBOWVectorizer.fit>`
#
# - subtracts log ``negative`` from every product, :ref:`the offset
#   <sphx_glr_how_it_works_plot_4_offset.py>`;
# - minimizes with row-wise Adagrad and a falling learning rate, instead of Adam;
# - starts from smaller random vectors, uniform within .5 / ``vector_size``;
# - shares twelve negative samples among about 64 targets, with weights of ``negative``
#   / 12;
# - draws the size of the window once per :ref:`block of text
#   <sphx_glr_how_it_works_plot_3_block_step.py>`, and computes on whole blocks.
#
# So it learns different vectors:

for token in ["tuple", "exception", "import", "integer"]:
    print(f"{token:>10}:", *dict(vectorizer.most_similar(token, topn=5)))

# %%
# Speed
# -----
#
# The median epoch of the textbook model, its examples included, against the median of
# three fits of the vectorizer, the counting of words included. The first epoch and the
# first ``fit`` compile, and are left out. Both take nearly the same number of steps: on
# a corpus of this size, ``batch_size="auto"`` means blocks of 256 positions.

fit_seconds = []
for _ in range(3):
    start = time.perf_counter()
    vectorizer.fit(documents)
    fit_seconds.append(time.perf_counter() - start)

textbook, library = np.median(seconds[1:]), np.median(fit_seconds) / EPOCHS
print(f"textbook model: {n_tokens / textbook:8.0f} tokens/s")
print(f"vectorizer:     {n_tokens / library:8.0f} tokens/s")
print(f"ratio:          {textbook / library:8.0f}")

# %%
# The ratio is that of 60,000 tokens, batches of 256, Keras' Adam, and the machine that
# built this page. Larger batches make the Keras model faster, but leave fewer steps.
#
# **Sources.** T. Mikolov, K. Chen, G. Corrado and J. Dean (2013). Efficient estimation
# of word representations in vector space. ICLR workshop. T. Mikolov, I. Sutskever, K.
# Chen, G. Corrado and J. Dean (2013). Distributed representations of words and phrases
# and their compositionality. NeurIPS.
