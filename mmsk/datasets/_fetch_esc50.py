import pandas as pd
from sklearn.utils import Bunch
from sklearn.utils._param_validation import validate_params

from mmsk.datasets._download import SHARED_CONSTRAINTS, find_files, no_files
from mmsk.exceptions import BadInputError

URL = "https://github.com/karolpiczak/ESC-50/archive/master.zip"
SHA256 = "805afc618aff80eff0641d51311647871fead5807da68bb18e43a27db47a79ce"
COLUMNS = ["filename", "fold", "category", "esc10", "src_file", "take"]

DESCRIPTION = """ESC-50: environmental sounds, 2000 clips of 5 s at 44.1 kHz mono WAV, 50 classes x 40 clips.

Source: https://github.com/karolpiczak/ESC-50. K. J. Piczak, "ESC: Dataset for Environmental Sound Classification",
ACM Multimedia 2015. Licence CC BY-NC 3.0; the ESC-10 subset is CC BY 3.0.
Official split: five folds; clips cut from one source recording stay in one fold."""


@validate_params(SHARED_CONSTRAINTS | {"esc10": ["boolean"]}, prefer_skip_nested_validation=True)
def fetch_esc50(
    *, esc10=False, data_home=None, folder=None, url=None, download_if_missing=True, return_X_y=False, verbose=0
):
    """List the clips of ESC-50, environmental sounds, downloaded once (646 MB) or from a local copy.

    Parameters
    ----------
    esc10 : bool, default=False
        Whether to keep only the ten classes of ESC-10.
    data_home : str or path-like, default=None
        Folder that keeps downloads. None means the environment variable ``MMSK_DATA``, else the user's cache folder.
    folder : str or path-like, default=None
        Folder of an unpacked copy, with ``meta/esc50.csv`` and ``audio/*.wav``, read instead of downloading.
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

        data : DataFrame of shape (n_clips, 1)
            Column `clip`, the paths.
        target : Series of shape (n_clips,), dtype str
            Names of the classes.
        frame : DataFrame of shape (n_clips, 6)
            Columns `clip`, `target`, the official `fold` (1 to 5), `esc10` (bool), `source` (the recording a clip was
            cut from) and `take`.
        target_names : list of str
            The classes in alphabetical order.
        DESCR : str
            Source and licence.

    Raises
    ------
    OSError
        If the download fails; the message says what else can be done.
    BadInputError
        If `folder` is not there, lacks the table or a clip the table names.

    Notes
    -----
    The hash of the official archive is that of the last state of its main branch.

    Examples
    --------
    >>> from mmsk.datasets import fetch_esc50
    >>> esc10 = fetch_esc50(esc10=True)  # doctest: +SKIP
    >>> esc10.frame.groupby("fold").size()  # doctest: +SKIP
    """
    root = find_files(
        "fetch_esc50",
        "esc50.zip",
        URL,
        f"sha256:{SHA256}",
        folder=folder,
        data_home=data_home,
        url=url,
        download_if_missing=download_if_missing,
        verbose=verbose,
    )
    table = next(iter(sorted(root.rglob("meta/esc50.csv"))), None)
    if table is None:
        raise no_files("fetch_esc50", root, "meta/esc50.csv")
    frame = _read_table(table)
    if esc10:
        frame = frame[frame["esc10"]].reset_index(drop=True)
    if return_X_y:
        return frame[["clip"]], frame["target"]
    return Bunch(
        data=frame[["clip"]],
        target=frame["target"],
        frame=frame,
        target_names=sorted(frame["target"].unique().tolist()),
        DESCR=DESCRIPTION,
    )


def _read_table(path):
    table = pd.read_csv(path)
    absent = [column for column in COLUMNS if column not in table]
    if absent:
        raise BadInputError(f"the table {path} lacks the columns {absent}", step="fetch_esc50", fix="Unpack it anew.")
    audio = path.parent.parent / "audio"
    lost = [row for row, name in enumerate(table["filename"]) if not (audio / name).is_file()]
    if lost:
        raise BadInputError(
            f"{len(lost)} clips of {path} are not in {audio}",
            step="fetch_esc50",
            row=lost[0],
            column="filename",
            value=table["filename"][lost[0]],
            fix="Unpack them, or delete their rows from a copy of the table.",
        )
    return pd.DataFrame(
        {
            "clip": [str(audio / name) for name in table["filename"]],
            "target": table["category"],
            "fold": table["fold"],
            "esc10": table["esc10"].astype(bool),
            "source": table["src_file"],
            "take": table["take"],
        }
    )
