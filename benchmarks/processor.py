"""How much processor time a process has used: its threads and all its children, ended or not.

Linux counts it in clock ticks of 10 ms (proc(5), stat), so a figure is good to some 20 ms.
"""

import os
from pathlib import Path

from benchmarks.resident import children

_TICK = os.sysconf("SC_CLK_TCK")
_AFTER_NAME = 3
"""Number of the first field behind the name, which may hold blanks and brackets itself."""
_TIMES = slice(14 - _AFTER_NAME, 18 - _AFTER_NAME)
"""utime, stime, and both of the children that were waited for."""


def spent(process: int) -> float:
    """Seconds; 0 for a process that is gone."""
    try:
        stat = Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return 0.0
    own = sum(int(ticks) for ticks in stat.rpartition(")")[2].split()[_TIMES])
    return own / _TICK + sum(spent(child) for child in children(process))
