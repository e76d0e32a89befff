import re

import pandas as pd
from sklearn.utils import Bunch
from sklearn.utils._param_validation import validate_params

from mmsk.datasets._download import SHARED_CONSTRAINTS, find_files, no_files

COMMIT = "26eb9aaf76e81b692f806f9140c2d2777410d7a1"
URL = f"https://github.com/Jakobovski/free-spoken-digit-dataset/archive/{COMMIT}.zip"
RECORDING = re.compile(r"(?P<digit>\d)_(?P<speaker>[a-z]+)_(?P<index>\d+)\.wav")
N_TEST_TAKES = 5

DESCRIPTION = f"""Free Spoken Digit Dataset: English digits, 8 kHz mono WAV, 10 digits x 6 speakers x 50 takes.

Source: https://github.com/Jakobovski/free-spoken-digit-dataset, commit {COMMIT}. Licence CC BY-SA 4.0.
Official split: takes 0 to 4 of each digit and speaker are the test set. Leaving one speaker out is much harder."""


@validate_params(SHARED_CONSTRAINTS, prefer_skip_nested_validation=True)
def fetch_fsdd(*, data_home=None, folder=None, url=None, download_if_missing=True, return_X_y=False, verbose=0):
    """List the recordings of the Free Spoken Digit Dataset, downloaded once (16 MB) or from a local copy.

    Parameters
    ----------
    data_home : str or path-like, default=None
        Folder that keeps downloads. None means the environment variable ``MMSK_DATA``, else the user's cache folder.
    folder : str or path-like, default=None
        Folder of an unpacked copy, read instead of downloading. Files named ``<digit>_<speaker>_<take>.wav`` are found
        at any depth, and a part of the data set will do.
    url : str, default=None
        Address of a mirror of the archive (zip).
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

        data : DataFrame of shape (n_recordings, 1)
            Column `clip`, the paths.
        target : Series of shape (n_recordings,), dtype int
            The digit spoken.
        frame : DataFrame of shape (n_recordings, 5)
            Columns `clip`, `target`, `speaker`, `take` and the official `split` ("train" or "test").
        target_names : list of int
            The digits.
        DESCR : str
            Source and licence.

    Raises
    ------
    OSError
        If the download fails; the message says what else can be done.
    BadInputError
        If `folder` is not there or holds no recording.

    Notes
    -----
    The archive is named by its commit. Its hash is not known, so it is not compared.

    Examples
    --------
    >>> from mmsk.datasets import fetch_fsdd
    >>> fsdd = fetch_fsdd(folder="data/fsdd")  # doctest: +SKIP
    >>> fsdd.frame["speaker"].unique()  # doctest: +SKIP
    """
    root = find_files(
        "fetch_fsdd",
        "fsdd.zip",
        URL,
        None,
        folder=folder,
        data_home=data_home,
        url=url,
        download_if_missing=download_if_missing,
        verbose=verbose,
    )
    rows = []
    for path in root.rglob("*.wav"):
        named = RECORDING.fullmatch(path.name)
        if named:
            rows.append((str(path), int(named["digit"]), named["speaker"], int(named["index"])))
    if not rows:
        raise no_files("fetch_fsdd", root, "recording named <digit>_<speaker>_<take>.wav")
    frame = pd.DataFrame(sorted(rows, key=lambda row: row[1:]), columns=["clip", "target", "speaker", "take"])
    frame["split"] = frame["take"].lt(N_TEST_TAKES).map({True: "test", False: "train"})
    if return_X_y:
        return frame[["clip"]], frame["target"]
    return Bunch(
        data=frame[["clip"]],
        target=frame["target"],
        frame=frame,
        target_names=sorted(frame["target"].unique().tolist()),
        DESCR=DESCRIPTION,
    )
