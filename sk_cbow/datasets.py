"""A corpus that is installed with this library: the docstrings of the packages that it needs."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
import warnings
from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["load_docstrings"]

PACKAGES = ("numpy", "scipy", "sklearn", "keras")
NOT_PUBLIC = re.compile(r"\.(_.*|conftest|distutils|f2py|src|testing|tests)$")
MIN_LENGTH = 200  # characters; shorter docstrings are mostly references to others


def load_docstrings() -> tuple[list[str], NDArray[np.str_]]:
    """Read the docstrings of numpy, scipy, scikit-learn and keras, about a million words, with their subpackages.

    The examples use this corpus, because every machine has it that has this library: it needs no download. It depends
    on the installed versions, and a few docstrings differ from one process to the next.

    Returns
    -------
    docstrings : list of str
        Different docstrings of public functions and classes, of at least 200 characters.
    subpackages : ndarray of shape (n_docstrings,), str
        Where each is defined, such as "scipy.stats", as labels for a classifier.

    Raises
    ------
    ImportError
        If Keras is not installed.

    Examples
    --------
    >>> from sk_cbow.datasets import load_docstrings
    >>> docstrings, subpackages = load_docstrings()
    >>> len(docstrings) == len(subpackages) > 2000
    True
    >>> "scipy.stats" in subpackages
    True
    """
    subpackage_of: dict[str, str] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of deprecated modules and names
        for module in _public_modules():
            for _, thing in inspect.getmembers(module, callable):
                docstring = inspect.getdoc(thing) or ""
                if len(docstring) >= MIN_LENGTH:
                    defined_in = getattr(thing, "__module__", None) or module.__name__
                    subpackage_of.setdefault(docstring, _subpackage(defined_in))
    return list(subpackage_of), np.array(list(subpackage_of.values()))


def _public_modules():
    for package in PACKAGES:
        path = importlib.import_module(package).__path__
        names = [name for _, name, _ in pkgutil.iter_modules(path, package + ".") if not NOT_PUBLIC.search(name)]
        for name in [*names, package]:
            with suppress(ImportError):  # if the module needs a package that is not installed
                yield importlib.import_module(name)


def _subpackage(module_name):
    """sklearn.svm for sklearn.svm._classes."""
    public = [name for name in module_name.split(".") if not name.startswith("_") and name != "src"]
    return ".".join(public[:2])
