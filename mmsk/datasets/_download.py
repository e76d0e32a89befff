import os
import tarfile
import zipfile
from pathlib import Path

import pooch

from mmsk.exceptions import BadInputError

# What every fetch_* function takes; the functions add their own.
SHARED_CONSTRAINTS = {
    "data_home": [str, os.PathLike, None],
    "folder": [str, os.PathLike, None],
    "url": [str, None],
    "download_if_missing": ["boolean"],
    "return_X_y": ["boolean"],
    "verbose": ["verbose"],
}


def find_files(step, archive, official_url, known_hash, *, folder, data_home, url, download_if_missing, verbose):
    """Find the unpacked files of a data set.

    Returns
    -------
    Path
        The user's own folder, the one in the cache, or that of a new download.
    """
    if folder is not None:
        folder = Path(folder).expanduser()
        if not folder.is_dir():
            raise BadInputError(
                "there is no such folder",
                step=step,
                column="folder",
                value=str(folder),
                fix="Give the folder of an unpacked copy, or leave the parameter out to download one.",
            )
        return folder
    home = Path(data_home or os.environ.get("MMSK_DATA") or pooch.os_cache("mmsk")).expanduser()
    cached = home / archive
    known_hash = known_hash if url is None else None
    by_hand = f"unpack {official_url} somewhere and pass that folder as folder=..."
    if not download_if_missing and not (cached.exists() and _is_official(cached, known_hash)):
        state = "is not the official archive" if cached.exists() else "is not there"
        raise OSError(f"{step}: {cached} {state}, and download_if_missing is False. Allow the download, or {by_hand}")
    unpack = pooch.Untar() if archive.endswith(".tar.gz") else pooch.Unzip()
    try:
        pooch.retrieve(
            url or official_url,
            known_hash,
            fname=archive,
            path=home,
            processor=unpack,
            progressbar=bool(verbose),
        )
    except (OSError, ValueError, zipfile.BadZipFile, tarfile.TarError) as error:
        raise OSError(
            f"{step}: could not get {url or official_url} into {cached}: {error}. "
            f"Check the network and delete that file if it is there, or {by_hand}"
        ) from error
    return Path(unpack.extract_dir)


def _is_official(archive, known_hash):
    if known_hash is None:
        return True
    algorithm, _, digest = known_hash.rpartition(":")
    return pooch.file_hash(str(archive), alg=algorithm or "sha256") == digest


def no_files(step, folder, expected):
    """Say that a folder holds something else.

    Returns
    -------
    BadInputError
        The error to raise.
    """
    return BadInputError(
        f"the folder holds no {expected}",
        step=step,
        column="folder",
        value=str(folder),
        fix="Give the folder of an unpacked official copy.",
    )
