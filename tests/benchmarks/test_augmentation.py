import re

import pytest

from benchmarks import augmentation


# librosa 1.0 runs into this by itself.
@pytest.mark.filterwarnings("ignore:invalid value encountered in cast:RuntimeWarning:numba")
def test_the_quick_version_times_every_way(capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["augmentation", "--quick"])
    augmentation.main()
    printed = capsys.readouterr().out
    rows = re.findall(r"^\| ([^|]+: [^|]+) \| ([^|]+) \| ([\d.e+-]+) \| ([\d.e+-]+) \|$", printed, flags=re.MULTILINE)
    compared = {}
    for what, way, speed, milliseconds in rows:
        compared.setdefault(what, []).append(way)
        assert float(speed) > 0
        assert float(milliseconds) > 0
        if len(compared[what]) == 1:
            assert float(speed) == 1.0
    assert len(compared) == 6
    assert all("row by row" in ways[0] and ways[-1] == "mmsk" for ways in compared.values())
    assert len(re.findall(r"^\| [^|]+: [^|]+ \| [\d.e+-]+ \|$", printed, flags=re.MULTILINE)) == 6
