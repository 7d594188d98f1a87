"""Text that every machine has: the docstrings of numpy, scipy, scikit-learn and keras.

The examples import this module. A few docstrings contain text that differs from one
process to the next, so the third digit of a result may vary.
"""

import importlib
import inspect
import pkgutil
import re
import warnings

import numpy as np

PACKAGES = ["numpy", "scipy", "sklearn", "keras"]
SHORTEST = 200  # characters
SMALLEST_CLASS = 40  # docstrings


def tokens(text):
    """Words of at least two letters, in lower case."""
    return re.findall(r"[a-z]\w+", text.lower())


def first_line(docstring):
    """Summary of a docstring; NumPy's compiled functions have a signature before it."""
    paragraphs = docstring.split("\n\n")
    return (
        paragraphs[1]
        if re.match(r"[\w.]+\(", docstring) and len(paragraphs) > 1
        else paragraphs[0]
    )


def labelled_docstrings():
    """Docstrings of public functions and classes, and an array of their subpackages."""
    label_of = {}
    for package in PACKAGES:
        for module in _public_modules(package):
            for _, thing in inspect.getmembers(module, callable):
                docstring = inspect.getdoc(thing) or ""
                if len(docstring) >= SHORTEST:
                    label_of.setdefault(docstring, _subpackage(thing, module))
    return list(label_of), np.array(list(label_of.values()))


def rows_of_common(subpackages):
    """Rows of docstrings whose subpackage has at least `SMALLEST_CLASS` of them."""
    names, sizes = np.unique(subpackages, return_counts=True)
    return np.flatnonzero(np.isin(subpackages, names[sizes >= SMALLEST_CLASS]))


def few_of_each(rows, subpackages, most, seed):
    """Draw at most `most` rows of each subpackage from `rows`."""
    drawn = np.random.default_rng(seed).permutation(rows)
    names = np.unique(subpackages[rows])
    return np.concatenate(
        [drawn[subpackages[drawn] == name][:most] for name in names]
    )


def _public_modules(package):
    root = importlib.import_module(package)
    for info in pkgutil.iter_modules(root.__path__, package + "."):
        if not re.search(
            r"\._|\.(conftest|tests|testing|src|f2py|distutils)$", info.name
        ):
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # of deprecated modules
                    yield importlib.import_module(info.name)
            except ImportError:
                continue  # the module needs a package that is not installed
    yield root


def _subpackage(thing, module):
    """Public subpackage of an object: sklearn.svm for sklearn.svm._classes.SVC."""
    defined_in = getattr(thing, "__module__", None) or module.__name__
    public = [
        part
        for part in defined_in.split(".")
        if not part.startswith("_") and part != "src"
    ]
    return ".".join(public[:2])
