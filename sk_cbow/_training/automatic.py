"""Training parameters that are "auto" -> numbers, from what `fit` has counted.

The rules were chosen on the corpora of docs/benchmarks/README.md, "Automatic parameters". `batch_size` is not here,
because it depends on the part of the corpus that is trained on: see `sk_cbow._training.blocks`.
"""

import math

import numpy as np

AUTOMATIC = ("window", "sample", "epochs", "learning_rate")

WINDOW, WINDOW_OF_DOCUMENTS = 5, 20
# Few tokens can be frequent in a small vocabulary. None is dropped there that is less than eight times as frequent as
# the mean.
SAMPLE, SAMPLE_OF_MEAN = 1e-3, 3
# More epochs make better vectors, at a cost that grows with the corpus: 20 while they are no more than so many tokens,
# and more for a tiny corpus, where they take a second or two. Five are enough for the largest.
EPOCHS, FEWEST_EPOCHS, MOST_EPOCHS = 20, 5, 50
TOKENS_OF_EPOCHS, TOKENS_OF_MOST_EPOCHS = 4e7, 2.5e6

# With Adagrad, a vector can move by about rate * sqrt(epochs), and training learns first what most tokens have in
# common. The average of a short document has few tokens, and is better without the finer distinctions that are learned
# later, unless the corpus is large.
LEARNING_RATE = 0.25
LEAST_DISTANCE, LONG_DOCUMENT, LARGE_CORPUS = 0.35, 80, 2e6


def default_window(document_context):
    """Maximum number of context words on each side, which are a sample of the document if word order is ignored."""
    return WINDOW_OF_DOCUMENTS if document_context == 1 else WINDOW


def resolve(config, n_tokens, n_documents, vocabulary_size):
    """Replace the parameters that are "auto" by numbers.

    Parameters
    ----------
    config : TrainingConfig
    n_tokens : int
        Known tokens of all documents so far.
    n_documents : int
        All documents so far.
    vocabulary_size : int

    Returns
    -------
    config : TrainingConfig
    """
    if config.window == "auto":
        config = config._replace(window=default_window(config.document_context))
    if config.sample == "auto":
        config = config._replace(sample=max(SAMPLE, SAMPLE_OF_MEAN / vocabulary_size))
    if config.epochs == "auto":
        most = np.clip(TOKENS_OF_MOST_EPOCHS / n_tokens, EPOCHS, MOST_EPOCHS)
        config = config._replace(epochs=round(np.clip(TOKENS_OF_EPOCHS / n_tokens, FEWEST_EPOCHS, most)))
    if config.learning_rate == "auto":
        distance = max(LEAST_DISTANCE, n_tokens / n_documents / LONG_DOCUMENT, n_tokens / LARGE_CORPUS)
        config = config._replace(learning_rate=min(LEARNING_RATE, distance / math.sqrt(config.epochs)))
    return config
