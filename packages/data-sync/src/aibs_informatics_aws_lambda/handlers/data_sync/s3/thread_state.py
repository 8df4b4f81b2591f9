"""The Python thread state of threads that a C library starts and calls Python from."""

import threading

_known = threading.local()


def keep_thread_state() -> None:
    """Keep the Python thread state of this thread until the thread ends.

    Python creates a thread state for each call from a foreign thread and frees it afterwards,
    memory mapping included. With a few calls per small object, that takes a third of the time of a
    sync. So each callback in such a thread calls this function first.

    ``PyGILState_Ensure`` counts its calls. One without a matching ``PyGILState_Release`` keeps the
    state: https://docs.python.org/3/c-api/init.html#c.PyGILState_Ensure
    """
    if not hasattr(_known, "is_kept"):
        # Not for syncs of local files.
        from ctypes import pythonapi

        pythonapi.PyGILState_Ensure()
        _known.is_kept = True
