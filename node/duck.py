"""DuckDB connections that reach the files they are given and nothing else.

Implements  DESIGN §6: external access off, configuration locked, memory limited
Errors      DuckDB's own quote cells, so none leaves a `locked` block: a full disk or memory becomes
            StorageFull, anything else is a defect of ours, without DuckDB's words
Learns      the owner alone; what does not fit in memory spills, in clear, into the scratch folder
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import duckdb

from contract.errors import OurError
from node.scratch import FULL, storage_full

_MEMORY = "1GB"
_MOST_THREADS = 4  # each needs buffers of its own out of that memory


@contextmanager
def locked(files: Sequence[Path], spill: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection that may read and write `files`, and spill into the scratch folder `spill`."""
    threads = min(os.cpu_count() or 1, _MOST_THREADS)
    settings = {
        "allowed_paths": f"[{', '.join(literal(str(file)) for file in files)}]",
        "temp_directory": literal(str(spill / "spill")),
        "memory_limit": literal(_MEMORY),
        "threads": str(threads),
        "preserve_insertion_order": "true",
        "python_enable_replacements": "false",
        "autoload_known_extensions": "false",
        "autoinstall_known_extensions": "false",
        "allow_persistent_secrets": "false",
        "enable_external_access": "false",
        "lock_configuration": "true",
    }
    try:
        with closing(duckdb.connect(":memory:")) as connection:
            for name, value in settings.items():
                connection.execute(f"SET {name} = {value}")
            yield connection
    except duckdb.Error as error:
        if is_full(error):
            raise storage_full() from None
        raise OurError("a statement of ours failed", fix="Report this defect.") from None


def is_full(error: duckdb.Error) -> bool:
    """Whether the disk or the memory was used up."""
    # DuckDB keeps the errno in its text alone.
    return isinstance(error, duckdb.OutOfMemoryException) or any(
        os.strerror(code) in str(error) for code in FULL
    )


def literal(text: str) -> str:
    """`text` as an SQL string."""
    return "'" + text.replace("'", "''") + "'"


def quoted(name: str) -> str:
    """`name` as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'
