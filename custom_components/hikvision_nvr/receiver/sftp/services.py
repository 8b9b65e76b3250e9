"""What the connections of the SFTP front share with those of the FTPS front."""

from collections import defaultdict
from dataclasses import dataclass

from ...model import Limits
from ...store import Store
from ..accounts import Accounts
from ..guard import Guard
from ..session import Deliveries
from ..virtual_tree import VirtualTree


@dataclass(frozen=True, slots=True, kw_only=True)
class SftpServices:
    """The receiver's accounts, limits and trees, and where files go."""

    accounts: Accounts
    guard: Guard
    limits: Limits
    store: Store
    deliveries: Deliveries
    trees: defaultdict[str, VirtualTree]
