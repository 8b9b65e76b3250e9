"""The receiver: cameras deliver their files here, by FTPS."""

from .receiver import Receiver

__all__ = ["Receiver"]
