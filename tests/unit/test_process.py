"""What the process does for itself, beside the gateway that runs in it."""

from __future__ import annotations

import gc
import platform
import subprocess
import sys

import pytest

from ocpp_gateway.process import set_apart


def test_what_there_is_at_the_start_is_not_looked_through_for_rubbish_again() -> None:
    thresholds = gc.get_threshold()
    try:
        set_apart()
        assert gc.get_freeze_count() > 10_000
        assert len(gc.get_objects()) < 1_000
    finally:
        gc.unfreeze()
        gc.set_threshold(*thresholds)


MAPPED_LARGE = """
import ctypes
from ocpp_gateway.process import use_one_heap

class Usage(ctypes.Structure):
    names = "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost"
    _fields_ = [(name, ctypes.c_size_t) for name in names.split()]

libc = ctypes.CDLL(None)
libc.mallinfo2.restype = Usage
use_one_heap()
bytes(10_000_000)  # after which glibc takes a million out of the heap
before = libc.mallinfo2().hblks
large = bytes(1_000_000)
print(libc.mallinfo2().hblks - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another libc needs none of this")
def test_what_is_large_leaves_no_hole_in_the_heap() -> None:
    said = subprocess.run((sys.executable, "-c", MAPPED_LARGE), capture_output=True, text=True, check=True)
    assert said.stdout == "1\n"
