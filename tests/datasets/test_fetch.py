import tarfile
import zipfile
from pathlib import Path

import pandas as pd
import pytest

from mmsk.datasets import fetch_caltech101, fetch_esc50, fetch_fsdd
from mmsk.exceptions import BadInputError

FETCHERS = [fetch_caltech101, fetch_esc50, fetch_fsdd]
SHARED = Path(__file__).parents[3] / "shared" / "data"


def touch(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"content")


def make_fsdd(folder):
    for name in ("1_theo_0", "1_theo_5", "0_theo_10", "0_george_2"):
        touch(folder / "recordings" / f"{name}.wav")
    touch(folder / "recordings" / "notes.wav")


def make_esc50(folder):
    names = ["1-100-A-0.wav", "2-200-A-0.wav", "1-300-B-7.wav"]
    for name in names:
        touch(folder / "audio" / name)
    (folder / "meta").mkdir()
    pd.DataFrame(
        {
            "filename": names,
            "fold": [1, 2, 1],
            "target": [0, 0, 7],
            "category": ["dog", "dog", "clapping"],
            "esc10": [True, True, False],
            "src_file": [100, 200, 300],
            "take": ["A", "A", "B"],
        }
    ).to_csv(folder / "meta" / "esc50.csv", index=False)


def make_caltech101(folder):
    for name in ("ketch/image_0002", "ketch/image_0001", "ant/image_0001", "BACKGROUND_Google/image_0001"):
        touch(folder / "101_ObjectCategories" / f"{name}.jpg")
    touch(folder / "101_ObjectCategories" / "BACKGROUND_Google" / "tmp")
    touch(folder / "101_ObjectCategories" / "ant" / "image_list.jpg")


def zip_folder(folder, archive):
    with zipfile.ZipFile(archive, "w") as opened:
        for path in sorted(folder.rglob("*")):
            opened.write(path, Path("top-1.0") / path.relative_to(folder))


def test_fsdd_from_a_folder(tmp_path):
    make_fsdd(tmp_path)
    fsdd = fetch_fsdd(folder=tmp_path)
    assert fsdd.frame.drop(columns="clip").to_numpy().tolist() == [
        [0, "george", 2, "test"],
        [0, "theo", 10, "train"],
        [1, "theo", 0, "test"],
        [1, "theo", 5, "train"],
    ]
    assert [Path(path).name for path in fsdd.data["clip"]] == [
        "0_george_2.wav",
        "0_theo_10.wav",
        "1_theo_0.wav",
        "1_theo_5.wav",
    ]
    assert fsdd.target_names == [0, 1]
    assert "CC BY-SA" in fsdd.DESCR


def test_esc50_from_a_folder(tmp_path):
    make_esc50(tmp_path)
    esc50 = fetch_esc50(folder=str(tmp_path))
    assert esc50.frame["fold"].tolist() == [1, 2, 1]
    assert esc50.frame["source"].tolist() == [100, 200, 300]
    assert esc50.target.tolist() == ["dog", "dog", "clapping"]
    assert esc50.target_names == ["clapping", "dog"]
    assert all(Path(path).is_file() for path in esc50.data["clip"])
    only = fetch_esc50(folder=tmp_path, esc10=True)
    assert only.target_names == ["dog"]
    assert len(only.data) == 2


def test_caltech101_from_a_folder(tmp_path):
    make_caltech101(tmp_path)
    caltech = fetch_caltech101(folder=tmp_path)
    assert caltech.frame[["target", "number"]].to_numpy().tolist() == [["ant", 1], ["ketch", 1], ["ketch", 2]]
    assert Path(caltech.data["photo"][2]).parts[-2:] == ("ketch", "image_0002.jpg")
    assert fetch_caltech101(folder=tmp_path, background=True).target_names == ["BACKGROUND_Google", "ant", "ketch"]


@pytest.mark.parametrize(
    ("fetch", "make"), [(fetch_fsdd, make_fsdd), (fetch_esc50, make_esc50), (fetch_caltech101, make_caltech101)]
)
def test_download_is_unpacked_and_kept(fetch, make, tmp_path, serve):
    served, address = serve
    make(tmp_path / "official")
    zip_folder(tmp_path / "official", served / "data.zip")
    first = fetch(data_home=tmp_path / "home", url=f"{address}/data.zip")
    local = fetch(folder=tmp_path / "official")
    pd.testing.assert_frame_equal(first.frame.iloc[:, 1:], local.frame.iloc[:, 1:])
    assert all(Path(path).read_bytes() == b"content" for path in first.data.iloc[:, 0])
    (served / "data.zip").unlink()
    X, y = fetch(data_home=tmp_path / "home", url=f"{address}/data.zip", download_if_missing=False, return_X_y=True)
    pd.testing.assert_frame_equal(X, first.data)
    pd.testing.assert_series_equal(y, first.target)


def test_cache_folder_from_the_environment(tmp_path, serve, monkeypatch):
    served, address = serve
    make_fsdd(tmp_path / "official")
    zip_folder(tmp_path / "official", served / "data.zip")
    monkeypatch.setenv("MMSK_DATA", str(tmp_path / "home"))
    assert str(tmp_path / "home") in fetch_fsdd(url=f"{address}/data.zip").data["clip"][0]


def test_caltech101_as_it_is_published(tmp_path, serve):
    served, address = serve
    make_caltech101(tmp_path / "photos")
    (tmp_path / "caltech-101").mkdir()
    with tarfile.open(tmp_path / "caltech-101" / "101_ObjectCategories.tar.gz", "w:gz") as opened:
        opened.add(tmp_path / "photos" / "101_ObjectCategories", "101_ObjectCategories")
    zip_folder(tmp_path / "caltech-101", served / "data.zip")
    for _ in range(2):  # unpacked the first time, found the second
        caltech = fetch_caltech101(data_home=tmp_path / "home", url=f"{address}/data.zip")
        assert caltech.target.tolist() == ["ant", "ketch", "ketch"]


