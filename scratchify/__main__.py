"""`python -m scratchify`."""

import sys

from scratchify.cli import main

sys.exit(main())
