"""`python -m spikedistill`: the command line."""

from __future__ import annotations

from spikedistill.cli import main

if __name__ == "__main__":
    main()
