"""``python -m bnstat``."""

from bnstat.cli import main

if __name__ == "__main__":
    main()
