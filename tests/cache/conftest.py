from pathlib import Path

import pytest

from tests.cache.reading import reads


@pytest.fixture(autouse=True)
def fresh_reads():
    reads.clear()


@pytest.fixture
def files(tmp_path):
    """Write files of these contents."""
    directory = tmp_path / "files"
    directory.mkdir()

    def write(*contents):
        paths = [str(directory / f"{len(list(directory.iterdir())) + i}.bin") for i in range(len(contents))]
        for path, content in zip(paths, contents, strict=True):
            Path(path).write_text(content)
        return paths

    return write
