import pytest
from imblearn.over_sampling import SMOTE
from imblearn.utils.estimator_checks import estimator_checks_generator as imbalanced_checks
from sklearn.utils.estimator_checks import estimator_checks_generator

from mmsk.sampling import MaskedCopies, RowSampler, TensorSampler

# imbalanced-learn 0.14 has 17 checks of a sampler that takes everything; texts cannot be interpolated, which takes one
# away from TensorSampler. At scikit-learn 1.9 there are 41 checks of a sampler.
SAMPLERS = [
    (RowSampler(random_state=0), 17, 41),
    (MaskedCopies(random_state=0), 17, 41),
    (TensorSampler(SMOTE(random_state=0)), 16, 41),
]
ids = [type(sampler).__name__ for sampler, *_ in SAMPLERS]


def failures(checks):
    failed = []
    for instance, check in checks:
        try:
            check(instance)
        except Exception as error:  # every kind of failure is listed
            failed.append((check.func.__name__, error))
    return failed


@pytest.mark.parametrize(("sampler", "expected"), [row[:2] for row in SAMPLERS], ids=ids)
def test_imbalanced_learn_checks(sampler, expected):
    checks = list(imbalanced_checks(sampler))
    assert failures(checks) == []
    assert len(checks) == expected


@pytest.mark.parametrize(("sampler", "expected"), [row[::2] for row in SAMPLERS], ids=ids)
def test_scikit_learn_checks(sampler, expected):
    checks = list(estimator_checks_generator(sampler, mark=41))
    assert failures(checks) == []
    assert len(checks) == expected
