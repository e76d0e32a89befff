import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.utils.estimator_checks import estimator_checks_generator

from mmsk import FoldEnsembleClassifier, LateFusionClassifier

# At scikit-learn 1.9: 62 checks of a classifier that takes weights and gives no decision function; those that accept
# NaN have one less.
ESTIMATORS = [
    (FoldEnsembleClassifier(LogisticRegression()), 62),
    (FoldEnsembleClassifier(GaussianNB(), cv=3, average="mean"), 62),
    (LateFusionClassifier(), 61),
    (LateFusionClassifier(average="mean"), 61),
    (LateFusionClassifier(average="stack"), 61),
    (FoldEnsembleClassifier(LateFusionClassifier(), cv=2), 61),
]


@pytest.mark.parametrize(("estimator", "n_checks"), ESTIMATORS, ids=lambda value: str(value)[:60])
# The checks train on as little as two rows of a class.
@pytest.mark.filterwarnings("ignore:The least populated class", "ignore:.* folds came for classes of at most")
def test_scikit_learn_checks(estimator, n_checks):
    checks = list(estimator_checks_generator(estimator, mark=None))
    failed = []
    for instance, check in checks:
        try:
            check(instance)
        except Exception as error:  # every kind of failure is listed
            failed.append((check.func.__name__, error))
    assert failed == []
    assert len(checks) == n_checks
