"""The attributes that `fit` sets: their names and shapes, and a check of those that come from a file."""

import itertools
import operator

import numpy as np

SHAPES = {
    "embeddings_": ("n_tokens", "vector_size"),
    "context_embeddings_": ("n_tokens", "vector_size"),
    "target_embeddings_": ("n_tokens", "vector_size"),
    "token_counts_": ("n_tokens",),
    "token_weights_": ("n_tokens",),
    "idf_": ("n_tokens",),
    "components_": ("n_components", "vector_size"),
}
FITTED_ATTRIBUTES = {*SHAPES, "vocabulary_", "loss_curve_", "n_iter_", "_progress"}
NEEDED_BY_TRANSFORM = {"vocabulary_", "embeddings_", "token_weights_", "components_"}
TRAINING_STATE = {"left_out", "accumulators", "rng_state", "n_documents", "in_documents"}


def fault_of(attributes):
    """Find what is wrong with fitted attributes, which would crash SciPy or give wrong vectors.

    Parameters
    ----------
    attributes : dict
        Name -> value, of a fitted vectorizer or of an unfitted one; other names are ignored.

    Returns
    -------
    fault : str or None
        None if the attributes fit together. The values of vectors are not read, which may lie in a mapped file.
    """
    if not FITTED_ATTRIBUTES & attributes.keys():
        return None
    missing = NEEDED_BY_TRANSFORM - attributes.keys()
    if missing:
        return f"without {', '.join(sorted(missing))}"
    arrays = [(name, attributes[name], shape) for name, shape in SHAPES.items() if name in attributes]
    if "_progress" in attributes:
        progress = attributes["_progress"]
        if not isinstance(progress, dict) or progress.keys() != TRAINING_STATE:
            return "without the state of its training"
        arrays += [("the state of Adagrad", values, ("n_tokens",)) for values in progress["accumulators"]]
        if progress["in_documents"] is not None:
            arrays.append(("the document frequency", progress["in_documents"], ("n_tokens",)))
    lengths = {}
    for name, values, shape in arrays:
        if not isinstance(values, np.ndarray) or values.ndim != len(shape) or values.dtype.kind not in "fiu":
            return f"{name} being no array of numbers of shape ({', '.join(shape)})"
        for dimension, length in zip(shape, values.shape, strict=True):
            if lengths.setdefault(dimension, length) != length:
                return f"{name} having {dimension}={length}, where embeddings_ has {lengths[dimension]}"
    vocabulary, weights = attributes["vocabulary_"], attributes["token_weights_"]
    is_in_order = isinstance(vocabulary, dict) and all(map(operator.eq, vocabulary.values(), itertools.count()))
    if not is_in_order or len(vocabulary) != lengths["n_tokens"]:
        return f"vocabulary_ not having the rows 0 to {lengths['n_tokens'] - 1} in their order"
    if not (np.isfinite(weights) & (weights > 0)).all():
        return "token_weights_ not being finite and above 0"
    return None
