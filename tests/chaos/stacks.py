"""Says where a Home Assistant that does not answer is, in all its threads and tasks."""

from pathlib import Path
import sys
import time

_PATIENCE = 70
"""Seconds: it looks when its main thread next has something to do."""
_SCRIPT = """
import asyncio, gc, os, sys, traceback
with open({part!r}, "w") as out:
    for thread, frame in sys._current_frames().items():
        print(f"thread {{thread}}", *traceback.format_stack(frame), sep="\\n", file=out)
    for task in gc.get_objects():
        if isinstance(task, asyncio.Task) and not task.done():
            print(asyncio.format_call_graph(task), file=out)
os.rename({part!r}, {whole!r})
"""


def stacks(process: int, folder: Path) -> str:
    """Return where a process of this Python is, by a file in this folder."""
    script, whole = folder / "stacks.py", folder / "stacks.txt"
    part = folder / "stacks.part"
    whole.unlink(missing_ok=True)
    script.write_text(_SCRIPT.format(part=str(part), whole=str(whole)))
    try:
        sys.remote_exec(process, script)
    except (OSError, RuntimeError) as err:
        return f"where it is cannot be seen: {err}"
    end = time.monotonic() + _PATIENCE
    while not whole.exists():
        if time.monotonic() > end:
            return "its main thread does nothing at all"
        time.sleep(0.1)
    return whole.read_text()
