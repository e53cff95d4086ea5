"""The command ``gibbs`` from its very first line: a signal that comes while the rest is imported is one line, and no traceback.

Imports nothing of ours and next to nothing else; :mod:`gibbs.signals` takes over when the command line begins.
"""

import atexit
import gc
import os
import signal
import sys
import threading
from typing import NoReturn

EXIT_CODE = 130
NOTHING = "interrupted; nothing was written"
NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")


def end(number: int, frame: object) -> None:
    """Say what was written, and end: nothing before :mod:`gibbs.signals` has begun, and what that knows of when it is over."""
    said = getattr(sys.modules.get("gibbs.signals"), "interrupted", None)
    words, code = said() if said else (NOTHING, EXIT_CODE)
    try:
        os.write(2, f"gibbs: {words}\n".encode())
    finally:
        os._exit(code)


def begin() -> None:
    """Signals end the process. Python looks seldom for cycles among new objects: imports make hundreds of thousands of them that stay."""
    gc.set_threshold(50_000, 20, 20)
    _let((signal.SIG_DFL, signal.default_int_handler), end)


def done() -> None:
    """All is done and said: what is left is Python's own end, which no signal breaks off any more."""
    _let((end,), signal.SIG_IGN)


def leave(code: int) -> NoReturn:
    """End the process with ``code``: as Python does, but that it does not first take apart all that it has imported, a fifth of a second.

    Threads are waited for, and what is registered with ``atexit`` is done. Where what was printed cannot be, or this Python is not as we
    know it, it ends as it always does.
    """
    try:
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
    except (AttributeError, OSError, ValueError):
        sys.exit(code)
    os._exit(code)


def _let(found: tuple[object, ...], handler: object) -> None:
    """Signals whose handler is one of ``found`` get ``handler``; one that is ignored (``nohup``) stays so."""
    for name in NAMES:
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) in found:
            signal.signal(number, handler)  # type: ignore[arg-type]
