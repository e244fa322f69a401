"""`python -m tracer VERB`: the same as the `hooktrace` command, for where scripts are not on the PATH."""

import sys

from tracer.cli import main

if __name__ == "__main__":
    sys.exit(main())
