"""torchrun's last words: by itself it only says that a rank failed, not why.

Without them the reason stands above the tracebacks of all ranks that waited for the one that ended.
"""

from __future__ import annotations

import contextlib

from torch.distributed.elastic.multiprocessing.errors import get_error_handler


def tell_launcher(error: Exception) -> None:
    """Have torchrun's closing report name `error`; does nothing where there is no torchrun."""
    try:
        # The handler takes the traceback of what is being handled: the error's own is forty lines
        # of coroutines, and its message says everything.
        raise type(error)(str(error)) from None
    except type(error) as bare:
        with contextlib.suppress(OSError):
            get_error_handler().record_exception(bare)
