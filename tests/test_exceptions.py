import pickle

import pytest

from mmsk import BadInputError


def test_message_names_the_place_and_the_fix():
    error = BadInputError("it is empty", step="ImageLoader", row=3, column="photo", value="a.jpg", fix="Blank it.")
    assert str(error) == "ImageLoader: it is empty (row 3, column 'photo', value 'a.jpg'). Blank it."
    assert isinstance(error, ValueError)


@pytest.mark.parametrize("details", [{}, {"row": 1, "value": None}, {"step": "S", "column": 2, "fix": "F"}])
def test_survives_the_way_between_processes(details):
    error = BadInputError("odd", **details)
    again = pickle.loads(pickle.dumps(error))
    assert str(again) == str(error)
    assert (again.step, again.row, again.column, again.value) == (error.step, error.row, error.column, error.value)


def test_long_values_are_shortened():
    assert len(str(BadInputError("odd", value="x" * 10_000))) < 200
