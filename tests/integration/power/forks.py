"""A process that forks gateways: run with the paths of gateway.yaml and of a log, one line on stdin a gateway.

The parent imports everything once, so that a gateway is there in a tenth of the time. The pid of each is told, and
`gone` when it is dead.
"""

from __future__ import annotations

import os
import sys

from ocpp_gateway import gateway, log, settings
from ocpp_gateway.cli import app

IMPORTED = (gateway, log, settings)
"""What `ocpp-gateway run` imports when it runs."""


def say(*words: object) -> None:
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


def run(config: str, log_file: str) -> None:
    """`ocpp-gateway run`, to the end of this process."""
    output = os.open(log_file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    try:
        app.main(["run", "-c", config])
    finally:
        os._exit(app.FAILED)


def main(config: str, log_file: str) -> None:
    for _ in sys.stdin:
        child = os.fork()
        if child == 0:
            run(config, log_file)
        say(child)
        os.waitpid(child, 0)
        say("gone")


if __name__ == "__main__":
    main(*sys.argv[1:])
