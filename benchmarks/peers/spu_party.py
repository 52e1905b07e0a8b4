"""One party of an intersection by SecretFlow's `spu`, as a process of its own.

Runs in spu's own virtual environment and imports nothing of this project. The one argument is a
job in JSON. On stdout it says {"ready": …} once the link to the other party stands, and {"done":
…} when its output is written; on stdin it waits for a line before it begins, and for the end
before it ends, so that whoever started it can count what it used.
"""

import json
import os
import sys

# Whatever a library prints belongs in the log; stdout is the conversation.
talk = os.fdopen(os.dup(1), "w", buffering=1)
os.dup2(2, 1)

import spu.libspu.link as link  # noqa: E402  # after stdout is out of its reach
import spu.psi as psi  # noqa: E402

WAIT_MS = 3_600_000


def main() -> None:
    job = json.loads(sys.argv[1])
    parties = link.Desc()
    parties.recv_timeout_ms = WAIT_MS
    for rank, address in enumerate(job["addresses"]):
        parties.add_party(f"party{rank}", address)
    line = link.create_brpc(parties, job["rank"])

    protocol = psi.PsiProtocolConfig(
        protocol=getattr(psi.PsiProtocol, f"PROTOCOL_{job['protocol']}"),
        receiver_rank=0,
        broadcast_result=False,
    )
    if "curve" in job:
        protocol.ecdh_params = psi.EcdhParams(
            curve=getattr(psi.EllipticCurveType, f"CURVE_{job['curve']}")
        )
    config = psi.PsiExecuteConfig(
        protocol_conf=protocol,
        # It need not look for duplicates: there are none, and it is told so.
        input_params=psi.InputParams(
            path=job["input"], selected_keys=[job["column"]], keys_unique=True
        ),
        output_params=psi.OutputParams(path=job["output"]),
    )
    talk.write(json.dumps({"ready": True}) + "\n")
    if not sys.stdin.readline():
        return
    report = psi.psi_execute(config, line)
    talk.write(json.dumps({"done": True, "count": report.intersection_count}) + "\n")
    sys.stdin.read()


main()
