"""torchrun for dist_train.sh and dist_test.sh, ending as its processes did: python tools/launch.py [torchrun's options]

Its exit status is that of the first process that failed, or 143 after SIGTERM, where torchrun has a traceback and 1.
"""

import os
import signal
import socket
import sys


def check_port(arguments: list[str]) -> None:
    """Exit with one sentence if the port of ``PORT`` is taken; the first node listens on it."""
    if "--master-port" not in arguments or os.environ.get("NODE_RANK", "0") != "0":
        return
    port = arguments[arguments.index("--master-port") + 1]
    try:
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(("", int(port)))
    except (OSError, ValueError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or "not a port"
        sys.exit(f"error: PORT={port} cannot be used ({reason}): set another one, or leave it out for a free one")


if __name__ == "__main__":
    check_port(sys.argv)
    # Not before the port is known to be free: this takes seconds.
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.run import main

    # After SIGTERM the step that is running is finished and saved; torchrun would kill after 30 seconds.
    os.environ.setdefault("TORCH_ELASTIC_SHUTDOWN_TIMEOUT", "600")
    try:
        main()
    except SignalException as error:
        sys.exit(128 + error.sigval)
    except ChildFailedError as error:
        rank, failure = error.get_first_failure()
        status = failure.exitcode if failure.exitcode > 0 else 128 - failure.exitcode
        ending = f"exit status {status}" if failure.exitcode > 0 else signal.Signals(-failure.exitcode).name
        print(f"process {rank} ended with {ending}", file=sys.stderr)
        sys.exit(status)
