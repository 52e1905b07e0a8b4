"""Places for states on a PostgreSQL server that tests start, with the password as a file has it."""

import json
from itertools import count
from pathlib import Path

import psycopg

from contract.config import StateServer
from durable.postgres import Place
from tests.postgres import Database

_NUMBERS = count(1)


def place_on(database: Database, folder: Path, schema: str | None = None) -> Place:
    """A place in a schema of its own; the password file lies in `folder`."""
    file = password_file(database, folder)
    schema = schema or f"state_{next(_NUMBERS)}"
    return Place(database.uri(password=False, application_name=schema), schema, file)


def cut_off(database: Database, place: Place) -> None:
    """End the sessions that hold the state at a place, as an administrator or a network does."""
    with psycopg.connect(database.uri()) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = %s",
            (place.schema,),
        )


def server_of(place: Place) -> StateServer:
    """The setting that keeps the state there."""
    file = str(place.password_file)
    return StateServer(url=place.url, schema=place.schema, password_file=file)


def setting(place: Place) -> str:
    """The line of node.toml or coordinator.toml that keeps the state there."""
    words = {"url": place.url, "schema": place.schema, "password_file": str(place.password_file)}
    return (
        f"state = {{ {', '.join(f'{key} = {json.dumps(word)}' for key, word in words.items())} }}"
    )


def password_file(database: Database, folder: Path) -> Path:
    """The file that holds the role's password."""
    file = folder / f"{next(_NUMBERS)}.password"
    file.touch(mode=0o600)
    file.write_text(f"{database.password}\n", encoding="utf-8")
    return file
