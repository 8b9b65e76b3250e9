"""Under which names cameras find the recorder, and what the certificate says."""

from homeassistant.core import HomeAssistant
import pytest

from custom_components.hikvision_nvr.addresses import (
    async_host_names,
    async_receiver_address,
)

# What Home Assistant's network integration answers in tests.
HERE = "10.10.10.10"


async def test_a_listen_address_is_the_address(home: HomeAssistant) -> None:
    assert await async_receiver_address(home, "192.0.2.1", "192.0.2.9") == "192.0.2.1"
    assert (await async_host_names(home, "192.0.2.1"))[0] == "192.0.2.1"


@pytest.mark.parametrize("everywhere", ["", "0.0.0.0", "::"])
async def test_everywhere_is_no_address(home: HomeAssistant, everywhere: str) -> None:
    assert await async_receiver_address(home, everywhere, "192.0.2.9") == HERE
    names = await async_host_names(home, everywhere)
    assert HERE in names
    assert everywhere not in names


async def test_home_assistant_may_have_no_url_of_its_own(
    home: HomeAssistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(home.config.api, "use_ssl", True)
    monkeypatch.setattr("socket.gethostname", lambda: "nvr")
    assert await async_host_names(home, "") == ("nvr", HERE, "localhost", "127.0.0.1")
