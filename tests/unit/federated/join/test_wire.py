"""The bytes on the wire, seen by an owner that was written from federated/SPEC.md alone."""

from hashlib import sha256

from federated.join.matching import match
from federated.join.messages import Blinded, Served
from federated.join.owner import AwaitServed, TokenList, start
from federated.join.parameters import JoinParameters
from tests.vectors.blind_join_reference import Fast, OpenOwner, Plain, points

RUN = sha256(b"a start record").digest()
KEYS = [f"uscc:{number:018}".encode() for number in range(400)]

# native/crates/blind_join/tests/protocol.rs has the same: the core makes these bytes.
VERSION_1 = "c44f2ae56cd851952575cd029d3454ac1214afdbf13d13dd9755055acc923d04"


def test_the_specification_gives_the_frozen_bytes_of_version_1() -> None:
    """Three owners with known secrets, everything in plain Python; lists smaller than in a job."""
    run = bytes([9] * 32)
    sets = [range(13), range(6, 14), range(10, 20)]
    owners = [
        OpenOwner.of(Plain(), run, size, [b"key:%d" % i for i in keys], bytes([place + 1] * 32))
        for place, (size, keys) in enumerate(zip((16, 8, 12), sets, strict=True))
    ]
    sent, tokens = [], []
    for place, owner in enumerate(owners):
        sent.append(owner.blinded())
        for other in owners[:place] + owners[place + 1 :]:
            sent.append(other.serve(sent[-1]))
        tokens.append(owner.tokens(sent[-1], 7))
    assert sha256(b"".join(sent + tokens)).hexdigest() == VERSION_1


def test_a_frozen_token() -> None:
    """6·H(x) in run 0…31: as three owners with scalars 1, 2 and 3 have it, blinding or not."""
    run, key = bytes(range(32)), b"uscc:91110000600037341L"
    owner = OpenOwner(Plain(), run, k=1, s=5, inputs=[key], order=[0])
    returned = owner.group.times(3, owner.group.times(2, owner.blinded()))
    assert owner.finished(returned) == [owner.group.times(6, owner.hashed(0))]
    expected = "3009cfbbb6a22d187093fd57eeb89aa90334e49f98262a03f00889c048a722db"
    assert owner.tokens(returned, 32).hex() == expected
    assert owner.tokens(returned, 7).hex() == expected[:14]


def test_an_owner_written_from_the_specification_gets_along() -> None:
    """Two owners of mihe and one in the open: its tokens are theirs, place by place."""
    parameters = JoinParameters(RUN, ("a", "b", "c"), (256, 256, 512))
    open_owner = OpenOwner.of(Fast(), RUN, 512, KEYS, secret=bytes([3] * 32))
    sets = {"a": KEYS[:200], "b": KEYS[100:300]}
    started = {me: start(parameters, me, keys) for me, keys in sets.items()}

    ended: dict[str, TokenList] = {}
    for me, own in started.items():
        state: AwaitServed | TokenList = own.state
        message: object = own.message
        while isinstance(state, AwaitServed):
            assert isinstance(message, Blinded)
            if state.to == "c":
                served = Served(open_owner.serve(message.points))
            else:
                served = started[state.to].serving.serve(message, me)
            state, message = state.advance(served)
        ended[me] = state

    travelling = open_owner.blinded()
    for me in sets:
        travelling = started[me].serving.serve(Blinded(travelling), "c").points
    tokens = open_owner.tokens(travelling, parameters.token_bytes)

    matched = match(parameters, [ended["a"].tokens, ended["b"].tokens, tokens])
    found = {
        tuple(
            keys[order[place]]
            for keys, order, place in zip(
                (*sets.values(), KEYS),
                (ended["a"].order.tolist(), ended["b"].order.tolist(), open_owner.order),
                row,
                strict=True,
            )
        )
        for row in matched.positions.tolist()
    }
    assert found == {(key, key, key) for key in KEYS[100:200]}


def test_places_in_the_list_do_not_follow_the_order_of_the_keys() -> None:
    """Seen in `TokenList.order`, which is the order in which the points were sent."""
    parameters = JoinParameters(RUN, ("a", "b"), (256, 256))
    started = start(parameters, "a", KEYS[:256])
    returned = start(parameters, "b", []).serving.serve(started.message, "a")
    end, _ = started.state.advance(returned)
    assert isinstance(end, TokenList)
    places = list(end.order)

    assert sorted(places) == list(range(256))
    # By chance: 1 place kept on average, 15 or more with 10^-12.
    assert sum(place == at for at, place in enumerate(places)) < 15
    # Spearman's rank correlation has a standard deviation of 1/16; 0.45 is seven of them.
    distance = sum((place - at) ** 2 for at, place in enumerate(places))
    assert abs(1 - 6 * distance / (256 * (256**2 - 1))) < 0.45


def test_a_list_blinded_twice_has_no_point_in_common() -> None:
    parameters = JoinParameters(RUN, ("a", "b"), (256, 256))
    lists = [points(start(parameters, "a", KEYS[:200]).message.points) for _ in range(2)]
    assert len({point for one in lists for point in one}) == 512
