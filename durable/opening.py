"""A daemon's state, opened: in its file, or on the server that [state] names.

Made if there is none, brought to the newest revision, and taken from the file to the server when
[state] is new. The data folder is held already (durable/folder.py).
"""

from pathlib import Path

from sqlalchemy import text

from durable.database import Database
from durable.history import History, bring_up, revision_of
from durable.moving import put_away, require_not_moved, take_in
from durable.postgres import Place, Session
from durable.sqlite import open_file


def open_state(file: Path, place: Place | None, history: History) -> Database:
    """The state at `place`, else in `file`; raises what keeps it from being used."""
    if place is None:
        require_not_moved(file)
        return open_file(file, history)
    session = Session(place, history)
    database = Database(
        session.engine(),
        history.daemon,
        fix="look at the PostgreSQL server: free space, rights of the role, whether it takes "
        "writes; then start it again",
    )
    try:
        with database.write() as connection:
            # However long it takes: nobody waits for this daemon yet.
            connection.execute(text("SET LOCAL statement_timeout = 0"))
            session.make_schema(connection)
            fresh = revision_of(connection) is None
            bring_up(connection, history)
            if file.exists():
                take_in(file, connection, history, fresh=fresh)
            session.mark(connection)
        if file.exists():
            put_away(file)
    except BaseException:
        database.close()
        raise
    return database
