"""`python -m demo_model`: also what Lightning starts again for every further process of a distributed run."""

import sys

from demo_model.cli import main

if __name__ == "__main__":
    sys.exit(main())
