"""Convert a fitted vectorizer to ONNX, so that onnxruntime computes document vectors without this library.

Importing this module registers ``CBOWVectorizer`` with skl2onnx, which then converts it, alone or in a ``Pipeline``.
skl2onnx and onnxruntime are installed with the extra ``onnx``.

Notes
-----
Two values of `analyzer` can be converted. With ``str.split``, the input of a model is a string tensor of shape
(n_documents, 1), which is split at Unicode white space, as by ``str.split``. With None, it is a tensor of tokens, of
shape (n_documents, n_tokens), where n_tokens is the length of the longest document: strings, or 64-bit integers if all
tokens of the vocabulary are. Shorter documents are padded with a token that is not in the vocabulary, such as "" or -1.
The output is a float tensor of shape (n_documents, vector_size).

`target_opset` must be at least 13, and at least 2 for the domain ``ai.onnx.ml``. The operator that splits,
``Tokenizer`` of the domain ``com.microsoft``, is part of onnxruntime; other ONNX runtimes do not have it. A model of
tokens does not need it.

A run takes 12 * n_documents * n_tokens * vector_size bytes, where n_tokens is the length of the longest document: pass
many documents in batches.

Examples
--------
>>> import numpy as np
>>> import onnxruntime
>>> import sk_cbow.onnx
>>> from skl2onnx import to_onnx
>>> from skl2onnx.common.data_types import StringTensorType
>>> from sklearn.linear_model import LogisticRegression
>>> from sklearn.pipeline import make_pipeline
>>> documents = ["tea milk cup", "car road wheel"] * 50
>>> labels = ["kitchen", "street"] * 50
>>> vectorizer = sk_cbow.CBOWVectorizer(
...     vector_size=8, sample=0, analyzer=str.split, random_state=0
... )
>>> pipeline = make_pipeline(vectorizer, LogisticRegression())
>>> model = to_onnx(
...     pipeline.fit(documents, labels),
...     initial_types=[("document", StringTensorType([None, 1]))],
...     options={"zipmap": False},
... )
>>> session = onnxruntime.InferenceSession(model.SerializeToString())
>>> queries = np.array([["a cup of tea"], ["the road"]])
>>> predicted, probabilities = session.run(None, {"document": queries})
>>> predicted.tolist()
['kitchen', 'street']
>>> probabilities.shape
(2, 2)

With integers as tokens, such as the ids of items:

>>> from skl2onnx.common.data_types import Int64TensorType
>>> sessions = [[10, 11, 12], [20, 21, 22]] * 50
>>> vectorizer = sk_cbow.CBOWVectorizer(vector_size=8, random_state=0)
>>> model = to_onnx(
...     vectorizer.fit(sessions),
...     initial_types=[("ids", Int64TensorType([None, None]))],
... )
>>> session = onnxruntime.InferenceSession(model.SerializeToString())
>>> ids = np.array([[10, 12, 10], [20, 99, -1]])  # 99 is unknown, -1 padding
>>> (vectors,) = session.run(None, {"ids": ids})
>>> expected = vectorizer.transform([[10, 12, 10], [20, 99]])
>>> bool(np.allclose(vectors, expected))
True
"""

import sys

import numpy as np

from sk_cbow._fitted import fitted_view
from sk_cbow._vectorizer import CBOWVectorizer

try:
    from onnx import TensorProto
    from onnx.numpy_helper import from_array
    from skl2onnx import update_registered_converter
    from skl2onnx.common.data_types import FloatTensorType, Int64TensorType, StringTensorType
except ImportError as error:
    raise ImportError('sk_cbow.onnx needs skl2onnx: pip install "sk_cbow[onnx]"') from error

__all__ = []  # importing this module registers the converter

WHITE_SPACE = "".join(filter(str.isspace, map(chr, range(sys.maxunicode + 1))))  # as in str.split


