"""A wall clock of the recorder's own, which can be set while it runs.

A library that is loaded before the C library adds the seconds that a file holds to the
real time clock, and to that one only: the monotonic one goes on, as it does when the
clock of a machine is set. It is compiled by the machine's own compiler; without one
there are no clock steps. The times of files stay those of the kernel.
"""

import mmap
from pathlib import Path
import shutil
import struct
import subprocess

_SOURCE = """
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile const long long *offset;

__attribute__((constructor)) static void begin(void) {
  const char *name = getenv("CHAOS_CLOCK");
  int file = name ? open(name, O_RDONLY | O_CLOEXEC) : -1;
  if (file < 0) return;
  void *found = mmap(0, sizeof *offset, PROT_READ, MAP_SHARED, file, 0);
  if (found != MAP_FAILED) offset = found;
  close(file);
}

int clock_gettime(clockid_t clock, struct timespec *now) {
  int failed = syscall(SYS_clock_gettime, clock, now);
  if (!failed && offset && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
    now->tv_sec += *offset;
  return failed;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
  struct timespec found;
  if (clock_gettime(CLOCK_REALTIME, &found)) return -1;
  now->tv_sec = found.tv_sec;
  now->tv_usec = found.tv_nsec / 1000;
  return 0;
}

time_t time(time_t *where) {
  struct timespec found;
  clock_gettime(CLOCK_REALTIME, &found);
  if (where) *where = found.tv_sec;
  return found.tv_sec;
}
"""


class Clock:
    """The recorder's clock."""

    def __init__(self, folder: Path) -> None:
        """Make it; it is right."""
        self._library, place = folder / "clock.so", folder / "clock"
        compiler = next(filter(None, map(shutil.which, ("cc", "gcc", "clang"))), None)
        self.can_step = compiler is not None and self._compiles(compiler)
        place.write_bytes(struct.pack("q", 0))
        self._place = place
        with place.open("r+b") as file:
            self._offset = mmap.mmap(file.fileno(), 8)

    def _compiles(self, compiler: str) -> bool:
        command = [compiler, "-shared", "-fPIC", "-O2", "-x", "c", "-"]
        done = subprocess.run(
            [*command, "-o", str(self._library)],
            input=_SOURCE.encode(),
            capture_output=True,
            check=False,
        )
        return done.returncode == 0

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs to have this clock."""
        if not self.can_step:
            return {}
        return {"LD_PRELOAD": str(self._library), "CHAOS_CLOCK": str(self._place)}

    def set_ahead(self, seconds: int) -> None:
        """Let it be ahead of the true time, or behind if negative."""
        self._offset[:] = struct.pack("q", seconds)
