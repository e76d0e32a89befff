import pytest

from mmsk.testing import LOADER_CHECKS, check_loader
from tests.preprocessing.registry import LOADERS


@pytest.mark.parametrize("check", LOADER_CHECKS, ids=lambda name: name.removeprefix("check_"))
@pytest.mark.parametrize(("loader", "make_cells"), [entry[1:] for entry in LOADERS], ids=[e[0] for e in LOADERS])
def test_loader_passes_check(loader, make_cells, check, tmp_path):
    LOADER_CHECKS[check](loader, make_cells(tmp_path))


def test_registry_holds_every_public_transformer():
    import mmsk.preprocessing

    assert {type(loader).__name__ for _, loader, _ in LOADERS} == set(mmsk.preprocessing.__all__)


def test_check_loader_runs_at_least_twenty_checks(tmp_path):
    _, loader, make_cells = LOADERS[0]
    assert len(check_loader(loader, make_cells(tmp_path))) == len(LOADER_CHECKS) >= 20
