"""What it costs that each call says who makes it: by a token, and by a JWT, which is verified once."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from tests.bench import traffic
from tests.bench.findings import Finding
from tests.bench.rows.texts import cost_text, figures
from tests.support import access
from tests.support.client import Service, Workspace

if TYPE_CHECKING:
    from tests.bench.harness import Bench
    from tests.bench.targets import Cost, Target

_WORKSPACE = "bench"
_MOST = 1.05
_NAMES = {"token": "a bearer token", "jwt": "a JWT"}


def measure(bench: Bench) -> list[Finding]:
    """Return a line for each of the two, against a service without an access file."""
    count, signer = bench.effort.some(8_000), access.Signer()
    (bench.folder / "keys.json").write_bytes(access.key_set(signer))
    jwts = [{"issuer": access.ISSUER, "subject": "jwt"}]
    # Among others, as in the field: nobody has a file of one.
    others = [access.principal(f"other-{number}", "decide") for number in range(100)]
    file = access.write(
        bench.folder / "access.yaml",
        *others,
        access.principal("token", "admin", workspaces=["another", _WORKSPACE, "more-*"]),
        access.principal("jwt", "admin", workspaces=["another", _WORKSPACE, "more-*"], jwts=jwts),
        issuers=[access.issuer(keysFile="keys.json")],
    )
    shown = {"open": "", "token": "Bearer token-token", "jwt": f"Bearer {signer.token('jwt', lasts_s=3600)}"}
    with ExitStack() as stack:
        targets: dict[str, Target] = {}
        for name, authorization in shown.items():
            more = ("--access", str(file)) if authorization else ()
            targets[name] = stack.enter_context(bench.ours(*more))
            service = Service(targets[name].server.address, authorization=authorization)
            stack.callback(service.close)
            traffic.configure(Workspace(_WORKSPACE, service))
        requests = {name: traffic.Requests(_WORKSPACE, f"{name:-<8.8}") for name in targets}

        def cost(name: str, calls: int) -> Cost:
            return bench.cost(targets[name], requests[name], calls, authorization=shown[name])

        for name in targets:
            cost(name, bench.effort.some(2_000))
        samples, ratios = bench.rounds(
            {name: lambda name=name: cost(name, count) for name in targets},
            {name: lambda latest, name=name: latest[name].server / latest["open"].server for name in _NAMES},
        )
    return [
        Finding(
            f"EvaluateContact of a caller with {text}",
            cost_text(samples[name]),
            f"without an access file: {cost_text(samples['open'])}",
            ratios[name],
            _MOST,
            at_least=False,
            note="an access file of 102 principals; what a call costs more is its header, too",
            details={each: figures(samples[each]) for each in ("open", name)},
        )
        for name, text in _NAMES.items()
    ]
