"""The program, also as ``python -m bnstat``."""

from typing import NoReturn

from bnstat.stopping import leave_at_once


def main() -> NoReturn:
    """Run the command line. Signals are answered before its imports, which take most of the start."""
    leave_at_once()
    from bnstat.cli import main as run  # noqa: PLC0415  (a signal meanwhile has its line)

    run()


if __name__ == "__main__":
    main()
