"""Where the program `lensgap` begins: Ctrl-C is told in a line already while the commands are being loaded.

So nothing else is imported here.
"""

import sys

STOPPED = "Stopped. Run the same command again to continue."


def main() -> None:
    """Load the commands and run the one that is asked for."""
    try:
        from engine.cli import main as run_command
    except KeyboardInterrupt:
        sys.stderr.write(f"{STOPPED}\n")
        raise SystemExit(130) from None
    run_command()
