"""Random queries over random worlds, with all of the cryptography, equal the clear answer."""

from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from node.local import run_local
from tests.flow.federation_in_process import contract_of, play
from tests.property.test_query_plan import cells, queries, released, shown, world


@settings(max_examples=20)
@given(queries(), st.integers(0, 5), st.integers(2, 6), st.sampled_from([1, 20]), st.integers(0, 1))
def test_every_cell_equals_the_clear_answer(
    sql: str, seed: int, k: int, min_join: int, receiver: int
) -> None:
    here = world(seed)
    contract = contract_of(sql, here.entries, k=k, min_join=min_join, receiver=receiver)
    print(contract.query)
