"""Keras layers and models with the word vectors of a fitted vectorizer, and files for TensorBoard.

The id of a token is its row in `embeddings_` plus one; 0 is padding. All models are functional and consist of Keras'
own layers, so that they load from ``.keras`` files without this library. Keras is imported when a function needs it.
"""

from __future__ import annotations

from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sk_cbow._documents import token_lists
from sk_cbow._files import atomic_write
from sk_cbow._fitted import fitted_view, trained_tables
from sk_cbow._training.automatic import default_window
from sk_cbow._vocabulary import encode_documents
from sk_cbow._word_vectors import WordVectors, as_word_vectors

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Sequence

    import keras
    from numpy.typing import NDArray

    from sk_cbow._vectorizer import BaseCBOWVectorizer

__all__ = ["cbow_model", "document_model", "embedding_layer", "encode", "save_projector"]


def cbow_model(
    vectorizer: BaseCBOWVectorizer | None = None,
    *,
    n_tokens: int | None = None,
    vector_size: int | None = None,
    window: int | None = None,
    negative: int | None = None,
    document_context: float = 0,
    shared_embedding: bool = True,
    weights: Sequence[Any] | None = None,
) -> keras.Model:
    """Build the textbook model of CBOW with negative sampling, which takes a batch of examples [1]_.

    The inputs are integers: ``word_index`` (batch, 1), the target; ``context`` (batch, 2 * window), the words around
    it, padded with 0; and ``negative_samples`` (batch, negative). With a `document_context`, there is a fourth input,
    ``document`` (batch, n_words): a random sample of the other words of the document, padded with 0.

    The outputs are dot products of the averaged context vectors: ``word_product`` (batch, 1) with the target's vector,
    and ``negative_products`` (batch, negative) with the vectors of the negative samples. They are the logits of a
    binary classification, in which the target has label 1 and the negative samples have label 0.

    Parameters
    ----------
    vectorizer : CBOWVectorizer, optional
        Fitted. Its sizes and weights are used, and the other arguments are ignored. Without it, sizes are required.
    n_tokens : int, optional
        Size of the vocabulary, not counting padding.
    vector_size : int, optional
        Length of a word vector.
    window : int, optional
        Maximum number of context words on each side.
    negative : int, optional
        Number of negative samples per target.
    document_context : float, default=0
        Weight of the document in the average of the context, 0..1 [3]_. If the window or the document has no words, the
        other has all the weight.
    shared_embedding : bool, default=True
        Whether context, target and negative samples share one ``Embedding`` layer, named ``embedding``. If False, there
        are two layers, ``context_embedding`` and ``target_embedding``.
    weights : ndarray of shape (n_tokens, vector_size), or list of two, optional
        Initial word vectors; for two layers, those of the context and of the target. By default, Keras draws them
        uniformly from +-0.5 / vector_size.

    Returns
    -------
    model : keras.Model
        Not compiled.

    Raises
    ------
    ImportError
        If TensorFlow or Keras is not installed.
    NotFittedError
        If the vectorizer is not fitted.
    TypeError
        If neither a vectorizer nor all sizes are passed.
    ValueError
        If the number or the shape of weights is wrong.

    Notes
    -----
    Compiled with ``keras.losses.BinaryCrossentropy(from_logits=True)`` and ``loss_weights={"word_product": 1,
    "negative_products": negative}`` (Keras averages over the negative samples, word2vec sums), the model can be trained
    like word2vec, but slowly. `CBOWVectorizer.fit` also subtracts log(negative) from every dot product, which a shared
    layer needs for good vectors [2]_.

    References
    ----------
    .. [1] Tomas Mikolov, Ilya Sutskever, Kai Chen, Greg Corrado and Jeffrey Dean (2013). Distributed representations
       of words and phrases and their compositionality. NeurIPS.
    .. [2] Omer Levy and Yoav Goldberg (2014). Neural word embedding as implicit matrix factorization. NeurIPS.
    .. [3] Minmin Chen (2017). Efficient vector representation for documents through corruption. ICLR.

    Examples
    --------
    >>> from sk_cbow.keras import cbow_model
    >>> model = cbow_model(n_tokens=1000, vector_size=50, window=5, negative=5)
    >>> [tuple(tensor.shape) for tensor in model.inputs]
    [(None, 1), (None, 10), (None, 5)]
    >>> [layer.name for layer in model.layers if layer.weights]
    ['embedding']
    """
    from sk_cbow._training.model import textbook_model

    if vectorizer is not None:
        vectorizer = fitted_view(vectorizer)
        n_tokens, vector_size = vectorizer.embeddings_.shape
        negative, document_context = vectorizer.negative, vectorizer.document_context
        window = getattr(vectorizer, "window_", vectorizer.window)
        if window == "auto":  # the vectorizer was made of vectors
            window = default_window(document_context)
        weights = trained_tables(vectorizer)
        shared_embedding = len(weights) == 1
    if None in (n_tokens, vector_size, window, negative):
        raise TypeError(
            f"cbow_model got n_tokens={n_tokens}, vector_size={vector_size}, window={window}, negative={negative}: "
            "pass all four, or a fitted vectorizer"
        )
    names = ["embedding"] if shared_embedding else ["context_embedding", "target_embedding"]
    if weights is None:
        layers = [_random_embedding(n_tokens, vector_size, name) for name in names]
    else:
        layers = _given_embeddings(weights, (n_tokens, vector_size), names)
    return textbook_model(layers, window=window, negative=negative, document_context=document_context)


