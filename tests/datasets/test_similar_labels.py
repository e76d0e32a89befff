import numpy as np
import pytest

from mmsk.datasets import similar_labels
from mmsk.exceptions import BadInputError


def test_matches_are_ordered_and_the_rest_is_left_out():
    matches = similar_labels(["dog", "clock", "sea"], ["dogs", "dog", "alarm clock", "cat"], cutoff=0.6)
    assert matches == {"dog": ["dog", "dogs"], "clock": ["alarm clock"]}


def test_case_and_separators_do_not_count():
    assert similar_labels(["Sea_Horse"], ["sea-horse"], cutoff=1) == {"Sea_Horse": ["sea-horse"]}


def test_labels_that_read_alike_all_match():
    assert similar_labels(["a_b", "a b"], ["A-B", "a b", "A-B"], cutoff=1) == {
        "a_b": ["A-B", "a b"],
        "a b": ["A-B", "a b"],
    }


def test_cutoff_and_n_matches():
    assert similar_labels(["rooster"], ["rooster", "roosters", "booster"], n_matches=1) == {"rooster": ["rooster"]}
    assert similar_labels(["rain"], ["umbrella"], cutoff=0.9) == {}
    assert "rain" in similar_labels(["rain"], ["umbrella"], cutoff=0.0)


def test_repeated_and_missing_labels():
    labels = np.array(["dog", None, "dog", ""], dtype=object)
    assert similar_labels(labels, labels) == {"dog": ["dog"]}


def test_numbers_are_no_names():
    with pytest.raises(BadInputError, match=r"a label is no string \(row 1, column 'b', value 3\)"):
        similar_labels(["dog"], ["dog", 3])


def test_bad_cutoff():
    with pytest.raises(ValueError, match="'cutoff' parameter of similar_labels"):
        similar_labels(["dog"], ["dog"], cutoff=2)
