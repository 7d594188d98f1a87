"""A state of training <-> fitted attributes: their names and shapes, whether they belong together, and parts of them.

Fitted attributes are plain data: arrays, a dict and numbers.
"""

from contextlib import contextmanager
from numbers import Integral, Real
from typing import NamedTuple

import numpy as np
from sklearn.utils.validation import check_is_fitted

from sk_cbow._pooling import Pooling
from sk_cbow._training.automatic import AUTOMATIC
from sk_cbow._training.config import Tables
from sk_cbow._vocabulary import EMPTY_VOCABULARY, Vocabulary, pack_counts, unpack_counts

VECTORS = {
    "embeddings_": ("n_tokens", "vector_size"),
    "context_embeddings_": ("n_tokens", "vector_size"),
    "target_embeddings_": ("n_tokens", "vector_size"),
    "components_": ("n_components", "vector_size"),
    "mean_": ("vector_size",),
}
WEIGHTS = {"token_weights_": ("n_tokens",), "idf_": ("n_tokens",)}
COUNTS = {"token_counts_": ("n_tokens",)}
SHAPES = VECTORS | WEIGHTS | COUNTS
CHOSEN = {f"{name}_": name for name in AUTOMATIC}  # fitted attribute -> the parameter that may be "auto"
FITTED_ATTRIBUTES = {*VECTORS, *WEIGHTS, *COUNTS, *CHOSEN, "vocabulary_", "loss_curve_", "n_iter_", "_training_state"}
FITTED_ATTRIBUTES.add("_search_index")  # of `most_similar`, made of the others when it is first needed
NEEDED_BY_TRANSFORM = {"vocabulary_", "embeddings_", "token_weights_", "components_"}
NEEDED_BY_PARTIAL_FIT = {"token_counts_", "loss_curve_", "n_iter_"}
TRAINING_STATE_KEYS = {"dropped_counts", "accumulators", "rng_state", "n_documents", "document_frequency"}


class InconsistentAttributesError(ValueError):
    """Fitted attributes do not belong together; the message says which."""


class TrainingState(NamedTuple):
    """What the next call of `partial_fit`, or a warm start, continues from; by default empty."""

    vocabulary: Vocabulary = EMPTY_VOCABULARY
    tables: Tables = Tables([], [])
    pooling: Pooling | None = None
    loss_curve: list | tuple = ()
    rng_state: dict | None = None
    n_documents: int = 0
    document_frequency: np.ndarray | None = None  # (n_tokens,), only with idf


def state_of(vectorizer):
    """Return the state of training of a vectorizer; before the first fit, an empty one.

    Raises
    ------
    ValueError
        If the vectorizer has no state of training, or not with its present parameters.
    """
    if not hasattr(vectorizer, "embeddings_"):
        return TrainingState()
    fitted = fitted_view(vectorizer)
    if not hasattr(fitted, "_training_state"):
        raise ValueError(
            "this vectorizer was made of word vectors, without the state of training, so it cannot be trained "
            "incrementally: pass init_vectors=vectorizer.word_vectors() to a new CBOWVectorizer"
        )
    tables = trained_tables(fitted)
    has_two_tables, vector_size = len(tables) == 2, fitted.embeddings_.shape[1]
    if vectorizer.vector_size != vector_size or vectorizer.shared_embedding == has_two_tables:
        raise ValueError(
            f"vector_size={vectorizer.vector_size} and shared_embedding={vectorizer.shared_embedding}, but in previous "
            f"training they were {vector_size} and {not has_two_tables}: restore them, or call fit with "
            "warm_start=False"
        )
    state = dict(fitted._training_state)
    return TrainingState(
        vocabulary=Vocabulary(fitted.vocabulary_, fitted.token_counts_, state.pop("dropped_counts")),
        tables=Tables(tables, state.pop("accumulators")),
        pooling=fitted._pooling,
        loss_curve=fitted.loss_curve_,
        **state,
    )


def trained_tables(fitted):
    """Return the one or two tables of a fitted vectorizer: that of the context first, that of targets last."""
    if hasattr(fitted, "context_embeddings_"):
        return [fitted.context_embeddings_, fitted.target_embeddings_]
    return [fitted.embeddings_]


def next_state(previous, corpus, tables, losses, rng, document_frequency):
    """Return the state after training, which continues a previous state."""
    return TrainingState(
        vocabulary=corpus.vocabulary,
        tables=Tables(
            list(map(np.array, tables.vectors)),  # copies, because the tables belong to TensorFlow
            [np.where(np.isinf(values), 0, values) for values in tables.accumulators],  # inf: frozen
        ),
        pooling=previous.pooling,
        loss_curve=[*previous.loss_curve, *[loss.mean for loss in losses]],
        rng_state=rng.bit_generator.state,
        n_documents=previous.n_documents + corpus.n_documents,
        document_frequency=document_frequency,
    )