def embedding_layer(vectorizer: BaseCBOWVectorizer | WordVectors, trainable: bool = False) -> keras.layers.Embedding:
    """Make a Keras ``Embedding`` layer with the word vectors, whose inputs are ids from `encode`.

    Parameters
    ----------
    vectorizer : CBOWVectorizer or WordVectors
        Fitted.
    trainable : bool, default=False
        Whether the vectors are fine-tuned when a model with this layer is trained, or frozen.

    Returns
    -------
    layer : keras.layers.Embedding
        With ``mask_zero=True``, so that layers that support masking ignore padding.

    Raises
    ------
    ImportError
        If TensorFlow or Keras is not installed.
    NotFittedError
        If the vectorizer is not fitted.

    Examples
    --------
    Use it in a classifier of documents:

    >>> import keras
    >>> from sk_cbow import CBOWVectorizer
    >>> from sk_cbow.keras import embedding_layer, encode
    >>> documents = [["tea", "milk", "cup"], ["car", "road", "wheel"]] * 50
    >>> vectorizer = CBOWVectorizer(vector_size=8, sample=0).fit(documents)
    >>> classifier = keras.Sequential(
    ...     [
    ...         embedding_layer(vectorizer, trainable=True),
    ...         keras.layers.GlobalAveragePooling1D(),
    ...         keras.layers.Dense(1, activation="sigmoid"),
    ...     ]
    ... )
    >>> classifier(encode(vectorizer, documents, max_length=4)).shape
    TensorShape([100, 1])
    """
    vectors = as_word_vectors(vectorizer).vectors
    (layer,) = _given_embeddings(vectors, vectors.shape, ["embedding"])
    layer.trainable = trainable
    return layer


