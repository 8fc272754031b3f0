"""Download LaPa from Kaggle, for `data.source: lapa` without a path.

kagglehub reads the credentials from the environment (KAGGLE_API_TOKEN, or KAGGLE_USERNAME and
KAGGLE_KEY) or from its configuration files, stores the data set in its cache (KAGGLEHUB_CACHE),
and resumes an interrupted download. LaPa's terms: non-commercial use; no redistribution.
"""

import errno
import tarfile
import zipfile
import zlib
from pathlib import Path

from faceseg.data.image_files import folders_in
from faceseg.data.lapa import SPLITS
from faceseg.errors import UserError, first_line

HANDLE = "kiranraghavendrauci/lapa-face-parsing-dataset"

_BY_HAND = (
    f"Or download https://www.kaggle.com/datasets/{HANDLE} by hand, unpack it, and set "
    "data.source: directory, data.path: .../LaPa"
)
_CREDENTIALS = (
    "Create a token on https://www.kaggle.com/settings and export it as KAGGLE_API_TOKEN, "
    "or export KAGGLE_USERNAME and KAGGLE_KEY. " + _BY_HAND
)
_DEPTH = 4  # levels of folders in which the splits are searched


def download() -> Path:
    """Download LaPa, unless it is in kagglehub's cache.

    Returns:
        The folder that contains LaPa's splits.

    Raises:
        UserError: Kaggle refuses the download or cannot be reached, the disk is full, or the
            download is damaged or is not LaPa.
    """
    return find_splits(_download())


def find_splits(folder: Path) -> Path:
    """Return the folder with LaPa's three splits: `folder`, or one in it.

    Raises:
        UserError: There is no such folder in the first levels.
    """
    level = [folder]
    for _ in range(_DEPTH + 1):
        for each in level:
            if all((each / split / "images").is_dir() for split in SPLITS):
                return each
        level = [inner for each in level for inner in folders_in(each)]
    names = ", ".join(sorted(entry.name for entry in folder.iterdir())[:6])
    raise UserError(
        f"the download of {HANDLE} in {folder} contains {names or 'nothing'}; expected folders "
        f"{', '.join(SPLITS)} with images. Remove {folder} and re-run the command. {_BY_HAND}"
    )


def _download() -> Path:
    import kagglehub  # not at the top: its import configures logging
    from kagglehub.exceptions import CredentialError, DataCorruptionError, UnauthenticatedError
    from requests import HTTPError, RequestException

    cached = _cached()
    if cached is not None:  # kagglehub itself needs the network even for a cached data set
        return cached
    try:
        return Path(kagglehub.dataset_download(HANDLE))
    except HTTPError as error:
        status = 0 if error.response is None else error.response.status_code
        raise UserError(_http_error_message(status)) from error
    except RequestException as error:  # before OSError and ValueError: some are subclasses
        raise UserError(
            "Kaggle could not be reached, or the connection was interrupted "
            f"({first_line(error)[:200]}). Check the network and any proxy, then re-run the "
            f"command: the download resumes. {_BY_HAND}"
        ) from error
    except (CredentialError, UnauthenticatedError) as error:
        raise UserError(f"Kaggle's credentials are missing ({error}). {_CREDENTIALS}") from error
    except (DataCorruptionError, tarfile.TarError, zipfile.BadZipFile, zlib.error) as error:
        raise UserError(_damaged_message(error)) from error
    except ValueError as error:  # kagglehub: a damaged kaggle.json, or an unknown archive type
        about_credentials = "credentials" in str(error).lower()
        message = f"{error}. {_CREDENTIALS}" if about_credentials else _damaged_message(error)
        raise UserError(message) from error
    except OSError as error:
        raise UserError(_disk_message(error)) from error


def _cached() -> Path | None:
    """Return the newest version that is complete in kagglehub's cache."""
    versions = sorted(int(each.stem) for each in _cache_folder().glob("[0-9]*.complete"))
    found = [_cache_folder() / "versions" / str(version) for version in reversed(versions)]
    return next((each for each in found if each.is_dir()), None)


def _cache_folder() -> Path:
    from kagglehub.config import get_cache_folder

    return Path(get_cache_folder()) / "datasets" / HANDLE


def _http_error_message(status: int) -> str:
    if status in (401, 403):
        return f"Kaggle refused the download of {HANDLE} (HTTP {status}). {_CREDENTIALS}"
    if status == 404:
        return f"Kaggle has no data set {HANDLE} (HTTP 404): it was moved or deleted. {_BY_HAND}"
    return f"Kaggle responded with HTTP {status}. Retry in a few minutes. {_BY_HAND}"


def _damaged_message(error: Exception) -> str:
    return (
        f"the download of {HANDLE} is damaged ({first_line(error)[:200]}). "
        f"Remove {_cache_folder()} and re-run the command. {_BY_HAND}"
    )


def _disk_message(error: OSError) -> str:
    problem = "no space left for LaPa, which needs about twice the size of its archive"
    if error.errno not in (errno.ENOSPC, errno.EDQUOT):
        problem = f"kagglehub cannot write to its cache ({error})"
    return f"{problem}. Free disk space, or set KAGGLEHUB_CACHE to a folder on another disk."
