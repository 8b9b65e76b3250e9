"""pyftpdlib with TLS on both connections, as its documentation sets it up.

Its folder is on PYTHONPATH: it has no part in our own environment.
"""

import logging
import signal
import threading

from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import TLS_FTPHandler
from pyftpdlib.servers import FTPServer

from benchmarks._accounts import HOST, PASSWORD, USERNAME
from benchmarks._serve_arguments import read_arguments, say, wait_for_end


def main() -> None:
    """Serve until the benchmark has enough."""
    arguments = read_arguments()
    # A line of log for each command would be its cost and not ours.
    logging.basicConfig(level=logging.WARNING)
    authorizer = DummyAuthorizer()
    for number in range(arguments.cameras):
        home = arguments.folder / str(number)
        home.mkdir()
        authorizer.add_user(USERNAME.format(number), PASSWORD, str(home), "elradfmw")
    first, last = arguments.passive_ports

    class Handler(TLS_FTPHandler):
        """A session."""

        certfile = str(arguments.certificate)
        tls_control_required = True
        tls_data_required = True
        passive_ports = list(range(first, last + 1))

    Handler.authorizer = authorizer
    server = FTPServer((HOST, 0), Handler)
    server.max_cons = 512
    say({"port": server.address[1]})

    def stop() -> None:
        wait_for_end()
        # Its loop belongs to the main thread and ends there, as with Ctrl-C.
        signal.pthread_kill(loop_thread, signal.SIGINT)

    loop_thread = threading.get_ident()
    threading.Thread(target=stop, daemon=True).start()
    server.serve_forever()


if __name__ == "__main__":
    main()
