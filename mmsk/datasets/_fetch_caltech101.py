import tarfile

import pandas as pd
import pooch
from sklearn.utils import Bunch
from sklearn.utils._param_validation import validate_params

from mmsk.datasets._download import SHARED_CONSTRAINTS, find_files, no_files

URL = "https://data.caltech.edu/records/mzrjq-6wc02/files/caltech-101.zip"
SHA256 = "331234750fc7f77520e50d9565e8b6907b03565e30320da1401130db08c61f91"
INNER_ARCHIVE = "101_ObjectCategories.tar.gz"
BACKGROUND = "BACKGROUND_Google"

DESCRIPTION = """Caltech-101: 8677 photos of objects in 101 classes, 467 of backgrounds, about 300 x 200 pixels, JPEG.

Source: https://data.caltech.edu/records/mzrjq-6wc02. Li, Andreeto, Ranzato, Perona, "Caltech 101", CaltechDATA, 2022,
doi:10.22002/D1.20086. Licence CC BY 4.0. There is no official split; 15 or 30 training photos a class are usual."""


@validate_params(SHARED_CONSTRAINTS | {"background": ["boolean"]}, prefer_skip_nested_validation=True)
def fetch_caltech101(
    *, background=False, data_home=None, folder=None, url=None, download_if_missing=True, return_X_y=False, verbose=0
):
    """List the photos of Caltech-101, objects of 101 classes, downloaded once (137 MB) or from a local copy.

    Parameters
    ----------
    background : bool, default=False
        Whether to keep the class of backgrounds, ``BACKGROUND_Google``.
    data_home : str or path-like, default=None
        Folder that keeps downloads. None means the environment variable ``MMSK_DATA``, else the user's cache folder.
    folder : str or path-like, default=None
        Folder of an unpacked copy, read instead of downloading. Files ``<class>/image_<number>.jpg`` are found at any
        depth, and a part of the data set will do.
    url : str, default=None
        Address of a mirror of the archive (zip); its hash is not compared.
    download_if_missing : bool, default=True
        If False, an `OSError` is raised rather than anything downloaded.
    return_X_y : bool, default=False
        Whether to return ``(data, target)`` instead of a Bunch.
    verbose : int, default=0
        Show the progress of the download if not 0.

    Returns
    -------
    :class:`~sklearn.utils.Bunch`
        Holds

        data : DataFrame of shape (n_photos, 1)
            Column `photo`, the paths.
        target : Series of shape (n_photos,), dtype str
            Names of the classes.
        frame : DataFrame of shape (n_photos, 3)
            Columns `photo`, `target` and `number` (of the photo within its class).
        target_names : list of str
            The classes in alphabetical order.
        DESCR : str
            Source and licence.

    Raises
    ------
    OSError
        If the download fails; the message says what else can be done.
    BadInputError
        If `folder` is not there or holds no photo.

    Examples
    --------
    >>> from mmsk.datasets import fetch_caltech101
    >>> caltech = fetch_caltech101(folder="data/101_ObjectCategories")  # doctest: +SKIP
    >>> caltech.target.value_counts()  # doctest: +SKIP
    """
    root = find_files(
        "fetch_caltech101",
        "caltech101.zip",
        URL,
        f"sha256:{SHA256}",
        folder=folder,
        data_home=data_home,
        url=url,
        download_if_missing=download_if_missing,
        verbose=verbose,
    )
    if folder is None:
        root = _unpack_inner(root)
    rows = []
    for path in root.rglob("image_*.jpg"):
        number = path.stem.removeprefix("image_")
        if number.isdecimal() and (background or path.parent.name != BACKGROUND):
            rows.append((str(path), path.parent.name, int(number)))
    if not rows:
        raise no_files("fetch_caltech101", root, "photo named <class>/image_<number>.jpg")
    frame = pd.DataFrame(sorted(rows, key=lambda row: row[1:]), columns=["photo", "target", "number"])
    if return_X_y:
        return frame[["photo"]], frame["target"]
    return Bunch(
        data=frame[["photo"]],
        target=frame["target"],
        frame=frame,
        target_names=sorted(frame["target"].unique().tolist()),
        DESCR=DESCRIPTION,
    )


def _unpack_inner(root):
    """Unpack the archive of photos that the downloaded archive holds."""
    inner = next(iter(sorted(root.rglob(INNER_ARCHIVE))), None)
    if inner is None:
        return root
    unpack = pooch.Untar()
    try:
        unpack(str(inner), "fetch", None)
    except (OSError, tarfile.TarError) as error:
        raise OSError(f"fetch_caltech101: could not unpack {inner}: {error}. Delete {root} and try again") from error
    return inner.parent / f"{inner.name}.untar"
