"""The dashboard's server as a process: `python -m app.server SCRIPT [OPTION...]`, with the study in LENSGAP_STUDY.

What screens need of a large study is read before it listens, and it ends whatever its threads are at.
"""

import atexit
import gc
import os
import sys
from collections.abc import Sequence

from streamlit.web import cli

from app import share
from app.beforehand import read_ahead
from app.context import study_folder
from db.connect import close_all
from db.stopping import heed_ctrl_c


def main(arguments: Sequence[str]) -> None:
    """Read ahead, then serve until asked to stop."""
    share.settle()
    folder = study_folder()
    try:
        if folder is not None:
            with heed_ctrl_c():
                read_ahead(folder, lambda sentence: print(sentence, file=sys.stderr, flush=True))
        _set_aside()
        sys.argv = ["streamlit", "run", *arguments]
        cli.main()
    except KeyboardInterrupt:
        sys.exit(130)
    except SystemExit as end:
        # Registered last, so run first: before what the libraries do at the end, after threads that somebody waits for.
        atexit.register(_leave, end.code)
        raise


def _set_aside() -> None:
    """Leave what is there by now, which stays, out of all searches for garbage: each would stop every script for as long as
    it takes to draw a screen."""
    gc.collect()
    gc.freeze()


def _leave(status: object) -> None:
    """Close the databases and end the process, whatever threads beside the screens are at.

    Python would stop them in the middle of the database's library, which aborts the process.
    """
    close_all()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status if isinstance(status, int) else int(status is not None))


if __name__ == "__main__":
    main(sys.argv[1:])
