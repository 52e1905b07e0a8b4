"""`mihe init`: everything that a new node or coordinator needs but the CA's signature.

The key is made here, on the machine where it will be used, and never leaves it: what travels to
the CA is a request. Nothing that exists is written over.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from re import fullmatch
from typing import Annotated

import typer
from rich.text import Text

from cli import terminal
from cli.authority import COORDINATOR_ORG, read, request
from cli.ca import grouped
from cli.options import JsonOption
from contract.canonical import Frozen, Hex32
from contract.config import COORDINATOR_PORT, NODE_PORT, CoordinatorConfig, NodeConfig
from contract.errors import BadRequest
from contract.identity import Authority, Role
from contract.toml import template
from mihe import files
from mihe.where import COORDINATOR_FILE, NODE_FILE

app = typer.Typer(no_args_is_help=False, help="Set up a node or a coordinator.")

DataOption = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Folder that the daemon writes to, if not DIR/data."),
]

POLICY = """\
# What other organisations may compute with this node's datasets. Unlisted means denied: while
# this file holds no [[allow]], every job is refused. A job passes if one single [[allow]] lists
# everything that it asks for. The node reads the file anew for every decision.
#
# [[allow]]
# dataset = "loans"                 # the dataset that the rule is about
# jobs = ["psi", "query"]           # psi, psi_cardinality, query
# on = ["uscc"]                     # key columns that may be matched on
# with = ["bank_b"]                 # every other party of the job must be listed
# receivers = ["bank_a", "bank_b"]  # who may learn the result
# purposes = ["CREDIT_MICRO"]       # purpose codes, as agreed in the consortium
# bases = ["SUBJECT_AUTHORISATION"] # legal bases
# until = 2027-12-31                # optional: last day of the permission
# largest_peer_set = 65536          # optional: most keys that any other party may bring
# columns = { uscc = ["join"], loan_balance = ["sum", "avg"], five_class = ["filter", "group"] }
#                                   # for queries: what may be done with each column, of join,
#                                   # filter, group, count, sum, avg, variance, quantile;
#                                   # unlisted is denied
# min_group = 10                    # for queries: fewest entities in a row of the result
# min_join = 10                     # for queries: fewest entities in the whole join
# min_change = 50                   # for queries: by fewer of this dataset's subjects an answer
#                                   # must not differ from an earlier one, unless by none
# max_epsilon = 0.5                 # for queries: every count and sum must have noise, of this
#                                   # epsilon or less
# epsilon_budget = 4                # for queries: the same, and what answers to one receiver have
# epsilon_days = 90                 # cost in so many days adds up to this at most
# receivers_own = false             # for queries: take part in none that adds up the receiver's
#                                   # own columns
# min_contributors = 3              # for sums over UNION ALL: fewest organisations in one
# selects = "alike"                 # for sums over UNION ALL: all SELECTs read alike but for the
#                                   # organisation; "any": one may make all parts but yours nothing
# matching = ["blind"]              # "keyed", too: faster, and the coordinator with any one party
#                                   # can find out every identifier
# aggregation = ["encrypted"]       # "shared", too: faster, and the receiver with an owner sees
#                                   # which of that owner's keys are in each row; over UNION ALL
#                                   # "masked" is usual, "paillier" encrypts the masked sums
# largest_share = 60                # optional: percent of a sum that one key may have; of the own
#                                   # groups, those where one has more are folded
# dominance = ["off"]               # "bands", too, or alone: rows of which one entity may have too
#                                   # much of a sum are folded, and the coordinator sees how large
#                                   # every value is, to a quarter of an octave
# approve = "auto"                  # the node approves by itself
"""


class Made(Frozen):
    """What `mihe init` wrote."""

    files: tuple[str, ...]
    key_fingerprint: Hex32


@dataclass(frozen=True, slots=True)
class Home:
    """The files of one daemon, by the names that `mihe init` gives them."""

    folder: Path
    name: str  # node or coordinator

    @property
    def config(self) -> Path:
        """The configuration file."""
        return self.folder / f"{self.name}.toml"

    @property
    def key(self) -> Path:
        """The private key."""
        return self.folder / f"{self.name}.key"

    @property
    def request(self) -> Path:
        """The request to the CA."""
        return self.folder / f"{self.name}.csr"

    @property
    def certificate(self) -> Path:
        """The CA's answer; not there at first."""
        return self.folder / f"{self.name}.pem"

    @property
    def authority(self) -> Path:
        """The CA's own certificate."""
        return self.folder / "ca.pem"

    @property
    def policy(self) -> Path:
        """A node's policy."""
        return self.folder / "policy.toml"

    def identity(self) -> dict[str, object]:
        """The [identity] table of the configuration."""
        return {
            "certificate": self.certificate.name,
            "key": self.key.name,
            "authority": self.authority.name,
        }


def init_node(
    folder: Path,
    org: str,
    uscc: str,
    coordinator: str,
    *,
    direct: str | None = None,
    authority: bytes | None = None,
    settings: Mapping[str, object] | None = None,
) -> Made:
    """Write a node's key, request, configuration and empty policy; `settings` fills in more."""
    home = Home(folder, "node")
    _require_address("--coordinator", coordinator)
    values: dict[str, object] = {
        "org": org,
        "coordinator": coordinator,
        "identity": home.identity(),
        "direct": _direct(direct),
        **(settings or {}),
    }
    return _write(
        home,
        *request(Role.NODE, org, uscc),
        {home.config: template(NodeConfig, values), home.policy: POLICY},
        authority,
    )


