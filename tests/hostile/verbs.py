"""The table of all verbs: how each meets a file, by the command line or at a server's door.

The command line runs in this process. A server's answer below 500 counts as exit code 0 or 2.
"""

from tests.hostile.experiment_verbs import EXPERIMENT_VERBS
from tests.hostile.image_verbs import IMAGE_VERBS
from tests.hostile.model_verbs import MODEL_VERBS

VERBS = IMAGE_VERBS | EXPERIMENT_VERBS | MODEL_VERBS
