"""scikit-learn's own checks, on a subclass that reads numeric rows as documents."""

import numpy as np
from sklearn.utils.estimator_checks import parametrize_with_checks
from sklearn.utils.validation import check_is_fitted, validate_data

from sk_cbow import CBOWVectorizer


class NumericRows(CBOWVectorizer):
    """A row becomes the tokens f"f{column}:{value:.1f}": scikit-learn's checks know no other documents."""

    def fit(self, X, y=None):
        return super().fit(self._documents(X, reset=True))

    def fit_transform(self, X, y=None):
        return super().fit_transform(self._documents(X, reset=True))

    def transform(self, X):
        check_is_fitted(self)
        return super().transform(self._documents(X, reset=False))

    def _documents(self, X, reset):
        rows = validate_data(self, X, reset=reset)
        return [[f"f{column}:{value:.1f}" for column, value in enumerate(row)] for row in rows]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = True
        return tags


EXPECTED_FAILURES = {
    "check_fit2d_1feature": "a row of one feature is a document of one token, which has no context to learn from",
}


@parametrize_with_checks(
    [NumericRows(vector_size=4, epochs=1, min_count=1, sample=0, random_state=0)],
    expected_failed_checks=lambda estimator: EXPECTED_FAILURES,
)
def test_scikit_learns_checks(estimator, check):
    check(estimator)


def test_the_subclass_trains_and_averages_as_its_parent():
    X = np.arange(12).reshape(4, 3) % 5
    rows = [[f"f{column}:{value:.1f}" for column, value in enumerate(row)] for row in X]
    parameters = {"vector_size": 4, "min_count": 1, "sample": 0, "random_state": 0}
    expected = CBOWVectorizer(**parameters).fit(rows).transform(rows)
    np.testing.assert_array_equal(NumericRows(**parameters).fit(X).transform(X), expected)
