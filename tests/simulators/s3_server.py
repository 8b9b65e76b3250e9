"""An S3 service in this process, with faults that a test can switch on.

Buckets live in memory and are gone when the server stops. Other processes switch
faults on by ``PUT /_simulator/fault`` with the fault's name as the body, and let
time pass by ``PUT /_simulator/age/BUCKET/PREFIX`` with a number of seconds.
"""

from collections.abc import Iterable
from datetime import timedelta
from enum import StrEnum
import logging
import threading
from typing import TYPE_CHECKING

from moto.core import DEFAULT_ACCOUNT_ID
from moto.s3.models import s3_backends
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

CONTROL_PATH = "/_simulator/"
UNAVAILABLE = (
    "<?xml version='1.0' encoding='UTF-8'?><Error><Code>ServiceUnavailable</Code>"
    "<Message>The simulated service is switched off.</Message></Error>"
)


class Fault(StrEnum):
    """What is wrong with the service."""

    NONE = "none"
    UNAVAILABLE = "unavailable"
    """Every request is refused and nothing is stored."""
    SILENT = "silent"
    """Uploads are stored, but the answer is held back until the fault is over."""


class FaultyApplication:
    """Lets requests through to the S3 application, as far as the fault allows."""

    def __init__(self, application: WSGIApplication) -> None:
        """Begin without a fault."""
        self._application = application
        self._fault = Fault.NONE
        self._changed = threading.Condition()

    def __call__(
        self, environment: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Answer one request."""
        request = Request(environment)
        if request.path.startswith(CONTROL_PATH):
            self._control(request)
            return Response(self._fault)(environment, start_response)
        if self._fault is Fault.UNAVAILABLE:
            refusal = Response(UNAVAILABLE, 503, mimetype="application/xml")
            return refusal(environment, start_response)
        # Asked before the upload is carried out: who sees the object stored and
        # ends the fault then has seen a held-back answer.
        silent = self._fault is Fault.SILENT and request.method in ("PUT", "POST")
        answer = Response.from_app(self._application, environment)
        if silent:
            with self._changed:
                self._changed.wait_for(lambda: self._fault is not Fault.SILENT)
        return answer(environment, start_response)

    def _control(self, request: Request) -> None:
        """Do what a test wants done to the service."""
        wish, _, target = request.path.removeprefix(CONTROL_PATH).partition("/")
        if wish == "fault":
            self.set_fault(Fault(request.get_data(as_text=True)))
        elif wish == "age":
            bucket, _, prefix = target.partition("/")
            seconds = float(request.get_data(as_text=True))
            make_older(bucket, prefix, timedelta(seconds=seconds))

    def set_fault(self, fault: Fault) -> None:
        """Switch to a fault, or to none."""
        with self._changed:
            self._fault = fault
            self._changed.notify_all()


def make_older(bucket: str, prefix: str, age: timedelta) -> None:
    """Let the objects whose keys begin with a prefix be from an earlier time."""
    for key, stored in (
        s3_backends[DEFAULT_ACCOUNT_ID]["aws"].buckets[bucket].keys.items()
    ):
        if key.startswith(prefix):
            stored.last_modified -= age


class S3Server:
    """The running service."""

    def __init__(self, host: str, port: int) -> None:
        """Listen; port 0 takes any free one."""
        # Its access log would drown everything else.
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self._application = FaultyApplication(
            DomainDispatcherApplication(create_backend_app)
        )
        self._server = make_server(host, port, self._application, threaded=True)
        self._thread = threading.Thread(
            target=self._server.serve_forever, name="s3-server", daemon=True
        )
        self._thread.start()
        self.endpoint_url = f"http://{host}:{self._server.server_port}"

    def stop(self) -> None:
        """Let held-back answers go and stop listening."""
        self._application.set_fault(Fault.NONE)
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
