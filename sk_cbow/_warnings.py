"""Warnings at the line of user code that led to them."""

import sys
import warnings

CALLED_THROUGH = {"sk_cbow", "sklearn", "joblib"}  # packages that a warning's stack level skips


def warn(message, category=UserWarning):
    """Issue a warning at the line of user code that called the library, maybe through functions of scikit-learn."""
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] in CALLED_THROUGH:
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)
