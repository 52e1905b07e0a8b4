"""Which node the person's commands go to: --node, else MIHE_NODE, else ./node.toml."""

from dataclasses import dataclass
from pathlib import Path

from contract.config import NodeConfig
from contract.errors import BadSetting
from contract.toml import parse

NODE_FILE = "node.toml"
COORDINATOR_FILE = "coordinator.toml"
NODE_VARIABLE = "MIHE_NODE"

LONGEST_SOCKET = 107
"""What fits into sockaddr_un.sun_path on Linux beside the final zero."""


@dataclass(frozen=True, slots=True)
class OwnNode:
    """The node of this person's organisation, as its configuration file describes it."""

    file: Path
    config: NodeConfig

    @property
    def socket(self) -> Path:
        """The Unix socket on which the node answers its own people."""
        socket = self.file.parent / self.config.admin
        length = len(bytes(socket))
        if length > LONGEST_SOCKET:
            raise BadSetting(
                f"{self.file}: the path of the admin socket has {length} bytes; a Unix socket's "
                f"path may have {LONGEST_SOCKET}",
                party=self.config.org,
                fix='set a shorter path there, such as admin = "/run/mihe/admin.sock", and restart '
                "the node",
            )
        return socket


def config_file(given: Path | None, name: str = NODE_FILE) -> Path:
    """The absolute path of a configuration file that was named itself or by its folder."""
    # Links are followed at every reading: Kubernetes replaces a file by turning one over.
    path = Path.cwd() if given is None else given.absolute()
    file = path / name if path.is_dir() else path
    if not file.is_file():
        raise BadSetting(
            f"there is no {file}",
            fix="name the node with --node DIR or MIHE_NODE, or make one: `mihe init node --help`"
            if name == NODE_FILE
            else "name the file with --config, or make one: `mihe init coordinator --help`",
        )
    return file


def own_node(given: Path | None) -> OwnNode:
    """The node that `given`, or the current folder, names."""
    file = config_file(given)
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise BadSetting(
            f"{file} can't be read", fix="check its permissions; it must be UTF-8 text"
        ) from None
    return OwnNode(file, parse(NodeConfig, text, str(file)))
