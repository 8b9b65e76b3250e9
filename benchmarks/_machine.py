"""What a benchmark ran on, because no figure means anything without it."""

import os
from pathlib import Path
import platform
import ssl


def describe_machine() -> list[str]:
    """Return lines that name the processor, the system and the versions."""
    return [
        f"Machine: {os.process_cpu_count()} cores, {_processor()}, {_memory()}",
        f"System:  {platform.system()} {platform.release()}",
        f"Load:    {os.getloadavg()[0]:.1f} before the start",
        f"Python:  {platform.python_version()}, {ssl.OPENSSL_VERSION}",
    ]


def file_system(folder: Path) -> str:
    """Return the type of the file system that holds a folder, such as ext4."""
    try:
        mounts = Path("/proc/self/mounts").read_text().splitlines()
    except OSError:
        return "unknown"
    path, best, kind = str(folder.resolve()), "", "unknown"
    for mount in mounts:
        _, place, found, *_ = mount.split()
        inside = path == place or path.startswith(place.rstrip("/") + "/")
        if inside and len(place) >= len(best):
            best, kind = place, found
    return kind


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _memory() -> str:
    size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return f"{size / 2**30:.0f} GiB"
