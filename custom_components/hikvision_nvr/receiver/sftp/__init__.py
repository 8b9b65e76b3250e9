"""The SFTP front of the receiver: the same accounts, limits and store as FTPS.

It is imported only where SFTP is on: the SSH library takes time and memory.
"""

from .host_keys import load_host_keys
from .server import SftpServer
from .services import SftpServices

__all__ = ["SftpServer", "SftpServices", "load_host_keys"]
