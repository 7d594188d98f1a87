import numpy as np
import onnxruntime
import pytest
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType, Int64TensorType, StringTensorType
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

import sk_cbow.onnx  # noqa: F401  registers the converter
from sk_cbow import CBOWVectorizer

COLUMN_OF_STRINGS = [("document", StringTensorType([None, 1]))]


def vectorizer_of(tokens, **parameters):
    vectorizer = CBOWVectorizer(vector_size=5, analyzer=str.split).set_params(**parameters)
    vectorizer.vocabulary_ = {token: row for row, token in enumerate(tokens)}
    vectorizer.embeddings_ = np.random.default_rng(0).normal(1, 1, size=(len(tokens), 5)).astype(np.float32)
    vectorizer.token_weights_ = np.linspace(0.1, 1, len(tokens), dtype=np.float32)
    vectorizer.components_ = np.empty((0, 5), np.float32)
    return vectorizer


def run(model, documents):
    session = onnxruntime.InferenceSession(model.SerializeToString())
    return session.run(None, {"document": np.array(documents, dtype=object).reshape(-1, 1)})


def assert_same_vectors(vectorizer, documents, **options):
    (document_vectors,) = run(to_onnx(vectorizer, initial_types=COLUMN_OF_STRINGS, **options), documents)
    expected = vectorizer.transform(documents)
    assert document_vectors.dtype == np.float32
    assert document_vectors.shape == expected.shape
    np.testing.assert_allclose(document_vectors, expected, rtol=0, atol=1e-5)


@pytest.fixture(scope="module")
def texts(two_topics):
    return [" ".join(tokens) for tokens in two_topics[0]]


@pytest.fixture(scope="module")
def pipeline(texts, two_topics, small):
    topics = np.array(["kitchen", "street"])[two_topics[1]]
    return make_pipeline(CBOWVectorizer(**small, analyzer=str.split), LogisticRegression()).fit(texts, topics)


@pytest.mark.parametrize("target_opset", [13, None])
def test_a_pipeline_gives_the_same_labels_and_probabilities(pipeline, texts, target_opset):
    documents = [*texts, "tea road", "unknown", ""]
    model = to_onnx(pipeline, initial_types=COLUMN_OF_STRINGS, target_opset=target_opset, options={"zipmap": False})
    labels, probabilities = run(model, documents)
    assert labels.tolist() == pipeline.predict(documents).tolist()
    np.testing.assert_allclose(probabilities, pipeline.predict_proba(documents), rtol=0, atol=1e-5)


def test_a_model_runs_in_a_process_without_the_library(tmp_path, pipeline, in_a_fresh_process):
    model = to_onnx(pipeline, initial_types=COLUMN_OF_STRINGS, options={"zipmap": False})
    (tmp_path / "model.onnx").write_bytes(model.SerializeToString())
    code = (
        "import sys, numpy, onnxruntime; session = onnxruntime.InferenceSession(sys.argv[1]);"
        "print(*session.run(['label'], {'document': numpy.array([['a cup of tea'], ['the road']])})[0]);"
        "print({'sk_cbow', 'sklearn', 'skl2onnx'} & sys.modules.keys())"
    )
    assert in_a_fresh_process(code, tmp_path / "model.onnx") == "kitchen street\nset()"


@pytest.mark.parametrize("weighting", ["uniform", "idf", "sif"])
@pytest.mark.parametrize("remove_components", [0, 2])
@pytest.mark.parametrize("norm", [None, "l2"])
def test_weights_removed_components_and_norm(texts, small, weighting, remove_components, norm):
    vectorizer = CBOWVectorizer(
        **small, analyzer=str.split, weighting=weighting, remove_components=remove_components, norm=norm
    ).fit(texts)
    assert_same_vectors(vectorizer, [*texts, "tea", "tea tea tea car", "tea unknown", "unknown", "", "cup " * 500])


@pytest.mark.parametrize(
    "documents",
    [
        ["tea", "unknown words only", "tea unknown tea"],
        ["", "tea"],
        ["", " \n "],
        [],
        [" tea  cup\t\ttea\r\n", "\x1ccup\x85tea\u2003", "tea\xa0cup", "茶\u3000cup"],
        ["tea\u200bcup", "tea\ufeff", "Tea", "te\u0301", "t\u00e9", "a\0b"],
    ],
)
def test_odd_documents(documents):
    assert_same_vectors(vectorizer_of(["tea", "cup", "茶", "t\u00e9", "a\0b", "\ud800"]), documents)


def test_documents_are_split_as_str_split_does():
    characters = [chr(code) for code in range(0x10000) if not 0xD800 <= code < 0xE000]  # not surrogates
    assert_same_vectors(vectorizer_of(["tea", "cup"]), [f"{character}tea{character}cup" for character in characters])


@pytest.mark.parametrize("document", ["tea " * 100_000, "tea cup " * 100_000])
def test_long_documents_keep_their_precision(document):
    assert_same_vectors(vectorizer_of(["tea", "cup"]), [document, "tea"])


