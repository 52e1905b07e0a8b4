"""The two configuration files, node.toml and coordinator.toml, as models.

Every key of a file is a field here, with its default and its sentence of explanation; the commented
files that `mihe init` writes and the reference in docs/ are generated from these. Relative paths
are relative to the file.
"""

from typing import Annotated, Literal

from pydantic import Field

from contract.canonical import Frozen, HostPort, Name, OrgId, Words
from contract.postgres import PostgresUri

COORDINATOR_PORT = 7450
NODE_PORT = 7451

_STATE = "keep the state on a PostgreSQL server; without this table it is a file in `data`"

Seconds = Annotated[int, Field(ge=1, le=86400)]
Path = Annotated[str, Field(min_length=1, max_length=1024), Words("a path in quotes")]
LogLevel = Literal["debug", "info", "warning", "error"]
HostName = Annotated[
    str,
    Field(pattern=r"^\.?[A-Za-z0-9:][A-Za-z0-9.:-]*$", max_length=253),
    Words("a host, or the end of its name after a dot"),
]


# Signs of life are two seconds apart: less than a few of them is no silence.
Silence = Annotated[int, Field(ge=10, le=3600)]


class StateServer(Frozen):
    """Optional: keep the state on a PostgreSQL server instead of in a file."""

    url: PostgresUri = Field(
        description="the server, the role and the database, such as "
        "postgresql://mihe@db.example.org/mihe?sslrootcert=/etc/mihe/db-ca.pem; no password"
    )
    in_schema: Name | None = Field(
        default=None,
        alias="schema",
        description="schema for the tables; if absent, mihe_ and the organisation's id, or "
        "mihe_coordinator",
    )
    password_file: Path | None = Field(
        default=None,
        description="file of mode 0600 that holds the role's password; if absent, libpq's own "
        "ways count (pgpass file, environment, certificate, the machine's user)",
    )


class CertificateFiles(Frozen):
    """Where this organisation's certificate, its key and the consortium's CA lie."""

    certificate: Path = Field(description="this organisation's certificate, PEM")
    key: Path = Field(description="its private key, PEM, mode 0600; it never leaves this machine")
    authority: Path = Field(default="ca.pem", description="the consortium's CA certificate, PEM")
    revocations: Path = Field(
        default="ca.crl", description="what the CA has revoked, once there is such a list"
    )


class Direct(Frozen):
    """Optional: let peers reach this node directly instead of through the coordinator's relay."""

    listen: HostPort = Field(description="address to listen on, such as 0.0.0.0:7451")
    address: HostPort = Field(description="address at which peers reach it, as they see it")


class Proxy(Frozen):
    """Optional: the HTTP proxy through which this node reaches the coordinator and its peers."""

    address: HostPort = Field(
        description="host:port of a proxy that allows CONNECT; the environment's https_proxy does"
        " not count"
    )
    credentials: Path | None = Field(
        default=None, description="file with one line user:password for the proxy, mode 0600"
    )
    bypass: Annotated[tuple[HostName, ...], Field(max_length=64)] = Field(
        default=(),
        description="hosts that are reached without it; .example.org means every name under it",
    )


class NodeConfig(Frozen):
    """node.toml: one organisation's daemon."""

    org: OrgId = Field(description="this organisation's id, as in its certificate")
    coordinator: HostPort = Field(description="host:port of the consortium's coordinator")
    identity: CertificateFiles = Field(description="certificate, key, CA")
    policy: Path = Field(
        default="policy.toml", description="what other organisations may do; unlisted means denied"
    )
    data: Path = Field(default="data", description="folder of snapshots, results and the state")
    admin: Path = Field(
        default="admin.sock", description="Unix socket on which people talk to this node"
    )
    log_level: LogLevel = Field(
        default="info", description="how much is logged; no level logs anything personal"
    )
    peer_patience_seconds: Seconds = Field(
        default=120, description="how long a run waits for a peer that is not on the line"
    )
    silence_seconds: Silence = Field(
        default=60,
        description="how long a peer or the coordinator may be on the line without a sign of life",
    )
    step_seconds: Annotated[int, Field(ge=10, le=86400)] = Field(
        default=1800,
        description="how long a run waits for one step of a party that gives signs of life",
    )
    runs_at_once: int = Field(
        default=8,
        ge=1,
        le=64,
        description="how many runs may have data in memory; further ones wait in log order",
    )
    run_memory_mebibytes: int = Field(
        default=1024,
        ge=512,
        le=65536,
        description="memory of one run, roughly: what a large set of two, or a query's numbers,"
        " take beyond waits for its turn on the disk of the data folder, sealed",
    )
    direct: Direct | None = Field(
        default=None, description="let peers dial this node; without it nothing listens"
    )
    state: StateServer | None = Field(default=None, description=_STATE)
    proxy: Proxy | None = Field(
        default=None, description="reach others through an HTTP proxy; without it straight"
    )


class CoordinatorConfig(Frozen):
    """coordinator.toml: the consortium's meeting point."""

    listen: HostPort = Field(
        default=f"0.0.0.0:{COORDINATOR_PORT}", description="address to listen on"
    )
    identity: CertificateFiles = Field(description="certificate, key, CA")
    data: Path = Field(default="data", description="folder of the coordinator's state")
    log_level: LogLevel = Field(
        default="info", description="how much is logged; no level logs anything personal"
    )
    node_grace_seconds: Seconds = Field(
        default=30, description="how long a node may be away before its running jobs fail"
    )
    silence_seconds: Silence = Field(
        default=60,
        description="how long a node may be on the line without a sign of life before it is away",
    )
    state: StateServer | None = Field(default=None, description=_STATE)