def combined_vectors(tables):
    """Return the word vectors: those of the only table, or the sum of both."""
    with np.errstate(over="ignore", invalid="ignore"):  # the caller checks them
        return sum(tables.vectors) if len(tables.vectors) > 1 else tables.vectors[0]


def attributes_of_state(state, config, embeddings, pooling):
    """Return the fitted attributes of a state of training.

    Parameters
    ----------
    state : TrainingState
        Its pooling is replaced with `pooling`.
    config : TrainingConfig
        Of the latest training, with the numbers that stand for "auto".
    embeddings : ndarray of shape (n_tokens, vector_size)
    pooling : Pooling

    Returns
    -------
    attributes : dict
        Name -> value.
    """
    attributes = {
        "vocabulary_": state.vocabulary.rows,
        "token_counts_": state.vocabulary.counts,
        "token_weights_": pooling.weights,
        "embeddings_": embeddings,
        "components_": pooling.components,
        "loss_curve_": state.loss_curve,
        "_training_state": {
            "dropped_counts": state.vocabulary.dropped_counts,
            "accumulators": state.tables.accumulators,
            "rng_state": state.rng_state,
            "n_documents": state.n_documents,
            "document_frequency": state.document_frequency,
        },
        "n_iter_": len(state.loss_curve),
        **{attribute: getattr(config, parameter) for attribute, parameter in CHOSEN.items()},
    }
    if state.document_frequency is not None:
        attributes["idf_"] = pooling.weights
    if pooling.mean is not None:
        attributes["mean_"] = pooling.mean
    if len(state.tables.vectors) == 2:
        attributes["context_embeddings_"], attributes["target_embeddings_"] = state.tables.vectors
    return attributes


def fitted_view(vectorizer):
    """Make a shallow copy of a fitted vectorizer, whose attributes come from one fit.

    Another thread may fit the vectorizer itself at any time.

    Raises
    ------
    NotFittedError
        If the vectorizer is not fitted.
    ValueError
        If attributes were changed and do not belong together any more.
    """
    attributes = vars(vectorizer).copy()
    if "embeddings_" not in attributes:
        check_is_fitted(vectorizer, "embeddings_")  # makes the error
    attributes.pop("_search_index", None)  # only that of the vectorizer itself is kept up to date
    with consistent():
        check_sizes(attributes)
    return with_attributes(type(vectorizer), attributes)


def with_attributes(cls, attributes):
    """Make an instance of a class that has exactly these attributes."""
    vectorizer = object.__new__(cls)
    vectorizer.__dict__ = attributes
    return vectorizer


def independent(attributes):
    """Copy what users may change in place: all small arrays, and `set_output`'s choice."""
    names = [*WEIGHTS, *COUNTS, "components_", "mean_", "_sklearn_output_config"]
    return attributes | {name: attributes[name].copy() for name in names if name in attributes}


@contextmanager
def consistent():
    """Explain inconsistent attributes of a vectorizer that is in use."""
    try:
        yield
    except InconsistentAttributesError as error:
        raise ValueError(
            f"the fitted attributes do not belong together, {error}: assign all of one fit, or use drop(tokens) to "
            "remove tokens and with_vectors(vectors) to replace vectors"
        ) from None


def check_sizes(attributes):
    """Check in constant time that fitted attributes have rows for the same tokens, before each use of them.

    Parameters
    ----------
    attributes : dict
        Of a fitted vectorizer.

    Raises
    ------
    InconsistentAttributesError
        If an array has another shape than `vocabulary_` and `embeddings_` demand.
    """
    missing = NEEDED_BY_TRANSFORM - attributes.keys()
    require(not missing, f"{', '.join(sorted(missing))} is missing")
    vocabulary, embeddings = attributes["vocabulary_"], attributes["embeddings_"]
    require(isinstance(vocabulary, dict), "vocabulary_ is not a dict")
    n_tokens, vector_size = np.shape(embeddings) if np.ndim(embeddings) == 2 else (0, 0)
    lengths = {"n_tokens": n_tokens, "vector_size": vector_size}
    require(n_tokens and vector_size, "embeddings_ is not an array of shape (n_tokens, vector_size)")
    # Messages are made only if they are needed, because `transform` of a single document takes hardly longer.
    if len(vocabulary) != n_tokens or next(reversed(vocabulary.values())) != n_tokens - 1:
        raise InconsistentAttributesError(
            f"vocabulary_ has {len(vocabulary)} tokens, which do not have the rows 0 to {n_tokens - 1} of embeddings_"
        )
    for name, shape in SHAPES.items():
        if name in attributes:
            found, known = np.shape(attributes[name]), [lengths.get(dimension) for dimension in shape]
            if len(found) != len(known) or any(k not in (None, f) for f, k in zip(found, known, strict=True)):
                raise InconsistentAttributesError(
                    f"{name} has the shape {found}, but embeddings_ has {(n_tokens, vector_size)}"
                )