@pytest.mark.parametrize(
    ("tokens", "input_type", "padding"),
    [(["tea", "cup", "", "é"], StringTensorType, "-"), ([7, 0, 2**62, -5], Int64TensorType, -1)],
)
@pytest.mark.parametrize("norm", [None, "l2"])
def test_lists_of_tokens_padded_to_one_length(tokens, input_type, padding, norm):
    vectorizer = vectorizer_of(tokens, analyzer=None, norm=norm)
    if norm:
        vectorizer.mean_ = np.ones(5, np.float32)
    documents = [tokens, tokens[1:2] * 3, [padding, tokens[0]], []]
    model = to_onnx(vectorizer, initial_types=[("document", input_type([None, None]))])
    assert {node.domain for node in model.graph.node} == {"", "ai.onnx.ml"}  # of any runtime
    session = onnxruntime.InferenceSession(model.SerializeToString())
    padded = [[*document, *[padding] * (4 - len(document))] for document in documents]
    (document_vectors,) = session.run(None, {"document": np.array(padded)})
    np.testing.assert_allclose(document_vectors, vectorizer.transform(documents), rtol=0, atol=1e-6)
    for empty in ((0, 4), (2, 0)):
        (document_vectors,) = session.run(None, {"document": np.empty(empty, np.array(padded).dtype)})
        np.testing.assert_array_equal(document_vectors, np.zeros((empty[0], 5)))


def test_a_pipeline_on_integers(two_topics, small):
    vocabulary = {
        token: number for number, token in enumerate({token for document in two_topics[0] for token in document})
    }
    documents = [[vocabulary[token] for token in document] for document in two_topics[0]]
    pipeline = make_pipeline(CBOWVectorizer(**small), LogisticRegression()).fit(documents, two_topics[1])
    model = to_onnx(pipeline, initial_types=[("ids", Int64TensorType([None, None]))], options={"zipmap": False})
    longest = max(map(len, documents))
    ids = np.array([document + [-1] * (longest - len(document)) for document in documents])
    session = onnxruntime.InferenceSession(model.SerializeToString())
    assert session.run(["label"], {"ids": ids})[0].tolist() == pipeline.predict(documents).tolist()


def test_tokens_of_two_kinds_cannot_be_converted():
    with pytest.raises(ValueError, match="the vocabulary has strings and integers"):
        to_onnx(vectorizer_of(["a", 1], analyzer=None), initial_types=[("x", StringTensorType([None, None]))])


@pytest.mark.parametrize(
    ("tokens", "input_type"),
    [(["a"], Int64TensorType([None, None])), ([1], StringTensorType([None, None])), ([1], Int64TensorType([None, 1]))],
)
def test_inputs_that_are_not_the_tokens_cannot_be_converted(tokens, input_type):
    with pytest.raises(ValueError, match=r"pass documents of tokens, .*, (String|Int64)TensorType\(\[None, None\]\)"):
        to_onnx(vectorizer_of(tokens, analyzer=None), initial_types=[("x", input_type)])


@pytest.mark.parametrize("analyzer", ["word", "char", str.splitlines, lambda document: document.split()])
def test_other_analyzers_cannot_be_converted(analyzer):
    vectorizer = vectorizer_of(["tea"], analyzer=analyzer)
    with pytest.raises(
        ValueError, match=r"analyzer=.* cannot be converted to ONNX: fit with analyzer=str.split"
    ) as error:
        to_onnx(vectorizer, initial_types=COLUMN_OF_STRINGS)
    assert f"analyzer={analyzer!r} " in str(error.value)


@pytest.mark.parametrize(
    "types",
    [
        [StringTensorType([None])],
        [StringTensorType([None, 2])],
        [FloatTensorType([None, 1])],
        [StringTensorType([None, 1]), StringTensorType([None, 1])],
    ],
)
def test_other_inputs_cannot_be_converted(types):
    initial_types = [(f"input_{number}", input_type) for number, input_type in enumerate(types)]
    with pytest.raises(ValueError, match=r"input has the types .*TensorType.*: pass one column of strings"):
        to_onnx(vectorizer_of(["tea"]), initial_types=initial_types)


def test_an_unfitted_vectorizer_cannot_be_converted():
    with pytest.raises(NotFittedError, match="CBOWVectorizer instance is not fitted"):
        to_onnx(CBOWVectorizer(analyzer=str.split), initial_types=COLUMN_OF_STRINGS)


@pytest.mark.parametrize(
    ("target_opset", "message"),
    [
        (12, "Opset number 13 is higher than targeted opsets .*12.* node type 'ReduceSum'"),
        ({"": 13, "ai.onnx.ml": 1}, "Opset number 2 is higher than targeted opsets .*1.* node type 'LabelEncoder'"),
    ],
)
def test_opsets_that_are_too_low(target_opset, message):
    with pytest.raises(RuntimeError, match=message):
        to_onnx(vectorizer_of(["tea"]), initial_types=COLUMN_OF_STRINGS, target_opset=target_opset)


@pytest.mark.slow
def test_without_skl2onnx_or_onnx_the_error_says_what_to_install(in_a_fresh_process):
    code = """
import sys
for missing in ("skl2onnx", "onnx"):
    sys.modules[missing] = None  # as if it were not installed
    try:
        import sk_cbow.onnx
    except ImportError as error:
        print(error)
    del sys.modules[missing]
"""
    assert in_a_fresh_process(code).splitlines() == ['sk_cbow.onnx needs skl2onnx: pip install "sk_cbow[onnx]"'] * 2