def init_coordinator(
    folder: Path,
    uscc: str,
    listen: str,
    *,
    authority: bytes | None = None,
    settings: Mapping[str, object] | None = None,
) -> Made:
    """Write a coordinator's key, request and configuration; `settings` fills in more."""
    home = Home(folder, "coordinator")
    _require_address("--listen", listen)
    values = {"listen": listen, "identity": home.identity(), **(settings or {})}
    return _write(
        home,
        *request(Role.COORDINATOR, COORDINATOR_ORG, uscc),
        {home.config: template(CoordinatorConfig, values)},
        authority,
    )


@app.command("node")
def node_command(
    org: Annotated[str, typer.Option(help="The organisation's id, such as bank_a.")],
    uscc: Annotated[
        str, typer.Option(help="Unified social credit code of its legal entity, 18 characters.")
    ],
    coordinator: Annotated[
        str, typer.Option(metavar="HOST:PORT", help="The consortium's coordinator.")
    ],
    folder: Annotated[
        Path, typer.Option("--dir", metavar="DIR", help="Folder for the node's files.")
    ],
    direct: Annotated[
        str | None,
        typer.Option(
            metavar="HOST:PORT",
            help=f"Address at which peers reach this node directly (usual port: {NODE_PORT}). "
            "Without it nothing listens, and bulk data goes through the coordinator's relay.",
        ),
    ] = None,
    ca: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The consortium's ca.pem, if at hand.")
    ] = None,
    data: DataOption = None,
    admin: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Unix socket on which the node answers its own people, if not DIR/admin.sock.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Set up an organisation's node: key, request to the CA, commented configuration and policy.

    The private key is made here and never leaves this machine.
    """
    made = init_node(
        folder,
        org,
        uscc,
        coordinator,
        direct=direct,
        authority=_authority_file(ca),
        settings=_elsewhere(data=data, admin=admin),
    )
    terminal.answer(made, _files_of(made), as_json=as_json)
    _say_next(Home(folder, "node"), made, ca)
    terminal.say(
        f"  4. Write into {folder / 'policy.toml'} what others may do; unlisted is denied."
    )
    terminal.say(f"  5. mihe node run --config {folder / NODE_FILE}")


@app.command("coordinator")
def coordinator_command(
    uscc: Annotated[
        str, typer.Option(help="Unified social credit code of its legal entity, 18 characters.")
    ],
    folder: Annotated[
        Path, typer.Option("--dir", metavar="DIR", help="Folder for the coordinator's files.")
    ],
    listen: Annotated[
        str, typer.Option(metavar="HOST:PORT", help="Address on which nodes reach it.")
    ] = f"0.0.0.0:{COORDINATOR_PORT}",
    ca: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The consortium's ca.pem, if at hand.")
    ] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Set up the consortium's coordinator: key, request to the CA and commented configuration.

    It never sees an identifier, a value or a result. Do not let an organisation that receives
    results operate it.
    """
    made = init_coordinator(
        folder, uscc, listen, authority=_authority_file(ca), settings=_elsewhere(data=data)
    )
    terminal.answer(made, _files_of(made), as_json=as_json)
    _say_next(Home(folder, "coordinator"), made, ca)
    terminal.say(f"  4. mihe coordinator run --config {folder / COORDINATOR_FILE}")


def _write(
    home: Home,
    key: bytes,
    csr: bytes,
    texts: Mapping[Path, str],
    authority: bytes | None,
) -> Made:
    public = {home.request: csr, **{path: text.encode() for path, text in texts.items()}}
    if authority is not None:
        Authority.from_pem(authority)
        public[home.authority] = authority
    files.require_absent(home.key, *public)
    files.write_new(home.key, key, files.SECRET)
    for path, content in public.items():
        files.write_new(path, content)
    return Made(
        files=tuple(str(path) for path in (home.key, *public)),
        key_fingerprint=read(csr).key_fingerprint,
    )


def _require_address(option: str, address: str) -> None:
    shape = fullmatch(r"(\[[0-9A-Fa-f:]+\]|[A-Za-z0-9.-]+):([0-9]{1,5})", address)
    if shape is None or not 0 < int(shape[2]) < 1 << 16:
        raise BadRequest(
            f"{option} is not host:port",
            fix=f"write a name or an address and a port, as mihe.example.org:{COORDINATOR_PORT}",
        )


def _direct(address: str | None) -> dict[str, object] | None:
    if address is None:
        return None
    _require_address("--direct", address)
    host, _, port = address.rpartition(":")
    if host in {"127.0.0.1", "localhost", "[::1]"}:
        return {"listen": address, "address": address}
    everywhere = "[::]" if host.startswith("[") else "0.0.0.0"  # noqa: S104  # asked for by name
    return {"listen": f"{everywhere}:{port}", "address": address}


def _elsewhere(**places: Path | None) -> dict[str, object]:
    """Settings for what does not lie beside the configuration."""
    return {name: str(place.absolute()) for name, place in places.items() if place is not None}


def _authority_file(ca: Path | None) -> bytes | None:
    return None if ca is None else files.read(ca, "the CA's certificate")


def _files_of(made: Made) -> Text:
    return terminal.lines(made.files)


def _say_next(home: Home, made: Made, ca: Path | None) -> None:
    terminal.say()
    terminal.say("Next:")
    terminal.say(f"  1. Send {home.request} to the consortium's CA, which runs `mihe ca sign`, and")
    terminal.say("     read out this key fingerprint to it by telephone:")
    terminal.say(f"     {grouped(made.key_fingerprint)}")
    terminal.say(f"  2. Save the certificate that comes back as {home.certificate}.")
    if ca is None:
        terminal.say(f"  3. Save the consortium's CA certificate as {home.authority}.")
    else:
        terminal.say(f"  3. Done already: the CA's certificate is {home.authority}.")