def encode(vectorizer: BaseCBOWVectorizer, documents: Iterable[Any], max_length: int) -> NDArray[np.int32]:
    """Encode documents as padded ids of their known tokens.

    Parameters
    ----------
    vectorizer : CBOWVectorizer
        Fitted.
    documents : iterable of documents
        As in `CBOWVectorizer.transform`.
    max_length : int
        Number of columns of the result. Longer documents are truncated to their first `max_length` known tokens.

    Returns
    -------
    ids : ndarray of shape (n_documents, max_length), int32
        The row in `embeddings_` plus one, followed by padding with 0. Unknown tokens are dropped.

    Raises
    ------
    NotFittedError
        If the vectorizer is not fitted.
    TypeError
        As in `CBOWVectorizer.transform`.
    ValueError
        If `max_length` is not an integer above 0.

    Examples
    --------
    >>> from sk_cbow import CBOWVectorizer
    >>> from sk_cbow.keras import encode
    >>> documents = [["to", "be", "or", "to"], ["or", "not", "to"]]
    >>> vectorizer = CBOWVectorizer(vector_size=8, sample=0)
    >>> vectorizer = vectorizer.fit(documents[:1] * 10)
    >>> encode(vectorizer, documents[::-1], max_length=3)
    array([[3, 1, 0],
           [1, 2, 3]], dtype=int32)
    """
    vectorizer = fitted_view(vectorizer)
    if not isinstance(max_length, Integral) or not 1 <= max_length < 2**31:
        raise ValueError(f"max_length is {max_length!r}: pass an integer above 0")
    batches = [np.empty((0, max_length), np.int32)]
    unfinished, n_unfinished = np.zeros(max_length, np.int32), 0  # of a document that continues in the next chunk
    for rows, offsets, is_complete in encode_documents(
        token_lists(documents, vectorizer.analyzer), vectorizer.vocabulary_
    ):
        lengths = np.diff(offsets)
        document = np.repeat(np.arange(len(lengths)), lengths)
        position = np.arange(len(rows)) - offsets[document]
        position[: lengths[0]] += n_unfinished
        is_taken = position < max_length
        ids = np.zeros((len(lengths), max_length), np.int32)
        ids[0] = unfinished
        ids[document[is_taken], position[is_taken]] = rows[is_taken] + 1
        n_unfinished = 0 if is_complete else lengths[-1] + (n_unfinished if len(lengths) == 1 else 0)
        unfinished = np.zeros(max_length, np.int32) if is_complete else ids[-1]
        batches.append(ids if is_complete else ids[:-1])
    return np.concatenate(batches)


def document_model(vectorizer: BaseCBOWVectorizer) -> keras.Model:
    """Build a Keras model that computes the document vectors of `CBOWVectorizer.transform` from token ids.

    Parameters
    ----------
    vectorizer : CBOWVectorizer
        Fitted.

    Returns
    -------
    model : keras.Model
        The input has shape (batch, length), with ids as in `encode` and any length. The output has shape (batch,
        vector_size): the weighted average of the tokens' vectors, without the removed components; with ``norm="l2"``,
        centred and scaled. Only the word vectors are trainable.

    Raises
    ------
    ImportError
        If TensorFlow or Keras is not installed.
    NotFittedError
        If the vectorizer is not fitted.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_cbow import CBOWVectorizer
    >>> from sk_cbow.keras import document_model, encode
    >>> documents = [["tea", "milk", "cup"], ["car", "road", "wheel"]] * 50
    >>> vectorizer = CBOWVectorizer(vector_size=8, sample=0).fit(documents)
    >>> ids = encode(vectorizer, documents, max_length=3)
    >>> vectors = document_model(vectorizer)(ids)
    >>> np.allclose(vectors, vectorizer.transform(documents), atol=1e-6)
    True
    """
    keras = _import_keras()
    vectorizer = fitted_view(vectorizer)
    embedding = embedding_layer(vectorizer, trainable=True)
    pooling = vectorizer._pooling
    token_weights = pooling.weights[:, None]
    (token_weight,) = _given_embeddings(token_weights, token_weights.shape, ["token_weight"])
    token_weight.trainable = False
    ids = keras.Input((None,), dtype="int32", name="ids")
    weights = token_weight(ids)  # (batch, length, 1), zero for padding
    sums = keras.ops.sum(weights * embedding(ids), axis=1)
    totals = keras.ops.sum(weights, axis=1)
    divisors = keras.ops.maximum(totals, np.finfo(np.float32).tiny)
    vectors = sums / divisors
    if pooling.mean is not None:
        is_known = totals / divisors  # (batch, 1), 1 or, without known tokens, 0
        vectors = vectors - _fixed_product(is_known, pooling.mean[None], "mean")
    for index, component in enumerate(pooling.components):
        along = _fixed_product(vectors, component[:, None], f"along_component_{index}")
        vectors = vectors - _fixed_product(along, component[None], f"component_{index}")
    if pooling.mean is not None:
        squares = keras.ops.sum(keras.ops.square(vectors), axis=1, keepdims=True)
        # Not 0, where a root has no gradient.
        vectors = vectors * keras.ops.rsqrt(keras.ops.where(squares > 0, squares, 1.0))
    return keras.Model(ids, vectors, name="document")


