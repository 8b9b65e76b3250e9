"""Where every server listens and who may log in."""

from dataclasses import dataclass

HOST = "127.0.0.1"
USERNAME = "camera{}"
"""With the number of the camera."""
PASSWORD = "Benchmark-12"


@dataclass(frozen=True)
class Login:
    """How a camera logs in, and the folder that it must upload to."""

    username: str = USERNAME
    password: str = PASSWORD
    folder: str = ""