def attributes_of_vectors(word_vectors, has_mean):
    """Fitted attributes of a vectorizer with given vectors, without counts, all of weight 1; the mean is zero."""
    n_tokens, vector_size = word_vectors.vectors.shape
    return {
        "vocabulary_": dict(zip(word_vectors, range(n_tokens), strict=True)),
        "embeddings_": word_vectors.vectors,
        "token_weights_": np.ones(n_tokens, np.float32),
        "components_": np.empty((0, vector_size), np.float32),
    } | ({"mean_": np.zeros(vector_size, np.float32)} if has_mean else {})


def attributes_of_rows(attributes, rows):
    """Fitted attributes with some of the rows, an increasing array; the other tokens are forgotten."""
    tokens = list(attributes["vocabulary_"])
    selected = {
        name: values[rows] if name in SHAPES and "n_tokens" in SHAPES[name] else values
        for name, values in attributes.items()
    }
    selected["vocabulary_"] = {tokens[row]: new for new, row in enumerate(rows.tolist())}
    if "_training_state" in attributes:
        state = attributes["_training_state"]
        frequency = state["document_frequency"]
        selected["_training_state"] = state | {
            "accumulators": [values[rows] for values in state["accumulators"]],
            "document_frequency": None if frequency is None else frequency[rows],
        }
    return selected


def checked(attributes):
    """Check that fitted attributes are consistent; otherwise they could crash SciPy or give wrong vectors.

    Parameters
    ----------
    attributes : dict
        Name -> value, of a fitted vectorizer or of an unfitted one; other names are ignored.

    Returns
    -------
    attributes : dict
        The same, with vectors and weights as float32 and the vocabulary as a dict. Memory-mapped vectors are not read.

    Raises
    ------
    InconsistentAttributesError
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
        require((attributes.get(name, np.zeros(1)) >= 0).all(), f"{name} has values below 0")
    squared_lengths = np.square(attributes["components_"], dtype=np.float64).sum(axis=1)
    require(np.allclose(squared_lengths, 1, atol=1e-3), "components_ has rows that are not of unit length")

    require(isinstance(attributes["vocabulary_"], dict), "vocabulary_ is not a dict")
    vocabulary = attributes["vocabulary_"] = dict(attributes["vocabulary_"])
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
    for name in CHOSEN:
        require(isinstance(attributes.get(name, 1), Real), f"{name} is not a number")
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
    require(isinstance(state["dropped_counts"], dict), "the counts of dropped tokens are not a dict")
    try:
        np.random.PCG64(0).state = state["rng_state"]
    except (KeyError, TypeError, ValueError) as error:
        raise InconsistentAttributesError("the state of the random generator is wrong") from error


def pack_training_state(attributes):
    """Pack the counts of dropped tokens among fitted attributes to be saved."""
    state = attributes.get("_training_state")
    if state is None:
        return attributes
    return attributes | {"_training_state": state | {"dropped_counts": pack_counts(state["dropped_counts"])}}


def unpack_training_state(attributes):
    """Undo `pack_training_state`."""
    state = attributes.get("_training_state")
    if not isinstance(state, dict) or "dropped_counts" not in state:
        return attributes  # `checked` says what is wrong
    check_packed("the counts of dropped tokens", state["dropped_counts"])
    return attributes | {"_training_state": state | {"dropped_counts": unpack_counts(state["dropped_counts"])}}


def check_packed(name, packed):
    """Check that `sk_cbow._vocabulary.unpack_counts` can unpack something."""
    try:
        strings, lengths, integers, counts = (packed[name] for name in ("strings", "lengths", "integers", "counts"))
        is_right = (
            type(strings) is bytes
            and lengths.dtype.kind == counts.dtype.kind == "u"
            and lengths.ndim == counts.ndim == 1
            and lengths.sum(dtype=np.int64) == len(strings.decode(errors="surrogatepass"))
            and len(lengths) + len(integers) == len(counts)
            and set(map(type, integers)) <= {int}
        )
    except (AttributeError, KeyError, TypeError, UnicodeDecodeError):
        is_right = False
    require(is_right, f"{name} cannot be unpacked")


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
    """Raise the error of inconsistent attributes unless a condition holds."""
    if not is_right:
        raise InconsistentAttributesError(fault)
