"""The table of all hostile files, and of the harmless ones, by kind and name."""

from tests.hostile.database_files import database_files
from tests.hostile.experiment_files import experiment_files
from tests.hostile.harmless_files import harmless_files
from tests.hostile.image_files import image_files
from tests.hostile.label_files import label_files
from tests.hostile.network_files import network_files
from tests.hostile.pack_files import pack_files

HARMLESS = "harmless"
_KINDS = {
    HARMLESS: harmless_files,
    "image": image_files,
    "labels": label_files,
    "experiment": experiment_files,
    "network": network_files,
    "pack": pack_files,
    "database": database_files,
}
FILES = {kind: {each.name: each for each in files()} for kind, files in _KINDS.items()}
