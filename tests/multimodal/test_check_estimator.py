import pytest
from sklearn.utils.estimator_checks import estimator_checks_generator

from mmsk import MultiModalClassifier, MultiModalRegressor

# At scikit-learn 1.9: 63 checks of a classifier that refuses NaN; these accept it, which takes one check away, and
# also transform, which adds six.
N_CHECKS = {MultiModalClassifier: 68, MultiModalRegressor: 65}


@pytest.mark.parametrize("estimator", N_CHECKS, ids=lambda cls: cls.__name__)
def test_scikit_learn_checks(estimator):
    checks = list(estimator_checks_generator(estimator(), mark=None))
    failed = []
    for instance, check in checks:
        try:
            check(instance)
        except Exception as error:  # every kind of failure is listed
            failed.append((check.func.__name__, error))
    assert failed == []
    assert len(checks) == N_CHECKS[estimator]
