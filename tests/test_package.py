import re
from pathlib import Path

import sk_cbow

SOURCES = sorted(Path(sk_cbow.__file__).parent.glob("*.py"))


def test_public_names():
    assert sk_cbow.__all__ == ["CBOWVectorizer", "__version__"]
    assert re.fullmatch(r"\d+\.\d+\.\d+(\.dev\d+)?", sk_cbow.__version__)


def test_only_the_model_imports_tensorflow():
    importers = {
        path.name for path in SOURCES if re.search(r"^\s*(import|from) (tensorflow|keras)", path.read_text(), re.M)
    }
    assert importers == {"_model.py"}


def test_only_the_vectorizer_imports_project_modules():
    importers = {path.name for path in SOURCES if re.search(r"^\s*(import|from) sk_cbow", path.read_text(), re.M)}
    assert importers == {"__init__.py", "_vectorizer.py"}
