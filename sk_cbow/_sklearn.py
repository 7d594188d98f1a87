"""What this library uses of scikit-learn's private modules, in one place."""

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from sklearn.base import _fit_context
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions

__all__ = ["HasMethods", "Interval", "Range", "StrOptions", "fit_context", "plain"]


Method = TypeVar("Method", bound=Callable[..., Any])


def fit_context(*, prefer_skip_nested_validation: bool) -> Callable[[Method], Method]:
    """Decorate a method that validates parameters; unlike scikit-learn's decorator, this one keeps the types."""
    return _fit_context(prefer_skip_nested_validation=prefer_skip_nested_validation)


class Range(Interval):
    """An interval of Python and NumPy numbers that, unlike scikit-learn's, does not contain True and False."""

    def is_satisfied_by(self, value):
        is_number = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
        return is_number and super().is_satisfied_by(plain(value))


def plain(value):
    """Convert a NumPy number to a Python number, which cannot overflow; return other values unchanged."""
    if isinstance(value, np.floating):
        return float(value)
    return value.item() if isinstance(value, np.generic) else value