def save_projector(vectorizer: BaseCBOWVectorizer | WordVectors, folder: str | os.PathLike[str]) -> None:
    """Write the word vectors to files for TensorBoard's embedding projector.

    Parameters
    ----------
    vectorizer : CBOWVectorizer or WordVectors
        Fitted.
    folder : str or path-like
        Folder for ``vectors.tsv``, ``metadata.tsv`` and ``projector_config.pbtxt``, created if it does not exist. An
        existing file is replaced when the new one is complete. Show the folder with ``tensorboard --logdir folder``, or
        load the first two files at https://projector.tensorflow.org.

    Raises
    ------
    NotFittedError
        If the vectorizer is not fitted.
    OSError
        If the folder cannot be created or is not writable.

    Examples
    --------
    >>> from sk_cbow import CBOWVectorizer
    >>> from sk_cbow.keras import save_projector
    >>> documents = [["tea", "milk", "cup"], ["car", "road", "wheel"]] * 50
    >>> vectorizer = CBOWVectorizer(vector_size=8, sample=0).fit(documents)
    >>> save_projector(vectorizer, "words")
    """
    word_vectors = as_word_vectors(vectorizer)
    # Tabs and line breaks separate names. A lone surrogate, which UTF-8 cannot encode, becomes a question mark.
    names = "".join(" ".join(str(token).split()) + "\n" for token in word_vectors)
    config = 'embeddings {\n  tensor_name: "words"\n  tensor_path: "vectors.tsv"\n  metadata_path: "metadata.tsv"\n}\n'
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with atomic_write(folder / "vectors.tsv") as file:
        np.savetxt(file, word_vectors.vectors, fmt="%.9g", delimiter="\t")
    with atomic_write(folder / "metadata.tsv") as file:
        file.write(names.encode(errors="replace"))
    with atomic_write(folder / "projector_config.pbtxt") as file:
        file.write(config.encode())


def _import_keras():
    try:
        import keras
    except ModuleNotFoundError as error:
        raise ImportError(
            "sk_cbow.keras needs Keras on TensorFlow, which is missing: pip install tensorflow"
        ) from error
    return keras


def _fixed_product(inputs, kernel, name):
    """Multiply by a matrix that is not trainable."""
    # Initialized with zeros, because Keras' random initializers would draw from Python's global generator.
    layer = _import_keras().layers.Dense(kernel.shape[1], use_bias=False, kernel_initializer="zeros", name=name)
    outputs = layer(inputs)
    layer.set_weights([kernel])
    layer.trainable = False
    return outputs


def _random_embedding(n_tokens, vector_size, name):
    keras = _import_keras()
    initializer = keras.initializers.RandomUniform(-0.5 / vector_size, 0.5 / vector_size)
    return keras.layers.Embedding(n_tokens + 1, vector_size, initializer, mask_zero=True, name=name)


def _given_embeddings(weights, shape, names):
    """Make one layer for each table, with an additional row for padding."""
    keras = _import_keras()
    tables = list(weights) if isinstance(weights, (list, tuple)) else [weights]
    if [np.shape(table) for table in tables] != [shape] * len(names):
        raise ValueError(
            f"weights have the shapes {[np.shape(table) for table in tables]}: pass {len(names)} of shape {shape}, "
            "(n_tokens, vector_size)"
        )
    layers = []
    for table, name in zip(tables, names, strict=True):
        # Zeros, because Keras' random initializers would draw from Python's global generator.
        layer = keras.layers.Embedding(shape[0] + 1, shape[1], "zeros", mask_zero=True, name=name)
        layer.build()
        layer.set_weights([np.concatenate((np.zeros((1, shape[1]), np.float32), table))])
        layers.append(layer)
    return layers