def test_caltech101_with_a_broken_archive_inside(tmp_path, serve):
    served, address = serve
    touch(tmp_path / "caltech-101" / "101_ObjectCategories.tar.gz")
    zip_folder(tmp_path / "caltech-101", served / "data.zip")
    with pytest.raises(OSError, match=r"(?s)could not unpack .*Delete .*try again"):
        fetch_caltech101(data_home=tmp_path / "home", url=f"{address}/data.zip")


@pytest.mark.parametrize("fetch", FETCHERS)
def test_failed_download_says_what_to_do(fetch, tmp_path, serve):
    _, address = serve
    with pytest.raises(OSError, match=rf"{fetch.__name__}: could not get .*404.*Check the network.*folder=\.\.\."):
        fetch(data_home=tmp_path, url=f"{address}/nothing.zip")


def test_download_that_is_no_archive(tmp_path, serve):
    served, address = serve
    touch(served / "data.zip")
    with pytest.raises(OSError, match="fetch_fsdd: could not get .*not a zip file.*delete that file"):
        fetch_fsdd(data_home=tmp_path, url=f"{address}/data.zip")


@pytest.mark.parametrize(("fetch", "module"), [(fetch_esc50, "_fetch_esc50"), (fetch_caltech101, "_fetch_caltech101")])
def test_official_archives_are_compared_with_their_hash(fetch, module, tmp_path, serve, monkeypatch):
    served, address = serve
    touch(served / "data.zip")
    monkeypatch.setattr(f"mmsk.datasets.{module}.URL", f"{address}/data.zip")
    with pytest.raises(OSError, match=f"{fetch.__name__}: could not get .*does not match the known hash"):
        fetch(data_home=tmp_path)
    assert not list(tmp_path.rglob("*.zip"))


@pytest.mark.parametrize(("fetch", "module"), [(fetch_esc50, "_fetch_esc50"), (fetch_caltech101, "_fetch_caltech101")])
def test_an_archive_of_a_mirror_is_not_replaced_unless_allowed(fetch, module, tmp_path, serve, monkeypatch):
    served, address = serve
    archive = f"{fetch.__name__.removeprefix('fetch_')}.zip"
    touch(tmp_path / archive)
    touch(served / "data.zip")
    monkeypatch.setattr(f"mmsk.datasets.{module}.URL", f"{address}/data.zip")
    with pytest.raises(OSError, match=rf"{archive} is not the official archive, and download_if_missing is False"):
        fetch(data_home=tmp_path, download_if_missing=False)
    assert (tmp_path / archive).exists()


def test_folders_may_begin_with_a_tilde(tmp_path, serve, monkeypatch):
    served, address = serve
    make_fsdd(tmp_path / "official")
    zip_folder(tmp_path / "official", served / "data.zip")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    first = fetch_fsdd(data_home="~/home", url=f"{address}/data.zip")
    again = fetch_fsdd(data_home="~/home", download_if_missing=False)
    pd.testing.assert_frame_equal(again.data, first.data)
    assert len(fetch_fsdd(folder="~/official").data) == len(first.data)


@pytest.mark.parametrize("fetch", FETCHERS)
def test_no_download_unless_allowed(fetch, tmp_path):
    with pytest.raises(OSError, match=rf"{fetch.__name__}: .*download_if_missing is False.*folder=\.\.\."):
        fetch(data_home=tmp_path, download_if_missing=False)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("fetch", FETCHERS)
def test_folders_that_are_not_there_or_hold_something_else(fetch, tmp_path):
    with pytest.raises(BadInputError, match=f"{fetch.__name__}: there is no such folder"):
        fetch(folder=tmp_path / "nowhere")
    touch(tmp_path / "letter.txt")
    with pytest.raises(BadInputError, match=f"{fetch.__name__}: the folder holds no "):
        fetch(folder=tmp_path)


def test_esc50_names_a_clip_that_is_lost(tmp_path):
    make_esc50(tmp_path)
    (tmp_path / "audio" / "2-200-A-0.wav").unlink()
    with pytest.raises(BadInputError, match=r"1 clips of .*row 1, column 'filename', value '2-200-A-0.wav'"):
        fetch_esc50(folder=tmp_path)


def test_esc50_table_without_folds(tmp_path):
    make_esc50(tmp_path)
    pd.DataFrame({"filename": ["1-100-A-0.wav"], "category": ["dog"]}).to_csv(tmp_path / "meta" / "esc50.csv")
    with pytest.raises(BadInputError, match="lacks the columns.*fold.*Unpack it anew"):
        fetch_esc50(folder=tmp_path)


@pytest.mark.skipif(not (SHARED / "fsdd").is_dir(), reason="the real recordings are not here")
def test_real_recordings():
    fsdd = fetch_fsdd(folder=SHARED / "fsdd")
    table = pd.read_csv(SHARED / "fsdd" / "fsdd.csv")
    assert len(fsdd.frame) == len(table)
    table["clip"] = [str(SHARED / "fsdd" / path) for path in table["audio"]]
    both = fsdd.frame.merge(table, on="clip")
    assert len(both) == len(table)
    assert (both["speaker_x"] == both["speaker_y"]).all()
    assert (both["split_x"] == both["split_y"]).all()
    assert (both["target_x"] == both["target_y"]).all()
