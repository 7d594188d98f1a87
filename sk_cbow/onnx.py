"""Convert a fitted vectorizer to ONNX, so that onnxruntime computes document vectors without this library.

Importing this module registers ``CBOWVectorizer`` with skl2onnx, which then converts it, alone or in a ``Pipeline``.
skl2onnx and onnxruntime are installed with the extra ``onnx``.

Notes
-----
The only `analyzer` that can be converted is ``str.split``. The input of a model is a string tensor of shape
(n_documents, 1). It is split at Unicode white space, as by ``str.split``. The output is a float tensor of shape
(n_documents, vector_size).

`target_opset` must be at least 13, and at least 2 for the domain ``ai.onnx.ml``. The operator that splits,
``Tokenizer`` of the domain ``com.microsoft``, is part of onnxruntime; other ONNX runtimes do not have it.

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
"""

import sys

import numpy as np

from sk_cbow._fitted import fitted_view
from sk_cbow._vectorizer import CBOWVectorizer

try:
    from onnx import TensorProto
    from onnx.numpy_helper import from_array
    from skl2onnx import update_registered_converter
    from skl2onnx.common.data_types import FloatTensorType, StringTensorType
except ImportError as error:
    raise ImportError('sk_cbow.onnx needs skl2onnx: pip install "sk_cbow[onnx]"') from error

WHITE_SPACE = "".join(filter(str.isspace, map(chr, range(sys.maxunicode + 1))))  # as in str.split


def _set_output_type(operator):
    vectorizer = operator.raw_operator = fitted_view(operator.raw_operator)  # also used by `_convert`
    if vectorizer.analyzer is not str.split:
        raise ValueError(
            f"analyzer={vectorizer.analyzer!r} cannot be converted to ONNX: fit with analyzer=str.split, on strings "
            "whose tokens are separated by white space"
        )
    types = [variable.type for variable in operator.inputs]
    if len(types) != 1 or not isinstance(types[0], StringTensorType) or types[0].shape[1:] != [1]:
        raise ValueError(
            f"the vectorizer's input has the types {types}: pass one column of strings, StringTensorType([None, 1])"
        )
    operator.outputs[0].type = FloatTensorType([types[0].shape[0], vectorizer._n_features_out])


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

    tokens = result(
        "Tokenizer",
        *operator.input_full_names,
        op_domain="com.microsoft",
        tokenexp=f"[^{WHITE_SPACE}]+",
        mincharnum=1,
        mark=0,
        pad_value="",
    )  # (n_documents, 1, length of the longest document), but (0, 0) without documents
    rows = result(
        "LabelEncoder",
        result("Flatten", tokens),
        op_domain="ai.onnx.ml",
        op_version=2,
        # A token with a lone surrogate, which no input can contain, must not prevent the conversion.
        keys_strings=[token.encode(errors="surrogatepass") for token in vectorizer.vocabulary_],
        values_int64s=list(vectorizer.vocabulary_.values()),
        default_int64=n_tokens,
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
