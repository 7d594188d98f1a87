"""The textbook Keras model of CBOW with negative sampling, and the accumulators of its optimizer."""

from sk_cbow._training.runtime import keras


def textbook_model(layers, *, window, negative, document_context=0):
    """Build the model of a batch of examples (Mikolov et al., 2013a, 2013b).

    It computes the dot products of the averaged context with the target word and with the negative samples. Training
    does not call it: `sk_cbow._training.step` updates the weights of its layers block by block, with the gradient that
    automatic differentiation of this model would give.

    Parameters
    ----------
    layers : list of one or two keras.layers.Embedding
        For the context, and for the target and the negative samples; one layer is shared by all three.
    window : int
        Maximum number of context words on each side.
    negative : int
        Number of negative samples.
    document_context : float
        Weight of the document in the context, 0..1. Above 0, there is a fourth input.

    Returns
    -------
    model : keras.Model
        Inputs: ``word_index`` (batch, 1); ``context`` (batch, 2 * window), padded with 0; ``negative_samples`` (batch,
        negative); and, with a document context, ``document`` (batch, n_words), other words of the document, padded with
        0. Outputs: ``word_product`` (batch, 1) and ``negative_products`` (batch, negative).
    """
    context_embedding, target_embedding = layers[0], layers[-1]
    word_index = keras.Input((1,), dtype="int32", name="word_index")
    context = keras.Input((2 * window,), dtype="int32", name="context")
    negative_samples = keras.Input((negative,), dtype="int32", name="negative_samples")
    inputs = [word_index, context, negative_samples]

    hidden, has_context = _mean_of_words(context_embedding, context)
    if document_context:
        document = keras.Input((None,), dtype="int32", name="document")
        inputs.append(document)
        document_mean, has_document = _mean_of_words(context_embedding, document)
        # If one of the two has no words, the other has all the weight.
        document_weight = has_document * (1 - has_context * (1 - document_context))
        hidden = (1 - document_weight) * hidden + document_weight * document_mean
    products = {
        "word_product": keras.ops.einsum("bd,bnd->bn", hidden, target_embedding(word_index)),
        "negative_products": keras.ops.einsum("bd,bnd->bn", hidden, target_embedding(negative_samples)),
    }
    outputs = {name: keras.layers.Identity(name=name)(product) for name, product in products.items()}
    return keras.Model(inputs, outputs, name="cbow")


def _mean_of_words(embedding, ids):
    """Average the vectors of ids (batch, n_words) other than 0; also return 1 where there are any, otherwise 0."""
    is_word = keras.ops.expand_dims(keras.ops.cast(embedding.compute_mask(ids), "float32"), -1)
    n_words = keras.ops.maximum(keras.ops.sum(is_word, axis=1), 1)
    return keras.ops.sum(is_word * embedding(ids), axis=1) / n_words, keras.ops.max(is_word, axis=1)


def empty_embedding(n_rows, vector_size, name):
    """Make an ``Embedding`` layer of zeros; row 0 is the padding.

    Of zeros, because Keras' random initializers would draw from Python's global generator.
    """
    layer = keras.layers.Embedding(n_rows, vector_size, "zeros", mask_zero=True, name=name, dtype="float32")
    layer.build()
    return layer


class RowWiseAdagrad(keras.optimizers.Optimizer):
    """Adagrad with one accumulator per row of a table (Duchi et al., 2011; row-wise as in Naumov et al., 2019).

    This object holds what is kept between steps: the accumulators and the number of steps. The update itself is in
    `sk_cbow._training.step`, which is compiled.
    """

    def __init__(self, schedule):
        super().__init__(schedule)
        self.schedule = schedule

    def build(self, variables):
        super().build(variables)
        self.accumulators = [self.add_variable((table.shape[0],), dtype="float32") for table in variables]
