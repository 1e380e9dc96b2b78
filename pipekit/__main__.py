"""`python -m pipekit`."""

import sys

from pipekit.cli import main

sys.exit(main())
