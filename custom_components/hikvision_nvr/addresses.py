"""Under which names and addresses cameras reach the recorder."""

from ipaddress import ip_address
import socket

from homeassistant.components import network
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.network import NoURLAvailableError, get_url
from homeassistant.util.network import is_ip_address
from yarl import URL

LOOPBACK_NAMES = ("localhost", "127.0.0.1")


def is_unspecified(address: str) -> bool:
    """Return True for an address that stands for every address of this machine."""
    return not address or ip_address(address).is_unspecified


async def async_receiver_address(
    hass: HomeAssistant, listen_address: str, camera_host: str
) -> str:
    """Return the address of the receiver that a camera can be given."""
    if not is_unspecified(listen_address):
        return listen_address
    try:
        if is_ip_address(camera_host):
            return await network.async_get_source_ip(hass, camera_host)
        # A name would have to be looked up first; the default route will do.
        return await network.async_get_source_ip(hass)
    except HomeAssistantError, OSError:
        return _internal_host(hass) or socket.gethostname()


async def async_host_names(
    hass: HomeAssistant, listen_address: str, external_address: str = ""
) -> tuple[str, ...]:
    """Return the names and addresses that belong into the receiver's certificate."""
    names = [] if is_unspecified(listen_address) else [listen_address]
    if external_address:
        names.append(external_address)
    if internal := _internal_host(hass):
        names.append(internal)
    names.append(socket.gethostname())
    names.extend(
        # Home Assistant adds a scope to IPv6 addresses; a certificate has none.
        str(address).partition("%")[0]
        for address in await network.async_get_enabled_source_ips(hass)
        if not address.is_link_local
    )
    names.extend(LOOPBACK_NAMES)
    return tuple(dict.fromkeys(names))


def _internal_host(hass: HomeAssistant) -> str | None:
    """Return the host of Home Assistant's own internal address, if it has one."""
    try:
        return URL(get_url(hass, allow_external=False, allow_cloud=False)).host
    except NoURLAvailableError:
        return None
