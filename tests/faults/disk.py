"""A disk whose power can be cut: ext4 on a loop device, and a copy of what has reached it (root only).

What a program has written and not synced is in the page cache, not in the image behind the device. So a copy of the
image, taken while the writer is stopped, is what a power cut leaves of it, on a drive that is honest about flushes.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

TRIES = 20


def why_not() -> str | None:
    """Why this machine has no such disk; None when it has."""
    if os.geteuid() != 0:
        return "needs root, to mount a loop device"
    if not Path("/dev/loop-control").exists():
        return "needs loop devices"
    missing = [tool for tool in ("mkfs.ext4", "losetup", "mount", "umount") if shutil.which(tool) is None]
    if missing:
        return f"needs {', '.join(missing)}"
    tried = subprocess.run(["losetup", "--find"], capture_output=True, check=False)
    return None if tried.returncode == 0 else "needs a free loop device"


def why_no_small_one() -> str | None:
    """Why this machine has no disk in memory; None when it has."""
    if os.geteuid() != 0:
        return "needs root, to mount a file system in memory"
    with tempfile.TemporaryDirectory() as folder:
        tried = subprocess.run(["mount", "-t", "tmpfs", "tmpfs", folder], capture_output=True, check=False)
        if tried.returncode == 0:
            _run("umount", folder)
    return None if tried.returncode == 0 else "needs the right to mount a file system in memory"


class CuttableDisk:
    """A file system at `path`, until `close`. Not for two threads at once."""

    def __init__(self, folder: Path, size_mb: int = 16) -> None:
        self.path = folder / "disk"
        self.path.mkdir()
        self._image, self._copy = folder / "disk.img", folder / "after_the_cut.img"
        with self._image.open("wb") as image:
            image.truncate(size_mb * 1024 * 1024)
        _run("mkfs.ext4", "-q", "-F", str(self._image))
        self._device = ""
        self._mount()

    def close(self) -> None:
        """Give the device back; the file system goes with it."""
        _run("umount", "--lazy", str(self.path))

    def cut(self) -> None:
        """Keep what a power cut leaves at this moment; whoever writes must be stopped before, and dead right after."""
        for _ in range(TRIES):
            before = self._writes()
            shutil.copyfile(self._image, self._copy)
            if self._writes() == before:
                return
        raise RuntimeError(f"{self._device} is never at rest")

    def come_back(self) -> None:
        """After `cut`, and once nobody has a file open there: the copy becomes the disk."""
        _run("umount", str(self.path))
        self._copy.replace(self._image)
        self._mount()

    def _mount(self) -> None:
        _run("mount", "-o", "loop", str(self._image), str(self.path))
        source = _run("findmnt", "--noheadings", "--output", "SOURCE", str(self.path))
        self._device = Path(source.strip()).name

    def _writes(self) -> str:
        return Path(f"/sys/block/{self._device}/stat").read_text().split()[4]


class SmallDisk:
    """A file system in memory at `path` that is soon full, until `close`."""

    def __init__(self, folder: Path, size_mb: int) -> None:
        self.path = folder / "small"
        self.path.mkdir()
        self._filling = self.path / "filling"
        _run("mount", "-t", "tmpfs", "-o", f"size={size_mb}m", "tmpfs", str(self.path))

    def fill(self) -> None:
        """Leave not one block."""
        with contextlib.suppress(OSError), self._filling.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))

    def clear(self) -> None:
        """Take that away again."""
        self._filling.unlink()

    def close(self) -> None:
        """Give it back."""
        _run("umount", "--lazy", str(self.path))


def _run(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout
