"""LaPa fetched from Kaggle, for `data.source: lapa` without a path.

kagglehub takes the credentials from the environment (KAGGLE_API_TOKEN, or KAGGLE_USERNAME and
KAGGLE_KEY, or the files of its own folder), keeps the data set in its cache (KAGGLEHUB_CACHE)
and goes on with a download that broke off. LaPa's terms: non-commercial; never redistribute.
"""

import errno
import tarfile
import zipfile
import zlib
from pathlib import Path

from faceseg.data.lapa import SPLITS
from faceseg.errors import UserError, first_line

HANDLE = "kiranraghavendrauci/lapa-face-parsing-dataset"

_BY_HAND = (
    f"Or download https://www.kaggle.com/datasets/{HANDLE} by hand, unpack it, and give its "
    "folder: data.source: directory, data.path: .../LaPa"
)
_CREDENTIALS = (
    "Make a token on https://www.kaggle.com/settings and export it as KAGGLE_API_TOKEN, "
    "or export KAGGLE_USERNAME and KAGGLE_KEY. " + _BY_HAND
)
_DEPTH = 4  # folders below the download in which the splits are looked for


def download() -> Path:
    """Return the folder of LaPa's splits, fetched unless kagglehub has it already.

    Raises UserError if Kaggle refuses or cannot be reached, the disk is full, or the
    download is not LaPa.
    """
    return find_splits(_fetch())


def find_splits(folder: Path) -> Path:
    """Return the folder, at or below `folder`, that holds LaPa's three splits."""
    level = [folder]
    for _ in range(_DEPTH + 1):
        for each in level:
            if all((each / split / "images").is_dir() for split in SPLITS):
                return each
        level = [inner for each in level for inner in sorted(each.iterdir()) if inner.is_dir()]
    names = ", ".join(sorted(entry.name for entry in folder.iterdir())[:6])
    raise UserError(
        f"the download of {HANDLE} in {folder} holds {names or 'nothing'}; expected folders "
        f"{', '.join(SPLITS)} with images in them. Remove {folder} and run again. {_BY_HAND}"
    )


def _fetch() -> Path:
    import kagglehub  # here, since importing it sets up logging
    from kagglehub.exceptions import CredentialError, DataCorruptionError, UnauthenticatedError
    from requests import HTTPError, RequestException

    cached = _cached()
    if cached is not None:  # asked first: kagglehub needs the network even for what it has
        return cached
    try:
        return Path(kagglehub.dataset_download(HANDLE))
    except HTTPError as error:
        status = 0 if error.response is None else error.response.status_code
        raise UserError(_http_error_message(status)) from error
    except RequestException as error:  # before OSError and ValueError, which some are too
        raise UserError(
            "Kaggle could not be reached, or the connection broke off "
            f"({first_line(error)[:200]}). Check the network and any proxy, then run again: what "
            f"is there is kept. {_BY_HAND}"
        ) from error
    except (CredentialError, UnauthenticatedError) as error:
        raise UserError(f"Kaggle's credentials are missing ({error}). {_CREDENTIALS}") from error
    except (DataCorruptionError, tarfile.TarError, zipfile.BadZipFile, zlib.error) as error:
        raise UserError(_damaged_message(error)) from error
    except ValueError as error:  # kagglehub's own, for a broken kaggle.json and a strange archive
        about_credentials = "credentials" in str(error).lower()
        message = f"{error}. {_CREDENTIALS}" if about_credentials else _damaged_message(error)
        raise UserError(message) from error
    except OSError as error:
        raise UserError(_disk_message(error)) from error


def _cached() -> Path | None:
    """Return the newest version that kagglehub has whole in its cache."""
    versions = sorted(int(each.stem) for each in _cache_folder().glob("[0-9]*.complete"))
    found = [_cache_folder() / "versions" / str(version) for version in reversed(versions)]
    return next((each for each in found if each.is_dir()), None)


def _cache_folder() -> Path:
    from kagglehub.config import get_cache_folder

    return Path(get_cache_folder()) / "datasets" / HANDLE


def _http_error_message(status: int) -> str:
    if status in (401, 403):
        return f"Kaggle refuses the download of {HANDLE} (HTTP {status}). {_CREDENTIALS}"
    if status == 404:
        return f"Kaggle has no data set {HANDLE} (HTTP 404): it was moved or removed. {_BY_HAND}"
    return f"Kaggle answers with HTTP {status}. Try again in some minutes. {_BY_HAND}"


def _damaged_message(error: Exception) -> str:
    return (
        f"the download of {HANDLE} is damaged ({first_line(error)[:200]}). "
        f"Remove {_cache_folder()} and run again. {_BY_HAND}"
    )


def _disk_message(error: OSError) -> str:
    wrong = "no space left for LaPa, which needs about twice its archive's size"
    if error.errno not in (errno.ENOSPC, errno.EDQUOT):
        wrong = f"kagglehub cannot write into its cache ({error})"
    return f"{wrong}. Make room, or export KAGGLEHUB_CACHE with a folder on another disk."
