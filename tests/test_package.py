import ast
import importlib
import inspect
import pickle
import pkgutil
import re
import subprocess
import sys
from importlib.metadata import metadata
from pathlib import Path

import pytest

import sk_cbow
from sk_cbow import CBOWVectorizer, WordVectors, datasets, evaluation, keras, word2vec_format
from sk_cbow.dask import DaskCBOWVectorizer

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
EXAMPLES = sorted((ROOT / "docs").glob("e*/*.py"))  # examples and explanations


def test_public_names():
    """Everything else is private, and may change in every version."""
    assert sk_cbow.__all__ == ["CBOWVectorizer", "WordVectors", "__version__"]
    modules = {module.name for module in pkgutil.iter_modules(sk_cbow.__path__) if module.name[0] != "_"}
    names = {name: importlib.import_module(f"sk_cbow.{name}").__all__ for name in modules}
    assert names == {
        "dask": ["DaskCBOWVectorizer"],
        "datasets": ["load_docstrings"],
        "evaluation": ["AnalogyScore", "SimilarityScore", "analogy_score", "similarity_score"],
        "keras": ["cbow_model", "document_model", "embedding_layer", "encode", "save_projector"],
        "onnx": [],
        "word2vec_format": ["load", "save"],
    }
    assert re.fullmatch(r"\d+\.\d+\.\d+(\.dev\d+)?", sk_cbow.__version__)


def test_the_example_of_the_readme_works(capsys):
    """Its output depends on the version of Python, whose language reference it reads."""
    (example,) = re.findall(r"```python\n(.*?)```", README.read_text(), re.S)
    names = {}
    exec(example, names)
    assert "keys" in dict(names["vectorizer"].most_similar("dictionary", topn=10))
    assert {"typesmapping", "dict"} & {names["names"][row] for row in names["nearest"]}
    assert capsys.readouterr().out.startswith("dictionary: ")


def test_the_distribution_for_serving_has_the_same_dependencies_but_keras_and_tensorflow():
    def dependencies(path):
        (block,) = re.findall(r"^dependencies = \[\n(.*?)^\]", path.read_text(), re.S | re.M)
        return set(re.findall(r'^ +"(.+?)"', block, re.M))

    left_out = dependencies(ROOT / "pyproject.toml") - dependencies(ROOT / "serving/pyproject.toml")
    assert {re.match(r"\w+", name)[0] for name in left_out} == {"keras", "tensorflow"}
    assert dependencies(ROOT / "serving/pyproject.toml") < dependencies(ROOT / "pyproject.toml")


def test_changelog_and_citation_are_of_this_version():
    headings = re.findall(r"^## (.+)", (ROOT / "CHANGELOG.md").read_text(), re.M)
    if sk_cbow.__version__.endswith(".dev0"):
        assert headings.pop(0) == "Unreleased"
    else:
        assert headings[0].startswith(f"{sk_cbow.__version__} ")
    citation = dict(re.findall(r"^(version|date-released): (.+)", (ROOT / "CITATION.cff").read_text(), re.M))
    assert headings[0] == f"{citation['version']} ({citation['date-released']})"


def test_the_address_of_the_site_is_everywhere_the_same():
    """The address in pyproject.toml is the one to change."""
    (site,) = re.findall(r'^Documentation = "(.+)"', (ROOT / "pyproject.toml").read_text(), re.M)
    assert CBOWVectorizer._doc_link_template.startswith(site)
    for path in (ROOT / "pyproject.toml", ROOT / "serving/pyproject.toml"):
        others = r"^(Repository|Issues) = .*\n"
        addresses = re.findall(r"https://[\w./-]+", re.sub(others, "", path.read_text(), flags=re.M))
        assert {address[: len(site)] for address in addresses} == {site}


def test_the_links_of_the_readme_work_in_the_repository_and_on_the_page_of_the_package():
    link = r'\]\((.+?)\)|src="(.+?)"'
    links = [first or second for first, second in re.findall(link, README.read_text())]
    assert len(links) > 15
    assert all((ROOT / path.partition("#")[0]).exists() for path in links)
    published = re.findall(link, metadata("sk-cbow")["Description"])  # as installed: after a change, install again
    assert len(published) == len(links)
    assert all((first or second).startswith("https://") for first, second in published)


PUBLIC = [
    CBOWVectorizer,
    WordVectors,
    DaskCBOWVectorizer,
    *(
        value
        for name, value in inspect.getmembers(CBOWVectorizer, inspect.isroutine)
        if name[0] != "_" and value.__module__.startswith("sk_cbow")
    ),
]
PUBLIC += [
    value
    for module in (datasets, evaluation, keras, word2vec_format)
    for name, value in inspect.getmembers(module, inspect.isfunction)
    if name[0] != "_" and value.__module__ == module.__name__
]


@pytest.mark.parametrize("public", PUBLIC, ids=lambda public: public.__qualname__)
def test_every_public_name_has_an_example_and_is_in_the_reference(public):
    assert "\n>>> " in inspect.getdoc(public).partition("\nExamples\n")[2]
    docs = ROOT / "docs"
    reference = [docs / "api/index.rst", docs / "_templates/autosummary/class.rst"]
    assert re.search(rf"\b{public.__name__}\b", "".join(page.read_text() for page in reference))


def test_imports_have_a_direction_and_only_training_imports_tensorflow():
    """The contracts are in pyproject.toml."""
    code = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(sys.argv[1], no_cache=True))"
    command = [sys.executable, "-c", code, ROOT / "pyproject.toml"]
    linter = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert linter.returncode == 0, linter.stdout


def test_tensorflow_and_dask_are_not_imported_before_they_are_used(in_a_fresh_process):
    code = """
import sys, sk_cbow
print([name for name in ("dask", "keras", "tensorflow") if name in sys.modules])
import sk_cbow.dask, sk_cbow.evaluation, sk_cbow.keras, sk_cbow.onnx, sk_cbow.word2vec_format
print([name for name in ("keras", "tensorflow") if name in sys.modules])
"""
    assert in_a_fresh_process(code) == "[]\n[]"


def test_without_tensorflow_the_error_names_the_remedy(in_a_fresh_process, fitted, tmp_path):
    code = """
import pickle, sys
sys.modules["keras"] = sys.modules["tensorflow"] = None  # as if they were not installed
from sk_cbow import CBOWVectorizer, keras

with open(sys.argv[1], "rb") as file:
    fitted = pickle.load(file)
for call in (
    lambda: CBOWVectorizer(4, sample=0).fit([["a", "b"]] * 9),
    lambda: keras.cbow_model(fitted),
    lambda: keras.embedding_layer(fitted),
    lambda: keras.document_model(fitted),
):
    try:
        call()
    except ImportError as error:
        print(error)
"""
    path = tmp_path / "fitted.pickle"
    path.write_bytes(pickle.dumps(fitted))
    messages = in_a_fresh_process(code, path).splitlines()
    assert len(messages) == 4
    for message in messages:
        assert re.fullmatch("sk_cbow.* Keras on TensorFlow, which is missing: pip install tensorflow", message)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_runs_alone(path):
    """Each is downloaded without the others: it imports only what the extra `examples` installs."""
    installed = {"dask", "distributed", "keras", "matplotlib", "numpy", "pandas", "scipy", "sk_cbow", "sklearn"}
    installed |= {"threadpoolctl", *sys.stdlib_module_names}
    for node in ast.walk(ast.parse(path.read_text())):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module] if isinstance(node, ast.ImportFrom) else []
        assert {name.split(".")[0] for name in names} <= installed
