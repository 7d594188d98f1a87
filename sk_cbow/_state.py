"""The attributes that `fit` sets: their names, their shapes, and checks of attributes read from a file."""

from numbers import Integral

import numpy as np

VECTORS = {
    "embeddings_": ("n_tokens", "vector_size"),
    "context_embeddings_": ("n_tokens", "vector_size"),
    "target_embeddings_": ("n_tokens", "vector_size"),
    "components_": ("n_components", "vector_size"),
}
WEIGHTS = {"token_weights_": ("n_tokens",), "idf_": ("n_tokens",)}
COUNTS = {"token_counts_": ("n_tokens",)}
FITTED_ATTRIBUTES = {*VECTORS, *WEIGHTS, *COUNTS, "vocabulary_", "loss_curve_", "n_iter_", "_training_state"}
NEEDED_BY_TRANSFORM = {"vocabulary_", "embeddings_", "token_weights_", "components_"}
NEEDED_BY_PARTIAL_FIT = {"token_counts_", "loss_curve_", "n_iter_"}
TRAINING_STATE_KEYS = {"dropped_counts", "accumulators", "rng_state", "n_documents", "document_frequency"}


def checked(attributes):
    """Check that fitted attributes are consistent; otherwise they could crash SciPy or give wrong vectors.

    Parameters
    ----------
    attributes : dict
        Name -> value, of a fitted vectorizer or of an unfitted one; other names are ignored.

    Returns
    -------
    attributes : dict
        The same, with vectors and weights as float32. Memory-mapped vectors are not read.

    Raises
    ------
    ValueError
        If an attribute is missing or wrong; the message names it.
    """
    if not FITTED_ATTRIBUTES & attributes.keys():
        return attributes
    needed = NEEDED_BY_TRANSFORM | (NEEDED_BY_PARTIAL_FIT if "_training_state" in attributes else set())
    if "context_embeddings_" in attributes or "target_embeddings_" in attributes:
        needed |= {"context_embeddings_", "target_embeddings_"}
    require(needed <= attributes.keys(), f"{', '.join(sorted(needed - attributes.keys()))} is missing")

    attributes = dict(attributes)
    lengths = {}
    for name, shape in (VECTORS | WEIGHTS).items():
        if name in attributes:
            attributes[name] = _check_array(name, attributes[name], shape, "f", lengths)
    for name, shape in COUNTS.items():
        if name in attributes:
            counts = _check_array(name, attributes[name], shape, "iu", lengths)
            require((counts > 0).all(), f"{name} has values that are not above 0")
    for name in WEIGHTS:
        require((attributes.get(name, np.ones(1)) > 0).all(), f"{name} has values that are not above 0")
    squared_lengths = np.square(attributes["components_"], dtype=np.float64).sum(axis=1)
    require(np.allclose(squared_lengths, 1, atol=1e-3), "components_ has rows that are not of unit length")

    vocabulary = attributes["vocabulary_"]
    require(type(vocabulary) is dict, "vocabulary_ is not a dict")
    require(
        all(issubclass(kind, (str, Integral)) for kind in set(map(type, vocabulary))),
        "vocabulary_ has tokens that are neither strings nor integers",
    )
    require(
        set(map(type, vocabulary.values())) == {int} and list(vocabulary.values()) == list(range(lengths["n_tokens"])),
        f"vocabulary_ does not have the rows 0 to {lengths['n_tokens'] - 1} in increasing order",
    )
    if "_training_state" in attributes:
        _check_training_state(attributes["_training_state"], 2 if "context_embeddings_" in attributes else 1, lengths)
        losses = attributes["loss_curve_"]
        require(isinstance(losses, list) and set(map(type, losses)) <= {float}, "loss_curve_ is not a list of floats")
    return attributes


def _check_training_state(state, n_tables, lengths):
    require(isinstance(state, dict) and state.keys() == TRAINING_STATE_KEYS, "the state of training is incomplete")
    accumulators, document_frequency = state["accumulators"], state["document_frequency"]
    require(isinstance(accumulators, list) and len(accumulators) == n_tables, "the state of Adagrad is incomplete")
    for values in accumulators:
        _check_array("the state of Adagrad", values, ("n_tokens",), "f", lengths)
    if document_frequency is not None:
        _check_array("the document frequency", document_frequency, ("n_tokens",), "iu", lengths)
    n_documents = state["n_documents"]
    require(isinstance(n_documents, Integral) and n_documents >= 0, "the number of documents is wrong")
    _check_dropped(state["dropped_counts"])
    try:
        np.random.PCG64(0).state = state["rng_state"]
    except (KeyError, TypeError, ValueError) as error:
        raise _damage_error("the state of the random generator is wrong") from error


def _check_dropped(packed):
    try:
        strings, lengths, integers, counts = (packed[name] for name in ("strings", "lengths", "integers", "counts"))
        is_right = (
            type(strings) is str
            and lengths.dtype.kind == counts.dtype.kind == "u"
            and lengths.ndim == counts.ndim == 1
            and lengths.sum(dtype=np.int64) == len(strings)
            and len(lengths) + len(integers) == len(counts)
            and set(map(type, integers)) <= {int}
        )
    except (AttributeError, KeyError, TypeError):
        is_right = False
    require(is_right, "the counts of dropped tokens are wrong")


def _check_array(name, values, shape, kinds, lengths):
    """Check that an array has finite values and the right dimensions, with the lengths of earlier arrays."""
    require(
        type(values) in (np.ndarray, np.memmap) and values.ndim == len(shape) and values.dtype.kind in kinds,
        f"{name} is not a numeric array of shape ({', '.join(shape)})",
    )
    for dimension, length in zip(shape, values.shape, strict=True):
        known = lengths.setdefault(dimension, length)
        require(known == length, f"{name} has {dimension}={length}, but embeddings_ has {known}")
        require(length > 0 or dimension == "n_components", f"{name} has {dimension}=0")
    with np.errstate(over="ignore", invalid="ignore"):  # checked below
        if kinds == "f" and values.dtype != np.float32:
            values = values.astype(np.float32)
        is_finite = type(values) is np.memmap or np.isfinite(values.sum(dtype=np.float64))
    require(is_finite, f"{name} has values that are not finite")
    return values


def require(is_right, fault):
    """Raise the error of a damaged vectorizer unless a condition holds."""
    if not is_right:
        raise _damage_error(fault)


def _damage_error(fault):
    return ValueError(f"the saved CBOWVectorizer is damaged, {fault}: restore the file, or fit again")
