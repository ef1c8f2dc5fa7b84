"""``python -m kplm`` is the ``kplm`` command."""

import sys

from kplm.cli import main

sys.exit(main())
