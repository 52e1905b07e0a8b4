"""An owner who imports: a folder with a source and its description, and columns of every type."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import duckdb

from contract.dataset import ColumnQuality, Snapshot
from node import snapshot

TODAY = date(2025, 10, 1)
A, B, C = "91110000600037341L", "91110000101623741K", "911101066976941872"
WRONG_CHECK = "911100006000373410"

KEY = 'name = "uscc"\ntype = "key"\nkey = "uscc"\nlevel = 2'
BALANCE = 'name = "balance"\ntype = "decimal"\ndecimals = 2\nlevel = 3'


class Owner:
    """An owner's folder: a source, its description, the snapshots."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.snapshots = folder / "data" / "snapshots"

    def describe(self, *columns: str, source: str | None = "loans.csv", top: str = "") -> Path:
        tables = "".join(f"\n[[column]]\n{column}\n" for column in columns)
        file = self.folder / "loans.toml"
        place = "" if source is None else f'source = "{source}"'
        file.write_text(f'name = "loans"\n{place}\n{top}\n{tables}', "utf-8")
        return file

    def write(self, content: str | bytes) -> None:
        raw = content if isinstance(content, bytes) else content.encode()
        (self.folder / "loans.csv").write_bytes(raw)

    def write_parquet(self, query: str) -> None:
        with duckdb.connect() as connection:
            connection.execute(f"COPY ({query}) TO '{self.folder}/loans.parquet' (FORMAT parquet)")

    def add(self, *columns: str, source: str | None = "loans.csv", top: str = "") -> Snapshot:
        description = self.describe(*columns, source=source, top=top)
        return snapshot.add(description, self.snapshots, org="bank_a", today=TODAY)

    def add_csv(self, content: str | bytes, *columns: str, top: str = "") -> Snapshot:
        self.write(content)
        return self.add(*columns, top=top)

    def files(self, added: Snapshot) -> snapshot.Files:
        return snapshot.files(self.snapshots, "loans", added.root)

    def rows(self, added: Snapshot) -> list[tuple[object, ...]]:
        with duckdb.connect() as connection:
            parquet = str(self.files(added).parquet)
            return connection.execute("FROM read_parquet(?)", [parquet]).fetchall()

    def everything(self) -> set[str]:
        return {str(file.relative_to(self.snapshots)) for file in self.snapshots.rglob("*")}


def quality(added: Snapshot, name: str) -> ColumnQuality:
    return next(column for column in added.report.columns if column.name == name)


def one_column(type_: str, more: str = "") -> str:
    return f'name = "x"\ntype = "{type_}"\nlevel = 2\n{more}'


EVERY_TYPE = (
    KEY,
    'name = "balance"\nsource = "贷款余额"\ntype = "decimal"\ndecimals = 2\nlevel = 3\n'
    'unit = "CNY"\nnullable = true\ntitle = "Balance"',
    'name = "count"\ntype = "integer"\nlevel = 2',
    'name = "state"\nsource = "状态"\ntype = "text"\nlevel = 2\ncodes = ["正常", "关注"]',
    'name = "note"\ntype = "text"\nlevel = 2\nnullable = true',
    'name = "since"\ntype = "date"\nlevel = 2',
    'name = "month"\ntype = "period"\nlevel = 1',
    'name = "open"\ntype = "boolean"\nlevel = 1',
)
EVERY_ROW = (
    (A, Decimal("-12.50"), -7, "正常", 'a, "b"\nc', date(2024, 2, 29), 202510, True),
    (B, None, 2**63 - 1, "关注", None, date(1, 1, 1), 199912, False),
)
