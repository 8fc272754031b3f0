"""Runs the tool: `python move_modules TABLE... [--root DIR] [--dry-run]`, in the repository root."""

import sys
from pathlib import Path

if not __package__:
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from move_modules.cli import main

sys.exit(main())
