"""A camera that nobody knows, from its first sign of life to its first event.

House and camera have network namespaces of their own with a wire between them, where
the kernel allows that; the real ports of discovery are used. Elsewhere both are on
loopback, with the same to be seen.
"""

from collections.abc import Iterator
import json
from pathlib import Path

from homeassistant.core import HomeAssistant
import ifaddr._posix
import pytest
from pytest_homeassistant_custom_component.common import async_capture_events
from pytest_socket import socket_allow_hosts

from custom_components.hikvision_nvr.device import discovery
from tests.device_owner import (
    CHOICES,
    entity,
    login,
    progress,
    reachable,
    running_recorder,
    state,
    submit,
    until,
)
from tests.simulators import device_profiles as profiles
from tests.simulators.device import SimulatedDevice
from tests.simulators.discovery import Answerer, sadp_reply, ws_reply
from tests.simulators.network_namespace import Wire, wire
from tests.simulators.onvif import OnvifCamera


@pytest.fixture
def network(
    _sockets: None, hass_config_dir: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Wire]:
    """The network of a house. Ask for it before Home Assistant, which is then in it."""
    with wire() as network:
        print(f"in network namespaces: {network.refused or 'yes'}")
        socket_allow_hosts([network.house, network.camera])
        # Home Assistant's own settings say on which interfaces it may look.
        settings = Path(hass_config_dir, ".storage", "core.network")
        settings.parent.mkdir(exist_ok=True)
        content = {"configured_adapters": [network.interface]}
        settings.write_text(
            json.dumps({"version": 1, "key": "core.network", "data": content})
        )
        monkeypatch.setattr(
            "homeassistant.components.network.util.ifaddr.get_adapters",
            ifaddr._posix.get_adapters,
        )
        yield network


async def test_a_camera_is_found_set_up_and_heard(
    network: Wire, home: HomeAssistant, tmp_path: Path
) -> None:
    told = async_capture_events(home, "hikvision_nvr_detection")
    pictured = async_capture_events(home, "hikvision_nvr_detection_picture")
    serial, mac = "DS-NETWORK0001", "bc-ad-28-00-00-77"
    with (
        network.at_the_camera(),
        SimulatedDevice(
            profiles.PLAIN_FTP,
            serial=serial,
            mac=mac,
            host=network.camera,
            address=network.camera,
        ) as device,
        OnvifCamera(host=network.camera) as other,
        Answerer(port=discovery.SADP_PORT, interface=network.camera) as sadp,
        Answerer(
            port=discovery.WS_PORT, interface=network.camera, to_all=False
        ) as onvif,
    ):
        sadp.replies = [
            sadp_reply(address=network.camera, port=device.port, serial=serial, mac=mac)
        ]
        service = f"http://{network.camera}:{other.port}/onvif/device_service"
        onvif.replies = [ws_reply(service)]
        with network.at_home():
            async with running_recorder(
                home,
                tmp_path / "storage",
                listen_address=network.house,
                discovery_interval=1,
            ) as recorder:
                # Nobody asks it to look: it does so by itself.
                await until(
                    lambda: [one for one in progress(home) if serial in str(one)]
                )
                assert b"<Types>inquiry</Types>" in sadp.questions[0]
                assert b"NetworkVideoTransmitter" in onvif.questions[0]
                (offered,) = (one for one in progress(home) if serial in str(one))
                assert offered["context"]["title_placeholders"]["name"] == (
                    f"DS-2CD2146G2-ISU {serial}"
                )

                flow = offered
                for step, values in (
                    ("device_camera", login(device)),
                    (
                        "provision",
                        {"name": "Gate", "event_stream": True, "set_up": True},
                    ),
                    ("preview", CHOICES | {"accept_plain": True}),
                ):
                    flow = await home.config_entries.flow.async_configure(
                        flow["flow_id"], values
                    )
                    assert flow["step_id"] == step, flow
                assert device.writes == []
                flow = await home.config_entries.flow.async_configure(
                    flow["flow_id"], {}
                )
                # It ends so only when the device's own test has arrived.
                assert flow["reason"] == "cameras_added"
                assert device.delivery()["ipAddress"] == network.house
                assert "/ISAPI/System/Network/ftp/test" in {
                    path for _, path in device.requests
                }
                await home.async_block_till_done()
                (camera,) = recorder.subentries.values()
                await reachable(home, recorder, camera.subentry_id)

                device.send_event("VMD")
                await until(lambda: told)
                upload = await home.async_add_executor_job(device.detect)
                # The account is bound to the camera's own address.
                assert upload.error == ""
                await until(lambda: pictured)
                assert len(told) == 1
                assert pictured[0].data["detection_id"] == told[0].data["detection_id"]
                assert pictured[0].data["file"] == upload.name
                shown = home.states.get(
                    entity(home, camera.subentry_id, "event", "detection")
                )
                assert shown.attributes["file"] == upload.name
                assert (
                    state(home, camera.subentry_id, "binary_sensor", "motion") == "on"
                )
                assert not progress(home)


async def test_a_camera_of_another_brand_is_found_with_its_own_port(
    network: Wire, home: HomeAssistant, tmp_path: Path
) -> None:
    with (
        network.at_the_camera(),
        OnvifCamera(host=network.camera, service="/other/device") as camera,
        Answerer(
            port=discovery.WS_PORT, interface=network.camera, to_all=False
        ) as onvif,
    ):
        onvif.replies = [
            ws_reply(f"http://{network.camera}:{camera.port}/other/device")
        ]
        with network.at_home():
            async with running_recorder(
                home, tmp_path / "storage", listen_address=network.house
            ) as recorder:
                interfaces = [network.house]
                coordinator = recorder.runtime_data
                coordinator.found = await coordinator.engine.run(
                    discovery.scan(interfaces, seconds=0.5)
                )
                flow = await home.config_entries.subentries.async_init(
                    (recorder.entry_id, "camera"), context={"source": "user"}
                )
                flow = await submit(home, flow, {"next_step_id": "other"})
                flow = await submit(
                    home,
                    flow,
                    {
                        "name": "Shed",
                        "host": network.camera,
                        "rtsp_port": 554,
                        "rtsp_username": camera.username,
                        "rtsp_password": camera.password,
                        "channel": 1,
                        "brand": "dahua",
                        "motion_hold": 10,
                        "find_stream": True,
                        "advanced": {},
                    }
                    | (
                        {"recording": {}}
                        if "recording"
                        in {str(key) for key in flow["data_schema"].schema}
                        else {}
                    ),
                )
                assert flow["step_id"] == "delivery", flow
                assert camera.asked[-1] == "GetStreamUri"
                home.config_entries.subentries.async_abort(flow["flow_id"])