def _set_output_type(operator):
    vectorizer = operator.raw_operator = fitted_view(operator.raw_operator)  # also used by `_convert`
    types = [variable.type for variable in operator.inputs]
    if vectorizer.analyzer is str.split:
        expected, shape, remedy = StringTensorType, [1], "one column of strings, StringTensorType([None, 1])"
    elif vectorizer.analyzer is None:
        kind, shape = _kind_of_tokens(vectorizer.vocabulary_), [None]
        expected = StringTensorType if kind is str else Int64TensorType
        remedy = f"documents of tokens, padded to the same length, {expected.__name__}([None, None])"
    else:
        raise ValueError(
            f"analyzer={vectorizer.analyzer!r} cannot be converted to ONNX: fit with analyzer=str.split, on strings "
            "whose tokens are separated by white space, or with analyzer=None, on lists of tokens"
        )
    if len(types) != 1 or not isinstance(types[0], expected) or types[0].shape[1:] != shape:
        raise ValueError(f"the vectorizer's input has the types {types}: pass {remedy}")
    operator.outputs[0].type = FloatTensorType([types[0].shape[0], vectorizer._n_features_out])


def _kind_of_tokens(vocabulary):
    kinds = {str if isinstance(token, str) else int for token in vocabulary}
    if len(kinds) > 1:
        raise ValueError(
            "the vocabulary has strings and integers, but a tensor has one of them: fit on documents of strings alone, "
            "[[str(token) for token in document] for document in X]"
        )
    return kinds.pop()


def _convert(scope, operator, container):
    vectorizer = operator.raw_operator
    n_tokens, vector_size = vectorizer.embeddings_.shape
    # The mean and components are removed from the word vectors, and so from averages, too, whose weights add up to 1.
    pooling = vectorizer._pooling
    components = pooling.components
    vectors = vectorizer.embeddings_ if pooling.mean is None else vectorizer.embeddings_ - pooling.mean
    vectors = vectors - vectors @ components.T @ components
    weighted_vectors = pooling.weights[:, None] * vectors
    # The last row of zeros is for unknown tokens and for padding.
    weighted_vectors = np.append(weighted_vectors, np.zeros((1, vector_size), np.float32), axis=0)
    weights = np.append(pooling.weights.astype(np.float64), 0)

    def constant(name, array):
        name = scope.get_unique_variable_name(name)
        container.add_initializer(name, None, None, from_array(array))
        return name

    def result(op_type, *inputs, **attributes):
        name = scope.get_unique_variable_name(op_type)
        container.add_node(op_type, list(inputs), name, **attributes)
        return name

    if vectorizer.analyzer is None:
        tokens = operator.input_full_names[0]
    else:
        tokenized = result(
            "Tokenizer",
            *operator.input_full_names,
            op_domain="com.microsoft",
            tokenexp=f"[^{WHITE_SPACE}]+",
            mincharnum=1,
            mark=0,
            pad_value="",
        )  # (n_documents, 1, length of the longest document), but (0, 0) without documents
        tokens = result("Flatten", tokenized)
    # A token with a lone surrogate, which no input can contain, must not prevent the conversion.
    keys = (
        {"keys_strings": [token.encode(errors="surrogatepass") for token in vectorizer.vocabulary_]}
        if isinstance(operator.inputs[0].type, StringTensorType)
        else {"keys_int64s": list(vectorizer.vocabulary_)}
    )
    rows = result(
        "LabelEncoder",
        tokens,
        op_domain="ai.onnx.ml",
        op_version=2,
        values_int64s=list(vectorizer.vocabulary_.values()),
        default_int64=n_tokens,
        **keys,
    )
    # In double precision: in float32, the sum over a thousand repeated tokens has an error above 1e-5.
    gathered = result("Gather", constant("weighted_vectors", weighted_vectors), rows)
    terms = result("Cast", gathered, to=TensorProto.DOUBLE)
    term_weights = result("Gather", constant("token_weights", weights), rows)
    second_axis = constant("second_axis", np.array([1]))
    sums = result("ReduceSum", terms, second_axis, keepdims=0, op_version=13)  # (n_documents, vector_size)
    sums_of_weights = result("ReduceSum", term_weights, second_axis, keepdims=1, op_version=13)
    above_zero = constant("above_zero", np.array(np.finfo(np.float64).tiny))
    document_vectors = result("Div", sums, result("Max", sums_of_weights, above_zero))
    if pooling.mean is not None:
        squares = result("Mul", document_vectors, document_vectors)
        lengths = result("Sqrt", result("ReduceSum", squares, second_axis, keepdims=1, op_version=13))
        document_vectors = result("Div", document_vectors, result("Max", lengths, above_zero))
    container.add_node("Cast", document_vectors, operator.output_full_names, to=TensorProto.FLOAT)


update_registered_converter(CBOWVectorizer, "SkCbowCBOWVectorizer", _set_output_type, _convert)
